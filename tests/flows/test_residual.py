"""Networks with shortcuts: module, QONNX, integers and FINN give equal scores. Random
PReLU(x + 2^-k conv(sign(BN(x)))) also in RTL, with no multiplier in the stream."""

import numpy as np
import pytest
import torch
from pipeline import exported, simulated
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.flows.backends.finn import finn
from xnorforge.flows.finn_graph import as_finn
from xnorforge.flows.fold import fold
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw.lowering.nodes import read_graph
from xnorforge.sim import finn as simulator
from xnorforge.sim.netlist import simulate_netlist
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, stream
from xnorforge.sw.nn.building_blocks import Affine2d, Network, Scores, as_trained

from ..sw.nets import drawn

METHODS = ("ste", "react", "group_net")


class BiReal(nn.Module):
    """shortcut(x) + norm(conv3x3(sign(x))) with the norm on a grid; if the shape changes, every second pixel
    with repeated channels."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1):
        super().__init__()
        self.sign, self.pad = binary.sign_layer(), nn.ConstantPad2d(1, -1.0)
        self.dot, self.norm = binary.conv(inputs, outputs, 3, stride=stride), Affine2d(outputs, 9 * inputs)
        self.times, self.stride = outputs // inputs, stride

    def forward(self, x):
        shortcut = torch.cat([nn.functional.max_pool2d(x, 1, self.stride)] * self.times, 1)
        return self.norm(self.dot(self.pad(self.sign(x)))) + shortcut


def sums_with_gains() -> nn.Module:
    """A stem and three convolutions, of which two halve an 8x8 map; what is added has factors."""
    torch.manual_seed(0)
    stem = binary.Conv(3, 4, 3, padding=1, bias=False, weight_quant=binary.EightWeights)
    body = BiReal(4, 8, 2), BiReal(8, 8), BiReal(8, 24, 2)
    ends = binary.sign_layer(), nn.AvgPool2d(2), nn.Flatten(), Scores(24, 10, 0.25)
    network = base.Method().prepared(Network(stem, *body, *ends))
    with torch.no_grad():
        for _ in range(20):
            network(torch.randint(0, 256, (32, 3, 8, 8)).float())
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(-0.5, 1.5)
                module.bias.uniform_(-0.5, 0.5)
    return as_trained(network)


@pytest.mark.parametrize("name", ["gains", *METHODS])
def test_module_qonnx_integers_and_finn_agree(tmp_path, name):
    same, *found = lowered(tmp_path, name)
    assert (same["images"], same["integers"], same["mismatches"]) == (256, 2560, 0)
    assert [check["mismatches"] for check in found] == [0, 0, 0]
    record = read_json(tmp_path / "lower.json")
    assert not record["reference_rounds"] and not record.get("ties")
    assert len(np.unique(np.load(tmp_path / "golden.npz")["scores"])) > 20


@pytest.mark.full
@pytest.mark.parametrize("name", ["gains", *METHODS])
def test_the_rtl_gives_the_integers_at_the_pace_of_the_slowest_operator(tmp_path, name):
    lowered(tmp_path, name)
    proven = simulated(tmp_path, 4000, 10, 3)
    assert len(proven["checks"]) >= 4 and not any(check["mismatches"] for check in proven["checks"])
    assert proven["interval"] == proven["interval_bound"]


def test_thresholds_have_the_sign_of_their_input(tmp_path):
    """FINN's RTL reads them so: positive ones of as many bits as their sums without a sign were negative."""
    lowered(tmp_path)
    model = as_finn(read_graph(tmp_path / "lowered.onnx"))
    nodes = model.get_nodes_by_op_type("Thresholding")
    kinds = [[model.get_tensor_datatype(tensor).signed() for tensor in node.input] for node in nodes]
    assert [True, True] in kinds and all(given == steps for given, steps in kinds)


@pytest.mark.full
def test_finn_s_design_in_rtl_gives_the_integers_in_every_stream_at_finn_s_interval(tmp_path):
    lowered(tmp_path)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=4000)
    record = finn(tmp_path, tmp_path / "acc", simulator)
    assert [check["mismatches"] for check in record["checks"]] == [0] * 6
    assert record["cycles"]["interval"] == pytest.approx(record["estimate"]["cycles"], rel=0.01)


@pytest.mark.full
def test_the_netlist_with_its_multipliers_gives_the_integers_too(tmp_path):
    lowered(tmp_path)
    simulated(tmp_path, 4000, 10, 3)
    record = synthesise(tmp_path / "acc", tmp_path)
    assert record["total"]["dsp"] > 0
    netlist = simulate_netlist(tmp_path / "acc", tmp_path)
    assert {check["mismatches"] for check in netlist["checks"]} == {0}


def lowered(folder, name="gains"):
    """The checks of export and lowering, which write into `folder`."""
    images = np.random.default_rng(0).integers(0, 256, (256, 3, 8, 8), np.uint8)
    network = sums_with_gains() if name == "gains" else as_trained(drawn(base.create(name)))
    return exported(network, images, folder)


def stem_and_stages(seed: int) -> nn.Module:
    """One to three stages, random widths and k, either shortcut or none; slopes beyond the grid."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    stages, blocks = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    widths = [int(width) for width in rng.integers(2, 9, stages + 1)]
    if seed % 3 == 2:
        net = stream.plain_stream(tuple(widths[:2]), size=8, classes=5)
    elif seed % 3:
        widths = [widths[0] * 2 ** min(at, 2) for at in range(stages + 1)]
        net = stream.residual_stream(tuple(widths), blocks, size=8, classes=5, wider=stream.Repeated)
    else:
        net = stream.residual_stream(tuple(widths), blocks, size=8, classes=5)
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(-1.5, 1.5)
                part.bias.uniform_(-1, 1)
                part.running_mean.uniform_(-1, 1)
                part.running_var.uniform_(0.2, 3)
            if isinstance(part, stream.Slopes):
                part.weight.uniform_(-0.2, 1.3)
        for part in net:
            if isinstance(part, stream.Residual) and rng.random() < 0.5:
                part.added.conv.weight_quant.tensor_quant.scaling_impl.value.fill_(-rng.uniform(0, 8))
    return net.eval()


def lowered_stages(seed: int, folder):
    """The network's checks; writes the files up to the integers into `folder`."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (64, 3, 8, 8), np.uint8)
    images[:4] = np.array([0, 127, 128, 255], np.uint8).reshape(4, 1, 1, 1)
    net = stem_and_stages(seed)
    return net, exported(net, images, folder)


def is_exact(seed: int, folder) -> None:
    net, checks = lowered_stages(seed, folder)
    assert len(checks) >= 4 and not any(check["mismatches"] for check in checks)
    rectified = read_json(folder / "lower.json")["nodes"]["Rectify"]
    assert rectified == sum(isinstance(part, (stream.Stem, stream.Residual)) for part in net.modules())


def is_built(folder) -> None:
    proven = simulated(folder, 8000, 6, 2)
    assert not read_json(folder / "acc/fold.json")["estimate"]["dsp"]
    assert not any(check["mismatches"] for check in proven["checks"])


@pytest.mark.full
@pytest.mark.parametrize("seed", range(32))
def test_a_random_network_is_exact_the_first_twelve_down_to_rtl_without_a_multiplier(tmp_path, seed):
    is_exact(seed, tmp_path)
    if seed < 12:
        is_built(tmp_path)
