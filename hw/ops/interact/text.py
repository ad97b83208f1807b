"""The SystemVerilog of an instance: comparisons, codes, slots and steps around xf_interact."""

from hashlib import sha256
from typing import Any

from xnorforge.hw.ops._generated import PORTS, dimension

from .plan import Plan, Slot, bits_for, code

HEAD = """// SPDX-License-Identifier: Apache-2.0
//
// Channel interaction with a fixed graph, generated: {what}.
// Names: x the beat at hand; code<p> of its lane p, t<b>_<p> of beat b of the group that leaves; \
v<p>_<k> slot k of
// lane p, m<p> the sum of its slots; capitals are tables, bit i of the result in table _i.
"""


def module(what: str, wide_in: int, wide_out: int, body: str) -> tuple[str, str]:
    """Name and text of a module with data ports of so many bits; equal names mean equal texts."""
    name = f"xf_interact_{sha256((what + body).encode()).hexdigest()[:12]}"
    ports = PORTS.replace("NAME", name).format(taken=dimension(wide_in), given=dimension(wide_out))
    return name, f"{HEAD.format(what=what)}\n{ports}\n{body}\nendmodule : {name}\n"


def body(
    plan: Plan, shell: dict[str, int], steps: list[list[tuple[Any, ...]]], turns: list[list[int]]
) -> str:
    """The text between ports and end.

    Args:
        plan: see plan.py.
        shell: parameters of xf_interact.
        steps: per lane one or two tables (index, words, bits of a word); the step is the first less the
            second.
        turns: per lane and address whether the comparison is flipped.
    """
    bits, fold_bits = shell["InBits"], max(1, plan.address_bits)
    lines = ["/* verilator lint_off UNUSEDSIGNAL */  // not every graph and folding needs all of them"]
    lines += ["logic take, last;", f"logic [{fold_bits - 1}:0] fold;"]
    lines += [f"logic [{plan.lanes * bits - 1}:0] x;"]
    lines += ["/* verilator lint_on UNUSEDSIGNAL */"]
    lines += [f"logic [{plan.lanes * shell['StepW'] - 1}:0] step;", f"logic [{plan.lanes - 1}:0] turn;"]
    sign = f" ^ {{{plan.lanes}{{{bits}'d{1 << (bits - 1)}}}}}" if shell["Signed"] else ""
    lines.append(f"assign x = s_data_i{sign};")
    teachers = plan.teachers()
    for lane, cuts in enumerate(plan.cuts):
        if cuts:
            lines += ["", *_codes(lane, cuts, plan, bits)]
            lines += _registers(lane, sorted(b for b, p in teachers if p == lane), plan)
    for lane, slots in enumerate(plan.slots):
        lines += ["", *(line for k, slot in enumerate(slots) for line in _slot(f"{lane}_{k}", slot, plan))]
        lines += _sum(lane, plan)
        lines += _step(lane, steps[lane], shell["StepW"])
        lines += _table(f"d{lane}", "fold", turns[lane], 1)
        lines.append(f"assign turn[{lane}] = d{lane}[0];")
    lines += [
        "",
        "xf_interact #(",
        "  " + ", ".join(f".{key}({value})" for key, value in shell.items()),
        ") u_flow (",
    ]
    lines += ["  .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,"]
    lines += ["  .take_o(take), .last_o(last), .fold_o(fold), .step_i(step), .turn_i(turn)", ");"]
    return "".join(f"  {line}\n" if line else "\n" for line in lines)


def _codes(lane: int, cuts: list[int], plan: Plan, bits: int) -> list[str]:
    """The code of a lane by a table of the input, by its highest five bits or by comparisons."""
    wide, low = plan.code_bits(lane), bits - 5
    if low <= 1:
        words = [code(sum(u > cut for cut in cuts), len(cuts)) for u in range(1 << bits)]
        return _table(f"code{lane}", f"x[{lane * bits} +: {bits}]", words, wide)
    places = [[cut for cut in cuts if cut >> low == place] for place in range(32)]
    if max(map(len, places)) == 1:
        return _placed(lane, cuts, places, low, wide)
    lines = [f"logic [{len(cuts)}:1] over{lane};", f"logic [{wide - 1}:0] code{lane};"]
    lines += [f"assign over{lane}[{k}] = {_above(lane * bits, bits, cut)};" for k, cut in enumerate(cuts, 1)]
    # Bit b of a count changes at every multiple of 2**b.
    for b in range(wide):
        flips = [b + 1] if len(cuts) == 2 else range(1 << b, len(cuts) + 1, 1 << b)
        lines.append(f"assign code{lane}[{b}] = {' ^ '.join(f'over{lane}[{k}]' for k in flips)};")
    return lines


