"""What the families have in common whose boards give a clock by a pin and that nextpnr routes: a board's top
of PLL, shell and accelerator, the pins of it, and nextpnr's JSON report.
"""

import json
import math
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.hw import routing
from xnorforge.hw.boards import Board
from xnorforge.hw.families import _nextpnr_log
from xnorforge.hw.routing import Hop, LateNet, Routed, Router, TimingPath, Tool, TopPorts
from xnorforge.hw.shells import uart

PORTS = ("clock", "reset", "rxd", "txd", "lost")  # of the board's top
REPORT = "nextpnr.json"
MOST_MHZ, STEPS = 400, 8  # highest clock that is made, and parts of the oscillator between two
LATE = 5  # nets of a run that are kept


def tools_of(package: str, family: str, packer: str) -> tuple[Tool, ...]:
    """The program of nextpnr, which has its Python package's name, and the one that makes the bitstream."""
    extra = f"any make target installs it; with pip: xnorforge[{family}]"
    return tuple(Tool(name, f"the Python package {package} ({extra})") for name in (package, packer))


class Nextpnr(Router):
    """A nextpnr, its JSON report, and the program that makes the bitstream; they see the folder as /run.

    Attributes:
        tools: both, see `tools_of`.
        packages: Python packages that they need besides that of nextpnr.
        pin_file, bit: names of the constraints file and of the bitstream.
    """

    packages: tuple[str, ...] = ()
    pin_file: str
    bit: str = f"{routing.TOP}.bit"

    @abstractmethod
    def device(self, board: Board) -> list[str]:
        """The arguments of nextpnr that name the part and the files.

        Raises:
            UserError: it does not know the part.
        """

    @abstractmethod
    def pin(self, role: str, pin: str, pull: str) -> str:
        """The lines of the constraints file on a port: its place, its pull ("UP", "DOWN", "NONE")."""

    @abstractmethod
    def pack(self, folder: Path, board: Board) -> None:
        """Make the bitstream of what nextpnr left in the folder.

        Raises:
            UserError: the program failed, or the bitstream is for another part.
        """

    def pins(self, board: Board) -> str:
        """The constraints file.

        Raises:
            UserError: the board's file names no pin for a port of the top.
        """
        pulls = {"rxd": "UP", "reset": "UP" if "reset" in board.shell.get("low", ()) else "DOWN"}
        ports = routing.shell_pins(board, PORTS).items()
        return "".join(self.pin(role, pin, pulls.get(role, "NONE")) for role, pin in ports)

    def arguments(self, board: Board, seed: int) -> list[str]:
        """Of nextpnr, with those for the report that `read_report` reads, and the netlist with places."""
        wanted = ["--freq", f"{board.clock_mhz:g}", "--timing-allow-fail", "--seed", str(seed)]
        report = ["--report", f"/run/{REPORT}", "--detailed-timing-report", "--write"]
        return [*self.device(board), *wanted, *report, f"/run/{routing.PLACED}"]

    def identity(self, board: Board) -> list[str]:
        """The versions of the packages, the arguments, and the pins."""
        packages = [f"{package} {installed(package)}" for package in (self.tools[0].name, *self.packages)]
        return [*packages, *self.arguments(board, 0), self.pins(board)]

    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """nextpnr, then the program that makes the bitstream."""
        (folder / self.pin_file).write_text(self.pins(board))
        place, arguments = self.tools[0], self.arguments(board, seed)
        _nextpnr_log.call_nextpnr(place, self.program, arguments, folder, seed, **mount(folder))
        routed = read_report(routing.left(folder / REPORT, place), seed, self.program, self.bit)
        self.pack(folder, board)
        return routed


def board_top(board: Board, pll: str, ports: TopPorts) -> str:
    """The Verilog of the top: a PLL, the shell of a serial line, the accelerator.

    Args:
        pll: Verilog that drives the wires `clk` and `locked` from the port `clock`.
    """
    low = board.shell.get("low", ())
    pressed = "~reset" if "reset" in low else "reset"
    lit = "~was_lost" if "lost" in low else "was_lost"
    source, mhz = f"{board.shell['clock_mhz']:g}", f"{board.clock_mhz:g}"
    head = HEAD.format(top=routing.TOP, pll=pll, source=source, mhz=mhz)
    return head + uart.top_body(board, ports, f"{pressed} | ~locked", lit)


def unmultiplied_top(board: Board, ports: TopPorts) -> str:
    """`board_top` at the oscillator's clock.

    Raises:
        UserError: the board's file wants another clock.
    """
    if board.clock_mhz != board.shell["clock_mhz"]:
        raise UserError(
            f"hw/boards/{board.name}/board.toml: clock.mhz = {board.clock_mhz:g}, but no PLL is "
            f"used here; give the oscillator's {board.shell['clock_mhz']:g}."
        )
    return board_top(board, "  assign clk = clock;\n  assign locked = 1'b1;\n", ports)


