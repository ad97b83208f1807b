"""Bi-Real Net-18 and ReActNet-A, random norms: exact down to the RTL; their size at a video's pace."""

import numpy as np
import pytest
import torch
from authors_networks import bi_real_18, drawn, react_net_a
from pipeline import built, imported, smallest
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.flows.fold import with_fifos
from xnorforge.flows.fold.search import Part
from xnorforge.flows.importing.modules import export_module
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import integers_of
from xnorforge.flows.lower.proof import checks
from xnorforge.hw import graph
from xnorforge.hw.bind import bind, bind_folder
from xnorforge.hw.lowering.tails import without_tails
from xnorforge.hw.parts import estimates_of
from xnorforge.sim import cosim
from xnorforge.sim.bits import simulate_bits

pytestmark = pytest.mark.full
NETWORKS = {"Bi-Real Net-18": lambda: bi_real_18(True), "ReActNet-A": react_net_a}
VAST = Part(lut=10_000, bram36=10_000, dsp=5_000)  # where LUTs are what is scarce
LUTS = {"Bi-Real Net-18": 25_000, "ReActNet-A": 31_000}


@pytest.fixture(autouse=True)
def as_many_weights_as_there_are(monkeypatch):
    monkeypatch.setenv("XNORFORGE_MAX_ELEMENTS", str(4 * 10**8))


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rtl_gives_the_scores_of_the_authors_network(name, tmp_path):
    """64 x 64 pixels, every sum that is compared narrowed to 48 bits at most."""
    network = drawn(NETWORKS[name], (3, 64, 64))
    export_module(network, (3, 64, 64), tmp_path / "net.onnx")
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 64, 64), np.uint8)
    record = imported(tmp_path / "net.onnx", images, tmp_path)
    assert all(int(text.split()[2]) <= 48 for text in record["narrowed"].values())
    with estimates_of("xc7"):
        ops = with_fifos(smallest(bind_folder(tmp_path), part=VAST), {})
    device, ops = built(ops, tmp_path)
    with np.load(tmp_path / "lowered.npz") as lowered:
        integers, scale, bias = (lowered[key] for key in ("integers", "scale", "bias"))
    np.testing.assert_array_equal(simulate_bits(ops, images).reshape(1, -1)[:, :1000], integers)
    run = cosim.run(device, graph.enter(ops[0], images))
    np.testing.assert_array_equal(run.output.reshape(1, -1)[:, :1000], integers)
    with torch.no_grad():  # which rounds sums on its own way
        wanted = network(torch.from_numpy(images).float() / 255).numpy()
    np.testing.assert_allclose(scale * integers + bias, wanted, atol=0.01 * abs(wanted).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_at_224_pixels_and_a_million_cycles_it_has_a_size(name, tmp_path):
    network = drawn(NETWORKS[name], (3, 224, 224))
    export_module(network, (3, 224, 224), tmp_path / "net.onnx")
    import_model(tmp_path / "net.onnx", np.zeros((1, 3, 224, 224), np.uint8), [-1], tmp_path)
    model, _ = without_tails(ModelWrapper(str(tmp_path / "model.onnx")))
    found = integers_of(model, {"lo": 0, "hi": 255, "scale": 1 / 255})
    with estimates_of("xc7"):
        ops = smallest(bind(found, *checks.scale_and_bias(found.output)), 10**6, part=VAST)
        luts = sum(op.estimate()["lut"] for op in ops)
    print(f"{name}: {luts:,.0f} LUT")
    assert max(op.cycles() for op in ops) <= 10**6 and luts <= LUTS[name]
