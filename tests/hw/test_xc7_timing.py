"""Timing of routed 7-series designs on a database of round numbers: every kind of path, added up by hand."""

import pytest
from xray_database import write

from xnorforge.hw.families.xc7.routed import timing_graph
from xnorforge.hw.families.xc7.xray import Database
from xnorforge.hw.static_timing import Graph, slowest

from ..refusals import stops

TILE = {"LL": "CLBLL_L_X0Y0", "L": "CLBLL_L_X0Y0", "U": "CLBLL_L_X0Y1", "M": "CLBLM_L_X1Y0",
        **dict.fromkeys("FRW", "BRAM_L_X2Y0"), "D": "DSP_L_X3Y0", "P": "PSS2_X4Y0"}  # fmt: skip
SITE = {"s0": "CLBLL_L_X0Y0.SLICEL_X0", "s1": "CLBLL_L_X0Y0.SLICEL_X1", "m0": "CLBLM_L_X1Y0.SLICEM_X0",
        "u0": "CLBLL_L_X0Y1.SLICEL_X0", "r0": "BRAM_L_X2Y0.RAMB18_Y0", "r1": "BRAM_L_X2Y0.RAMB18_Y1",
        "d0": "DSP_L_X3Y0.DSP48.DSP_0"}  # fmt: skip


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return Database(write(tmp_path_factory.mktemp("xray") / "zynq7"), "xc7z020")


def xor(*pins: int) -> str:
    """The table of a LUT whose output is the exclusive or of those inputs."""
    return "".join(str(sum(row >> (pin - 1) & 1 for pin in pins) % 2) for row in reversed(range(64)))


def fasm(*short: str) -> str:
    """FASM: `s0.AFFMUX.AX` sets a feature, `s0.A=0101…` a table, `LL_AQ>LL_BX` a switch of their tile."""
    lines = []
    for one in short:
        if ">" in one:
            ends = [(end.partition("_")[0], end.removeprefix("U_")) for end in one.split(">")]
            tile = TILE[next(owner for owner, _ in ends if owner in TILE)]
            kind = tile.rpartition("_X")[0]
            wires = zip(one.split(">"), ends)
            source, sink = (f"{kind}_{cut}" if owner in TILE else end for end, (owner, cut) in wires)
            lines.append(f"{tile}.{sink}.{source}")
        elif "=" in one:
            place, table = one.split("=")
            site, letter = place.split(".")
            lines.append(f"{SITE[site]}.{letter}LUT.INIT[63:0] = 64'b{table}")
        else:
            site, _, feature = one.partition(".")
            lines.append(f"{SITE[site]}.{feature}")
    return "\n".join(lines) + "\n"


