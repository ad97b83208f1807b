"""A shell as a Vivado project: `xf_system` behind the processor of a Zynq.

`build.tcl` makes the bitstream and its .hwh; `xf_overlay.v` is what the block design instantiates. The same
description as a .hwh lets `pynq.Overlay` load a bitstream of other tools.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import xnorforge
from xnorforge.flows.templates import render
from xnorforge.hw import families
from xnorforge.hw.boards import Board
from xnorforge.hw.shells import dma, ps7

TOP, CELL = "xf_overlay", "system"  # the module, and its instance in the block design
REGISTERS, MEMORY = "s_axi_ctrl", "m_axi"  # buses of xf_system
LEAST_BITS = 12  # of an address range of a processor, 4 KiB
IO_PLL = 1000.0  # MHz, of a Zynq-7000 as PYNQ's images set it: FCLK0 is a whole part of it
PORT = re.compile(r"^\s*(input|output)\s+logic\s+(?:\[(\d+):0\]\s+)?(\w+),?$", re.MULTILINE)


@dataclass(frozen=True)
class Processor:
    """A processor beside the logic, by the names of its IP in Vivado's catalog.

    Attributes:
        ip: name of the IP.
        settings, memory_settings: its parameters; the latter with a bus master in the shell. `{mhz}` stands
            for the clock.
        clock, reset, interrupt: pins.
        master, memory: (interface, pin of its clock) to registers, and from the shell's bus master.
        segment: of the memory, below the IP.
        base: address of the registers.
        external: interfaces that become ports of the design.
    """

    ip: str
    settings: str
    memory_settings: str
    clock: str
    reset: str
    interrupt: str
    master: tuple[str, str]
    memory: tuple[str, str]
    segment: str
    base: int
    external: str = ""


PS7 = Processor(
    ip="processing_system7",
    settings="PCW_USE_M_AXI_GP0 1 PCW_USE_FABRIC_INTERRUPT 1 PCW_IRQ_F2P_INTR 1 "
    "PCW_FPGA0_PERIPHERAL_FREQMHZ {mhz}",
    memory_settings="PCW_USE_S_AXI_HP0 1 PCW_S_AXI_HP0_DATA_WIDTH 64",
    clock="FCLK_CLK0",
    reset="FCLK_RESET0_N",
    interrupt="IRQ_F2P",
    master=("M_AXI_GP0", "M_AXI_GP0_ACLK"),
    memory=("S_AXI_HP0", "S_AXI_HP0_ACLK"),
    segment="S_AXI_HP0/HP0_DDR_LOWOCM",
    base=ps7.BASE,
    external="FIXED_IO, DDR",
)
MPSOC = Processor(
    ip="zynq_ultra_ps_e",
    settings="PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 0 PSU__USE__M_AXI_GP2 0 PSU__USE__IRQ0 1 "
    "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ {mhz}",
    memory_settings="PSU__USE__S_AXI_GP2 1 PSU__SAXIGP2__DATA_WIDTH 64",
    clock="pl_clk0",
    reset="pl_resetn0",
    interrupt="pl_ps_irq0",
    master=("M_AXI_HPM0_FPD", "maxihpm0_fpd_aclk"),
    memory=("S_AXI_HP0_FPD", "saxihp0_fpd_aclk"),
    segment="SAXIGP2/HP0_DDR_LOW",
    base=0xA000_0000,
)
PROCESSORS = {"xc7z": PS7, "xczu": MPSOC}  # by the beginning of the part's name


def processor_of(board: Board) -> Processor | None:
    """The processor of a board's part; None if it has none, or Vivado does not know the part."""
    return PROCESSORS.get(board.part[:4]) if has_vivado(board) else None


def has_vivado(board: Board) -> bool:
    """Whether Vivado makes bitstreams for the board's part."""
    return families.load(board.family).vendor_tool == ("vivado", "Vivado")


@dataclass(frozen=True)
class Port:
    """A port of `xf_system`: direction ("input", "output"), bits, name."""

    way: str
    bits: int
    name: str


def ports_of(system: str) -> list[Port]:
    """The ports in the text of `xf_system`."""
    head = system.split(f"module {dma.TOP} (\n", 1)[1].split("\n);", 1)[0]
    return [Port(way, int(high or 0) + 1, name) for way, high, name in PORT.findall(head)]


def project(
    board: Board, processor: Processor, system: str, addresses: Mapping[str, int], constraints: str
) -> dict[str, str]:
    """The files of the project, {path in the folder of the overlay: text}.

    Args:
        system: text of `xf_system`.
        addresses: of the registers, {name: address}.
        constraints: of the ports of `routing.Router.host_top`, for Vivado; empty without any.
    """
    ports = ports_of(system)
    with_memory = any(port.name.startswith(MEMORY) for port in ports)
    address = next(port.bits for port in ports if port.name == f"{REGISTERS}_awaddr")
    given = {
        "board": board, "processor": processor, "ports": ports, "with_memory": with_memory,
        "address": address, "range_bits": max(LEAST_BITS, address), "system": dma.TOP, "top": TOP,
        "cell": CELL, "registers": REGISTERS, "memory": MEMORY, "version": xnorforge.__version__,
        "title": " ".join(board.title.split()), "defines": families.load(board.family).defines,
        "settings": _settings(processor, with_memory, board.clock_mhz), "constraints": bool(constraints),
        "dividers": clock_dividers(board.clock_mhz), "addresses": addresses,
        "device": board.part.removeprefix("xc").partition("clg")[0],
    }  # fmt: skip
    names = ["build.tcl", f"rtl/{TOP}.v", *(["overlay.hwh"] if processor is PS7 else [])]
    texts = {name: render(__name__, name.rpartition("/")[2], given) for name in names}
    return texts | ({"overlay.xdc": constraints} if constraints else {})


def _settings(processor: Processor, with_memory: bool, mhz: float) -> dict[str, str]:
    """{parameter of the IP: value}."""
    text = processor.settings + (f" {processor.memory_settings}" if with_memory else "")
    words = text.format(mhz=f"{mhz:g}").split()
    return dict(zip(words[::2], words[1::2]))


def clock_dividers(mhz: float) -> tuple[int, int]:
    """The two dividers of FCLK0, up to 63 each, for the highest clock of at most `mhz`.

    >>> clock_dividers(100.0)
    (1, 10)
    """
    pairs = [(one, two) for one in range(1, 64) for two in range(one, 64)]
    fitting = [pair for pair in pairs if IO_PLL / math.prod(pair) <= mhz]
    return min(fitting, key=math.prod, default=(63, 63))
