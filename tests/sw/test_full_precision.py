"""The full-precision model: real weights, no sign, no -1 in borders; it learns what its network learns."""

import json

import torch
from brevitas.nn import QuantIdentity
from torch import nn

from xnorforge.core import plugins
from xnorforge.sw import networks
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.building_blocks import Correlation
from xnorforge.sw.training import full_precision, train


def test_nothing_in_it_is_binary():
    for net in networks.names():
        network = full_precision.FullPrecision().build(net).eval()
        assert not binary.latents(network)
        parts = [part for part in network.modules() if hasattr(part, "weight_quant")]
        quantisers = [part.weight_quant.tensor_quant for part in parts]
        assert quantisers and {type(part) for part in quantisers} == {binary.Real}
        assert not [part for part in network.modules() if isinstance(part, QuantIdentity)]
        assert all(part.value == 0 for part in network.modules() if isinstance(part, nn.ConstantPad2d))


def test_it_has_as_many_weights_as_its_network_and_gives_as_many_scores():
    for net, shape in (("segment-tinyseg", (1, 3, 120, 160)), ("mnist-tfc", (1, 1, 28, 28))):
        both = [full_precision.FullPrecision().build(net), networks.build(net)]
        assert len({sum(p.numel() for p in network.parameters()) for network in both}) == 1
        assert len({network.eval()(torch.zeros(shape)).shape for network in both}) == 1


def test_what_is_correlated_has_both_signs():
    network = full_precision.FullPrecision().build("track-tinytrk").eval()
    features = nn.Sequential(*list(network)[:-1])(torch.randn(1, 3, 128, 128))
    assert isinstance(network[-1], Correlation) and (features < 0).any() and (features > 0).any()


def test_it_learns_and_its_card_says_what_it_is(tmp_path, monkeypatch):
    task = plugins.load("sw.tasks", "mnist").Task
    golden = task().golden()
    few = train.Images(golden.images[:600], golden.labels[:600], "600 digits")
    monkeypatch.setattr(task, "train_sets", lambda _self: (few, few))
    monkeypatch.setattr(task, "test_sets", lambda _self: [few])
    card = full_precision.train_full_precision("mnist-tfc", tmp_path, epochs=40, lr=0.02)
    assert card == json.loads((tmp_path / "card.json").read_text()) and card["method"] == "full precision"
    assert card["accuracy"][0]["top1"] > 80
    assert (tmp_path / "curve.svg").exists() and not (tmp_path / "weights.safetensors").exists()


def test_it_is_no_method():
    assert not {"full_precision", "twin"} & set(plugins.names("sw.methods"))
