"""An expression as a streaming module in SystemVerilog: a lane per element of a beat, written once.

Constants per channel are a word per beat of a pixel, lane after lane, the first lane in the lowest bits: a
`case` in logic, or a memory (`xf_rom`) with the tables of a lane side by side.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import accumulate
from textwrap import fill

import numpy as np

from xnorforge.hw.ir.values import COMPARES, LOGIC, Value, flat, tables

LINE = 96  # characters of generated text, about
SIDE = 2  # words up to which constants of an `entry` are compared side by side
WIDEST_SIDE = 27  # bits of what is compared side by side
MEMORY, ZERO, ONE, CASE = "TableFile", "('0)", "1'b1", '(* rom_style = "logic" *) case'
WORDS = {
    "+": "sum", "-": "difference", "*": "product", "<<": "times", ">>": "shifted", "~": "inverse",
    "!": "no",
    "choose": "chosen", "wrap": "wrapped", "within": "inside", "low": "lowest", "cut": "late",
}  # fmt: skip


@dataclass(frozen=True)
class Port:
    """The elements of a stream: lanes side by side, bits of each, whether they are two's complement."""

    lanes: int
    bits: int
    signed: bool


@dataclass(frozen=True)
class Design:
    """What a module is made from.

    Attributes:
        kind: begins its name; what: one sentence on what it computes; source: where that is defined.
        sources, sink: its streams.
        value: of an element of the result, as wide as the sink's at most, behind its last register.
        beats: of a pixel.
        rows, columns: the class of each row and column of an image, where tables depend on the place.
        kinds: {name: kind of xf_rom} of the `entry` values that are read into a register from a memory.
        through: whether its ready follows the reader's ready in the same cycle (xf_through), else it is a
            register (xf_stages).
        place: of its tables: "logic", "apart" for logic in a module of its own (of a long table Yosys makes
            less by itself), "rom" for block RAM, "loaded" for what a host or a loop replaces, then with
            `load` (xf_rom), maybe in a `block` RAM.
    """

    kind: str
    what: str
    source: str
    sources: Sequence[Port]
    sink: Port
    value: Value
    beats: int
    through: bool
    place: str = "logic"
    load: int = 0
    block: bool = False
    rows: Sequence[int] = ()
    columns: Sequence[int] = ()
    kinds: Mapping[str, int] = field(default_factory=dict)

    @property
    def stages(self) -> int:
        """Registers between input and output."""
        return max(1, self.value.stage)

    @property
    def spans(self) -> tuple[int, ...]:
        """Bits of a table's address: class of the row, class of the column, beat of the pixel."""
        sizes = [max(one) + 1 for one in (self.rows, self.columns) if one]
        return tuple(max(1, (size - 1).bit_length()) for size in (*sizes, self.beats))

    @property
    def words(self) -> int:
        """Words of a table."""
        return 1 << sum(self.spans) if self.rows else self.beats

    @property
    def registered(self) -> bool:
        """Whether all tables are read into a register, which may be that of a memory."""
        readers = [one for one in flat(self.value) if any(each.op == "table" for each in one.args)]
        return bool(readers) and not self.through and all(one.op == "cut" for one in readers)

    @property
    def ahead(self) -> bool:
        """Whether the memory of the tables is read a beat ahead, into its own register."""
        return self.place == "rom" or (self.loaded and self.block and self.through)

    @property
    def loaded(self) -> bool:
        """Whether a host or a loop replaces the contents of memories."""
        return self.load > 0

    def by_side(self, one: Value) -> bool:
        """Whether a comparison is one with each of a few constants."""
        if one.op != ">=" or one.args[1].op != "entry":
            return False
        return self.beats * one.args[1].data.shape[1] <= SIDE and max(x.bits for x in one.args) <= WIDEST_SIDE

    def chosen_from(self, one: Value) -> np.ndarray:
        """The constants of an `entry` in the order of its addresses: (words, lanes of a pixel)."""
        ways = one.data.shape[1]
        return one.data.reshape(self.beats, -1, ways).swapaxes(1, 2).reshape(self.beats * ways, -1)

    def entries(self, one: Value) -> np.ndarray:
        """The entries of a table in the order of its addresses: (words, lanes), or (words, 1) where all
        channels share them. The last class, or beat, fills addresses that no pixel has."""
        data = np.asarray(one.data)
        if not self.rows:
            return data.reshape(self.beats, -1)
        beats = data.reshape(*data.shape[:2], self.beats if data.ndim > 2 else 1, -1)
        over = [(0, (1 << span) - size) for span, size in zip(self.spans, beats.shape)]
        return np.pad(beats, [*over, (0, 0)], mode="edge").reshape(self.words, -1)


