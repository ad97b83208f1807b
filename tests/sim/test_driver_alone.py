"""Drivers alone, against registers that a test plays: every word that they write, all that they answer."""

import ctypes as c
import os
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator, Buffer, Bus

from ..refusals import refuses, says

DRIVERS = Path(__file__).parents[2] / "hw/shells/dma/drivers"
ERRORS = [  # of xf_driver.h, in its order
    "OK", "NO_SHELL", "OTHER_NETWORK", "OTHER_FRAMES", "NO_ANSWER", "READ_FAILED", "WRITE_FAILED",
    "FRAME_FAILED", "BAD_DESCRIPTOR", "BAD_WEIGHTS",
    "OTHER_STRUCTURE", "NO_WEIGHTS", "WEIGHTS_FAILED", "TOO_FAST", "LOST",
]  # fmt: skip
OK, NO_SHELL, OTHER_NETWORK, OTHER_FRAMES, NO_ANSWER = range(5)
BAD, OTHER, LOST = map(ERRORS.index, ("BAD_WEIGHTS", "OTHER_STRUCTURE", "LOST"))
# docs/guide/board.md
ID, VERSION, HASH, CONTROL, STATUS, ERROR, ADDRESS = 0x00, 0x04, 0x08, 0x24, 0x28, 0x2C, 0x30
SOURCE, TARGET, COUNT, START, BATCHES = 0x40, 0x48, 0x50, 0x54, 0x58
RESETTING, FAILED = 2, 4
READ = c.CFUNCTYPE(c.c_uint32, c.c_void_p, c.c_uint32)
WRITE = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_uint32)
PAUSE = c.CFUNCTYPE(None, c.c_void_p)
U32 = c.c_uint32


class Frames(c.Structure):
    _fields_ = [(name, U32) for name in ("bytes", "beats", "lanes", "bits", "is_signed", "slot", "stride")]


class Loads(c.Structure):
    names = ("window", "open", "id", "control", "words")
    _fields_ = [("structure", c.c_uint64), *((name, U32) for name in names)]


class InMemory(c.Structure):
    _fields_ = [("structure", c.c_uint64), ("bytes", U32)]


class Network(c.Structure):
    _fields_ = [
        ("hash", c.c_uint64), ("input", Frames), ("output", Frames), ("loads", Loads),
        ("in_memory", InMemory), ("clock_khz", U32),
    ]  # fmt: skip


class Device(c.Structure):
    _fields_ = [
        ("registers", c.POINTER(U32)), ("read", READ), ("write", WRITE), ("pause", PAUSE),
        ("context", c.c_void_p), ("polls", U32), ("clock_khz", U32),
    ]  # fmt: skip


class Registers(dict):
    """What a shell answers, {offset: word}, and the (offset, word) written to it."""

    def __init__(self, words=(), polls: int = 5):
        super().__init__(words)
        self.written, self.pauses = [], 0
        # Kept here: C has their addresses alone.
        self.device = Device(
            None, READ(lambda _, at: self.read(at)), WRITE(lambda _, at, word: self.write(at, word)),
            PAUSE(self.pause), None, polls,
        )  # fmt: skip

    def read(self, at: int) -> int:
        return self.get(at, 0)

    def write(self, at: int, word: int) -> None:
        self.written.append((at, word))

    def pause(self, _) -> None:
        self.pauses += 1


