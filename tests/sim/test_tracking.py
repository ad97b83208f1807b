"""A host that learns and asks, on the bit simulator, and its first steps once more as RTL."""

import numpy as np
import pytest
from driving import generated

from xnorforge.core import plugins
from xnorforge.core.errors import MismatchError
from xnorforge.sim import tracking
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.sim.machine import Machine

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
SEQUENCES, STEPS = 2, 7


class Host:
    """A task: exemplars of 2x3 pixels in the corner of frames of 5x6, three windows per step."""

    def as_frame(self, exemplar):
        frame = np.zeros((2, 5, 6), np.uint8)
        frame[:, :2, :3] = exemplar
        return frame

    def test_sets(self):
        return [type("Set", (), {"what": "noise"})()]

    def judged(self, run, _images):
        rng, total = np.random.default_rng(0), 0.0
        for _ in range(SEQUENCES):
            exemplar = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
            for step in range(STEPS):
                windows = rng.integers(0, 256, (3, 2, 5, 6)).astype(np.uint8)
                windows[0, :, 1:3, 2:5] = exemplar
                scores = run(windows, None if step else exemplar)
                assert scores.shape == (3, 1, 4, 4)
                total += scores[0, 0].argmax() == 1 * 4 + 2
        return {"images": SEQUENCES * STEPS, "figures": {"found": total / (SEQUENCES * STEPS)}}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("net"), np.random.default_rng(0)
    ops = [
        MAKE["threshold"](arrays={"thresholds": np.full((2, 1), 128)}, in_shape=[5, 6, 2], in_bits=8),
        MAKE["window"](ifm=[5, 6, 2], kernel=[2, 3]),
        MAKE["width"](shape=[4, 4, 12], in_lanes=1, out_lanes=4),
        MAKE["sign_mvu"](
            arrays={"weights": rng.integers(0, 2, (12, 1))}, in_shape=[4, 4, 12], out_shape=[4, 4, 1], mw=12,
            mh=1, vectors=16, simd=4, loadable=1
        ),
    ]  # fmt: skip
    ops = generated(ops, folder)
    return ops, network(folder / "rtl", ops, level="-O0")


def machine(ops):
    return Machine(BitSimulator(ops), np.array([2.0]), np.array([-12.0]), Host())


def test_scores_are_sums_of_products_with_what_was_learnt(built):
    one = machine(built[0])
    exemplar = np.full((2, 2, 3), 200, np.uint8)
    white, black = np.full((1, 2, 5, 6), 255, np.uint8), np.zeros((1, 2, 5, 6), np.uint8)
    assert (one(white, exemplar) == 12).all() and (one(black) == -12).all()
    assert (one(black, 255 - exemplar) == 12).all()


def test_the_whole_is_judged_and_its_first_steps_are_sent_to_the_rtl(built):
    ops, device = built
    one = machine(ops)
    [row] = tracking.evaluate_sets(one)
    assert row["stage"] == "bit simulator" and row["set"] == "noise" and row["figures"]["found"] > 0.9
    assert len(one.kept) == 1 + tracking.STEPS and one.kept[0][1] is None
    for stall in (0.0, 0.4):
        check = tracking.as_rtl(one, device, stall)
        assert check["images"] == 3 * tracking.STEPS and check["mismatches"] == 0
        assert check["integers"] == 3 * tracking.STEPS * 16


def test_another_answer_of_the_rtl_is_found(built):
    ops, device = built
    one = machine(ops)
    tracking.evaluate_sets(one)
    frames, answers = one.kept[3]
    one.kept[3] = frames, answers + (np.arange(16).reshape(1, 4, 4, 1) == 5)
    with pytest.raises(MismatchError, match=r"^tracker: RTL .*3 of 15 images.*image 6, position \(1, 1\)"):
        tracking.as_rtl(one, device)
