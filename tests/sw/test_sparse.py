"""Sparse fan-in: how many inputs a neuron reads, which, and from when on."""

import numpy as np
import pytest
import torch

from xnorforge.core.errors import UserError
from xnorforge.sw.methods import base, sparse
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary

from . import test_methods

NET = test_methods.NET


def test_a_neuron_reads_its_largest_weights_by_hand():
    layer = binary.linear(5, 2)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.1, -0.9, 0.3, 0.0, -0.2], [0.5, 0.4, -0.6, 0.7, -0.8]]))
    quantiser = sparse.Sparse(layer, 3)
    assert quantiser(layer.weight)[0].tolist() == [[0, -1, 1, 0, -1], [0, 0, -1, 1, -1]]
    assert quantiser.reach() == 3 and sparse.Sparse(layer, 6).reach() == 5
    quantiser.values(layer.weight).sum().backward()
    assert layer.weight.grad is not None and layer.weight.grad.tolist() == [[1.0] * 5] * 2


@pytest.mark.parametrize("drawn", ["false", "true"])
def test_what_is_deployed_reads_as_many_inputs_as_asked_for(drawn):
    torch.manual_seed(0)
    method = base.create("sparse", {"fan_in": "4", "scores_fan_in": "20", "drawn": drawn})
    deployed = method.deploy(NET, method.build(NET))
    weights = [tensor for name, tensor in deployed.state_dict().items() if name.endswith("dot.weight")]
    assert [np.unique(w.count_nonzero(1)).tolist() for w in weights] == [[4], [4], [4], [20]]
    assert {value for w in weights for value in w.unique().tolist()} == {-1.0, 0.0, 1.0}


def test_inputs_change_in_the_search_alone_and_gradients_then_reach_those_that_are_read():
    read = []
    for run in test_methods.phase_by_phase("sparse"):
        for seed in (1, 2):
            run.method.step(run, *test_methods.batch(seed))
            layer = run.network[1].dot
            read.append((run.phase.name, layer.weight.detach().abs(), binary.quantiser(layer)))
    names = [name for name, *_ in read]
    assert names == ["search", "search", "train", "train"]
    quantiser = read[-1][2]
    assert torch.equal(quantiser.mask, quantiser.largest(read[1][1]))
    assert torch.equal(quantiser.mask.bool(), layer.weight.grad != 0)


def test_chance_draws_from_the_seed_and_has_no_search():
    def masks(seed):
        torch.manual_seed(seed)
        method = base.create("sparse", {"drawn": "true"})
        assert [phase.name for phase in method.phases(Recipe(epochs=9, batch=1, lr=1.0))] == ["train"]
        return binary.quantiser(method.build(NET)[1].dot).mask

    assert torch.equal(masks(0), masks(0)) and not torch.equal(masks(0), masks(1))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"fan_in": "0"}, ("fan_in=0", "1 or more")),
        ({"scores_fan_in": "-1"}, ("scores_fan_in=-1", "1 or more")),
        ({"search_share": "1"}, ("search_share=1", "below 1")),
    ],
)
def test_impossible_settings_are_refused(given, words):
    with pytest.raises(UserError, match=r"^sparse: ") as refused:
        base.create("sparse", given)
    assert all(word in str(refused.value) for word in words)


def test_networks_of_papers_are_refused():
    with pytest.raises(UserError, match=r"^sparse: cifar10-resnet20 .*mnist-tfc"):
        base.create("sparse").build("cifar10-resnet20")
