"""From a graph of channel interactions to what each lane does in each beat: cuts, codes, slots, steps.

A *lane* is a place in a beat, a *fold* the number of a beat in its pixel, an *address* the fold as the
hardware counts it: {group, beat of the group}. The hardware has u = input - low, unsigned.

Each lane that carries a teacher has comparisons u > cut, shared by all channels it serves, and a *code* of
how many of its ascending cuts are passed. Each lane that carries a student has *slots*: in a fold, slot k
adds the k-th edge of the student at hand. A slot picks a teacher's code and turns it into a number 0, 1, …;
the sum of all slots is m, and the student moves by unit * (m - middle), `middle` being a constant of the
lane. Only codes and slots cost anything.
"""

from collections import Counter
from dataclasses import dataclass, field
from math import lcm

import numpy as np


def bits_for(count: int) -> int:
    """Bits that tell `count` things apart.

    >>> [bits_for(n) for n in (1, 2, 3, 4, 5)]
    [0, 1, 2, 2, 3]
    """
    return (count - 1).bit_length()


def cuts(size: int, extent: int, scale: int = 1, offset: int = 0) -> list[int]:
    """The size - 1 integers, ascending, that an input x must exceed, where p = scale * x - offset must exceed
    the ends of `size` equal parts of -extent .. extent.

    >>> cuts(3, 288, 2, 288), cuts(3, 288), cuts(5, 576, 2, 576), cuts(3, 60, 2, 288)
    ([96, 192], [-96, 96], [115, 230, 345, 460], [134, 154])
    """
    return [(extent * (2 * j - size) // size + offset) // scale for j in range(1, size)]


def code(level: int, count: int) -> int:
    """The code of `level` passed cuts of `count`: one bit per cut where there are two, else binary.

    >>> [code(level, 2) for level in range(3)], [code(level, 4) for level in range(5)]
    ([0, 1, 3], [0, 1, 2, 3, 4])
    """
    return (1 << level) - 1 if count == 2 else level


@dataclass
class Slot:
    """One edge per fold of a lane.

    Attributes:
        teachers: per address (beat, lane) of the teacher in its group of beats, None where the fold has no
            edge here.
        values: per address, what the slot adds at each code of the teacher; () where it adds `middle`.
        middle: what the slot adds where nothing moves.
    """

    teachers: list[tuple[int, int] | None]
    values: list[tuple[int, ...]]
    middle: int = 0

    @property
    def top(self) -> int:
        """The largest number it adds."""
        return max(max(value) for value in [*self.values, (self.middle,)] if value)


@dataclass
class Plan:
    """Where every channel and edge of one instance is.

    Attributes:
        span, groups: beats per group of beats, such groups per pixel; a group is one beat where there is no
            edge.
        lanes: channels per beat.
        cuts: per lane the ascending cuts on u that any of its teachers needs.
        slots: per lane.
        channels: per lane and address the channel, None at addresses that do not occur.
    """

    span: int
    groups: int
    lanes: int
    cuts: list[list[int]]
    slots: list[list[Slot]] = field(default_factory=list)
    channels: list[list[int | None]] = field(default_factory=list)

    @property
    def address_bits(self) -> int:
        """Bits of {group, beat}."""
        return bits_for(self.groups) + bits_for(self.span)

    def code_bits(self, lane: int) -> int:
        """Bits of the code of a lane's teachers."""
        count = len(self.cuts[lane])
        return count if count < 3 else count.bit_length()

    def middle(self, lane: int) -> int:
        """The sum of a lane's slots where nothing moves."""
        return sum(slot.middle for slot in self.slots[lane])

    def top(self, lane: int) -> int:
        """The largest sum of a lane's slots."""
        return sum(slot.top for slot in self.slots[lane])

    def teachers(self) -> list[tuple[int, int]]:
        """(beat, lane) of all teachers of all groups."""
        used = (slot.teachers for slots in self.slots for slot in slots)
        return sorted({teacher for teachers in used for teacher in teachers if teacher})


def plan(influence: np.ndarray, pe: int, stairs: dict[int, list[int]], low: int) -> Plan:
    """The plan for influence (groups, g, g), [group, t, s], on `pe` lanes whose least input is `low`.

    `stairs` has the cuts of every |K|."""
    g, channels = influence.shape[1], influence.shape[0] * influence.shape[1]
    edges = [(k * g + t, k * g + s, int(influence[k, t, s])) for k, t, s in np.argwhere(abs(influence) > 1)]
    block = lcm(g, pe) if edges else pe
    span, groups = block // pe, channels // block

    on_u = {size: [cut - low for cut in cuts] for size, cuts in stairs.items()}
    found: list[set[int]] = [set() for _ in range(pe)]
    for t, _, k in edges:
        found[t % pe] |= set(on_u[abs(k)])
    made = Plan(span, groups, pe, [sorted(each) for each in found])
    size = 1 << made.address_bits
    at = [channel // block << bits_for(span) | channel % block // pe for channel in range(channels)]
    made.channels = [[None] * size for _ in range(pe)]
    incoming: dict[int | None, list] = {}
    for channel in range(channels):
        made.channels[channel % pe][at[channel]] = channel
    for t, s, k in edges:
        of_lane = made.cuts[t % pe]
        passed = [sum(cut in of_lane[:level] for cut in on_u[abs(k)]) for level in range(len(of_lane) + 1)]
        values = [0] * (1 << made.code_bits(t % pe))
        for level, count in enumerate(passed):
            values[code(level, len(of_lane))] = (1 if k > 0 else -1) * (count - (abs(k) - 1) // 2)
        incoming.setdefault(s, []).append(((t % block // pe, t % pe), tuple(values)))
    made.slots = [_slots([incoming.get(c, []) for c in of_lane], size) for of_lane in made.channels]
    return made


def _slots(edges: list[list], size: int) -> list[Slot]:
    """Edges (teacher, signed values) per address, in the fewest slots, equal ones in the same."""
    slots = [Slot([None] * size, [()] * size) for _ in range(max(map(len, edges)))]
    seen: list[Counter] = [Counter() for _ in slots]
    for address in sorted(range(size), key=lambda address: -len(edges[address])):
        free = list(range(len(slots)))
        for teacher, values in sorted(edges[address]):
            k = max(free, key=lambda k: (seen[k][teacher, values], seen[k][values], -k))
            free.remove(k)
            seen[k].update([(teacher, values), values])
            slots[k].teachers[address], slots[k].values[address] = teacher, values
    for slot in slots:
        slot.middle = -min(0, *(min(value) for value in slot.values if value))
        slot.values = [tuple(v + slot.middle for v in value) for value in slot.values]
    return slots
