"""Drivers of the shell without a bus master, verilated: answers of a network word by word; Python and C."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import cache
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.flows.overlay import write_overlay
from xnorforge.hw import boards
from xnorforge.hw.shells.dma.drivers import xnorforge_driver as driver
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator, Device
from xnorforge.hw.shells.forms import FORMS
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.shell import shell_library

sys.path.insert(0, str(Path(__file__).parent))
from driving import BIAS, SCALE, accelerator, c_program, simulations, small_network

ROOT = Path(boards.__file__).parent


def plain(folder: Path) -> dict[str, str]:
    """The environment of a command for which there is a board `plain`: PYNQ-Z2 with `kind = "gp"`."""
    text = (ROOT / "pynq-z2" / "board.toml").read_text()
    assert text.count('kind = "dma"') == 1
    own = folder / "hw" / "boards" / "plain"
    own.mkdir(parents=True)
    (own / "board.toml").write_text(text.replace('kind = "dma"', 'kind = "gp"'))
    return os.environ | {"XNORFORGE_PLUGINS": str(folder), "XNORFORGE_CACHE": str(cache.cache_dir())}


def xnorforge(environment: dict[str, str], folder: Path, *words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "xnorforge", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def acc(tmp_path_factory, chain):
    """A network's folder with rtl/ and overlay/, of a board with such a shell."""
    acc, board = small_network(tmp_path_factory.mktemp("net"), chain), boards.load("pynq-z2")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(boards, "load", lambda _name: replace(board, shell=board.shell | {"kind": "gp"}))
        write_overlay(acc, acc.parent)
    return acc


@pytest.fixture
def open_sim(acc, library):
    with simulations(library, acc / "rtl", memory=8) as opener:
        yield opener


@pytest.mark.parametrize(("batch", "pause", "count"), [(64, 0.0, 40), (3, 0.0, 8), (1, 0.3, 4), (8, 0.6, 20)])
def test_answers_and_scores_are_those_of_the_contract(acc, open_sim, expected, batch, pause, count):
    """More frames at a time than both FIFOs hold words."""
    device = accelerator(acc, open_sim(pause=pause), batch=batch)
    images, answers = (part[:count] for part in expected)
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)
    np.testing.assert_array_equal(device.predict(images), SCALE * answers[:, :4] + BIAS)
    assert device.counters()["frames_done"] == 2 * count
    assert device.run(np.zeros((0, 4, 4, 3), int)).shape == (0, 5)


def test_the_description_says_what_the_driver_and_the_registers_have(acc):
    """Beats in of 3 bytes in slots of 4; five beats out of 2 bytes in three words of 4."""
    about = read_json(acc / "overlay" / "overlay.json")
    registers = {"registers": driver.GP_REGISTERS, "base": 0x40000000}
    assert about["shell"] == {"id": 0x58464750, "version": 0x10000, **registers}
    assert (about["input"]["slot"], about["input"]["stride"]) == (4, 64)
    assert (about["output"]["slot"], about["output"]["stride"]) == (2, 12)
    listed = (acc / "overlay" / "rtl" / "system.f").read_text().splitlines()
    assert all((acc / "overlay" / "rtl" / line).exists() for line in listed if line.endswith("v"))
    assert not any("dma" in line for line in listed)


def test_a_run_that_was_cut_leaves_nothing_to_the_next(acc, open_sim, expected, monkeypatch):
    bus = open_sim()
    device, (images, answers) = accelerator(acc, bus), expected
    for cut in (1, 9, 33, 60):
        left, write = iter(range(cut)), bus.write

        def until(offset, value, left=left, write=write):
            if offset == driver.GP_REGISTERS["data"] and next(left, None) is None:
                raise KeyboardInterrupt
            write(offset, value)

        with monkeypatch.context() as patched:
            patched.setattr(bus, "write", until)
            with pytest.raises(KeyboardInterrupt):
                device.run(device.integers(images[:8]))
        np.testing.assert_array_equal(device.run(device.integers(images[8:11])), answers[8:11])


def test_words_of_another_program_are_an_error_of_one_sentence(acc, open_sim, expected):
    device, (images, answers) = accelerator(acc, open_sim()), expected
    assert device.get("data") == 0
    with pytest.raises(UserError) as error:
        device.run(device.integers(images[:1]))
    values = ("Accelerator: ", "0 frames", "word", "read", "empty", "another program", "reset()")
    assert all(value in str(error.value) for value in values)
    device.reset()
    while not device.get("status") & driver.FAILED:
        device.put("data", 0)
    with pytest.raises(UserError) as error:
        device.run(device.integers(images[:1]))
    text = r"Accelerator: .*\b\d+ frames\b.*\bword .*written.*full\b.*another program.*reset\(\)"
    assert re.match(text, str(error.value))
    device.reset()
    np.testing.assert_array_equal(device.run(device.integers(images[:3])), answers[:3])


