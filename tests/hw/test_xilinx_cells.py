"""Models of mapped 7-series and UltraScale+ cells: plain memories and, for DSP blocks, arithmetic."""

import numpy as np
import pytest

from xnorforge.hw import families
from xnorforge.hw.ops.base import Stream
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, ports_header

BEATS = 800
# Block RAMs: KiBit, widths of port A (read, write) and of port B, write modes of both. Port A that reads 36
# bits of 18 KiBit, or 72 of 36, has the pins of both, and so has port B that writes them.
RAMS = [
    (18, (1, 1), (18, 18), "READ_FIRST", "NO_CHANGE"), (18, (2, 18), (9, 9), "NO_CHANGE", "READ_FIRST"),
    (18, (4, 4), (4, 0), "READ_FIRST", "READ_FIRST"), (18, (18, 9), (2, 2), "NO_CHANGE", "NO_CHANGE"),
    (18, (36, 0), (0, 36), "READ_FIRST", "READ_FIRST"), (18, (1, 0), (0, 36), "WRITE_FIRST", "WRITE_FIRST"),
    (18, (36, 0), (0, 9), "WRITE_FIRST", "WRITE_FIRST"), (36, (1, 1), (36, 36), "NO_CHANGE", "READ_FIRST"),
    (36, (2, 9), (18, 18), "READ_FIRST", "NO_CHANGE"), (36, (36, 4), (4, 2), "NO_CHANGE", "READ_FIRST"),
    (36, (9, 36), (1, 0), "READ_FIRST", "READ_FIRST"), (36, (72, 0), (0, 72), "READ_FIRST", "READ_FIRST"),
    (36, (18, 0), (0, 72), "WRITE_FIRST", "WRITE_FIRST"), (36, (72, 0), (0, 1), "WRITE_FIRST", "WRITE_FIRST"),
]  # fmt: skip
MODES = ("PARITY_INDEPENDENT", "PARITY_INTERLEAVED")  # of UltraRAM's byte enables
FACTOR = {"xc7": 25, "xcup": 27}  # bits of the wider factor of a DSP block
# First bits of the stimulus, of port A and of port B; data of 64 bits and 8 of parity.
ADDRESS, DATA, BYTES, ENABLE, RESET, WRITE = (
    (0, 16), (32, 104), (176, 185), (194, 195), (196, 197), (198, 199),
)  # fmt: skip
STIMULUS, ANSWER, PLACES = 208, 72, len(RAMS) + 4 + 4  # UltraRAMs and DSP blocks behind

