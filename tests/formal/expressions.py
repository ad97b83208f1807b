"""Proofs of beats: what a generated module gives is its expression of what it took, in order, nothing lost.

The expression is written again, operation by operation, as signed numbers that are wide enough for every
value, constants as one list over the beats of a frame: no width, no pipeline, no table of the module is used.
"""

from pathlib import Path

import numpy as np
from prove import SOURCES, Proof

from xnorforge.hw.beat import Beat
from xnorforge.hw.ir.values import Value, flat

KINDS = {"border": 11, "clip": 1, "join": 1, "product": 3, "requantise": 26, "threshold": 1}  # examples
TAKEN = 12  # beats and cycles at most
FORMULAS = {"~": "~{}", "!": "1 - {}", ">=": "{} >= {} ? 1 : 0", ">": "{} > {} ? 1 : 0",
            "==": "{} == {} ? 1 : 0", "choose": "{} != 0 ? {} : {}", "cut": "{}", "within": "{}"}  # fmt: skip
PROPERTY = """
function automatic logic signed [{wide}-1:0] wanted(input logic [{given}-1:0] x, input [7:0] turn, p);
  logic [15:0] at;
  logic signed [{wide}-1:0] {names};
  {lines}
  wanted = {result};
endfunction
logic [{out}*{lanes}-1:0] came [{taken}];
logic [3:0] in_q, out_q;
logic [7:0] turn_q;
wire taken = &(s_valid_i & s_ready_o);
wire left = m_valid_o & m_ready_i;
for (genvar p = 0; p < {lanes}; p++) begin : gen_wanted
  wire [{wide}-1:0] y = wanted(s_data_i, turn_q, p);
  always_ff @(posedge clk_i) if (taken) came[in_q][p*{out} +: {out}] <= y[{out}-1:0];
end
always_ff @(posedge clk_i) begin
  in_q  <= rst_ni ? in_q + 4'(taken) : 4'd0;
  out_q <= rst_ni ? out_q + 4'(left) : 4'd0;
  if (!rst_ni) turn_q <= 8'd0;
  else if (taken) turn_q <= (turn_q == {places} - 1) ? 8'd0 : turn_q + 8'd1;
end
`XF_INVARIANT(!m_valid_o || (out_q != in_q && m_data_o == came[out_q]))
`XF_SERVED(taken, 1, &s_valid_i && m_ready_i, taken)
`XF_SERVED(given, {stages}, out_q != in_q && m_ready_i, m_valid_o)
"""


def provable(op: object, bits: int) -> bool:
    """Whether an operator is a beat of so many input bits at most, of few places, whose constants stay."""
    return (
        isinstance(op, Beat) and not op.replaced and sum(one.bits for one in op.in_streams()) <= bits
        and _places(op) <= TAKEN and max(one.bits for one in flat(op.value)) < 60
    )  # fmt: skip


def proof_of(op: Beat, folder: Path) -> Proof:
    """The proof of the module of an operator, whose contents of memories are put into a folder."""
    design, files = op.design, {}
    for name, (width, words) in op.memories().items():
        files[name] = str(folder / f"{op.module_of.name}_{name}.mem")
        Path(files[name]).write_text("".join(f"{word:0{-(-width // 4)}x}\n" for word in words))
    SOURCES[op.module_of.name] = op.module_of.text
    data = f"data[p*{design.sink.bits} +: {design.sink.bits}] = "
    faults = [(op.module_of.name, data, f"{data}1'b1 ^ ")]
    steps = min(TAKEN, 2 * design.stages + _places(op) + 1)
    return Proof(op.module_of.name, files, steps, faults, bounded=True, properties=_property(op))


def _places(op: Beat) -> int:
    """Beats of a frame, or of a pixel where all pixels are alike."""
    return max(1, len(op.places[0]) * len(op.places[1])) * op.design.beats


def _entries(op: Beat, data: np.ndarray) -> np.ndarray:
    """Constants of each beat of a frame, in their order: what `data` has for its place and channels."""
    rows, columns = op.places
    data = np.asarray(data)
    if rows and data.ndim > 1:
        data = data[np.ix_(rows, columns)]
        data = np.repeat(data[..., None], op.design.beats, 2) if data.ndim == 2 else data
        return data.reshape(_places(op), -1, 1)
    return data.reshape(op.design.beats, -1, data.shape[1] if data.ndim == 2 else 1)


def _property(op: Beat) -> str:
    design, values = op.design, flat(op.value)
    wide, at, firsts = 2 + max(design.sink.bits, *(one.bits for one in values)), 0, []
    for one in design.sources:
        firsts, at = [*firsts, at], at + one.lanes * one.bits
    names, lines = {id(one): f"v{k}" for k, one in enumerate(values)}, list[str]()
    for one in values:
        name, args = names[id(one)], [names[id(each)] for each in one.args]
        if one.op in ("table", "entry"):
            places, lanes, ways = (entries := _entries(op, one.data)).shape
            cases = [
                f"{k}: {name} = {wide}'h{int(x) % (1 << wide):x};" for k, x in enumerate(entries.ravel())
            ]
            lines += [
                f"at = (turn % {places} * {lanes} + p % {lanes}) * {ways} + {args[0] if args else 0};",
                f"case (at) {' '.join(cases)} endcase",
            ]
        else:
            lines.append(f"{name} = {_formula(op, one, args, wide, firsts)};")
    return PROPERTY.format(wide=wide, given=at, names=", ".join(names.values()), lines="\n  ".join(lines),
                           result=names[id(op.value)], out=design.sink.bits, lanes=design.sink.lanes,
                           taken=TAKEN, stages=design.stages, places=_places(op))  # fmt: skip


def _formula(op: Beat, one: Value, args: list[str], wide: int, firsts: list[int]) -> str:
    match one.op:
        case "number":
            return f"{'-' * (one.lo < 0)}{wide}'sd{abs(one.lo)}"
        case "input":
            port = op.design.sources[one.data]
            element = f"x[{firsts[one.data]} + p*{port.bits} +: {port.bits}]"
            return f"$signed({element})" if port.signed else f"$signed({{1'b0, {element}}})"
        case "<<" | ">>":
            return f"{args[0]} {one.op}{one.op[0]} {one.data}"
        case "low":
            return f"{args[0]} & {(1 << one.data) - 1}"
        case "wrap":
            return f"(({args[0]} - ({one.lo})) & {(1 << one.data[0]) - 1}) + ({one.lo})"
    return FORMULAS.get(one.op, f"{{}} {one.op} {{}}").format(*args)
