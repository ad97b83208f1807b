"""Shared bodies that neither an operator's test nor a proof (tests/formal) names, each on a lane of a bench
against numpy, with random stalls.

A body without a handshake stands in a small shell that has one: its enable is "the output is free"."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from xnorforge.hw.ops import _dots
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.tree import span
from xnorforge.sim import cosim, device

RTL = Path(str(files("xnorforge.hw") / "rtl"))
FRAMES = 3


class Body(HwOp):
    """A module behind the ports of an operator; what it is made of is set by `body`."""

    def get_nodeattr_types(self):
        return {}

    def in_stream(self):
        return self.source

    def out_stream(self):
        return self.sink

    def execute_node(self, context, _graph):
        node = self.onnx_node
        context[node.output[0]] = self.meaning(context[node.input[0]])

    def cycles(self):
        return 4 * max(self.source.beats, self.sink.beats)

    def rtl(self):
        return self.top, self.parameters

    def memories(self):
        return self.files

    def generated(self):
        return self.texts


def body(name, top, parameters, source, sink, meaning, texts, memories=None, frames=None):
    """A `Body`; `meaning` maps integers (frames, *shape), `frames` are its input, `texts` its files."""
    op = Body.make(name)
    op.top, op.parameters, op.source, op.sink = top, parameters, source, sink
    op.meaning, op.texts, op.files = meaning, texts, memories or {}
    op.frames = op.random_input(seed=sum(map(ord, name)), frames=FRAMES) if frames is None else frames
    return op


SHELL = """// SPDX-License-Identifier: Apache-2.0
module {top} {parameters}(
  input  logic clk_i, rst_ni,
  input  logic [{wide_in}-1:0] s_data_i,
  input  logic s_valid_i, output logic s_ready_o,
  output logic [{wide_out}-1:0] m_data_o, output logic m_valid_o, input logic m_ready_i
);
  localparam int unsigned Stages = {stages};
  logic [Stages-1:0] valid_q;
  logic en;
  assign en        = m_ready_i | ~valid_q[Stages-1];
  assign s_ready_o = en;
  assign m_valid_o = valid_q[Stages-1];
  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (en) valid_q <= Stages'({{valid_q, s_valid_i}});
  end
{inside}
endmodule : {top}
"""


def shell(top, parameters, wide_in, wide_out, stages, inside):
    """The text of a shell of so many stages around `inside`, {file: text}."""
    declared = f"#({', '.join(f'parameter {name}' for name in parameters)}) " if parameters else ""
    sizes = {"wide_in": wide_in, "wide_out": wide_out, "stages": stages}
    text = SHELL.format(top=top, parameters=declared, inside=inside, **sizes)
    return {f"{top}.sv": text}


def bits_of(values, count):
    return np.asarray(values)[..., None] >> np.arange(count) & 1


def around(dot, name, meaning, frames):
    """A dot product in a shell: inputs side by side, the first in the low bits; a count's constants."""
    wide, given = 0, []
    for port, bits in dot.ports.items():
        taken, wide = f"s_data_i[{wide} +: {bits}]", wide + bits
        given.append(f".{port}({'late' if port == 'scale_i' else taken})")
    inside = f"  {dot.module} u (.clk_i, .en_i(en), {', '.join(given)}, .sum_o(m_data_o));"
    if "scale_i" in dot.ports:
        inside += f"""
  logic [{bits - 1}:0] late;
  xf_delay #(.Width({bits}), .Stages({dot.wait})) u_late (
    .clk_i, .en_i(en), .data_i({taken}), .data_o(late));"""
    top, out = f"{dot.module}_shell", dot.rows * dot.bits
    texts = dot.files | shell(top, [], str(wide), str(out), str(dot.latency), inside)
    sink = Stream((dot.rows,), dot.rows, dot.bits)
    return body(name, top, {}, Stream((wide,), wide), sink, meaning, texts, frames=frames)


# Sums of heaps of bits


def heap(heights, every=False, sevens=0):
    """The tree of columns so high; of all values of its bits, or of random ones with all ones and none.
    `sevens`: chains take a seventh bit."""
    heights = list(heights)
    bits = sum(heights)
    weights = np.repeat(2 ** np.arange(len(heights)), heights)
    rng = np.random.default_rng(bits)
    given = bits_of(np.arange(2**bits), bits) if every else rng.integers(0, 2, (60, bits))
    given[:2] = [[0], [1]]
    if every:
        given[1], given[-1] = bits_of(1, bits), 1
    ends = np.cumsum([0, *heights]).tolist()
    columns = [[(span("w_i", at, many), many)] if many else [] for at, many in zip(ends, heights)]
    terms = (f"(32'($countones({column[0][0]})) << {c})" for c, column in enumerate(columns) if column)
    name, top = f"heap_{'_'.join(map(str, heights))}_{sevens}", int(weights.sum())
    plain = [f"assign plain = {top.bit_length()}'({' + '.join(terms)});"]
    tree = _dots.Dot(name, "", {"w_i": bits}, top, [], columns, plain, sevens=bool(sevens))
    return around(tree, f"heap {heights} {sevens}", lambda x: x @ weights[:, None], given)


