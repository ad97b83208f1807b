"""Operators with a template, which a frame selects and a host or a frame replaces."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import HwOp

BANKS = 2


class Templated(HwOp):
    """An operator whose weights, the template, lie in two banks that can be written at run time.

    Every frame carries flags (docs/guide/operators.md): the bank it is compared with, and whether it is
    learnt, that is, becomes the template of the other bank. A host writes a bank over AXI4-Lite.
    `arrays_of["weights"]` is the content of both banks at power-up, which `execute_node` uses for every
    frame. sim/templates.py defines the results of a sequence of frames with flags.

    Its module has the side ports `flags_i`, `flags_valid_i`, `frame_done_o`, `load_addr_i`, `load_data_i`,
    `load_valid_i` and `load_error_o`.
    """

    @property
    def address_bits(self) -> int:
        """Bits of a byte address on AXI4-Lite."""
        raise NotImplementedError

    @property
    def registers(self) -> list[int]:
        """Registers that a host can read from address 0 on, 32 bits each."""
        raise NotImplementedError

    def writes(self, weights: np.ndarray, bank: int) -> list[tuple[int, int]]:
        """The writes that load a template into a bank: (byte address, 32 bits), in any order."""
        raise NotImplementedError

    def learnt(self, x: np.ndarray) -> np.ndarray:
        """The templates (N, *shape of weights) that are learnt from inputs (N, *shape)."""
        raise NotImplementedError

    def holding(self, weights: np.ndarray) -> "Templated":
        """The same operator with another template."""
        raise NotImplementedError

    def layout(self) -> dict:
        """Layout of a template in the banks, for authors of host programs (`control` of rtl.json)."""
        raise NotImplementedError


def template_in(ops: list[HwOp]) -> Templated | None:
    """The operator of a network whose template can be replaced, or None.

    Raises:
        UserError: there are several.
    """
    found = [op for op in ops if isinstance(op, Templated)]
    if len(found) > 1:
        names = " and ".join(op.name for op in found)
        raise UserError(
            f"{names} each have a template that is replaced at run time, but a network can have only one."
        )
    return found[0] if found else None


def template_of(ops: list[HwOp]) -> Templated:
    """As `template_in`, of a network that has one.

    Raises:
        ValueError: it has none.
    """
    template = template_in(ops)
    if template is None:
        raise ValueError("this network has no operator with a template")
    return template
