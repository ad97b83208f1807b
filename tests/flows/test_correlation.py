"""A network that ends in a correlation, through the pipeline and as a tracker: exemplar, template."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from brevitas.nn import QuantIdentity
from brevitas.quant.binary import SignedBinaryActPerTensorConst
from pipeline import exported
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from torch import nn
from torch.nn import functional as F

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows import report
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.bind import bind
from xnorforge.flows.fold import fold
from xnorforge.flows.synth import synthesise
from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.sim.loading import feed_in_turn, learnt, template_file
from xnorforge.sim.netlist import simulate_netlist
from xnorforge.sim.stage import simulate

from ..refusals import refused as sentence
from ..refusals import says, stops
from .test_maps import Pixels
from .test_maps import layer as padded


class Template(nn.Module):
    """A correlation as `sw/nn/building_blocks.py` has it."""

    def __init__(self, channels, size, outputs=1):
        super().__init__()
        self.register_buffer("template", torch.randn(outputs, channels, size, size).sign())

    def forward(self, x):
        return F.conv2d(x, self.template)


def sign():
    return QuantIdentity(act_quant=SignedBinaryActPerTensorConst, scaling_const=1.0)


layer = partial(padded, pad=0)


def tracker(widths, size, seed=1):
    """The layers of tinytrk: stride 2, pool, plain ones; a correlation of `size` x `size` features."""
    torch.manual_seed(seed)
    ends = list(zip((3, *widths), widths))
    layers = [layer(*ends[0], stride=2), layer(*ends[1], pool=2), *(layer(*pair) for pair in ends[2:])]
    return nn.Sequential(Pixels(), *layers, Template(widths[-1], size)).eval()


def laid(folder, module, images, interval, board="pynq-z2"):
    """Every stage up to the RTL; the operators."""
    exported(module, images, folder)
    acc = folder / "acc"
    fold(folder, board, acc, interval=interval)
    generate(acc / "folded.onnx", acc / "rtl")
    return graph.operators(acc / "folded.onnx")


def as_weights(template):
    """A template (O, C, k, k) of +-1 as the operator has it, (k k C, O) of 0/1."""
    return (np.asarray(template).transpose(2, 3, 1, 0).reshape(-1, len(template)) > 0).astype(np.int64)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A little tracker: frames 46 x 46, features 6 x 6 x 12, templates 3 x 3 x 12 of exemplars 34 x 34."""
    folder, module = tmp_path_factory.mktemp("small"), tracker((4, 6, 8, 12), 3)
    images = np.random.default_rng(2).integers(0, 256, (6, 3, 46, 46), np.uint8)
    return folder, module, images, laid(folder, module, images, 12000)


def test_every_stage_gives_the_responses_of_the_module(small):
    folder, module, images, ops = small
    with torch.no_grad():
        wanted = module(torch.from_numpy(images).float()).numpy()
    assert wanted.shape == (6, 1, 4, 4) and wanted.std() > 0
    export_record = read_json(folder / "export.json")
    assert export_record["writable"] == ["Conv_4"]
    model = ModelWrapper(str(folder / "lowered.onnx"))
    units = model.get_nodes_by_op_type("MVAU")
    marked = {n.name: getCustomOp(n).get_nodeattr("runtime_writeable_weights") for n in units}
    assert marked == {"conv0": 0, "conv1": 0, "conv2": 0, "conv3": 0, "conv4": 1}
    lowered = np.load(folder / "lowered.npz")
    assert (lowered["scale"], lowered["bias"]) == (2, -108)
    np.testing.assert_array_equal((2 * lowered["integers"] - 108).transpose(0, 3, 1, 2), wanted)
    [unit] = LoadChain(ops).ops
    np.testing.assert_array_equal(unit.arrays_of["weights"], as_weights(module[-1].template))

    record = simulate(folder / "acc", folder, stalled=6)
    for check in [*read_json(folder / "lower.json")["checks"], *record["checks"]]:
        assert check["mismatches"] == 0 and check["integers"] > 0, check
    named = {check["name"].partition(" = ")[0]: check for check in record["checks"]}
    for name in ("RTL with a load", "RTL stalled with a load"):
        assert named[name]["integers"] == 6 * 16
    assert {"cycles of the RTL", "cycles of the RTL stalled"} <= named.keys()
    assert record["interval"] == record["interval_bound"] and record["interval_constant"]
    assert record["unpacked"] == []