def compiled(folder: Path, *sources: Path) -> c.CDLL:
    compiler = os.environ.get("CC") or "gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler {compiler}")
    words = ["-std=c99", "-O1", "-fPIC", "-shared", f"-I{DRIVERS}", f"-I{folder}", "-o", folder / "driver.so"]
    traps = ["-fsanitize=undefined,bounds", "-fsanitize-undefined-trap-on-error"]  # need no library
    subprocess.run([compiler, *words, *traps, *sources], check=True)
    found = c.CDLL(str(folder / "driver.so"))
    found.xf_error_address.restype, found.xf_error_text.restype = c.c_uint64, c.c_char_p
    found.xf_batches.restype = U32
    found.xf_start.argtypes = found.xf_run.argtypes = [c.c_void_p, c.c_uint64, c.c_uint64, U32]
    found.xf_wait.argtypes = [c.c_void_p, U32]
    found.xf_load.argtypes = [c.c_void_p, c.c_void_p, c.c_char_p, c.c_size_t]
    return found


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    return compiled(tmp_path_factory.mktemp("driver"), DRIVERS / "xf_driver.c")


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [*range(1, 34), 63, 64, 65, 70])
def test_frames_lie_bit_by_bit_in_their_slots(driver, bits, signed):
    rng = np.random.default_rng(bits)
    lanes, beats = int(rng.integers(1, 7)), int(rng.integers(1, 5))
    slot = -(-lanes * bits // 8) + int(rng.integers(0, 4))
    stride = slot * beats + int(rng.integers(0, 9))
    form = Frames(slot * beats, beats, lanes, bits, signed, slot, stride)
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)

    def slots(integers):
        """A beat is one number, element 0 in its lowest bits."""
        rows = np.asarray(integers, object).reshape(beats, lanes)
        words = [sum((n % 2**bits) << bits * k for k, n in enumerate(row)) for row in rows]
        return b"".join(word.to_bytes(slot, "little") for word in words).ljust(stride, b"\0")

    given = [int(n) for n in rng.integers(max(low, -(2**31)), min(high, 2**31), beats * lanes)]
    memory = (c.c_uint8 * (stride + 1))(*b"\xff" * (stride + 1))
    driver.xf_pack(c.byref(form), (c.c_int32 * len(given))(*given), memory)
    assert bytes(memory) == slots(given) + b"\xff"

    wide = [low, high - 1, *(low + int.from_bytes(rng.bytes(9), "little") % (high - low) for _ in given)]
    wide = wide[: len(given)]
    found = (c.c_int64 * len(wide))()
    driver.xf_unpack(c.byref(form), slots(wide), found)
    assert [n % 2**64 for n in found] == [n % 2**64 for n in wide]  # the lowest 64 bits


SIDES = Frames(48, 16, 3, 8, 0, 3, 48), Frames(32, 4, 1, 14, 1, 8, 32)
NETWORK = Network(0x123456789ABCDEF0, *SIDES)
SHELL = {ID: 0x58465348, VERSION: 0x1_0007, HASH: 0x9ABCDEF0, HASH + 4: 0x12345678, 0x10: 48, 0x14: 16,
         0x18: 32, 0x1C: 4}  # fmt: skip


@pytest.mark.parametrize("at", [None, *SHELL])
def test_a_device_is_opened_where_all_that_it_says_of_itself_is_right(driver, at):
    registers = Registers(SHELL)
    if at is not None:
        registers[at] ^= 0x10000
    wanted = {None: OK, ID: NO_SHELL, VERSION: NO_SHELL, HASH: OTHER_NETWORK, HASH + 4: OTHER_NETWORK}
    assert driver.xf_open(c.byref(registers.device), c.byref(NETWORK)) == wanted.get(at, OTHER_FRAMES)
    assert registers.written == ([(CONTROL, 1)] if at is None else [])


def test_a_clock_above_the_bitstream_s_is_refused(driver):
    for most, now, wanted in ((0, 9, OK), (83333, 0, OK), (83333, 83333, OK), (83333, 83334, 13)):
        registers, network = Registers(SHELL), Network(NETWORK.hash, *SIDES, clock_khz=most)
        registers.device.clock_khz = now
        assert driver.xf_open(c.byref(registers.device), c.byref(network)) == wanted


@pytest.mark.parametrize(("busy", "polls", "wanted"), [(0, 0, OK), (3, 3, OK), (4, 3, NO_ANSWER)])
def test_a_reset_is_awaited_for_as_many_polls_as_allowed(driver, busy, polls, wanted):
    registers = Registers(polls=polls)
    left = iter([RESETTING] * busy)
    registers.read = lambda at: next(left, ~RESETTING & 0xFFFFFFFF)
    assert driver.xf_reset(c.byref(registers.device)) == wanted
    assert registers.written == [(CONTROL, 1)] and registers.pauses == min(busy, polls)


def test_a_descriptor_has_both_halves_of_its_addresses(driver):
    registers = Registers()
    given = 0x1122334455667788, 0x99AABBCCDDEEFF00, 77
    assert driver.xf_start(c.byref(registers.device), *given) == OK
    assert registers.written[-1] == (START, 1) and sorted(registers.written[:-1]) == [
        (SOURCE, 0x55667788), (SOURCE + 4, 0x11223344), (TARGET, 0xDDEEFF00), (TARGET + 4, 0x99AABBCC),
        (COUNT, 77),
    ]  # fmt: skip


