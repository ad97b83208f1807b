"""Pages do what they say: commands and programs run in order, in a fresh checkout with an empty home.

A trailing comment marks a command, or in its first line a program, that cannot run everywhere: `# needs …`
(a board, Vivado, the network, data, a file of yours) is only parsed, `# minutes` runs with the long tests.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from xnorforge.cli.main import cli
from xnorforge.core import cache
from xnorforge.pipeline import options

from .documents import ROOT, Block, checkout, fences, marker, write

FOLDERS = ("README.md", "docs/guide/*.md", "docs/methods/*.md")
PAGES = [path for of in FOLDERS for path in sorted(ROOT.glob(of))]
PARSED = [*PAGES, ROOT / "CONTRIBUTING.md"]  # tests/test_contributing.py runs its recipes
HEADS = re.findall(r"^([a-z][^:=\n]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
TARGETS = {word for head in HEADS for word in head.split() if re.fullmatch(r"[a-z-]+", word)}
TARGETS |= {f"clean_{verb.stage}" for verb in options.VERBS if verb.stage}
LEAVES = ("MAKE", "MFLAGS", "XNORFORGE", "XDG_", "PYTHON", "VIRTUAL_ENV")
TESTS = re.compile(r"make test\b")  # which these are part of
TRAINS = re.compile(r"(?:make|xnorforge) (?:train|train-float|compare)\b")
# A program that runs the Python blocks of a page one after the other, with their names in common.
DRIVER = """
import sys
names = {"__name__": "__main__"}
for path in map(str.strip, sys.stdin):
    exec(compile(open(path).read(), path, "exec"), names)
    print("\\0", flush=True)
"""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def commands(page: Path) -> list[tuple[int, str]]:
    """The commands of a page with the lines of their blocks."""
    blocks = [block for block in fences(page.read_text()) if block.kind == "sh"]
    return [(block.line, line) for block in blocks for line in block.commands()]


def spoken(page: Path) -> list[str]:
    """Commands between backticks in the text, those with a placeholder left out."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`((?:make|xnorforge) [^`\n]+)`", text)
    return [line for line in found if not re.search(r"[…<>\[\]|*]|\b[A-Z]{3,}(?![\w=])|_[A-Z]", line)]


def parse(line: str) -> None:
    """See that a command could be run: make's targets and variables, our verbs and options; else raise."""
    words = shlex.split(line, comments=True)
    while words:
        end = next((at for at, word in enumerate(words) if word in ("&&", "||", ";", "|")), len(words))
        one, words = words[:end], words[end + 1 :]
        while one and re.match(r"[A-Z_]+=", one[0]):
            one = one[1:]
        redirected = next((at for at, word in enumerate(one) if re.match(r"\d?[<>]", word)), len(one))
        one = one[:redirected]
        if one[:1] == ["make"]:
            parse_make(one[1:])
        elif one and (one[0].endswith("xnorforge") or one[1:3] == ["-m", "xnorforge"]):
            parse_verb(one[3:] if one[1:2] == ["-m"] else one[1:])


def parse_make(words: list[str]) -> None:
    variables = options.variables()
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    verbs = {verb.name for verb in options.VERBS}
    assert set(targets) <= verbs | TARGETS, f"no target {set(targets) - verbs - TARGETS}"
    for variable, _, value in (word.partition("=") for word in words if "=" in word):
        if variable in ("PYTHON", "CHANGED", "EVERY") or variable.startswith("XNORFORGE_"):
            continue
        assert variable in variables, f"no variable {variable}"
        if isinstance(found := variables[variable], options.Option):
            found.read(value)


def parse_verb(words: list[str]) -> None:
    if words in (["--help"], ["-h"], ["--version"]):
        return
    command = cli.get_command(None, words[0])  # type: ignore[arg-type]
    assert command is not None, f"no verb {words[0]}"
    if not {"--help", "-h"} & set(words):
        command.make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PARSED, ids=name)
