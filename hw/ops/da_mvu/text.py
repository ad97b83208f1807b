"""The SystemVerilog of one instance: sums, registers between them, comparisons or constants at the end."""

from typing import Any

from xnorforge.core.types import Ints
from xnorforge.hw.ir.verilog import head_of
from xnorforge.hw.ops._compare import above
from xnorforge.hw.ops._generated import dimension, generated_module

from .adders import Adders

WHAT = (
    "A constant matrix as adders, generated: {}. Names: x<i> input i, n<k> sum k, _<d> after d registers, "
    "y<r> row r, T<r> its answers."
)


def adder_module(
    graph: Adders, ends: list[Any], given: list[int], out_bits: int, thresholds: bool, tables: dict
) -> tuple[str, str]:
    """Name and text of a module; equal names mean equal texts.

    Args:
        graph: the sums.
        ends: per row (number, power, sign), or None where no sum decides.
        given: per row what its sum has to reach with thresholds, what is added to it without; with thresholds
            and no sum whether it is always met.
        out_bits: bits of a result.
        thresholds: whether results are bits, sum >= given.
        tables: of the rows that no sum decides {row: (inputs, answers)}, as of `DaMvu.tables`.
    """
    stages = graph.stages(ends, last(ends, given, thresholds))
    waits = graph.waits([*ends, *tables_read(tables)], stages)
    sums = sorted(number for number in waits if number >= graph.inputs)

    def at(number: int, stage: int) -> str:
        return _name(graph, number, stage - graph.stage(number))

    delayed = [(number, d) for number in sorted(waits) for d in range(1, waits[number] + 1)]
    lines = [f"logic {dimension(graph.width(number))} {_name(graph, number, d)};" for number, d in delayed]
    for number in range(graph.inputs):
        width = graph.width(number)
        lines.append(f"wire {dimension(width)} x{number} = s_data_i[{number * width} +: {width}];")
    for number in sums:
        a, i, b, j, sign = graph.rows[number - graph.inputs].tolist()
        width, stage = graph.width(number), graph.stage(number)
        first, second = (_cut(at(n, stage), graph, n, power, width) for n, power in ((a, i), (b, j)))
        lines.append(f"wire {dimension(width)} n{number} = {first} {'+' if sign > 0 else '-'} {second};")
    for row, (end, value) in enumerate(zip(ends, given)):
        name = end and at(end[0], stages - 1)
        if row in tables:
            read, answers = tables[row]
            index = ", ".join(at(number, stages - 1) for number in reversed(read))
            entries = 1 << len(read) * graph.width(0)
            lines.append(f"localparam logic [{entries - 1}:0] T{row} = {entries}'h{answers:x};")
            text = f"T{row}[{{{index}}}]"
        elif thresholds:
            text = _reached(name, graph, end, value) if end else f"1'b{value}"
        else:
            text = _sum(name, graph, end, value, out_bits)
        lines.append(f"wire {dimension(out_bits)} y{row} = {text};")
    moves = [f"{_name(graph, number, d)} <= {_name(graph, number, d - 1)};" for number, d in delayed]
    bits = graph.width(0)
    what = f"{graph.inputs} inputs of {bits} bit{'s' * (bits > 1)}, {len(ends)} rows, {len(sums)} sums"
    head = head_of(WHAT.format(what), stages, "op.py, DaMvu.execute_node")
    widths = (graph.inputs * bits, out_bits)
    return generated_module("xf_da_mvu", head, widths, lines, moves, len(ends), stages)


def tables_read(tables: dict[int, tuple[Any, Any]]) -> list[tuple[int, int, int]]:
    """The inputs that tables read, as ends."""
    return [(number, 0, 1) for number in sorted({number for read, _ in tables.values() for number in read})]


def last(ends: list[Any], given: Ints, thresholds: bool) -> int:
    """Levels behind the sums: a comparison, or the addition of a constant or a change of sign somewhere."""
    return int(thresholds or any(value or (end and end[2] < 0) for end, value in zip(ends, given)))


def _name(graph: Adders, number: int, registers: int) -> str:
    kind = "x" if number < graph.inputs else "n"
    return f"{kind}{number}" + (f"_{registers}" if registers else "")


def _cut(name: str, graph: Adders, number: int, power: int, width: int) -> str:
    """A number times 2^power, modulo 2^width."""
    own = graph.width(number)
    if power >= width:
        return f"{width}'d0"
    parts = [f"{power}'d0"] if power else []
    if own + power > width:
        parts.insert(0, f"{name}[{width - power - 1}:0]")
    else:
        parts.insert(0, name)
        if more := width - power - own:
            parts.insert(0, f"{{{more}{{{name}[{own - 1}]}}}}" if graph.signed(number) else f"{more}'d0")
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def _sum(name, graph: Adders, end, value: int, out_bits: int) -> str:
    """value + sign number 2^power."""
    constant = f"{out_bits}'d{value % 2**out_bits}"
    if end is None:
        return constant
    number, power, sign = end
    text = _cut(name, graph, number, power, out_bits)
    if sign > 0:
        return f"{text} + {constant}" if value else text
    return f"{constant} - {text}"


def cut_of(graph: Adders, end, value: int) -> int:
    """What a number lies above, its sign as highest bit, where sign number 2^power >= value; with a negative
    sign where that is not so."""
    number, power, sign = end
    least = -(-value >> power) if sign > 0 else (-value >> power) + 1
    return least - 1 + (graph.signed(number) << (graph.width(number) - 1))


def _reached(name: str, graph: Adders, end, value: int) -> str:
    """sign number 2^power >= value, which some x meets and some does not."""
    number, _, sign = end
    text = above(name, graph.width(number), cut_of(graph, end, value), graph.signed(number))
    return text if sign > 0 else f"~({text})"