def test_a_learnt_template_is_what_torch_makes_of_the_exemplar_alone(small):
    """The exemplar lies in the upper left corner of a frame; what else is in the frame does not matter."""
    folder, module, images, ops = small
    exemplar, search = images[:1, :, :34, :34], images[1:3]
    corner = np.random.default_rng(3).integers(0, 256, (1, 3, 46, 46), np.uint8)
    corner[:, :, :34, :34] = exemplar
    with torch.no_grad():
        features = module[:-1](torch.from_numpy(exemplar).float())
        assert features.shape == (1, 12, 3, 3)
        wanted = F.conv2d(module[:-1](torch.from_numpy(search).float()), features).numpy()
    simulator, before = BitSimulator(ops), BitSimulator(ops).run(search)[ops[-1].name]
    others = learnt(ops, simulator.run, corner)
    for one in (others, learnt(ops, partial(graph.execute, ops), corner)):
        np.testing.assert_array_equal(LoadChain(one).ops[0].arrays_of["weights"], as_weights(features))
    device = network(folder / "acc" / "rtl", ops, level="-O0")
    feed = feed_in_turn(ops, graph.enter(ops[0], np.concatenate([search, search])), [(2, others)])
    run = cosim.run(device, feed, stall=0.3)
    assert not run.outputs[1].any()
    np.testing.assert_array_equal(run.output[:2], before)
    simulator.load(others)
    for found in (run.output[2:], simulator.run(search)[ops[-1].name]):
        np.testing.assert_array_equal((2 * found - 108).transpose(0, 3, 1, 2), wanted)
    simulator.load(ops)
    np.testing.assert_array_equal(simulator.run(search)[ops[-1].name], before)


@pytest.mark.full
def test_the_counted_cells_load_as_the_rtl_does(small):
    folder = small[0]
    acc = folder / "acc"
    synth = synthesise(acc, folder)
    record = simulate_netlist(acc, folder)
    assert [check["name"] for check in record["checks"][:3]] == [
        "netlist = lowered", "netlist cycles = RTL cycles", "netlist with a load = bit simulator",
    ]  # fmt: skip
    assert {check["mismatches"] for check in record["checks"]} == {0}
    row = synth["operators"][-1]
    assert row["name"] == "conv4" and row["lut_ram"] > 0 and synth["top"]["ff"] > 100  # AXI4-Lite

    simulate(acc, folder)
    reported, loads = report.write(acc), read_json(acc / "rtl" / "rtl.json")["loads"]
    assert reported["verdict"] == "PASS" and loads["operators"] == ["conv4"]
    sentence = f"loads the weights of conv4, 108 bits, between two frames: {loads['words']} writes"
    assert all(sentence in (acc / name).read_text() for name in ("report.md", "report.html"))


