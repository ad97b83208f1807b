"""Cells in the form that older versions of nextpnr-xilinx take: the function of those they replace."""

import numpy as np
import pytest

from xnorforge.hw.families.xc7.leaves import rewritten


def design(kind: str, pins: dict, parameters: dict) -> dict:
    cell = {"type": kind, "hide_name": 0, "parameters": parameters, "attributes": {}}
    connections = {pin: [bit] for pin, bit in pins.items()}
    return {"modules": {"top": {"cells": {"one": {**cell, "connections": connections}}}}}


def settle(cells: dict, nets: dict) -> dict:
    """Values of all nets behind LUTs, from those of their inputs."""
    nets, luts = dict(nets), [cell for cell in cells.values() if cell["type"].startswith("LUT")]
    while luts:
        for cell in list(luts):
            count = int(cell["type"][3:])
            read = [cell["connections"][f"I{k}"][0] for k in range(count)]
            if all(bit in nets for bit in read):
                index = sum(nets[bit] << k for k, bit in enumerate(read))
                assert len(cell["parameters"]["INIT"]) == 1 << count
                nets[cell["connections"]["O"][0]] = int(cell["parameters"]["INIT"][::-1][index])
                luts.remove(cell)
    return nets


@pytest.mark.parametrize("seed", range(30))
def test_a_lut6_2_is_two_luts_of_the_same_tables(seed):
    rng = np.random.default_rng(seed)
    table = int(rng.integers(0, 1 << 63)) | int(rng.integers(0, 2)) << 63
    pool = [2, 3, 4, 5, 6, 7, 7, "0", "1", "x"] if seed else [2, 3, 4, 5, 6, 7]
    inputs = [pool[k] for k in rng.permutation(len(pool))[:6]]
    pins = {f"I{k}": bit for k, bit in enumerate(inputs)} | {"O5": 10, "O6": 11}
    cells = rewritten(design("LUT6_2", pins, {"INIT": f"{table:064b}"}))["modules"]["top"]["cells"]
    assert all(cell["type"] in ("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6") for cell in cells.values())
    for number in range(64):
        nets = {2 + k: number >> k & 1 for k in range(6)} | {"0": 0}
        bits = [nets.get(bit, int(bit == "1")) for bit in inputs]
        found = settle(cells, nets)
        assert found[10] == table >> sum(bit << k for k, bit in enumerate(bits[:5])) & 1
        assert found[11] == table >> sum(bit << k for k, bit in enumerate(bits)) & 1


@pytest.mark.parametrize("address", [0, 7, 15, None], ids=["0", "7", "15", "not constant"])
def test_an_srl16e_is_registers_that_give_the_same_bits(address):
    rng = np.random.default_rng(1 if address is None else address)
    initial = int(rng.integers(0, 1 << 16))
    pins = {"CLK": 2, "CE": 3, "D": 4, "Q": 5}
    pins |= {f"A{k}": 6 + k if address is None else str(address >> k & 1) for k in range(4)}
    cells = rewritten(design("SRL16E", pins, {"INIT": f"{initial:016b}"}))["modules"]["top"]["cells"]
    registers = {name: cell for name, cell in cells.items() if cell["type"] == "FDRE"}
    assert len(registers) == (16 if address is None else address + 1)
    state = {cell["connections"]["Q"][0]: int(cell["parameters"]["INIT"]) for cell in registers.values()}
    shift = [initial >> k & 1 for k in range(16)]  # of the cell itself: UG953, SRL16E
    for _ in range(200):
        enable, data, chosen = (int(value) for value in rng.integers(0, [2, 2, 16]))
        chosen = chosen if address is None else address
        now = {3: enable, 4: data, "0": 0, **{6 + k: chosen >> k & 1 for k in range(4)}, **state}
        assert settle(cells, now)[5] == shift[chosen]
        if enable:
            state = {
                cell["connections"]["Q"][0]: now[cell["connections"]["D"][0]] for cell in registers.values()
            }
            shift = [data, *shift[:15]]
    assert all(cell["connections"]["R"] == ["0"] and cell["connections"]["C"] == [2]
               for cell in registers.values())  # fmt: skip
