"""The Zynq top against the AXI models of cocotbext-axi, in the processor's place; run by test_ps7.py.

Master and memory speak AXI4; what AXI3 has beyond it is looked at here: WID, and lengths of four bits."""

import itertools
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiBurstType, AxiBus, AxiMaster, AxiRam, AxiResp
from ps7_bench import FORM, HASH
from shell_bench import FORMS, answer
from shell_cocotb import BATCHES, BUSY, FAILED, IRQ_ENABLE, ROOM, SOURCE, START, STATUS

BASE, SIZE, FILL = 0x4000_0000, 2**18, 0xA5
CONTROL, RESETTING = 0x24, 2


class Processor:
    """What PS7 is to the fabric: a master on GP0, a memory on HP0."""

    def __init__(self, dut, pause: float):
        self.dut, self.rng = dut, random.Random(int(100 * pause))
        self.into, self.out = FORMS[FORM]
        gp, hp = (AxiBus.from_prefix(dut, name) for name in ("gp", "hp"))
        given = {"reset_active_level": False}
        self.gp = AxiMaster(gp, dut.aclk, dut.aresetn, max_burst_len=16, **given)
        self.ram = AxiRam(hp, dut.aclk, dut.aresetn, size=SIZE, **given)
        host, write, read = self.gp, self.ram.write_if, self.ram.read_if
        channels = [host.write_if.aw_channel, host.write_if.w_channel, host.write_if.b_channel,
                    host.read_if.ar_channel, host.read_if.r_channel, write.aw_channel, write.w_channel,
                    write.b_channel, read.ar_channel, read.r_channel]  # fmt: skip
        for channel in channels if pause else []:
            rng = random.Random(self.rng.random())
            channel.set_pause_generator(rng.random() < pause for rng in itertools.repeat(rng))
        self.words = {"ar": 0, "w": 0}
        cocotb.start_soon(self.watch())

    async def watch(self):
        """WID of every word is the one identifier there is; bursts into GP0 are not too long for AXI3."""
        hp = {name: getattr(self.dut, f"hp_{name}") for name in (
            "awid", "arid", "wid", "awvalid", "awready", "wvalid", "wready", "arvalid", "arready", "arlen",
            "awlen", "arsize", "awsize", "awburst", "arburst",
        )}  # fmt: skip
        while True:
            await RisingEdge(self.dut.aclk)
            now = {name: port.value for name, port in hp.items()}
            assert self.dut.gp_awvalid.value != 1 or int(self.dut.gp_awlen.value) < 16
            assert self.dut.gp_arvalid.value != 1 or int(self.dut.gp_arlen.value) < 16
            if now["awvalid"] == 1:
                assert (int(now["awid"]), int(now["awsize"]), int(now["awburst"])) == (0, 3, 1)
            if now["wvalid"] == 1 and now["wready"] == 1:
                assert int(now["wid"]) == 0
                self.words["w"] += 1
            if now["arvalid"] == 1 and now["arready"] == 1:
                assert (int(now["arid"]), int(now["arsize"]), int(now["arburst"])) == (0, 3, 1)
                self.words["ar"] += int(now["arlen"]) + 1

    def identifier(self) -> int:
        return self.rng.randrange(2**12)

    async def get(self, register: int) -> int:
        found = await self.gp.read(BASE + register, 4, arid=self.identifier())
        assert found.resp == AxiResp.OKAY
        return int.from_bytes(found.data, "little")

    async def put(self, register: int, *values: int) -> None:
        """Registers from one address on, in one burst."""
        data = b"".join(value.to_bytes(4, "little") for value in values)
        found = await self.gp.write(BASE + register, data, awid=self.identifier())
        assert found.resp == AxiResp.OKAY

    async def until(self, mask: int, value: int) -> int:
        for _ in range(2000):
            status = await self.get(STATUS)
            if status & mask == value:
                return status
        raise AssertionError(f"status {status:#x} after 2,000 reads")

    async def batch(self, source: int, target: int, count: int) -> None:
        """Frames at random, through the memory and back."""
        frames = [self.rng.randbytes(self.into.stride) for _ in range(count)]
        self.ram.write(source, b"".join(frames))
        self.ram.write(target - 8, bytes([FILL]) * (self.out.stride * count + 16))
        await self.put(SOURCE, source, 0, target, 0, count, 1)  # one burst, START its last word
        assert await self.until(BUSY, 0) & FAILED == 0
        rest = bytes([FILL])
        wanted = b"".join(answer(FORM, frame).ljust(self.out.stride, rest) for frame in frames)
        assert self.ram.read(target - 8, len(wanted) + 16) == rest * 8 + wanted + rest * 8


