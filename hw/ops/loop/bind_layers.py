"""Layers of one form in a chain of bound operators.

Before:  layer 0 -> layer 1 -> … -> layer k - 1, each of several operators
After:   a loop, whose body is one layer and whose memories have a page for each
Why:     layers are of one form if their operators and how these are connected are, up to constants and widths
         of integers; the widest is taken of each. One tensor enters a layer, and one leaves it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any

from xnorforge.hw.bind.network import OPS, Bound, is_width, widest
from xnorforge.hw.graph import graph_of
from xnorforge.hw.ops.base import Stream


@dataclass(frozen=True)
class Layer:
    """Some operators in order, the tensors at both ends, and what they have in common with their like."""

    ops: list[Bound]
    read: str
    made: str
    form: tuple[Any, ...]


def chains(bounds: list[Bound]) -> Iterator[tuple[int, list[Layer]]]:
    """Disjoint chains of layers of one form with their places, those that save most operators first."""
    # A loop's body has no loops, and no operators with side ports.
    usable = [not one.body and not one.make_alone().side_ports() for one in bounds[:-1]]
    found: list[tuple[int, int, int, list[Layer]]] = []
    for start, size in product(range(len(usable)), range(1, len(usable) // 2 + 1)):
        layers: list[Layer] = []
        for place in range(start, len(usable) - size + 1, size):
            kinds = [one.op for one in bounds[place : place + size]]
            if not all(usable[place : place + size]) or kinds != [
                one.op for one in bounds[start : start + size]
            ]:
                break
            one = _layer(bounds[place : place + size])
            if one is None or (layers and (one.read, one.form) != (layers[-1].made, layers[0].form)):
                break
            layers.append(one)
        if len(layers) > 1:
            found.append(((1 - len(layers)) * size, _bits(layers[0]), start, layers))
    gone: set[int] = set()
    for _, _, start, layers in sorted(found, key=lambda one: one[:3]):
        places = {*range(start, start + len(layers) * len(layers[0].ops))}
        if not places & gone:
            gone |= places
            yield start, layers


def loop_of(layers: list[Layer], name: str) -> Bound | None:
    """The loop over a chain of layers; None if not all constants that differ can have pages."""
    body: list[Bound] = []
    pages: list[dict[str, dict]] = [{} for _ in layers]
    first = layers[0]
    for alike in zip(*(one.ops for one in layers)):
        attributes = {key: widest(*(one.attributes[key] for one in alike)) for key in alike[0].attributes}
        given = OPS[alike[0].op].with_pages(attributes, [one.arrays for one in alike])
        if given is None:
            return None
        attributes, arrays = given
        body.append(replace(alike[0], attributes=attributes, arrays=arrays[0]))
        for page, its in zip(pages, arrays):
            page[alike[0].name] = its
    graph = graph_of([one.make() for one in body], name, [first.read], [first.made])
    enters, leaves = _reader(first), _writer(layers[-1])
    attributes = {"in_shape": list(enters.shape), "steps": len(layers), "bodies": [graph]}
    for end, stream in (("in", enters), ("out", leaves)):
        attributes |= {f"{end}_bits": stream.bits, f"{end}_signed": int(stream.signed)}
    nodes = [node for one in layers for op in one.ops for node in op.nodes]
    return Bound("Loop", name, attributes, {}, nodes, [first.read], [layers[-1].made], body, pages)


def _layer(ops: list[Bound]) -> Layer | None:
    """These operators as a layer; None if more than a tensor enters or leaves."""
    place = {name: (k, port) for k, one in enumerate(ops) for port, name in enumerate(one.outputs)}
    read = [name for one in ops for name in one.inputs if name not in place]
    made = place.keys() - {name for one in ops for name in one.inputs}
    if len(read) != 1 or len(made) != 1:
        return None
    (out,) = made
    form = [(one.op, _form(one), [place.get(name) for name in one.inputs]) for one in ops]
    layer = Layer(ops, read[0], out, (form, place[out]))
    source, sink = _reader(layer), _writer(layer)
    return layer if (source.shape, source.signed) == (sink.shape, sink.signed) else None


def _form(one: Bound) -> tuple:
    """Attributes without widths, and shapes of constants but a direction, which may be left out."""
    kept = {key: None if is_width(key) else value for key, value in one.attributes.items()}
    return kept, {key: x.shape for key, x in one.arrays.items() if key != "direction"}


def _reader(layer: Layer) -> Stream:
    one = next(one for one in layer.ops if layer.read in one.inputs)
    return one.make().in_streams()[one.inputs.index(layer.read)]


def _writer(layer: Layer) -> Stream:
    one = next(one for one in layer.ops if layer.made in one.outputs)
    return one.make().out_streams()[one.outputs.index(layer.made)]


def _bits(layer: Layer) -> int:
    """Bits of a frame between two layers."""
    stream = _writer(layer)
    return prod(stream.shape) * stream.bits
