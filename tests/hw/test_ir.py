"""Expressions: operations by hand, random ones in every form (numpy, RTL, HLS), and every input."""

import ctypes
import subprocess
from pathlib import Path

import hls4ml
import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.hw.beat import Beat, CombiningBeat
from xnorforge.hw.ir.cpp import ap_type, statements
from xnorforge.hw.ir.meaning import computed
from xnorforge.hw.ir.values import (
    Value,
    as_value,
    beyond,
    bits_to_hold,
    choose,
    clamp,
    flat,
    pick,
    stream_element,
    sum_of,
    table,
    tables,
    with_numbers,
)  # fmt: skip
from xnorforge.hw.ops.clip.op import Clip
from xnorforge.sim import cosim, device

AP_TYPES = Path(hls4ml.__file__).parent / "templates/vivado/ap_types"
X = stream_element("x", 0, 4, True)
BY_HAND = [  # of x = -8 .. 7
    (X + 3, lambda x: x + 3), (X - 3, lambda x: x - 3), (5 - X, lambda x: 5 - x), (X * 3, lambda x: x * 3),
    (X * -4, lambda x: x * -4), (X << 2, lambda x: x * 4), (X >> 1, lambda x: x // 2), (~X, lambda x: -1 - x),
    (X >= -2, lambda x: x >= -2), (X > 2, lambda x: x > 2), (X.equals(3), lambda x: x == 3),
    ((X > 2) ^ (X > 5), lambda x: 2 < x <= 5), ((X > 2) & (X > 5), lambda x: x > 5),
    ((X > 2) | (X > 5), lambda x: x > 2), ((X > 2).flip(), lambda x: x <= 2), (X.low(2), lambda x: x % 4),
    (X.wrap(3, True), lambda x: (x + 4) % 8 - 4), (X.wrap(3, False), lambda x: x % 8),
    (choose(X > 0, X, 9), lambda x: x if x > 0 else 9), (clamp(X, -3, 4), lambda x: min(max(x, -3), 4)),
    (X * (X > 0), lambda x: x * (x > 0)), (sum_of([X, X, as_value(1)]), lambda x: 2 * x + 1),
    (X * X, lambda x: x * x), (X - (X > 0), lambda x: x - (x > 0)), (X.cut() + X, lambda x: 2 * x),
    (choose(beyond(X, 2), 2, X), lambda x: min(x, 2)), (choose(beyond(X, 3), X, 3), lambda x: max(x, 3)),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(BY_HAND)))
def test_an_operation_gives_what_it_says_and_stays_within_the_range_it_states(index):
    value, by_hand = BY_HAND[index]
    found = computed(value, [np.arange(-8, 8)])
    assert found.tolist() == [int(by_hand(x)) for x in range(-8, 8)]
    assert value.lo <= found.min() and found.max() <= value.hi
    assert bits_to_hold(value.lo, value.hi) <= max(2, value.bits) + (value.bits == 1)


def test_what_is_known_takes_no_operation():
    for value, wanted in [(X * 0, 0), (X >= -8, 1), (X > 7, 0), (as_value(3) * 5, 15), (X.low(2) >= 4, 0)]:
        assert value.number == wanted
    for value in (X + 0, X * 1, X << 0, X >> 0, choose(1, X, 3), clamp(X, -9, 9), X.wrap(5, True)):
        assert value is X
    assert (X * 8).op == "<<" and (X * (X > 0)).op == "choose" and (X > 2).low(1).is_bit
    assert table("t", [5, 5]).number == 5 and table("t", [5, 5], (0, 7)).op == "table"
    with pytest.raises(AssertionError, match=r"0 \.\. 3"):
        computed(X.within(0, 3), [np.array([4])])


def test_the_text_of_three_layers_is_the_one_in_the_file():
    written = ""
    for kind, at in (("clip", 4), ("requantise", 4), ("threshold", 7)):
        [text] = examples_of(kind)[at].generated().values()
        written += (
            f"\n// {kind} {at}\n" + text[text.index(" data;\n") + 7 : text.index("  end\n\n")] + "  end\n"
        )
    assert (Path(__file__).parent / "texts/lanes.sv").read_text().endswith(written)


class Drawn(CombiningBeat):
    """A random expression of two streams; `seed` draws it."""

    what = "A random expression."

    @property
    def inputs(self) -> int:
        return 2

    def get_nodeattr_types(self):
        return super().get_nodeattr_types() | {"seed": ("i", True, 0)}

    def expression(self, *streams: Value) -> Value:
        rng, found = np.random.default_rng(self.get_nodeattr("seed")), [*streams]
        channels = self.get_nodeattr("in_shape")[-1]
        for count in range(14):
            one, other, third = (found[k] for k in rng.integers(0, len(found), 3))
            number, k = int(rng.integers(-40, 40)), int(rng.integers(0, 4))
            entries = self.constant(f"t{count}", rng.integers(-9, 9, channels))
            ends = pick(f"e{count}", rng.integers(-9, 9, (channels, 3)), clamp(other, 0, 2))
            made = [
                one + other, one - other, one * other, one << k, one >> k, ~one, one >= other, one > number,
                one.equals(other), choose(one > other, other, third), one * number, clamp(one, -7, 12),
                one.low(k + 1), one.wrap(k + 2, bool(number % 2)), one.cut(), one + entries, one * entries,
                one > entries, one >= ends, (one > 0) ^ (other > number),
                (one > 0) & (other > 0).flip() | (third > 3),
            ][rng.integers(0, 21)]  # fmt: skip
            found.append(made.wrap(20, True).named(f"v{count}" if rng.integers(0, 2) else ""))
        return found[-1] + found[-2] - found[-3]