HEAD = """
package xf_tried;
  localparam logic [32767:0] Data = 32768'h@DATA;
  localparam logic [4095:0] Parity = 4096'h@PARITY;
  localparam logic [71:0] ResetA = 72'h@RESET_A, ResetB = 72'h@RESET_B;

  // A word of `width` bits as SRVAL has it: data, then parity.
  function automatic logic [71:0] joined(input logic [63:0] data, input logic [7:0] parity, input int width);
    logic [71:0] low;
    low = 72'd1 << ((width < 9) ? width : width / 9 * 8);
    joined = (72'(data) & (low - 1)) | ((width < 9) ? 0 : 72'(parity) * low);
  endfunction
endpackage
"""
RAM = """
module xf_try_ram@SIZE import xf_tried::*; #(
  parameter int ReadA = 0, WriteA = 0, ReadB = 0, WriteB = 0, parameter ModeA = "", ModeB = ""
) (input logic clk_i, input logic [207:0] x, output logic [71:0] y);
  localparam int LanesA = (WriteA < 9) ? 1 : WriteA / 9;
  localparam int LanesB = (WriteB < 9) ? 1 : WriteB / 9;
  localparam bit Wide = ReadA == 18 * @P;
  logic [8*@P-1:0] da, db, qa, qb;
  logic [@P-1:0] pa, pb, sa, sb;
  assign {db, da} = (WriteB == 18 * @P) ? x[104 +: 16*@P] : {x[104 +: 8*@P], x[32 +: 8*@P]};
  assign {pb, pa} = (WriteB == 18 * @P) ? x[168 +: 2*@P] : {x[168 +: @P], x[96 +: @P]};
  assign y = 72'({sb, sa}) << 64 | 72'({qb, qa});
  @CELL #(
    @CONTENTS, .DOA_REG(0), .DOB_REG(0),
    .SRVAL_A(joined(ResetA[63:0], ResetA[71:64], Wide ? 9 * @P : ReadA)),
    .SRVAL_B(Wide ? joined(ResetA[63:0] >> 8*@P, ResetA[71:64] >> @P, 9 * @P)
                  : joined(ResetB[63:0], ResetB[71:64], ReadB)),
    .READ_WIDTH_A(ReadA), .WRITE_WIDTH_A(WriteA), .READ_WIDTH_B(ReadB), .WRITE_WIDTH_B(WriteB),
    .WRITE_MODE_A(ModeA), .WRITE_MODE_B(ModeB)
  ) u_cell (
    .CLKARDCLK(clk_i), .CLKBWRCLK(clk_i), .ENARDEN(x[194]), .ENBWREN(x[195]),
    .RSTRAMARSTRAM(x[196]), .RSTRAMB(x[197]), .WEA({@P/LanesA{x[176 +: LanesA]}} & {@P{x[198]}}),
    .WEBWE({2*@P/LanesB{x[185 +: LanesB]}} & {2*@P{x[199]}}),
    .REGCEAREGCE(1'b0), .REGCEB(1'b0), .RSTREGARSTREG(1'b0), .RSTREGB(1'b0), @MORE
    .ADDRARDADDR(x[0 +: 16]), .ADDRBWRADDR(x[16 +: 16]),
    .@DIA@DI(da), .@DIB@DI(db), .@DIPA@DIP(pa), .@DIPB@DIP(pb),
    .@DOA@DO(qa), .@DOB@DO(qb), .@DOPA@DOP(sa), .@DOPB@DOP(sb)
  );
endmodule
"""
ULTRA = """
  URAM288 #(.BWE_MODE_A("@MODE"), .BWE_MODE_B("@MODE")) u_ultra_@PLACE (
    .CLK(clk_i), .SLEEP(1'b0), .INJECT_DBITERR_A(1'b0), .INJECT_SBITERR_A(1'b0), .INJECT_DBITERR_B(1'b0),
    .INJECT_SBITERR_B(1'b0), .EN_A(x[194]), .EN_B(x[195]), .RST_A(x[196]), .RST_B(x[197]), .RDB_WR_A(x[198]),
    .RDB_WR_B(x[199]), .BWE_A(x[176 +: 9]), .BWE_B(x[185 +: 9]), .DIN_A(x[32 +: 72]), .DIN_B(x[104 +: 72]),
    .ADDR_A(23'(x[6 +: 9])), .ADDR_B(23'(x[22 +: 9])), .DOUT_A(y[@PLACE]), .DOUT_B(y[@PLACE+1])
  );
"""
# One without registers, as those of UltraScale+ are mapped, and one that adds up products; then the chain of
# a product that is wider by 17 bits.
DSP = """
  logic [47:0] product, total, low, whole;
  @DSP #(@NONE .AREG(0), .BREG(0), .MREG(0), .PREG(0)) u_plain (
    @PINS .OPMODE(@W'b0000101), .A(x[32 +: 30]), .B(x[62 +: 18]), .P(product)
  );
  @DSP #(@NONE .AREG(1), .BREG(1), .MREG(1), .PREG(1)) u_sum (
    @PINS .OPMODE(@W'b0100101), .A(x[32 +: 30]), .B(x[62 +: 18]), .P(total)
  );
  @DSP #(@NONE .AREG(0), .BREG(0), .MREG(0), .PREG(0)) u_low (
    @PINS .OPMODE(@W'b0110101), .A(x[32 +: 30]), .B({1'b0, x[62 +: 17]}), .C(x[104 +: 48]), .P(), .PCOUT(low)
  );
  @DSP #(@NONE .AREG(0), .BREG(0), .MREG(0), .PREG(0)) u_high (
    @PINS .OPMODE(@W'b1010101), .A(x[32 +: 30]), .B(x[79 +: 18]), .PCIN(low), .P(whole)
  );
  always_ff @(posedge clk_i) begin
    y[@PLACE] <= 72'(product);
    y[@PLACE+1] <= 72'(low);
    y[@PLACE+2] <= 72'(whole);
  end
  assign y[@PLACE+3] = 72'(total);
"""
TOP = """
module xf_cells (
  input logic clk_i, input logic rst_ni,
  input logic [207:0] s_data_i, input logic s_valid_i, output logic s_ready_o,
  output logic [72*@PLACES-1:0] m_data_o, output logic m_valid_o, input logic m_ready_i
);
  // Full rate only: stimulus x during a cycle, its answers behind the next edge.
  logic [207:0] x;
  logic [71:0] y [@PLACES];
  assign x = s_valid_i ? s_data_i : '0;
  assign s_ready_o = 1'b1;
  always_ff @(posedge clk_i) m_valid_o <= rst_ni & s_valid_i;
  for (genvar k = 0; k < @PLACES; k++) begin : gen_answer
    assign m_data_o[72*k +: 72] = y[k];
  end
@CELLS
endmodule
"""


