"""Place and route of a part family: what `hw/families/<family>/route.py` binds to the name `ROUTER`.

The stage `bitstream` (flows/route) calls it and knows no family; a family without such a file has no stage
`bitstream`.
"""

import os
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.hw.boards import Board

KIND = "hw.families"
PART = "route"
RAISED = re.compile(r"^\w+(?:Error|Exception|Interrupt)\b.*$", re.MULTILINE)
TOP = "xf_board_top"  # the module around shell and accelerator, of every family
ACCELERATOR = "u_accelerator"  # the instance of xf_top in it: the first part of the names of its cells
# Signals of the accelerator that a placed netlist has `cut_` ports for, and whether it reads them; flags are
# there where it has a template.
CUT = {
    "s_axis_tdata": True,
    "s_axis_tvalid": True,
    "s_axis_tready": False,
    "m_axis_tdata": False,
    "m_axis_tvalid": False,
    "m_axis_tready": True,
    "s_axis_tuser": True,
}


@dataclass(frozen=True)
class TopPorts:
    """What of `xf_top` the shell joins to the line.

    Attributes:
        in_bytes, out_bytes: of a beat of either AXI-Stream port.
        in_beats: of a frame.
        template_bits: of an address of the AXI4-Lite port through which a template is written; 0: it has
            none.
    """

    in_bytes: int
    in_beats: int
    out_bytes: int
    template_bits: int = 0


