"""Base class of operators that change every element in place, with constants of its channel."""

from collections.abc import Collection
from typing import ClassVar

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.ops.base import HwOp, Stream, node_attributes
from xnorforge.hw.parts import LUTS_PER_BLOCK
from xnorforge.hw.streams import check_divides

# LUTs of tables that a block RAM has to save.
SAVED = {"auto": LUTS_PER_BLOCK, "block": 50}
MOST_INSIDE = 32  # words of a table up to which it is part of the module that reads it


class PerChannel(HwOp):
    """Integers (…, C) to as many elements; `pe` channels per beat, one beat per cycle.

    `widths` are attributes for operators whose caller chooses the result's width; it wraps at 2**out_bits."""

    widths: ClassVar[dict[str, tuple[object, ...]]] = node_attributes(out_bits=int, out_signed=0)

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(in_shape=[], pe=1, in_bits=int, in_signed=(0, 1))

    def in_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("in_bits"), bool(self.get_nodeattr("in_signed")))

    def stream(self, bits: int, signed: bool) -> Stream:
        """A stream of all elements, `pe` of them side by side.

        Raises:
            UserError: pe does not divide the channels.
        """
        shape, pe = tuple(self.get_nodeattr("in_shape")), self.get_nodeattr("pe")
        check_divides(self.name, "pe", pe, "channels", shape[-1])
        return Stream(shape, pe, bits, signed)

    def out_stream(self) -> Stream:
        return self.stream(self.get_nodeattr("out_bits"), bool(self.get_nodeattr("out_signed")))

    def directions(self) -> np.ndarray:
        """`direction`, int64 (C,), 1 where it is not given.

        Raises:
            UserError: one is not 1 or -1.
        """
        channels, given = self.get_nodeattr("in_shape")[-1], self.arrays_of.get("direction")
        found = np.ones(channels, np.int64) if given is None else np.asarray(given).astype(np.int64)
        if (wrong := abs(found) != 1).any():
            raise UserError(f"{self.name}: the direction of channel {wrong.argmax()} is not 1 or -1.")
        return found

    def constants(self, rules: dict[str, tuple[int, Collection[int] | None]]) -> list[np.ndarray]:
        """The constants by name, integers (C,) each.

        Args:
            rules: for each constant, what stands for one not given, and its values (None: any integers).

        Raises:
            UserError: one is not an integer per channel, or has another value.
        """
        channels, found = tuple(self.get_nodeattr("in_shape"))[-1], []
        for key, (usual, known) in rules.items():
            given = self.arrays_of.get(key)
            values = np.full(channels, usual) if given is None else whole_numbers(given)
            if values.shape != (channels,) or (known and not np.isin(values, list(known)).all()):
                between = " and " if len(known or ()) <= 3 else ", "
                what = f" with values {between.join(map(str, known))} only" if known else ""
                raise UserError(f"{self.name}: {key} has shape {values.shape}; use ({channels},){what}.")
            found.append(values)
        return found