@pytest.mark.parametrize("code", range(18))
def test_each_code_of_the_shell_has_its_error(driver, code):
    """The low four bits, 1 to 4 in the order of xf_driver.h; 7 of weights."""
    registers = Registers({STATUS: FAILED, ERROR: code, ADDRESS: 0x89ABCDEF, ADDRESS + 4: 0x01234567})
    codes = {1: 5, 2: 6, 3: 7, 4: ERRORS.index("BAD_DESCRIPTOR"), 7: ERRORS.index("WEIGHTS_FAILED")}
    wanted = codes.get(code % 16, NO_SHELL)
    assert driver.xf_start(c.byref(registers.device), 0, 0, 1) == wanted
    assert driver.xf_wait(c.byref(registers.device), 1) == wanted
    assert driver.xf_error_address(c.byref(registers.device)) == 0x0123456789ABCDEF


def test_each_error_has_a_text_of_its_own(driver):
    texts = [driver.xf_error_text(error) for error in range(len(ERRORS))]
    assert len({*texts, driver.xf_error_text(-1)}) == len(ERRORS) + 1
    assert driver.xf_error_text(-1) == driver.xf_error_text(len(ERRORS))


@pytest.mark.parametrize("first", [0, 2**31 - 1, 2**32 - 2, 2**32 - 1])
def test_a_wait_ends_with_its_batch_wherever_the_counter_is(driver, first):
    """Batches ahead are not awaited; those that cannot be under way are of another program."""
    registers = Registers({BATCHES: first, STATUS: ~FAILED & 0xFFFFFFFF}, polls=10)
    waits = {0: OK, -4: OK, 1: NO_ANSWER, 5: NO_ANSWER, -5: LOST, 6: LOST, 2**31: LOST}
    found = {n: driver.xf_wait(c.byref(registers.device), (first + n) % 2**32) for n in waits}
    assert found == waits and registers.pauses == 2 * 10
    assert driver.xf_batches(c.byref(registers.device)) == first


