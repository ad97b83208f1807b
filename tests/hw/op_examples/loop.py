"""Instances of Loop for the conformance tests: sums of parts and states, modulo the width of the states; and
convolutions and scales of whole frames, with other constants in each step."""

import numpy as np

from xnorforge.core import plugins
from xnorforge.hw.graph import graph_of


def examples(cls):
    """(channels, pe, steps, bits of a part, bits of a state, states)"""
    points = [
        (1, 1, 1, 1, 1, 1), (1, 1, 3, 8, 4, 1), (4, 1, 2, 4, 4, 1), (4, 2, 5, 4, 3, 1), (4, 4, 3, 8, 8, 1),
        (3, 3, 7, 1, 2, 1), (6, 2, 4, 3, 9, 1), (5, 1, 8, 2, 5, 1), (8, 8, 1, 6, 6, 1), (16, 4, 8, 8, 4, 1),
        (2, 1, 16, 1, 16, 1), (9, 3, 3, 12, 20, 1), (4, 1, 2, 5, 40, 1), (1, 1, 5, 3, 3, 2),
        (4, 1, 3, 4, 6, 2), (4, 2, 4, 8, 4, 2), (6, 3, 2, 1, 7, 2), (6, 6, 6, 2, 2, 2), (5, 5, 3, 9, 11, 2),
        (8, 2, 8, 4, 4, 2), (7, 1, 2, 6, 13, 2), (3, 1, 9, 16, 24, 2),
    ]  # fmt: skip
    return [_loop(cls, k, *point) for k, point in enumerate(points)] + _layers(cls)


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
        kinds = {"in_bits": [part_bits, bits], "in_signed": [1, signed], "out_bits": bits,
                 "out_signed": signed}  # fmt: skip
        factors = rng.integers(-5, 6, (2, channels)) if bits > 5 else np.ones((2, channels), np.int64)
        one = join.make(f"join{k}", {"multipliers": factors}, **same, **kinds)
        one.onnx_node.input[:2], one.onnx_node.output[:] = [part, f"s{(k + 1) % states}"], [f"n{k}"]
        ops.append(one)
    names = [f"{kind}{k}" for kind in "sn" for k in range(states)]
    body = graph_of(ops, "body", ["x", *names[:states]], names[states:])
    low = -(2 ** (bits - 1)) if signed else 0
    arrays = {"start": rng.integers(low, low + 2**bits, states * channels)}
    return cls.make(f"loop_{number}", arrays, in_shape=[steps * channels], steps=steps, bodies=[body])


def _layers(cls):
    """(height, width, channels, lanes, steps): convolutions of bits; (channels, pe, steps, bits, bits that
    enter, bits that leave): scales."""
    convolutions = [(1, 1, 2, 1, 1), (3, 4, 2, 1, 2), (4, 4, 4, 2, 3), (5, 3, 4, 4, 2), (4, 6, 6, 3, 4)]
    scales = [(1, 1, 2, 3, 3, 3), (6, 2, 3, 8, 5, 6), (5, 1, 2, 9, 4, 9), (4, 4, 4, 6, 3, 4)]
    found = [_convolutions(cls, k, *point) for k, point in enumerate(convolutions)]
    return found + [_scales(cls, k, *point) for k, point in enumerate(scales)]


def _connected(ops):
    """The graph of operators in a row."""
    for k, op in enumerate(ops):
        op.onnx_node.input[0], op.onnx_node.output[0] = f"t{k}", f"t{k + 1}"
    return graph_of(ops, "body", ["t0"], [f"t{len(ops)}"])


def _paged(kind, name, attributes, pages):
    """The operators of all steps."""
    attributes, pages = kind.with_pages(attributes, pages)
    return [kind.make(name, arrays, **attributes) for arrays in pages]


def _convolutions(cls, number, height, width, channels, lanes, steps):
    rng = np.random.default_rng(100 + number)
    window, unit = (plugins.load("hw.ops", name).Op for name in ("window", "sign_mvu"))
    mw = 9 * channels
    around = {"kernel": [3, 3], "stride": [1, 1], "dilation": [1, 1], "pads": [1, 1, 1, 1]}
    around |= {"ifm": [height, width, channels], "simd": lanes, "bits": 1}
    shapes = {"in_shape": [height, width, mw], "out_shape": [height, width, channels]}
    folding = {"simd": lanes, "pe": lanes, "mw": mw, "mh": channels, "vectors": height * width}
    pages = [
        {"weights": rng.integers(0, 2, (mw, channels)), "thresholds": rng.integers(0, mw + 2, channels)}
        for _ in range(steps)
    ]
    if number % 2:
        folding |= {"rom": "block", "starts": "block"}
    units = _paged(unit, "conv", shapes | folding, pages)
    bodies = [_connected([window.make("window", **around), one]) for one in units]
    return cls.make(f"loop_of_layers_{number}", in_shape=around["ifm"], steps=steps, bodies=bodies)


def _scales(cls, number, channels, pe, steps, bits, enters, leaves):
    rng, signed = np.random.default_rng(200 + number), number % 2
    join = plugins.load("hw.ops", "join").Op
    kinds = {"in_shape": [2, channels], "in_bits": [bits], "in_signed": [signed]}
    kinds |= {"out_bits": bits, "out_signed": signed, "pe": pe}
    most = 3 if leaves == bits else 1  # else numbers stay short
    pages = [{"multipliers": rng.integers(-most * signed, most + 1, (1, channels))} for _ in range(steps)]
    bodies = [_connected([one]) for one in _paged(join, "scale", kinds, pages)]
    ends = {"in_bits": enters, "in_signed": signed, "out_bits": leaves, "out_signed": signed}
    return cls.make(f"loop_of_scales_{number}", in_shape=[2, channels], steps=steps, bodies=bodies, **ends)