@dataclass(frozen=True)
class Module:
    """A module: its name, which is that of a content, its text, and {parameter: (bits of a word, words)}."""

    name: str
    text: str
    memories: dict[str, tuple[int, list[int]]]


TEXT = """\
{comment}

`include "xf_assert.svh"

/* verilator lint_off UNUSEDSIGNAL */
module MODULE {parameters}(
  input  logic clk_i, rst_ni,{load}
  input  logic [{taken}:0] s_data_i,
  input  logic {each}s_valid_i,
  output logic {each}s_ready_o,
  output logic [{given}:0] m_data_o,
  output logic m_valid_o,
  input  logic m_ready_i
);

  logic go;  // the stages advance
  logic [{fold}:0] fold, next;  // of its pixel's beats, the one that enters, and the one behind it
  logic [{given}:0] data;
{late}{constants}
  for (genvar p = 0; p < {lanes}; p++) begin : gen_lane
{lane}
  end

{head}

endmodule : MODULE
/* verilator lint_on UNUSEDSIGNAL */
"""
THROUGH = """\
  xf_through #(.Streams({streams}), .Stages({stages}), .Folds({beats}), .Ahead({ahead})) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .s_ready_o, .go_o(go), .fold_o(fold), .next_o(next),
    .m_valid_o, .m_ready_i
  );
  assign m_data_o = data;
  `XF_ASSERT_STABLE(HeldWhileStalled_A, m_valid_o, m_ready_i, m_data_o)"""
CHAIN = """
  // Whether x reaches a constant: ANDs and ORs bit by bit, of which LUTs hold several, where a comparison
  // would become a carry chain before the constant is seen.
  function automatic logic at_least_{bits}(input logic [{top}:0] x, input logic [{top}:0] bound);
    logic y;
    y = 1'b1;
    for (int b = 0; b < {top}; b++) y = bound[b] ? x[b] & y : x[b] | y;
    at_least_{bits} = bound[{top}] ? ~x[{top}] | y : ~x[{top}] & y;
  endfunction
"""
SPARE = """\
  assign s_ready_o = go;
  assign next = '0;
  xf_stages #(.Width({width}), .Stages({stages}), .Folds({beats})) u_stages (
    .clk_i, .rst_ni, .s_valid_i, .go_o(go), .fold_o(fold), .data_i(data),
    .m_data_o, .m_valid_o, .m_ready_i
  );"""


