"""Comparisons with constants, as text of SystemVerilog."""


def above(name: str, width: int, cut: int, signed: bool) -> str:
    """number > cut in pieces that a LUT6 holds, up to six bits, then five and the answer from below.

    A sign counts as the highest bit, inverted, and `cut` is shifted with it: 0 .. 2**width - 2."""
    low = width - 5 * -(-max(0, width - 6) // 5)
    text = ""
    for at, size in [(0, low), *((at, 5) for at in range(low, width, 5))]:
        piece, value, top = f"{name}[{at} +: {size}]", cut >> at & (1 << size) - 1, (1 << size) - 1
        if signed and at + size == width:
            piece = f"({piece} ^ {size}'d{1 << (size - 1)})"
        more = [f"{piece} > {size}'d{value}"] if value < top else []  # a constant comparison is a warning
        equal = [f"({piece} == {size}'d{value} && ({text}))"] if text else []
        text = " || ".join(more + equal)
    return text


def comparison_lut(width: int) -> int:
    """LUTs of `above`: one compares six bits with a constant, each further one five."""
    return 1 + -(-max(0, width - 6) // 5)
