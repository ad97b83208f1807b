"""Boards are data: every folder loads, figures in the stated units; an unknown name gets the near match."""

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import pytest

from xnorforge.core.plugins import names
from xnorforge.hw import boards, families
from xnorforge.hw.shells.forms import cycles_per_frame

ALL = names("hw.boards")


# How the two collections of boards write a role: amaranth-boards, litex-boards. Pins of headers stand alone.
ROLES = {
    "clock": (r'Pins\("{}", dir="i"\),\s*Clock', r'\("clk\d+", +0, +Pins\("{}"\)'),
    "rxd": (r'rx="{}"', r'"rx", +Pins\("{}"\)'),
    "txd": (r'tx="{}"', r'"tx", +Pins\("{}"\)'),
}


def test_twenty_boards_exist():
    assert len(ALL) >= 20
    assert {"icebreaker", "pynq-z1", "pynq-z2", "tangnano20k", "ultra96", "ulx3s"} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_pins_are_those_of_the_collection_that_the_board_names(name):
    """Where amaranth-boards or litex-boards is installed: each pin is in the board's file, that of a clock
    or of a serial line in its place; a board without a USB converter has its serial line on a header.
    """
    board = boards.load(name)
    source = re.search(r"(amaranth_boards|litex_boards/platforms)/(\w+\.py)$", board.links.get("pins", ""))
    if not source or not board.shell:
        return
    found = importlib.util.find_spec(source[1].partition("/")[0])
    if found is None:
        pytest.skip("neither amaranth-boards nor litex-boards is installed")
    text = (Path(found.origin).parent / source[1].partition("/")[2] / source[2]).read_text()
    stated = {pin: role for role, pin in board.shell["pins"].items()}
    assert {pin for pin in stated if not re.search(rf"\b{pin}\b", text)} == set()
    way = 0 if source[1] == "amaranth_boards" else 1
    for role, forms in ROLES.items():
        pin = board.shell["pins"].get(role)
        serial = re.search('UARTResource|Subsignal\\("tx", +Pins\\("[A-Z0-9]+"', text)
        if pin and (role == "clock" or (serial and board.shell_kind == "uart")):
            assert re.search(forms[way].format(pin), text), (role, pin)


@pytest.mark.parametrize(
    "name, kind, cycles", [("pynq-z2", "dma", 98), ("ulx3s", "uart", 394_500), ("kv260", None, 0)]
)
def test_no_frame_passes_a_shell_faster_than_its_words_or_bits(name, kind, cycles):
    """784 bytes in: 98 words of 8 bytes, or with kind and check 789 bytes of 10 bits, at 50 cycles of
    50 MHz each on a line of a million bauds.
    """
    board = boards.load(name)
    board = replace(board, shell=board.shell | ({"kind": kind} if kind else {}))
    border = {"input": {"bytes": 784, "beats": 1}, "output": {"bytes": 1, "beats": 1}}
    assert cycles_per_frame(board, border) == cycles
    assert cycles_per_frame(board, {"input": border["output"], "output": border["input"]}) <= cycles


@pytest.mark.parametrize("name", ALL)
def test_board_states_part_clock_capacity_and_links(name):
    board = boards.load(name)
    assert board.name == name and board.title and board.part
    assert board.family in families.names()
    assert set(board.capacity) <= set(families.load(board.family).units)
    assert 10 <= board.clock_mhz <= 1000
    assert "not routed" in board.clock_kind
    assert {"lut", "ff", "bram36", "dsp"} <= set(board.capacity)
    assert all(count > 0 and 8 * count == int(8 * count) for count in board.capacity.values())
    assert all(type(count) is int for name, count in board.capacity.items() if name != "bram36")
    assert board.capacity["lut"] > 1_000
    assert all(address.startswith("https://") for address in board.links.values())


def test_zynq_7020_has_the_data_sheets_capacity():
    for name in ("pynq-z1", "pynq-z2"):
        board = boards.load(name)
        assert board.part.startswith("xc7z020")
        assert board.capacity == {
            "lut": 53200, "lut_memory": 17400, "ff": 106400, "carry4": 13300, "bram36": 140, "dsp": 220,
        }  # fmt: skip
        assert (board.clock_mhz, board.interval) == (100.0, 32768)


def test_a_network_may_have_its_own_interval():
    board = boards.load("pynq-z2")
    assert board.interval_for("cifar10-cnv") == board.interval
    assert board.interval_for("mnist-tfc") < board.interval