def module_text(design: Design) -> Module:
    """The module of a design."""
    lane, memories, sink = _Lane(design), _memory(design), design.sink
    result = lane.text(design.value, design.stages, design.value.bits)
    result = cast(result, design.value.bits, sink.bits, design.value.is_bit)
    lane.lines.append(f"assign data[p*{sink.bits} +: {sink.bits}] = {result};")
    loaded, fold = design.loaded, design.spans[-1] - 1
    rows, width = lane.rows(MEMORY in memories), sink.lanes * sink.bits
    parameters = [f'parameter {one} = ""' for one in memories] + ["parameter int unsigned Load = 0"] * loaded
    late = "".join(
        f"  logic [{fold}:0] fold_{k};\n  always_ff @(posedge clk_i) if (go) fold_{k} <= {before};\n"
        for k, before in enumerate(["fold", *(f"fold_{k}" for k in range(1, design.value.stage - 1))], 1)
        if design.beats > 1 and k < design.value.stage and not design.registered
    )
    late += _place(design) if design.rows else ""
    late += "".join(CHAIN.format(bits=bits, top=bits - 1) for bits in sorted(lane.compared))
    what = f"{design.what} {sink.lanes} channel{'s' * (sink.lanes > 1)} per beat."
    text = TEXT.format(
        comment=head_of(what, design.stages, f"{design.source}, from which this text is generated"),
        lanes=sink.lanes, fold=fold,
        parameters=f"#({', '.join(parameters)}) " if parameters else "", late=late,
        load="\n  input  xf_pkg::load_t load_i," if loaded else "", given=width - 1,
        taken=sum(one.lanes * one.bits for one in design.sources) - 1, lane=lane.body(),
        each=f"[{len(design.sources) - 1}:0] " if len(design.sources) > 1 else "",
        constants=f"\n  // Constants of this beat's channels, lane after lane.\n{rows}\n" if rows else "",
        head=(THROUGH if design.through else SPARE).format(
            streams=len(design.sources), stages=design.stages, beats=design.beats, width=width,
            ahead=int(design.ahead),
        ),
    )  # fmt: skip
    name = f"{design.kind}_{sha256(text.encode()).hexdigest()[:12]}"
    return Module(name, text.replace("MODULE", name), memories)


def head_of(what: str, latency: int, model: str) -> str:
    """The comment on top of a module that takes a beat per cycle.

    Args:
        what: it does, of any length.
        latency: in cycles.
        model: where that is defined.
    """
    lines = [
        *fill(what, LINE).split("\n"), "",
        "Rate       one beat per cycle", f"Latency    {latency} cycle{'s' * (latency > 1)}",
        "Reset      synchronous, control state only; data registers keep their values",
        f"Bit model  {model}",
    ]  # fmt: skip
    return "\n".join(f"// {line}".rstrip() for line in ("SPDX-License-Identifier: Apache-2.0", "", *lines))


def is_shared(one: Value) -> bool:
    """Whether all channels have the same entry of a table."""
    return np.ndim(one.data) == 2


def numeral(number: int, bits: int) -> str:
    """A number of two's complement, or a bit."""
    if bits == 1:
        return f"1'b{number}"
    return f"-{bits}'sd{-number}" if number < 0 else f"{bits}'sd{number}"


def cast(text: str, bits: int, wanted: int, is_bit: bool = False) -> str:
    """A signed expression of `bits` bits, or a bit, in `wanted` bits."""
    if wanted == bits:
        return text
    text = _bare(text)  # the parentheses of the cast do
    return f"{wanted}'($signed({{1'b0, {text}}}))" if is_bit else f"{wanted}'({text})"


def _bare(text: str) -> str:
    """Text without parentheses around all of it.

    >>> _bare("(a + b)"), _bare("(a) + (b)")
    ('a + b', '(a) + (b)')
    """
    depths = list(accumulate((letter == "(") - (letter == ")") for letter in text))
    return text[1:-1] if text.startswith("(") and 0 not in depths[:-1] else text


def _memory(design: Design) -> dict[str, tuple[int, list[int]]]:
    """The words of the tables where they are in a memory: of each lane the tables side by side."""
    found, apart = tables(design.value), dict[str, tuple[int, list[int]]]()
    for one in flat(design.value):
        if one.op == "entry" and one.name in design.kinds:
            for lane, values in enumerate(design.chosen_from(one).T):
                apart[memory_name(one, lane)] = one.bits, [int(x) % (1 << one.bits) for x in values]
    if design.place == "logic" or not found:
        return apart
    words, at, lanes = [0] * design.words, 0, range(design.sink.lanes)
    fields = [(one, lane) for lane in lanes for one in found if not is_shared(one)]
    for one, lane in [*fields, *((one, 0) for one in found if is_shared(one))]:
        for place, entry in enumerate(design.entries(one)[:, lane]):
            words[place] |= (int(entry) % (1 << one.bits)) << at
        at += one.bits
    return {MEMORY: (at, words)} | apart


