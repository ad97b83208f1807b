"""Instances of Loop for the conformance tests: sums of parts and states, modulo the width of the states."""

import numpy as np

from xnorforge.core import plugins
from xnorforge.hw.graph import graph_of


def examples(cls):
    """(channels, pe, steps, bits of a part, bits of a state, states)"""
    points = [
        (1, 1, 1, 1, 1, 1), (1, 1, 3, 8, 4, 1), (4, 1, 2, 4, 4, 1), (4, 2, 5, 4, 3, 1), (4, 4, 3, 8, 8, 1),
        (3, 3, 7, 1, 2, 1),
        (6, 2, 4, 3, 9, 1), (5, 1, 8, 2, 5, 1), (8, 8, 1, 6, 6, 1), (16, 4, 8, 8, 4, 1),
        (2, 1, 16, 1, 16, 1), (9, 3, 3, 12, 20, 1), (4, 1, 2, 5, 40, 1), (1, 1, 5, 3, 3, 2),
        (4, 1, 3, 4, 6, 2),
        (4, 2, 4, 8, 4, 2), (6, 3, 2, 1, 7, 2), (6, 6, 6, 2, 2, 2), (5, 5, 3, 9, 11, 2), (8, 2, 8, 4, 4, 2),
        (7, 1, 2, 6, 13, 2), (3, 1, 9, 16, 24, 2),
    ]  # fmt: skip
    return [_loop(cls, k, *point) for k, point in enumerate(points)]


def _loop(cls, number, channels, pe, steps, part_bits, bits, states):
    rng, signed = np.random.default_rng(number), number % 2
    fork, join = (plugins.load("hw.ops", name).Op for name in ("fork", "join"))
    same = {"in_shape": [channels], "pe": pe}
    ops, parts = [], ["x"]
    if states > 1:
        parts = [f"x{k}" for k in range(states)]
        ops.append(fork.make("fork", **same, readers=states, bits=part_bits, signed=1))
        ops[0].onnx_node.input[:], ops[0].onnx_node.output[:] = ["x"], parts
    for k, part in enumerate(parts):  # from the other state
        kinds = {
            "in_bits": [part_bits, bits],
            "in_signed": [1, signed],
            "out_bits": bits,
            "out_signed": signed,
        }
        factors = rng.integers(-5, 6, (2, channels)) if bits > 5 else np.ones((2, channels), np.int64)
        one = join.make(f"join{k}", {"multipliers": factors}, **same, **kinds)
        one.onnx_node.input[:2], one.onnx_node.output[:] = [part, f"s{(k + 1) % states}"], [f"n{k}"]
        ops.append(one)
    names = [f"{kind}{k}" for kind in "sn" for k in range(states)]
    body = graph_of(ops, "body", ["x", *names[:states]], names[states:])
    low = -(2 ** (bits - 1)) if signed else 0
    arrays = {"start": rng.integers(low, low + 2**bits, states * channels)}
    return cls.make(f"loop_{number}", arrays, in_shape=[steps * channels], steps=steps, body=body)
