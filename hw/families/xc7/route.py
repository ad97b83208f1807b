"""AMD/Xilinx 7 series with openXC7's tools: nextpnr-xilinx, fasm2frames, xc7frames2bit.

No package registry has them; users install them from openXC7. They are looked up in the folder that
XNORFORGE_OPENXC7 names and on PATH; the chip database and Project X-Ray's database in that folder, or where
openXC7's variables CHIPDB and PRJXRAY_DB_DIR point.
"""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr, _nextpnr_log
from xnorforge.hw.families.xc7 import block_rams, carries, leaves, log
from xnorforge.hw.families.xc7.routed import timing_graph
from xnorforge.hw.families.xc7.xray import Database as Xray
from xnorforge.hw.families.xc7.xray import files_of
from xnorforge.hw.routing import HostTop, Routed, Router, Tool, ToolFailed, TopPorts
from xnorforge.hw.shells import uart
from xnorforge.hw.static_timing import slowest

VARIABLE = "XNORFORGE_OPENXC7"
SOURCE = (
    "openXC7 (github.com/openXC7: a snap, nix, or apio's package tools-openxc7; on PATH, or its folder in "
    f"{VARIABLE})"
)
PART = re.compile(r"(xc7([askz])\d+t?)(\w+)(-\d\w?)")
FABRICS = {"a": "artix7", "s": "spartan7", "k": "kintex7", "z": "zynq7"}
DEPTH = 6  # folders below XNORFORGE_OPENXC7 in which databases are looked for
PORTS = {"uart": ("rxd", "txd", "lost"), "dma": ("irq",)}  # ports of the top of a Zynq, by the kind of shell
BIT = f"{routing.TOP}.bit"
COMPLETE = "routed, with block RAM, DSP and processor pins"
LOST = 0.01  # of all inputs may lack a delay before the clock is an upper bound
OWN_TIMING = (
    "static timing of the FASM with Project X-Ray's delays, slow corner of one speed grade: block RAM, DSP, "
    "LUT, carry, registers, the processor's AXI pins, wires; multiplexers inside a slice and differences "
    "between branches of the clock are not counted; nextpnr-xilinx, without block RAM, gives {mhz:.1f} MHz; "
    "not a sign-off by AMD, not measured on silicon"
)
PATHS = 5  # of each run
LUT = re.compile(r"^(CLB\w+\.SLICE[LM]_X[01]\.[A-D])LUT\.", re.MULTILINE)
SLICE = re.compile(r"^(CLB\w+\.SLICE[LM]_X[01])\.", re.MULTILINE)
HALVES = ("SLICE_LUTX", "PSEUDO_GND", "PSEUDO_VCC")  # in the packer's count


@dataclass(frozen=True)
class Database(Tool):
    """A file that belongs to the tools.

    Attributes:
        file: its name, at the end of a path.
        variable: of openXC7, names a folder that it lies in or below.
    """

    file: str = ""
    variable: str = ""

    def path(self) -> str | None:
        """Where it is; None where it is not found."""
        given = [os.environ.get(name) for name in (self.variable, self.folder)]
        return next((str(found) for root in filter(None, given) for found in self._below(Path(root))), None)

    def _below(self, root: Path) -> Iterator[Path]:
        for depth in range(DEPTH):
            yield from sorted(root.glob("/".join(["*"] * depth + [self.file])))


def frame_database(part: str) -> Database:
    """Project X-Ray's of a part: part.yaml, in the folder of the part."""
    file = f"{FABRICS[_parsed(part)[1]]}/{part}/part.yaml"
    return Database(f"Project X-Ray's {file}", SOURCE, VARIABLE, file=file, variable="PRJXRAY_DB_DIR")


def _parsed(part: str) -> tuple[str, str, str]:
    """Device, letter of the fabric, package.

    Raises:
        UserError: it is not a 7-series part.
    """
    known = PART.fullmatch(part)
    if known is None:
        raise UserError(f"'{part}' is not a 7-series part; write it like xc7z020clg400-1.")
    return known[1], known[2], known[3]