def _placed(lane: int, cuts: list[int], places: list[list[int]], low: int, wide: int) -> list[str]:
    """One cut at most per value of the high bits: it picks the comparison of low bits, both the code."""
    first, top = lane * (low + 5), (1 << low) - 1
    high, rest = f"x[{first + low} +: 5]", f"x[{first} +: {low}]"
    values = sorted({cut & top for cut in cuts} - {top})
    which: list[int] = []  # what to compare with; where nothing matters, what the place below needs
    for place in places:
        value = place[0] & top if place else top
        which.append(values.index(value) if value != top else which[-1] if which else 0)
    # A LUT of six inputs compares five bits with one of two values.
    size = 2 if low <= 5 else 1
    groups = [values[k : k + size] for k in range(0, len(values), size)]
    lines, bits, past = [], bits_for(size * len(groups)) if len(values) > 1 else 0, "1'b0"
    if bits:
        lines += _table(f"pick{lane}", high, which, bits)
    tests = []
    for group in groups:
        either = [f"{rest} > {low}'d{each}" for each in group]
        tests.append(f"pick{lane}[0] ? {either[1]} : {either[0]}" if len(group) == 2 else either[0])
    if len(tests) > 1:
        tests += tests[-1:] * ((1 << bits_for(len(tests))) - len(tests))
        lines += [f"logic [{len(tests) - 1}:0] over{lane};"]
        lines += [f"assign over{lane}[{k}] = {test};" for k, test in enumerate(tests)]
        past = f"over{lane}[pick{lane}[{bits - 1}:{size - 1}]]"
    elif tests:
        past = tests[0]
    lines += [f"logic past{lane};", f"assign past{lane} = {past};"]
    words = []
    for at, inside in enumerate(places):
        below = sum(cut >> low < at for cut in cuts)
        words += [code(below, len(cuts)), code(below + any(cut & top != top for cut in inside), len(cuts))]
    return lines + _table(f"code{lane}", f"{{{high}, past{lane}}}", words, wide)


