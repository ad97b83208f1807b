"""Boards, part families and folders of plug-ins that somebody else wrote: one sentence, exit code 2."""

import os
import sys
from importlib import import_module
from pathlib import Path

import pytest

from xnorforge.core import plugins
from xnorforge.hw import boards

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import listing

ASKED = ("build", "--net", "mnist-tfc", "--dry-run", "--board", "mine")
BOARD = """title = "Mine"
part = "xc7z020clg400-1"
family = "xc7"
interval = 1024
[clock]
mhz = 100.0
kind = "target, not routed"
[capacity]
lut = 53200
ff = 106400
bram36 = 140
dsp = 220
[links]
board = "https://example.org/mine"
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of plug-ins into which this process looks, for the length of a test."""
    seen = (plugins.roots, plugins.folders, plugins.places, plugins.load)
    packages = [import_module(f"xnorforge.{kind}") for kind in ("hw.boards", "hw.families")]
    paths = [list(package.__path__) for package in packages]
    (tmp_path / "mine/hw/boards/mine").mkdir(parents=True)
    (tmp_path / "mine/hw/families/own").mkdir(parents=True)
    monkeypatch.setenv("XNORFORGE_PLUGINS", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    for one in seen:
        one.cache_clear()
    yield tmp_path / "mine/hw"
    for package, path in zip(packages, paths):
        package.__path__[:] = path
    for name in [name for name in sys.modules if name.startswith("xnorforge.hw.families.own")]:
        del sys.modules[name]
    for one in seen:
        one.cache_clear()


def refused(call, folder: Path, *asked: str) -> str:
    """The sentence of a command line that is refused and leaves nothing behind."""
    before = listing(folder)
    code, said = call(*asked)
    assert (code, len(said)) == (2, 1), said
    assert said[0].isprintable() and len(said[0]) < 1500
    assert {name for name in listing(folder) if "__pycache__" not in name} == before
    return said[0]


# {what is wrong: (a line of the board, what stands there instead, words of the answer)}
FIELDS = {
    **{
        f"{name} that is not there": (f"{name} = ", "# ", field)
        for name, field in {
            "title": "title", "part": "part", "family": "family", "interval": "interval", "mhz": "clock.mhz",
            "kind": "clock.kind",
        }.items()
    },
    **{
        f"{name} = {value[:30]}": (f"{name} = ", f"{name} = {value} #", f"{field} = ")
        for name, field, values in [
            ("title", "title", ['3', '""', '"\\u001b[2J"', '"a\\nb"', '"\\u202egnp"']),
            ("title", "title", [f'"{"x" * 5000}"', '[]']),
            ("part", "part", ['7', '"$(touch x)"', '"xc7; exec x"', '"a\\"b"', '"`id`"', '"-x"', '"a]b["']),
            ("family", "family", ['7', '[]']),
            ("interval", "interval", ['0', '-1', '1.5', '"8"', 'true', f'{10**30}', 'nan']),
            ("mhz", "clock.mhz", ['0', '-1', 'nan', 'inf', '"100"', 'true', '1e9', '2026-01-01']),
            ("mhz", "clock.mhz", [f'{10**400}']),
            ("kind", "clock.kind", ['3', '"a\\u0000b"']),
            ("lut", "capacity", ['0', '-5', '1.5', '"many"', 'nan', f'{10**20}', 'true', '{}']),
            ("board", "links", ['3', '"javascript:alert(1)"', '"https://x\\"><script>"', '"file:///etc/passwd"']),
        ]
        for value in values
    },
    "a family that is not there": ("family = ", 'family = "xc8" #', "'xc8'"),
    "a family that is a path": ("family = ", 'family = "../xc7" #', "'../xc7'"),
    "no dsp": ("dsp = ", "# ", "capacity = "),
    "a resource of another family": ("dsp = ", "trellis = 3\ndsp = ", "capacity.trellis"),
    "a clock that is no table": ("[clock]", "clock = 3\n[other]", "clock.mhz"),
    "a field too many": ("title = ", "colour = 3\ntitle = ", "colour"),
    "a field of the clock too many": ("mhz = ", "volts = 3\nmhz = ", "clock.volts"),
    **{
        f"a shell with low = {value}": (
            "[clock]", f"[shell]\nbaud = 9\nlow = {value}\n[shell.pins]\nrxd = \"A1\"\n[clock]", "shell = "
        )
        for value in ('"rxd"', '["txd"]', '[3]', '[["rxd"]]')
    },
    "a field twice": ("title = ", 'title = "x"\ntitle = ', "title"),
}  # fmt: skip


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_of_a_board_that_cannot_be(mine, call, tmp_path, case):
    line, instead, words = FIELDS[case]
    assert BOARD.count(f"\n{line}") == 1 or BOARD.startswith(line)
    (mine / "boards/mine/board.toml").write_text(BOARD.replace(line, instead, 1))
    said = refused(call, tmp_path, *ASKED)
    assert said.startswith(f"{mine}/boards/mine/board.toml: ") and words in said


SHELLS = {
    "no baud": "pins = {}",
    "a serial line without a baud": 'kind = "uart"\npins = {}',
    "another kind": 'kind = "pcie"\nbaud = 9600\npins = {}',
    "a kind that is no text": 'kind = ["dma"]\npins = {}',
    "a baud that is none": 'kind = "dma"\nbaud = 0\npins = {}',
    "no pins": 'kind = "dma"',
    "a pin that is no name": 'kind = "dma"\npins = {irq = "R14; exec x"}',
    "a field too many": 'kind = "dma"\nvolts = 3\npins = {}',
}


@pytest.mark.parametrize("case", SHELLS)
def test_a_shell_that_no_board_can_have(mine, call, tmp_path, case):
    path = mine / "boards/mine/board.toml"
    path.write_text(f"{BOARD}[shell]\n{SHELLS[case]}\n")
    said = refused(call, tmp_path, *ASKED)
    assert said.startswith(f"{path}: shell = ") and "kind (uart, dma or gp)" in said


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("baud = 9600", "uart"),
        ('kind = "uart"\nbaud = 9600', "uart"),
        ('kind = "dma"', "dma"),
        ('kind = "gp"', "gp"),
    ],
)
def test_the_kind_of_a_board_s_shell(mine, text, kind):
    (mine / "boards/mine/board.toml").write_text(f'{BOARD}[shell]\n{text}\npins = {{irq = "R14"}}\n')
    assert boards.load("mine").shell_kind == kind


