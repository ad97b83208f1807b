"""Correlation by itself: its contract by numpy and torch, how a template lies in its memory,
what it refuses.
"""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._templates import template_in
from xnorforge.hw.ops.correlate.op import IDENTITY, Correlate
from xnorforge.hw.ops.window.op import Window

sys.path.insert(0, str(Path(__file__).parent))
from mapped import compare_sites, mapped
from op_examples.drawn import seeded


def test_responses_are_those_of_a_convolution_of_minus_and_plus_one():
    rng = np.random.default_rng(1)
    bits, template = (
        rng.integers(0, 2, (3, 7, 6, 5)),
        rng.integers(0, 2, (2, 5, 3, 2)),
    )  # (N, H, W, C), (mh, C, kh, kw)
    window = Window.make(ifm=[7, 6, 5], kernel=[3, 2])
    unit = {"mw": 30, "mh": 2, "vectors": 25, "in_shape": [5, 5, 30], "out_shape": [5, 5, 2]}
    op = Correlate.make(arrays={"weights": template.transpose(2, 3, 1, 0).reshape(30, 2)}, **unit)
    images, kernels = (torch.tensor(2.0 * x - 1) for x in (bits.transpose(0, 3, 1, 2), template))
    wanted = F.conv2d(images, kernels).numpy().transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(2 * op.run(window.run(bits)) - 30, wanted)
    assert op.out_stream().bits == 5 and not op.out_stream().signed


def test_a_template_that_is_learnt_finds_itself():
    op = seeded(Correlate, 1, 24, 3, 4, 1, 6, raw=True)
    x = op.random_input(2, frames=4)
    learnt = op.learnt(x)
    assert learnt.shape == (4, 24, 3)
    for frame, template in zip(x, learnt):
        matches = op.holding(template).run(frame[None])[0]
        np.testing.assert_array_equal(matches[0], 24)
        np.testing.assert_array_equal(matches, (frame[:, None] == frame[0]).sum(2).repeat(3, 1))
    np.testing.assert_array_equal(op.holding(op.arrays_of["weights"]).run(x), op.run(x))


@pytest.mark.parametrize("simd, pe", [(1, 1), (4, 1), (12, 2), (36, 3), (9, 6)])
def test_what_a_host_writes_is_what_the_memory_starts_with(simd, pe):
    op = seeded(Correlate, 3, 36, 6, simd, pe, raw=True)
    bits, both = op.memories()["TemplateFile"]
    half, weights = len(both) // 2, op.arrays_of["weights"]
    assert bits == simd * pe and both[:half] == both[half:]
    for word in range(op.bank_words):
        for p in range(pe):
            for s in range(simd):
                bit = weights[word % (36 // simd) * simd + s, word // (36 // simd) * pe + p]
                assert both[word] >> (p * simd + s) & 1 == bit
    for bank in (0, 1):
        written, upper = {}, 2 ** (op.address_bits - 1)
        for address, piece in op.writes(weights, bank):
            assert address % 4 == 0 and upper <= address < 2 * upper and piece < 2**32
            place = (address - upper) // 4 // 2 ** max(1, (op.pieces - 1).bit_length())
            shift = 32 * ((address // 4) % 2 ** max(1, (op.pieces - 1).bit_length()))
            written[place] = written.get(place, 0) | piece << shift
        assert written == {bank * half + word: both[word] for word in range(op.bank_words)}
    assert op.registers == [IDENTITY, op.bank_words, bits]


def test_a_network_has_one_template():
    ops = [seeded(Correlate, 1, 4, 1, 2, 1, raw=True), seeded(Correlate, 2, 4, 1, 2, 1, raw=True)]
    ops[1].onnx_node.name = "other"
    assert template_in([]) is None and template_in(ops[:1]) is ops[0]
    with pytest.raises(UserError, match=r"\bdut and other\b.*template.*one"):
        template_in(ops)


def test_a_template_of_another_shape_is_refused():
    op = seeded(Correlate, 1, 24, 1, 4, 1, raw=True)
    with pytest.raises(UserError, match=r"^dut: weights .*\(8, 8\).*\(24, 1\)"):
        op.holding(np.zeros((8, 8)))


COUNTED = [
    seeded(Correlate, 1, 2048, 1, 64, 1, 100, raw=True),
    seeded(Correlate, 2, 1152, 1, 96, 1, 50, raw=True, ram="block"),
    seeded(Correlate, 3, 100, 3, 20, 3, 7, raw=True),
    seeded(Correlate, 4, 9, 6, 3, 2, 3, raw=True),
]


def test_cost_model_is_what_yosys_counts(tmp_path):
    for unit, found in zip(COUNTED, mapped(COUNTED, tmp_path).counted, strict=True):
        assert found["bram36"] == unit.estimate()["bram36"]
        assert abs(found["lut"] - unit.estimate()["lut"]) <= max(10, 0.04 * found["lut"]), (
            found,
            unit.estimate(),
        )
        compare_sites(unit, found)
