"""Models of placed ECP5 cells: each alone against Yosys' own, plain arithmetic, or a plain memory."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.hw import families
from xnorforge.hw.families.ecp5.placed import placed_verilog
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.routing import ACCELERATOR, TOP
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, ports_header

BENCH = Path(__file__).parent / "ecp5_cells.sv.in"
BEATS = 4000
# Of the bench: widths of ports A and B, and whether a port that writes shows what was there, what comes, or
# neither.
BLOCKS = [
    (1, 1, "NORMAL", "NORMAL"),
    (2, 9, "READBEFOREWRITE", "READBEFOREWRITE"),
    (4, 18, "WRITETHROUGH", "NORMAL"),
    (9, 9, "READBEFOREWRITE", "WRITETHROUGH"),
    (18, 18, "NORMAL", "READBEFOREWRITE"),
    (36, 36, "NORMAL", "NORMAL"),
    (36, 9, "NORMAL", "NORMAL"),
]


def field(x: np.ndarray, low: int, bits: int) -> np.ndarray:
    """Bits of every beat (N, 128) as integers (N,)."""
    return x[:, low : low + bits] @ (1 << np.arange(bits, dtype=np.int64))


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """Stimulus (N, 128) and answers (N, 512) as bits, and the contents of the block RAMs (1024, 18)."""
    rng = np.random.default_rng(1)
    contents = rng.integers(0, 2, (1024, 18))
    x = rng.integers(0, 2, (BEATS, 128))
    for low in (8, 24):  # few words of a block RAM, so that one is met again; the last among them
        word = rng.integers(0, 3, BEATS)[:, None]
        x[:, low + 5 : low + 14] = np.where(word == 2, 1, np.pad(word & 1, ((0, 0), (0, 8))))
    x[:, [2, 5]] = rng.random((BEATS, 2)) < 0.05
    same = (x[:, 13:22] == x[:, 29:38]).all(1)
    x[same & (x[:, 1] == 1), 4] = 0  # not both write one word
    x[0, [0, 2, 5]], x[1, [0]] = 1, 0  # all registers are reset
    bits = np.pad(contents, ((0, 0), (0, 2))).reshape(-1)[::-1]
    folder = tmp_path_factory.mktemp("cells")
    bench = folder / "xf_cells.sv"
    text = "".join(f"{int(''.join(map(str, four)), 2):x}" for four in bits.reshape(-1, 4))
    bench.write_text(BENCH.read_text().replace("CONTENTS", text))
    yosys = Path(str(files("pyosys"))) / "share" / "ecp5"
    theirs = folder / "theirs.v"
    keep = ("LUT2", "LUT4", "PFUMX", "L6MUX21", "TRELLIS_DPR16X4", "CCU2C")
    all_of_them = (yosys / "common_sim.vh").read_text() + (yosys / "ccu2c_sim.vh").read_text()
    modules = [part.split("endmodule")[0] for part in all_of_them.split("\nmodule ")[1:]]
    chosen = [part for part in modules if part.split("(")[0].strip() in keep]
    assert len(chosen) == len(keep)
    theirs.write_text("".join(f"module {part}endmodule\n" for part in chosen))
    streams = Stream((16,), 16, 8), Stream((64,), 64, 8)
    ports = [
        Port(stream, f"{side}_data_{way}", f"{side}_valid_{way}", f"{side}_ready_{back}", stream.width)
        for stream, side, way, back in zip(streams, "sm", "io", "oi")
    ]
    lanes = [Lane("cells", "rst_ni", ports[:1], ports[1:], 1000)]
    models = families.placed_models("ecp5")
    program = verilate.compile_model(
        "xf_cells", [models, theirs, bench], ports_header("clk_i", lanes), level="-O0"
    )
    given = np.packbits(x.astype(np.uint8), axis=1, bitorder="little")
    got = cosim.run(Device(program, lanes), given, seed=2).output.astype(np.uint8)
    return x, np.unpackbits(got, axis=1, bitorder="little").astype(np.int64), contents


def test_luts_carries_muxes_and_lut_memory_are_those_of_yosys(ran):
    """LUT tables with one bit each, all inputs; carries of nine inputs in all forms of INJECT1."""
    x, got, _ = ran
    assert len(np.unique(field(x, 80, 9))) == 512, "every input of a CCU2C was there"
    assert not got[:, :58].any()


def test_a_register_takes_the_reset_before_the_enable(ran):
    x, got, _ = ran
    reset, enable, di, m = x[:, :4].T
    rules = [
        (reset, enable, di, 0),
        (reset, 1 - enable, m, 1),
        (1 - reset, 1 + 0 * m, m, 0),
        (reset, 0 * m, m, 0),
    ]
    for k, (clear, take, data, value) in enumerate(rules):
        q, known = 0, False
        for beat in range(BEATS):
            known = known or clear[beat]
            q = value if clear[beat] else data[beat] if take[beat] else q
            assert not known or got[beat, 64 + k] == q, (k, beat)


def test_a_multiplier_multiplies_with_and_without_signs(ran):
    x, got, _ = ran
    a, b = field(x, 0, 18), field(x, 18, 18)
    a, b = a - (a >> 17 << 18) * x[:, 36], b - (b >> 17 << 18) * x[:, 37]
    np.testing.assert_array_equal(field(got, 72, 36), (a * b) & (1 << 36) - 1)


def place(width: int, address: int) -> int:
    """Where a port's bits begin in a memory of 1,024 words of 18; of nine, widths 1, 2, 4 use eight."""
    if width > 9:
        return address // (16 * width // 18) * width
    return address // 8 * 9 + address % 8 // width * width


