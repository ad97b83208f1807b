"""Estimates against recorded counts of Yosys (`counted/`, by measured.py), and parts computed by hand."""

import json
from dataclasses import replace

import measured
import numpy as np
import onnx
import pytest
from mapped import COUNTED, counts, fitted, instance
from op_examples.drawn import seeded

from xnorforge.core import plugins
from xnorforge.flows.fold import folded_graph
from xnorforge.hw import families
from xnorforge.hw.fabric import memory_of
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.int_mvu.op import IntMvu
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.hw.parts import Parts, estimates_of
from xnorforge.studies.explain import explain

FAMILIES = [name for name in families.names() if families.estimated_by(name) == name]


@pytest.mark.parametrize("family", FAMILIES)
def test_estimates_are_near_the_recorded_counts(family):
    """The LUTs of all instances of an operator together, and how many are more than 15 % and 8 LUTs off."""
    rows = measured.errors(family)
    assert len(rows) >= 10
    together, alone = (0.05, 0.05) if family == families.REFERENCE else (0.08, 0.15)
    assert {name: parts["lut"] for name, (*_, parts) in rows.items() if abs(parts["lut"]) > together} == {}
    assert sum(far for _, far, *_ in rows.values()) <= alone * sum(many for many, *_ in rows.values())


def test_on_the_reference_family_flip_flops_and_memories_are_those_counted():
    for name, (*_, parts) in measured.errors(families.REFERENCE).items():
        assert all(abs(parts[key]) <= 0.06 for key in COUNTED if key != "carry"), name


@pytest.mark.parametrize("family", measured.MEASURED)
def test_every_operator_is_counted_on_unseen_layers_and_its_measured_error_is_kept(family):
    assert {*measured.marked(family, "unseen")} == {*measured.KINDS}
    kept = json.loads((plugins.place(families.KIND, family) / families.ERRORS).read_text())
    assert kept == measured.labels(family), f"run tests/hw/measured.py {family}"


@pytest.mark.quick("!da_mvu")
@pytest.mark.parametrize("name", measured.KINDS)
def test_recorded_estimates_of_layers_are_those_of_today(name):
    for family in measured.MEASURED:
        for key, row in measured.marked(family, "unseen|drawn").get(name, {}).items():
            own = measured.rounded(instance(name, key, family).estimate(family))
            assert row[len(COUNTED) :] == own, f"{key}: run tests/hw/measured.py {family}"


@pytest.mark.full
@pytest.mark.parametrize("family", measured.MEASURED)
def test_counts_of_layers_are_those_of_a_synthesis_now(family):
    """Of one layer of every operator; beside others Yosys takes a few LUTs more or less."""
    first = {name: next(iter(rows.items())) for name, rows in measured.marked(family, "unseen").items()}
    found = counts([instance(name, key, family) for name, (key, _) in first.items()], family)
    for (name, (_, row)), now in zip(first.items(), found, strict=True):
        assert now == pytest.approx(row[: len(COUNTED)], rel=0.02, abs=3), name


def test_a_borrowed_estimate_says_whose_factors_it_has_and_how_far_off_they_were():
    assert families.doubt("xc7", "ArgMax") == families.doubt("ecp5", "Fifo") == ""
    many, far, off = measured.labels("ecp5")["ArgMax"]
    text = f": {far} of {many} far off, {off:+.0%} in sum"
    assert families.doubt("ecp5", "ArgMax") == f"factors of xc7 × 1.995{text}"
    assert families.doubt("ice40", "Fifo").startswith("factors of ecp5: ")
    assert families.doubt("gw2a", "Fifo") == "factors of ecp5: never measured here"


def test_explain_prices_a_step_by_the_family_of_the_board_and_says_what_is_borrowed(tmp_path):
    op, wider = (seeded(IntMvu, 0, 72, 8, 9, pe) for pe in (2, 4))
    onnx.save(folded_graph([op], "net"), tmp_path / "folded.onnx")
    row = {"name": op.name, "lut": 9, "ff": 9, "bram36": 0, "dsp": 0}
    counted = {"lut": 9, "capacity": {"lut": 5000}, "per_operator": [row]}
    for family in ("xc7", "ecp5"):
        report = json.dumps({"resources": counted | {"family": family}, "clock_mhz": {"value": 100}})
        (tmp_path / "report.json").write_text(report)
        more = round(wider.estimate(family)["lut"] - op.estimate(family)["lut"])
        line, doubt = explain(tmp_path, op.name)[4], families.doubt(family, "IntMvu")
        assert f"32 cycles for {more:+,} LUT (est" in line and doubt in line


def cells(parts: Parts, family: str) -> dict:
    fabric = families.load(family).fabric
    return {"ff": parts.flip_flops(fabric), **parts.cells(fabric)}


