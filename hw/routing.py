"""Place and route of a part family: `hw/families/<family>/route.py` binds a `Router` to the name `ROUTER`.

The stage `bitstream` (flows/route) uses nothing else of a family; a family without such a file has no stage
`bitstream`.
"""

import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.core.types import Ints, Record
from xnorforge.hw import boards
from xnorforge.hw.boards import Board

KIND = "hw.families"
PART = "route"
RAISED = re.compile(r"^\w+(?:Error|Exception|Interrupt)\b.*$", re.MULTILINE)
BOUND = "routed, upper bound"  # kind of a clock without the delays of some cells
TOP = "xf_board_top"  # the module around shell and accelerator, of every family
PLACED = "placed.json"  # the netlist with places that nextpnr's --write leaves in the folder of a run
MINUTES = ContextVar[float | None]("MINUTES", default=None)  # after which this thread's `call` stops a tool
ACCELERATOR = "u_accelerator"  # the instance of xf_top in it: the first part of the names of its cells


@dataclass(frozen=True)
class TopPorts:
    """The ports of `xf_top` that a shell connects.

    Attributes:
        in_bytes: bytes of an input beat.
        in_beats: beats of an input frame.
        out_bytes: bytes of an output beat.
        load_bits: address bits of the AXI4-Lite port for loads of weights; 0 if there are none.
    """

    in_bytes: int
    in_beats: int
    out_bytes: int
    load_bits: int = 0