# A register AFF in s0 (0.40 to Q) and one BFF behind bypass BX (0.05 setup): most paths use them.
A, B = "s0.AFFMUX.AX", "s0.BFFMUX.BX"
AB = (A, B)
RAM = ("s0.AFFMUX.AX", "r0.IN_USE")
PATHS = {
    "register to register": ((*AB, "LL_AQ>LL_BX"), 0.40 + 1 + 0.05),
    "to a clock enable": ((*AB, "LL_AQ>LL_CE"), 0.40 + 1 + 0.07),
    "to a reset": ((*AB, "LL_AQ>LL_SR"), 0.40 + 1 + 0.11),
    "from a second register": (("s0.A5FFMUX.IN_B", "s0.AOUTMUX.A5Q", B, "LL_AMUX>LL_BX"), 0.60 + 1 + 0.05),
    "to a second register": ((A, "s0.B5FFMUX.IN_B", "LL_AQ>LL_BX"), 0.40 + 1 + 0.06),
    "enable of a second register": ((A, "s0.B5FFMUX.IN_B", "LL_AQ>LL_CE"), 0.40 + 1 + 0.08),
    "reset of a second register": ((A, "s0.B5FFMUX.IN_B", "LL_AQ>LL_SR"), 0.40 + 1 + 0.13),
    "LUT6, its pin's own delay too": ((*AB, "s0.C=" + xor(1), "LL_AQ>LL_C1", "LL_C>LL_BX"),
                                      0.40 + 1 + 0.5 + 0.101 + 1 + 0.05),
    "a faster pin": ((*AB, "s0.C=" + xor(6), "LL_AQ>LL_C6", "LL_C>LL_BX"), 0.40 + 1 + 0.106 + 1 + 0.05),
    "LUT5 by the multiplexer": ((*AB, "s0.C=" + xor(2), "s0.COUTMUX.O5", "LL_AQ>LL_C2", "LL_CMUX>LL_BX"),
                                0.40 + 1 + 0.202 + 1 + 0.05),
    "LUT6 by the multiplexer": ((*AB, "s0.C=" + xor(2), "s0.COUTMUX.O6", "LL_AQ>LL_C2", "LL_CMUX>LL_BX"),
                                0.40 + 1 + 0.102 + 1 + 0.05),
    "LUT6 into its own register": ((A, "s0.BFFMUX.O6", "s0.B=" + xor(3), "LL_AQ>LL_B3"),
                                   0.40 + 1 + 0.103 + 0.05),
    "LUT5 into its own register": ((A, "s0.BFFMUX.O5", "s0.B=" + xor(3), "LL_AQ>LL_B3"),
                                   0.40 + 1 + 0.203 + 0.05),
    "LUT5 into the second register": ((A, "s0.B5FFMUX.IN_A", "s0.B=" + xor(3), "LL_AQ>LL_B3"),
                                      0.40 + 1 + 0.203 + 0.06),
    "two LUTs": ((*AB, "s0.C=" + xor(2), "s1.D=" + xor(4), "LL_AQ>LL_C2", "LL_C>L_D4", "L_D>LL_BX"),
                 0.40 + 1 + 0.102 + 1 + 0.104 + 1 + 0.05),
    "select of F7": ((*AB, "s1.AOUTMUX.F7", "LL_AQ>L_AX", "L_AMUX>LL_BX"), 0.40 + 1 + 0.23 + 1 + 0.05),
    "first LUT of F7": ((*AB, "s1.AOUTMUX.F7", "s1.B=" + xor(2), "LL_AQ>L_B2", "L_AMUX>LL_BX"),
                        0.40 + 1 + 0.102 + 0.21 + 1 + 0.05),
    "second LUT of the other F7": ((*AB, "s1.COUTMUX.F7", "s1.C=" + xor(2), "LL_AQ>L_C2", "L_CMUX>LL_BX"),
                                   0.40 + 1 + 0.102 + 0.25 + 1 + 0.05),
    "F7 and F8": ((*AB, "s1.BOUTMUX.F8", "s1.D=" + xor(2), "LL_AQ>L_D2", "L_BMUX>LL_BX"),
                  0.40 + 1 + 0.102 + 0.24 + 0.27 + 1 + 0.05),
    "select of F8 into a register": ((A, "s1.BFFMUX.F8", "LL_AQ>L_BX"), 0.40 + 1 + 0.29 + 0.05),
    "sum of a carry": ((A, "s1.BFFMUX.XOR", "s1.B=" + xor(2), "LL_AQ>L_B2"), 0.40 + 1 + 0.102 + 0.30 + 0.05),
    "carry in from the bypass": ((A, "s1.PRECYINIT.AX", "s1.BFFMUX.XOR", "LL_AQ>L_AX"),
                                 0.40 + 1 + 0.38 + 0.05),  # the bypass is data of bit 0 too, and slower so
    "data of a carry by LUT5": ((A, "s1.CARRY4.ACY0", "s1.A=" + xor(2), "s1.BFFMUX.XOR", "LL_AQ>L_A2"),
                                0.40 + 1 + 0.202 + 0.37 + 0.05),
    "carry out of a bit": ((*AB, "s1.B=" + xor(2), "s1.BOUTMUX.CY", "LL_AQ>L_B2", "L_BMUX>LL_BX"),
                           0.40 + 1 + 0.102 + 0.42 + 1 + 0.05),
    "carry to the slice above": ((A, "s0.A=" + xor(2), "u0.PRECYINIT.CIN", "u0.AFFMUX.XOR", "LL_AQ>LL_A2",
                                  "LL_COUT>LL_COUT_N"), 0.40 + 1 + 0.102 + 0.33 + 0.43 + 0.05),
    "last sum, its register only": ((A, "s0.A=" + xor(2), "u0.PRECYINIT.CIN", "u0.DFFMUX.XOR", "LL_AQ>LL_A2",
                                     "LL_COUT>LL_COUT_N"), 0.40 + 1 + 0.102 + 0.33 + 0.39 + 0.05),
    "last sum, register and output": ((A, "s0.A=" + xor(2), "u0.PRECYINIT.CIN", "u0.DFFMUX.XOR",
                                       "u0.DOUTMUX.XOR", "LL_AQ>LL_A2", "LL_COUT>LL_COUT_N"),
                                      0.40 + 1 + 0.102 + 0.33 + 0.41 + 0.05),
    "read of a LUT RAM": ((B, "m0.AFFMUX.AX", "m0.CLUT.RAM", "M_AQ>M_C2", "M_C>SHARED0", "SHARED0>LL_BX"),
                          0.40 + 1 + 0.102 + 1 + 0.05),
    "written word of a LUT RAM": ((B, "m0.CLUT.RAM", "M_C>SHARED0", "SHARED0>LL_BX"), 0.90 + 1 + 0.05),
    "data of a LUT RAM": ((A, "m0.CLUT.RAM", "LL_AQ>SHARED0", "SHARED0>M_CI"), 0.40 + 1 + 0.45),
    "write enable of a LUT RAM": ((A, "m0.CLUT.RAM", "m0.WEMUX.CE", "LL_AQ>SHARED0", "SHARED0>M_CE"),
                                  0.40 + 1 + 0.58),
    "write address of a LUT RAM": ((A, "m0.CLUT.RAM", "LL_AQ>SHARED0", "SHARED0>M_D6"), 0.40 + 1 + 0.56),
    "address of a block RAM": ((*RAM, "LL_AQ>SHARED0", "SHARED0>F_ADDRARDADDR3"), 0.40 + 1 + 0.61),
    "data of a block RAM, write first": ((*RAM, "LL_AQ>SHARED0", "SHARED0>F_DIADI0"), 0.40 + 1 + 0.68),
    "data, read first": ((*RAM, "r0.WRITE_MODE_A_READ_FIRST", "r0.WRITE_MODE_B_READ_FIRST", "LL_AQ>SHARED0",
                          "SHARED0>F_DIADI0"), 0.40 + 1 + 0.67),
    "write enable of a block RAM": ((*RAM, "LL_AQ>SHARED0", "SHARED0>F_WEA0"), 0.40 + 1 + 0.62),
    "enable of a block RAM": ((*RAM, "LL_AQ>SHARED0", "SHARED0>F_ENARDEN"), 0.40 + 1 + 0.63),
    "output of a block RAM": ((B, "r1.IN_USE", "R_DOADO0>SHARED0", "SHARED0>LL_BX"), 2.5 + 1 + 0.05),
    "output register of a RAM": ((B, "r1.DOA_REG", "R_DOADO0>SHARED0", "SHARED0>LL_BX"), 0.8 + 1 + 0.05),
    "the other port without it": ((B, "r1.DOA_REG", "R_DOBDO0>SHARED0", "SHARED0>LL_BX"), 2.5 + 1 + 0.05),
    "a block RAM of 36 kbit": ((B, "r0.DOA_REG", "r1.DOA_REG", "W_DOADO0>SHARED0", "SHARED0>LL_BX"),
                               0.8 + 1 + 0.05),
    "into a DSP's register": ((A, "d0.ZADREG", "LL_AQ>SHARED0", "SHARED0>D_A3"), 0.40 + 1 + 0.3),
    "through a DSP to its output register": ((A, "d0.AREG_0", "d0.ZMREG[0]", "LL_AQ>SHARED0", "SHARED0>D_A3"),
                                             0.40 + 1 + 4.0),
    "output register of a DSP": ((B, "d0.AREG_2", "D_P7>SHARED0", "SHARED0>LL_BX"), 0.35 + 1 + 0.05),
    "product register of a DSP": ((B, "d0.ZPREG[0]", "D_P7>SHARED0", "SHARED0>LL_BX"), 1.5 + 1 + 0.05),
    "from the processor": ((B, "P_MAXIGP0AWADDR5>SHARED0", "SHARED0>LL_BX"), 1.4 + 1 + 0.05),
    "to the processor": ((A, "LL_AQ>SHARED0", "SHARED0>P_MAXIGP0RDATA5"), 0.40 + 1 + 0.55),
}  # fmt: skip


