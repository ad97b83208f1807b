"""Drivers against the verilated shell: the answers of a network, every refusal, resets; Python and C."""

import json
import shutil
import sys
import types

import numpy as np
import pytest
from documents import ran
from driving import BIAS, SCALE, accelerator, bit_file, printed, simulations

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.hw import graph
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.shells.dma import FrameLayout
from xnorforge.hw.shells.dma.drivers import xnorforge_driver as driver
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator, Device, Frames
from xnorforge.sim.shell import shell_library

from ..refusals import stops

FRAMES = 4  # in most tests: the simulation is the price


@pytest.fixture
def open_sim(acc, library):
    with simulations(library, acc / "rtl") as opener:
        yield opener


@pytest.mark.parametrize(("batch", "pause", "count"), [(64, 0.0, 4), (3, 0.0, 8), (1, 0.3, 4), (4, 0.6, 10)])
def test_answers_and_scores_are_those_of_the_contract(acc, open_sim, expected, batch, pause, count):
    device = accelerator(acc, open_sim(pause=pause), batch=batch)
    images, answers = (part[:count] for part in expected)
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)
    np.testing.assert_array_equal(device.predict(images), SCALE * answers[:, :4] + BIAS)
    found = device.counters()
    assert found["frames_done"] == 2 * count and found["batches"] == 2 * -(-count // batch)
    assert found["beats_in"] == 2 * count * 16 and found["beats_out"] == 2 * count * 5
    assert device.run(np.zeros((0, 4, 4, 3), int)).shape == (0, 5)


def test_a_batch_runs_at_the_accelerator_s_own_rate(acc, open_sim, expected):
    """The shell costs less than 5 % of it, its start included."""
    device, (images, answers) = accelerator(acc, open_sim()), expected
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)
    interval = max(op.cycles() for op in graph.operators(acc / "folded.onnx"))
    assert interval * len(images) >= 0.95 * device.counters()["cycles"]


def test_floats_are_values_and_integers_may_be_channels_last(acc, open_sim, expected):
    device = accelerator(acc, open_sim())
    images, answers = (part[:FRAMES] for part in expected)
    np.testing.assert_array_equal(device.run(device.integers(images.transpose(0, 2, 3, 1))), answers)
    values = images * 0.5 - 1.0 + 0.2  # nearest: the integer itself
    np.testing.assert_array_equal(device.run(device.integers(values)), answers)
    assert device.integers(np.full((1, 3, 4, 4), 1e9)).max() == 255


def test_images_that_are_no_frames_are_refused(acc, open_sim):
    device = accelerator(acc, open_sim())
    with pytest.raises(UserError, match=r"^predict: .*\(2, 4, 4\).* small.*\(N, 3, 4, 4\).*\(N, 4, 4, 3\)"):
        device.predict(np.zeros((2, 4, 4), np.uint8))
    stops(r"^predict: .*256 \.\. 256.*0 \.\. 255.*floats", device.predict, np.full((2, 3, 4, 4), 256))
    stops(r"^predict: .*float64.*NaN; ", device.predict, np.full((2, 3, 4, 4), np.nan))


def test_a_driver_refuses_another_network_and_other_frames(acc, open_sim):
    about = read_json(acc / "overlay" / "overlay.json")
    with pytest.raises(UserError, match=rf"^Accelerator: .*{about['hash']}.*small \(0123456789abcdef\).*bit"):
        Accelerator({**about, "hash": "0123456789abcdef"}, open_sim())
    with pytest.raises(UserError, match=r"\bsmall\b.*\[3, 16, 2, 9\].*device.*\[3, 16, 2, 5\].*description"):
        Accelerator({**about, "output": {**about["output"], "beats": 9}}, open_sim())


@pytest.mark.parametrize(("answer", "name"), [(2, "SLVERR"), (3, "DECERR")])
@pytest.mark.parametrize("side", ["reading frames", "writing answers"])
def test_an_error_of_the_memory_is_named_and_a_reset_helps(acc, open_sim, expected, side, answer, name):
    bus = open_sim(pause=0.2)
    device = accelerator(acc, bus, batch=8)
    images, answers = (part[:6] for part in expected)
    buffer = device.buffers[0][0 if side == "reading frames" else 1]
    stride = 64 if side == "reading frames" else 16
    bus.fail(buffer.address + 3 * stride, buffer.address + 4 * stride, answer)
    with pytest.raises(UserError) as error:
        device.run(device.integers(images))
    values = (f"DMA: {side} stopped after ", name, f"{buffer.address + 3 * stride:#x}", "reset()")
    assert all(value in str(error.value) for value in values)
    bus.fail(0, 0, 0)
    device.reset()
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)


