"""Thresholds in hardware, side by side and in turn, against counting for every input. Requantise is Threshold
where thresholds are evenly spaced, with slopes a PReLU, rounded down and clipped: levels by hand, other
thresholds, against torch, synthesised."""

from bisect import bisect_right
from fractions import Fraction
from math import ceil
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
import torch
from mapped import compare_sites, mapped

from xnorforge.core.verilator import verilator
from xnorforge.hw.even import line_of
from xnorforge.hw.ops.requantise.op import SHIFTS, Requantise, evenly
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.sim import cosim, device


def levels(values, **arrays):
    """Of numbers of 8 bits with sign, one channel, shift 2, levels 0 .. 3."""
    x = np.array(values).reshape(-1, 1, 1)
    op = Requantise.make("q", arrays, in_shape=[1, 1], in_bits=8, in_signed=1, shift=2, levels=3)
    return op.run(x).ravel().tolist()


def test_levels_by_hand():
    assert levels([-128, -1, 0, 3, 4, 7, 8, 12, 100], offset=[0]) == [0, 0, 0, 0, 1, 1, 2, 3, 3]
    assert levels([1, 2, 6, 10], offset=[-2]) == [0, 1, 2, 3]
    assert levels([4, 5, 8, 9, 12, 13], offset=[0], ties=[1]) == [0, 1, 2, 2, 2, 3]
    assert levels([4, 5, 8, 9, 12, 13], offset=[0], ties=[2]) == [1, 1, 1, 2, 3, 3]
    assert levels([-4, -5, -8, 0], offset=[0], ties=[0], direction=[-1]) == [1, 1, 2, 0]


def test_half_to_even_is_what_a_quantiser_of_brevitas_and_numpy_does():
    x = np.arange(-40, 200).reshape(-1, 1, 1)
    for shift in (1, 2, 4):
        given = {"in_shape": [1, 1], "in_bits": 9, "in_signed": 1, "shift": shift, "levels": 15}
        op = Requantise.make("q", {"offset": [-(2 ** (shift - 1))], "ties": [1]}, **given)
        np.testing.assert_array_equal(op.run(x), np.clip(np.round(x / 2**shift), 0, 15))


@pytest.mark.parametrize("seed", range(30))
def test_thresholds_at_even_distances_are_found_and_give_the_same_levels(seed):
    rng = np.random.default_rng(seed)
    shift, steps, channels = int(rng.integers(1, 5)), int(rng.choice([3, 4, 7, 15])), 5
    ties, offset = rng.integers(0, 3, channels), rng.integers(-60, 60, channels)
    k = np.arange(1, steps + 1)
    thresholds = offset[:, None] + (k << shift) + ((ties[:, None] > 0) & (k % 2 == ties[:, None] % 2))
    direction = rng.choice([-1, 1], channels)
    found_shift, found_offset, found_ties = evenly(thresholds)
    assert found_shift == shift
    given = {"in_shape": [1, channels], "in_bits": 9, "in_signed": 1}
    x = np.repeat(np.arange(-256, 256)[:, None, None], channels, 2)
    arrays = {"offset": found_offset, "ties": found_ties, "direction": direction}
    op = Requantise.make("q", arrays, shift=shift, levels=steps, **given)
    plain = Threshold.make("t", {"thresholds": thresholds, "direction": direction}, **given)
    np.testing.assert_array_equal(op.run(x), plain.run(x))


@pytest.mark.parametrize("thresholds", [
    [[0, 4, 9, 12]], [[0, 3, 6, 9]], [[0, 1, 2, 3]], [[0, 4, 8, 12], [0, 8, 16, 24]], [[5, 5, 5, 5]],
    [[0, 4, 8, 14]],
])  # fmt: skip
def test_other_thresholds_are_left_to_comparisons(thresholds):
    assert evenly(np.array(thresholds)) is None


STREAM = {"in_shape": (4, 16), "in_bits": 14, "in_signed": 1, "levels": 4095, "zero": 2048}


def sloped(name, offset, slope, direction=None, **given):
    """An operator without ties."""
    ties, direction = [0] * len(slope), [1] * len(slope) if direction is None else direction
    arrays = {"offset": offset, "ties": ties, "direction": direction, "slope": slope}
    return Requantise.make(name, arrays, **given)


