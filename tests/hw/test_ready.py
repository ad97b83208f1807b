"""Where ready runs through an operator without a register, found in the netlists of small examples.

A path of ready from one operator to the next, and on into the enable of a unit, is what limits the clock of
a whole network; so ready comes from registers in every operator but those that say otherwise, and of these
no two stand behind each other."""

import copy
import json
import subprocess
import sys

import numpy as np
import pytest
from mapped import laid
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.flows.fold.fifo_sizing import with_fifos
from xnorforge.hw.families.ecp5.output_registers import use_output_registers
from xnorforge.hw.ops.join.op import Join

EXAMPLES = 8  # the narrowest of an operator: paths do not depend on widths
YOSYS = """
import sys
from pyosys import libyosys
design = libyosys.Design()
for command in sys.argv[1:]:
    libyosys.run_pass(command, design)
"""


def netlist(ops, folder) -> dict:
    """Operators side by side as gates, flip-flops and memories, in Yosys' JSON form."""
    sources, _, _ = laid(ops, folder)
    commands = [
        f"read_verilog -defer -sv -I. {' '.join(map(str, sources))}", "hierarchy -top xf_bench", "proc",
        "flatten -noscopeinfo", "opt_clean", "memory_dff",
        "simplemap",  # bit by bit: a vector holds the ready of several streams
        "opt_clean", "write_json netlist.json",
    ]  # fmt: skip
    job = [sys.executable, "-c", YOSYS, *commands]
    subprocess.run(job, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "netlist.json").read_text())["modules"]["xf_bench"]


def followers(module) -> dict:
    """{bit: bits that follow it within a cycle}; registers and clocked reads of memories end a path."""
    found: dict = {}
    for cell in module["cells"].values():
        kind, pins = cell["type"], cell["connections"]
        if kind == "$memrd_v2":
            clocked = int(cell["parameters"]["CLK_ENABLE"], 2)
            ins, outs = ([], []) if clocked else (pins["ADDR"], pins["DATA"])
        elif kind.startswith(("$_DFF", "$_SDFF", "$memwr", "$meminit")):
            continue
        else:
            sides = {"input": [], "output": []}
            for pin, bits in pins.items():
                sides[cell["port_directions"][pin]] += bits
            ins, outs = sides["input"], sides["output"]
        for bit in ins:
            found.setdefault(bit, []).extend(outs)
    return found


def reached(following: dict, starts: list) -> set:
    """All bits that follow one of `starts` within a cycle."""
    seen, left = set(starts), list(starts)
    while left:
        new = set(following.get(left.pop(), ())) - seen
        seen |= new
        left += new
    return seen


@pytest.mark.parametrize("name", plugins.names("hw.ops"))
def test_ready_comes_from_registers_but_where_an_operator_says_otherwise(tmp_path, name):
    def bits(op):
        return sum(stream.width for stream in [*op.in_streams(), *op.out_streams()])

    kind = plugins.load("hw.ops", name).Op
    ops = sorted(examples_of(kind), key=bits)[:EXAMPLES]
    module = netlist(ops, tmp_path)
    following = followers(module)
    assert not [kind for kind in {cell["type"] for cell in module["cells"].values()} if kind == "$mem_v2"]
    through = []
    for index in range(len(ops)):
        named = module["ports"].items()
        ports = {port: wires["bits"] for port, wires in named if port.startswith(f"lane_{index}_")}
        given, taken = (
            [bit for port, wires in ports.items() if f"_{side}" in port and port.endswith("_ready")
             for bit in wires]
            for side in ("m", "s")
        )  # fmt: skip
        assert given and taken
        if not reached(following, given).isdisjoint(taken):
            through.append(str(ops[index]))
    assert bool(through) == kind.ready_through, through


def test_ready_runs_through_forks_joins_products_and_thresholds_alone():
    through = {name for name in plugins.names("hw.ops") if plugins.load("hw.ops", name).Op.ready_through}
    assert through == {"fork", "join", "product", "threshold"}


def test_between_two_operators_that_pass_ready_on_there_is_a_skid():
    def added(name, sources, result):
        op = Join.make(name, {"multipliers": np.ones((2, 4), int)}, in_shape=[4], in_bits=[8, 8],
                       in_signed=[1, 1], out_bits=8, out_signed=1)  # fmt: skip
        op.onnx_node.input[:2] = sources
        op.onnx_node.output[0] = result
        return op

    first, second = added("first", ["a", "b"], "c"), added("second", ["c", "d"], "e")
    found = with_fifos([first, second], {})
    assert [op.name for op in found] == ["first", "fifo_second_in0", "second"]
    assert found[1].get_nodeattr("depth") == 2


