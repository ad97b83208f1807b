"""A shell as a Vivado project: `xf_system` behind the processor of a Zynq.

`build.tcl` makes the bitstream and its .hwh; `xf_overlay.v` is what the block design instantiates. The same
description as a .hwh lets `pynq.Overlay` load a bitstream of other tools.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files

from xnorforge.core import VERSION
from xnorforge.core.types import Record
from xnorforge.flows.templates import render
from xnorforge.hw import families
from xnorforge.hw.boards import Board
from xnorforge.hw.shells import dma

TOP, CELL = "xf_overlay", "system"  # the module, and its instance in the block design
REGISTERS, MEMORY = "s_axi_ctrl", "m_axi"  # buses of xf_system
LEAST_BITS = 12  # of an address range of a processor, 4 KiB
IO_PLL = 1000.0  # MHz, of a Zynq-7000 as PYNQ's images set it: FCLK0 is a whole part of it
PORT = re.compile(r"^\s*(input|output)\s+logic\s+(?:\[(\d+):0\]\s+)?(\w+),?$", re.MULTILINE)


# By the beginning of the name of their board's part.
PROCESSORS = tomllib.loads((files(__name__) / "processors.toml").read_text())
PROCESSORS["xck2"] = PROCESSORS["xczu"]  # Kria


def has_vivado(board: Board) -> bool:
    """Whether Vivado makes bitstreams for the board's part."""
    return families.load(board.family).vendor_tool == ("vivado", "Vivado")


def project(
    board: Board, processor: Record, system: str, addresses: Mapping[str, int], constraints: str
) -> dict[str, str]:
    """The files of the project, {path in the folder of the overlay: text}.

    Args:
        system: text of `xf_system`.
        addresses: of the registers, {name: address}.
        constraints: of the ports of `routing.Router.host_top`, for Vivado; empty without any.
    """
    head = system.split(f"module {dma.TOP} (\n", 1)[1].split("\n);", 1)[0]
    ports = [{"way": way, "bits": int(high or 0) + 1, "name": name} for way, high, name in PORT.findall(head)]
    address = next(port["bits"] for port in ports if port["name"] == f"{REGISTERS}_awaddr")
    given = {
        "board": board, "processor": processor, "ports": ports,
        "address": address, "range_bits": max(LEAST_BITS, address), "system": dma.TOP, "top": TOP,
        "cell": CELL, "registers": REGISTERS, "memory": MEMORY, "version": VERSION,
        "title": " ".join(board.title.split()), "defines": families.load(board.family).defines,
        "settings": {
            key: value.format(mhz=f"{board.clock_mhz:g}") for key, value in processor["settings"].items()
        },
        "constraints": bool(constraints),
        "dividers": clock_dividers(board.clock_mhz), "addresses": addresses,
        "device": board.part.removeprefix("xc").partition("clg")[0],
    }  # fmt: skip
    names = ["build.tcl", f"rtl/{TOP}.v", *(["overlay.hwh"] if processor is PROCESSORS["xc7z"] else [])]
    texts = {name: render(__name__, name.rpartition("/")[2], given) for name in names}
    return texts | ({"overlay.xdc": constraints} if constraints else {})


def settable(mhz: float) -> float:
    """The highest clock of at most `mhz` that FCLK0 can have, in kHz steps.

    >>> settable(83.2)
    76.923
    """
    return math.floor(1e3 * IO_PLL / math.prod(clock_dividers(mhz, 0.0))) / 1e3


def clock_dividers(mhz: float, slack: float = 1e-3) -> tuple[int, int]:
    """The two dividers of FCLK0, up to 63 each, for the highest clock of at most `mhz`, in whole kHz.

    >>> clock_dividers(83.333)
    (1, 12)
    """
    pairs = [(one, two) for one in range(1, 64) for two in range(one, 64)]
    fitting = [pair for pair in pairs if IO_PLL / math.prod(pair) <= mhz + slack]
    return min(fitting, key=math.prod, default=(63, 63))