def sloped_levels(values, **arrays):
    """Of numbers of 8 bits with sign, one channel, shift 1, levels 0 .. 15, 8 for zero."""
    x = np.array(values).reshape(-1, 1, 1)
    given = {"in_shape": [1, 1], "in_bits": 8, "in_signed": 1, "shift": 1, "levels": 15, "zero": 8}
    return sloped("r", **arrays, **given).run(x).ravel().tolist()


def test_levels_with_slopes_by_hand():
    assert sloped_levels([0, 1, 2, 13, 14, 100], offset=[0], slope=[4]) == [8, 8, 9, 14, 15, 15]
    assert sloped_levels([-1, -4, -5, -8, -9, -100], offset=[0], slope=[4]) == [7, 7, 6, 6, 5, 0]
    assert sloped_levels([-1, -100], offset=[0], slope=[0]) == [8, 8]
    assert sloped_levels([3, 5, 1], offset=[3], slope=[8]) == [8, 9, 7]
    assert sloped_levels([-3, -5, 1], offset=[3], slope=[8], direction=[-1]) == [8, 9, 6]


@pytest.mark.parametrize("slope", range(9))
@pytest.mark.parametrize("shift", [0, 1, 3])
def test_every_number_is_torchs_prelu_rounded_down(slope, shift):
    x = torch.arange(-(2**9), 2**9)
    want = torch.nn.functional.prelu(x.double(), torch.tensor([slope / 8]).double()).div(2**shift).floor()
    given = {"in_shape": [1, 1], "in_bits": 10, "in_signed": 1, "shift": shift, "levels": 255, "zero": 128}
    found = sloped("r", [0], [slope], **given).run(x.numpy().reshape(-1, 1, 1))
    np.testing.assert_array_equal(found.ravel(), want.clamp(-128, 127).numpy() + 128)


def stream(name, slopes, most_offset=0, **given):
    """A lane or more of a 12-bit stream."""
    rng = np.random.default_rng(0)
    offset = rng.integers(-most_offset, most_offset + 1, 16)
    return sloped(name, offset, rng.choice(slopes, 16), **(STREAM | given))


@pytest.mark.full
def test_the_cells_compute_the_same_without_multipliers_at_about_the_predicted_cost(tmp_path):
    ops = [
        stream("shifts", (1, 2, 4, 8), pe=1, shift=0), stream("shifts of four", (1, 2, 4, 8), pe=4, shift=0),
        stream("sums", range(9), pe=1, shift=0), stream("sums of four", range(9), pe=4, shift=0),
        stream("behind a stem", (1, 2, 4, 8), 500, pe=4, shift=4, in_bits=18),
    ]  # fmt: skip
    found = mapped(ops, tmp_path)
    frames = [op.random_inputs(seed=at, frames=4) for at, op in enumerate(ops)]
    for op, given, run, counted in zip(
        ops, frames, cosim.run(found.device(), frames, stall=0.4, seed=2), found.counted, strict=True
    ):
        np.testing.assert_array_equal(run.outputs[0], op.run_all(*given)[0], op.name)
        assert not counted["dsp"]
        assert op.estimate()["lut"] == pytest.approx(counted["lut"], rel=0.15), op.name
        if op.slopes() == SHIFTS:  # of two sums Yosys makes a few chains more or fewer
            compare_sites(op, counted)


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


def in_memories(pe: int, tables: str, factors: int = 64, way: int = 1):
    """A Threshold of even steps on two lanes, of a product or of memories, and numbers."""
    rng, channels = np.random.default_rng(pe), 64
    steps = np.ceil(np.arange(1, 201) * rng.uniform(900, 1100, (factors, 1))).astype(np.int64) - 100_000
    arrays = {"thresholds": np.repeat(steps, channels // factors, 0), "direction": [way] * channels}
    numbers = rng.integers(-(2**17), 2**17, (3, channels))
    sizes = {"in_shape": [3, channels], "pe": pe, "in_bits": 18, "in_signed": 1, "tables": tables}
    return Threshold.make(f"{tables} of {pe}, {factors} {way}", arrays, even=1, **sizes), numbers


CASES = [every_input(seed, *size, bool(seed % 2)) for seed, size in enumerate(SIZES)]
CASES += [many_pixels(1, 1, 1), many_pixels(2, 1, 3), in_memories(1, "line"), in_memories(2, "line")]
CASES += [in_memories(2, "auto"), in_memories(1, "line", 1), in_memories(2, "line", 1, -1)]


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
