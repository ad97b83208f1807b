"""Families of parts: each maps an operator, counts all its cells, and stops at one that it does not know.
Boards are data: every folder loads, figures in the stated units."""

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.core.plugins import names
from xnorforge.flows.synth import cells
from xnorforge.flows.synth.mapping import count
from xnorforge.hw import boards, families, routing
from xnorforge.hw.ops import base
from xnorforge.hw.routing import TopPorts
from xnorforge.hw.shells.forms import cycles_per_frame

ROOT = Path(__file__).parents[2]
NAMES = families.names()


@pytest.fixture(scope="module")
def operators() -> list[base.HwOp]:
    """A matrix of 4 x 12 bits with thresholds, and a FIFO in LUTs: logic, registers and memories."""
    fifo = plugins.load("hw.ops", "fifo").Op
    lines = fifo.make("f", shape=[3, 3, 64], lanes=8, bits=1, depth=30, kind="lut")
    return [next(iter(examples_of("sign_mvu"))), lines]


@pytest.mark.quick("!nexus", "!xcup")
@pytest.mark.parametrize("name", NAMES)
def test_a_family_maps_operators_and_counts_their_cells(name, operators, tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path))
    for counted in count(operators, name):
        assert counted["lut"] > 0 and counted["ff"] > 0
        assert set(counted["cells"]) <= set(families.load(name).cells)
        costs = [families.load(name).cells[cell].get("ff", 0) * n for cell, n in counted["cells"].items()]
        assert counted["ff"] == sum(costs)
    assert counted["lut_ram"] + counted["bram36"] > 0 and counted["ff"] < 30 * 8  # no memory of registers


@pytest.mark.quick("128-*")
@pytest.mark.parametrize(("mw", "mh", "simd", "blocks"), [(40, 12, 40, 1), (128, 12, 128, 2), (64, 80, 1, 1)])
def test_weights_in_ultra_ram_take_the_blocks_that_are_estimated(mw, mh, simd, blocks, tmp_path, monkeypatch):
    """Blocks have 4,096 words of nine bytes: words of 40 and 128 bits have 5 and 16, a bit one."""
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path))
    arrays = {"weights": np.random.default_rng(mw).integers(0, 2, (mw, mh))}
    given = {"mw": mw, "mh": mh, "in_shape": [mw], "out_shape": [mh], "loadable": 1, "rom": "ultra"}
    op = plugins.load("hw.ops", "sign_mvu").Op.make("unit", arrays, simd=simd, pe=1, **given)
    [counted] = count([op], "xcup")
    assert counted["uram"] == blocks == op.estimate("xcup")["uram"]


@pytest.mark.parametrize("name", NAMES)
def test_a_cell_that_a_family_does_not_know_is_an_error(name):
    with pytest.raises(KeyError, match=f"hw/families/{name}: no cost for the {name} cell 'ICAPE2'"):
        cells.resources({"ICAPE2": 1}, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_familys_table_and_names_speak_of_known_resources(name):
    family = families.load(name)
    assert {resource for cost in family.cells.values() for resource in cost} <= set(cells.RESOURCES)
    assert {"lut", "ff", "bram36", "dsp"} <= set(family.units)
    for site in family.sites:
        assert set(site.resources) <= set(cells.RESOURCES) and set(site.cells) <= set(family.cells)
        assert site.capacity is None or site.capacity in family.units


def test_a_family_with_models_names_those_of_yosys_for_the_other_cells():
    assert {"ice40", "xc7", "xcup"} <= set(families.modelled())
    assert all(families.load(name).simulation for name in NAMES if families.models(name))


def test_an_unknown_family_names_those_that_exist():
    with pytest.raises(UserError, match=r"^hw.families: .*'xc6'.*'xc7'"):
        families.load("xc6")


def test_every_board_with_a_shell_has_a_router_that_writes_its_top():
    shown = [board for board in map(boards.load, plugins.names("hw.boards")) if board.shell]
    assert {"ecp5", "gw1n", "gw2a", "nexus", "xc7"} <= {board.family for board in shown}
    for board in shown:
        router = routing.load(board.family)
        assert router is not None
        text = router.top(board, TopPorts(3, 1, 2))
        assert f"module {routing.TOP} (" in text and f"xf_top {routing.ACCELERATOR} (" in text
        assert "wire [23:0] in_data;" in text and "wire [15:0] out_data;" in text


def test_a_family_without_memory_in_luts_uses_none(operators, tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path))
    assert all(counted["lut_ram"] == 0 for counted in count(operators, "ice40"))


def test_every_board_is_of_a_known_family():
    assert {boards.load(name).family for name in plugins.names("hw.boards")} <= set(NAMES)


def sources() -> Iterator[Path]:
    """Python files, schemas and templates of the package outside hw/families."""
    for folder in ("hw", "sw", "flows", "sim", "src"):
        for kind in ("*.py", "*.json", "*.j2"):
            for path in (ROOT / folder).rglob(kind):
                if path.relative_to(ROOT).parts[:2] != ("hw", "families"):
                    yield path


def test_no_file_outside_hw_families_names_a_family():
    named = re.compile(rf"\b({'|'.join(NAMES)})\b", re.IGNORECASE)
    lines = [(path, line) for path in sources() for line in enumerate(path.read_text().splitlines(), 1)]
    wrong = [f"{path.relative_to(ROOT)}:{number}" for path, (number, line) in lines if named.search(line)]
    assert not wrong, "\n".join(wrong)


ALL = names("hw.boards")


# How the two collections of boards write a role: amaranth-boards, litex-boards. Pins of headers stand alone.
ROLES = {
    "clock": (r'Pins\("{}", dir="i"\),\s*Clock', r'\("clk\d+", +0, +Pins\("{}"\)'),
    "rxd": (r'rx="{}"', r'"rx", +Pins\("{}"\)'), "txd": (r'tx="{}"', r'"tx", +Pins\("{}"\)'),
}  # fmt: skip


def test_twenty_boards_exist():
    assert len(ALL) >= 20
    assert {"icebreaker", "pynq-z1", "pynq-z2", "tangnano20k", "ultra96", "ulx3s"} <= set(ALL)


@pytest.mark.parametrize("name", ALL)
def test_pins_are_those_of_the_collection_that_the_board_names(name):
    """Where amaranth-boards or litex-boards is installed: each pin is in the board's file, that of a clock
    or of a serial line in its place; a board without a USB converter has its serial line on a header."""
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
    50 MHz each on a line of a million bauds."""
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
        assert board.capacity == {"lut": 53200, "lut_memory": 17400, "ff": 106400, "carry4": 13300,
                                  "bram36": 140, "dsp": 220}  # fmt: skip
        assert (board.clock_mhz, board.interval) == (100.0, 32768)


def test_a_network_may_have_its_own_interval():
    board = boards.load("pynq-z2")
    assert board.interval_for("cifar10-cnv") == board.interval
    assert board.interval_for("mnist-tfc") < board.interval
