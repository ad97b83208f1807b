"""LUTs of an instance as Yosys counts them."""

from itertools import pairwise
from typing import Any

from xnorforge.hw.parts import Parts

from .plan import Plan, Slot, bits_for

# LUTs per bit of a multiplexer over up to 2**k sources.
MUX = (0.0, 0.5, 1.0, 2.5, 6.0)
STEER = 1.6  # LUTs per 64 words and bit of a table of more than 64 that steers a multiplexer


def parts_of(plan: Plan, bits: int, steps: list[list[tuple[Any, ...]]]) -> Parts:
    """The codes of teachers, and the sums and steps of students, without the memory of a group.

    Codes wait for the end of their group in a chain of registers, read where the next code comes.

    Args:
        plan: see plan.py.
        bits: of an input.
        steps: per lane the tables (index, words, bits of a word) of its step.
    """
    picks = sum(_pick(slot, plan) for slots in plan.slots for slot in slots)
    found = Parts(picks=picks, picked=picks > 0, step_tables=_tables(steps))
    for lane, (cuts, slots, tables) in enumerate(zip(plan.cuts, plan.slots, steps, strict=True)):
        wide, end, top = plan.code_bits(lane), plan.span - 1, plan.top(lane).bit_length()
        found.gates(codes=_code(cuts, bits, wide))
        beats = [beat for beat, place in plan.teachers() if place == lane]
        found.registers(wide * len(beats))
        for beat, behind in pairwise([*(b for b in beats if b < end), end]):
            found.delay(wide, behind - beat)
        if len(slots) > 1:
            found.chains(top).gates(slot_sums=top * (len(slots) - 1))
        if len(tables) > 1:
            found.adders(tables[0][2])
    return found


def _code(cuts: list[int], bits: int, wide: int) -> float:
    """The comparisons and the code of a lane; see text.py."""
    low = bits - 5
    if not cuts or low <= 1:
        return wide
    if len({cut >> low for cut in cuts}) < len(cuts):
        return wide + len(cuts) * -(-(bits - 1) // 5)
    values = len({cut & (1 << low) - 1 for cut in cuts})
    groups = -(-values // 2) if low <= 5 else values
    return wide + groups * -(-low // 6) + bits_for(values) + (groups > 1)


def _pick(slot: Slot, plan: Plan) -> float:
    """The multiplexer over the teachers and, where the fold lacks them, the tables for it and the values."""
    wide = max(plan.code_bits(teacher[1]) for teacher in slot.teachers if teacher)
    sources, kinds = (len({each for each in of if each}) for of in (slot.teachers, slot.values))
    index, kind, address = bits_for(sources), bits_for(kinds + 1), plan.address_bits
    steer = (0 if address <= max(index, 2) else index) + (0 if address <= max(kind, 6 - wide) else kind)
    table = STEER * (1 << (address - 6)) if address > 6 else 1
    return wide * MUX[min(index, 4)] * max(1, sources / 16) + steer * table


def _tables(steps: list[list[tuple[Any, ...]]]) -> float:
    """A LUT per different bit of a table and 64 different words; the slice's multiplexers join them."""
    found = {}
    for tables in steps:
        for index, words, bits in tables:
            for b in range(bits):
                vector = tuple(word >> b & 1 for word in words)
                if len(set(vector)) > 1:
                    found[index, vector] = len({vector[k : k + 64] for k in range(0, len(vector), 64)})
    return float(sum(found.values()))