def _has_processor(board: Board) -> bool:
    return _parsed(board.part)[1] == "z"


PLACE = Tool("nextpnr-xilinx", SOURCE, VARIABLE)
FRAMES = Tool("fasm2frames", SOURCE, VARIABLE)
PACK = Tool("xc7frames2bit", SOURCE, VARIABLE)


class Xc7(Router):
    """nextpnr-xilinx, fasm2frames and xc7frames2bit of openXC7."""

    tools: tuple[routing.Tool, ...] = (PLACE, FRAMES, PACK)
    program = log.PROGRAM
    timing = (
        "delays of nextpnr-xilinx for one speed grade, without those of block RAM ports and the processor's "
        "pins and with 0.1 ns for every register, so an upper bound; not a sign-off by AMD, not measured on "
        "silicon"
    )
    synth: str = f"synth_xilinx -flatten -nosrl -family xc7 -top {routing.TOP}"

    def databases(self, board: Board) -> tuple[Tool, ...]:
        """nextpnr-xilinx's, without speed grade (xc7z020clg400.bin), and Project X-Ray's."""
        name = "{0}{2}.bin".format(*_parsed(board.part))
        chip = Database(f"chip database {name}", SOURCE, VARIABLE, file=name, variable="CHIPDB")
        return chip, frame_database(board.part)

    def tables(self, board: Board) -> tuple[Tool, ...]:
        """Project X-Ray's times of cells."""
        file = f"{FABRICS[_parsed(board.part)[1]]}/timings"
        why = f"without it the clock is an upper bound; {SOURCE}"
        return (Database(f"Project X-Ray's {file}", why, VARIABLE, file=file, variable="PRJXRAY_DB_DIR"),)

    def top(self, board: Board, ports: TopPorts) -> str:
        """The shell of a serial line with the processor's clock FCLK0 and reset, or those of pins.

        Raises:
            UserError: the part has no processor, and the clock is not that of the pin.
        """
        if not _has_processor(board):
            if board.shell.get("clock_mhz") != board.clock_mhz:
                raise UserError(
                    f"hw/boards/{board.name}/board.toml: clock.mhz = {board.clock_mhz:g} is not made of "
                    f"shell.clock_mhz = {board.shell.get('clock_mhz')}, as no PLL is used here; give both "
                    "the frequency of the oscillator."
                )
            return _nextpnr.board_top(board, PIN_CLOCK, ports)
        head = HEAD.format(top=routing.TOP, mhz=f"{board.clock_mhz:g}")
        return head + uart.top_body(board, ports, "~resets[0]")

    def host_top(self, board: Board, load_bits: int) -> HostTop:
        """The processor PS7 in front of the registers, and the DMA's bursts to its memory.

        Raises:
            UserError: the part has no processor.
        """
        if not _has_processor(board):
            raise UserError(
                f'hw/boards/{board.name}/board.toml: [shell] kind = "{board.shell_kind}" needs the processor '
                f'of a Zynq, which {board.part} does not have; give kind = "uart".'
            )
        from xnorforge.hw.shells import ps7  # it loads operators, which a build with nothing to do must not

        about = (
            f"DMA: frames in memory through S_AXI_HP0, registers at {ps7.BASE:#x} through M_AXI_GP0 "
            "(docs/guide/board.md)"
        )
        return HostTop(ps7.ps7_top(routing.TOP, load_bits), ps7.ps7_sources(), ps7.INSTANCE, about)

    def host_sets_clock(self, board: Board) -> bool:
        """With a processor: its FCLK0. The serial line's baud rate is made of the board's clock."""
        return _has_processor(board) and board.shell_kind != "uart"

    def constraints(self, board: Board) -> str:
        """Those that nextpnr-xilinx reads."""
        return pins(board)

    def identity(self, board: Board) -> list[str]:
        """The content of the tools, tables of delays and pins; databases are known by path and size."""
        programs = [artifacts.digest(path) for tool in self.tools if (path := tool.path())]
        found = [Path(path) for tool in self.databases(board) if (path := tool.path())]
        databases = [f"{path} {path.stat().st_size}" for path in found]
        tables = [file for path in found[1:] for file in files_of(path.parents[1], _parsed(board.part)[0])]
        return [*programs, *databases, artifacts.digest(*tables), pins(board), f"{board.clock_mhz:g} MHz"]

    def adapted(self, netlist: Record) -> Record:
        """Without LUT6_2 and SRL16E, for versions that do not take them."""
        return leaves.rewritten(netlist)

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr-xilinx, then frames, then the bitstream, which is read back."""
        chip, frames = self.databases(board)
        _check_carries(json.loads((folder / "netlist.json").read_text()), board)
        (folder / "pins.xdc").write_text(pins(board))
        files = ["--json", "netlist.json", "--xdc", "pins.xdc", "--fasm", "out.fasm"]
        files += ["--write", routing.PLACED]
        wanted = ["--seed", str(seed), "--freq", f"{board.clock_mhz:g}", "--timing-allow-fail"]
        arguments = ["--chipdb", str(chip.path()), *files, *wanted]
        said = _nextpnr_log.call_nextpnr(PLACE, log.PROGRAM, arguments, folder, seed)
        mhz, used, path = log.read(said, seed)
        asked = routing.left(folder / "out.fasm", PLACE).decode()
        lines = [line for line in asked.splitlines() if line.strip()]  # fasm2frames took no empty line once
        (folder / "design.fasm").write_text("\n".join(lines) + "\n")
        yaml = Path(str(frames.path()))
        root, part = yaml.parents[1], board.part
        for tool, words in (
            (FRAMES, ["--part", part, "--db-root", str(root), "design.fasm", "out.frames"]),
            (PACK, ["--part_file", str(yaml), "--part_name", part, "--frm_file", "out.frames",
                    "--output_file", BIT]),
        ):  # fmt: skip
            try:
                routing.call(tool, words, folder, f"{tool.name}.log")
            except ToolFailed as failed:
                raise UserError(f"{tool.name}: {failed.reason} (seed {seed}); {AGAIN}.") from failed
        made = routing.left(folder / BIT, PACK)
        block_rams.frames_of(made)
        if f"{part}\0".encode() not in made[:400]:
            raise UserError(routing.other_part(PACK, BIT, board))
        text = "\n".join(lines) + "\n"
        return timed(Routed(mhz, _sites(text, used, board), [path], BIT), text, folder / routing.PLACED, yaml)

    def checks(self, netlist: Record, folder: Path, routed: Routed) -> list[Record]:
        """Block RAMs of the bitstream and of the FASM against those of the netlist."""
        cells = netlist["modules"][routing.TOP]["cells"].values()
        asked = block_rams.of_netlist(cells)
        data = (folder / routed.bit).read_bytes()
        holding = {
            "FASM": block_rams.of_fasm((folder / "design.fasm").read_text()),
            "bitstream": block_rams.of_bitstream(data, _layout(data)),
        }
        memories = sum(cell["type"] in ("RAMB18E1", "RAMB36E1") for cell in cells)
        if not memories:
            return []
        rows, what = list[Record](), "block RAMs, compared by content"
        for name, found in holding.items():
            wrong = ((found - asked) + (asked - found)).total()
            rows.append(artifacts.check(f"{name}'s block RAMs = netlist's", 0, wrong, memories, what))
        return rows


def _check_carries(netlist: Record, board: Board) -> None:
    """A design with more carries than nextpnr-xilinx can place is refused; it would never end.

    Raises:
        UserError: it has more.
    """
    reached = int(board.capacity.get("carry4", board.capacity["lut"] / 4)) // 2
    count = carries.packed_carries(netlist["modules"][routing.TOP]["cells"])
    if count.carries > reached:
        raise UserError(
            f"nextpnr-xilinx packs the design into {count.carries:,} CARRY4 in {count.chains:,} chains, but "
            f"can place {reached:,} of {board.part}'s {2 * reached:,} and would never end; allow more cycles "
            "per frame (INTERVAL=), or run Vivado on overlay/build.tcl."
        )


def _sites(fasm: str, packed: dict[str, tuple[int, int]], board: Board) -> dict[str, tuple[int, int]]:
    """Sites used: LUTs and slices of the FASM; the rest is the packer's count, without constants."""
    luts, slices = (set(form.findall(fasm)) for form in (LUT, SLICE))
    rest = {kind: count for kind, count in packed.items() if kind not in HALVES}
    known = int(board.capacity["lut"])
    return {"LUT": (len(luts), known), "slice": (len(slices), known // 4), **rest}


def timed(routed: Routed, fasm: str, placed: Path, part_yaml: Path) -> Routed:
    """The run with the clock that block RAM and real registers allow, its `kind` with the number of inputs
    that lack a delay; an upper bound where the database lacks delays or more than `LOST` of the wires.

    Args:
        routed: by nextpnr-xilinx.
        fasm: its FASM.
        placed: its netlist with places, for the names of cells; without it the path is nextpnr-xilinx's.
        part_yaml: of the part, in Project X-Ray's database.
    """
    part = part_yaml.parent.name
    try:
        database = Xray(part_yaml.parents[1], _parsed(part)[0])
        names = log.cell_places(placed)
        design = timing_graph(fasm, database, names)
        paths = slowest(design.graph, len(design.graph.ends))
        lost = len(design.nets.open)
        inputs = lost + sum(map(len, design.nets.pins.values()))
        said = f"{lost:,} of {inputs:,} inputs have no driver in the database"
        if lost > LOST * inputs or not paths:
            raise UserError(f"timing: {said}")
    except (UserError, ValueError, KeyError, TypeError) as lacking:  # a database of another form
        why = f"{Xc7.timing} ({str(lacking).removeprefix('timing: ').rstrip('.')})"
        return replace(routed, kind=routing.BOUND, timing=why)
    about = OWN_TIMING.format(mhz=routed.mhz)
    named, times = (paths[:PATHS] if names else routed.paths), [path.ns for path in paths]
    arrivals = routing.tenths(times, times[0])
    kind = f"{COMPLETE}; {said}" if lost else COMPLETE
    return replace(routed, mhz=1e3 / times[0], paths=named, kind=kind, timing=about, arrivals=arrivals)


AGAIN = "install openXC7's tools and databases from one release"


def _layout(data: bytes) -> dict[str, Any]:
    """Project X-Ray's part.json of the part that a bitstream's head names."""
    named = re.search(rb"b\x00.(xc7[\w-]+)\x00c", data[:400], re.DOTALL)
    if named is None:
        raise UserError(f"{BIT}: its header does not name a part; {AGAIN}.")
    yaml = frame_database(named[1].decode()).path()
    return json.loads(Path(str(yaml)).with_name("part.json").read_text())


def pins(board: Board) -> str:
    """The constraints file: a place and a level for every pin.

    Raises:
        UserError: the board's file names no pin for one.
    """
    lines = []
    ports = PORTS[board.shell_kind] if _has_processor(board) else _nextpnr.PORTS
    for role, pin in routing.shell_pins(board, ports).items():
        lines.append(f"set_property PACKAGE_PIN {pin} [get_ports {role}]")
        lines.append(f"set_property IOSTANDARD LVCMOS33 [get_ports {role}]")
    return "\n".join(lines) + "\n"


HEAD = """// Generated top level of the bitstream: the processor's clock of {mhz} MHz, serial line,
// accelerator.

module {top} (
  input  rxd,
  output txd,
  output lost
);

  wire [3:0] clocks, resets;
  wire clk;

  PS7 u_ps7 (.FCLKCLK(clocks), .FCLKRESETN(resets));
  BUFG u_clock (.I(clocks[0]), .O(clk));

"""
PIN_CLOCK = """  BUFG u_clock (.I(clock), .O(clk));
  assign locked = 1'b1;

"""
ROUTER = Xc7()
