"""The shell without a bus master against the AXI4-Lite host of cocotbext-axi; run by test_gp_shell.py."""

import itertools
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from gp_shell_bench import FORMS
from shell_bench import HASH, answer

LANES = list(range(len(FORMS)))
IDENTITY, HASH_LOW, HASH_HIGH, CONTROL, STATUS, ERROR = 0x00, 0x08, 0x0C, 0x24, 0x28, 0x2C
FRAMES_DONE, CYCLES, DATA, LAST = 0x5C, 0x60, 0x80, 0xFC
RESETTING, FAILED = 2, 4
DEPTH = 32


class System:
    """A lane of the bench and its host."""

    def __init__(self, dut, lane: int, pause: float):
        self.dut, self.lane, self.rng = dut, lane, random.Random(1000 * lane + int(100 * pause))
        self.into, self.out = FORMS[lane]
        registers = AxiLiteBus.from_prefix(dut, f"n{lane}_s_axi_ctrl")
        self.host = AxiLiteMaster(registers, dut.aclk, dut.aresetn, reset_active_level=False)
        write, read = self.host.write_if, self.host.read_if
        for channel in write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel:
            if pause:
                channel.set_pause_generator(self.pauses(pause))

    def pauses(self, chance: float):
        rng = random.Random(self.rng.random())
        return (rng.random() < chance for _ in itertools.count())

    async def get(self, register: int) -> int:
        return await self.host.read_dword(register)

    async def put(self, register: int, value: int) -> None:
        await self.host.write_dword(register, value)

    async def counts(self) -> tuple[int, int]:
        """Room in words, and words that wait; nothing else is said."""
        status = await self.get(STATUS)
        assert status & 15 == 0, hex(status)
        return status >> 4 & 0xFFF, status >> 16

    async def push(self, frame: bytes) -> None:
        """Words, at any address of the data register."""
        for at in range(0, len(frame), 4):
            await self.put(
                self.rng.randrange(DATA, LAST + 1, 4), int.from_bytes(frame[at : at + 4], "little")
            )

    async def pop(self, count: int) -> bytes:
        addresses = [self.rng.randrange(DATA, LAST + 1, 4) for _ in range(count)]
        return b"".join([(await self.get(address)).to_bytes(4, "little") for address in addresses])

    async def reset(self) -> None:
        await self.put(CONTROL, 1)
        while await self.get(STATUS) & RESETTING:
            pass

    def frames(self, count: int) -> list[bytes]:
        """Random frames, what fills their last words included."""
        return [self.rng.randbytes(self.into.stride) for _ in range(count)]

    async def exchange(self, frames: list[bytes]) -> list[bytes]:
        """Answers to frames; what the counts allow is written and read in portions of any size."""
        left, found = b"".join(frames), b""
        for _ in range(4000):
            if len(found) == len(frames) * self.out.stride:
                return [self.part(found, n) for n in range(len(frames))]
            room, ready = await self.counts()
            found += await self.pop(min(ready, self.rng.choice([0, 1, 3, DEPTH + 1])))
            portion = 4 * min(room, self.rng.choice([0, 2, 7, DEPTH]))
            await self.push(left[:portion])
            left = left[portion:]
        raise AssertionError(f"{len(found)} bytes of answers after 4,000 looks")

    def part(self, found: bytes, n: int) -> bytes:
        """Answer n of these, without what fills its last word."""
        return found[n * self.out.stride :][: self.out.slot * self.out.beats]

    def expected(self, frames: list[bytes]) -> list[bytes]:
        return [answer(self.lane, frame, FORMS) for frame in frames]

    async def idle(self, most: int) -> None:
        for _ in range(self.rng.randrange(most)):
            await RisingEdge(self.dut.aclk)


async def begin(dut, lane: int, pause: float) -> System:
    for n in LANES:  # of the other lanes, which stay silent
        for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
            getattr(dut, f"n{n}_s_axi_ctrl_{name}").value = 0
    dut.aresetn.value = 0
    Clock(dut.aclk, 10, unit="ns").start()
    system = System(dut, lane, pause)
    for _ in range(4):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    await RisingEdge(dut.aclk)
    while await system.get(STATUS) & RESETTING:
        pass
    return system


@cocotb.test()
@cocotb.parametrize(lane=LANES, pause=[0.0, 0.4])
async def frames_come_back_answered(dut, lane, pause):
    """Eight frames, written and read word by word; then both FIFOs are empty."""
    system = await begin(dut, lane, pause)
    assert await system.get(HASH_LOW) + (await system.get(HASH_HIGH) << 32) == HASH + lane
    frames = system.frames(8)
    assert await system.exchange(frames) == system.expected(frames)
    assert await system.counts() == (DEPTH, 0)
    assert await system.get(FRAMES_DONE) == 8 and await system.get(ERROR) == 0


@cocotb.test()
@cocotb.parametrize(lane=LANES, pause=[0.0, 0.4])
async def a_reset_in_mid_frame_leaves_nothing_behind(dut, lane, pause):
    """Wherever frames are cut, the next ones are right."""
    system = await begin(dut, lane, pause)
    for _ in range(4):
        room, _ = await system.counts()
        cut = b"".join(system.frames(6))[: 4 * system.rng.randrange(1, room + 1)]
        await system.push(cut)
        await system.idle(40)
        _, ready = await system.counts()
        await system.pop(system.rng.randrange(ready + 1))
        await system.reset()
        assert await system.counts() == (DEPTH, 0) and await system.get(FRAMES_DONE) == 0
        frames = system.frames(2)
        assert await system.exchange(frames) == system.expected(frames)