HEAPS = [
    heap([1], True), heap([3], True), heap([7], True), heap([4, 4], True), heap([5, 0, 5], True),
    heap([2, 3, 4], True), heap([11]), heap([6, 5, 4, 3, 2, 1]), heap([40, 40]), heap([1, 30, 0, 7, 13]),
    heap([100]), heap([9] * 12),
    heap([7], True, 1), heap([6, 0, 6], True, 1), heap([7, 0, 5], True, 1), heap([5, 5], True, 1),
    heap([14, 0, 20], sevens=1), heap([40, 40], sevens=1), heap([1, 30, 0, 7, 13], sevens=1),
    heap([100], sevens=1), heap([9] * 12, sevens=1),
]  # fmt: skip

# Dot products


def numbers(count, width):
    """A sum of gated elements, against plain integers."""
    made, size = _dots.number_sum("ternary_sum", count, width), count * width
    frames = np.random.default_rng(size).integers(0, 2, (40, size))
    frames[:2] = [[0], [1]]
    weights = np.tile(1 << np.arange(width), count)
    return around(made, f"numbers {count}x{width}", lambda x: x @ weights[:, None], frames)


def dot(simd, bits, weight=1, rows=1, chain=0, signed=0):
    """A dot product of `simd` elements with the weights of `rows` rows; `chain`: of multipliers."""
    top, half = 2**bits - 1, 2 ** (bits - 1)
    if weight == 1:
        made = _dots.signed_sum(simd, bits)
    elif chain:
        field = (chain * 2 ** (weight - 1) * (half if signed else top)).bit_length() + 1
        made = _dots.multipliers(simd, bits, bool(signed), weight, rows, chain, field)
        offset = -(-simd // chain) * 2 ** (field - 1)
    else:
        made, offset = _dots.planes(simd, bits, weight), _dots.plane_offset(simd, bits, weight)

    def meaning(given):
        given = given.reshape(len(given), -1)
        x = given[:, : simd * bits].reshape(-1, simd, bits) @ (1 << np.arange(bits))
        w = given[:, simd * bits :].reshape(-1, rows, simd, weight) @ (1 << np.arange(weight))
        if weight == 1:
            sums = np.where(w == 1, x[:, None], top - x[:, None]).sum(-1)
        else:
            x = np.where(signed & (x >= half), x - 2 * half, x)
            w = np.where(w >= 2 ** (weight - 1), w - 2**weight, w)
            if rows == 2:
                w[:, 1] += w[:, 0] < 0  # stored less by one
            sums = (x[:, None] * w).sum(-1) + offset
        return sums.reshape(len(given), rows)

    wide = simd * (bits + rows * weight)
    frames = np.random.default_rng(wide).integers(0, 2, (40, wide))
    frames[:2] = [[0], [1]]  # the smallest and the largest operands
    name = f"dot {simd}x{bits} weights {weight} rows {rows} chain {chain} signed {signed}"
    return around(made, name, meaning, frames)


def scaled_count(simd, lanes, bits):
    """Equal bits of each `lanes` pairs, times a constant of their own."""
    parts, wide = simd // lanes, 2 * simd + simd // lanes * bits

    def meaning(given):
        given = given.reshape(len(given), -1)
        counts = (given[:, :simd] == given[:, simd : 2 * simd]).reshape(-1, parts, lanes).sum(-1)
        factors = given[:, 2 * simd :].reshape(-1, parts, bits) @ (1 << np.arange(bits))
        return (counts * factors).sum(-1)[:, None]

    frames = np.random.default_rng(wide).integers(0, 2, (60, wide))
    frames[:2] = [[0], [1]]  # all equal times nothing, times the largest constants
    name = f"scaled count {simd} by {lanes} of {bits} bits"
    return around(_dots.scaled(lanes, parts, bits), name, meaning, frames)


SUMS = [
    dot(4, 8, 8), dot(3, 2, 3), dot(5, 1, 4), dot(1, 3, 2),
    dot(4, 8, 8, 2, 2), dot(5, 4, 4, 1, 2, 1), dot(3, 8, 6, 2, 3, 1), dot(7, 5, 4, 1, 3),
    dot(13, 1), dot(1, 1), dot(7, 3), dot(1, 8), dot(4, 2), numbers(1, 2), numbers(11, 2), numbers(6, 5),
    scaled_count(1, 1, 1), scaled_count(8, 8, 3), scaled_count(12, 4, 2), scaled_count(13, 13, 4),
    scaled_count(20, 2, 5), scaled_count(64, 64, 8),
]  # fmt: skip

# Memories


def rom(kind, depth, width):
    """xf_rom at all its addresses, in any order; kind 0 has no register, so that the shell has one."""
    rng = np.random.default_rng(depth)
    words = rng.integers(0, 2**width, depth)
    address = max(1, (depth - 1).bit_length())
    inside = (
        "  logic [Width-1:0] data;\n"
        "  xf_rom #(.Width(Width), .Depth(Depth), .Kind(Kind), .File(File)) u (\n"
        "    .clk_i, .en_i(en), .addr_i(s_data_i), .load_i('0), .data_o(data));\n"
        "  logic [Width-1:0] data_q;\n"
        "  always_ff @(posedge clk_i) if (en) data_q <= data;\n"
        "  assign m_data_o = (Kind == 0) ? data_q : data;"
    )
    wide = "((Depth > 1) ? $clog2(Depth) : 1)"
    parameters = [f"int unsigned {name} = 1" for name in ("Width", "Depth", "Kind")] + ['File = ""']
    return body(
        f"rom {depth}x{width} kind {kind}", "rom_shell", {"Width": width, "Depth": depth, "Kind": kind},
        Stream((1,), 1, address), Stream((1,), 1, width), lambda x: words[x],
        shell("rom_shell", parameters, wide, "Width", "1", inside),
        {"File": (width, words.tolist())}, rng.permutation(depth)[:, None],
    )  # fmt: skip


def ternary_rom(depth, simd, bits, rows):
    """xf_ternary_rom: elements above, the word's number in the low bits; inverted, kept or zero."""
    rng = np.random.default_rng(depth + simd)
    words = rng.choice([0, 1, 3], (depth, rows, simd))
    address = max(1, (depth - 1).bit_length())

    def meaning(given):
        given = given.reshape(-1, 1)
        x = bits_of(given >> address, simd * bits).reshape(-1, 1, simd, bits)
        w = words[given[:, 0] % 2**address][..., None]
        return np.where(w == 3, 1 - x, np.where(w == 1, x, 0)).reshape(len(given), -1)

    inside = (
        "  logic [WideOut-1:0] data, data_q;\n"
        "  xf_ternary_rom #(.Simd(Simd), .Bits(Bits), .Pe(Pe), .Depth(Depth), .File(File)) u (\n"
        "    .addr_i(s_data_i[AddrW-1:0]), .x_i(s_data_i[AddrW +: Simd*Bits]), .data_o(data));\n"
        "  always_ff @(posedge clk_i) if (en) data_q <= data;\n"
        "  assign m_data_o = data_q;"
    )
    names = ("Simd", "Bits", "Pe", "Depth", "AddrW", "WideOut")
    parameters = [f"int unsigned {name} = 1" for name in names] + ['File = ""']
    given = dict(zip(names, (simd, bits, rows, depth, address, rows * simd * bits)))
    frames = rng.integers(0, depth, 60) + (rng.integers(0, 2 ** (simd * bits), 60) << address)
    stored = [sum(int(w) << 2 * k for k, w in enumerate(word.ravel())) for word in words]
    return body(
        f"ternary rom {depth} words, {rows}x{simd}x{bits}", "ternary_rom_shell", given,
        Stream((1,), 1, address + simd * bits), Stream((rows * simd * bits,), rows * simd * bits), meaning,
        shell("ternary_rom_shell", parameters, "(AddrW + Simd * Bits)", "WideOut", "1", inside),
        {"File": (2 * rows * simd, stored)}, frames[:, None],
    )  # fmt: skip


MEMORIES = [
    *(rom(kind, depth, width) for kind in (0, 1, 2) for depth, width in ((1, 3), (5, 9), (64, 40))),
    ternary_rom(1, 3, 2, 2), ternary_rom(2, 4, 3, 1), ternary_rom(13, 3, 2, 2), ternary_rom(32, 5, 2, 3),
]  # fmt: skip

ALL = [*HEAPS, *SUMS, *MEMORIES]  # xf_mvu: test_mvu and test_lowbit, in both forms


FORMS = {"few": (3, ()), "as built": (1, ()), "as simulated": (1, ("XF_SIM",))}


@pytest.fixture(scope="module", params=FORMS)
def bench(request):
    """Bodies side by side, and their device; XF_SIM puts plain counts in place of the counters."""
    step, defines = FORMS[request.param]
    return ALL[::step], device.bench(ALL[::step], defines)


@pytest.mark.quick("few-*", "!few-(0.1, 0.7)")  # test_ops has all in operators
@pytest.mark.parametrize("stall", [0.0, (0.5, 0.3), (0.1, 0.7)], ids=str)
def test_every_body_is_its_equation_at_any_pace(bench, stall):
    ops, built = bench
    runs = cosim.run(built, [op.frames for op in ops], stall=stall, seed=11)
    for op, run in zip(ops, runs, strict=True):
        np.testing.assert_array_equal(run.output, op.run(op.frames).reshape(run.output.shape), op.name)


def test_every_shared_module_is_named_by_a_bench_or_a_proof():
    proofs = Path(__file__).parents[1] / "formal/proofs.json"
    tests = "".join(path.read_text() for path in (*Path(__file__).parent.glob("test_*.py"), proofs))
    missing = [path.stem for path in sorted(RTL.glob("*.sv")) if not re.search(rf"\b{path.stem}\b", tests)]
    assert missing == []
