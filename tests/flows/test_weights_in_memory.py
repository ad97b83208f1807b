"""Weights that lie in memory, read by the shell with every frame, and replaced while frames flow."""

import json
from pathlib import Path

import numpy as np
import pytest
from driving import as_ddr, simulations, words_read

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.flows.backends.rtl import generate, in_slots
from xnorforge.flows.fold import fold
from xnorforge.flows.overlay import write_overlay
from xnorforge.hw import graph
from xnorforge.hw.loads import weights_file
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator
from xnorforge.sim.shell import shell_library

from ..refusals import stops

OUTSIDE = {name: {"rom": "outside"} for name in ("conv1", "fc0", "fc1")}


def built(net: Path, **options) -> Path:
    """The accelerator of a network with weights from memory, its overlay beside it."""
    (net / "folding.json").write_text(json.dumps(OUTSIDE))
    acc = net / "acc"
    fold(net, "pynq-z2", acc, interval=700, folding=net / "folding.json", **options)
    generate(acc / "folded.onnx", acc / "rtl")
    write_json(net / "export.json", {"net": "small", "input": {"lo": 0, "hi": 255, "scale": 1.0}})
    np.savez(net / "lowered.npz", scale=1.0, bias=0.0)
    write_overlay(acc, net)
    return acc


@pytest.fixture(scope="module")
def acc(chains, tmp_path_factory):
    """One whose thresholds are constants."""
    return built(chains["small"](5).save(tmp_path_factory.mktemp("net")))


@pytest.fixture(scope="module")
def library(acc):
    return shell_library(acc)


@pytest.fixture
def open_sim(acc, library):
    with simulations(library, acc / "rtl") as opener:
        yield opener


@pytest.fixture(scope="module")
def other(acc, tmp_path_factory):
    """A weights file with all bits of weights in memory changed at random, and frames with both answers."""
    ops, rng = graph.operators(acc / "folded.onnx"), np.random.default_rng(1)
    images = np.load(acc.parent / "golden.npz")["images"]
    answers = [next(iter(graph.execute(ops, images).values()))]
    for op, _ in graph.outside(ops):
        op.arrays_of["weights"] = rng.integers(0, 2, op.arrays_of["weights"].shape)
    answers.append(next(iter(graph.execute(ops, images).values())))
    assert (answers[0] != answers[1]).any(-1).all()
    file = tmp_path_factory.mktemp("other") / "weights.bin"
    data = b"".join(in_slots(op.outside_words(), stream) for op, stream in graph.outside(ops))
    about = read_json(acc / "rtl" / "rtl.json")["weights"]
    assert about["bytes"] == len(data)
    file.write_bytes(weights_file(int(about["structure"], 16), None, data))
    return file, graph.enter(ops[0], images), answers


def accelerator(acc, bus, **options):
    return Accelerator(acc / "overlay" / "overlay.json", bus, **options)


@pytest.mark.quick("0.3-*")
@pytest.mark.parametrize(("pause", "batch"), [(0.0, 64), (0.3, 1), (0.6, 3)])
def test_the_shell_reads_weights_with_every_frame(acc, open_sim, other, pause, batch):
    _, frames, (answers, _) = other
    bus = open_sim(pause=pause)
    device = accelerator(acc, bus, batch=batch)
    np.testing.assert_array_equal(device.run(frames).reshape(answers.shape), answers)
    per_frame = device.about["input"]["stride"] + device.about["weights"]["bytes"]
    assert words_read(bus) == len(frames) * per_frame // 8


def test_a_slow_memory_binds(acc, open_sim, other):
    """At 0.04 GB/s and 100 MHz a word takes 20 cycles, and refreshes 1 of 30."""
    _, frames, (answers, _) = other
    bus = open_sim()
    as_ddr(bus, 0.04, 100.0)
    device = accelerator(acc, bus)
    before = bus.cycles()
    found = device.run(np.concatenate([frames] * 8))
    np.testing.assert_array_equal(found.reshape(8, *answers.shape), [answers] * 8)
    words = words_read(bus) + len(found) * device.out.stride // 8
    assert 0.97 <= (bus.cycles() - before) / (20 * words * 30 / 29) < 1.05


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_weights_change_between_batches_under_way(acc, open_sim, other, pause):
    """Four batches, none waited for: two with the built weights, one with others, one with these again."""
    file, frames, answers = other
    device = accelerator(acc, open_sim(pause=pause))
    own = acc / "overlay" / "weights.bin"
    count, stride = len(frames), device.out.stride
    target = [device.bus.allocate(count * stride) for _ in range(4)]
    source = device.bus.allocate(count * device.into.stride)
    packed = device.into.pack(device.integers(frames))
    for number, load in enumerate((None, None, file, own)):
        if load:
            assert device.get("status") & 1  # frames are under way
            device.load(load)
        device._start(packed, source, target[number])
    device._await_batch(0, 4)
    for buffer, wanted in zip(target, (answers[0], answers[0], answers[1], answers[0]), strict=True):
        found = device.out.unpack(buffer.data[: count * stride]).reshape(answers[0].shape)
        np.testing.assert_array_equal(found, wanted)


def test_an_error_of_the_memory_stops_the_shell_and_a_reset_helps(acc, open_sim, other):
    _, frames, (answers, _) = other
    bus = open_sim(pause=0.2)
    device = accelerator(acc, bus)
    at = device.weights[-1].address + device.about["weights"]["bytes"] - 8
    bus.fail(at, at + 8, 2)
    stops(r"^DMA: reading weights stopped after .*SLVERR.*reset", device.run, frames)
    bus.fail(0, 0, 0)
    for cycles in (0, 97, 1001):  # and in mid-frame
        device.reset()
        device._start(device.into.pack(device.integers(frames)), *device.buffers[0])
        bus.pause(cycles)
        device.reset()
        np.testing.assert_array_equal(device.run(frames).reshape(answers.shape), answers)


def test_weights_in_memory_and_loadable_thresholds_change_together(chains, tmp_path):
    """Two trainings of one structure: every frame is wholly of one."""
    nets = [chains["small"](seed).save(tmp_path / str(seed)) for seed in (5, 6)]
    accs = [built(net, loadable=True, like=[str(nets[1 - k])]) for k, net in enumerate(nets)]
    structures = {read_json(acc / "overlay" / "overlay.json")["weights"]["structure"] for acc in accs}
    assert len(structures) == 1
    frames = np.load(nets[0] / "golden.npz")["images"]
    with simulations(shell_library(accs[0]), accs[0] / "rtl", pause=0.1) as opener:
        device = accelerator(accs[0], opener(memory=1 << 24), batch=3)
        for acc in (*accs, *accs):
            device.load(acc / "overlay" / "weights.bin")
            ops = graph.operators(acc / "folded.onnx")
            wanted = next(iter(graph.execute(ops, frames).values()))
            found = device.run(device.integers(frames))
            np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


def test_files_that_do_not_fit_are_refused(acc, open_sim, other, tmp_path):
    file, _, _ = other
    device, data = accelerator(acc, open_sim()), file.read_bytes()
    for name, content, wanted in (("cut", data[:-1], "whole"),
                                  ("strange", data[:4] + b"12345678" + data[12:], "structure")):  # fmt: skip
        (tmp_path / name).write_bytes(content)
        stops(rf"^load: .*{name} .*{wanted}", device.load, tmp_path / name)
    stops(r"^load: .*absent .*whole", device.load, tmp_path / "absent")
    stops(r"^Accelerator: .*weights", Accelerator, read_json(acc / "overlay" / "overlay.json"), open_sim())
