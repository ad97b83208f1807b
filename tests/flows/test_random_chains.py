"""The whole pipeline on random chains: QONNX, lowered, folded at random, generated, simulated, against qonnx
execution.

A network is a function of its seed, and the seed is in the name of a failing test.
"""

import numpy as np
import pytest
from pipeline import built, proven, seeds
from random_graphs import Chain

from xnorforge.flows.bind import OPS
from xnorforge.flows.fold.fifo_sizing import depth_of, with_fifos
from xnorforge.hw import graph as operators
from xnorforge.sim import cosim


@pytest.mark.quick("3")
@pytest.mark.parametrize("seed", seeds(12, 72))
def test_rtl_of_a_random_chain_gives_the_scores_of_qonnx_at_the_stated_interval(tmp_path, seed):
    net = Chain(seed)
    ops, flowing = proven(net.model, net.pixels, seed, tmp_path)
    assert flowing.interval == max(op.cycles() for op in ops)


def unit(name, image, inputs, outputs, simd):
    """XnorMvu on every pixel of a square image."""
    rng, shape = np.random.default_rng(0), [image, image]
    weights, steps = rng.integers(0, 2, (inputs, outputs)), rng.integers(0, inputs + 1, outputs)
    arrays = {"weights": weights, "thresholds": steps}
    sizes = {"mw": inputs, "mh": outputs, "simd": simd, "pe": 1, "vectors": image * image}
    return OPS["XnorMvu"].make(name, arrays, in_shape=[*shape, inputs], out_shape=[*shape, outputs], **sizes)


# Image; cycles per pixel of the unit in front and of the one behind, which together leave no cycle over; what
# lies between.
BUSY = {
    "window-stride-3": (28, 10, 97, {"kernel": [2, 2], "stride": [3, 3]}),
    "window-stride-2-padded": (21, 12, 44, {"kernel": [3, 3], "stride": [2, 2], "pads": [1, 1, 1, 1]}),
    "pool-row-over": (13, 9, 42, 2),
    "pool-of-three": (27, 9, 81, 3),
}


@pytest.mark.parametrize("name", BUSY)
def test_what_lies_between_two_units_that_never_pause_keeps_their_pace(tmp_path, name):
    image, before, behind, between = BUSY[name]
    ops = [unit("before", image, before, 1, 1)]
    if isinstance(between, dict):
        ops.append(OPS["Window"].make("window", ifm=[image, image, 1], **between))
        shape = ops[-1].out_stream().shape
        ops.append(OPS["Width"].make("width", shape=shape, in_lanes=1, out_lanes=shape[-1]))
    else:
        size = {"kernel": [between] * 2, "stride": [between] * 2}
        ops.append(OPS["OrPool"].make("pool", ifm=[image, image, 1], **size))
    size, _, elements = ops[-1].out_stream().shape
    ops.append(unit("behind", size, elements, behind, elements))
    device, ops = built(with_fifos(operators.in_a_row(ops), {}), tmp_path)
    cycles = {op.name: op.cycles() for op in ops}
    assert min(cycles["before"], cycles["behind"]) > 0.97 * max(cycles.values())
    frames = np.random.default_rng(1).integers(0, 2, (12, image, image, before))
    assert cosim.run(device, frames).interval == max(cycles.values())


def test_a_pool_gets_a_fifo_only_in_front_of_a_unit_that_would_make_it_wait():
    def depths(behind):
        pool = OPS["OrPool"].make("pool", ifm=[12, 12, 1], kernel=[2, 2], stride=[2, 2])
        ops = operators.in_a_row([unit("before", 12, 9, 1, 1), pool, unit("behind", 6, 1, behind, 1)])
        return {op.name: depth_of(op) for op in with_fifos(ops, {}) if depth_of(op)}

    assert depths(36) == {"fifo_behind": 2}
    assert depths(18) == {}
