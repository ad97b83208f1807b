"""Boards are data: every folder loads, with figures in the stated units; an unknown name gets
the near match.
"""

import pytest

from xnorforge.core.errors import UserError
from xnorforge.core.plugins import names
from xnorforge.hw import boards, families

ALL = names("hw.boards")


def test_the_six_boards_exist():
    assert {"icebreaker", "pynq-z1", "pynq-z2", "tangnano20k", "ultra96", "ulx3s"} <= set(ALL)


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


def test_unknown_board_names_those_that_exist_and_the_nearest():
    with pytest.raises(UserError) as error:
        boards.load("pinq-z2")
    assert all(f"{name}" in str(error.value) for name in (*ALL, "'pinq-z2'", "'pynq-z2'?"))
