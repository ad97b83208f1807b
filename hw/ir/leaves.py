"""The parts (`hw/parts.py`) of an expression's module: operations and registers of changing bits."""

from math import prod

import numpy as np

from xnorforge.hw.ir.values import Value, flat, tables, with_numbers
from xnorforge.hw.ir.verilog import Design, bound_of, is_shared
from xnorforge.hw.parts import Parts
from xnorforge.hw.words import bits_of, different_columns

SHORT = (0, 0, 1, 1, 1, 1, 1, 2, 3, 2, 2)  # LUTs by Yosys of a comparison with a constant of so many bits
Readers = dict[int, list[Value]]  # of values, by id


def leaves(design: Design) -> Parts:
    """The parts of a module."""
    found = Parts().registers(design.stages)
    if not design.through:
        found.spare(design.sink.lanes * design.sink.bits)
    for one in flat(design.value):
        if bound := bound_of(one):
            _add_reached(found, design, one, bound)
    if design.words == 1 and design.place == "logic":  # a table is a number of its lane
        lanes = next((len(one.data) for one in flat(design.value) if one.op in ("table", "entry")), 1)
        for lane in range(lanes):
            found.add(_lane(with_numbers(design.value, lane)), count=design.sink.lanes // lanes)
        return found
    found.add(_lane(design.value), count=design.sink.lanes)
    return found.add(_table_parts(design)) if tables(design.value) else found


def _lane(value: Value) -> Parts:
    """Of one lane."""
    values, lane = flat(value), Parts()
    readers: Readers = {id(one): [] for one in values}
    for one in values:
        for each in one.args:
            readers[id(each)].append(one)
    unread: dict[int, int] = {}
    for one in reversed(values):
        behind = [(each, unread[id(each)]) for each in readers[id(one)]]
        places = (at + each.data if each.op == ">>" else at * (each.op == "cut") for each, at in behind)
        unread[id(one)] = min(places, default=0)
    inside: dict[int, bool] = {}
    for one in values:
        if not _in_block(lane, one, readers, inside):
            _add(lane, one, readers)
    for one in values:
        behind_table = one.op == "cut" and one.args[0].op in ("table", "entry")
        if one.op not in ("number", "table", "entry") and id(one) not in inside and not behind_table:
            last = max((each.stage - (each.op == "cut") for each in readers[id(one)]), default=one.stage)
            bits = _changing(one) + min(0, _zeros(one) - unread[id(one)])
            lane.registers(max(0, bits) * ((one.op == "cut") + last - one.stage))
    return lane


def _in_block(lane: Parts, one: Value, readers: Readers, inside: dict[int, bool]) -> bool:
    """Whether an operation takes no logic, being a product or a sum in a DSP block; `inside` says of the
    values in one whether the block can add something to them."""
    if one.op == "*" and (blocks := _blocks(one, readers[id(one)])):
        lane.dsp += blocks
        lane.registers(17 * (blocks - 1))
        pieces = prod(-(-(arg.bits - 1) // 17) for arg in one.args)  # of blocks of 18 x 18 bits
        lane.gates(bits_of_wide_products=one.bits * (pieces - 1))
        inside[id(one)] = blocks == 1 and (one.args[1].number is None or one.lo < 0)
        return True
    if one.op in ("wrap", "within", "cut") and id(one.args[0]) in inside:
        inside[id(one)] = inside[id(one.args[0])]
    if one.op != "+" or not any(inside.get(id(arg)) for arg in one.args):
        return False
    kind = "bits added in blocks" if _ends_a_sum(one, readers) else "bits joined in blocks"
    lane.gates(**{kind: one.bits})  # not every family's add
    if all(id(arg) in inside or arg.op == "cut" for arg in one.args):
        inside.update({id(arg): False for arg in one.args if id(arg) not in inside})
        inside[id(one)] = False
    return True


def _blocks(one: Value, readers: list[Value]) -> int:
    """DSP blocks of a product: none below 9 bits; 25 x 18 bits, and 17 more of a factor in each further."""
    if min(each.bits - (each.lo >= 0) for each in (one, *readers)) < 9:
        return 0
    small, large = sorted(arg.bits for arg in one.args)
    return (1 + max(0, -(-(small - 18) // 17))) * (1 + max(0, -(-(large - 25) // 17)))


def _add_reached(found: Parts, design: Design, one: Value, bound: Value) -> None:
    """What compares all lanes with their constants, those of an `entry`, and what stores these."""
    x, lanes, values = one.args[0], design.sink.lanes, design.chosen_from(bound)
    words, pixels = len(values), lanes // values.shape[1]
    if design.by_side(one):
        wide = x.bits - (x.lo >= 0)
        ends = [wide + 1 - int(at & -at).bit_length() if x.lo < at <= x.hi else 1 for at in values.ravel()]
        matter = np.array(ends)
        alone = np.where(matter < len(SHORT), np.take(SHORT, matter, mode="clip"), 0.28 * matter - 0.3)
        each = alone.mean() if words == 1 else max(1.5, 0.71 * matter.mean() - 2.4)
        found.gates(by_side=lanes * float(each))
        return
    width, span = max(arg.bits for arg in one.args) - (x.lo >= 0), 1 << (words - 1).bit_length()
    differ = np.bitwise_or.reduce(values ^ values[:1]) & (1 << bound.bits) - 1
    columns = pixels * sum(int(each).bit_count() for each in differ)
    found.registers(design.spans[-1] * bool(bound.args and design.beats > 1))  # the beat, a stage later
    if design.kinds.get(bound.name) is None and (span <= 8 or not bound.args):
        found.compared[width, False] += lanes  # LUTs that compare hold the constants as well
        found.gates(**{f"cases {span}": columns})
        return
    found.comparators(width, lanes)
    match design.kinds.get(bound.name):
        case None:  # Yosys reads such a table a register earlier
            found.registers(columns).gates(**{f"words {span}": columns})
        case kind if design.loaded:
            found.loadable(words, bound.bits, kind == 2, design.load)
        case 2:
            found.add(Parts().rom(words, bound.bits), count=lanes)
        case _:
            bits = bits_of(values, bound.bits)
            found.table(bits, different_columns(bits) * -(-words // 64))


def _zeros(one: Value) -> int:
    """Low bits that are 0 in all results."""
    if one.op in ("number", "table", "entry"):
        number = int(np.bitwise_or.reduce(np.ravel(one.lo if one.op == "number" else one.data)))
        return (number & -number).bit_length() - 1 if number else one.bits
    if one.op in ("<<", ">>"):
        return max(0, _zeros(one.args[0]) + (one.data if one.op == "<<" else -one.data))
    if one.op in ("cut", "within", "wrap"):
        return _zeros(one.args[0])
    if one.op in ("choose", "+", "-"):
        return min(_zeros(arg) for arg in one.args[-2:])
    return 0


def _changing(one: Value) -> int:
    """Bits of a value that are not always 0."""
    return max(0, one.bits - _zeros(one) - (one.lo >= 0 and not one.is_bit))


def _without_wraps(one: Value) -> Value:
    return _without_wraps(one.args[0]) if one.op in ("wrap", "within") else one


def _ends_a_sum(one: Value, readers: Readers) -> bool:
    """Whether it has a carry chain: of sums of sums only the last has one."""
    behind = readers[id(one)]
    while len(behind) == 1 and behind[0].op in ("wrap", "within"):
        behind = readers[id(behind[0])]
    return len(behind) != 1 or behind[0].op != "+"


def _add(lane: Parts, one: Value, readers: Readers) -> None:
    """The logic of an operation."""
    if bound_of(one) or (one.op == "+" and one.args[0].op == "<<" and one.args[1].is_bit):
        return
    numbers, wide = [arg.number for arg in one.args if arg.number is not None], [arg.bits for arg in one.args]
    if one.op in ("+", "-"):
        _add_sum(lane, one, _ends_a_sum(one, readers), "number_bits" if numbers else "adder_bits")
    elif one.op in (">=", ">"):
        _compare(lane, one, numbers)
    elif one.op == "==":
        lane.gates(equal_bits=max(wide))
    elif one.op == "choose":
        lane.gates(**{"bounded_bits" if numbers else "chosen_bits": _changing(one)})
    elif one.op in ("&", "|", "^"):
        lane.gates(gates=1)
    elif one.op == "*" and numbers:  # a sum per 1 of the factor
        lane.adders(one.bits, count=abs(numbers[0]).bit_count() - 1)
    elif one.op == "*":
        small, large = sorted(_changing(arg) for arg in one.args)
        lane.gates(rows=(small - 1) * large).chains(one.bits - (one.lo >= 0))


def _add_sum(lane: Parts, one: Value, ends: bool, kind: str) -> None:
    lowest = min if any(_without_wraps(arg).op == "+" for arg in one.args) else max
    bits = one.bits - (one.lo >= 0) - lowest(_zeros(arg) for arg in one.args)
    if not ends:
        lane.gates(joined_bits=bits)
        return
    lane.chains(bits)
    kind = "bit_bits" if one.args[1].is_bit else kind
    if kind == "adder_bits" and one.op == "+":
        both = min([bits, *(_changing(arg) for arg in one.args if arg.lo >= 0)])  # that may both be 1
        lane.gates(carried_bits=bits - both)
        bits = both
    lane.gates(**{kind: bits})


def _compare(lane: Parts, one: Value, numbers: list[int]) -> None:
    bits = max(arg.bits - _zeros(arg) for arg in one.args) - all(arg.lo >= 0 for arg in one.args)
    if not numbers:
        lane.comparators(bits)
        return
    least = numbers[0] + (one.op == ">")
    bits = max(arg.bits for arg in one.args) - ((least & -least).bit_length() - 1 if least else 63)
    if bits > 1:
        lane.compared[bits, True] += 1
        lane.gates(bound_bits=bits)


def _table_parts(design: Design) -> Parts:
    """Tables, at least one, and what counts their beats."""
    sizes = [len(one) for one in (design.rows, design.columns) if one]
    values, found = flat(design.value), Parts().counters(*sizes, design.beats)
    depth, luts, late = (design.words - 1).bit_length(), 0, 0
    for one in tables(design.value):
        bits = bits_of(design.entries(one), one.bits)
        differ = different_columns(bits ^ bits[:1] if design.rows else bits)
        stage = max(each.stage - (each.op == "cut") for each in values if one in each.args)
        luts, late = luts + differ, max(late, stage)
        if design.place != "logic":
            found.registers(stage * differ)
    if design.place == "logic":
        found.registers(late * depth)
        return found.gates(small_table=luts, small_table_by_depth=luts * depth)
    own = [one.bits * (1 if is_shared(one) else design.sink.lanes) for one in tables(design.value)]
    if design.loaded:
        registers = None if design.registered and not design.ahead else 0
        return found.loadable(design.words, sum(own), design.block, design.load, registers)
    if design.ahead:
        width = luts if design.rows else sum(own)
        return found.gates(block_tables=1).rom(design.words, width, registers=0)
    count = -(-design.words // 64)
    found.deep[design.words] += luts * (1.4 * count if count > 4 else count + (count == 3))
    return found.registers(luts * design.registered)