def dividers(
    device: str, source: float, wanted: float, compared: float, most: int, divisors: Iterable[int],
    oscillator: tuple[float, float],
) -> tuple[int, int, int]:  # fmt: skip
    """Dividers (reference, feedback, output) of a PLL whose feedback is its output, for exactly that clock.

    Args:
        device: what has that PLL, with its article, for the message.
        source, wanted: MHz.
        compared: least MHz of its phase comparison.
        most: largest divider of the feedback.
        divisors: dividers of the output.
        oscillator: least and most MHz of its oscillator, which is the output times its divider.

    Raises:
        UserError: there are none.
    """
    for reference in range(1, math.floor(source / compared) + 1):
        fed_back = wanted * reference / source
        if fed_back >= 1 and fed_back == round(fed_back) <= most:
            fits = [n for n in divisors if oscillator[0] <= wanted * n <= oscillator[1]]
            if fits:
                return reference, round(fed_back), fits[len(fits) // 2]
    raise UserError(
        f"bitstream: the PLL of {device} cannot make exactly {wanted:g} MHz from {source:g} MHz; "
        f"set a clock in board.toml that is a multiple or a simple fraction of {source:g} MHz."
    )


def makes(board: Board, mhz: float, pll: Callable[[float, float], object]) -> bool:
    """Whether a PLL makes exactly this clock of the board's oscillator, a multiple of an eighth of it, of
    which the baud rate is a whole part but for 2 %.

    Args:
        pll: dividers for source and wanted MHz; raises UserError where there are none.
    """
    source, cycles = board.shell["clock_mhz"], mhz * 1e6 / board.shell["baud"]
    if mhz > MOST_MHZ or STEPS * mhz % source or cycles < 4 or abs(round(cycles) / cycles - 1) > 0.02:
        return False
    with suppress(UserError):
        pll(source, mhz)
        return True
    return False


def installed(package: str) -> str:
    """The version of a Python package; "none" where it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def mount(folder: Path) -> dict[str, str]:
    """The environment in which a YoWASP tool sees a folder as /run, as its own /tmp hides the system's."""
    return {"YOWASP_MOUNT": f"/run={folder.absolute()}"}


def read_report(text: str | bytes, seed: int, program: str, bit: str) -> Routed:
    """What nextpnr's JSON report says of the accelerator's clock.

    Args:
        seed, program: of the run, for messages.
        bit: name of the bitstream that follows.

    Raises:
        UserError: it is cut short, or has no clock.
    """
    try:
        report: dict[str, Any] = json.loads(text)
        clocks, used = report["fmax"], report["utilization"]
        # The accelerator's is the clock behind the PLL; the pin's own drives nothing but that.
        name = next(clock for clock in clocks if clock.endswith("clk"))
        paths = [
            TimingPath(tuple(map(_hop, one["path"])))
            for one in report["critical_paths"]
            if one["from"] == one["to"] == f"posedge {name}"
        ]
        sites = {kind: (int(one["used"]), int(one["available"])) for kind, one in used.items()}
        mhz = float(clocks[name]["achieved"])
        late, times = _late(report.get("detailed_net_timings", []), f"posedge {name}")
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise UserError(
            f"the report of {program} (seed {seed}) is truncated or has an unknown format ({error!r}); "
            "install the nextpnr version that docs/guide/bitstream.md names."
        ) from error
    return Routed(
        mhz, {kind: one for kind, one in sites.items() if one[0]}, paths, bit, late,
        _arrivals(times, paths, 1e3 / mhz),
    )  # fmt: skip


def _hop(one: Record) -> Hop:
    name = one["net"] if one["type"] == "routing" else one["to"]["cell"]
    return Hop(one["type"], float(one["delay"]), name)


def _late(nets: list[Record], clock: str) -> tuple[list[LateNet], list[float]]:
    """Those nets that reach a register last, of one clock, and the arrivals at all register inputs."""
    found, times = [], list[float]()
    for net in nets:
        ends = [(_latest(end["delay"]), end["cell"]) for end in net["endpoints"] if end["event"] == clock]
        if net["event"] == clock and ends:
            ns, last = max(ends)
            found.append(LateNet(ns, net["net"], net["driver"], last, len(ends)))
            times += [ns for ns, _ in ends]
    return sorted(found, key=lambda one: -one.ns)[:LATE], times


def _arrivals(times: list[float], paths: Sequence[TimingPath], period: float) -> list[int]:
    """Arrivals by tenth of the period; the last one is the slowest path's, without the clock's own wire."""
    wire = max(times) - paths[0].ns + paths[0].hops[-1].ns if times and paths else 0.0
    return routing.tenths([max(0.0, time - wire) for time in times], period)


def _latest(delay: float | list[float]) -> float:
    """The later of least and most, where a delay is given as both."""
    return float(max(delay) if isinstance(delay, list) else delay)


HEAD = """// Generated top level of the bitstream: PLL ({source} to {mhz} MHz), serial line, accelerator.

module {top} (
  input  clock,
  input  reset,
  input  rxd,
  output txd,
  output lost
);

  wire clk, locked;

{pll}
"""