def test_registers_in_memory_are_words(driver):
    """Without functions of the user's: offset 0x54 is word 21."""
    words = (U32 * 64)()
    words[BATCHES // 4] = 9
    device = Device(words, polls=3)
    assert driver.xf_start(c.byref(device), 24, 32, 5) == OK and driver.xf_batches(c.byref(device)) == 9
    assert {k: word for k, word in enumerate(words) if word} == {16: 24, 18: 32, 20: 5, 21: 1, 22: 9}


def test_a_program_in_cpp_calls_the_driver(tmp_path):
    source = '#include "xf_driver.h"\nextern "C" const char *said() { return xf_error_text(XF_OK); }\n'
    (tmp_path / "user.cpp").write_text(source)
    user = compiled(tmp_path, DRIVERS / "xf_driver.c", tmp_path / "user.cpp")
    user.said.restype = c.c_char_p
    assert user.said() == user.xf_error_text(OK)


LOADS = Loads(0x123456789ABCDEF0, 0x1000, 0x1004, 0x1008, 0x1800, 2)


def weights_file(structure=LOADS.structure, writes=((0x840, 7), (0x844, 9)), text=b"{}", memory=b""):
    """By docs/guide/board.md: eight words, address and data of each write, weights in memory, a text."""
    content, sizes = np.array(writes, "<u4").tobytes() + memory, (len(writes), len(text), len(memory))
    head = [structure & 0xFFFFFFFF, structure >> 32, zlib.crc32(content), *sizes, zlib.crc32(text)]
    return b"XFW1" + np.array(head, "<u4").tobytes() + content + text


@pytest.mark.parametrize("loads", [None, LOADS])
def test_weights_in_memory_are_copied_and_their_address_is_given(driver, loads):
    """0x7C and 0x80 are the registers of the address; a file that does not fit changes nothing."""
    place, weights = driver.xf_place_weights, bytes(range(24))
    place.argtypes = [c.c_void_p, c.c_void_p, c.c_char_p, c.c_size_t, c.c_void_p, c.c_uint64]
    network = Network(in_memory=InMemory(LOADS.structure, 24), **({"loads": loads} if loads else {}))
    writes = {} if loads else {"writes": ()}
    registers, memory = Registers(), c.create_string_buffer(b"?" * 24, 25)

    def placed(network, data: bytes) -> int:
        at = 0x9_1000_0008
        return place(c.byref(registers.device), c.byref(network), data, len(data), memory, at)

    for other, wanted in (
        (weights_file(memory=weights[:16], **writes), "OTHER_STRUCTURE"),
        (weights_file(5, memory=weights, **writes), "OTHER_STRUCTURE"),
        (weights_file(memory=weights, **writes)[:-1], "BAD_WEIGHTS"),
    ):
        assert placed(network, other) == ERRORS.index(wanted)
    assert placed(Network(loads=LOADS), weights_file()) == ERRORS.index("BAD_WEIGHTS")
    assert memory.value == b"?" * 24 and not registers.written
    assert placed(network, weights_file(memory=weights, **writes)) == OK
    assert memory.raw[:24] == weights and registers.written == [(0x7C, 0x1000_0008), (0x80, 9)]


def test_a_load_is_its_beginning_the_words_and_its_end(driver):
    """In this order, once the network is empty; if it never is, no word is written."""
    network, data = Network(loads=LOADS), weights_file()
    name = int.from_bytes(data[12:16], "little")
    registers = Registers({LOADS.open: 1, LOADS.id: name})
    assert driver.xf_load(c.byref(registers.device), c.byref(network), data, len(data)) == OK
    assert registers.written == [(0x1800, 0), (0x1840, 7), (0x1844, 9), (0x1800, name)]
    registers = Registers(polls=4)
    assert driver.xf_load(c.byref(registers.device), c.byref(network), data, len(data)) == NO_ANSWER
    assert registers.written == [(0x1800, 0)] and registers.pauses == 4


def test_a_device_in_the_middle_of_a_load_says_so_when_it_is_opened(driver):
    registers = Registers({ID: SHELL[ID], VERSION: 1 << 16})
    for number, wanted in ((0, ERRORS.index("NO_WEIGHTS")), (1, OK)):
        registers[LOADS.id] = number
        network = Network(loads=LOADS)
        assert driver.xf_open(c.byref(registers.device), c.byref(network)) == wanted


BYTES = {"shape": [4], "lanes": 1, "bits": 8, "signed": 0, "bytes": 1, "beats": 4, "slot": 1, "stride": 8}
ABOUT = {
    "net": "false", "hash": f"{NETWORK.hash:016x}", "output": BYTES,
    "input": {**BYTES, "lo": 0, "hi": 255, "scale": 1, "offset": 0},
    "scores": {"scale": [1.0] * 4, "bias": [0.0] * 4},
    "loads": {"structure": f"{LOADS.structure:016x}", "window": 0x1000, "words": 2, "control": 0x800,
              "registers": {"open": 4, "id": 8}},
}  # fmt: skip
FORM, BASE = Frames(1, 4, 1, 8, 0, 1, 8), 0x1000
SAME = Network(NETWORK.hash, FORM, FORM, LOADS)


class Drawn(Registers, Bus):
    """A device whose network inverts bytes, with a fault that comes at a drawn access; both drivers' bus."""

    def __init__(self, fault: str, rng: random.Random):
        limits = rng.choice([0, 32 << 24, 16 << 16, 2**32 - 1]) if fault == "limits" else 0x20100004
        forms = {0x10: 1, 0x14: 4, 0x18: 1, 0x1C: 4, 0x20: limits, LOADS.open: 1, LOADS.id: 1}
        super().__init__({**SHELL, **forms}, polls=30)
        self.fault, self.rng, self.left = fault, rng, rng.randrange(5, 90)
        self.first = rng.choice([0, 1, 2**31 - 2, 2**31 + 7, 2**32 - 2, 2**32 - 1])
        self.queue, self.memory, self.time = [], np.zeros(4096, np.uint8), 0
        if fault == "identity":
            self[rng.choice([*SHELL])] ^= 1 << rng.randrange(16, 32)

    def allocate(self, count):
        part = self.part(count, 8, "")
        return Buffer(self.memory[part], BASE + part.start)

    def now(self):
        return self.time

    def read(self, at):
        self.left -= 1
        if self.left < 0 and self.fault in ("ones", "zeros"):
            return 0xFFFFFFFF * (self.fault == "ones")
        return self.get(at, 0)

    def write(self, at, word):
        self.written.append((at, word))
        self[at] = word
        if at == CONTROL:
            self.queue, self[BATCHES], self[BATCHES + 4] = [], self.first, self.first
            self[STATUS] = RESETTING * (self.fault == "resetting")
        elif at == LOADS.control and self.fault != "deaf":
            self[LOADS.id] = word
        elif at == START:
            self.queue.append((self[SOURCE], self[TARGET], self[COUNT]))

    def pause(self, _=None):
        self.time += 1
        self.left -= 1
        if self.left < 0 and self.fault in ("reset", "another"):
            self.queue, self[BATCHES], self[BATCHES + 4], self.left = [], 0, 0, 10**6
            if self.fault == "another":
                self[TARGET], self[BATCHES], self[BATCHES + 4] = BASE + 2048, 1, self.rng.randrange(5)
        elif self.left < 0 and self.fault == "ahead":
            self[BATCHES] = self.rng.randrange(2**32)
        elif self.left < 0 and self.fault == "code":
            self[STATUS], self[ERROR] = FAILED, self.rng.randrange(64)
        elif self.left < 0 and self.fault == "load":
            self[LOADS.id] = self.rng.randrange(3)
        elif self.queue and self.fault != "stuck":
            source, target, count = self.queue.pop(0)
            part = slice(source - BASE, source - BASE + 8 * count)
            self.memory[target - BASE :][: 8 * count] = ~self.memory[part]
            self[BATCHES] = (self[BATCHES] + 1) % 2**32
            self[BATCHES + 4] = (self[BATCHES + 4] + count * (self.fault != "short")) % 2**32


FAULTS = ["none", "identity", "limits", "resetting", "ones", "zeros", "reset", "another", "ahead", "code"]
FAULTS += ["load", "stuck", "short"]
FACTS = {"stuck": "no answer came … 20 s (status 0, beats_in 0", 1: "DMA: reading frames stopped … ; ",
         3: "Accelerator: after … frames, a frame did not end at beat 4; call reset()"}  # fmt: skip


def test_a_thousand_false_devices_give_the_right_scores_or_a_sentence(driver):
    """Each at both drivers: three batches of 2, 2 and 1 frames."""
    ends = set()
    for seed in range(1000):
        fault = FAULTS[seed % len(FAULTS)]
        images = np.random.default_rng(seed).integers(0, 256, (5, 4)).astype(np.uint8)
        try:
            fake = Drawn(fault, random.Random(seed))
            device = Accelerator({**ABOUT}, fake, batch=2, patience=20)
            np.testing.assert_array_equal(device.predict(images), 255 - images, f"{seed} {fault}")
            ends.add((fault, True))
        except UserError as refused:
            error = fake.get(ERROR, 0)
            says(refused, FACTS.get(fault, FACTS.get(error % 16, "; ")))
            ends.add((fault, False))
        fake = Drawn(fault, random.Random(seed))
        fake.memory[:40].reshape(5, 8)[:, :4] = images
        error = driver.xf_open(c.byref(fake.device), c.byref(SAME))
        for n, count in ((0, 2), (2, 2), (4, 1)):
            given = BASE + 8 * n, BASE + 1024 + 8 * n, count
            error = error or driver.xf_run(c.byref(fake.device), *given)
        found = fake.memory[1024:1064].reshape(5, 8)[:, :4]
        right = error == OK and (found == 255 - images).all()
        assert right or (fault != "none" and 0 < error < len(ERRORS)), f"{seed} {fault}"
    assert ends >= {("none", True), *((fault, False) for fault in FAULTS[1:])} and ("none", False) not in ends


def damaged(rng: random.Random, how: int) -> bytes:
    """A weights file, whole, with a bit flipped, cut short, too long, of another structure, or addresses."""
    whole = weights_file(text=b'{"scores": null}')
    at, bit = rng.randrange(len(whole)), 1 << rng.randrange(8)
    flipped = whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]
    place = rng.choice([0x1000, 0x01000000, 0x841, 4, 8, 0x800, rng.randrange(0x1000, 2**32)])
    other = weights_file(rng.getrandbits(64)), weights_file(writes=rng.sample([(place, 7), (0x844, 9)], 2))
    return [whole, flipped, whole[:at], whole + bytes(bit), *other][how]


def test_of_a_thousand_damaged_packages_nothing_is_written(driver, tmp_path):
    """Of a whole one everything; a device that does not take it is told."""
    for seed in range(1000):
        data, fake = damaged(random.Random(seed), seed % 6), Drawn("deaf", random.Random(seed))
        device = Accelerator({**ABOUT}, fake)
        (tmp_path / "weights.bin").write_bytes(data)
        fake.written.clear()
        with refuses(f"load: {tmp_path}/weights.bin … ; " if seed % 6 else "run: … another program … load()"):
            device.load(tmp_path / "weights.bin")
        wanted = (BAD, OTHER) if seed % 6 else (ERRORS.index("NO_WEIGHTS"),)
        assert driver.xf_load(c.byref(fake.device), c.byref(SAME), data, len(data)) in wanted, seed
        assert bool(fake.written) == (seed % 6 == 0)