def bound_of(one: Value) -> Value | None:
    """The `entry` that a value is compared with, also behind a register; None of other operations."""
    if one.op != ">=":
        return None
    bound = one.args[1].args[0] if one.args[1].op == "cut" else one.args[1]
    return bound if bound.op == "entry" else None


def memory_name(one: Value, lane: int) -> str:
    """The parameter that names the file of an `entry` in a lane."""
    return f"{one.name.capitalize()}{f'Of{lane}' if lane else ''}File"


def _place(design: Design) -> str:
    """What counts rows and columns, and the address of the tables."""
    lines, ends = list[str](), f"go && s_valid_i && fold == {design.spans[-1]}'d{design.beats - 1}"
    for name, classes, span in zip(("column", "row"), (design.columns, design.rows), design.spans[1::-1]):
        size = max(1, (len(classes) - 1).bit_length())
        [(usual, _)] = Counter(classes).most_common(1)
        others = {one: [f"{size}'d{k}" for k, each in enumerate(classes) if each == one]
                  for one in sorted(set(classes) - {usual})}  # fmt: skip
        last = f"{name} == {size}'d{len(classes) - 1}"
        lines += [
            f"logic [{size - 1}:0] {name};", "always_ff @(posedge clk_i)", f"  if (!rst_ni) {name} <= '0;",
            f"  else if ({ends}) {name} <= ({last}) ? '0 : {name} + 1'b1;",
            f"logic [{span - 1}:0] {name}_class;", f"always_comb case ({name})",
            *(f"  {', '.join(places)}: {name}_class = {span}'d{one};" for one, places in others.items()),
            f"  default: {name}_class = {span}'d{usual};", "endcase",
        ]  # fmt: skip
        ends += f" && {last}"
    lines += [f"logic [{sum(design.spans) - 1}:0] place;", "assign place = {row_class, column_class, fold};"]
    return "".join(f"  {line}\n" for line in lines)