@pytest.mark.parametrize("block", range(len(BLOCKS)), ids=[f"{a}x{b}" for a, b, *_ in BLOCKS])
def test_a_block_ram_is_a_plain_memory(ran, block):
    """Contents from INITVAL, every width, byte enables, write modes; what is read while it is written comes
    inverted.
    """
    x, got, contents = ran
    memory, widths = contents.reshape(-1).copy(), BLOCKS[block][:2]
    shown = [np.zeros(36, int), np.zeros(36, int)]
    data = [x[:, [*range(40, 58), *range(60, 78)]], np.pad(x[:, 60:78], ((0, 0), (0, 18)))]
    compared = written = 0
    for beat in range(BEATS):
        ports = []
        for side, width in enumerate(widths):
            enable, write, reset = x[beat, 3 * side : 3 * side + 3]
            address = int(x[beat, 8 + 16 * side : 22 + 16 * side] @ (1 << np.arange(14)))
            where = np.arange(width) + place(width, address)
            if side and widths[0] == 36:
                write = 0
            lanes = np.ones(width, bool)
            if width >= 18:
                lanes = np.repeat(x[beat, 8 + 16 * side : 8 + 16 * side + width // 9], 9).astype(bool)
            changed = where[lanes] if enable and write and not reset else where[:0]
            ports.append((enable, write, reset, where, changed, data[side][beat, :width][lanes]))
        before, after = memory.copy(), memory.copy()
        for *_, changed, new in ports:
            after[changed] = new[: len(changed)]
            written += len(changed) > 0
        for side, (enable, write, reset, where, *_) in enumerate(ports):
            mode, width = BLOCKS[block][2 + side], widths[side]
            if reset:
                shown[side][:] = 0
            elif enable and (not write or mode == "READBEFOREWRITE"):
                other = np.isin(where, ports[1 - side][4])
                shown[side][:width] = before[where] ^ other
            elif enable and mode == "WRITETHROUGH":
                shown[side][:width] = after[where]
        memory = after
        base = 128 + 36 * block
        for side, width in enumerate(widths):
            if side == 0 and width == 36:
                continue  # writes only
            low = base if width == 36 else base + 18 * side
            np.testing.assert_array_equal(got[beat, low : low + width], shown[side][:width], f"beat {beat}")
            compared += 1
    assert written > BEATS // 8 and compared >= BEATS


@pytest.mark.parametrize("block, widths", [(7, (9, 18)), (8, (36, 36))])
def test_an_output_register_gives_the_word_read_before_where_it_is_enabled(ran, block, widths):
    x, got, contents = ran
    memory = contents.reshape(-1)
    for side in (0, 1):
        width = widths[side]
        if side == 0 and width == 36:
            continue  # both halves are read by the other port
        base = 128 + 36 * block + (0 if width == 36 else 18 * side)
        read, late = None, None
        seen = 0
        for beat in range(BEATS):
            if x[beat, 6 + side]:
                late = read
            if x[beat, 3 * side]:
                address = int(x[beat, 8 + 16 * side : 22 + 16 * side] @ (1 << np.arange(14)))
                read = memory[np.arange(width) + place(width, address)]
            if late is not None:
                np.testing.assert_array_equal(got[beat, base : base + width], late, f"beat {beat}")
                seen += 1
        assert seen > BEATS // 2


def test_a_cell_without_a_model_and_an_inverted_clock_are_one_sentence():
    def design(kind: str, **cell) -> tuple[dict, dict]:
        cell = {"type": kind, "parameters": {}, "connections": {}, "port_directions": {}, **cell}
        names = (f"{ACCELERATOR}.{side}_axis_t{name}" for side in "sm" for name in ("data", "valid", "ready"))
        nets = {name: {"bits": ["0"]} for name in names}
        placed = {"modules": {"top": {"ports": {}, "cells": {"one": cell}, "netnames": {}}}}
        return placed, {"modules": {TOP: {"netnames": nets}}}

    with pytest.raises(UserError, match=r"^placed netlist: one .*\bDTR\b.*PNR=off"):
        placed_verilog(*design("DTR"))
    clock = {"connections": {"CLKA": [5]}, "port_directions": {"CLKA": "input"}}
    with pytest.raises(UserError, match=r"^placed netlist: one inverts its CLKA\b"):
        placed_verilog(*design("DP16KD", parameters={"CLKAMUX": "INV"}, **clock))