def filled(text: str, **words) -> str:
    """The text with @NAME replaced, the longest name first."""
    for name in sorted(words, key=len, reverse=True):
        text = text.replace(f"@{name}", str(words[name]))
    return text


def number(bits: np.ndarray) -> int:
    """The lowest bit is first."""
    return int.from_bytes(np.packbits(bits.astype(np.uint8), bitorder="little").tobytes(), "little")


def bench(family: str, data: np.ndarray, parity: np.ndarray, resets: np.ndarray) -> str:
    """The text of all cells of a family."""
    later = family == "xcup"
    text = filled(HEAD, DATA=f"{number(data):x}", PARITY=f"{number(parity):x}",
                  RESET_A=f"{number(resets[0]):x}", RESET_B=f"{number(resets[1]):x}")  # fmt: skip
    pins = {"DI": "DIN", "DO": "DOUT", "DIP": "DINP", "DOP": "DOUTP"}
    names = {old: new if later else old for old, new in pins.items()}
    wires = [(way, p, port) for way in ("DI", "DO") for p in ("", "P") for port in "AB"]
    names |= {f"{way}{p}{port}": f"{names[way + p]}{port}" for way, p, port in wires}
    for size, p in ((18, 2), (36, 4)):
        many = [("INIT", "Data", 32 * p), ("INITP", "Parity", 4 * p)]
        inits = [(head, of, k) for head, of, count in many for k in range(count)]
        contents = [f".{head}_{k:02X}({of}[{256 * k} +: 256])" for head, of, k in inits]
        more = ".ADDRENA(1'b1), .ADDRENB(1'b1), .SLEEP(1'b0)," if later else ""
        cell = f"RAMB{size}E{1 + later}"
        text += filled(RAM, SIZE=size, P=p, CELL=cell, CONTENTS=", ".join(contents), MORE=more, **names)
    cells = ""
    for place, (size, (ra, wa), (rb, wb), ma, mb) in enumerate(RAMS):
        given = f'.ReadA({ra}), .WriteA({wa}), .ReadB({rb}), .WriteB({wb}), .ModeA("{ma}"), .ModeB("{mb}")'
        cells += f"  xf_try_ram{size} #({given}) u_ram_{place} (.clk_i, .x, .y(y[{place}]));\n"
    if later:
        cells += "".join(filled(ULTRA, MODE=mode, PLACE=len(RAMS) + 2 * k) for k, mode in enumerate(MODES))
    registers = ("ACASC", "BCASC", "C", "AD", "D", "ALUMODE", "INMODE", "OPMODE")
    none = ", ".join(f".{name}REG(0)" for name in registers)
    low = ("RSTA", "RSTB", "RSTC", "RSTM", "ALUMODE", "INMODE", "CARRYIN", "CARRYINSEL")
    ties = [f".{name}(1'b1)" for name in ("CEA1", "CEA2", "CEB1", "CEB2", "CEC", "CEM", "CEP")]
    ties = ", ".join([".CLK(clk_i)", ".RSTP(x[196])", *ties, *(f".{name}('0)" for name in low)])
    given = {"NONE": f"{none},", "PINS": f"{ties},", "W": 9 if later else 7, "DSP": f"DSP48E{1 + later}"}
    cells += filled(DSP, PLACE=len(RAMS) + 4, **given)
    return text + filled(TOP, PLACES=PLACES, CELLS=cells)


