"""The shell of a Zynq-7000, mapped: how many LUTs it takes, and how many lie in a row."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from xnorforge.core.artifacts import read_json
from xnorforge.flows.route import joined
from xnorforge.flows.synth.cells import resources
from xnorforge.hw import boards, families
from xnorforge.hw.families.xc7.route import ROUTER

from .test_route import BORDER, accelerator
from .test_synth import TOP

GATES = ("LUT", "INV", "RAM32", "RAM64", "RAM128", "RAM256")  # counted as a level each; carries are not
STORED = ("WCLK", "WE", "D", "CLK", "C")  # inputs of a memory in LUTs that no output follows at once
NONE = -99


def lut_rows(cells: Mapping[str, dict]) -> list[tuple[str, int, int]]:
    """(input, LUTs in a row in front of it, the same from a pin of the processor) of every input of registers
    and memories; NONE where no path comes from the processor."""
    driver = {
        bit: (cell, port) for cell in cells.values() for port, bits in cell["connections"].items()
        if cell["port_directions"][port] == "output" for bit in bits
    }  # fmt: skip

    def inputs(cell: dict, port: str) -> list:
        memory = cell["type"].startswith("RAM")
        return [
            bit
            for name, bits in cell["connections"].items()
            if cell["port_directions"][name] == "input" and not (memory and name.rstrip("ABCD") in STORED)
            and not (memory and name.startswith("ADDR") and port[2:] and name[4:] != port[2:])
            for bit in bits
        ]  # fmt: skip

    @cache
    def rows(bit) -> tuple[int, int]:
        cell, port = driver.get(bit, ({"type": "FD"}, ""))
        if cell["type"].startswith(("FD", "RAMB", "DSP", "PS7")):
            return 0, 0 if cell["type"] == "PS7" else NONE
        found = [rows(one) for one in inputs(cell, port)] or [(0, NONE)]
        here = cell["type"].startswith(GATES)
        return max(one for one, _ in found) + here, max(one for _, one in found) + here

    ends = (("CE", "D", "R", "S", "WE"), ("FD", "RAM"))
    return [
        (f"{name}.{port}", *rows(bit))
        for name, cell in cells.items() if cell["type"].startswith(ends[1])
        for port, bits in cell["connections"].items() if port in ends[0]
        for bit in bits
    ]  # fmt: skip


def holds_the_clock(acc: Path, border: dict, most: int) -> None:
    """Assert that no pin of the processor goes through more than one LUT, that none of the shell's enables
    lies behind more than three, and that the shell has at most so many LUTs."""
    text, shell, _, around = joined(acc, border, boards.load("pynq-z2"), ROUTER)
    cells = json.loads(text)["modules"]["xf_board_top"]["cells"]
    rows = lut_rows(cells)
    own = [(name, deep, pins) for name, deep, pins in rows if not name.startswith(f"{shell.instance}.")]
    assert sum(pins >= 0 for *_, pins in rows) > 150 and sum(name.endswith(".CE") for name, *_ in own) > 500
    assert [(name, pins) for name, _, pins in rows if pins > 1] == []
    assert [(name, deep) for name, deep, _ in own if name.endswith((".CE", ".WE")) and deep > 3] == []
    known = families.load("xc7").cells
    assert resources({kind: count for kind, count in around.items() if kind in known}, "xc7")["lut"] <= most


def test_rows_are_counted_through_gates_from_registers_and_the_processor():
    def cell(kind, out, **given):
        ways = dict.fromkeys(given, "input") | {out[0]: "output"}
        return {"type": kind, "port_directions": ways, "connections": {**given, out[0]: [out[1]]}}

    cells = {"p": cell("PS7", ("READY", 1)), "a": cell("LUT2", ("O", 2), I0=[1], I1=[9]),
             "c": cell("CARRY4", ("O", 3), S=[2]), "b": cell("LUT1", ("O", 4), I0=[3]),
             "q": cell("FDRE", ("Q", 9), D=[4], CE=[2], R=["0"])}  # fmt: skip
    assert lut_rows(cells) == [("q.D", 2, 2), ("q.CE", 1, 1), ("q.R", 0, NONE)]


PORTS = """input logic aresetn, input logic [7:0] s_axis_weights0_tdata, input logic s_axis_weights0_tvalid,
  output logic s_axis_weights0_tready,"""
READS = TOP.replace("input logic aresetn,", PORTS).replace(
    "logic bit_q;", "logic bit_q;\n  assign s_axis_weights0_tready = m_axis_tready;"
)


@pytest.mark.parametrize("top, readers, most", [(TOP, 0, 1030), (READS, 1, 1500)], ids=["plain", "weights"])
def test_a_small_shell_holds_its_clock_and_its_size(top, readers, most, tmp_path, monkeypatch):
    """Also with a reader of weights, which shares the port to the memory with that of frames."""
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    acc = accelerator(tmp_path, "pynq-z2", top, outside=[BORDER["input"]] * readers)
    (acc / "folded.onnx").write_text("a network")
    holds_the_clock(acc, BORDER, most)


@pytest.mark.full
@pytest.mark.parametrize("net, most", [("mnist-tfc", 1000), ("mnist-cnn", 1300)])
def test_the_shell_of_a_network_holds_its_clock_and_its_size(net, most, tmp_path, monkeypatch, call):
    monkeypatch.chdir(tmp_path)
    assert call("synth", net, "--board", "pynq-z2")[0] == 0
    acc = tmp_path / "out" / net / "rtl-pynq-z2"
    holds_the_clock(acc, read_json(acc / "rtl/rtl.json")["border"], most)
