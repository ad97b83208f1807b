"""Operators whose weights a host replaces while frames flow."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import HwOp

BANKS = 2


class Loadable(HwOp):
    """An operator whose weights, the template, lie in two banks that are written while frames flow.

    Beside its stream every frame carries flags (docs/architecture.md, "Frame flags"): with which bank it is
    compared, and whether it is learnt, that is becomes the template of the other bank. A host writes a bank
    over AXI4-Lite. `arrays_of["weights"]` is what both banks hold at power-up; alone, as `execute_node` has
    it, every frame sees that. What a sequence of such frames gives is stated in sim/templates.py.

    Its module has the side ports `flags_i`, `flags_valid_i`, `frame_done_o`, `load_addr_i`, `load_data_i`,
    `load_valid_i` and `load_error_o`.
    """

    @property
    def address_bits(self) -> int:
        """Bits of a byte address on AXI4-Lite."""
        raise NotImplementedError

    @property
    def registers(self) -> list[int]:
        """What a host reads from address 0 on, 32 bits each."""
        raise NotImplementedError

    def writes(self, weights: np.ndarray, bank: int) -> list[tuple[int, int]]:
        """The writes that load a template into a bank: (byte address, 32 bits), in any order."""
        raise NotImplementedError

    def learnt(self, x: np.ndarray) -> np.ndarray:
        """The templates (N, *shape of weights) that a bank holds after it learnt from inputs (N, *shape)."""
        raise NotImplementedError

    def holding(self, weights: np.ndarray) -> "Loadable":
        """The same operator with another template."""
        raise NotImplementedError

    def layout(self) -> dict:
        """How a template lies in the banks, for whoever writes a host (`control` of rtl.json)."""
        raise NotImplementedError


def loadable(ops: list[HwOp]) -> Loadable | None:
    """The operator of a network whose template can be replaced, None where there is none.

    Raises:
        UserError: there are several.
    """
    found = [op for op in ops if isinstance(op, Loadable)]
    if len(found) > 1:
        names = " and ".join(op.name for op in found)
        raise UserError(f"{names} have a template that is replaced at run time; a network can have one.")
    return found[0] if found else None


def loadable_of(ops: list[HwOp]) -> Loadable:
    """As `loadable`, of a network that has one.

    Raises:
        ValueError: it has none.
    """
    template = loadable(ops)
    if template is None:
        raise ValueError("no operator of this network has a template that can be loaded")
    return template