@cocotb.test()
@cocotb.parametrize(lane=LANES)
async def a_word_without_room_is_dropped_and_told(dut, lane):
    """Nothing is read until all is full: one word more is error 5, and what was taken is answered."""
    system = await begin(dut, lane, 0.2)
    sent = b""
    while True:
        room, _ = await system.counts()
        if not room:
            await system.idle(400)  # as long as the accelerator goes on
            if (await system.counts())[0] == 0:
                break
        sent += b"".join(system.frames(1))
        written = len(sent) - system.into.stride
        while written < len(sent):
            room, _ = await system.counts()
            if not room:
                await system.idle(400)
                if (await system.counts())[0] == 0:
                    break
            await system.push(sent[written:][: 4 * room])
            written += min(4 * room, len(sent) - written)
        sent = sent[:written]
    for _ in range(2):
        assert (await system.host.write(DATA, b"drop")).resp == AxiResp.OKAY
    status = await system.get(STATUS)
    assert status & 15 == FAILED and await system.get(ERROR) == 5
    assert int(getattr(dut, f"n{lane}_irq").value) == 1
    found, whole = b"", len(sent) // system.into.stride
    while len(found) < whole * system.out.stride:
        found += await system.pop((await system.get(STATUS)) >> 16)
    assert len(found) == whole * system.out.stride
    frames = [sent[n * system.into.stride :][: system.into.stride] for n in range(whole)]
    assert [system.part(found, n) for n in range(whole)] == system.expected(frames)
    await system.push(bytes(8))  # is dropped, as there was an error
    for _ in range(200):
        await RisingEdge(dut.aclk)
    status = await system.get(STATUS)
    assert (status >> 4 & 0xFFF, status >> 16) == (DEPTH, 0)  # no word made a frame whole
    await system.reset()
    frames = system.frames(2)
    assert await system.exchange(frames) == system.expected(frames)


@cocotb.test()
async def a_read_without_a_word_gives_0_and_is_told(dut):
    """Error 6 and no waiting; after a reset frames come right."""
    system = await begin(dut, 1, 0.2)
    found = await system.host.read(DATA, 4)
    assert found.resp == AxiResp.OKAY and found.data == bytes(4)
    assert (await system.get(STATUS)) & 15 == FAILED and await system.get(ERROR) == 6
    await system.reset()
    assert int(dut.n1_irq.value) == 0
    frames = system.frames(2)
    assert await system.exchange(frames) == system.expected(frames)


@cocotb.test()
async def a_frame_that_ends_at_another_beat_is_told(dut):
    """Error 3; after a reset the next frames are right."""
    system = await begin(dut, 2, 0.2)
    frame = system.frames(1)[0][:-8] + bytes([255]) * 8  # its last beat
    for at in range(0, len(frame), 4):
        while (await system.counts())[0] == 0:
            pass
        await system.push(frame[at : at + 4])
    await system.idle(200)
    assert (await system.get(STATUS)) & 15 == FAILED and await system.get(ERROR) == 3
    await system.reset()
    frames = system.frames(2)
    assert await system.exchange(frames) == system.expected(frames)


@cocotb.test()
async def registers_answer_as_documented(dut):
    """Identity, sizes, counters, the interrupt, and what is no register or no whole word."""
    system = await begin(dut, 0, 0.0)
    into, out = FORMS[0]
    assert [await system.get(4 * k) for k in (0, 1)] == [0x58464750, 0x00010000]
    assert [await system.get(4 * k) for k in range(4, 8)] == [into.bytes, into.beats, out.bytes, out.beats]
    for register in (0x20, 0x30, 0x40, 0x58, 0x64, 0x7C):
        assert (await system.host.read(register, 4)).resp == AxiResp.SLVERR
    for register in (IDENTITY, STATUS, FRAMES_DONE, 0x7C):
        assert (await system.host.write(register, bytes(4))).resp == AxiResp.SLVERR
    assert (await system.host.write(DATA, bytes(2))).resp == AxiResp.SLVERR
    assert await system.counts() == (DEPTH, 0)  # nothing was pushed
    assert int(dut.n0_irq.value) == 0
    frame = system.frames(1)[0]
    await system.push(frame)
    await system.idle(100)
    assert int(dut.n0_irq.value) == 1 and await system.counts() == (DEPTH, out.stride // 4)
    assert system.part(await system.pop(out.stride // 4), 0) == answer(0, frame, FORMS)
    assert int(dut.n0_irq.value) == 0 and await system.get(FRAMES_DONE) == 1
    first = await system.get(CYCLES)
    assert 0 < first < await system.get(CYCLES) < 1000
    await system.put(CONTROL, 2)
    assert await system.get(FRAMES_DONE) == 0 and await system.get(CYCLES) < 20
    dut.aresetn.value = 0
    await system.idle(9)
    for _ in range(4):
        await RisingEdge(dut.aclk)
    dut.aresetn.value = 1
    await system.reset()
    frames = system.frames(2)
    assert await system.exchange(frames) == system.expected(frames)
