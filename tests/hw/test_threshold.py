"""Thresholds in hardware, side by side and in turn, against counting for every input."""

from bisect import bisect_right
from fractions import Fraction
from math import ceil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest

from xnorforge.core.verilator import verilator
from xnorforge.hw.even import line_of
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device

BITS, LANES = 7, 3


def every_input(seed: int, folds: int, steps: int, signed: bool):
    """A Threshold of random constants, some of which no number reaches or every one, and all numbers."""
    rng = np.random.default_rng(seed)
    low, channels = -(1 << BITS - 1) * signed, folds * LANES
    levels = np.sort(rng.integers(low - 3, low + (1 << BITS) + 3, (channels, steps)))
    arrays = {"thresholds": levels, "direction": rng.choice([-1, 1], channels)}
    numbers = low + np.stack([rng.permutation(1 << BITS) for _ in range(channels)], axis=1)
    shape = {"in_shape": list(numbers.shape), "pe": LANES, "in_bits": BITS, "in_signed": int(signed)}
    return Threshold.make(f"of {folds} beats, {steps} steps", arrays, **shape), numbers


def many_pixels(seed: int, channels: int, steps: int):
    """A Threshold of more pixels per beat than a part has, and three beats of any numbers."""
    rng = np.random.default_rng(seed)
    thresholds = np.sort(rng.integers(-3, (1 << BITS) + 3, (channels, steps)))
    arrays = {"thresholds": thresholds, "direction": rng.choice([-1, 1], channels)}
    pixels = 64 * (1 + seed // 2) + seed
    numbers = rng.integers(0, 1 << BITS, (3, pixels, channels))
    shape = {"in_shape": list(numbers.shape), "pe": channels, "in_bits": BITS, "pixels": pixels}
    return Threshold.make(f"of {pixels} pixels, {steps} steps", arrays, **shape), numbers


SIZES = [(folds, steps) for folds in range(1, 6) for steps in (1, 2, 3, 6, 7, 10, 31)]


def in_memories(pe: int, tables: str):
    """A Threshold of even steps on two lanes, of a product or of memories, and numbers."""
    rng, channels = np.random.default_rng(pe), 64
    steps = np.ceil(np.arange(1, 201) * rng.uniform(900, 1100, (channels, 1))).astype(np.int64) - 100_000
    numbers = rng.integers(-(2**17), 2**17, (3, channels))
    sizes = {"in_shape": [3, channels], "pe": pe, "in_bits": 18, "in_signed": 1, "tables": tables}
    return Threshold.make(f"{tables} of {pe}", {"thresholds": steps}, even=1, **sizes), numbers


CASES = [every_input(seed, *size, bool(seed % 2)) for seed, size in enumerate(SIZES)]
CASES += [many_pixels(1, 1, 1), many_pixels(2, 1, 3), in_memories(1, "line"), in_memories(2, "line")]
CASES += [in_memories(2, "auto")]


@pytest.fixture(scope="module")
def runs():
    """Every case on the hardware, with pauses."""
    bench = device.bench([op for op, _ in CASES])
    return cosim.run(bench, [x[None] for _, x in CASES], stall=0.2, seed=5)


@pytest.mark.parametrize("index", range(len(CASES)), ids=[op.name for op, _ in CASES])
def test_a_level_is_the_number_of_thresholds_reached(runs, index):
    op, numbers = CASES[index]
    thresholds, direction = op.tables()
    reached = (direction * numbers)[..., None] >= thresholds
    np.testing.assert_array_equal(runs[index].output[0], reached.sum(-1))
    np.testing.assert_array_equal(op.run(numbers[None])[0], reached.sum(-1))
    assert op.cycles() * op.in_stream().lanes == numbers.size


def lines_of_cpp(folder: Path, pixels: int) -> int:
    """Of what Verilator makes of a Threshold."""
    op = Threshold.make(arrays={"thresholds": [[9]]}, in_shape=(pixels, 1), in_bits=BITS, pixels=pixels)
    for name, text in op.generated().items():
        (folder / name).write_text(text)
    flags = ["--cc", "--output-split", "0", "-Wno-fatal", "--Mdir", str(folder)]
    flags += [f"-I{path}" for path in device.include_folders()]
    verilator(*flags, "--top-module", op.rtl()[0], str(folder / name), what="Threshold")
    return sum(len(path.read_text().splitlines()) for path in folder.glob("*.cpp"))


@pytest.mark.parametrize("seed", range(100))
def test_a_quantiser_at_even_distances_is_a_product_that_is_right_at_each_of_its_edges(seed):
    rng = np.random.default_rng(seed)
    bits, width = int(rng.integers(4, 17 if seed < 10 else 11)), int(rng.integers(20, 97))
    low, span, level = -(1 << width - 1), (1 << width) - 1, range(1, 1 << bits)
    rows = []
    for _ in range(2):
        scale = Fraction(float(np.float32(rng.uniform(0.2, 3)))) * (1 << width) / len(level)
        zero, bias = int(rng.integers(len(level))), Fraction(float(rng.uniform(-0.2, 0.2))) * (1 << width)
        rows.append([ceil(scale * (Fraction(2 * k - 1, 2) - zero) + bias) for k in level])
    shift, *lines = line_of(np.array(rows, object), np.array([low] * 2, object), span)
    for thresholds, factor, addend in zip(rows, *lines):
        edges = {x for t in thresholds for x in (t - 1, t) if low <= x <= low + span} | {low, low + span}
        for x in edges:
            assert min(max(factor * x + addend >> shift, 0), len(level)) == bisect_right(thresholds, x)


def test_simulators_take_little_more_for_each_pixel_of_a_picture(tmp_path):
    """A chain of gates for each pixel took 198 lines."""
    few, many = (lines_of_cpp(Path(mkdtemp(dir=tmp_path)), pixels) for pixels in (70, 700))
    assert many - few < 50 * 630