def test_parts_take_what_the_cells_of_a_family_hold():
    """CARRY4 and CCU2C have four and two bits of a sum, and an SRL 32 registers; a RAM32M holds 32 x 6 bits
    in four LUTs, a TRELLIS_DPR16X4 with its write port 16 x 4 bits in six."""
    parts = Parts().registers(5).adders(9, count=2).delay(4, 40).memory(32, 12, "lut", 0)
    assert cells(parts, "xc7") == {"ff": 5, "carry": 6, "lut_ram": 8 + 8, "bram36": 0, "dsp": 0, "uram": 0}
    assert cells(parts, "ecp5") == {"ff": 165, "carry": 10, "lut_ram": 36, "bram36": 0, "dsp": 0, "uram": 0}
    found = {"ff": 165, "carry": 18, "lut_ram": 0, "bram36": 1 / 8, "dsp": 0, "uram": 0}
    assert cells(parts, "ice40") == found


def test_a_list_added_three_times_is_three_lists():
    one = Parts(gates=2).counters(10).comparators(7).memory(40, 3).delay(1, 5).skid(4).placed(2)
    three = Parts(dsp=1).add(one, count=3)
    for family in ("xc7", "ecp5"):
        fabric = families.load(family).fabric
        assert cells(three, family) == {name: 3 * n for name, n in cells(one, family).items()} | {"dsp": 1}
        sizes = {name: 3 * size for name, size in one.amounts(fabric).items() if name != "instance"}
        assert {name: n for name, n in three.amounts(fabric).items() if name != "instance"} == sizes


def test_the_fit_finds_the_factors_that_made_the_counts():
    sizes = [(100, 3), (20, 200), (77, 40), (300, 1), (8, 90)]
    points = [(parts := Parts(gates=a).spare(b), {"lut": 3 + 0.5 * a + 2 * (b + 1)}) for a, b in sizes]
    assert parts.logic["spare bits"] == 91
    found = fitted(points, families.REFERENCE)
    assert found == pytest.approx({"instance": 3, "gates": 0.5, "spare bits": 2}, abs=0.02)


def test_a_family_without_counts_is_estimated_by_another_and_named_so():
    op = Fifo.make(shape=(64,), lanes=16, depth=2)
    uncounted = {*families.names()} - {*FAMILIES}
    assert uncounted
    for name in uncounted:
        by = families.estimated_by(name)
        assert by in FAMILIES and op.estimate(name)["lut"] == op.estimate(by)["lut"] > 16
    assert [*map(families.estimated_by, FAMILIES)] == FAMILIES


def test_a_matrix_in_logic_takes_more_luts_of_four_inputs_than_of_six():
    """A LUT of four inputs holds 16 bits of a table, one of six 64."""
    op = seeded(SignMvu, 0, 256, 64, 1, 1, 1, rom="logic")
    assert all(op.estimate(name)["lut"] > 2 * op.estimate()["lut"] for name in ("ecp5", "gw2a", "ice40"))


def test_estimates_without_a_family_are_of_the_one_in_use():
    op = Fifo.make(shape=(64,), lanes=16, depth=40, kind="lut")
    with estimates_of("ecp5"):
        inside = op.estimate()
    assert inside == op.estimate("ecp5") != op.estimate() == op.estimate("xc7")


@pytest.mark.parametrize("family", families.names())
def test_a_memory_lies_where_it_is_asked_for(family):
    """UltraRAM is no block; registers guard a block of which a word may be read while it is written."""
    fabric, rng = families.load(family).fabric, np.random.default_rng(0)
    for size in rng.integers(2, (9000, 90), (50, 2)).tolist():
        kinds = ("block", "rom", "lut", "auto", "near")
        block, rom, lut, auto, near = (memory_of(*size, kind, fabric) for kind in kinds)
        for found in (block, rom):
            assert found.block and found.bram36 > found.luts == found.guards == 0
        assert auto in (block, lut) and replace(near, guards=0) in (block, lut)
        assert bool(near.guards) == (fabric.guarded and near.block)
        assert lut == block if not fabric.lut_rams else lut.luts > lut.bram36 == lut.block == 0
        if fabric.ultra_ram:
            ultra = memory_of(*size, "ultra", fabric)
            assert ultra.block and ultra.uram > ultra.bram36 == ultra.luts == 0


@pytest.mark.parametrize(("rom", "rows"), [("logic", 0), ("block", 64), ("ultra", 0)])
def test_columns_of_weights_are_of_block_ram(rom, rows):
    op = seeded(SignMvu, 0, 256, 64, 1, 1, 1, rom=rom, rom_rows=64)
    assert (op.weight_rows(), op.late()) == (rows, 2 * (rows > 0))


def test_the_price_of_a_memory_decides_where_it_lies():
    """Half a block costs 129. Of 128 words of 21 bits, 14 times four LUTs at 8 and half a LUT per bit that
    chooses, and half one to write, cost 123; of 24 bits, 16 times four and 12.5. Of the 8, 7 go with the bits
    that are used: 512 words of 4 bits cost 8 times 2 + 7 * 4 / 3, and 17.5."""
    assert not memory_of(512, 4).block and memory_of(512, 6).block
    assert not memory_of(128, 21).block and memory_of(128, 24).block
    assert memory_of(128, 24, "lut").luts == 4 * 16 and memory_of(128, 24).bram36 == 0.5