@pytest.mark.parametrize("kind", PATHS)
def test_a_path_takes_the_sum_of_its_parts(kind, database):
    lines, ns = PATHS[kind]
    graph = timing_graph(fasm(*lines), database).graph
    assert slowest(graph, 1)[0].ns == pytest.approx(ns, abs=1e-9)


def test_a_net_is_a_tree_of_resistances_and_capacitances(database):
    """1,000 Ω of the output see the 10 fF of the buffer; the buffer's 2,000 Ω see 40 fF of the wire and 20 fF
    per input buffer behind it, the wire's 500 Ω half of its own 40 fF and the inputs'."""
    one = timing_graph(fasm(*AB, "LL_AQ>LOADED", "LOADED>LL_BX"), database).graph
    two = timing_graph(fasm(*AB, "LL_AQ>LOADED", "LOADED>LL_BX", "LOADED>LL_CX"), database).graph
    rc = (1000 * 10 + 2000 * 60 + 500 * 40) * 1e-6
    assert slowest(one, 1)[0].ns == pytest.approx(0.40 + 1.0 + rc + 0.05)
    more = (2000 * 20 + 500 * 20) * 1e-6
    assert slowest(two, 1)[0].ns == pytest.approx(0.40 + 1.0 + rc + more + 0.05)


