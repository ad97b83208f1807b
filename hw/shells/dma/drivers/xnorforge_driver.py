"""Driver of an accelerator in its shell: numpy and the standard library, on a board or against a simulation.

    from xnorforge_driver import Accelerator, Device
    device = Device("pynq", bitstream="overlay.bit")     # or Device("linux"), Device("sim", "xf_system.so")
    scores = Accelerator("overlay.json", device).predict(images)

`overlay.json` next to this file describes the network: hash, frames, scales. Registers: docs/guide/board.md.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import time
import zlib
from collections.abc import Mapping
from math import prod
from pathlib import Path

import numpy as np

try:
    from xnorforge.core.errors import UserError
except ImportError:  # on a board, where this file stands alone

    class UserError(Exception):  # type: ignore[no-redef]
        """The request cannot be met; one sentence says why, and what would work."""


IDENTITY, VERSION = 0x58465348, 0x00010000
REGISTERS = {
    "id": 0x00, "version": 0x04, "hash_low": 0x08, "hash_high": 0x0C, "in_bytes": 0x10, "in_beats": 0x14,
    "out_bytes": 0x18, "out_beats": 0x1C, "limits": 0x20, "control": 0x24, "status": 0x28, "error": 0x2C,
    "error_low": 0x30, "error_high": 0x34, "irq_enable": 0x38, "irq_status": 0x3C, "source_low": 0x40,
    "source_high": 0x44, "target_low": 0x48, "target_high": 0x4C, "frames": 0x50, "start": 0x54,
    "batches": 0x58, "frames_done": 0x5C, "cycles_low": 0x60, "cycles_high": 0x64, "beats_in": 0x68,
    "beats_out": 0x6C, "stalls_in": 0x70, "stalls_out": 0x74,
    "weights_low": 0x7C, "weights_high": 0x80,
}  # fmt: skip
BUSY, RESETTING, FAILED, ROOM = 1, 2, 4, 8  # bits of `status`
SOFT_RESET, CLEAR = 1, 2  # bits of `control`
ANSWERS = {2: "SLVERR", 3: "DECERR"}
TRANSFERS = {1: "reading frames", 2: "writing answers", 7: "reading weights"}  # by code of `error`
WEIGHTS, HEAD = b"XFW1", 32  # the beginning of a weights file, bytes of its head
WORD = 8  # bytes; a frame in memory is whole words
BASE = 0x4000_0000  # of the registers on a Zynq-7000
KHZ = 1e-3  # MHz; clocks are stated in whole ones


class Buffer:
    """Memory that host and accelerator share.

    Attributes:
        data: uint8, what the host sees.
        address: of its first byte, as the accelerator sees it; 8 divides it.
        flush, invalidate: make what the host wrote visible to the accelerator, and the reverse.
    """

    def __init__(self, data: np.ndarray, address: int):
        self.data, self.address = data, address
        self.flush = getattr(data, "flush", lambda: None)
        self.invalidate = getattr(data, "invalidate", lambda: None)


class Bus:
    """Access to registers and memory; `Device` opens one.

    Attributes:
        clock_mhz: of the accelerator; None: not known.
        memory, used: what `part` hands out, and how many bytes of it are taken.
    """

    clock_mhz: float | None = None
    memory = np.zeros(0, np.uint8)
    used = 0

    def read(self, offset: int) -> int:
        """A register of 32 bits."""
        raise NotImplementedError

    def write(self, offset: int, value: int) -> None:
        """Set a register of 32 bits."""
        raise NotImplementedError

    def allocate(self, count: int) -> Buffer:
        """`count` bytes of memory, for as long as the device is open."""
        raise NotImplementedError

    def pause(self) -> None:
        """Called between two polls of a register."""

    def now(self) -> float:
        """Seconds, for timeouts."""
        return time.monotonic()

    def part(self, count: int, whole: int, more: str) -> slice:
        """The next `count` bytes of the memory, in units of `whole`; `more` says how to get more of it."""
        start, self.used = self.used, self.used + -(-count // whole) * whole
        if self.used > len(self.memory):
            raise UserError(
                f"Device: {count:,} bytes do not fit into the remaining {len(self.memory) - start:,} of the "
                f"memory; {more}, or run smaller batches."
            )
        return slice(start, start + count)


def Device(kind: str, *given, **options) -> Bus:
    """Open a device.

    Args:
        kind: "sim": the shell in simulation, `SimBus`; "linux": /dev/mem or UIO with u-dma-buf, `LinuxBus`;
            "pynq": `PynqBus`.
        given, options: arguments of that class.
    """
    kinds = {"sim": SimBus, "linux": LinuxBus, "pynq": PynqBus}
    if kind not in kinds:
        raise UserError(f"Device: unknown kind '{kind}'; use {', '.join(kinds)}.")
    return kinds[kind](*given, **options)


def check_clock(who: str, mhz: float | None, about: Mapping) -> None:
    """Refuse a clock above that of the bitstream in a description; `who` names it."""
    most = about.get("bitstream", {}).get("clock_mhz")
    if mhz and most and mhz > most + KHZ:
        raise UserError(f"{who} is for a clock of {most:g} MHz, not {mhz:g}; set clock_mhz={most:g} or less.")


def as_bin(bit: bytes, name: str = "this file") -> bytes:
    """Convert a .bit to the .bin that the kernel's fpga_manager takes: its data, bytes of each word swapped.

    Args:
        bit: content of the .bit.
        name: file name for the message.

    Raises:
        UserError: it is not a complete .bit file.
    """
    at, fields = 13, dict[bytes, bytes]()
    while at + 5 <= len(bit) and bit[at : at + 1] in (b"a", b"b", b"c", b"d"):
        size = int.from_bytes(bit[at + 1 : at + 3], "big")
        fields[bit[at : at + 1]] = bit[at + 3 : at + 3 + size]
        at += 3 + size
    data = bit[at + 5 :]
    whole = bit[at : at + 1] == b"e" and int.from_bytes(bit[at + 1 : at + 5], "big") == len(data)
    if len(fields) != 4 or not whole or len(data) % 4:
        raise UserError(f"{name} is not a complete .bit file; use the one that place and route wrote.")
    return np.frombuffer(data, ">u4").astype("<u4").tobytes()


def load_bitstream(bitstream, root="/") -> None:
    """Load a .bit into the programmable logic with the kernel's fpga_manager, without pynq.

    Its .bin is written to lib/firmware.

    Raises:
        UserError: it is not a complete .bit file, or the kernel rejects it.
    """
    data = as_bin(Path(bitstream).read_bytes(), str(bitstream))
    manager, name = Path(root) / "sys/class/fpga_manager/fpga0", Path(bitstream).stem + ".bin"
    try:
        (Path(root) / "lib/firmware").mkdir(parents=True, exist_ok=True)
        (Path(root) / "lib/firmware" / name).write_bytes(data)
        (manager / "flags").write_text("0")
        (manager / "firmware").write_text(name)
        state = (manager / "state").read_text().strip()
    except OSError as error:
        raise UserError(
            f"load_bitstream: cannot write {error.filename} ({error.strerror}); run as root on a kernel "
            "with fpga_manager."
        ) from error
    if state != "operating":
        raise UserError(
            f"load_bitstream: the kernel reports '{state}' for {name}; use a bitstream for this part."
        )


class SimBus(Bus):
    """The verilated shell in this process.

    Args:
        library: what `xnorforge.sim.shell` builds.
        folder: folder with the network's memory files; default: that of the library.
        memory: size of the memory in bytes.
        pause: probability (0 to below 1) that a channel of the memory pauses in a cycle.
        seed: seed of the pauses and of the initial contents of registers.
    """

    BASE = 0x1000_0000
    HERTZ = 1e6  # simulated cycles that count as a second of waiting

    def __init__(self, library, folder=None, memory: int = 1 << 24, pause: float = 0.0, seed: int = 1):
        self.library = ctypes.CDLL(str(library))
        for name, result, arguments in (
            ("open", ctypes.c_void_p, [ctypes.c_char_p] + 4 * [ctypes.c_uint64]),
            ("close", None, []), ("memory", ctypes.c_void_p, []), ("read", ctypes.c_int64, [ctypes.c_uint32]),
            ("write", ctypes.c_int, 2 * [ctypes.c_uint32]), ("run", None, [ctypes.c_uint64]),
            ("cycles", ctypes.c_uint64, []), ("interrupt", ctypes.c_int, []),
            ("fail", None, [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint]),
            ("broken", ctypes.c_char_p, []),
        ):  # fmt: skip
            call = getattr(self.library, f"xf_sim_{name}")
            call.restype = result
            call.argtypes = arguments if name == "open" else [ctypes.c_void_p, *arguments]
        place = str(folder or Path(library).parent).encode()
        self.system = self.library.xf_sim_open(place, seed, self.BASE, memory, int(pause * 2**32))
        if not self.system:
            raise UserError(f"Device: {place.decode()} is not a folder; give the one with the memory files.")
        start = self.library.xf_sim_memory(self.system)
        self.memory = np.ctypeslib.as_array(ctypes.cast(start, ctypes.POINTER(ctypes.c_uint8)), (memory,))

    def read(self, offset: int) -> int:
        value = self.library.xf_sim_read(self.system, offset)
        self.check()
        if value < 0:
            raise UserError(f"Device: register {offset:#x} cannot be read; docs/guide/board.md lists all.")
        return value

    def write(self, offset: int, value: int) -> None:
        good = self.library.xf_sim_write(self.system, offset, value)
        self.check()
        if not good:
            raise UserError(f"Device: register {offset:#x} cannot be written; docs/guide/board.md lists all.")

    def allocate(self, count: int) -> Buffer:
        part = self.part(count, WORD, "open the device with a larger memory=…")
        return Buffer(self.memory[part], self.BASE + part.start)

    def pause(self, cycles: int = 64) -> None:
        self.library.xf_sim_run(self.system, cycles)
        self.check()

    def now(self) -> float:
        return self.cycles() / self.HERTZ

    def cycles(self) -> int:
        """Clock cycles since the start."""
        return self.library.xf_sim_cycles(self.system)

    def interrupt(self) -> bool:
        """Whether the interrupt is high."""
        return bool(self.library.xf_sim_interrupt(self.system))

    def fail(self, start: int, stop: int, answer: int) -> None:
        """Addresses start .. stop - 1 answer with `answer` (2 SLVERR, 3 DECERR) from now on."""
        self.library.xf_sim_fail(self.system, start, stop, answer)

    def check(self) -> None:
        """Raise an error if the design broke a rule."""
        said = self.library.xf_sim_broken(self.system).decode()
        if said:
            raise RuntimeError(f"Device: {said} (cycle {self.cycles():,})")

    def close(self) -> None:
        """Free the simulation; its buffers become invalid."""
        self.library.xf_sim_close(self.system)


class LinuxBus(Bus):
    """Registers through UIO or /dev/mem, memory through u-dma-buf (github.com/ikwzm/udmabuf).

    Args:
        registers: a UIO device such as /dev/uio0, or /dev/mem.
        base: address of the registers; 0 for a UIO device.
        size: bytes of the registers; with loadable weights twice the `window` of its description.
        memory: name of the u-dma-buf device, opened with O_SYNC, so that nothing is cached.
        root: folder that contains dev/ and sys/.
    """

    def __init__(
        self, registers="/dev/mem", base: int = BASE, memory: str = "udmabuf0", size: int = 4096, root="/"
    ):
        try:
            self.file = os.open(registers, os.O_RDWR | os.O_SYNC)
            self.words = np.frombuffer(mmap.mmap(self.file, size, offset=base), "<u4")
            about = Path(root) / "sys/class/u-dma-buf" / memory
            self.address = int((about / "phys_addr").read_text(), 16)
            buffer = os.open(Path(root) / "dev" / memory, os.O_RDWR | os.O_SYNC)
            self.memory = np.frombuffer(mmap.mmap(buffer, int((about / "size").read_text())), np.uint8)
        except OSError as error:
            raise UserError(
                f"Device: cannot open {error.filename or registers} ({error.strerror}); load u-dma-buf with "
                f"{memory}, and run as root or with access to the device files."
            ) from error

    def read(self, offset: int) -> int:
        return int(self.words[offset // 4])

    def write(self, offset: int, value: int) -> None:
        self.words[offset // 4] = value

    def allocate(self, count: int) -> Buffer:
        part = self.part(count, 64, "load u-dma-buf with a larger buffer")
        return Buffer(self.memory[part], self.address + part.start)


class PynqBus(Bus):
    """Registers and memory through the package pynq; no .hwh is needed.

    Args:
        bitstream: file to load first; None: it is already loaded.
        base: address of the registers; None: that of the overlay.json beside the bitstream.
        clock_mhz: clock of the accelerator, set before loading, at most that of the overlay.json beside the
            bitstream; None: that clock where a bitstream is loaded, else leave it.
        size: as for `LinuxBus`.

    Raises:
        UserError: the bitstream does not reach this clock, or no clock is known that it reaches.
    """

    def __init__(self, bitstream=None, base: int | None = None, clock_mhz: float | None = None, size=4096):
        import pynq  # on a board only

        beside = Path(bitstream or "overlay.bit").with_name("overlay.json")
        about = json.loads(beside.read_text()) if beside.exists() else {}
        if base is None:
            base = about.get("shell", {}).get("base", BASE)
        made = about.get("bitstream", {})
        if bitstream is not None and clock_mhz is None:
            clock_mhz = made.get("clock_mhz")
            if not made.get("clock_met", True):
                raise UserError(
                    f"Device: the clock in {beside}, {clock_mhz:g} MHz, comes from an upper bound and may be "
                    "missed; give a lower clock_mhz=…, and compare scores with examples.npz."
                )
        if clock_mhz is not None:
            check_clock(f"Device: {beside}", clock_mhz, about)
            pynq.Clocks.fclk0_mhz = clock_mhz
        if bitstream is not None:
            pynq.Bitstream(str(bitstream)).download()
        self.registers, self.pynq, self.clock_mhz = pynq.MMIO(base, size), pynq, pynq.Clocks.fclk0_mhz

    def read(self, offset: int) -> int:
        return self.registers.read(offset)

    def write(self, offset: int, value: int) -> None:
        self.registers.write(offset, value)

    def allocate(self, count: int) -> Buffer:
        memory = self.pynq.allocate((count,), np.uint8)
        return Buffer(memory, memory.device_address)


class Frames:
    """Memory layout of a frame of integers, from the description's `input` or `output`.

    Elements are in the order of the frame, channels last; a beat has `lanes` of them, element 0 in the lowest
    bits; each beat has a slot of 1, 2, 4 or a multiple of 8 bytes, and each frame occupies whole words of 8.
    """

    def __init__(self, about: dict):
        self.shape = tuple(about["shape"])
        self.lanes, self.bits, self.signed = about["lanes"], about["bits"], about["signed"]
        self.bytes, self.beats, self.slot = about["bytes"], about["beats"], about["slot"]
        self.stride = about["stride"]

    def pack(self, values: np.ndarray) -> np.ndarray:
        """Integers (N, *shape) as bytes, uint8 (N, stride)."""
        beats = values.reshape(len(values), self.beats, self.lanes)
        if self.bits == 8:
            raw = beats.astype(np.int64).astype(np.uint8)
        else:
            bits = (beats.astype(np.int64)[..., None] >> np.arange(self.bits) & 1).astype(np.uint8)
            raw = np.packbits(bits.reshape(*beats.shape[:2], -1), axis=-1, bitorder="little")
        slots = np.zeros((len(values), self.beats, self.slot), np.uint8)
        slots[..., : raw.shape[-1]] = raw
        found = np.zeros((len(values), self.stride), np.uint8)
        found[:, : self.beats * self.slot] = slots.reshape(len(values), -1)
        return found

    def unpack(self, data: np.ndarray) -> np.ndarray:
        """Bytes (N, stride) as integers, int64 (N, *shape)."""
        slots = data.reshape(-1, self.stride)[:, : self.beats * self.slot].reshape(-1, self.beats, self.slot)
        bits = np.unpackbits(np.ascontiguousarray(slots), axis=-1, bitorder="little")
        bits = bits[..., : self.lanes * self.bits].reshape(len(slots), -1, self.bits)
        weights = 1 << np.arange(self.bits, dtype=np.int64)
        if self.signed:
            weights[-1] = -weights[-1]
        return (bits @ weights).reshape(-1, *self.shape)


def joined_inputs(ports: dict, given: Mapping[str, np.ndarray]) -> np.ndarray:
    """Integers or floats by the names of the inputs, (N, *shape) each, as frames of integers (N, elements).

    Args:
        ports: `ports` of the description.

    Raises:
        UserError: a name, a shape or a range is another one.
    """
    wanted, parts = {one["name"]: one for one in ports.get("inputs", ())}, []
    if set(given) != set(wanted):
        raise UserError(f"predict: inputs are {', '.join(given)}; give {', '.join(wanted) or 'an array'}.")
    for name, port in wanted.items():
        x, shape = np.asarray(given[name]), tuple(port["shape"])
        if x.shape[1:] != shape or x.dtype.kind not in "iubf":
            numbers = ", ".join(map(str, shape))
            raise UserError(f"predict: '{name}' is {x.dtype} {x.shape}; give numbers (N, {numbers}).")
        if x.dtype.kind == "f":
            x = np.rint((x.astype(np.float64) - port["offset"]) / port["scale"])
        if not ((x >= port["lo"]) & (x <= port["hi"])).all():
            raise UserError(
                f"predict: '{name}' leaves its range; give integers of {port['lo']} to {port['hi']}, or "
                f"floats of {port['scale']:.6g} times these plus {port['offset']:.6g}."
            )
        parts.append((np.moveaxis(x, 1, -1) if port["last"] else x).reshape(len(x), -1).astype(np.int64))
    return np.concatenate(parts, 1)


def results_of(ports: dict, result: np.ndarray) -> dict[str, np.ndarray]:
    """Results (N, elements) by the names of the outputs, (N, *shape) each."""
    found = {}
    for port in ports["outputs"]:
        shape = tuple(port["shape"])
        found[port["name"]] = result[:, port["first"] : port["first"] + prod(shape)].reshape(-1, *shape)
    return found


class Accelerator:
    """A network on a device.

    Args:
        description: `overlay.json`, or its content.
        bus: the bus that `Device` opened.
        batch: frames per descriptor; two batches are in memory at a time.
        patience: timeout in seconds.
        weights: `weights.bin`, of a network whose weights come from memory; by default beside `description`.

    Raises:
        UserError: no shell was found, it holds another network, or the weights are not there.
    """

    def __init__(self, description, bus: Bus, batch: int = 64, patience: float = 10.0, weights=None):
        if not isinstance(description, dict):
            weights = weights or Path(description).with_name("weights.bin")
            description = json.loads(Path(description).read_text())
        self.about, self.bus, self.patience = description, bus, patience
        self.into, self.out = Frames(description["input"]), Frames(description["output"])
        self._look()
        limits = self.get("limits")
        self.batch, self.addresses = min(batch, (1 << (limits >> 16 & 0xFF)) - 1), 1 << (limits >> 24)
        if self.batch < 1:
            raise UserError(
                f"Accelerator: batches of {batch} frames, of which the device takes {self.batch} (limits "
                f"{limits:#010x}), hold none; give batch=64, or load this overlay's bitstream again."
            )
        sizes = [self.batch * form.stride for form in (self.into, self.out)]
        self.buffers = [(self._allocate(sizes[0]), self._allocate(sizes[1])) for _ in range(2)]
        self.loaded = 1  # id of the weights at power-up
        self.reset()
        self.weights: list[Buffer] = []  # the one in use last
        if "weights" in description:
            if weights is None:
                net = description["net"]
                raise UserError(f"Accelerator: {net} reads weights from memory; give weights=….")
            self.weights = [self._allocate(description["weights"]["bytes"]) for _ in range(2)]
            self._place(self._weights_of(weights)[1])

    def get(self, name: str) -> int:
        """Read a register by its name in REGISTERS."""
        return self.bus.read(REGISTERS[name])

    def put(self, name: str, value: int) -> None:
        """Write a register by its name, as in `get`."""
        self.bus.write(REGISTERS[name], value)

    def _address(self, name: str) -> int:
        """A register of 64 bits, by its name without the half."""
        return self.get(f"{name}_low") | self.get(f"{name}_high") << 32

    def _put_address(self, name: str, value: int) -> None:
        self.put(f"{name}_low", value & 0xFFFF_FFFF)
        self.put(f"{name}_high", value >> 32)

    def _allocate(self, count: int) -> Buffer:
        """Memory that the device can reach."""
        buffer = self.bus.allocate(count)
        if buffer.address % WORD or buffer.address + count > self.addresses:
            raise UserError(
                f"Accelerator: {count:,} bytes at {buffer.address:#x} are not whole words below "
                f"{self.addresses:#x}, which the device can reach; open it with other memory."
            )
        return buffer

    def _look(self) -> None:
        """Refuse a device that is not this network's."""
        found = self.get("id")
        if found != IDENTITY or self.get("version") >> 16 != VERSION >> 16:
            raise UserError(
                f"Accelerator: no shell of version {VERSION >> 16} found at the device's registers "
                f"(identity {found:#010x}, expected {IDENTITY:#010x}); load this overlay's bitstream first."
            )
        name, wanted = self.about["net"], int(self.about["hash"], 16)
        loaded = self._address("hash")
        if loaded != wanted:
            raise UserError(
                f"Accelerator: the device holds another network (hash {loaded:016x}) than {name} "
                f"({wanted:016x}); load the bitstream next to its description."
            )
        check_clock(f"Accelerator: the bitstream of {name}", self.bus.clock_mhz, self.about)
        sizes = [self.get(name) for name in ("in_bytes", "in_beats", "out_bytes", "out_beats")]
        expected = [self.into.bytes, self.into.beats, self.out.bytes, self.out.beats]
        if sizes != expected:
            raise UserError(
                f"Accelerator: {name} has frames of {expected} (bytes and beats in, bytes and beats out), "
                f"but the device has {sizes}; use the description of the same build."
            )

    def reset(self) -> None:
        """Stop the accelerator, wait until the bus is idle, and clear errors and counters."""
        self.put("control", SOFT_RESET)
        self._wait(lambda: not self.get("status") & RESETTING, "the soft reset did not finish")
        self.started = self.switched = 0  # batches, and of these before the last change of weights in memory
        self.target: int | None = None  # of the batch started last

    def integers(self, images) -> np.ndarray:
        """Convert images to the integers that the accelerator takes, (N, *shape), channels last.

        Integers are passed unchanged; floats are rounded to the nearest integer of the network's input scale
        and offset.

        Args:
            images: (N, C, H, W), or (N, *shape) as the accelerator has it; for a network of several inputs
                {name: (N, *its shape)}.

        Raises:
            UserError: the shape is wrong, or integers are out of range.
        """
        if isinstance(images, Mapping):
            return joined_inputs(self.about.get("ports", {}), images).reshape(-1, *self.into.shape)
        images = np.asarray(images)
        if images.dtype.kind not in "iubf" or (images != images).any():
            raise UserError(
                f"predict: images of {images.dtype} must be numbers and not NaN; give floats or integers."
            )
        shape, form = self.into.shape, self.about["input"]
        planes = (shape[-1], *shape[:-1])
        fits = images.shape[1:]
        if fits == planes and (fits != shape or len(set(shape)) == 1):
            images = np.moveaxis(images, 1, -1)
        elif fits != shape:
            raise UserError(
                f"predict: images of shape {tuple(images.shape)} do not fit {self.about['net']}; use "
                f"(N, {', '.join(map(str, planes))}) or, channels last, (N, {', '.join(map(str, shape))})."
            )
        if images.dtype.kind == "f":
            steps = np.rint((images.astype(np.float64) - form["offset"]) / form["scale"])
            return np.clip(steps, form["lo"], form["hi"]).astype(np.int64)
        if images.size and not (form["lo"] <= images.min() and images.max() <= form["hi"]):
            raise UserError(
                f"predict: integers {images.min()} .. {images.max()} are outside the network's input range "
                f"{form['lo']} .. {form['hi']}; pass floats to have values scaled and rounded."
            )
        return images

    def load(self, weights) -> None:
        """Replace all weights, thresholds and tables by those of a weights file of a network of the same
        structure, and the scales of `predict`. Frames that have begun keep the old ones; later frames wait
        and have the new ones. Weights in memory change with the batch: each frame of a batch that was started
        has the old ones. An interrupted load is repeated with another call.

        Args:
            weights: `weights.bin` of that network's overlay.

        Raises:
            UserError: all weights of the network are constants, the file is not whole or of another
                structure, or frames do not leave the device.
        """
        writes, outside, name, scores = self._weights_of(weights)
        if self.weights:
            self._wait(self._other_is_free, "batches did not end")
            self._place(outside)
        if about := self.about.get("loads"):
            at = {key: about["window"] + place for key, place in about["registers"].items()}
            end = about["window"] + about["control"]
            self.bus.write(end, 0)
            self._wait(lambda: self.bus.read(at["open"]), "frames did not leave the network")
            for place, value in writes.tolist():
                self.bus.write(about["window"] + place, value)
            self.bus.write(end, name)
            self.loaded = name
            self._check_loaded()
        self.about["scores"] = scores or self.about["scores"]

    def _weights_of(self, weights) -> tuple[np.ndarray, np.ndarray, int, dict | None]:
        """Of a weights file that fits: writes (N, 2), bytes for the memory, name, scores."""
        loads, outside, net = self.about.get("loads"), self.about.get("weights"), self.about["net"]
        if not loads and not outside:
            raise UserError(f"load: the weights of {net} are constants; build it with LOADABLE=1.")
        data = Path(weights).read_bytes() if Path(weights).is_file() else b""
        head = np.frombuffer(data[:HEAD].ljust(HEAD, b"\0"), "<u4").tolist()
        _, low, high, name, count, text, in_memory = head[:7]
        content, end = data[HEAD : len(data) - text], data[len(data) - text :]
        sums = max(zlib.crc32(content), 2), zlib.crc32(end)
        whole = data[:4] == WEIGHTS and len(data) == HEAD + 8 * count + in_memory + text
        if not whole or sums != (name, head[7]):
            raise UserError(
                f"load: {weights} is not a whole weights file ({len(data):,} bytes, or another CRC); copy "
                "weights.bin of an overlay again."
            )
        structure = (loads or outside)["structure"]
        sizes = loads["words"] if loads else 0, outside["bytes"] if outside else 0
        if low | high << 32 != int(structure, 16) or (count, in_memory) != sizes:
            raise UserError(
                f"load: {weights} is of another structure ({low | high << 32:016x}) than {net} "
                f"({structure}); build its network with LOADABLE=1 and the options of this one."
            )
        writes = np.frombuffer(data, "<u4", 2 * count, HEAD).reshape(-1, 2)
        registers = {*loads["registers"].values(), loads["control"]} if loads else {}
        for place in writes[:, 0].tolist():
            if place in registers or place not in range(0, loads["window"], 4):
                raise UserError(
                    f"load: {weights} writes to {place:#x}, no weight in a window of {loads['window']:#x}; "
                    "build its network with LOADABLE=1 and the options of this one."
                )
        bytes_of = np.frombuffer(data, np.uint8, in_memory, HEAD + 8 * count)
        return writes, bytes_of, name, json.loads(end)["scores"] if text else None

    def _other_is_free(self) -> bool:
        """Whether no batch reads the buffer not in use. With loadable thresholds no batch may be under way,
        else it would mix old and new.
        """
        if not self.get("status") & BUSY:
            return True
        return "loads" not in self.about and (self.get("batches") - self.switched) & 0xFFFF_FFFF < 1 << 31

    def _place(self, weights: np.ndarray) -> None:
        """Bytes of weights into the buffer not in use, for all batches that are started later."""
        self.switched = self.started
        self.weights.reverse()
        buffer = self.weights[-1]
        buffer.data[:] = weights
        buffer.flush()
        self._put_address("weights", buffer.address)

    def _check_loaded(self) -> None:
        """Refuse frames while a load is not complete, or behind that of another program."""
        about = self.about.get("loads")
        found = self.bus.read(about["window"] + about["registers"]["id"]) if about else self.loaded
        if found != self.loaded:
            how = "weights of another program" if found else "no weights, as a load was interrupted"
            raise UserError(f"run: the device has {how} (id {found:#x}); call load() again.")

    def _check_own(self, good: bool = True) -> None:
        """Refuse what another program may have changed."""
        addresses = [("target", self.target)] if self.target is not None else []
        addresses += [("weights", one.address) for one in self.weights[-1:]]
        if not good or any(self._address(name) != address for name, address in addresses):
            raise UserError(
                f"Accelerator: another program used or reset the device (batches {self.get('batches'):,}, "
                f"frames_done {self.get('frames_done'):,}); let one alone open it, and call reset()."
            )

    def run(self, integers) -> np.ndarray:
        """Run integers (N, *shape) through the accelerator: int64 (N, *shape of the output).

        Args:
            integers: frames.

        Raises:
            UserError: the DMA or the shell stopped with an error, or no answer came.
        """
        answers = np.zeros((len(integers), *self.out.shape), np.int64)
        self._check_loaded()
        self.target, frames = None, self.get("frames_done")
        before, starts = self.get("batches"), range(0, len(integers), self.batch)
        for turn in range(len(starts) + 2 if len(starts) else 0):  # a batch runs while the next is packed
            if turn >= 2:
                self._await_batch(before, turn - 1, min(turn, len(starts)))
                self._collect(answers[starts[turn - 2] :][: self.batch], self.buffers[turn % 2][1])
            if turn < len(starts):
                part = integers[starts[turn] :][: self.batch]
                self._start(self.into.pack(part), *self.buffers[turn % 2])
        self._check_own((self.get("frames_done") - frames) & 0xFFFF_FFFF == len(integers))
        self._check_loaded()
        return answers

    def _collect(self, part: np.ndarray, buffer: Buffer) -> None:
        buffer.invalidate()
        part[:] = self.out.unpack(buffer.data[: len(part) * self.out.stride])

    def _start(self, packed: np.ndarray, source: Buffer, target: Buffer) -> None:
        self._check_own()
        source.data[: packed.size] = packed.ravel()
        source.flush()
        self._put_address("source", source.address)
        self._put_address("target", target.address)
        self.target = target.address
        self.put("frames", len(packed))
        self.put("start", 1)
        self.started += 1

    def _await_batch(self, before: int, count: int, started: int = 0) -> None:
        """Wait for `count` of the batches that were `started` behind the first `before`."""

        def done() -> bool:
            if self.get("status") & FAILED:
                raise UserError(f"{self.failure()}; call reset() before the next run.")
            found = (self.get("batches") - before) & 0xFFFF_FFFF
            if found >= count:
                self._check_own(found <= max(count, started))
            return found >= count

        self._wait(done, "no answer came")

    def failure(self) -> str:
        """What stopped the shell, as a sentence without a full stop."""
        error = self.get("error")
        code, answer = error & 15, ANSWERS.get(error >> 4 & 3, "an unknown answer")
        where = self._address("error")
        done = f"after {self.get('frames_done')} frames"
        if code in TRANSFERS:
            seen = f"the memory answered {answer} to the burst at {where:#x}"
            return f"DMA: {TRANSFERS[code]} stopped {done}: {seen}"
        if code == 3:
            return f"Accelerator: {done}, a frame did not end at beat {self.out.beats}"
        why = "an address is not a multiple of 8, frames are out of range, or the queue is full"
        named = f"a descriptor was refused {done}: {why}"
        return f"DMA: {named if code == 4 else f'the unknown error {error:#x} {done}'}"

    def _wait(self, ready, what: str) -> None:
        limit = self.bus.now() + self.patience
        while not ready():
            if self.bus.now() > limit:
                names = ("status", "beats_in", "beats_out")
                seen = ", ".join(f"{name} {self.get(name)}" for name in names)
                raise UserError(
                    f"Accelerator: {what} within {self.patience:g} s ({seen}); check that its clock and "
                    "memory port run."
                )
            self.bus.pause()

    def predict(self, images) -> np.ndarray | dict[str, np.ndarray]:
        """Scores of images as the trained network computes them, float64 (N, classes), maps (N, C, H, W); for
        a network of several outputs {name: (N, *its shape)}.

        Args:
            images: as in `integers`.
        """
        answers = self.run(self.integers(images))
        scale, bias = (np.array(self.about["scores"][name]) for name in ("scale", "bias"))
        if len(self.out.shape) < 3:
            found = scale * answers.reshape(len(answers), -1)[:, : len(scale)] + bias
            ports = self.about.get("ports", {})
            return results_of(ports, found) if len(ports.get("outputs", ())) > 1 else found
        if self.out.shape[-1] < len(scale):  # labels of a map: 1 for the label, 0 for all others
            return np.moveaxis((answers == np.arange(len(scale))).astype(float), -1, 1)
        return np.moveaxis(scale * answers + bias, -1, 1)

    def counters(self) -> dict[str, int]:
        """Cycles (modulo 2^64), beats and stalls (modulo 2^32) since the last reset."""
        names = ("batches", "frames_done", "beats_in", "beats_out", "stalls_in", "stalls_out")
        high, low, after = (self.get(f"cycles_{part}") for part in ("high", "low", "high"))
        if high != after:  # the low half wrapped between the reads, so it is small now
            low = self.get("cycles_low")
        return {"cycles": after << 32 | low, **{name: self.get(name) for name in names}}
