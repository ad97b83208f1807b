"""Random integer tensors and constants, from which operators build the examples for their meaning, and the
examples of the matrices and of flattening, which several operators build.

An example (`registry.example`) is what a conformance test (tests/flows/test_meanings.py) compares with the
operators of `hw/ops`: the input tensors, as leaves, and a chain of operators of the integer graph. The first
one reads the tensors; one that is built only together with its reader is followed by that.
"""

from math import prod

import numpy as np
from numpy.random import Generator

from xnorforge.core.types import Ints, Record

from .registry import example
from .values import Leaf

Row = list[tuple[str, dict]]  # operators of the integer graph with their constants, each reads the one before


def random_shape(rng: Generator) -> tuple[int, ...]:
    """A frame's shape: 1 .. 7 rows and columns and 1 .. 6 channels, or, in a quarter of cases, a vector."""
    *image, channels = (int(n) for n in rng.integers(1, (8, 8, 7)))
    return (channels,) if rng.random() < 0.25 else (*image, channels)


def random_leaf(rng: Generator, shape: Ints | None = None, bits: int = 0, signed: bool | None = None) -> Leaf:
    """An integer tensor of 1 .. 10 bits; ranges of channels differ, one of them is that of its type.

    Args:
        shape: of a frame; by default an image of 1 .. 7 rows and columns and 1 .. 6 channels.
        bits, signed: of an element; 0 and None choose at random.
    """
    shape = tuple(int(n) for n in (rng.integers(1, (8, 8, 7)) if shape is None else shape))
    bits = bits or int(rng.choice([1, 1, 2, 3, 4, 8, 10]))
    signed = bits > 1 and bool(rng.random() < 0.5) if signed is None else signed
    low = -(2 ** (bits - 1)) if signed else 0
    ends = np.sort(rng.integers(low, low + 2**bits, (2, shape[-1])), 0)
    ends[:, rng.integers(shape[-1])] = low, low + 2**bits - 1
    return Leaf("x", shape, *ends)


def random_signs(rng: Generator, count: int) -> np.ndarray:
    """+1 and -1, (count,); in a third of the cases all of one sign."""
    return rng.choice([[1, -1], [1, 1], [-1, -1]][rng.integers(3)], count)


def random_weights(rng: Generator, shape: Ints) -> np.ndarray:
    """Weights of -1 and +1 in half of the cases, else of 2 .. 8 bits; some kernels of one size per place."""
    if rng.random() < 0.5:
        return rng.choice([-1, 1], shape)
    most = int(rng.choice([1, 7, 127]))
    weights = rng.integers(-most, most + 1, shape)
    if most == 7 and weights.ndim == 4 and weights.flat[0] > 0:
        return np.where(weights < 0, -1, 1) * abs(weights).max((2, 3), keepdims=True).clip(1)
    return weights


def random_windows(rng: Generator, least: int = 1) -> Record:
    """Kernel of `least` .. 3 rows and columns, stride and dilation: {name: [rows, columns]}."""
    ends = {"kernel": (least, 4), "stride": (1, 3), "dilation": (1, 4)}
    return {name: [int(n) for n in rng.integers(*given, 2)] for name, given in ends.items()}


def random_pads(rng: Generator, kernel: Ints, dilation: Ints) -> list[int]:
    """A border [top, left, bottom, right], on each side at most as wide as the kernel reaches."""
    reach = [(k - 1) * d for k, d in zip(kernel, dilation)]
    return [int(rng.integers(r + 1)) for r in (*reach, *reach)]


def random_image(
    rng: Generator, kernel: Ints, dilation: Ints, pads: Ints = (0, 0, 0, 0), bits: int = 0
) -> Leaf:
    """An image of 1 .. 4 windows, its border included, and 1 .. 6 channels; `bits` as for `random_leaf`."""
    borders = (pads[0] + pads[2], pads[1] + pads[3])
    least = [max(1, (k - 1) * d + 1 - border) for k, d, border in zip(kernel, dilation, borders)]
    return random_leaf(rng, (*(int(n + rng.integers(4)) for n in least), int(rng.integers(1, 7))), bits)


def random_pool(rng: Generator) -> tuple[Leaf, Record]:
    """An image, and kernel and stride of its windows: in half of the cases arbitrary, else apart and
    larger than a pixel, sometimes the whole image, sometimes with pixels in between left out."""
    if rng.random() < 0.5:
        windows = random_windows(rng)
        if windows["kernel"] == [1, 1]:
            windows["stride"] = [2, 1]
        leaf = random_image(rng, windows["kernel"], [1, 1])
        return leaf, {name: windows[name] for name in ("kernel", "stride")}
    leaf = random_leaf(rng)
    whole, kernel = rng.random() < 0.2, [int(rng.integers(1, min(4, n) + 1)) for n in leaf.shape[:2]]
    kernel = list(leaf.shape[:2]) if whole else kernel
    return leaf, {"kernel": kernel, "stride": [2, 1] if kernel == [1, 1] else [1, 1] if whole else kernel}


def random_conv(rng: Generator, leaf: Leaf, windows: Record) -> Record:
    """Constants of a convolution with these windows, in half of the cases in groups."""
    divisors = [n for n in range(1, leaf.channels + 1) if leaf.channels % n == 0]
    groups = int(rng.choice(divisors)) if rng.random() < 0.5 else 1
    shape = (*windows["kernel"], leaf.channels // groups, groups * int(rng.integers(1, 1 + 6 // groups)))
    sizes = {name: windows[name] for name in ("stride", "dilation")}
    return sizes | {"groups": groups} | _matrix(leaf, random_weights(rng, shape), groups)


def random_steps(rng: Generator, lo: np.ndarray, hi: np.ndarray, steps: int) -> Record:
    """Constants of thresholds on integers lo .. hi (channels,): ascending, including "always" and "never"."""
    direction = random_signs(rng, len(lo))
    ends = np.sort([lo * direction, hi * direction], 0)[..., None]
    found = rng.integers(ends[0], ends[1] + 2, (len(lo), steps))
    return {"thresholds": np.sort(found, 1), "direction": direction}


def _matrix(leaf: Leaf, weights: np.ndarray, groups: int = 1) -> Record:
    """The constants of all matrices: weights, the range of sums, and whether equal bits are counted."""
    top = prod(weights.shape[:-1]) * int(abs(weights).max()) * max(map(abs, leaf.range))
    bits = leaf.range[0] >= 0 and leaf.range[1] <= 1
    return {"weights": weights, "xnor": bits and groups == 1 and bool((abs(weights) == 1).all()), "top": top}


@example("Conv")
def _conv(rng: Generator):
    """Some of bits and of -1 and +1 with a template that is replaced."""
    windows = random_windows(rng)
    leaf = random_image(rng, windows["kernel"], windows["dilation"], bits=int(rng.integers(2)))
    at = random_conv(rng, leaf, windows)
    return [leaf], [("Conv", at | ({"writable": True} if at["xnor"] and rng.random() < 0.5 else {}))]


@example("Dense")
def _dense(rng: Generator):
    leaf = random_leaf(rng, (int(rng.integers(1, 20)),))
    at = _matrix(leaf, random_weights(rng, (leaf.channels, int(rng.integers(1, 8)))))
    return [leaf], [("Dense", at)]


@example("Reshape")
def _reshape(rng: Generator):
    """Before a dense layer, which reads elements in stream order."""
    leaf = random_leaf(rng)
    many = prod(leaf.shape)
    at = _matrix(leaf, random_weights(rng, (many, int(rng.integers(1, 8)))))
    return [leaf], [("Reshape", {"frame": [many]}), ("Dense", at)]
