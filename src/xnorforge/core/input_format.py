"""The integers that an accelerator takes, and the value of each: value = scale * integer + offset.

`INPUT` and `SCALE` describe them; `export.json` holds them as `input`. Imports only the standard library, see
`pipeline/stages.py`; numpy is imported only where numbers are computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record

if TYPE_CHECKING:
    import numpy as np

MOST_BITS = 16
FORMS = "uint1 to uint16, int2 to int16, bipolar, q4.12, uq0.8 or float:<calibration.npz>"
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SCALE = re.compile(
    rf"(?P<step>{_NUMBER})(?:/(?P<by>{_NUMBER}))?(?P<sign>[+-])?(?(sign)(?P<offset>{_NUMBER}))"
)


@dataclass(frozen=True)
class InputFormat:
    """Integers lo .. hi; the network's own input is float32(scale * integer + offset), both float32 numbers.

    Attributes:
        name: the value of INPUT.
        fixed_point: the name determines `scale`, as in q4.12.
    """

    lo: int = 0
    hi: int = 255
    scale: float = 1.0
    offset: float = 0.0
    name: str = "uint8"
    fixed_point: bool = False

    @property
    def bits(self) -> int:
        """Bits of an integer, in two's complement if some are negative."""
        above = self.hi.bit_length()
        return above if self.lo >= 0 else max(above, (-self.lo - 1).bit_length()) + 1

    @property
    def step_words(self) -> str:
        """Scale and offset in the notation of SCALE."""
        return scale_words(self.scale, self.offset)

    @property
    def words(self) -> str:
        """The make variables that select this format."""
        kind = "" if self.name == "uint8" else f"INPUT={self.name} "
        return kind.rstrip() if self.fixed_point else f"{kind}SCALE={self.step_words}"

    def values(self, integers: np.ndarray) -> np.ndarray:
        """The values of integers, float32: rounded once, as in the lowering."""
        import numpy as np

        step, offset = (float(np.float32(one)) for one in (self.scale, self.offset))
        return (integers.astype(np.float64) * step + offset).astype(np.float32)

    def nearest(self, values: np.ndarray) -> np.ndarray:
        """The nearest integers to float values, int64; values beyond the ends become the ends."""
        import numpy as np

        step, offset = (float(np.float32(one)) for one in (self.scale, self.offset))
        steps = np.rint((values.astype(np.float64) - offset) / step)
        return np.clip(steps, self.lo, self.hi).astype(np.int64)

    def of_pixels(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels 0 .. 255 as integers, int64: black is lo and white is hi; for fixed point, 0.0 and 1.0."""
        import numpy as np

        shares = pixels.astype(np.float64) / 255
        if self.fixed_point:
            return self.nearest(shares)
        return self.lo + np.rint(shares * (self.hi - self.lo)).astype(np.int64)

    def stored(self, integers: np.ndarray) -> np.ndarray:
        """The integers in the narrowest numpy type that holds lo .. hi."""
        return integers.astype(f"{'' if self.lo < 0 else 'u'}int{8 if self.bits <= 8 else 16}")

    def record(self) -> Record:
        """The entry in export.json."""
        return {
            "lo": self.lo, "hi": self.hi, "scale": self.scale, "offset": self.offset, "format": self.name,
            "bits": self.bits, "signed": self.lo < 0,
        }  # fmt: skip


def of_record(given: Record) -> InputFormat:
    """The format in export.json's `input`; records of networks trained here have no offset and no name."""
    offset, name = given.get("offset", 0.0), given.get("format", "uint8")
    return InputFormat(given["lo"], given["hi"], given["scale"], offset, name)


def integer_format(
    bits: int, signed: bool, scale: float = 1.0, offset: float = 0.0, narrow: int = 0
) -> InputFormat:
    """Integers of the given width; signed integers of one bit are -1 and +1 ("bipolar")."""
    if signed and bits == 1:
        return InputFormat(0, 1, 2 * scale, offset - scale, "bipolar")
    lo, hi = (-(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1 - narrow)
    return InputFormat(lo, hi, scale, offset, f"{'' if signed else 'u'}int{bits}")


def fixed_point_format(whole: int, fraction: int, signed: bool) -> InputFormat:
    """Fixed point: `whole` bits before the point, including the sign, and `fraction` bits after it."""
    plain = integer_format(whole + fraction, signed)
    name = f"{'' if signed else 'u'}q{whole}.{fraction}"
    return InputFormat(plain.lo, plain.hi, 2.0**-fraction, 0.0, name, fixed_point=True)


def format_named(word: str) -> InputFormat:
    """The format for a value of INPUT, with scale 1 if the value states none.

    Raises:
        UserError: no such format, or more than 16 bits.
    """
    if word == "bipolar":
        return integer_format(1, True)
    found = re.fullmatch(
        r"(?P<u>u?)(?:int(?P<bits>\d{1,3})|q(?P<whole>\d{1,3})\.(?P<fraction>\d{1,3}))", word
    )
    wrong = UserError(f"INPUT: '{word}' is not an input format; use one of {FORMS}.")
    if found is None:
        raise wrong
    signed, fixed = not found["u"], found["bits"] is None
    whole, fraction = int(found["whole"] or 0), int(found["fraction"] or 0)
    bits = whole + fraction if fixed else int(found["bits"])
    if bits < 1 + signed or (fixed and signed and not whole):
        raise wrong
    if bits > MOST_BITS:
        raise UserError(f"INPUT: '{word}' has {bits} bits, but an input has at most {MOST_BITS}; use fewer.")
    return fixed_point_format(whole, fraction, signed) if fixed else integer_format(bits, signed)


def scale_of(word: str) -> tuple[float, float]:
    """Scale and offset from a value of SCALE: "1/255", "0.0039", "2/255-1".

    Raises:
        UserError: it is not a scale.
    """
    found = _SCALE.fullmatch(word)
    if found:
        by, offset = float(found["by"] or 1), float((found["sign"] or "") + (found["offset"] or "0"))
        scale = float(found["step"]) / by if by else 0.0
        if isfinite(scale) and scale > 0 and isfinite(offset):
            return scale, offset
    raise UserError(
        f"SCALE: '{word}' is not a positive number; give the value of one input step, such as SCALE=0.0039."
    )


def scale_words(scale: float, offset: float) -> str:
    """Scale and offset in the notation of SCALE, as a fraction if that is exact and shorter.

    >>> scale_words(2 / 255, -1.0), scale_words(0.25, 0.0)
    ('2/255-1', '0.25')
    """
    written = repr(scale).removesuffix(".0")
    for below in (255, 256, 128, 127):
        above = scale * below
        if (
            len(written) > 6
            and abs(above - round(above)) < 1e-12
            and round(above)
            and round(above) / below == scale
        ):
            written = f"{round(above)}/{below}"
            break
    return written + (f"{offset:+.9g}" if offset else "")
