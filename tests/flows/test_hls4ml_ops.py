"""Every operator that is an expression or has an `hls.py`, by itself in hls4ml: the C++ of its layers gives
what `execute_node` gives, on its examples.

All examples are side by side in one project with as many inputs and outputs, which is one compilation.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from hls4ml.model.graph import ModelGraph
from hls4ml.utils.config import create_config
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.hls4ml.layers import ours
from xnorforge.flows.backends.hls4ml.model import check_expressible
from xnorforge.flows.backends.hls4ml.net import Net
from xnorforge.flows.backends.hls4ml.network import append_layers
from xnorforge.hw.beat import Beat
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import value_range

FRAMES = 4
MOST = 4  # examples of an operator, taken evenly from all: g++ takes about half a second for each
ELEMENTS = 6000  # of a frame or a matrix; larger examples show nothing more


KINDS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
WITH_RULE = plugins.parts("hw.ops", "hls")
OPS = {name: kind for name, kind in KINDS.items() if issubclass(kind, Beat) or name in WITH_RULE}


def small(op: HwOp) -> bool:
    sizes = [np.prod(stream.shape) for stream in op.in_streams()] + [*map(np.size, op.arrays_of.values())]
    return max(sizes) <= ELEMENTS and len(op.in_stream().shape) > 1


def with_window(op: HwOp) -> list[HwOp]:
    """A window, and a matrix of its elements that gives their sums (bits: matches)."""
    rng, windows = np.random.default_rng(len(op.name)), op.out_stream()
    mw, mh, vectors = windows.shape[-1], 3, int(np.prod(windows.shape[:-1]))
    shapes = {"in_shape": list(windows.shape), "out_shape": [*windows.shape[:-1], mh]}
    bits = {} if windows.bits == 1 else {"in_bits": windows.bits, "in_signed": int(windows.signed)}
    weights = {"weights": rng.integers(0, 2, (mw, mh))}
    kind = OPS["xnor_mvu" if windows.bits == 1 else "byte_mvu"]
    return [op, kind.make("matrix", weights, mw=mw, mh=mh, vectors=vectors, **shapes, **bits)]


def expressible(op: HwOp) -> bool:
    """Whether it stands alone in hls4ml: no window in front, one border value, exact in float64."""
    try:
        check_expressible([op], ())
    except UserError:
        return False
    given = op.get_nodeattr_types()
    values = op.arrays_of.get("values", [0])
    alone = not any(name in given and op.get_nodeattr(name) for name in ("windows", "zero"))
    return alone and len(set(np.asarray(values).tolist())) == 1


def with_pool(name: str) -> list[HwOp]:
    """Windows that leave pixels out, in a border, and a pool of them."""
    kinds = {} if name == "or_pool" else {"in_bits": 4, "in_signed": 1}
    elements = {"bits": kinds.get("in_bits", 1), "signed": kinds.get("in_signed", 0)}
    sizes = {"ifm": [7, 5, 3], "kernel": [2, 2], "stride": [3, 2], "pads": [1, 0, 0, 0]}
    window = OPS["window"].make("window", **sizes, **elements)
    image = list(window.out_stream().shape[:2])
    pool = OPS[name].make("pool", ifm=[*image, 3], kernel=[2, 2], stride=[2, 2], windows=1, **kinds)
    return [window, pool]


def parts(name: str) -> list[list[HwOp]]:
    """The examples of an operator, each as the operators of a small network."""
    found = [example for example in examples_of(OPS[name]) if small(example) and expressible(example)]
    if name == "window":
        found = [
            op for op in found if {*op.get_nodeattr("dilation")} == {1} and len(op.get_nodeattr("rates")) < 2
        ]
    found = found[:: -(-len(found) // MOST)]
    if name == "window":
        return [with_window(op) for op in found]
    pools = [with_pool(name)] if name in ("or_pool", "max_pool", "sum_pool") else []
    return [[op] for op in found] + pools


def side_by_side(rows: list[list[HwOp]], io: str, folder) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What hls4ml gives for each of the networks, and what the operators give."""
    with ours() as backend:
        net, inputs, ends, data, wanted = Net(io, backend.get_valid_reuse_factors), [], [], [], []
        for index, row in enumerate(rows):
            values = row[0].random_inputs(index, FRAMES)
            wires = []
            for port, (x, stream) in enumerate(zip(values, row[0].in_streams())):
                bit = (stream.bits, stream.signed) == (1, False)
                wire = net.input(f"in_{index}_{port}", replace(stream, bits=2) if bit else stream)
                inputs.append(wire.layer)
                # Inputs of a project are numbers; a layer makes bits of them.
                wires.append(net.scaled("bit", wire, 1, False) if bit else wire)
                data.append(np.ascontiguousarray(x.astype(float)))
            for place, op in enumerate(row):
                net.stem = f"row_{index}_{place}"
                wires, values = append_layers(net, op, wires), op.run_all(*values)
            ends.append(wires[0].layer)
            wanted.append(values[0].reshape(FRAMES, -1))
        config = create_config(str(folder), "ops", "Vitis", io_type=io)
        config["Stamp"] = "ops"
        kinds = {"Precision": "ap_int<32>", "ReuseFactor": 1}
        config["HLSConfig"] = {"Model": kinds, "LayerName": net.config}
        model = ModelGraph.from_layer_list(config, net.layers, inputs, ends)
        model.compile()
        got = model.predict(data)
    return [np.asarray(part).reshape(FRAMES, -1) for part in got], wanted


