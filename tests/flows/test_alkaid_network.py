"""Whole networks by alkaid: Verilog of the lowered graph alone gives the bit simulator's integers."""

from pathlib import Path

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.hw.graph import operators
from xnorforge.sim.bits import BitSimulator
from xnorforge.sw import zoo

from .alkaid_network import Design

JETS = Path(__file__).parents[3] / "shared/models/qkeras_jettagging.onnx"  # 16-64-32-32-5, weights of 6 bits
VECTORS = 1000


@pytest.mark.parametrize("seed", range(2))
def test_a_small_network_gives_its_integers(chains, seed, tmp_path):
    chain = chains["Chain"]((6,), seed, images=50).dense("fc0", 8).dense("fc1", 7).dense("fc2", 3, raw=True)
    design = Design(chain.model(), tmp_path)
    np.testing.assert_array_equal(design.run(chain.images), chain.x)


def shipped(folder):
    module, meta = zoo.load("mnist-tfc", "ste")
    images, labels, which = zoo.golden("mnist-tfc", 20)
    export(module, images, labels, folder, {**meta, "images": which})


def jets(folder):
    if not JETS.exists():
        pytest.skip(f"{JETS.name} is not there")
    images = np.random.default_rng(0).integers(0, 256, (20, 16), np.uint8)
    import_model(JETS, images, np.full(20, -1), folder, 1.0)


@pytest.mark.full
@pytest.mark.parametrize("network", [shipped, jets], ids=["mnist-tfc", "jets"])
def test_a_network_gives_the_integers_of_the_bit_simulator_and_is_counted(network, tmp_path):
    """Prints the latency of a frame and the cells."""
    network(tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    fold(tmp_path, "pynq-z2", tmp_path / "acc")
    model, ops = ModelWrapper(str(tmp_path / "lowered.onnx")), operators(tmp_path / "acc/folded.onnx")
    golden = np.load(tmp_path / "golden.npz")["images"]
    shape = (VECTORS - len(golden), *golden.shape[1:])
    images = np.concatenate([golden, np.random.default_rng(1).integers(0, 256, shape, np.uint8)])
    scores = ops[-2 if ops[-1].indices else -1].name
    wanted = BitSimulator(ops).run(images, keep=[scores])[scores].reshape(VECTORS, -1)
    design = Design(model, tmp_path / "alkaid")
    np.testing.assert_array_equal(design.run(images.reshape(VECTORS, -1).astype(np.int64)), wanted)
    used = design.count()
    print(f"{design.latency} cycles, {used['lut']:,} LUT, {used['ff']:,} FF, {used['dsp']} DSP")
    assert used["bram36"] == used["dsp"] == 0
