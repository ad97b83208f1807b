"""Registers that become output registers of ECP5's block RAMs: which are taken, and which stay."""

import copy

import pytest

from xnorforge.hw.families.ecp5.output_registers import use_output_registers

CLOCK, ENABLE, OTHER = 1, 2, 3


def block(width: int = 9, **changes) -> dict:
    """A block RAM whose port A reads bits 100, 101 and, 36 bits wide, port B bits 118, 119."""
    parameters = {f"DATA_WIDTH_{port}": f"{width:032b}" for port in "AB"}
    parameters |= {f"REGMODE_{port}": "NOREG" for port in "AB"} | {"CLKAMUX": "CLKA", "CLKBMUX": "CLKB"}
    pins: dict = {
        "CLKA": [CLOCK], "CLKB": [CLOCK], "RSTA": ["0"], "RSTB": ["0"], "OCEA": ["1"], "OCEB": ["1"],
    }  # fmt: skip
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