@pytest.fixture(scope="module", params=FACTOR)
def ran(request, tmp_path_factory):
    """Family, stimulus (N, bits) and answers (N, place, bits), contents and resets of the block RAMs."""
    rng, family = np.random.default_rng(1), request.param
    data, parity, resets = rng.integers(0, 2, 32768), rng.integers(0, 2, 4096), rng.integers(0, 2, (2, 72))
    x = rng.integers(0, 2, (BEATS, STIMULUS))
    for low in ADDRESS:  # half of the time few words, so that one is met again; the last among them
        word = rng.integers(0, 6, BEATS)[:, None]
        x[:, low + 6 : low + 15] = np.where(word < 3, word == 2, x[:, low + 6 : low + 15])
        x[:, low + 6] |= word[:, 0] == 1
    x[:, RESET] = rng.random((BEATS, 2)) < 0.1
    same = (x[:, 6:14] == x[:, 22:30]).all(1)
    x[same & (x[:, WRITE] == 1).all(1), WRITE[0]] = 0  # not both write one word
    x[0, [*ENABLE, *RESET]], x[0, WRITE] = 1, 0  # all outputs are reset
    bench_file = tmp_path_factory.mktemp("cells") / "xf_cells.sv"
    bench_file.write_text(bench(family, data, parity, resets))
    streams = Stream((STIMULUS // 8,), STIMULUS // 8, 8), Stream((9 * PLACES,), 9 * PLACES, 8)
    ways = [(f"{s}_data_{i}", f"{s}_valid_{i}", f"{s}_ready_{o}") for s, i, o in ("sio", "moi")]
    ports = [Port(stream, *names, stream.width) for stream, names in zip(streams, ways)]
    lanes = [Lane("cells", "rst_ni", ports[:1], ports[1:], 1000)]
    sources = [*families.models(family), bench_file]
    program = verilate.compile_model("xf_cells", sources, ports_header("clk_i", lanes), level="-O0")
    given = np.packbits(x.astype(np.uint8), axis=1, bitorder="little")
    got = cosim.run(Device(program, lanes), given, seed=2).output.astype(np.uint8)
    answers = np.unpackbits(got, axis=1, bitorder="little").reshape(BEATS, PLACES, ANSWER)
    return family, x, answers, (data, parity), resets


def word_at(address: int, width: int) -> tuple[range, range]:
    """Where the data and the parity bits of a word are in a block RAM: of nine bits the ninth is parity."""
    bits = width // 9 * 8 if width >= 9 else width
    first = address // bits * bits
    return range(first, first + bits), range(first // 8, (first + bits) // 8) if width >= 9 else range(0)


@pytest.mark.parametrize("place", range(len(RAMS)), ids=[f"{ram[0]}K {ram[1]} {ram[2]}" for ram in RAMS])
def test_a_block_ram_is_a_plain_memory(ran, place):
    """Contents, widths, byte enables, write modes, resets; a read beside a write gives what was there."""
    _, x, got, contents, resets = ran
    size, *widths = RAMS[place][:3]
    modes, lines = RAMS[place][3:], 15 if size == 36 else 14
    memory = [bits.copy() for bits in contents]
    shown = [np.zeros(ANSWER, int), np.zeros(ANSWER, int)]
    written = kept = 0
    for beat, now in enumerate(x):
        pending = []
        for side, (read, write) in enumerate(widths):
            address = int(now[ADDRESS[side] : ADDRESS[side] + lines] @ (1 << np.arange(lines)))
            if not now[ENABLE[side]]:
                continue
            writes = write and now[WRITE[side]]
            lanes = now[BYTES[side] : BYTES[side] + max(1, write // 9)]
            if read:
                where, ninth = word_at(address, read)
                if now[RESET[side]]:
                    shown[side][: len(where)] = resets[side][: len(where)]
                    shown[side][64 : 64 + len(ninth)] = resets[side][64 : 64 + len(ninth)]
                elif not (writes and lanes.any() and modes[side] == "NO_CHANGE"):
                    shown[side][: len(where)] = memory[0][where]
                    shown[side][64 : 64 + len(ninth)] = memory[1][ninth]
                else:
                    kept += 1
            if writes:
                where, ninth = word_at(address, write)
                each = len(where) // len(lanes)
                for lane in np.flatnonzero(lanes):
                    at, data = lane * each, now[DATA[side] :]
                    pending.append((0, where[at : at + each], data[at : at + each]))
                    pending.append((1, ninth[lane : lane + 1], data[64 + lane : 65 + lane][: len(ninth)]))
        for part, where, bits in pending:
            memory[part][where] = bits
            written += len(where) > 0
        pins = 8 * (size // 9)
        for side, (read, _) in enumerate(widths):
            where, ninth = word_at(0, read) if read else (range(0), range(0))
            low = 0 if side == 0 else pins
            answer = got[beat, place]
            pair = f"beat {beat}, side {side}"
            data, parity = answer[low : low + len(where)], answer[64 + low // 8 :][: len(ninth)]
            np.testing.assert_array_equal(data, shown[side][: len(where)], pair)
            np.testing.assert_array_equal(parity, shown[side][64 : 64 + len(ninth)], pair)
    assert written > BEATS // 10 and (kept > 20) == any(
        read and write and mode == "NO_CHANGE" for (read, write), mode in zip(widths, modes)
    )


@pytest.mark.parametrize("mode", range(len(MODES)), ids=MODES)
def test_an_ultra_ram_is_a_plain_memory(ran, mode):
    """Nine bytes, or eight with a parity bit each; port A is before port B; a write leaves the output."""
    family, x, got, *_ = ran
    if family != "xcup":
        return
    memory = {}
    shown = [np.zeros(ANSWER, int) - 1] * 2
    lanes = [[*range(8 * lane, 8 * lane + 8)] for lane in range(8)]
    lanes = [[*bits, 64 + k] for k, bits in enumerate(lanes)] if mode else [*lanes, [*range(64, 72)]]
    compared = 0
    for beat, now in enumerate(x):
        for side in (0, 1):
            address = int(now[ADDRESS[side] + 6 : ADDRESS[side] + 15] @ (1 << np.arange(9)))
            word = memory.get(address, np.zeros(ANSWER, int) - 1).copy()  # -1: nobody wrote it
            if now[RESET[side]]:
                shown[side] = np.zeros(ANSWER, int)
            elif now[ENABLE[side]] and not now[WRITE[side]]:
                shown[side] = word
            if now[ENABLE[side]] and now[WRITE[side]]:
                for lane, bits in enumerate(lanes):
                    if now[BYTES[side] + lane]:
                        word[bits] = now[DATA[side] :][bits]
                memory[address] = word
            known = shown[side] >= 0
            compared += known.sum()
            np.testing.assert_array_equal(got[beat, len(RAMS) + 2 * mode + side][known], shown[side][known])
    assert compared > BEATS * ANSWER // 2


def test_a_dsp_block_multiplies_adds_up_and_continues_a_wider_product(ran):
    """A * B; C + A * (low 17 bits of B), then A * (high 18 bits) 17 bits further up; a running sum."""
    family, x, got, *_ = ran

    def field(bits: np.ndarray, signed: bool) -> list[int]:
        value = [number(row) for row in bits]
        return [one - (int(row[-1]) << len(row)) * signed for one, row in zip(value, bits)]

    places = len(RAMS) + 4 + np.arange(4)
    product, low, whole, total = (field(got[:, place, :48], True) for place in places)
    a, b = field(x[:, 32 : 32 + FACTOR[family]], True), field(x[:, 62:80], True)
    b_low, b_high, c = field(x[:, 62:79], False), field(x[:, 79:97], True), field(x[:, 104:152], True)

    def in48(value: int) -> int:
        return (value + (1 << 47)) % (1 << 48) - (1 << 47)

    assert product == [one * other for one, other in zip(a, b)]
    assert low == [in48(three + one * two) for one, two, three in zip(a, b_low, c)]
    assert whole == [in48((first >> 17) + one * two) for first, one, two in zip(low, a, b_high)]
    # A and B wait in their registers, their product in another one; a reset empties the sum alone.
    delayed, wanted = [0, 0, *map(int.__mul__, a, b)], 0
    for beat in range(BEATS):
        wanted = 0 if x[beat, RESET[0]] else in48(wanted + delayed[beat])
        assert total[beat] == wanted, beat
