"""Whole networks behind the shell through both drivers: every answer, the rate, pauses and resets."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from driving import accelerator, c_program

from xnorforge.core import cache
from xnorforge.hw import graph
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Device
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network as network_of
from xnorforge.sim.loading import learnt, template_file
from xnorforge.sim.shell import shell_library

pytestmark = pytest.mark.full
NETWORKS = {"mnist-cnn": 1000, "cifar10-cnv": 50}  # images of each
RESETS, PAUSED = 50, 0.5


@dataclass
class Built:
    """A network with its overlay, made by the command line, and its simulation."""

    acc: Path
    library: Path
    simulator: BitSimulator
    images: np.ndarray
    scores: np.ndarray

    @property
    def answers(self) -> np.ndarray:
        return self.simulator.run(self.images)[self.simulator.ops[-1].name]

    def interval(self) -> int:
        """Cycles per frame of the accelerator without a shell."""
        ops = self.simulator.ops
        feed = graph.enter(ops[0], self.images[:8])
        found = cosim.run(network_of(self.acc / "rtl", ops), feed, seed=1).interval
        assert isinstance(found, int)
        return found


def build(folder: Path, net: str, images: int) -> Built:
    if net.startswith("cifar10") and not os.environ.get("XNORFORGE_DATA"):
        pytest.skip(f"no images for {net}: XNORFORGE_DATA is not set")
    out = Path(f"out/{net}/rtl-pynq-z2")
    for given in (
        ["build", net, "--board", "pynq-z2", "--until", "generate"],
        ["overlay", net, "--pnr", "off"],
    ):
        environment = os.environ | {"XNORFORGE_CACHE": str(cache.cache_dir())}
        subprocess.run([sys.executable, "-m", "xnorforge", *given], cwd=folder, env=environment, check=True)
    with np.load(folder / out.parent / "golden.npz") as golden:
        found = golden["images"][:images], golden["scores"][:images]
    acc = folder / out
    return Built(acc, shell_library(acc), BitSimulator(acc / "folded.onnx"), *found)


@pytest.fixture(scope="module", params=NETWORKS)
def network(request, tmp_path_factory):
    """A network of images."""
    found = build(tmp_path_factory.mktemp("network"), request.param, NETWORKS[request.param])
    assert len(found.images) == NETWORKS[request.param]
    return found


def rate(device, interval: int, frames: int) -> float:
    """Of a run: the accelerator's own rate over that of the shell, start and last answer included."""
    found = device.counters()
    assert found["frames_done"] == frames
    print(f"{frames} frames in {found['cycles']:,} cycles, {interval:,} per frame alone")
    return interval * frames / found["cycles"]


def test_every_answer_at_the_accelerator_s_own_rate(network):
    """Scores are the trained network's; the shell costs less than 5 % of the rate, its start included."""
    bus = Device("sim", network.library, network.acc / "rtl")
    device = accelerator(network.acc, bus)
    np.testing.assert_array_equal(device.predict(network.images), network.scores)
    assert rate(device, network.interval(), len(network.images)) >= 0.95
    device.reset()
    np.testing.assert_array_equal(device.run(device.integers(network.images[:9])), network.answers[:9])
    bus.close()


def resets(device, bus, frames, answers) -> None:
    """Batches that are cut at a random cycle, each with two other frames behind it."""
    rng, seen = np.random.default_rng(0), device.counters()
    longest = 8 * seen["cycles"] // seen["frames_done"]
    for turn in range(RESETS):
        cut = rng.permutation(len(frames))[:8]
        device._start(device.into.pack(device.integers(frames[cut])), *device.buffers[turn % 2])
        bus.pause(int(rng.integers(1, longest)))
        device.reset()
        assert device.counters() == dict.fromkeys(device.counters(), 0)
        part = rng.permutation(len(frames))[:2]
        np.testing.assert_array_equal(device.run(device.integers(frames[part])), answers[part])


def test_pauses_and_resets_change_no_answer(network):
    bus = Device("sim", network.library, network.acc / "rtl", pause=PAUSED)
    device, count = accelerator(network.acc, bus), min(100, len(network.images))
    answers = network.answers
    np.testing.assert_array_equal(device.run(device.integers(network.images[:count])), answers[:count])
    resets(device, bus, network.images, answers)
    bus.close()


def test_the_c_driver_gives_every_answer(network, tmp_path):
    program = c_program("driver_test.c", network.acc, network.library, tmp_path)
    text = " ".join(map(str, network.images.transpose(0, 2, 3, 1).ravel().tolist()))
    given = [program, network.acc / "rtl", str(len(network.images)), "0", "0"]
    done = subprocess.run(given, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [int(word) for word in done.stdout.splitlines()[0].split()]
    assert found == network.answers.ravel().tolist()


@pytest.mark.parametrize("pause", [0.0, PAUSED])
def test_the_tracker_follows_with_a_template_that_the_host_learnt_and_loaded(tmp_path, pause):
    """100 frames at its own rate behind each of two templates; resets leave the template as it is."""
    built = build(tmp_path, "track-tinytrk", 100)
    images, own = built.images[np.arange(100) % len(built.images)], built.simulator.ops
    bus = Device("sim", built.library, built.acc / "rtl", pause=pause)
    device, seen = accelerator(built.acc, bus), []
    for number in (1, 3):
        frame = images[number : number + 1]
        (tmp_path / "template.bin").write_bytes(template_file(built.acc, frame))
        device.load(tmp_path / "template.bin")
        built.simulator.load(learnt(own, built.simulator.run, frame))
        seen.append(built.simulator.run(images)[own[-1].name])
        device.reset()
        np.testing.assert_array_equal(device.run(device.integers(images)), seen[-1])
        assert rate(device, built.interval(), 100) >= (0 if pause else 0.95)
        resets(device, bus, images, seen[-1])
    assert (seen[0] != seen[1]).any() and len(np.unique(seen)) > 5
    bus.close()
