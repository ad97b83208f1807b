"""Instances for the conformance tests."""


def examples(cls):
    """Every pair of a shape with its lanes and a width."""
    shapes = [((2, 3, 4), 1), ((2, 3, 4), 4), ((6,), 2), ((3, 3, 1), 1), ((2, 2, 6), 3)]
    widths = [(2, 1), (8, 1), (8, 0), (17, 1), (1, 0)]
    return [
        cls.make(f"absolute_{i}_{bits}_{signed}", in_shape=shape, pe=pe, in_bits=bits, in_signed=signed)
        for i, (shape, pe) in enumerate(shapes)
        for bits, signed in widths
    ]