def test_a_driver_refuses_the_other_form_and_another_network(acc, open_sim):
    about, bus = read_json(acc / "overlay" / "overlay.json"), open_sim()
    with pytest.raises(UserError, match=r"^Accelerator: .*version 1\b.*0x58464750.*0x58465348.*bitstream"):
        Accelerator({**about, "shell": FORMS["dma"].about()}, bus)
    with pytest.raises(UserError, match=r"^Accelerator: .*another network.*0123456789abcdef"):
        Accelerator({**about, "hash": "0123456789abcdef"}, bus)


def test_no_answer_is_told(acc, open_sim):
    """A device that takes no word: its status is as if no time passed."""
    bus = open_sim()
    device = accelerator(acc, bus, patience=0.01)
    bus.read = lambda offset: 0  # type: ignore[method-assign]
    with pytest.raises(UserError, match=r"^Accelerator: .*0\.01 s \(status 0, frames_done 0\).*clock"):
        device.run(np.zeros((1, 4, 4, 3), int))


def test_linux_needs_no_memory_for_it(tmp_path):
    registers = tmp_path / "uio0"
    registers.write_bytes(bytes(4096))
    bus = Device("linux", registers, 0, None)
    bus.write(0x80, 5)
    assert bus.read(0x80) == 5 and registers.read_bytes()[0x80] == 5
    with pytest.raises(UserError, match=r"\b8 bytes\b.*\b0 of the buffer\b"):
        bus.allocate(8)


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_the_c_driver_gives_the_same_integers(acc, library, expected, tmp_path, pause):
    program = c_program("gp_driver_test.c", acc, library, tmp_path)
    images, answers = (part[:20] for part in expected)
    text = " ".join(map(str, images.transpose(0, 2, 3, 1).ravel().tolist()))
    given = [program, acc / "rtl", "20", str(int(pause * 2**32))]
    done = subprocess.run(given, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [int(word) for word in done.stdout.split()] == answers.ravel().tolist()


def test_a_network_with_loads_is_refused(acc, monkeypatch):
    """Its rtl.json says that it has some."""
    record = read_json(acc / "rtl" / "rtl.json")
    with pytest.raises(UserError, match=r'^tracker: .*weights.*"gp".*kind = "dma"'):
        FORMS["gp"].text({**record, "loads": {"address_bits": 6}}, 0, "tracker")
    before = (acc / "overlay" / "overlay.json").read_bytes()
    write_json(acc / "rtl" / "rtl.json", {**record, "loads": {"address_bits": 6}})
    board = boards.load("pynq-z2")
    monkeypatch.setattr(boards, "load", lambda _name: replace(board, shell=board.shell | {"kind": "gp"}))
    with pytest.raises(UserError, match=r"^small: .*\[shell\] kind = "):
        write_overlay(acc, acc.parent)
    write_json(acc / "rtl" / "rtl.json", record)
    assert (acc / "overlay" / "overlay.json").read_bytes() == before


@pytest.mark.full
def test_images_of_mnist_tfc_are_those_of_the_bit_simulator(tmp_path):
    """150 images from the command line's build, scores the trained network's; 20 resets in mid-frame."""
    environment = plain(tmp_path / "plugins")
    for words in (
        ("build", "mnist-tfc", "--board", "plain", "--until", "generate"),
        ("build", "mnist-tfc", "--board", "plain", "--until", "overlay", "--pnr", "off"),
    ):
        done = xnorforge(environment, tmp_path, *words)
        assert done.returncode == 0, done.stderr
    acc = tmp_path / "out/mnist-tfc/rtl-plain"
    with np.load(acc.parent / "golden.npz") as golden:
        images, scores = golden["images"][:150], golden["scores"][:150]
    simulator = BitSimulator(acc / "folded.onnx")
    answers = simulator.run(images)[simulator.ops[-1].name]
    bus = Device("sim", shell_library(acc, level="-O1"), acc / "rtl", memory=8, pause=0.1)
    device = accelerator(acc, bus)
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)
    print(f"{device.counters()['cycles'] / len(images):,.0f} cycles per frame")
    np.testing.assert_array_equal(device.predict(images[:100]), scores[:100])
    rng = np.random.default_rng(0)
    for _ in range(20):
        for word in rng.integers(0, 2**32, rng.integers(1, 30)).tolist():
            device.put("data", word)
        bus.pause(int(rng.integers(1, 400)))
        device.reset()
        part = rng.permutation(len(images))[:2]
        np.testing.assert_array_equal(device.run(device.integers(images[part])), answers[part])
    bus.close()
