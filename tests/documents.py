"""Pages as they are read by tests: sections, fenced blocks, and a checkout of its own to run commands in."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from types import ModuleType

ROOT = Path(__file__).parent.parent
FENCE = re.compile(r"^( *)```(\w+)(?: (\S+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"\s#\s*(needs (?:a board|Vivado|the network|data|a file of yours)|minutes)\b.*$")


def tool(name: str) -> ModuleType:
    """A script of tools/ as a module; its folder is no place for imports of others."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(ROOT / "tools"))


@dataclass(frozen=True)
class Block:
    """A fenced block: "sh" or a language, the file that it is written to, the line where it begins."""

    kind: str
    path: str
    text: str
    line: int = 0

    def commands(self) -> list[str]:
        """Its lines, joined where one ends in a backslash."""
        return self.text.replace("\\\n", " ").splitlines()

    @property
    def mark(self) -> str:
        """The marker in the first line of a program, "" without one."""
        return marker(f" {self.text.partition(chr(10))[0]}") if self.kind == "python" else ""


def marker(command: str) -> str:
    """What a command's trailing comment says: "needs …", "minutes", or "" where it runs everywhere."""
    found = MARK.search(command)
    return found[1] if found else ""


def sections(page: Path) -> dict[str, list[Block]]:
    """The blocks below every heading of the second level."""
    found = dict[str, list[Block]]()
    text = page.read_text()
    # Headings inside fenced blocks do not count.
    hidden = re.sub(r"^```.*?^```$", lambda fence: "." * len(fence[0]), text, flags=re.MULTILINE | re.DOTALL)
    heads = list(re.finditer(r"^## (.*)\n", hidden, re.MULTILINE))
    for head, after in zip(heads, [*heads[1:], None]):
        found[head[1]] = blocks(text[head.end() : after.start() if after else None])
    return found


def fences(text: str) -> list[Block]:
    """All fenced blocks with a language, in their order."""
    return [
        Block(found[2], found[3] or "", dedent(found[4]), text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def blocks(text: str) -> list[Block]:
    """Blocks that are commands or name a file, in their order."""
    return [block for block in fences(text) if block.path or block.kind == "sh"]


def write(files: list[Block], folder: Path) -> None:
    """Lay blocks that name a file into a folder."""
    for block in files:
        target = folder / block.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)


def ran(words, cwd=None, env=None, check=False) -> subprocess.CompletedProcess:
    """A process that has ended, with what it said as text."""
    return subprocess.run([*words], cwd=cwd, env=env, capture_output=True, text=True, check=check)


def python(*words, cwd=None, check=False, **variables) -> subprocess.CompletedProcess:
    """A Python that has ended, with these variables in its environment too."""
    return ran([sys.executable, *words], cwd, os.environ | variables, check)


def without(*starts: str) -> dict[str, str]:
    """The environment but for the variables that begin so."""
    return {key: value for key, value in os.environ.items() if not key.startswith(starts)}


def copied(folder: Path, *others: str) -> Path:
    """A folder with the code of the package in it, without caches and what has other endings."""
    away = shutil.ignore_patterns("__pycache__", "*.part", *others)
    for name in ("hw", "sw", "flows", "sim", "src"):
        shutil.copytree(ROOT / name, folder / name, ignore=away, symlinks=True)
    return folder


def checkout(folder: Path) -> Path:
    """A copy of the files that git has or would add, with an environment that has our libraries."""
    names = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(names, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    own = {"base": folder / ".venv", "platbase": folder / ".venv"}
    # Paths only: what is installed here as editable does not come along.
    libraries = f"{folder / 'src'}\n{sysconfig.get_path('purelib')}\n"
    (Path(sysconfig.get_path("purelib", vars=own)) / "libraries.pth").write_text(libraries)
    command = folder / ".venv/bin/xnorforge"
    start = f"#!{folder}/.venv/bin/python\nimport sys\nfrom xnorforge.__main__ import main\n"
    command.write_text(f"{start}sys.exit(main())\n")
    command.chmod(0o755)
    shutil.copyfile(folder / "requirements.lock", folder / ".venv/installed")
    return folder
