"""Channel interaction: the exported node is the module for every sum; exact in integers, or refused."""

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper
from pipeline import exported, simulated
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.artifacts import read_json
from xnorforge.flows import fold
from xnorforge.flows.backends import rtl
from xnorforge.flows.lower import graph
from xnorforge.hw.lowering.registry import MEANINGS
from xnorforge.sw.methods import ci_bcnn, ste
from xnorforge.sw.tasks.base import task_of

from ..documents import python
from ..refusals import refused as sentence
from ..refusals import says


def edges(channels, share, seed, sizes=(3, -3, 5, -5)):
    """K, int64 (groups, 16, 16)."""
    rng = np.random.default_rng(seed)
    shape = (channels // 16, 16, 16)
    return rng.choice(sizes, shape) * (rng.random(shape) < share) * (1 - np.eye(16, dtype=int))


@pytest.mark.parametrize("ratio", [0.02, 0.0])
@pytest.mark.parametrize("n0", [27, 144, 288, 512])
def test_the_operator_is_the_module_for_every_sum(n0, ratio):
    mix = ci_bcnn.Interact(32, n0, ratio)
    if not ratio:
        mix.fit(n0**0.5, 1.5, 1.0)
    mix.influence.copy_(torch.from_numpy(edges(32, 0.3, 0, (3, -3, 5, -5, 7, 11, -11))))
    rng = np.random.default_rng(1)
    counts = np.stack([rng.permutation(n0 + 1) for _ in range(32)], 1)
    at = {"influence": mix.influence.numpy().astype(np.int64), "n0": n0, "unit": mix.unit, "axis": -1}
    at |= {} if ratio else {"extent": mix.plan().extent}
    expected = mix(torch.from_numpy(2.0 * counts - n0)).int().numpy()
    for matches, x in ((1, counts), (0, 2 * counts - n0)):
        found = MEANINGS["Interact"](x, at | {"matches": matches})
        np.testing.assert_array_equal(found, expected)
    assert (expected != 2 * counts - n0).any()


def test_the_operator_keeps_everything_where_there_is_no_edge():
    x = np.arange(32).reshape(1, 32)
    at = {"influence": np.zeros((2, 16, 16), np.int64), "n0": 31, "unit": 3, "matches": 0}
    np.testing.assert_array_equal(MEANINGS["Interact"](x, at), x)


@pytest.mark.parametrize(("net", "count", "unit"), [
    ("mnist-tfc", 256, 0.0), pytest.param("mnist-cnn", 12, 0.05, marks=pytest.mark.full),
])  # fmt: skip
def test_a_network_with_edges_in_every_layer_is_exact_down_to_rtl(net, count, unit, tmp_path):
    record = lowered(net, count, 0.1, tmp_path, ci_bcnn.Method(unit=unit))
    assert [check["mismatches"] for check in record["checks"]] == [0, 0, 0]
    assert record["nodes"]["Interact"] == 3
    proven = simulated(tmp_path, 8192, 4, 2)
    folded = read_json(tmp_path / "acc/fold.json")
    assert [one["op"] for one in folded["operators"]].count("Interact") == 3
    assert len(proven["checks"]) >= 4 and not any(check["mismatches"] for check in proven["checks"])
    assert proven["interval"] == folded["interval_bound"]


def test_an_empty_graph_gives_the_plain_network_cell_for_cell(tmp_path):
    lowered("mnist-tfc", 4, 0, tmp_path / "ci_bcnn/net")
    lowered("mnist-tfc", 4, 0, tmp_path / "ste/net", ste.Method())
    files = []
    for folder in (tmp_path / "ci_bcnn/net", tmp_path / "ste/net"):
        fold.fold(folder, "pynq-z2", folder / "acc", interval=1024)
        rtl.generate(folder / "acc/folded.onnx", folder / "rtl")
        texts = [path for path in folder.glob("rtl/*") if path.name != "rtl.json"]
        files.append({path.name: path.read_bytes() for path in texts})
    assert files[0] == files[1] and len(files[0]) > 30


def lowered(net, count, share, folder, method=None):
    """The record of lowering a random network, edges if CI-BCNN's, on random images; files in `folder`."""
    chosen = method or ci_bcnn.Method()
    torch.manual_seed(0)
    module = chosen.build(net).eval()
    with torch.no_grad():
        for seed, mix in enumerate(ci_bcnn.interactions(module)):
            mix.influence.copy_(torch.from_numpy(edges(mix.influence[:, 0].numel(), share, seed)))
            if not chosen.unit:
                mix.fit(mix.n0**0.5, 1.5, 1.0)
        torch.manual_seed(1)
        for part in module:
            if hasattr(part, "norm"):
                part.norm.weight.normal_(0.4, 1)
                part.norm.running_mean.normal_(0, 8)
    images = np.random.default_rng(0).integers(0, 256, (count, *task_of(net).shape), np.uint8)
    exported(chosen.deploy(net, module), images, folder)
    return read_json(folder / "lower.json")


def test_qonnx_finds_the_exported_node_where_nothing_else_is_loaded():
    said = python("-c", "import xnorforge.hw.lowering.nodes as n; print(n.custom_op['Interact'].arrays)")
    assert said.stdout == "('influence',)\n", said.stderr


def refused(weights, scale, influence):
    """The words with which a dense layer, a factor and an interaction behind it are refused."""
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 16]) for name in ("x", "y")]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"], name="dense"),
        helper.make_node("Mul", ["p", "c"], ["q"], name="factor"),
        helper.make_node("Interact", ["q", "k"], ["y"], name="mix", domain="xnorforge.hw.lowering.nodes",
            n0=16, unit=1, matches=0, axis=1),
    ]  # fmt: skip
    model = ModelWrapper(qonnx_make_model(helper.make_graph(nodes, "g", info[:1], info[1:])))
    for name, values in (("w", weights), ("c", np.float32(scale)), ("k", influence)):
        model.set_initializer(name, np.asarray(values, np.float32))
    return sentence(lambda: graph.integer_graph(model, 0, 1, 1.0))


def test_sums_with_a_scale_and_graphs_of_other_channels_are_refused():
    weights = np.where(np.random.default_rng(0).random((16, 16)) < 0.5, -1, 1)
    says(refused(weights, 0.5, edges(16, 0.1, 0)), "mix (Interact): … convolution of +-1")
    says(refused(np.abs(weights), 1.0, edges(32, 0.1, 0)), "mix (Interact): … 16 channels … export")
