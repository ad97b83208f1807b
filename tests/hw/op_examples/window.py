"""Windows of all kinds: rings, several rates, whole windows."""

from math import prod
from typing import Any

NO = (0, 0, 0, 0)
NAMES = ["ifm", "kernel", "stride", "pads", "dilation", "bits", "signed", "pad_value", "simd"]

RINGS = [
    ((5, 6, 4), (3, 3), (1, 1), NO, (1, 1), 1, 0, 0, 4),        # plain
    ((6, 5, 4), (3, 3), (1, 1), NO, (1, 1), 1, 0, 0, 2),        # folded
    ((6, 6, 3), (3, 3), (1, 1), NO, (1, 1), 8, 0, 0, 3),        # bytes
    ((5, 5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 4),
    ((5, 5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 1, 1),
    ((4, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 4, 1, -3, 1),
    ((7, 7, 2), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),
    ((8, 8, 2), (3, 3), (2, 2), (0, 0, 1, 1), (1, 1), 1, 0, 1, 1),  # the last row of pads never used
    ((8, 9, 2), (2, 2), (2, 2), NO, (1, 1), 1, 0, 0, 2),        # a column over, as fast in as out
    ((9, 8, 2), (2, 2), (2, 2), NO, (1, 1), 2, 0, 0, 2),        # a row over
    ((7, 8, 3), (1, 1), (2, 2), NO, (1, 1), 1, 0, 0, 3),        # input is the slower side
    ((9, 7, 1), (2, 3), (3, 2), NO, (1, 1), 5, 1, 0, 1),
    ((5, 4, 6), (1, 1), (1, 1), NO, (1, 1), 1, 0, 0, 3),        # the stream itself
    ((3, 4, 2), (3, 4), (1, 1), NO, (1, 1), 1, 0, 0, 1),        # one window, the whole frame
    ((3, 3, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),
    ((9, 9, 2), (3, 3), (1, 1), NO, (2, 2), 1, 0, 0, 2),        # dilated
    ((8, 8, 2), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, 0, 1, 1),
    ((10, 9, 1), (3, 2), (2, 1), (3, 1, 2, 0), (2, 3), 3, 0, 5, 1),
    ((6, 12, 1), (1, 5), (1, 2), (0, 2, 0, 2), (1, 1), 1, 0, 0, 1),
    ((12, 3, 2), (5, 1), (1, 1), (2, 0, 2, 0), (1, 1), 1, 0, 1, 2),
    ((2, 2, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),  # kernel larger than the image
    ((11, 5, 2), (3, 3), (4, 1), NO, (1, 1), 1, 0, 0, 2),       # rows between windows unread
    ((2, 7, 1), (3, 3), (3, 3), (2, 2, 2, 2), (1, 1), 2, 0, 1, 1),
    ((1, 9, 2), (1, 3), (1, 1), (0, 1, 0, 1), (1, 1), 1, 0, 0, 2),
    # a single row, and rows of padding
    ((1, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 1),
    ((1, 1, 2), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, 0, 1, 2),
    ((9, 1, 2), (1, 1), (2, 1), NO, (1, 1), 1, 0, 0, 2),        # each row a beat
    ((6, 8, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0, 1),  # a ring without a word to spare
    ((1, 9, 2), (1, 3), (1, 1), NO, (1, 1), 1, 0, 0, 1),        # a single row without padding
    ((5, 8, 2), (1, 3), (2, 2), (0, 1, 0, 1), (1, 1), 1, 0, 0, 2),
]  # fmt: skip
SEVERAL_RATES = [  # rates in place of the dilation
    ((7, 8, 4), (3, 3), (1, 1), (2, 2, 2, 2), (1, 2), 1, 0, 0, 4),
    ((9, 7, 4), (3, 3), (1, 1), (4, 4, 4, 4), (1, 2, 4), 1, 0, 0, 2),
    # taps that never meet the image
    ((6, 5, 2), (3, 3), (1, 1), (8, 8, 8, 8), (1, 4, 8), 1, 0, 1, 1),
    ((11, 9, 2), (3, 3), (2, 2), (4, 4, 4, 4), (1, 2, 4), 1, 0, 0, 2),
    ((10, 11, 1), (3, 3), (2, 3), NO, (1, 2, 3, 4), 2, 0, 0, 1),         # no border
    ((9, 8, 3), (5, 3), (1, 1), (6, 3, 6, 3), (2, 3), 3, 1, -4, 3),
    # an even kernel between pixels
    ((8, 9, 2), (2, 2), (1, 1), (2, 1, 1, 2), (1, 3), 1, 0, 0, 2),
    ((1, 9, 2), (1, 3), (1, 1), (0, 2, 0, 2), (1, 2), 1, 0, 0, 1),
    ((8, 6, 8), (3, 3), (1, 1), (3, 0, 1, 2), (1, 2), 1, 0, 1, 4),       # another border on each side
]  # fmt: skip
WHOLE = [  # without simd
    ((5, 6, 4), (3, 3), (1, 1), NO, (1, 1), 1, 0, 0),
    ((6, 6, 3), (3, 3), (1, 1), NO, (1, 1), 8, 0, 0),               # bytes
    ((5, 5, 4), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0),     # a border all around
    ((4, 6, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 4, 1, -3),
    ((5, 7, 2), (3, 3), (1, 1), (0, 2, 2, 0), (1, 1), 1, 0, 1),     # of two sides
    ((6, 5, 2), (3, 3), (1, 1), (2, 0, 0, 2), (1, 1), 2, 0, 1),     # of the other two
    ((7, 7, 2), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, 0, 0),
    ((8, 9, 2), (2, 2), (2, 2), NO, (1, 1), 1, 0, 0),               # a column over
    ((9, 8, 2), (2, 2), (2, 2), NO, (1, 1), 2, 0, 0),               # a row over
    ((9, 7, 1), (2, 3), (3, 2), NO, (1, 1), 5, 1, 0),
    ((9, 9, 2), (3, 3), (1, 1), NO, (2, 2), 1, 0, 0),               # dilated
    ((8, 8, 2), (3, 3), (1, 1), (2, 2, 2, 2), (2, 2), 1, 0, 1),
    ((10, 9, 1), (3, 2), (2, 1), (3, 1, 1, 0), (2, 3), 3, 0, 5),
    ((6, 12, 1), (1, 5), (1, 2), (0, 2, 0, 2), (1, 1), 1, 0, 0),    # no line
    ((12, 3, 2), (5, 1), (1, 1), (2, 0, 2, 0), (1, 1), 1, 0, 1),    # one column
    ((2, 2, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 0),     # kernel larger than the image
    ((11, 5, 2), (3, 3), (4, 1), NO, (1, 1), 1, 0, 0),              # rows between windows unread
    ((9, 1, 2), (3, 1), (1, 1), (1, 0, 1, 0), (1, 1), 1, 0, 1),     # a line of one pixel
    ((1, 1, 2), (3, 3), (1, 1), (1, 1, 1, 1), (1, 1), 1, 0, 1),
    ((3, 4, 2), (3, 4), (1, 1), NO, (1, 1), 1, 0, 0),               # one window, the whole frame
    ((12, 12, 1), (5, 5), (1, 1), (2, 2, 2, 2), (1, 1), 8, 0, 7),
]  # fmt: skip
SEVERAL = [  # whole windows, pixels in place of simd
    ((8, 12, 3), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 8, 0, 0, 4),  # a border, that on the right unused
    ((8, 12, 3), (3, 3), (2, 2), NO, (1, 1), 8, 0, 0, 4),            # a column over
    ((8, 12, 3), (3, 3), (2, 2), NO, (1, 1), 8, 0, 0, 2),            # a window per beat
    ((9, 16, 1), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 8, 0, 7, 8),  # the last row of windows has pads
    ((7, 8, 2), (5, 5), (2, 2), (2, 2, 2, 2), (1, 1), 1, 0, 1, 4),   # a row and a column of pads
    ((6, 8, 2), (3, 3), (1, 2), (1, 1, 1, 1), (1, 1), 1, 0, 0, 4),   # windows in every row
    ((10, 8, 1), (3, 3), (3, 2), NO, (1, 1), 5, 1, 0, 4),
    ((8, 8, 2), (2, 2), (2, 2), NO, (1, 1), 2, 0, 0, 8),             # a row per beat
    ((9, 12, 2), (3, 3), (4, 4), NO, (1, 1), 1, 0, 0, 2),            # less than a stride per beat
    ((9, 12, 2), (3, 3), (2, 4), (1, 1, 1, 1), (1, 1), 1, 0, 1, 12), # a narrow kernel, three steps a beat
    ((9, 12, 2), (3, 2), (2, 4), NO, (1, 1), 1, 0, 0, 4),            # columns that no window has
    ((12, 12, 1), (3, 3), (2, 2), (2, 2, 2, 2), (2, 2), 4, 1, -3, 4),  # dilated
    ((11, 12, 1), (3, 3), (2, 3), (0, 2, 2, 0), (1, 1), 1, 0, 1, 6),
    ((11, 12, 1), (3, 3), (3, 3), (2, 0, 0, 2), (1, 1), 1, 0, 1, 3),
    ((1, 12, 2), (1, 4), (1, 2), (0, 1, 0, 2), (1, 1), 1, 0, 0, 2),  # no line, a group right of the image
    ((8, 2, 1), (3, 3), (2, 2), (1, 1, 1, 1), (1, 1), 1, 0, 0, 2),   # a line of one beat
    ((9, 8, 3), (7, 7), (2, 2), (3, 3, 3, 3), (1, 1), 2, 0, 1, 4),   # rows of pads without windows
]  # fmt: skip


def all_attributes() -> list[tuple[str, dict[str, Any]]]:
    """Name and attributes of each."""
    rates = [name if name != "dilation" else "rates" for name in NAMES]
    found = [(f"window_{index}", dict(zip(NAMES, point))) for index, point in enumerate(RINGS)]
    one: dict[str, Any]
    for index, several in enumerate(SEVERAL_RATES):
        one = dict(zip(rates, several))
        row = one["kernel"][1] * one["ifm"][2]  # and pixels side by side
        found += [(f"rates_{index}", one), (f"abreast_{index}", one | {"simd": row})]
    for index, point in enumerate(WHOLE):
        one = dict(zip(NAMES, point))
        found.append((f"whole_{index}", one | {"simd": prod(one["kernel"]) * one["ifm"][2]}))
    names = [name if name != "simd" else "pixels" for name in NAMES]
    for index, beat in enumerate(SEVERAL):
        one = dict(zip(names, beat))
        found.append((f"several_{index}", one | {"simd": prod(one["kernel"]) * one["ifm"][2]}))
    return found


def examples(cls):
    return [cls.make(name, **one) for name, one in all_attributes()]