@dataclass(frozen=True)
class Tool:
    """A program that place and route needs.

    Attributes:
        name: the command.
        source: where to get it, as the end of a sentence "install …".
        folder: environment variable that may name a folder with it, besides PATH.
    """

    name: str
    source: str
    folder: str = ""

    def path(self) -> str | None:
        """Its path: in the folder that the variable names (or its `bin`), next to Python, or on PATH."""
        given = os.environ.get(self.folder) if self.folder else None
        places = [given, os.path.join(given, "bin")] if given else []
        places += [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
        return next(filter(None, (shutil.which(self.name, path=place) for place in places)), None)


@dataclass(frozen=True)
class Hop:
    """A segment of a path between two registers.

    Attributes:
        kind: "clk-to-q", "logic", "routing" or "setup".
        ns: delay in ns.
        name: name of the net for "routing", else of the cell, with `.` between instances.
    """

    kind: str
    ns: float
    name: str


@dataclass(frozen=True)
class TimingPath:
    """The slowest path of a clock, from the register that starts it to the one that ends it."""

    hops: tuple[Hop, ...]

    @property
    def ns(self) -> float:
        """Delay of the whole path in ns."""
        return sum(hop.ns for hop in self.hops)

    def delay(self, routing: bool) -> float:
        """Delay of its wires, or of its cells."""
        return sum(hop.ns for hop in self.hops if (hop.kind == "routing") == routing)


@dataclass(frozen=True)
class LateNet:
    """A net that drives registers, and its arrival time at the last of them.

    Attributes:
        ns: delay from the clock's source to the input of that register; includes the clock's own wire if the
            tool gives it a delay, and excludes the register's setup time.
        net: name of the net.
        driver: name of the cell that drives it.
        last: name of the cell of that register.
        ends: number of register inputs that it drives.
    """

    ns: float
    net: str
    driver: str
    last: str
    ends: int


@dataclass(frozen=True)
class Routed:
    """The result of one run.

    Attributes:
        mhz: the highest clock of the accelerator's clock domain after routing.
        used: sites of the part, {kind: (used, available)}.
        paths: critical paths of the accelerator's clock, slowest first.
        bit: name of the bitstream in the folder of the run.
        late: nets with the latest arrival at registers, slowest first; empty if the tool reports none.
        arrivals: register inputs by the tenth of the period of `mhz` in which their data arrives; empty if
            the tool reports none.
        kind: what the clock covers: "routed" where every path counts, else what is added or left out.
        timing: whose delays `mhz` is based on; "" if `Router.timing` says it.
        cpu_s: processor time of the run in seconds, and of what this process did beside it.
    """

    mhz: float
    used: Mapping[str, tuple[int, int]]
    paths: Sequence[TimingPath]
    bit: str
    late: Sequence[LateNet] = ()
    arrivals: Ints = ()
    kind: str = "routed"
    timing: str = ""
    cpu_s: float = 0.0

    @property
    def bound(self) -> bool:
        """Whether the real clock may be lower, so that `mhz` meets no other one."""
        return self.kind == BOUND


@dataclass(frozen=True)
class HostTop:
    """The module `TOP` of a board around `xf_system`, the accelerator in a shell that a processor drives
    (hw/shells/dma).

    Attributes:
        text: its Verilog.
        sources: the SystemVerilog files that it and `xf_system` need, in reading order.
        instance: path of the instance of `xf_top` in it, with `.` between instances.
        about: one line for the record: how to reach frames and registers.
    """

    text: str
    sources: Sequence[Path]
    instance: str
    about: str


class Router(ABC):
    """Place and route for a family.

    Attributes:
        tools: programs it needs.
        program: the one that places and routes, for messages.
        timing: whose delay model the clock figure is based on, and what it leaves out; one sentence.
        synth: the Yosys command for the shell, which keeps `xf_top` as a black box.
    """

    tools: tuple[Tool, ...]
    program: str
    timing: str
    synth: str

    def databases(self, _board: Board) -> tuple[Tool, ...]:
        """Files for a board's part that are not in the programs' packages."""
        return ()

    def tables(self, _board: Board) -> tuple[Tool, ...]:
        """Files for a board's part without which the clock of a bitstream is an upper bound."""
        return ()

    def missing(self, board: Board | None = None) -> list[Tool]:
        """The programs that were not found; if all were, and with a board, the databases of its part."""
        absent = [tool for tool in self.tools if tool.path() is None]
        more = self.databases(board) if board and not absent else ()
        return absent or [tool for tool in more if tool.path() is None]

    @abstractmethod
    def top(self, board: Board, ports: TopPorts) -> str:
        """The Verilog of the module `TOP`: clock, shell, and `xf_top` as `ACCELERATOR`.

        Args:
            board: the board.
            ports: the ports of `xf_top`; `hw.shells.uart` returns the text of a shell for them.

        Raises:
            UserError: the board's file lacks something that the shell needs.
        """

    def host_top(self, board: Board, _load_bits: int) -> HostTop:
        """The same for a board whose `[shell]` is of the kind "dma".

        Args:
            board: the board.
            _load_bits: as for `hw.shells.dma.system`.

        Raises:
            UserError: the family has no processor that could drive the shell.
        """
        raise UserError(
            f'hw/boards/{board.name}/board.toml: [shell] kind = "{board.shell_kind}" needs a top with '
            f'a processor, which the family {board.family} does not have; use kind = "uart".'
        )

    def host_sets_clock(self, _board: Board) -> bool:
        """Whether the processor sets the accelerator's clock, so that it may be lower than the board's."""
        return False

    def constraints(self, _board: Board) -> str:
        """Pins of the ports of `host_top` as Vivado reads them; empty for a family that it does not know."""
        return ""

    def makes(self, _board: Board, _mhz: float) -> bool:
        """Whether a PLL in the bitstream can make this clock."""
        return False

    @abstractmethod
    def identity(self, board: Board) -> list[str]:
        """Everything that a run depends on besides the netlist and the seed: versions, part, arguments."""

    def adapted(self, netlist: Record) -> Record:
        """The netlist (JSON of Yosys, one flat module) in a form that the tools accept; same function."""
        return netlist

    def checks(self, _netlist: Record, _folder: Path, _routed: Routed) -> list[Record]:
        """Checks besides those of all families (`artifacts.check`): the placed netlist of `run`."""
        return []

    @abstractmethod
    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """Place and route `folder/netlist.json`, and make the bitstream in `folder`.

        Raises:
            UserError: a tool failed; the text says how, and what may help.
        """


def load(family: str) -> Router | None:
    """The router of a family, or None.

    Raises:
        UserError: there is no such family.
    """
    if not (plugins.place(KIND, family) / f"{PART}.py").is_file():
        return None
    router = plugins.load(KIND, family, PART).ROUTER
    assert isinstance(router, Router)
    return router


def routers() -> dict[str, Router]:
    """All routers, by family."""
    return {name: module.ROUTER for name, module in plugins.parts(KIND, PART).items()}


def all_tools(family: str, router: Router) -> list[Tool]:
    """Its programs and, if they were found, databases and tables for the parts of all boards with a shell."""
    shown = [] if router.missing() else map(boards.load, plugins.names("hw.boards"))
    used = [board for board in shown if board.family == family and board.shell]
    more = [(*router.databases(board), *router.tables(board)) for board in used]
    return list(dict.fromkeys([*router.tools, *chain.from_iterable(more)]))


def tenths(times: Iterable[float], longest: float) -> list[int]:
    """How many times fall into each tenth of the longest one, the shortest first; [] of none.

    >>> tenths([0.5, 2.0, 9.7, 10.0, 10.0], 10.0)
    [1, 0, 1, 0, 0, 0, 0, 0, 0, 3]
    """
    found = [0] * 10
    for time in times:
        found[min(9, int(10 * time / longest))] += 1
    return found if any(found) else []


def shell_pins(board: Board, roles: Sequence[str]) -> dict[str, str]:
    """The pins of a board by their role in the shell, in the order of `roles`.

    Raises:
        UserError: the board's file has no pin for a role.
    """
    for role in roles:
        if role not in board.shell["pins"]:
            raise UserError(
                f"hw/boards/{board.name}/board.toml: [shell.pins] has no pin for '{role}'; "
                f"give the pins of {', '.join(roles)}."
            )
    return {role: board.shell["pins"][role] for role in roles}


def lacking(tools: Sequence[Tool]) -> str:
    """One sentence: which tools were not found, and what to install."""
    names = ", ".join(tool.name for tool in tools)
    sources = "; ".join(dict.fromkeys(tool.source for tool in tools))
    return f"{names} not found; for bitstreams install {sources}."


def call(tool: Tool, arguments: Sequence[str], folder: Path, log: str, **environment: str) -> str:
    """Run a tool in a folder; its output is written to the file `log` there.

    Returns:
        Its output.

    Raises:
        UserError: it ended with an error; the text is its first error message. Or it was stopped (`MINUTES`).
    """
    path, minutes = tool.path(), MINUTES.get()
    assert path is not None, tool.name
    code = None
    with (folder / log).open("w") as said, suppress(subprocess.TimeoutExpired):
        code = subprocess.run(
            [path, *arguments], cwd=folder, stdout=said, stderr=subprocess.STDOUT,
            env=os.environ | environment, check=False, timeout=minutes and 60 * minutes,
        ).returncode  # fmt: skip
    text = (folder / log).read_text(errors="replace")
    if code is None:
        raise ToolStopped(tool, text, minutes)
    if code:
        raise ToolFailed(tool, code, text)
    return text


def left(path: Path, tool: Tool) -> bytes:
    """Read a file that a tool should have written.

    Raises:
        UserError: the file is missing or empty.
    """
    data = path.read_bytes() if path.is_file() else b""
    if not data:
        what = "an empty" if path.is_file() else "no"
        raise UserError(
            f"{tool.name} reported success but wrote {what} {path.name}; reinstall it ({tool.source})."
        )
    return data


def other_part(tool: Tool, bit: str, board: Board) -> str:
    """One sentence on a bitstream for a part other than the board's."""
    return (
        f"{tool.name} made {bit} for a part other than {board.part} of {board.name}, so it was discarded; "
        f"install tools and databases from one release ({tool.source})."
    )


class ToolFailed(UserError):
    """A tool ended with an error.

    Attributes:
        said: its output.
        reason: its error message, or how it ended if it printed none.
    """

    def __init__(self, tool: Tool, code: int, said: str):
        errors = [line.partition("ERROR:")[2].strip() for line in said.splitlines() if "ERROR:" in line]
        errors = errors or RAISED.findall(said)[-1:]  # of a tool in Python: the exception that ended it
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.said = said
        self.reason = errors[0].rstrip(".") if errors else f"it ended with {ended} and no error message"
        super().__init__(f"{tool.name}: {self.reason}; reinstall it ({tool.source}).")


class ToolStopped(UserError):
    """A tool took longer than `MINUTES`; attributes as of `ToolFailed`."""

    def __init__(self, tool: Tool, said: str, minutes: float | None):
        self.said, self.reason = said, f"it was stopped after {minutes:g} minutes"
        super().__init__(f"{tool.name}: {self.reason}; give it more (PNR_MINUTES=).")