CLOCK, ENABLE, OTHER = 1, 2, 3


def block(width: int = 9, **changes) -> dict:
    """A block RAM whose port A reads bits 100, 101 and, 36 bits wide, port B bits 118, 119."""
    parameters = {f"DATA_WIDTH_{port}": f"{width:032b}" for port in "AB"}
    parameters |= {f"REGMODE_{port}": "NOREG" for port in "AB"} | {"CLKAMUX": "CLKA", "CLKBMUX": "CLKB"}
    pins: dict = {"CLKA": [CLOCK], "CLKB": [CLOCK], "RSTA": ["0"], "RSTB": ["0"], "OCEA": ["1"],
                  "OCEB": ["1"]}  # fmt: skip
    pins |= {f"DO{port}{bit}": [100 + 18 * (port == "B") + bit] for port in "AB" for bit in range(18)}
    return {"type": "DP16KD", "parameters": parameters, "connections": pins | changes}


def register(data: int, q: int, **changes) -> dict:
    parameters = {"CEMUX": "CE", "CLKMUX": "CLK", "REGSET": "RESET"}
    pins = {"CLK": [CLOCK], "CE": [ENABLE], "LSR": ["0"], "DI": [data], "Q": [q]}
    for name, value in changes.items():
        (parameters if name in parameters else pins)[name] = value
    return {"type": "TRELLIS_FF", "parameters": parameters, "connections": pins}


def design(ram: dict, *registers: dict, **more: dict) -> dict:
    cells = {"ram": ram, **{f"q{k}": one for k, one in enumerate(registers)}, **more}
    return {"cells": cells, "ports": {"out": {"bits": [200]}}}


def test_registers_of_one_enable_become_the_port_s_own():
    made = design(block(), register(100, 200), register(101, 201))
    assert use_output_registers(made) == 2
    assert set(made["cells"]) == {"ram"}
    ram = made["cells"]["ram"]
    assert ram["parameters"]["REGMODE_A"] == "OUTREG" and ram["parameters"]["REGMODE_B"] == "NOREG"
    pins = ram["connections"]
    assert (pins["DOA0"], pins["DOA1"], pins["OCEA"], pins["OCEB"]) == ([200], [201], [ENABLE], ["1"])


def test_a_block_of_36_bits_takes_both_halves_or_none():
    both = design(block(36), register(100, 200), register(118, 201))
    assert use_output_registers(both) == 2
    ram = both["cells"]["ram"]
    assert {ram["parameters"][f"REGMODE_{port}"] for port in "AB"} == {"OUTREG"}
    assert ram["connections"]["OCEA"] == ram["connections"]["OCEB"] == [ENABLE]
    half = design(block(36), register(100, 200), register(118, 201, CE=[OTHER]))
    assert use_output_registers(half) == 0


def test_a_register_without_an_enable_needs_none():
    made = design(block(), register(100, 200, CEMUX="1"))
    assert use_output_registers(made) == 1 and made["cells"]["ram"]["connections"]["OCEA"] == ["1"]


STAY = {
    "also a LUT": design(block(), register(100, 200),
        lut={"type": "LUT4", "parameters": {}, "connections": {"A": [100]}}),
    "two enables": design(block(), register(100, 200), register(101, 201, CE=[OTHER])),
    "another clock": design(block(), register(100, 200, CLK=[OTHER])),
    "falling edge": design(block(), register(100, 200, CLKMUX="INV")),
    "a reset": design(block(), register(100, 200, LSR=[OTHER])),
    "a set": design(block(), register(100, 200, REGSET="SET")),
    "a low enable": design(block(), register(100, 200, CEMUX="INV")),
    "a reset of the block": design(block(RSTA=[OTHER]), register(100, 200)),
    "the enable of a register": design(block(), register(5, 200, CE=[100])),
    "a port of the module": design(block(DOA0=[200])), "no load": design(block()),
}  # fmt: skip


@pytest.mark.parametrize("made", STAY.values(), ids=STAY)
def test_what_a_port_s_register_cannot_do_stays(made):
    before = copy.deepcopy(made)
    assert use_output_registers(made) == 0 and made == before