class _Lane:
    """The text of a lane, and of the constants that all lanes share."""

    def __init__(self, design: Design):
        self.design = design
        self.lines: list[str] = []
        self.moves: list[str] = []
        self.constants: list[str] = []
        self.compared: set[int] = set()
        self.names: dict[int, str] = {}
        self.late: dict[tuple[int, int], str] = {}
        self.taken = Counter({"p", "go", "data", "fold", "next", "word", "place", "row", "column"})
        values = flat(design.value)
        self.uses = Counter(id(each) for one in values for each in one.args)
        self.offset = {id(one): 0 for one in values if one.op == "table"}
        at = 0
        for one in tables(design.value):
            if not is_shared(one):
                self.offset[id(one)], at = at, at + one.bits
        self.lane_bits, self.word_bits = at, at * design.sink.lanes
        for one in filter(is_shared, tables(design.value)):
            self.offset[id(one)], self.word_bits = self.word_bits, self.word_bits + one.bits

    def text(self, one: Value, stage: int, bits: int) -> str:
        """The text of a value at a pipeline stage, as a signed expression of `bits` bits; a bit has one."""
        if one.op == "number":
            return numeral(one.lo, bits)
        if one.op == "table" and self.design.place == "logic":
            text = self.of_row(one, stage)
        elif self.is_inside(one, stage):
            if not one.is_bit:
                return f"({self.formula(one, bits)})"
            text = f"({self.formula(one, 1)})"
        else:
            text = self.at(one, stage)
        return cast(text, one.bits, bits, one.is_bit)

    def is_inside(self, one: Value, stage: int) -> bool:
        """Whether a value is written where it is used."""
        plain = one.op not in ("input", "table", "entry", "cut", "low", "wrap") and not one.name
        bit_of_numbers = one.is_bit and not all(each.is_bit for each in one.args) and one.op not in COMPARES
        return plain and self.uses[id(one)] == 1 and one.stage == stage and not bit_of_numbers

    def at(self, one: Value, stage: int) -> str:
        """The name of a value at a stage: it goes through registers up to there."""
        if id(one) not in self.names:
            self.declare(one)
        text = self.names[id(one)]
        for k in range(one.stage + 1, stage + 1):
            if (id(one), k) not in self.late:
                self.late[id(one), k] = self.variable(f"{self.names[id(one)]}_{k}", one.bits)
                self.moves.append(f"{self.late[id(one), k]} <= {text};")
            text = self.late[id(one), k]
        return text

    def variable(self, name: str, bits: int) -> str:
        """Declare one, under this name or the next that is free."""
        self.taken[name] += 1
        name = name if self.taken[name] == 1 else f"{name}_{self.taken[name]}"
        self.lines.append(f"logic {'' if bits == 1 else f'signed [{bits - 1}:0] '}{name};")
        return name

    def declare(self, one: Value) -> None:
        """Write a value into a variable or a register of its own."""
        if one.op == "entry":
            self.declare_entry(one)
            return
        if one.op == "cut" and one.args[0].name in self.design.kinds:
            self.names[id(one)] = self.from_memory(one.args[0])
            return
        if one.op == "cut" and one.args[0].op == "table" and self.in_register():
            self.names[id(one)] = name = self.variable(one.name or one.args[0].name, one.bits)
            self.lines.append(f"assign {name} = {self.formula(one.args[0], one.bits)};")
            return
        if one.op == "cut":
            given = self.text(one.args[0], one.stage - 1, one.bits)
            name = self.variable(one.name or WORDS[one.op], one.bits)
            self.moves.append(f"{name} <= {given};")
        else:
            formula = self.formula(one, one.bits)
            name = self.variable(one.name or WORDS.get(one.op, "holds"), one.bits)
            self.lines.append(f"assign {name} = {formula};")
        self.names[id(one)] = name

    def formula(self, one: Value, bits: int) -> str:
        """The expression that computes a value, in `bits` bits, which are at least its own width."""
        stage, args = one.stage, one.args
        wide = max(2, bits)
        if one.op == "input":
            return self.element(one)
        if one.op == "table":
            lane = "" if is_shared(one) else f"p*{self.lane_bits} + "
            part = f"word[{lane}{self.offset[id(one)]} +: {bits}]"
            return part if bits == 1 else f"$signed({part})"
        if one.op in COMPARES:
            return self.comparison(one)
        if one.op in LOGIC:
            return f" {one.op} ".join(self.text(each, stage, 1) for each in args)
        if one.op == "choose":
            condition, *ways = args
            return " ".join([self.text(condition, stage, 1), "?", self.text(ways[0], stage, bits), ":",
                             self.text(ways[1], stage, bits)])  # fmt: skip
        if one.op in ("low", "wrap"):
            return self.lowest(one)
        if one.op == "!":
            return f"!{self.text(args[0], stage, 1)}"
        if one.op == "~":
            inner = self.text(args[0], stage, bits)
            # Yosys would invert the size of a cast.
            return f"~({inner})" if inner[0].isdigit() else f"~{inner}"
        if one.op in ("+", "-", "*"):
            wide = max(wide, *(each.bits for each in args)) if one.is_bit else wide
            return cast(f" {one.op} ".join(self.text(each, stage, wide) for each in args), wide, bits)
        wide = max(bits, args[0].bits, 2)
        moved = f" {2 * one.op[0]}{one.op[0]} {one.data}" if one.data else ""
        return cast(self.text(args[0], stage, wide) + moved, wide, bits)  # shifts, and what is within

    def address(self, one: Value) -> tuple[str, int]:
        """What chooses among the constants of an `entry`, and its bits; none of a single one."""
        ways, parts = one.data.shape[1], []
        if self.design.beats > 1:
            parts.append(f"fold{f'_{one.stage}' if one.stage else ''}")
        if one.args:
            name, size = self.at(one.args[0], one.stage), (ways - 1).bit_length()
            parts.append(name if one.args[0].is_bit and size == 1 else f"{size}'({name})")
        bits = (self.design.spans[-1] if self.design.beats > 1 else 0) + (ways - 1).bit_length()
        return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}", bits

    def words(self, one: Value, bits: int) -> list[str]:
        """The constants of an `entry` for this lane, by address: parts of words of all lanes."""
        rows, found = self.design.chosen_from(one), []
        lane = self.lane_of(rows.shape[1])
        for k, row in enumerate(rows):
            name = f"{one.name}_{k}"
            text = f"localparam logic [{len(row) * bits - 1}:0] {name} = {_word(row, bits)};"
            self.constants += _wrapped(text)
            found.append(f"{name}[{lane}]" if bits == 1 else f"{name}[{lane}*{bits} +: {bits}]")
        return found

    def lane_of(self, lanes: int) -> str:
        """Which of the lanes of a pixel this is."""
        return "p" if lanes == self.design.sink.lanes else f"(p % {lanes})"

    def declare_entry(self, one: Value) -> None:
        """Write an `entry` in logic into a variable: a choice of numbers."""
        address, size = self.address(one)
        *words, last = self.words(one, one.bits)
        self.names[id(one)] = name = self.variable(one.name, one.bits)
        cases = [f"  {size}'d{k}: {name} = {word};" for k, word in enumerate(words)]
        choice = ["always_comb", f"{CASE} ({address})", *cases, f"  default: {name} = {last};", "endcase"]
        self.lines += choice if words else [f"assign {name} = {last};"]

    def from_memory(self, one: Value) -> str:
        """The name of the register of a memory that holds an `entry`, of a beat of one lane."""
        address, _ = self.address(one)
        name, design = self.variable(f"{one.name}_q", one.bits), self.design
        number = 1 + list(design.kinds).index(one.name)
        load = f"(Load != 0) ? Load + {number} : 0" if design.loaded else "0"
        depth, kind = design.beats * one.data.shape[1], design.kinds[one.name]
        for lane in range(lanes := design.sink.lanes):
            file = f".File({memory_name(one, lane)}), .Load({load})"
            rom = [
                f"xf_rom #(.Width({one.bits}), .Depth({depth}), .Kind({kind}), {file}) u_{one.name} (",
                f"  .clk_i, .en_i(go), .addr_i({address}), .load_i{'' if design.loaded else ZERO}, "
                f".data_o({name})", ");",
            ]  # fmt: skip
            of_lane = [f"if (p == {lane}) begin : gen_{one.name}_{lane}", *rom, "end"]
            self.lines += of_lane if lanes > 1 else rom
        return name

    def comparison(self, one: Value) -> str:
        """The expression that compares two values."""
        if self.design.by_side(one):
            return self.beside(one)
        wide = max(each.bits for each in one.args)
        given = [self.text(each, one.stage, wide) for each in one.args]
        if bound_of(one) and min(each.lo for each in one.args) >= 0:  # without signs
            given = [f"{{{max(1, wide - 1)}'({_bare(text)})}}" for text in given]
        return f" {one.op} ".join(given)

    def beside(self, one: Value) -> str:
        """A comparison with each of a few constants, of which the address takes one."""
        x, bound = one.args
        bits = max(x.bits, bound.bits, 2)
        self.compared.add(bits)
        words = self.words(bound, bits)
        given = self.text(x, one.stage, bits)
        tests = [f"at_least_{bits}({given}, {word})" for word in words]
        return tests[0] if len(tests) == 1 else f"{self.address(bound)[0]} ? {tests[1]} : {tests[0]}"

    def lowest(self, one: Value) -> str:
        """The lowest bits of a value, with or without a sign."""
        bits, signed = (one.data, False) if one.op == "low" else one.data
        [arg] = one.args
        if signed and bits > 1:
            return (
                self.text(arg, one.stage, bits) if bits >= arg.bits else f"{bits}'({self.at(arg, one.stage)})"
            )
        name = self.at(arg, one.stage) if arg.op != "table" or self.design.place != "logic" else ""
        if not name or bits > arg.bits or arg.is_bit:
            name = self.variable("wide", max(2, bits))
            self.lines.append(f"assign {name} = {self.text(arg, one.stage, max(2, bits))};")
        if bits == 1:
            return f"{{2{{{name}[0]}}}}" if signed else f"{name}[0]"
        return f"$signed({{1'b0, {name}[{bits - 1}:0]}})"

    def element(self, one: Value) -> str:
        """An element of an input."""
        source = self.design.sources[one.data]
        first = sum(each.lanes * each.bits for each in self.design.sources[: one.data])
        at = f"{first} + p" if first else "p"
        part = f"s_data_i[{at}]" if source.bits == 1 else f"s_data_i[{at}*{source.bits} +: {source.bits}]"
        if one.is_bit:
            return part
        if source.signed:
            return f"$signed({part})" if source.bits > 1 else f"$signed({{2{{{part}}}}})"
        return f"$signed({{1'b0, {part}}})"

    def of_row(self, one: Value, stage: int) -> str:
        """The entry of a table in logic for the beat at a stage."""
        if (id(one), stage) not in self.late:
            self.taken[f"{one.name}_row"] += 1
            count = self.taken[f"{one.name}_row"]
            name = self.late[id(one), stage] = f"{one.name}_row{'' if count == 1 else count}"
            entries = self.design.entries(one)
            words, lanes = entries.shape
            rows = [_word(row, one.bits) for row in entries]
            self.constants.append(f"logic [{lanes * one.bits - 1}:0] {name};")
            if words == 1:
                self.constants += _wrapped(f"assign {name} = {rows[0]};")
            else:
                size = max(1, (words - 1).bit_length())
                index = "place" if self.design.rows else f"fold{f'_{stage}' if stage else ''}"
                self.constants.append(f"always_comb case ({index})")
                labels = [*(f"{size}'d{k}" for k in range(words - 1)), "default"]
                for label, row in zip(labels, rows):
                    self.constants += _wrapped(f"  {label}: {name} = {row};")
                self.constants.append("endcase")
        name = self.late[id(one), stage]
        if is_shared(one):
            return f"{name}[0]" if one.bits == 1 else f"$signed({name})"
        lane = self.lane_of(self.design.entries(one).shape[1])
        return f"{name}[{lane}]" if one.bits == 1 else f"$signed({name}[{lane}*{one.bits} +: {one.bits}])"

    def in_register(self) -> bool:
        """Whether the register of the tables is that of their memory."""
        return self.design.registered and self.design.place != "logic"

    def rows(self, in_memory: bool) -> str:
        """The text in front of the lanes: the constants of a beat."""
        lines = [f"  {line}" for line in self.constants]
        if in_memory:
            design, size = self.design, self.word_bits
            rom = design.ahead or (self.in_register() and design.block)
            kind = 2 if rom else int(self.in_register())
            address = "place" if design.rows else "next" if rom else "fold"
            lines += [
                f"  logic [{size - 1}:0] word;", f"  xf_rom #(.Width({size}), .Depth({design.words}), "
                f".Kind({kind}), .File({MEMORY}), .Load({'Load' if design.loaded else 0})) u_table (",
                f"    .clk_i, .en_i({'go' if self.in_register() else ONE}), .addr_i({address}), "
                f".load_i{'' if design.loaded else ZERO}, .data_o(word)", "  );",
            ]  # fmt: skip
        return "\n".join(lines)

    def body(self) -> str:
        """The text of a lane."""
        moves = [f"  {one}" for one in self.moves]
        registers = ["always_ff @(posedge clk_i) if (go) begin", *moves, "end"] if moves else []
        return "\n".join(f"    {line}" for line in [*self.lines, *registers])


def _word(row: np.ndarray, bits: int) -> str:
    """The entries of a beat's lanes as a word."""
    if bits == 1:
        return f"{len(row)}'b{''.join(str(int(entry)) for entry in row[::-1])}"
    return "{" + ", ".join(numeral(int(entry), bits) for entry in row[::-1]) + "}"


def _wrapped(line: str) -> list[str]:
    """A line of many numbers as several."""
    return fill(line, LINE, subsequent_indent=" " * 8, break_long_words=False).split("\n")