FILES = {
    "empty": b"", "text": b"hello", "bytes": b"\xff\xfe\x00", "deep": b"a = " + b"[" * 50_000,
    "long": b"#" * (1 << 17), "JSON": b'{"title": "x"}', "a bare number": b"3",
    "a number of 5,000 digits": b"interval = " + b"9" * 5000, "a date": b"title = 2026-13-45",
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_board(mine, call, tmp_path, case):
    (mine / "boards/mine/board.toml").write_bytes(FILES[case])
    assert refused(call, tmp_path, *ASKED).startswith(f"{mine}/boards/mine/board.toml: ")


@pytest.mark.parametrize("how", ["gone", "a folder", "a pipe", "endless", "a loop", "a link elsewhere"])
def test_what_is_no_file_of_a_board(mine, call, tmp_path, how):
    path = mine / "boards/mine/board.toml"
    if how == "a folder":
        path.mkdir()
    elif how == "a pipe":
        os.mkfifo(path)
    elif how != "gone":
        path.symlink_to({"endless": "/dev/zero", "a loop": path.name}.get(how, "/etc/passwd"))
    assert refused(call, tmp_path, *ASKED).startswith(f"{path}: ")


FAMILIES = {
    "no Python": ("def f(:", "SyntaxError"),
    "zeros": ("\0", "null bytes"),
    "an error": ("1 / 0", "ZeroDivisionError"),
    "a module that is not there": ("import nothing_of_this_name", "ModuleNotFoundError"),
    "no family": ("x = 3", "NoneType"),
    "a number": ("FAMILY = 3", "int"),
    "a table": ('FAMILY = {"synth": "synth_xilinx"}', "dict"),
    "a family without its cells": (
        'from xnorforge.hw.families import Family\nFAMILY = Family("synth")', "TypeError",
    ),
    "names with line breaks": ('raise ValueError("a\\nTraceback\\x1b[2J")', "ValueError"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAMILIES)
def test_a_family_that_cannot_be_loaded(mine, call, tmp_path, case):
    text, words = FAMILIES[case]
    (mine / "families/own/family.py").write_text(text)
    (mine / "boards/mine/board.toml").write_text(BOARD.replace("xc7", "own", 2).replace("own", "xc7", 1))
    assert words in refused(call, tmp_path, *ASKED)


def test_a_family_without_a_file(mine, call, tmp_path):
    (mine / "boards/mine/board.toml").write_text(BOARD.replace('family = "xc7"', 'family = "own"'))
    assert "ModuleNotFoundError" in refused(call, tmp_path, *ASKED)


@pytest.mark.parametrize(
    "given", ["nowhere", "a file", "a pipe", "x" * 5000, "mine:nowhere", "$(touch x)", "a\nb\x1b[2J"]
)
def test_folders_of_plug_ins_that_are_none(mine, call, tmp_path, monkeypatch, given):
    (tmp_path / "a file").touch()
    os.mkfifo(tmp_path / "a pipe")
    monkeypatch.setenv("XNORFORGE_PLUGINS", given)
    plugins.roots.cache_clear()
    assert refused(call, tmp_path, *ASKED).startswith("XNORFORGE_PLUGINS: '")


def test_the_board_of_the_table_is_taken(mine, call, capfd):
    (mine / "boards/mine/board.toml").write_text(BOARD)
    assert call(*ASKED) == (0, [])
