"""Networks cut into parts: where, how evenly, and that the chain computes what the whole does."""

from itertools import pairwise

import onnx
import pytest
import torch
from brevitas.nn import QuantIdentity, QuantLinear
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows import cutting
from xnorforge.flows.export import export
from xnorforge.flows.importing.modules import export_module
from xnorforge.hw import boards
from xnorforge.pipeline import run
from xnorforge.pipeline.request import Request
from xnorforge.studies import chain
from xnorforge.sw import networks, zoo

WIDTHS = (16, 8, 24, 8, 4)


class Skipping(nn.Module):
    """Dense layers with 2-bit weights and 3-bit activations; a shortcut leads around the second one."""

    def __init__(self):
        super().__init__()
        layers = (QuantLinear(a, b, bias=False, weight_bit_width=2) for a, b in pairwise(WIDTHS))
        self.dense = nn.ModuleList(layers)
        self.across = QuantLinear(8, 24, bias=False, weight_bit_width=2)
        self.act = nn.ModuleList(QuantIdentity(bit_width=3) for _ in WIDTHS[1:-1])

    def forward(self, x):
        one = self.act[0](self.dense[0](x))
        two = self.act[1](self.dense[1](one) + self.across(one))
        return self.dense[3](self.act[2](self.dense[2](two)))


@pytest.fixture(scope="module")
def skipping(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("cut") / "skipping.onnx"
    module = Skipping()
    module(torch.randn(100, 16))
    export_module(module.eval(), (16,), path)
    return cutting.Network(onnx.load(path))


def test_places_lie_where_one_quantised_tensor_leads_on(skipping):
    assert [place.elements for place in skipping.places] == [8, 24, 8]
    assert {place.bits for place in skipping.places} == {3}
    # 2-bit weights in front: 16x8, then 8x24 twice, then 24x8
    assert [place.weight_bits for place in skipping.places] == [256, 256 + 768, 256 + 768 + 384]


def test_the_largest_part_is_as_small_as_it_can_be(skipping):
    # of 1,472 bits, 256, 1,024 and 1,408 lie in front of the places
    assert [place.weight_bits for place in skipping.best(2, 1, 1000)] == [1024]
    assert [place.weight_bits for place in skipping.best(3, 1, 1000)] == [256, 1024]
    # 24 values of 3 bits pass in 72 cycles, 8 in 24
    assert [place.weight_bits for place in skipping.best(2, 1, 71)] == [256]
    with pytest.raises(UserError, match="link of 1 bits"):
        skipping.best(2, 1, 23)


def exported(net: str, folder) -> Request:
    """A network with fresh weights, as the stage `export` leaves it."""
    torch.manual_seed(1)
    images, labels, which = zoo.golden(net)
    meta = {"net": net, "method": "ste", "source": "fresh", "images": which}
    export(networks.build(net).eval(), images[:10], labels[:10], folder, meta)
    return Request(net=net, folder=folder, images=10, stalled=2, pnr="off")


@pytest.mark.quick("!2")
@pytest.mark.parametrize("devices", [2, pytest.param(3, marks=pytest.mark.full)])
def test_a_chain_computes_what_the_network_does(devices, tmp_path):
    asked = Request(net="mnist-tfc", folder=tmp_path / "net", images=10)
    run.run_stages(asked, "export", heard=True)
    parts = chain.build_parts(asked, devices, 8, tmp_path / "parts", run.run_stages, "fold")
    assert [part.link and part.link["elements"] for part in parts] == [64] * (devices - 1) + [None]
    assert read_json(tmp_path / "parts/chain.json")["checks"][0]["mismatches"] == 0
    assert chain.chain_interval(parts) == max(part.figures["interval_bound"] for part in parts)


@pytest.mark.full
def test_vgg_small_runs_on_two_boards(tmp_path):
    asked = exported("cifar10-vgg_small", tmp_path / "net")
    parts = chain.build_parts(asked, 2, 32, tmp_path / "parts", run.run_stages, "sim")
    capacity = boards.load("pynq-z2").capacity
    for part in parts:
        assert part.figures["bram36"] <= capacity["bram36"] and part.figures["lut"] <= capacity["lut"]
        assert read_json(part.folder / "rtl-pynq-z2/sim.json")["checks"]
    assert read_json(tmp_path / "parts/chain.json")["checks"][0]["mismatches"] == 0