@dataclass(frozen=True)
class Tool:
    """A program that place and route needs.

    Attributes:
        name: the command.
        source: where users get it, as the end of a sentence "… gives it".
        folder: variable of the environment that may name a folder with it, beside PATH.
    """

    name: str
    source: str
    folder: str = ""

    def path(self) -> str | None:
        """Where it is: in the folder that the variable names (or its `bin`), beside Python, or on PATH."""
        given = os.environ.get(self.folder) if self.folder else None
        places = [given, os.path.join(given, "bin")] if given else []
        places += [os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
        return next(filter(None, (shutil.which(self.name, path=place) for place in places)), None)


@dataclass(frozen=True)
class Hop:
    """A piece of a path between two registers.

    Attributes:
        kind: "clk-to-q", "logic", "routing" or "setup".
        ns: its delay.
        name: of the net for "routing", else of the cell; names of the netlist, `.` between instances.
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
        """Delay of the whole path."""
        return sum(hop.ns for hop in self.hops)

    def delay(self, routing: bool) -> float:
        """Of it in wires, or in cells."""
        return sum(hop.ns for hop in self.hops if (hop.kind == "routing") == routing)


@dataclass(frozen=True)
class LateNet:
    """A net that drives registers, and when its last register has it.

    Attributes:
        ns: from the clock's source to the input of that register: with the clock's own wire where the tool
            gives it a delay, without the register's setup time.
        net, driver, last: names of the net, of the cell that drives it, and of the cell of that register.
        ends: how many inputs of registers it drives.
    """

    ns: float
    net: str
    driver: str
    last: str
    ends: int


@dataclass(frozen=True)
class Routed:
    """What one run gave.

    Attributes:
        mhz: the highest clock of the accelerator's clock domain after routing.
        used: sites of the part: {kind: (used, available)}.
        paths: slowest first, of the accelerator's clock.
        bit: name of the bitstream in the folder of the run.
        late: the nets in front of registers that come last, slowest first; empty where the tool tells none.
        placed: name of the placed netlist there, Verilog of the module `TOP` in cells that the family's
            `placed.v` models (docs/bitstream.md); "" where the family has none.
    """

    mhz: float
    used: Mapping[str, tuple[int, int]]
    paths: Sequence[TimingPath]
    bit: str
    late: Sequence[LateNet] = ()
    placed: str = ""


@dataclass(frozen=True)
class HostTop:
    """The module `TOP` of a board around `xf_system`, the accelerator in a shell that a processor drives
    (hw/shells/forms.py).

    Attributes:
        text: its Verilog.
        sources: the SystemVerilog that it and `xf_system` need, in reading order.
        instance: of `xf_top` below it, names with `.` between.
        about: one line for the record: where frames and registers are.
    """

    text: str
    sources: Sequence[Path]
    instance: str
    about: str


class Router(ABC):
    """How a family's designs are placed and routed.

    Attributes:
        tools: programs it needs.
        program: the one that places and routes, for messages.
        timing: whose delays the clock stands on, and what they leave out; one sentence.
        synth: the Yosys command for the shell, which leaves `xf_top` a black box.
        unsearched: why a bitstream cannot be made for the highest clock that is routed, as the end of a
            sentence "…, as …"; empty where it can.
    """

    tools: tuple[Tool, ...]
    program: str
    timing: str
    synth: str
    unsearched: str = ""

    def missing(self) -> list[Tool]:
        """The tools that are not found."""
        return [tool for tool in self.tools if tool.path() is None]

    @abstractmethod
    def top(self, board: Board, ports: TopPorts) -> str:
        """The Verilog of the module `TOP`: clock, shell, and `xf_top` as `ACCELERATOR`.

        Args:
            border: the ports of `xf_top`; `hw.shells.uart` gives the text of a shell that serves them.

        Raises:
            UserError: the board's file lacks what the shell needs.
        """

    def host_top(self, board: Board, _template_bits: int) -> HostTop:
        """The same for a board whose `[shell]` is of the kind "dma" or "gp".

        Args:
            _template_bits: as of `hw.shells.dma.system`.

        Raises:
            UserError: the family has no processor in front of the shell.
        """
        raise UserError(
            f'hw/boards/{board.name}/board.toml: [shell] kind = "{board.shell_kind}" needs a top that '
            f'joins it to a processor, which the family {board.family} does not have; give kind = "uart".'
        )

    def clocks(self, _board: Board) -> list[float]:
        """The clocks that a bitstream can give the accelerator of a board, MHz, rising; none where
        `unsearched` says why.
        """
        return []

    @abstractmethod
    def identity(self, board: Board) -> list[str]:
        """What decides a run beside the netlist and the seed: versions, part, arguments."""

    def adapted(self, netlist: dict[str, Any]) -> dict[str, Any]:
        """The netlist (JSON of Yosys, one flat module) in a form that the tools take; the same function."""
        return netlist

    def checks(self, _netlist: dict[str, Any], _folder: Path, _routed: Routed) -> list[dict[str, Any]]:
        """Checks of a run beyond those of every family (`artifacts.check`): of the netlist, which was
        placed, against what `run` left in `folder`.
        """
        return []

    @abstractmethod
    def run(self, folder: Path, board: Board, seed: int) -> Routed:
        """Place and route `folder/netlist.json`, and make the bitstream in `folder`.

        Raises:
            UserError: a tool failed; the text says how, and what would help.
        """


def load(family: str) -> Router | None:
    """The router of a family; None where it has none.

    Raises:
        UserError: no such family.
    """
    if not (plugins.place(KIND, family) / f"{PART}.py").is_file():
        return None
    router = plugins.load(KIND, family, PART).ROUTER
    assert isinstance(router, Router)
    return router


def routers() -> dict[str, Router]:
    """All there are, by family."""
    return {name: module.ROUTER for name, module in plugins.parts(KIND, PART).items()}


def shell_pins(board: Board, roles: Sequence[str]) -> dict[str, str]:
    """The pins of a board by their role in the shell, in the order of `roles`.

    Raises:
        UserError: the board's file names no pin for one.
    """
    for role in roles:
        if role not in board.shell["pins"]:
            raise UserError(
                f"hw/boards/{board.name}/board.toml: [shell.pins] has no '{role}'; "
                f"it names the pins of {', '.join(roles)}."
            )
    return {role: board.shell["pins"][role] for role in roles}


def lacking(tools: Sequence[Tool]) -> str:
    """One sentence: what is not found and who gives it."""
    names = ", ".join(tool.name for tool in tools)
    sources = "; ".join(dict.fromkeys(tool.source for tool in tools))
    return f"{names} not found; {sources} gives what a bitstream needs."


def call(tool: Tool, arguments: Sequence[str], folder: Path, log: str, **environment: str) -> str:
    """Run a tool in a folder; what it says goes to the file `log` there.

    Returns:
        What it said.

    Raises:
        UserError: it ended with an error; the text is its own first message of an error.
    """
    path = tool.path()
    assert path is not None, tool.name
    with (folder / log).open("w") as said:
        done = subprocess.run(
            [path, *arguments],
            cwd=folder,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            check=False,
        )
    text = (folder / log).read_text(errors="replace")
    if done.returncode:
        raise ToolFailed(tool, done.returncode, text)
    return text


def left(path: Path, tool: Tool) -> bytes:
    """A file that a tool was to write.

    Raises:
        UserError: it wrote none, or an empty one.
    """
    data = path.read_bytes() if path.is_file() else b""
    if not data:
        what = "an empty" if path.is_file() else "no"
        raise UserError(
            f"{tool.name} ended well and left {what} {path.name}; install it anew ({tool.source})."
        )
    return data


def other_part(tool: Tool, bit: str, board: Board) -> str:
    """One sentence: a bitstream that is for another part than the board's."""
    return (
        f"{tool.name} made {bit} for another part than {board.part} of {board.name}; nothing of it is kept, "
        f"as that board would not take it: install tools and databases of one release ({tool.source})."
    )


class ToolFailed(UserError):
    """A tool ended with an error.

    Attributes:
        said: all that it said.
        reason: its own message, or how it ended where it has none.
    """

    def __init__(self, tool: Tool, code: int, said: str):
        errors = [line.partition("ERROR:")[2].strip() for line in said.splitlines() if "ERROR:" in line]
        errors = errors or RAISED.findall(said)[-1:]  # of a tool in Python: the exception that ended it
        ended = f"signal {-code}" if code < 0 else f"exit code {code}"
        self.said = said
        self.reason = errors[0].rstrip(".") if errors else f"it ended with {ended} and named no error"
        super().__init__(f"{tool.name}: {self.reason}; install it anew ({tool.source}).")
