"""What the operators that only move elements check and share."""

from xnorforge.errors import UserError


def divisors(number: int) -> list[int]:
    """All divisors, ascending.

    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    return [d for d in range(1, number + 1) if number % d == 0]


def check_divides(name: str, attribute: str, value: int, what: str, total: int) -> None:
    """Raise UserError unless `value` lanes divide `total` elements."""
    if value < 1 or total % value:
        raise UserError(f"{name}: {attribute}={value} does not divide {what}={total}; use one of {divisors(total)}.")


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """Least and greatest value of an element.

    >>> value_range(8, True)
    (-128, 127)
    """
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