def test_a_descriptor_that_cannot_be_is_one_sentence_and_a_reset_helps(acc, open_sim, expected):
    device = accelerator(acc, open_sim())
    images, answers = (part[:2] for part in expected)
    given = device.buffers[0]
    device.buffers[0] = driver.Buffer(given[0].data[4:], given[0].address + 4), given[1]
    stops(r"^DMA: .*descriptor.*0 frames.*\b8\b.*reset\(\)", device.run, device.integers(images))
    device.buffers[0] = given
    device.reset()
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)


def test_twenty_resets_in_mid_transfer_leave_nothing_behind(acc, open_sim, expected):
    bus, rng = open_sim(pause=0.3), np.random.default_rng(5)
    device = accelerator(acc, bus, batch=8)
    images, answers = expected
    for turn in range(20):
        cut = rng.permutation(40)[:8]
        device._start(device.into.pack(device.integers(images[cut])), *device.buffers[turn % 2])
        bus.pause(int(rng.integers(1, 500)))
        device.reset()
        assert device.counters() == dict.fromkeys(device.counters(), 0)
        part = rng.permutation(40)[:2]
        np.testing.assert_array_equal(device.run(device.integers(images[part])), answers[part])


def test_addresses_and_registers_that_do_not_exist(acc, open_sim):
    bus = open_sim(memory=4096)
    stops(r"^Device: 5,000 bytes\b.*\b4,096\b.*memory=", bus.allocate, 5000)
    stops(r"register 0x7c cannot be read", bus.read, 0x7C)
    stops(r"register 0x0 cannot be written", bus.write, 0, 1)
    stops(r"^Device: .*'usb'.*sim, linux, pynq", Device, "usb")


def test_the_interrupt_says_that_a_batch_is_done(acc, open_sim):
    bus = open_sim()
    device = accelerator(acc, bus)
    device.put("irq_enable", 1)
    assert not bus.interrupt()
    device.run(np.zeros((1, 4, 4, 3), int))
    assert bus.interrupt()
    device.put("irq_status", 1)
    assert not bus.interrupt()


def test_pynq_s_registers_and_buffers_serve_as_well(acc, open_sim, expected, monkeypatch):
    """A stand-in with pynq's names: MMIO.read, MMIO.write, allocate, device_address, flush, invalidate."""
    bus, calls = open_sim(), []

    class Memory(np.ndarray):
        def flush(self):
            calls.append("flush")

        def invalidate(self):
            calls.append("invalidate")

    def allocate(shape, dtype):
        buffer = bus.allocate(shape[0])
        memory = buffer.data.view(Memory)
        memory.device_address = buffer.address
        return memory

    class MMIO:
        def __init__(self, base, length):
            assert (base, length) == (0x4000_0000, 4096)
            self.read, self.write = bus.read, bus.write

    clocks = types.SimpleNamespace(fclk0_mhz=100.0)
    pynq = types.SimpleNamespace(MMIO=MMIO, allocate=allocate, Clocks=clocks)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    board = Device("pynq")
    board.pause = bus.pause
    images, answers = (part[:FRAMES] for part in expected)
    device = accelerator(acc, board)
    np.testing.assert_array_equal(device.run(device.integers(images)), answers)
    assert calls == ["flush", "invalidate"]


def test_pynq_runs_a_bitstream_at_the_clock_that_it_reaches(tmp_path, monkeypatch):
    """The one beside it in overlay.json, unless a lower one is given; a loaded design's clock is left alone.
    An upper bound is no such clock."""
    clocks = types.SimpleNamespace(fclk0_mhz=50.0)
    loaded = types.SimpleNamespace(download=lambda: at.append(clocks.fclk0_mhz))
    at = list[float]()
    pynq = types.SimpleNamespace(Clocks=clocks, MMIO=lambda *_: None, Bitstream=lambda _: loaded)
    monkeypatch.setitem(sys.modules, "pynq", pynq)
    (tmp_path / "overlay.json").write_text('{"shell": {}, "bitstream": {"clock_mhz": 76.923}}')
    for given, reached in (({"clock_mhz": 60.0}, 60.0), ({}, 76.923)):
        Device("pynq", bitstream=tmp_path / "overlay.bit", **given)
        assert clocks.fclk0_mhz == reached
    assert at == [60.0, 76.923] and Device("pynq").clock_mhz == clocks.fclk0_mhz == 76.923
    with pytest.raises(UserError, match=r"^Device: .*overlay\.json .* 76\.923 MHz.*\b77; .*=76\.923"):
        Device("pynq", bitstream=tmp_path / "overlay.bit", clock_mhz=77)
    (tmp_path / "overlay.json").write_text('{"bitstream": {"clock_mhz": 76.923, "clock_met": false}}')
    with pytest.raises(UserError, match=r"^Device: .* 76\.923 MHz.*upper bound.*clock_mhz=.*examples\.npz"):
        Device("pynq", bitstream=tmp_path / "overlay.bit")
    assert len(at) == 2 and Device("pynq", bitstream=tmp_path / "overlay.bit", clock_mhz=50).clock_mhz == 50