def test_make_and_the_command_line_take_what_a_page_says(page):
    wrong = []
    shown = [line for _, line in commands(page) if line.strip()]
    for line in [*shown, *spoken(page)]:
        try:
            parse(line)
        except (Exception, SystemExit) as error:
            if line in shown or not isinstance(error, click.MissingParameter):  # text that names a verb
                wrong.append(f"{line}: {type(error).__name__} {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PARSED, ids=name)
def test_programs_compile_and_no_block_hides(page):
    """A prompt in a block of commands would be run, and a block of another language would not."""
    for block in fences(page.read_text()):
        place = f"{name(page)}:{block.line}"
        if block.kind == "python" and not block.path.endswith(".j2"):
            compile(block.text, f"{page}:{block.line}", "exec")
        if block.kind == "sh":
            assert not re.search(r"^\s*[$>%] ", block.text, re.MULTILINE), f"{place}: a prompt"
        assert block.kind not in ("bash", "shell", "console", "py"), f"{place}: use sh or python"


def shortened(line: str) -> str:
    """A training command with as few epochs as it takes."""
    if not TRAINS.search(line):
        return line
    line = line.split(" #")[0].rstrip()
    few = 2 if re.search(r"ci_bcnn|layer_priority|group_net|rbcn|bonn", line) or "compare" in line else 1
    if " EPOCHS=" in line or " --epochs" in line:
        return re.sub(r"(EPOCHS=|--epochs[ =])\d+", rf"\g<1>{few}", line)
    return f"{line} EPOCHS={few}" if "make " in line else f"{line} --epochs {few}"


def environment(folder: Path, home: Path) -> dict[str, str]:
    """An empty home, and the commands of this checkout; only the caches, keyed by content, are shared."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LEAVES)}
    # Of this environment only programs are taken, as the placers of the extras; python is the checkout's.
    path = os.pathsep.join([str(folder / ".venv/bin"), f"{sys.prefix}/bin", kept["PATH"]])
    return kept | {"HOME": str(home), "PATH": path, "XNORFORGE_CACHE": str(cache.cache_dir())}


class Reader:
    """Somebody who types a page into a fresh checkout."""

    def __init__(self, page: Path, folder: Path, home: Path, long: bool):
        self.page, self.folder, self.long = page, folder, long
        self.env = environment(folder, home)
        self.program: subprocess.Popen | None = None
        self.errors = home.parent / "errors"

    def runs(self, mark: str) -> bool:
        """Whether what has this marker is run."""
        return not mark.startswith("needs") and (self.long or mark != "minutes")

    def failed(self, line: int, what: str, said: str) -> None:
        pytest.fail(f"{name(self.page)}:{line}: {what}\n{said[-4000:]}", pytrace=False)

    def type(self, block: Block) -> None:
        """The commands of a block, in one shell."""
        lines = [line for line in block.commands() if self.runs(marker(line)) and not TESTS.match(line)]
        lines = [shortened(line) if self.long else line for line in lines]
        script = "\n".join(f"printf '%s\\n' {shlex.quote(f'@@ {line}')}\n{line}" for line in lines)
        words = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(
            words, cwd=self.folder, env=self.env, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            commands = re.findall(r"^@@ (.*)$", done.stdout, re.MULTILINE) or [script]
            self.failed(block.line, commands[-1], f"exit code {done.returncode}\n{done.stdout}")

    def execute(self, block: Block) -> None:
        """A program, with the names of those before it."""
        if not self.runs(block.mark):
            return
        if self.program is None:
            self.program = subprocess.Popen(
                [self.folder / ".venv/bin/python", "-c", DRIVER], cwd=self.folder, env=self.env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors.open("w"),
            )  # fmt: skip
        assert self.program.stdin and self.program.stdout
        path = self.errors.with_name(f"block{block.line}.py")
        path.write_text(re.sub(r"epochs=\d+", "epochs=1", block.text) if self.long else block.text)
        self.program.stdin.write(f"{path}\n")
        self.program.stdin.flush()
        said = ""
        while not said.endswith("\0\n") and (line := self.program.stdout.readline()):
            said += line
        if not said.endswith("\0\n"):
            self.program.wait()
            self.failed(block.line, "a program fails", said + self.errors.read_text())

    def close(self) -> None:
        if self.program is not None:
            assert self.program.stdin
            self.program.stdin.close()
            self.program.wait()


def follow(page: Path, reader: Reader) -> None:
    """A page from its top to its end."""
    try:
        for block in fences(page.read_text()):
            if block.path:
                write([block], reader.folder)
            elif block.kind == "sh":
                reader.type(block)
            elif block.kind == "python":
                reader.execute(block)
    finally:
        reader.close()


def read(page: Path, folder: Path, long: bool) -> None:
    """Follow a page in a checkout of its own, if it has anything to run."""
    reader = Reader(page, folder / "xnorforge", folder / "home", long)
    found = fences(page.read_text())
    lines = [line for block in found if block.kind == "sh" for line in block.commands()]
    marks = [marker(line) for line in lines if line.strip()]
    marks += [block.mark for block in found if block.kind == "python" and not block.path]
    if not any(map(reader.runs, marks)):
        return
    (folder / "home").mkdir()
    checkout(reader.folder)
    began, before = time.monotonic(), os.times()
    try:
        follow(page, reader)
    finally:
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"{name(page)}: {time.monotonic() - began:.0f} s wall time, {used:.0f} s of processor time")
    shutil.rmtree(reader.folder)


# The others take half a minute each, and more.
QUICK = ["README", "bitstream", "exactness", "glossary", "operators", "package", "react", "report", "style"]
USUAL = [
    pytest.param(page, marks=[pytest.mark.full] * (page.stem not in QUICK), id=name(page)) for page in PAGES
]


@pytest.mark.parametrize("page", USUAL)
def test_a_page_runs_from_its_top_to_its_end(page, tmp_path):
    read(page, tmp_path, long=False)


LONG = [page for page in PAGES if "# minutes" in page.read_text()]


@pytest.mark.full
@pytest.mark.parametrize("page", LONG, ids=name)
def test_a_page_runs_with_the_commands_that_take_minutes(page, tmp_path):
    read(page, tmp_path, long=True)