def _above(first: int, bits: int, cut: int) -> str:
    """u > cut in pieces that fit a LUT of six inputs: up to six bits, then five and the answer from below."""
    low = bits - 5 * -(-max(0, bits - 6) // 5)
    pieces = [(0, low), *((at, 5) for at in range(low, bits, 5))]
    text = ""
    for at, size in pieces:
        piece, value, top = f"x[{first + at} +: {size}]", cut >> at & (1 << size) - 1, (1 << size) - 1
        more = [f"{piece} > {size}'d{value}"] if value < top else []  # a constant comparison is a warning
        equal = [f"({piece} == {size}'d{value} && ({text}))"] if text else []
        text = " || ".join(more + equal)
    return text


def _registers(lane: int, beats: list[int], plan: Plan) -> list[str]:
    """Codes of earlier beats of the group wait in a chain; the group's last beat moves all into registers."""
    wide, end = plan.code_bits(lane), plan.span - 1
    names = ", ".join(f"t{b}_{lane}" for b in beats)
    lines = [f"logic [{wide - 1}:0] {names};"]
    waits = list(range(beats[0], end))
    if waits:
        lines.append(f"logic [{wide - 1}:0] {', '.join(f'e{b}_{lane}' for b in waits)};")
        chain = [f"e{b}_{lane} <= {f'e{b + 1}_{lane}' if b + 1 < end else f'code{lane}'};" for b in waits]
        lines.append(f"always_ff @(posedge clk_i) if (take) begin {' '.join(chain)} end")
    stores = [f"t{b}_{lane} <= {f'e{b}_{lane}' if b < end else f'code{lane}'};" for b in beats]
    return [*lines, f"always_ff @(posedge clk_i) if (last) begin {' '.join(stores)} end"]


def _table(name: str, index: str, words: list[int], bits: int) -> list[str]:
    """`name` as a function of an index, one constant vector per bit of the result."""
    lines = [f"logic [{bits - 1}:0] {name};"]
    for b in range(bits):
        vector = sum((word >> b & 1) << at for at, word in enumerate(words))
        # A constant needs no table; but of other indices than the fold every bit has to be used.
        if index == "fold" and vector in (0, (1 << len(words)) - 1):
            lines.append(f"assign {name}[{b}] = 1'b{vector & 1};")
            continue
        table = f"{name.upper()}_{b}"
        lines.append(f"localparam logic [{len(words) - 1}:0] {table} = {len(words)}'h{vector:x};")
        lines.append(f"assign {name}[{b}] = {table}[{index}];")
    return lines


def _slot(name: str, slot: Slot, plan: Plan) -> list[str]:
    """Pick the teacher's code, then look up its number."""
    sources = sorted(filter(None, {*slot.teachers}))
    wide = max(plan.code_bits(lane) for _, lane in sources)
    address = plan.address_bits
    lines: list[str] = []
    picks = [None if teacher is None else sources.index(teacher) for teacher in slot.teachers]
    index, index_bits = _chosen(f"sel{name}", picks, address, bits_for(len(sources)), lines)
    listed = sources + sources[-1:] * ((1 << index_bits) - len(sources))
    if index == "fold":
        listed = [sources[pick or 0] for pick in picks]
    if index_bits:
        lines.append(f"logic [{wide - 1}:0] c{name};")
        for b in range(wide):
            bits = [f"t{beat}_{lane}[{b}]" if b < plan.code_bits(lane) else "1'b0" for beat, lane in listed]
            lines.append(f"logic [{len(bits) - 1}:0] from{name}_{b};")
            lines.append(f"assign from{name}_{b} = {{{', '.join(reversed(bits))}}};")
            lines.append(f"assign c{name}[{b}] = from{name}_{b}[{index}];")
        picked = f"c{name}"
    else:
        picked = "t{}_{}".format(*sources[0])
    kinds = sorted(set(slot.values))
    which = [kinds.index(value) for value in slot.values]
    kind, kind_bits = _chosen(f"kind{name}", which, address, bits_for(len(kinds)), lines, limit=6 - wide)
    by_kind = list(slot.values) if kind == "fold" else kinds
    words: list[int] = []
    for value in by_kind + by_kind[-1:] * ((1 << kind_bits) - len(by_kind)):
        words += [*value, *[slot.middle] * ((1 << wide) - len(value))]
    both = f"{{{kind}, {picked}}}" if kind_bits else picked
    return lines + _table(f"v{name}", both, words, slot.top.bit_length())


def _chosen(
    name: str, picks: list, address: int, bits: int, lines: list[str], limit: int = 2
) -> tuple[str, int]:
    """An index of `bits` bits as a table of the fold, or the fold if it has no more or up to `limit`."""
    if not bits:
        return "", 0
    if address <= max(bits, limit):
        return "fold", address
    lines += _table(name, "fold", [pick or 0 for pick in picks], bits)
    return name, bits


def _sum(lane: int, plan: Plan) -> list[str]:
    slots = plan.slots[lane]
    if not slots:
        return []
    bits = plan.top(lane).bit_length()
    terms = " + ".join(f"{bits}'(v{lane}_{k})" for k in range(len(slots)))
    return [f"logic [{bits - 1}:0] m{lane};", f"assign m{lane} = {terms};"]


def _step(lane: int, tables: list[tuple], bits: int) -> list[str]:
    """The first table, or the first less the second."""
    lines, terms = [], []
    for k, (index, words, wide) in enumerate(tables):
        lines += _table(f"s{lane}_{k}", index, [word % (1 << wide) for word in words], wide)
        terms.append(f"s{lane}_{k}" if wide == bits else f"{bits}'(s{lane}_{k})")
    return [*lines, f"assign step[{lane * bits} +: {bits}] = {' - '.join(terms)};"]
