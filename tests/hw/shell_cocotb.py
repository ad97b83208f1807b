"""The shell against the AXI models of cocotbext-axi; run by test_shell.py in the simulator.

AxiRam and AxiLiteMaster know nothing of this project: what they take for a transfer is one."""

import itertools
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from cocotbext.axi import AxiBus, AxiLiteBus, AxiLiteMaster, AxiRam, AxiResp
from shell_bench import FORMS, HASH, answer

LANES = list(range(len(FORMS)))
IDENTITY, HASH_LOW, HASH_HIGH, CONTROL, STATUS, ERROR, ERROR_LOW = 0x00, 0x08, 0x0C, 0x24, 0x28, 0x2C, 0x30
IRQ_ENABLE, IRQ_STATUS, SOURCE, TARGET, FRAMES, START, BATCHES = 0x38, 0x3C, 0x40, 0x48, 0x50, 0x54, 0x58
FRAMES_DONE, CYCLES, BEATS_IN, BEATS_OUT = 0x5C, 0x60, 0x68, 0x6C
BUSY, RESETTING, FAILED, ROOM = 1, 2, 4, 8
SIZE = 2**18
SOAK = "XF_SOAK" in os.environ  # all of the cycles of a reset, and many more turns
FAULTS = ("none", "read", "write", "both", "unaligned", "empty", "long", "abort", "all reset")
FILL = 0xA5  # what the memory holds where nothing was written


class System:
    """A lane of the bench: its memory, its registers, and what its bursts look like."""

    def __init__(self, dut, lane: int, pause: float):
        self.dut, self.lane, self.rng = dut, lane, random.Random(1000 * lane + int(100 * pause))
        self.pause, self.longest = pause, 1
        self.into, self.out = FORMS[lane]
        bus = AxiBus.from_prefix(dut, f"n{lane}_m_axi")
        registers = AxiLiteBus.from_prefix(dut, f"n{lane}_s_axi_ctrl")
        self.ram = AxiRam(bus, dut.aclk, dut.aresetn, reset_active_level=False, size=SIZE)
        self.host = AxiLiteMaster(registers, dut.aclk, dut.aresetn, reset_active_level=False)
        read, write, host = self.ram.read_if, self.ram.write_if, self.host
        for channel in (read.ar_channel, read.r_channel, write.aw_channel, write.w_channel, write.b_channel,
                        host.write_if.b_channel, host.read_if.r_channel):  # fmt: skip
            channel.set_pause_generator(self.pauses())
        self.bad = range(0)  # addresses that answer with SLVERR
        self.ram.read_if._read = self.guarded(self.ram.read_if._read)
        self.ram.write_if._write = self.guarded(self.ram.write_if._write)
        self.bursts = {"ar": [], "aw": []}
        for name in self.bursts:
            cocotb.start_soon(self.watch(name))

    def pauses(self):
        """Single cycles, and now and then up to `longest` in a row."""
        rng = random.Random(self.rng.random())
        while True:
            if rng.random() < self.pause / 20:
                yield from itertools.repeat(True, rng.randrange(self.longest))
            yield rng.random() < self.pause

    def guarded(self, access):
        async def checked(address, *given):
            if address in self.bad:
                raise ValueError("no memory here")
            return await access(address, *given)

        return checked

    async def watch(self, name: str):
        """Every burst: at most 16 beats of 8 bytes, upwards, within 4 KiB."""
        port = {part: getattr(self.dut, f"n{self.lane}_m_axi_{name}{part}")
                for part in ("valid", "ready", "addr", "len", "size", "burst")}  # fmt: skip
        while True:
            await RisingEdge(self.dut.aclk)
            if not (int(port["valid"].value) and int(port["ready"].value)):
                continue
            address, beats = int(port["addr"].value), int(port["len"].value) + 1
            assert beats <= 16 and int(port["size"].value) == 3 and int(port["burst"].value) == 1
            assert address % 8 == 0 and address // 4096 == (address + 8 * beats - 1) // 4096, hex(address)
            self.bursts[name].append((address, beats))

    async def get(self, register: int) -> int:
        return await self.host.read_dword(register)

    async def put(self, register: int, value: int) -> None:
        await self.host.write_dword(register, value)

    async def start(self, source: int, target: int, frames: int) -> None:
        await self.put(SOURCE, source)
        await self.put(TARGET, target)
        await self.put(FRAMES, frames)
        await self.put(START, 1)

    async def until(self, mask: int, value: int) -> int:
        """Wait for bits of STATUS."""
        for _ in range(4000):
            status = await self.get(STATUS)
            if status & mask == value:
                return status
        raise AssertionError(f"status {status:#x} after 4,000 reads")

    async def reset(self) -> None:
        await self.put(CONTROL, 1)
        await self.until(RESETTING, 0)

    def frames(self, source: int, count: int) -> list[bytes]:
        """Random frames into the memory, what fills their last words included."""
        found = [self.rng.randbytes(self.into.stride) for _ in range(count)]
        self.ram.write(source, b"".join(found))
        return found

    def expected(self, frames: list[bytes]) -> bytes:
        """The whole target: answers, and untouched bytes behind each."""
        filled = (answer(self.lane, frame).ljust(self.out.stride, bytes([FILL])) for frame in frames)
        return b"".join(filled)


