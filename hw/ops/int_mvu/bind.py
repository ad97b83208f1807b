"""Sums of integers with weights of several bits: what no narrower matrix operator builds."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.bind.network import Network, Placed, Taken
from xnorforge.hw.bind.nodes import matrix_at
from xnorforge.hw.bind.registry import MATRICES, takes
from xnorforge.hw.streams import value_range


@takes(*MATRICES, rank=30)
def int_mvu(network: Network, node: Placed) -> Taken:
    """Any weights, 0 between groups, thresholds inside."""
    unit = matrix_at(network, node)
    if unit.xnor:
        return None
    attributes = widths(node.name, unit.weights, unit.seen.bits, unit.seen.signed)
    return unit.bound("IntMvu", attributes, unit.weights)


def widths(name: str, weights: np.ndarray, bits: int, signed: bool, bipolar: int = 0) -> dict[str, int]:
    """Widths of an IntMvu; its sums hold whatever the bits of its input can be, though lowered sums may reach
    less far.

    Raises:
        UserError: inputs or weights are wider than the operator takes.
    """
    for what, given, most, cure in (
        ("inputs", bits, 16, "put a quantiser before it"),
        ("weights", _bits_of(weights), 16, "quantise them to 16 bits"),
    ):
        if given > most:
            raise UserError(f"{name}: its {what} have {given} bits, but at most {most} are possible; {cure}.")
    ends = [end * weights for end in ((-1, 1) if bipolar else value_range(bits, signed))]
    reach = np.array([np.minimum(*ends).sum(axis=0).min(), np.maximum(*ends).sum(axis=0).max()])
    found = {"in_bits": bits, "in_signed": int(signed)}
    found |= {"w_bits": _bits_of(weights), "out_bits": _bits_of(reach)}
    return found | ({"bipolar": 1} if bipolar else {})


def _bits_of(weights) -> int:
    """Bits of two's complement, 2 at least."""
    low, high = int(weights.min()), int(weights.max())
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1