async def begin(dut, pause: float) -> Processor:
    dut.aresetn.value = 0
    Clock(dut.aclk, 10, unit="ns").start()
    found = Processor(dut, pause)
    await ClockCycles(dut.aclk, 6)
    dut.aresetn.value = 1
    await ClockCycles(dut.aclk, 6)
    return found


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.4])
async def frames_come_back_answered(dut, pause):
    """Batches at any address, across 4 KiB, started by one burst of GP0; the interrupt reaches IRQF2P[0]."""
    processor = await begin(dut, pause)
    assert await processor.get(0) == 0x58465348
    await processor.put(IRQ_ENABLE, 1)
    total = 0
    for turn in range(4):
        count = processor.rng.randrange(1, 5)
        await processor.batch(4096 * turn + 4096 - 16, SIZE // 2 + 4096 * turn + 4096 - 8, count)
        total += count
    assert await processor.get(BATCHES) == 4
    assert processor.words == {
        "ar": total * processor.into.stride // 8, "w": total * processor.out.stride // 8
    }  # fmt: skip
    assert int(dut.irq.value) == 1 and int(dut.irqf2p.value) == 1
    await processor.put(0x3C, 1)
    assert int(dut.irq.value) == 0 and int(dut.irqf2p.value) == 0


@cocotb.test()
@cocotb.parametrize(pause=[0.0, 0.4])
async def bursts_of_registers_are_single_accesses(dut, pause):
    """Upwards, fixed and wrapping, of whole words and of bytes; identifiers are the master's to check."""
    processor = await begin(dut, pause)
    values = [0x11223340, 0, 0x55667780, 0, 77]
    await processor.put(SOURCE, *values)
    singles = [await processor.get(SOURCE + 4 * k) for k in range(8)]
    assert singles[:5] == values

    def words(found) -> list[int]:
        assert found.resp == AxiResp.OKAY
        return [int.from_bytes(found.data[k : k + 4], "little") for k in range(0, len(found.data), 4)]

    async def read(address, count, burst=AxiBurstType.INCR, **given):
        whose = processor.identifier()
        return await processor.gp.read(BASE + address, count, arid=whose, burst=burst, **given)

    identity = [await processor.get(4 * k) for k in range(16)]
    assert words(await read(0, 64)) == identity
    assert words(await read(SOURCE, 16, AxiBurstType.FIXED)) == [values[0]] * 4
    wrapped = words(await read(SOURCE + 12, 16, AxiBurstType.WRAP))
    assert wrapped == [singles[3], *singles[:3]]
    assert bytes((await read(SOURCE + 1, 6, size=0)).data) == bytes.fromhex("332211 000000")
    fixed = bytes.fromhex("01000000 02000000 03000000")
    found = await processor.gp.write(BASE + 0x50, fixed, burst=AxiBurstType.FIXED)
    assert found.resp == AxiResp.OKAY and await processor.get(0x50) == 3
    found = await processor.gp.write(
        BASE + SOURCE + 8, bytes.fromhex("08000000 10000000 18000000 20000000"), burst=AxiBurstType.WRAP
    )
    assert [await processor.get(SOURCE + 4 * k) for k in range(4)] == [0x18, 0x20, 0x08, 0x10]


@cocotb.test()
async def what_is_no_register_is_an_error_of_the_bus(dut):
    """SLVERR of the registers, DECERR behind them; a burst has the worst of its answers."""
    processor = await begin(dut, 0.2)
    gp = processor.gp
    for address, answered in ((0x7C, AxiResp.SLVERR), (0x100, AxiResp.DECERR), (0x3FFFFFFC, AxiResp.DECERR)):
        assert (await gp.read(BASE + address, 4)).resp == answered
        assert (await gp.write(BASE + address, bytes(4))).resp == answered
    assert (await gp.write(BASE + 0x78, bytes(8))).resp == AxiResp.SLVERR
    assert (await gp.write(BASE + 0x34, bytes(8))).resp == AxiResp.SLVERR  # the second of both is a register
    assert (await gp.write(BASE + 0x50, bytes(2))).resp == AxiResp.SLVERR
    assert (await gp.write(BASE + 0xF8, bytes(16))).resp == AxiResp.DECERR
    assert (await gp.read(BASE + 0xF8, 16)).resp != AxiResp.OKAY
    assert await processor.get(0) == 0x58465348
    await processor.batch(0, SIZE // 2, 2)


@cocotb.test()
async def a_reset_of_the_fabric_and_a_soft_one_bring_it_back(dut):
    """FCLK_RESET0 in mid-transfer, when the memory is reset as well, then a soft reset."""
    processor = await begin(dut, 0.3)
    for turn in range(3):
        processor.ram.write(0, processor.rng.randbytes(8 * processor.into.stride))
        await processor.put(SOURCE, 0, 0, SIZE // 2, 0, 8, 1)
        await ClockCycles(dut.aclk, processor.rng.randrange(20, 200))
        if turn == 1:
            await processor.put(CONTROL, 1)
            await processor.until(RESETTING, 0)
        else:
            dut.aresetn.value = 0
            await ClockCycles(dut.aclk, 8)
            dut.aresetn.value = 1
            await ClockCycles(dut.aclk, 8)
        assert await processor.get(STATUS) == ROOM
        assert int.from_bytes((await processor.gp.read(BASE + 8, 8)).data, "little") == HASH
        await processor.batch(4096 - 8, SIZE // 2, 3)


assert START == SOURCE + 0x14  # what a batch's burst relies on
