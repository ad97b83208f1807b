"""Cells in the form that older versions of nextpnr-xilinx take: the function of those they replace."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from itertools import count
from math import isqrt

import numpy as np
import pytest
from mapped import mapped

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.hw.families.xc7.carries import Packed, packed_carries, used_bits
from xnorforge.hw.families.xc7.leaves import rewritten
from xnorforge.sim import cosim


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
            ends = [cell["connections"] for cell in registers.values()]
            state = {pins["Q"][0]: now[pins["D"][0]] for pins in ends}
            shift = [data, *shift[:15]]
    assert all(cell["connections"]["R"] == ["0"] and cell["connections"]["C"] == [2]
               for cell in registers.values())  # fmt: skip


def carry4(start, choice, data, sums=(), outs=()) -> dict:
    """A CARRY4 on nets or constants, its unused outputs not connected."""
    pins = {"CI": [start], "CYINIT": ["0"], "S": choice, "DI": data}
    pins |= {name: [*bits, *["x"] * (4 - len(bits))] for name, bits in (("O", sums), ("CO", outs)) if bits}
    directions = {pin: "output" if pin in ("O", "CO") else "input" for pin in pins}
    return {"type": "CARRY4", "parameters": {}, "port_directions": directions, "connections": pins}


def reader(*bits) -> dict:
    """A LUT6 that reads nets."""
    pins = {f"I{k}": [bit] for k, bit in enumerate(bits)}
    directions = {**dict.fromkeys(pins, "input"), "O": "output"}
    return {"type": "LUT6", "port_directions": directions, "connections": {**pins, "O": [9999]}}


def handed_over(*cells: dict) -> dict:
    """The cells with the used bits of carries, short ones too."""
    named = {f"cell{k}": cell for k, cell in enumerate(cells)}
    return named | used_bits(named, (), count(10**6).__next__)


@pytest.mark.parametrize("seed", range(40))
def test_the_used_bits_of_carries_are_their_sums_and_carries(seed):
    """Random chains of up to three CARRY4, some inputs constant and some outputs not connected (UG953)."""
    rng = np.random.default_rng(seed)
    inputs, given, chain, read, start = [], [], [], [], 2
    for number in range(int(rng.integers(1, 4))):
        base = 100 * (number + 1)
        pins = [[str(rng.integers(0, 2)) if rng.random() < 0.2 else base + 10 * row + k for k in range(4)]
                for row in (0, 1)]  # fmt: skip
        inputs += [bit for row in pins for bit in row if isinstance(bit, int)]
        outs = [[base + 20 + 10 * row + k if rng.random() < 0.6 else "x" for k in range(4)] for row in (0, 1)]
        outs[1][3] = base + 33
        given.append(carry4(start, *pins, *outs))
        chain.append((start, pins, outs))
        read += [bit for row in outs for bit in row if isinstance(bit, int)]
        start = base + 33
    found = handed_over(*given, *map(reader, read)).values()
    cells = [cell for cell in found if cell["type"] in ("MUXCY", "XORCY")]
    for _ in range(50):
        values = {bit: int(rng.integers(0, 2)) for bit in [2, *inputs]} | {"0": 0, "1": 1, "x": 0}
        expected = dict(values)
        for first, (choice, data), (sums, outs) in chain:
            carry = expected[first]
            for k in range(4):
                expected[sums[k]] = expected[choice[k]] ^ carry
                carry = carry if expected[choice[k]] else expected[data[k]]
                expected[outs[k]] = carry
            expected["x"] = 0
        for _ in cells:  # settles in as many rounds at most
            for cell in cells:
                pins = {pin: bits[0] for pin, bits in cell["connections"].items()}
                if pins["CI"] not in values:
                    continue
                if cell["type"] == "XORCY":
                    values[pins["O"]] = values[pins["CI"]] ^ values[pins["LI"]]
                else:
                    values[pins["O"]] = values[pins["CI"] if values[pins["S"]] else pins["DI"]]
        assert all(values[bit] == expected[bit] for bit in read)


@pytest.mark.parametrize("seed", range(60))
def test_a_short_carry_is_luts_of_the_same_function(seed):
    """Up to two bits of any nets, or four of six nets in all, behind LUTs of random tables or not (UG953)."""
    rng = np.random.default_rng(seed)
    bits, pool = (int(rng.integers(1, 3)), range(2, 20)) if seed % 2 else (4, range(2, 8))
    start = int(rng.choice(pool)) if rng.random() < 0.5 else "0"
    luts, tables, pins = [], {}, [[], []]
    for row, number in ((row, number) for row in (0, 1) for number in range(bits)):
        if rng.random() < 0.2:
            pins[row].append(str(rng.integers(0, 2)))
        elif rng.random() < 0.3:
            pins[row].append(int(rng.choice(pool)))
        else:
            inputs, out = rng.choice(pool, int(rng.integers(1, 6)), replace=False), 100 + 10 * row + number
            tables[out] = [int(bit) for bit in inputs], rng.integers(0, 2, 1 << len(inputs))
            text = "".join(map(str, tables[out][1][::-1]))
            luts.append(lut2(*tables[out][0], out=out) | {"parameters": {"INIT": text}})
            pins[row].append(out)
    sums, outs = ([50 + 10 * row + k for k in range(bits)] for row in (0, 1))
    also = [reader(luts[0]["connections"]["O"][0])] if luts and seed % 3 == 0 else []
    carry = carry4(start, *(row + ["0"] * (4 - bits) for row in pins), sums, outs)
    given = [carry, *luts, *also, reader(*sums, *outs[:2]), reader(*outs[2:])]
    module = {"cells": {f"cell{k}": cell for k, cell in enumerate(given)}}
    cells = rewritten({"modules": {"top": module}})["modules"]["top"]["cells"]
    made = {name: cell for name, cell in cells.items() if "INIT" in cell.get("parameters", {})}
    assert not {cell["type"] for cell in cells.values()} & {"CARRY4", "MUXCY", "XORCY"}
    for _ in range(50):
        values = {bit: int(rng.integers(0, 2)) for bit in pool} | {"0": 0, "1": 1}
        found = settle(made, values)
        for out, (inputs, table) in tables.items():
            values[out] = int(table[sum(values[bit] << k for k, bit in enumerate(inputs))])
            assert found.get(out, values[out]) == values[out]
        now = values[start]
        for k in range(bits):
            assert found[sums[k]] == values[pins[0][k]] ^ now
            now = now if values[pins[0][k]] else values[pins[1][k]]
            assert found[outs[k]] == now
    if also:
        assert also[0]["connections"]["I0"][0] in found


def test_a_carry_of_a_chain_stays_one():
    low = carry4("0", [10, "0", "0", "0"], ["0"] * 4, [30], ["x", "x", "x", 33])
    high = carry4(33, [11, "0", "0", "0"], ["0"] * 4, [40])
    module = {"cells": {"low": low, "high": high, "end": reader(30, 40)}}
    cells = rewritten({"modules": {"top": module}})["modules"]["top"]["cells"]
    assert sorted(cell["type"] for cell in cells.values()) == ["LUT6", *["MUXCY"] * 5, "XORCY", "XORCY"]


def test_chains_are_packed_by_nextpnr_xilinx_s_rule():
    """Counted by hand; every bit has two LUTs in front, as no LUT here drives S or DI."""

    def nets(first):
        return [first, first + 1, first + 2, first + 3]

    low = carry4("0", nets(10), nets(20), nets(30), ["x", "x", "x", 50])
    sums = [reader(bit) for bit in (30, 31, 32, 33)]
    high = carry4(50, nets(60), nets(70), [80, "x", "x", "x"])
    assert packed_carries(handed_over(low, *sums)) == Packed(1, 1)
    assert packed_carries(handed_over(low, high, *sums, reader(80))) == Packed(1, 2)  # five bits, not eight
    compared = carry4("0", nets(10), nets(20), (), ["x", "x", "x", 50])
    # The carry comes out of a fifth bit.
    assert packed_carries(handed_over(compared, reader(50))) == Packed(1, 2)
    cut = carry4("0", nets(10), nets(20), ["x", "x", "x", 33], ["x", 51])
    assert packed_carries(handed_over(cut, reader(51), reader(33))) == Packed(2, 2)  # 2 + 1 bits, and 2


def lut2(*inputs, out) -> dict:
    pins = {f"I{k}": [bit] for k, bit in enumerate(inputs)} | {"O": [out]}
    directions = {pin: "output" if pin == "O" else "input" for pin in pins}
    return {"type": f"LUT{len(inputs)}", "port_directions": directions, "connections": pins}


# The layers with the most LUTs of cifar10-cnv at 1,200 cycles per frame: inputs, outputs, vectors, simd, pe.
LAYERS = {"conv1": (576, 64, 784, 576, 64), "conv2": (576, 128, 144, 576, 16),
          "conv3": (1152, 128, 100, 384, 32)}  # fmt: skip


def matrix(length: int, rows: int, vectors: int, simd: int, pe: int):
    """Such a layer with random weights and thresholds."""
    rng, side = np.random.default_rng(length), isqrt(vectors)
    arrays = {"weights": rng.integers(0, 2, (length, rows)), "thresholds": rng.integers(0, length, rows)}
    sizes = {"mw": length, "mh": rows, "vectors": vectors, "simd": simd, "pe": pe}
    make = plugins.load("hw.ops", "sign_mvu").Op.make
    return make(arrays=arrays, in_shape=[side, side, length], out_shape=[side, side, rows], rom="logic",
                starts="logic", **sizes)  # fmt: skip


def yosys(*commands: str) -> None:
    """Run commands in a process of its own."""
    text = f"from xnorforge.flows.yosys_job import run_commands\nrun_commands({list(commands)!r})"
    subprocess.run([sys.executable, "-c", text], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.full
@pytest.mark.parametrize("name", LAYERS)
def test_whole_layers_of_these_cells_give_the_contract_s_integers(tmp_path, name):
    op, flat, file = matrix(*LAYERS[name]), tmp_path / "flat", tmp_path / "flat.json"
    made = mapped([op], tmp_path)
    top = ("hierarchy -check -top xf_bench", "flatten -noscopeinfo", "proc =*", f"write_json {file}")
    yosys("read_verilog -lib +/xilinx/cells_sim.v", f"read_verilog {made.folder}/*.v", *top)
    netlist = read_json(file)
    cells = netlist["modules"]["xf_bench"]["cells"]
    kinds = Counter(cell["type"] for cell in cells.values())
    rewritten(netlist)
    for cell in cells.values():  # our models have no pins that could be inverted
        given = cell["parameters"].items()
        cell["parameters"] = {key: value for key, value in given if key[:3] != "IS_" or "1" in value}
    write_json(file, netlist)
    left = Counter(cell["type"] for cell in cells.values())
    assert kinds["CARRY4"] > 300 and kinds["LUT6_2"] and not left["CARRY4"] and not left["LUT6_2"]
    assert left["MUXCY"] < 4 * kinds["CARRY4"]
    flat.mkdir()
    yosys(f"read_json {file}", f"write_verilog -noattr {flat}/xf_bench.v")
    x = op.random_input(seed=1, frames=3)
    [run] = cosim.run(replace(made, folder=flat).device(), [x], stall=0.3, seed=2)
    np.testing.assert_array_equal(run.output, op.run(x))