Drawn.__module__ = Clip.__module__  # whose library files it has


def chosen(value: Value) -> list[Value]:
    """Constants that a value chooses."""
    return [one for one in flat(value) if one.op == "entry"]


def drawn(seed: int) -> Drawn:
    rng = np.random.default_rng([seed, 1])
    channels, pe = [(6, 2), (4, 4), (3, 1), (40, 1)][seed % 4]
    return Drawn.make(
        f"drawn_{seed}", in_shape=(2, channels), pe=pe, in_bits=rng.integers(1, 9, 2).tolist(), seed=seed,
        in_signed=rng.integers(0, 2, 2).tolist(), out_bits=int(rng.integers(1, 24)), out_signed=seed % 2,
    )  # fmt: skip


@pytest.mark.quick("0")
@pytest.mark.parametrize("part", range(5))
def test_random_expressions_are_equal_in_numpy_systemverilog_hls_and_by_the_rules(tmp_path, part):
    ops = [drawn(seed) for seed in range(12 * part, 12 * part + 12)]
    inputs = [op.random_inputs(seed=index, frames=3) for index, op in enumerate(ops)]
    results = [op.run(*given) for op, given in zip(ops, inputs)]
    runs = cosim.attempt(device.bench(ops), inputs, stall=0.3, seed=part)
    lines = ['#include "ap_int.h"', "#include <cstdint>"]
    for k, op in enumerate(ops):
        rows = {id(one): row for row, one in enumerate(tables(op.value))}
        ends = {id(one): len(rows) + 4 * k for k, one in enumerate(chosen(op.value))}

        def place(one, rows=rows, ends=ends):
            if one.op == "entry":
                return f"(t + {ends[id(one)]})"
            return f"{ap_type(one)}({f'x[{one.data}]' if one.op == 'input' else f't[{rows[id(one)]}]'})"

        body, result = statements(op.value, place)
        lines += [f'extern "C" int64_t of{k}(const int64_t* x, const int64_t* t) {{', *body,
                  f"return ap_int<64>({result}).to_int64();}}"]  # fmt: skip
    (tmp_path / "all.cpp").write_text("\n".join(lines))
    words = ["g++", "-O0", "-w", "-fPIC", "-shared", f"-I{AP_TYPES}", "all.cpp", "-o", "all.so"]
    subprocess.run(words, cwd=tmp_path, check=True)
    program = ctypes.CDLL(str(tmp_path / "all.so"))
    for k, (op, given, wanted, found) in enumerate(zip(ops, inputs, results, runs)):
        np.testing.assert_array_equal(found.output, wanted, err_msg=str(op))
        for c in range(wanted.shape[-1]):
            alone = computed(with_numbers(op.value, c), [one[..., c] for one in given])
            np.testing.assert_array_equal(alone, wanted[..., c], err_msg=str(op))
        for place in np.ndindex(2, *op.get_nodeattr("in_shape")):
            x = [int(one[place]) for one in given]
            t = [int(one.data[place[-1]]) for one in tables(op.value)]
            t += [int(each) for one in chosen(op.value) for each in np.resize(one.data[place[-1]], 4)]
            args = [(ctypes.c_int64 * max(1, len(row)))(*row) for row in (x, t)]
            call = getattr(program, f"of{k}")
            call.restype = ctypes.c_int64
            assert call(*args) == wanted[place], str(op)


BEATS = [name for name in plugins.names("hw.ops") if issubclass(plugins.load("hw.ops", name).Op, Beat)]


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in BEATS if name != "digit"])  # whose sums are wider
def test_every_element_of_up_to_sixteen_bits_is_right_in_the_rtl(name):
    """All values of all streams in every channel: of an expression of one element that is a proof."""
    ops = [op for op in examples_of(name) if sum(one.bits for one in op.in_streams()) <= 16]
    assert len(ops) > 5
    inputs = []
    for op in ops:
        streams, shape = op.in_streams(), op.in_stream().shape
        at = np.arange(1 << sum(one.bits for one in streams))
        at = np.resize(at, -(-len(at) // (pixels := int(np.prod(shape[:-1])))) * pixels)
        given, first = [], 0
        for one in streams:
            top = at >> first + one.bits - 1 & 1
            x = (at >> first & (1 << one.bits) - 1) - (top << one.bits) * one.signed
            given.append(np.repeat(x[:, None], shape[-1], 1).reshape(-1, *shape))
            first += one.bits
        inputs.append(given)
    for op, given, found in zip(ops, inputs, cosim.attempt(device.bench(ops), inputs)):
        np.testing.assert_array_equal(found.output, op.run(*given), err_msg=str(op))