def wide() -> list[list[HwOp]]:
    """Operators on numbers and constants of more than 32 bits, as many as float64 holds."""
    image, rng = [3, 2, 2], np.random.default_rng(0)
    large = lambda *shape: rng.integers(-(2**45), 2**45, shape)  # noqa: E731
    wires = {"in_signed": 1, "out_bits": 52, "out_signed": 1}
    steps = {"thresholds": np.sort(large(2, 3)), "direction": np.array([1, -1])}
    sums = {"in_bits": [6, 46], "in_signed": [1, 1], "out_bits": 52, "out_signed": 1}
    table = {"table": large(2, 1, 2)}
    places = {"rows": [0, 1, 0], "columns": [0, 0], "mul": 2**40 + 1}
    frame = {"ifm": image, "pads": [1, 0, 0, 2], "in_bits": 40, **wires}
    return [
        [OPS["threshold"].make("level", steps, in_shape=image, in_bits=46, in_signed=1)],
        [OPS["join"].make("join", {"multipliers": np.stack([large(2), [1, 1]])}, in_shape=image, **sums)],
        [OPS["border"].make("border", table, in_shape=image, in_bits=8, **places, **wires)],
        [OPS["clip"].make("clip", {"at": large(2)}, in_shape=image, in_bits=46, mul=2, **wires)],
        [OPS["surround"].make("edge", {"values": np.full(2, -(2**44) - 3)}, **frame)],
    ]


@pytest.mark.parametrize("name", OPS)
def test_weights_and_sums_fit_the_types_of_their_layers(name):
    """The sums of the largest and of the least products with numbers that the operator takes."""
    for row in parts(name):
        net, stream = Net("io_parallel", lambda *_: [1]), row[-1].in_stream()
        wires = [net.input(f"in_{port}", one) for port, one in enumerate(row[0].in_streams())]
        for place, op in enumerate(row):
            net.stem = f"row_{place}"
            wires = append_layers(net, op, wires)
        for layer in net.layers:
            types = net.config[layer["name"]].get("Precision", {})
            if "weight" in types:
                weights = np.reshape(layer["weight_data"], (-1, layer.get("n_filt", layer.get("n_out"))))
                ends = np.multiply.outer(value_range(stream.bits, stream.signed), weights)
                sums = ends.min(0).sum(0).min(), ends.max(0).sum(0).max()
                for kind, numbers in (("weight", weights), ("accum", sums), ("result", sums)):
                    signed, bits = types[kind].startswith("ap_int"), re.findall(r"\d+", types[kind])[0]
                    low, high = value_range(int(bits), signed)
                    assert low <= np.min(numbers) and np.max(numbers) <= high, (layer["name"], kind)


@pytest.mark.full
@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
def test_numbers_that_no_int_holds_are_exact_in_every_layer(io, tmp_path):
    rows = wide()
    for row, got, wanted in zip(rows, *side_by_side(rows, io, tmp_path)):
        assert abs(wanted).max() > 2**40 or row[0].name == "level"
        np.testing.assert_array_equal(got, wanted, err_msg=f"{io} {row[0]}")


@pytest.mark.full
@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
def test_the_layers_of_every_operator_give_what_it_gives(io, tmp_path):
    rows = [row for name in OPS for row in parts(name)]
    assert {type(op) for row in rows for op in row} == set(OPS.values())
    for row, got, wanted in zip(rows, *side_by_side(rows, io, tmp_path)):
        np.testing.assert_array_equal(got, wanted, err_msg=f"{io} {row[0]}")