def test_a_weights_file_with_a_learnt_template_differs_in_it_alone(small):
    """As bits in words of `simd`, behind the head, whose id is another."""
    folder, _, images, ops = small
    own = (folder / "acc" / "rtl" / "weights.bin").read_bytes()
    made = template_file(folder / "acc", images[:1])
    [unit] = LoadChain(learnt(ops, BitSimulator(ops).run, images[:1])).ops
    simd, loads = unit.get_nodeattr("simd"), read_json(folder / "acc" / "rtl" / "rtl.json")["loads"]
    assert len(own) == len(made) == 32 + 8 * loads["words"]
    assert own[:12] + own[16:32] == made[:12] + made[16:32]
    assert own[12:16] != made[12:16]
    head, words = np.frombuffer(own, "<u4")[8::2], np.frombuffer(made, "<u4")[9::2]
    np.testing.assert_array_equal(head, np.frombuffer(made, "<u4")[8::2])
    pieces = words.reshape(108 // simd, -1).astype("<u4").view(np.uint8)
    bits = np.unpackbits(pieces, axis=1, bitorder="little")[:, :simd]
    np.testing.assert_array_equal(bits.reshape(-1, 1), unit.arrays_of["weights"])


def test_a_back_end_without_loads_is_refused(small):
    folder = small[0]
    with pytest.raises(UserError, match=r"^fold: weights that a host loads .*BACKEND=hls4ml.*BACKEND=rtl"):
        fold(folder, "pynq-z2", folder / "hls", backend="hls4ml")


def refused(tmp_path, *parts, writable=None):
    """What lowering says of a small network."""
    torch.manual_seed(1)
    module = nn.Sequential(Pixels(), *parts).eval()
    images = np.random.default_rng(2).integers(0, 256, (2, 3, 12, 12), np.uint8)
    return sentence(lambda: exported(module, images, tmp_path))


class Padded(Template):
    def forward(self, x):
        return F.conv2d(x, self.template, padding=1)


ONLY_BITS = "Conv_{} (Conv): … template … run time … -1 and +1 … sign"


class Factor(Template):
    def forward(self, x):
        return x * self.template


def levels(correlate):
    correlate.template *= torch.arange(9).reshape(3, 3) + 1
    return correlate


AT_ITS_END = "Conv_1 (Conv): … template … run time … end"


@pytest.mark.parametrize("parts, words", [
    (lambda: [Template(3, 3)], ONLY_BITS.format(0)),
    (lambda: [layer(3, 4), Padded(4, 3)], ONLY_BITS.format(1)),
    (lambda: [layer(3, 4), levels(Template(4, 3))], ONLY_BITS.format(1)),
    (lambda: [layer(3, 4), Template(4, 3), sign()], AT_ITS_END),
    (lambda: [layer(3, 4), Template(4, 3, 2), sign(), Template(2, 3)], AT_ITS_END),
    (lambda: [Factor(3, 1)], "export: … 1.template … F.conv2d"),
], ids=["pixels", "a border", "levels", "a sign behind it", "a template behind it", "a factor"])  # fmt: skip
def test_templates_but_of_bits_against_bits_at_the_end_are_refused(tmp_path, parts, words):
    says(refused(tmp_path, *parts()), words)


def test_a_lowered_node_with_a_threshold_behind_writable_weights_is_refused(chains):
    chain = chains["Chain"]((6, 6, 2)).sign("sign0").conv("conv0", 4).conv("conv1", 3, raw=True)
    for name in ("conv0", "conv1"):
        model = chain.model()
        getCustomOp(model.get_node_from_name(name)).set_nodeattr("runtime_writeable_weights", 1)
        if name == "conv1":
            last = bind(model)[-1]
            assert last.op == "XnorMvu" and last.attributes["loadable"] == 1
            continue
        stops("conv0: … run time", bind, model)


@pytest.mark.full
def test_tinytrk_whole(tmp_path):
    """Of 128 x 128: features 24 x 24 x 128, template 8 x 8 x 128, 289 responses in 18,496 cycles."""
    module = tracker((32, 32, 64, 64, 128), 8)
    images = np.random.default_rng(2).integers(0, 256, (4, 3, 128, 128), np.uint8)
    ops = laid(tmp_path, module, images, 40960)
    [unit] = LoadChain(ops).ops
    assert unit.in_stream().shape == (17, 17, 8192) and unit.cycles() <= 40960
    folding = tmp_path / "folding.json"
    folding.write_text(json.dumps({unit.name: {"simd": 128, "pe": 1}}))
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=40960, folding=folding)
    generate(tmp_path / "acc" / "folded.onnx", tmp_path / "acc" / "rtl")
    ops = graph.operators(tmp_path / "acc" / "folded.onnx")
    assert LoadChain(ops).ops[0].cycles() == 18496
    record = simulate(tmp_path / "acc", tmp_path, stalled=2)
    assert all(check["mismatches"] == 0 and check["integers"] > 0 for check in record["checks"])
    assert len(record["checks"]) == 6
    assert record["interval"] == record["interval_bound"] <= 40960