def test_a_clock_above_the_bitstream_s_is_refused_whoever_set_it(acc, open_sim):
    about = read_json(acc / "overlay" / "overlay.json") | {"bitstream": {"clock_mhz": 83.333}}
    bus = open_sim()
    bus.clock_mhz = 1000 / 12
    Accelerator(about, bus)
    bus.clock_mhz = 100.0
    stops(r"^Accelerator: .*\bsmall\b.*\b83\.333 MHz.*\b100; .*=83\.333", Accelerator, about, bus)


def test_linux_maps_registers_and_a_buffer_and_says_what_is_missing(tmp_path, acc):
    registers, about = tmp_path / "dev" / "uio0", tmp_path / "sys/class/u-dma-buf/udmabuf0"
    with pytest.raises(UserError, match=rf"^Device: .*{registers} \(No such file.*udmabuf0.*root"):
        Device("linux", registers, 0, root=tmp_path)
    about.mkdir(parents=True)
    registers.parent.mkdir()
    registers.write_bytes(bytes(4096))
    (tmp_path / "dev/udmabuf0").write_bytes(bytes(8192))
    (about / "phys_addr").write_text("0x1f000000\n")
    (about / "size").write_text("8192\n")
    bus = Device("linux", registers, 0, root=tmp_path)
    bus.write(0x54, 0xDEADBEEF)
    assert registers.read_bytes()[0x54:0x58] == bytes.fromhex("efbeadde") and bus.read(0x54) == 0xDEADBEEF
    first, second = bus.allocate(100), bus.allocate(10)
    assert (first.address, second.address) == (0x1F000000, 0x1F000080)
    second.data[:] = 7
    assert (tmp_path / "dev/udmabuf0").read_bytes()[128:138] == bytes([7]) * 10
    stops(r"\b8,192 bytes\b.*\b8,000\b.*u-dma-buf", bus.allocate, 8192)
    with pytest.raises(UserError, match=r"no shell of version 1 .* \(identity 0x00000000,"):
        Accelerator(read_json(acc / "overlay" / "overlay.json"), bus)


def test_a_bitstream_goes_to_the_kernel_with_its_bytes_swapped(tmp_path):
    manager, file = tmp_path / "sys/class/fpga_manager/fpga0", tmp_path / "net.bit"
    file.write_bytes(bit_file(bytes.fromhex("ffffffff aa995566 20000000")))
    with pytest.raises(UserError, match=r"^load_bitstream: .*/flags \(No such file or directory\).*root"):
        driver.load_bitstream(file, tmp_path)
    manager.mkdir(parents=True)
    (manager / "state").write_text("operating\n")
    driver.load_bitstream(file, tmp_path)
    assert (tmp_path / "lib/firmware/net.bin").read_bytes().hex() == "ffffffff" + "665599aa" + "00000020"
    assert (manager / "flags").read_text() == "0" and (manager / "firmware").read_text() == "net.bin"
    (manager / "state").write_text("write init error\n")
    stops(r"^load_bitstream: .*'write init error'.*net\.bin\b", driver.load_bitstream, file, tmp_path)
    for broken in (b"", file.read_bytes()[:-1], bytes(200)):
        file.write_bytes(broken)
        stops(r"net\.bit is not a complete \.bit", driver.load_bitstream, file, tmp_path)


