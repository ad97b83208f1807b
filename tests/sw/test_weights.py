"""Weights as files: what is packed comes back, what is damaged is refused in one sentence."""

import json

import numpy as np
import pytest
import torch

from xnorforge.sw import networks
from xnorforge.sw.methods import base
from xnorforge.sw.nn import building_blocks, threshold_folding
from xnorforge.sw.training import weights

from ..refusals import refused
from .maps import pictures
from .test_binary import shaken
from .zoo import FEW, NETS

RECORD = {
    "net": "mnist-tfc",
    "method": "ste",
    "seed": 3,
    "hyper": {"kernel": 1e-7},
    "threads": 1,
    "recipe": {"epochs": 2},
    "command": "make it",
    "data": {"trained_on": "these", "held_out": "those", "varied": "not at all"},
    "held_out_accuracy": 0.5,
}
ACCURACY = [{"set": "two images", "images": 2, "correct": 1, "top1": 50.0}]


@pytest.fixture
def folder(tmp_path):
    network = threshold_folding.fold_thresholds(shaken("mnist-tfc"))
    weights.save_weights(tmp_path, network, RECORD | {"accuracy": ACCURACY})
    return tmp_path


@pytest.mark.quick(*FEW)
@pytest.mark.parametrize("net", NETS)
def test_a_network_is_deployed_and_comes_back_bit_for_bit(net):
    """Sums for shortcuts are on their grid before: there rounding changes the function."""
    method, trained, x = base.create("ste"), shaken(net), pictures(net, 4)
    building_blocks.set_on_grid(trained, True)
    network = method.deploy(net, trained)
    tensors = weights.packed_weights(network)
    back = weights.unpack(method.skeleton(net), tensors, "here")
    with torch.no_grad():
        assert torch.equal(back(x), network(x)) and torch.equal(trained(x), network(x))
    assert {key: value.tolist() for key, value in weights.packed_weights(back).items()} == {
        key: value.tolist() for key, value in tensors.items()
    }


def test_weights_are_packed_lowest_bit_first_one_for_plus():
    network = threshold_folding.fold_thresholds(networks.build("mnist-tfc"))
    with torch.no_grad():
        row = network[-1].dot.weight.view(-1)
        row.fill_(-1)
        row[0], row[9] = 1, 1
    assert weights.packed_weights(network)["4.dot.weight.bits"][:3].tolist() == [1, 2, 0]


def test_a_file_takes_a_bit_per_weight_and_little_else(folder):
    assert (folder / weights.FILE).stat().st_size < 59008 / 8 + 192 * (4 + 1) + 1000


def test_the_card_says_what_was_given(folder):
    card, tensors = weights.read_weights(folder)
    assert not weights.unpack(networks.build("mnist-tfc"), tensors, "here").training
    assert card["accuracy"] == ACCURACY and card["command"] == "make it" and card["seed"] == 3


def test_weights_that_are_not_the_cards_are_refused(folder):
    card = json.loads((folder / "card.json").read_text())
    card["weights"]["sha256"] = "0" * 64
    (folder / "card.json").write_text(json.dumps(card))
    refused(
        lambda: weights.read_weights(folder), "/weights.safetensors: SHA-256 is ", "0" * 64, "restore both"
    )


def test_an_absent_file_is_refused(folder):
    (folder / weights.FILE).unlink()
    refused(lambda: weights.read_weights(folder), f"{folder}: ", "No such file", "train the network again")


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda t: t.pop("1.norm.running_mean"), ["1.norm.running_mean is missing", "64 values"]),
        (
            lambda t: t.update({"2.dot.weight.bits": np.zeros(7, np.uint8)}),
            ["2.dot.weight.bits is 7 ", "512 values"],
        ),
        (lambda t: t.update({"scale": np.zeros(1)}), ["contains scale"]),
    ],
    ids=["absent", "short", "left over"],
)
def test_tensors_that_do_not_fit_are_named(damage, text):
    tensors = weights.packed_weights(threshold_folding.fold_thresholds(networks.build("mnist-tfc")))
    damage(tensors)
    refused(
        lambda: weights.unpack(networks.build("mnist-tfc"), tensors, "here"),
        "here: ",
        *text,
        "train it again",
    )


def test_numbers_the_file_cannot_hold_are_not_lost_in_silence():
    network = threshold_folding.fold_thresholds(networks.build("mnist-tfc"))
    network.register_buffer("gain", torch.tensor([1 / 3]))
    refused(lambda: weights.packed_weights(network), "weights: gain ", "2^-16", "folded thresholds")


def test_numbers_on_a_binary_grid_take_the_smallest_integers_and_come_back():
    network = threshold_folding.fold_thresholds(networks.build("mnist-tfc"))
    values = {"gain": [0.75, -1.25], "wide": [2.0**20, 2.0**-4], "equal": [0.5] * 3, "scalar": 7.0}
    for name, value in values.items():
        network.register_buffer(name, torch.tensor(value))
    tensors = weights.packed_weights(network)
    assert tensors["gain"].dtype == np.int8 and tensors["gain"].tolist() == [3, -5]
    assert tensors["gain.fraction"].tolist() == [2] and "scalar.fraction" not in tensors
    assert tensors["wide"].dtype == np.int32 and tensors["equal"].tolist() == [1]
    for name in values:
        getattr(network, name).fill_(-1)
    back = weights.unpack(network, tensors, "here")
    assert {name: getattr(back, name).tolist() for name in values} == values