async def begin(dut, lane: int, pause: float) -> System:
    for n in LANES:  # of the other lanes, which stay silent
        for name in ("s_axi_ctrl_awvalid", "s_axi_ctrl_wvalid", "s_axi_ctrl_bready", "s_axi_ctrl_arvalid",
                     "s_axi_ctrl_rready", "m_axi_awready", "m_axi_wready", "m_axi_bvalid", "m_axi_arready",
                     "m_axi_rvalid"):  # fmt: skip
            getattr(dut, f"n{n}_{name}").value = 0
    dut.aresetn.value = 0
    Clock(dut.aclk, 10, unit="ns").start()
    system = System(dut, lane, pause)
    await ClockCycles(dut.aclk, 4)
    dut.aresetn.value = 1
    await RisingEdge(dut.aclk)
    return system


def near_a_border(system: System, low: int, stride: int, count: int) -> int:
    """An address from `low` on whose frames lie across a 4 KiB border, at a random place of a frame."""
    border = -(-(low + stride * count) // 4096) * 4096
    return border - 8 * system.rng.randrange(1, stride * count // 8 + 1)


@cocotb.test()
@cocotb.parametrize(lane=LANES, pause=[0.0, 0.4])
async def batches_come_out_right(dut, lane, pause):
    """Batches of 1 to 3 frames in a queue, at any address, across 4 KiB; nothing beside them is touched."""
    system = await begin(dut, lane, pause)
    into, out = system.into, system.out
    assert await system.get(HASH_LOW) + (await system.get(HASH_HIGH) << 32) == HASH + lane
    system.ram.write(SIZE // 2, bytes([FILL]) * (SIZE // 2))
    batches, low_in, low_out = [], 0, SIZE // 2
    for _ in range(5):
        count = system.rng.randrange(1, 4)
        source = near_a_border(system, low_in, into.stride, count)
        target = near_a_border(system, low_out, out.stride, count)
        low_in, low_out = source + into.stride * count, target + out.stride * count + 8
        batches.append((source, target, system.frames(source, count)))
    for source, target, frames in batches:
        await system.until(ROOM, ROOM)
        await system.start(source, target, len(frames))
    assert await system.until(BUSY, 0) & FAILED == 0
    for _, target, frames in batches:
        found = system.ram.read(target - 8, out.stride * len(frames) + 16)
        assert found == bytes([FILL]) * 8 + system.expected(frames) + bytes([FILL]) * 8
    total = sum(len(frames) for *_, frames in batches)
    assert await system.get(BATCHES) == 5 and await system.get(FRAMES_DONE) == total
    assert await system.get(BEATS_IN) == total * into.beats
    assert await system.get(BEATS_OUT) == total * out.beats
    asked = sum(beats for _, beats in system.bursts["ar"])
    assert asked == total * into.stride // 8
    assert sum(beats for _, beats in system.bursts["aw"]) == total * out.stride // 8


@cocotb.test()
@cocotb.parametrize(lane=LANES, pause=[0.0, 0.4])
async def a_reset_in_mid_transfer_leaves_nothing_behind(dut, lane, pause):
    """Wherever a batch is cut, the next one is right, and nothing of the cut one is written any more."""
    system = await begin(dut, lane, pause)
    system.ram.write(SIZE // 2, bytes([FILL]) * (SIZE // 2))
    cycles = range(1, 6 * system.into.stride // 8 + 60)
    for turn, cycle in enumerate(range(200) if SOAK else system.rng.sample(cycles, 4)):
        system.frames(0, 6)
        await system.start(0, SIZE // 2, 6)
        for _ in range(cycle):
            await RisingEdge(dut.aclk)
        await system.reset()
        assert await system.get(STATUS) == ROOM and await system.get(CYCLES) == 0
        cut = system.ram.read(SIZE // 2, 6 * system.out.stride)
        frames = system.frames(SIZE // 4 + 8 * turn, 3)
        await system.start(SIZE // 4 + 8 * turn, 3 * SIZE // 4, 3)
        assert await system.until(BUSY, 0) == ROOM
        assert system.ram.read(3 * SIZE // 4, 3 * system.out.stride) == system.expected(frames)
        assert system.ram.read(SIZE // 2, 6 * system.out.stride) == cut


@cocotb.test()
@cocotb.parametrize(lane=LANES, where=["read", "write"])
async def an_answer_that_is_no_okay_stops_the_shell_and_is_told(dut, lane, where):
    """The error names the side and a burst in the bad range; a reset brings the shell back."""
    system = await begin(dut, lane, 0.2)
    system.ram.write(SIZE // 2, bytes([FILL]) * (SIZE // 2))
    frames = system.frames(4000, 4)
    stride = system.into.stride if where == "read" else system.out.stride
    first = (4000 if where == "read" else SIZE // 2 + 4000) + 2 * stride
    system.bad = range(first, first + stride)
    await system.put(IRQ_ENABLE, 2)
    await system.start(4000, SIZE // 2 + 4000, 4)
    await system.until(FAILED, FAILED)
    assert await system.get(ERROR) == (1 if where == "read" else 2) + (AxiResp.SLVERR << 4)
    address = await system.get(ERROR_LOW)
    assert any(at == address and set(range(at, at + 8 * beats)) & set(system.bad)
               for at, beats in system.bursts["ar" if where == "read" else "aw"])  # fmt: skip
    assert int(getattr(dut, f"n{lane}_irq").value) == 1 and await system.get(IRQ_STATUS) & 2
    assert await system.get(BATCHES) == 0
    before = len(system.bursts["ar"]), len(system.bursts["aw"])
    await system.start(4000, SIZE // 2 + 4000, 4)  # is not taken
    await ClockCycles(dut.aclk, 200)
    assert (len(system.bursts["ar"]), len(system.bursts["aw"])) == before
    system.bad = range(0)
    await system.reset()
    await system.start(4000, SIZE // 2 + 4000, 4)
    assert await system.until(BUSY, 0) == ROOM
    target = system.ram.read(SIZE // 2 + 4000, 4 * system.out.stride)
    assert target == system.expected(frames)
    assert int(getattr(dut, f"n{lane}_irq").value) == 0


@cocotb.test()
async def a_frame_that_ends_at_another_beat_stops_the_shell(dut):
    """Error 3; after a reset the next frames are right."""
    system = await begin(dut, 2, 0.2)
    frames = system.frames(0, 3)
    system.ram.write(2 * system.into.stride - 8, bytes([255]) * 8)  # the last beat of the second
    await system.start(0, SIZE // 2, 3)
    await system.until(FAILED, FAILED)
    assert await system.get(ERROR) == 3 and await system.get(FRAMES_DONE) <= 1
    system.ram.write(0, b"".join(frames))
    system.ram.write(SIZE // 2, bytes([FILL]) * 3 * system.out.stride)
    await system.reset()
    await system.start(0, SIZE // 2, 3)
    assert await system.until(BUSY, 0) == ROOM
    assert system.ram.read(SIZE // 2, 3 * system.out.stride) == system.expected(frames)


@cocotb.test()
async def a_frame_of_which_a_burst_fails_does_not_count_as_done(dut):
    """Answers come so late that its last burst, which succeeds, is sent before that one is answered."""
    system = await begin(dut, 4, 0.0)
    system.ram.write_if.b_channel.set_pause_generator(n % 200 < 199 for n in itertools.count())
    system.frames(0, 1)
    system.bad = range(SIZE // 2 + 7 * 128, SIZE // 2 + 8 * 128)  # the eighth of ten
    await system.start(0, SIZE // 2, 1)
    await system.until(FAILED, FAILED)
    for _ in range(200 * 5):  # the other answers
        await RisingEdge(dut.aclk)
    assert len(system.bursts["aw"]) == 10 and await system.get(IRQ_STATUS) == 2
    assert await system.get(FRAMES_DONE) == 0 and await system.get(BATCHES) == 0


@cocotb.test()
@cocotb.parametrize(lane=LANES)
async def no_frame_is_lost_and_every_fault_is_told_once(dut, lane):
    """Batches at any pace, one fault a turn: frames that count as done are in memory, and nothing else."""
    system = await begin(dut, lane, 0.0)
    rng, into, out, system.longest = system.rng, system.into, system.out, 60
    for turn in range(400 if SOAK else 5):
        system.pause = rng.choice([0.0, 0.2, 0.6])
        what = rng.choice(FAULTS) if SOAK else FAULTS[(5 * lane + turn) % len(FAULTS)]
        of, batches = what, []
        place_in, place_out = 8 * rng.randrange(512), SIZE // 2 + 8 * rng.randrange(512)
        system.ram.write(SIZE // 2, bytes([FILL]) * (SIZE // 2))
        for _ in range(rng.randrange(1, 4)):
            frames = system.frames(place_in, rng.randrange(1, 5))
            batches.append((place_in, place_out, frames))
            place_in, place_out = place_in + into.stride * len(frames), place_out + out.stride * len(frames)
        frames = [frame for *_, part in batches for frame in part]
        if what in ("read", "write", "both"):
            of = rng.choice(("read", "write")) if what == "both" else what
            start, end = (batches[0][0], place_in) if of == "read" else (batches[0][1], place_out)
            first = rng.randrange(start, end, 8)
            system.bad = range(first, first + 8)
        await system.put(IRQ_ENABLE, 2)
        await system.put(CONTROL, 2)  # counters
        for source, target, part in batches:
            await system.start(source, target, len(part))
        for _ in range(rng.randrange(200)):
            await RisingEdge(dut.aclk)
        if what in ("unaligned", "empty", "long"):
            await system.until(ROOM, ROOM)
            odd, count = {"unaligned": (rng.randrange(1, 8), 1), "empty": (0, 0), "long": (0, 2**16)}[what]
            await system.start(odd, SIZE // 2, count)
        if what == "all reset":
            dut.aresetn.value = 0
            await ClockCycles(dut.aclk, 4)
            dut.aresetn.value = 1
            await RisingEdge(dut.aclk)
        elif what != "abort":
            bad = what != "none"
            await system.until(FAILED if bad else BUSY, FAILED if bad else 0)
            for _ in range(300):  # what is under way ends
                await RisingEdge(dut.aclk)
            error = await system.get(ERROR)
            codes = {"none": 0, "unaligned": 4, "empty": 4, "long": 4}
            assert error == codes.get(what, (1 if of == "read" else 2) + (AxiResp.SLVERR << 4) if bad else 0)
            assert await system.get(IRQ_STATUS) & 2 == 2 * bad
            await system.put(IRQ_STATUS, 2)
            assert await system.get(IRQ_STATUS) & 2 == 0
            assert int(getattr(dut, f"n{lane}_irq").value) == 0
            done, whole = await system.get(FRAMES_DONE), await system.get(BATCHES)
            counts = list(itertools.accumulate(len(part) for *_, part in batches))
            assert whole == sum(count <= done for count in counts)
            assert bad or done == len(frames)
            found = system.ram.read(batches[0][1], out.stride * done)
            assert found == system.expected(frames[:done])
        system.bad = range(0)
        await system.reset()
        assert await system.get(STATUS) == ROOM and await system.get(ERROR) == 0
        assert await system.get(IRQ_STATUS) == 0
        size = place_out - batches[0][1]
        beside = system.ram.read(SIZE // 2, batches[0][1] - SIZE // 2)
        beside += system.ram.read(place_out, SIZE // 16)
        assert beside == bytes([FILL]) * len(beside), what
        cut = system.ram.read(batches[0][1], size)
        again = system.frames(0, 2)
        await system.start(0, 7 * SIZE // 8, 2)
        assert await system.until(BUSY, 0) == ROOM
        assert system.ram.read(7 * SIZE // 8, 2 * out.stride) == system.expected(again), what
        assert system.ram.read(batches[0][1], size) == cut


@cocotb.test()
async def registers_answer_as_documented(dut):
    """Identity, refused descriptors, the interrupt of a batch, and addresses that are none."""
    system = await begin(dut, 0, 0.0)
    assert await system.get(IDENTITY) == 0x58465348
    into, out = FORMS[0]
    assert [await system.get(4 * k) for k in range(4, 8)] == [into.bytes, into.beats, out.bytes, out.beats]
    for address, frames in ((4, 1), (0, 0), (0, 2**16)):
        await system.start(address, 4096, frames)
        assert await system.get(STATUS) & (FAILED | BUSY) == FAILED and await system.get(ERROR) == 4
        await system.reset()
    for register in (0x7C, 0xFC):
        assert (await system.host.read(register, 4)).resp == AxiResp.SLVERR
    for register in (IDENTITY, STATUS, 0x7C):
        assert (await system.host.write(register, bytes(4))).resp == AxiResp.SLVERR
    assert (await system.host.write(FRAMES, bytes(2))).resp == AxiResp.SLVERR
    await system.put(IRQ_ENABLE, 1)
    system.frames(0, 1)
    await system.start(0, 4096, 1)
    await system.until(BUSY, 0)
    await ReadOnly()
    assert int(dut.n0_irq.value) == 1
    await RisingEdge(dut.aclk)
    await system.put(IRQ_STATUS, 1)
    assert int(dut.n0_irq.value) == 0 and await system.get(IRQ_STATUS) == 0
    cycles = await system.get(CYCLES)
    assert 0 < cycles < 400
    await system.put(CONTROL, 2)
    assert await system.get(CYCLES) == 0 and await system.get(BATCHES) == 0
    system.ram.read_if.ar_channel.set_pause_generator(itertools.repeat(True))
    for _ in range(6):  # more than the queue takes while nothing is read
        await system.start(0, 4096, 1)
    for _ in range(3):
        await system.start(0, 4096, 1)
    assert await system.get(ERROR) == 4