def form_of(stream: Stream) -> Frames:
    """That of a stream, as the description has it."""
    layout = FrameLayout(-(-stream.width // 8), stream.beats)
    return Frames({
        "shape": stream.shape, "lanes": stream.lanes, "bits": stream.bits, "signed": stream.signed,
        "bytes": layout.bytes, "beats": layout.beats, "slot": layout.slot, "stride": layout.stride,
    })  # fmt: skip


def test_a_frame_in_memory_by_hand():
    """Elements 1, -1, 2 of 4 bits, two per beat: beats 0xf1 and 0x02 in slots of one byte."""
    form = form_of(Stream((4,), 2, 4, True))
    assert form.pack(np.array([[1, -1, 2, 0]])).tolist() == [[0xF1, 0x02, 0, 0, 0, 0, 0, 0]]
    wide = form_of(Stream((3,), 3, 9, False))  # 27 bits: a slot of 4 bytes
    word = 1 | 2 << 9 | 511 << 18
    assert bytes(wide.pack(np.array([[1, 2, 511]]))[0]) == word.to_bytes(8, "little")


@pytest.mark.parametrize("seed", range(20))
def test_frames_in_memory_are_the_beats_of_the_stream_in_their_slots(seed):
    rng = np.random.default_rng(seed)
    lanes, bits, signed = int(rng.integers(1, 20)), int(rng.integers(1, 34)), bool(rng.integers(0, 2))
    stream = Stream((int(rng.integers(1, 6)), lanes), lanes, bits, signed)
    values = rng.integers(0, 2**bits, (3, *stream.shape)) - (2 ** (bits - 1) if signed else 0)
    form = form_of(stream)
    packed = form.pack(values)
    np.testing.assert_array_equal(form.unpack(packed), values)
    beats = stream.pack(values).view(np.uint8).reshape(3, stream.beats, -1)[..., : form.bytes]
    slots = packed[:, : stream.beats * form.slot].reshape(3, stream.beats, form.slot)
    np.testing.assert_array_equal(slots[..., : form.bytes], beats)
    assert not slots[..., form.bytes :].any() and form.stride % 8 == 0


def test_the_python_driver_needs_nothing_of_this_package(acc):
    text = "import sys; sys.modules['xnorforge'] = None\nimport xnorforge_driver as driver\n"
    text += "print(driver.UserError.__module__)"
    done = ran([sys.executable, "-c", text], acc / "overlay")
    assert (done.returncode, done.stdout) == (0, "xnorforge_driver\n"), done.stderr


def test_the_two_halves_of_the_cycles_are_of_one_moment(acc, open_sim):
    """While they are read the shell runs, and the low one wraps."""
    device, cycles = accelerator(acc, open_sim()), iter(range(2**32 - 2, 2**32 + 20))
    halves = {driver.REGISTERS["cycles_low"]: 0, driver.REGISTERS["cycles_high"]: 32}
    reading = types.SimpleNamespace(
        read=lambda at: next(cycles) >> halves[at] & 0xFFFF_FFFF if at in halves else 0
    )
    for _ in range(3):
        device.bus = reading
        least, found = 2**32 - 2, device.counters()["cycles"]
        assert least <= found < 2**32 + 20, hex(found)


@pytest.mark.parametrize("pause", [0.0, 0.4])
def test_the_c_driver_gives_the_same_integers(acc, library, expected, tmp_path, pause):
    images, answers = (part[:FRAMES] for part in expected)
    given = "driver_test.c", acc, library, tmp_path, images.transpose(0, 2, 3, 1)
    found, last = printed(*given, str(FRAMES), str(int(pause * 2**32)))
    assert [int(word) for word in found.split()] == answers.ravel().tolist()
    assert last == "write failed at 0, 1 batch"


def test_the_description_says_what_the_drivers_and_the_registers_have(acc):
    about = json.loads((acc / "overlay" / "overlay.json").read_text())
    assert about["shell"]["registers"] == driver.REGISTERS
    assert (about["input"]["slot"], about["input"]["stride"]) == (4, 64)
    assert (about["output"]["slot"], about["output"]["stride"]) == (2, 16)
    listed = (acc / "overlay" / "rtl" / "system.f").read_text().splitlines()
    assert all((acc / "overlay" / "rtl" / line).exists() for line in listed if line.endswith("v"))


def test_an_overlay_of_another_network_is_not_simulated(acc, tmp_path):
    net = shutil.copytree(acc.parent, tmp_path / "net")
    about = net / "acc" / "overlay" / "overlay.json"
    write_json(about, {**read_json(about), "hash": "0" * 16})
    stops(rf"^{about}: .*folded\.onnx.*xnorforge overlay {net / 'acc'}\b", shell_library, net / "acc")
