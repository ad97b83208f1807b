"""Families of parts: each maps an operator, counts all its cells, and stops at one that it does not know."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows import synth
from xnorforge.flows.synth import cells
from xnorforge.hw import boards, families, routing
from xnorforge.hw.ops import base
from xnorforge.hw.routing import TopPorts

ROOT = Path(__file__).parents[2]
NAMES = families.names()


@pytest.fixture(scope="module")
def operators() -> list[base.HwOp]:
    """A matrix of 4 x 12 bits with thresholds, and a FIFO in LUTs: logic, registers and memories."""
    fifo = plugins.load("hw.ops", "fifo").Op
    lines = fifo.make("f", shape=[3, 3, 64], lanes=8, bits=1, depth=30, kind="lut")
    return [next(iter(examples_of("xnor_mvu"))), lines]


@pytest.mark.quick("!nexus", "!xcup")
@pytest.mark.parametrize("name", NAMES)
def test_a_family_maps_operators_and_counts_their_cells(name, operators, tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path))
    for counted in synth.count(operators, name):
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
    op = plugins.load("hw.ops", "xnor_mvu").Op.make("unit", arrays, simd=simd, pe=1, **given)
    [counted] = synth.count([op], "xcup")
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
    assert all(counted["lut_ram"] == 0 for counted in synth.count(operators, "ice40"))


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