def test_an_input_that_the_table_ignores_starts_no_path(database):
    """B1 is connected, but the table is that of B2; tied to 0, an input takes the others' path away."""
    ignored = fasm(A, "s0.BFFMUX.O6", "s0.B=" + xor(2), "LL_AQ>LL_B1")
    assert not slowest(timing_graph(ignored, database).graph, 1)
    both = "".join(str(int(row & 3 == 3)) for row in reversed(range(64)))  # B1 and B2
    kept = fasm(A, "s0.BFFMUX.O6", "s0.B=" + both, "LL_AQ>LL_B2", "VCC_WIRE>LL_B1")
    assert slowest(timing_graph(kept, database).graph, 1)[0].ns == pytest.approx(0.40 + 1 + 0.102 + 0.05)
    tied = fasm(A, "s0.BFFMUX.O6", "s0.B=" + both, "LL_AQ>LL_B2", "GND_WIRE>LL_B1")
    assert not slowest(timing_graph(tied, database).graph, 1)


def test_both_halves_of_a_table_are_told_apart(database):
    """Input 6 is high where nothing is connected: O6 then is the upper half, O5 always the lower one."""
    table = xor(2)[:32] + xor(3)[32:]
    lines = (A, "s0.BFFMUX.O6", "s0.B5FFMUX.IN_A", "s0.B=" + table)
    upper = timing_graph(fasm(*lines, "LL_AQ>LL_B2"), database).graph
    lower = timing_graph(fasm(*lines, "LL_AQ>LL_B3"), database).graph
    assert slowest(upper, 1)[0].ns == pytest.approx(0.40 + 1 + 0.102 + 0.05)
    assert slowest(lower, 1)[0].ns == pytest.approx(0.40 + 1 + 0.203 + 0.06)


def test_paths_name_their_cells_and_come_slowest_first(database):
    lines = (*AB, "s0.CFFMUX.CX", "LL_AQ>LL_BX", "LL_AQ>LOADED", "LOADED>LL_CX")
    graph = timing_graph(fasm(*lines), database, {"SLICE_X0Y0/AFF": "u_top.u_layer_00_parity.q"}).graph
    first, second = slowest(graph, 2)
    assert first.ns > second.ns and [hop.kind for hop in second.hops] == ["clk-to-q", "routing", "setup"]
    assert [hop.name for hop in second.hops] == [
        "u_top.u_layer_00_parity.q", "SLICE_X0Y0/AQ", "SLICE_X0Y0/BFF",
    ]  # fmt: skip
    upper = timing_graph(fasm("u0.AFFMUX.AX", "u0.BFFMUX.BX", "U_LL_AQ>U_LL_BX"), database).graph
    assert slowest(upper, 1)[0].hops[0].name == "SLICE_X0Y1/AFF"


def test_inputs_on_a_wire_that_nothing_drives_are_kept_apart(database):
    design = timing_graph(fasm(*AB, "SHARED0>LL_BX"), database)
    assert design.nets.open == {("CLBLL_L_X0Y0", "SLICE_X0Y0", "BX")} and not slowest(design.graph, 1)
    clock = timing_graph(fasm(*AB, "SHARED0>LL_CLK"), database)
    assert not clock.nets.open


def test_a_loop_of_logic_is_refused():
    graph = Graph()
    graph.start("q", 0.4, "ff")
    for source, sink in (("q", "a"), ("a", "b"), ("b", "a"), ("b", "d")):
        graph.logic(source, sink, 0.1, "lut")
    graph.end("d", 0.1, "ff")
    stops("loop", slowest, graph, 1)


def test_a_device_has_the_tiles_of_its_fabric(tmp_path):
    write(tmp_path / "artix7", "xc7a50t")
    (tmp_path / "artix7/mapping").mkdir()
    text = 'xc7a100t:\n  fabric: "xc7a100t"\n"xc7a35t":\n  fabric: "xc7a50t"\n'
    (tmp_path / "artix7/mapping/devices.yaml").write_text(text)
    graph = timing_graph(fasm(*AB, "LL_AQ>LL_BX"), Database(tmp_path / "artix7", "xc7a35t")).graph
    assert slowest(graph, 1)[0].ns == pytest.approx(0.40 + 1 + 0.05)


def test_a_database_without_a_file_is_one_sentence(tmp_path):
    write(tmp_path / "zynq7")
    (tmp_path / "zynq7/timings/CLBLL_L.sdf").unlink()
    stops(r"timings/CLBLL_L\.sdf", timing_graph, fasm(*AB), Database(tmp_path / "zynq7", "xc7z020"))
    stops(r"xc7z010/tilegrid\.json", Database, tmp_path / "zynq7", "xc7z010")
