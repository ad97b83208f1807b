"""Weights as files: what is packed comes back, what is damaged is refused in one sentence."""

import json

import numpy as np
import pytest
import torch

from xnorforge.sw.methods import base
from xnorforge.sw.nn import building_blocks
from xnorforge.sw.training import weights

from ..refusals import refused
from .maps import pictures
from .test_binary import shaken
from .zoo import FEW, NETS

RECORD = {
    "net": "mnist-tfc", "method": "ste", "seed": 3, "hyper": {"kernel": 1e-7}, "threads": 1,
    "recipe": {"epochs": 2}, "command": "make it",
    "data": {"trained_on": "these", "held_out": "those", "varied": "not at all"},
    "held_out_accuracy": 0.5,
}  # fmt: skip
ACCURACY = [{"set": "two images", "images": 2, "correct": 1, "top1": 50.0}]


def fresh():
    """A small network as it is deployed."""
    return base.create("ste").skeleton("mnist-tfc")


@pytest.fixture
def folder(tmp_path):
    network = building_blocks.as_trained(shaken("mnist-tfc"))
    weights.save_weights(tmp_path, network, RECORD | {"accuracy": ACCURACY})
    return tmp_path


@pytest.mark.quick(*FEW)
@pytest.mark.parametrize("net", NETS)
def test_a_network_is_deployed_and_comes_back_bit_for_bit(net):
    """Sums for shortcuts are on their grid before: there rounding changes the function."""
    method, trained, x = base.create("ste"), shaken(net), pictures(net, 4)
    building_blocks.set_on_grid(trained, True)
    with torch.no_grad():
        scores = trained(x)
    network = method.deploy(net, trained)
    tensors = weights.packed_weights(network)
    back = weights.unpack(method.skeleton(net), tensors, "here")
    with torch.no_grad():
        assert all(torch.equal(one(x).as_subclass(torch.Tensor), scores) for one in (network, back))
    assert {key: value.tolist() for key, value in weights.packed_weights(back).items()} == {
        key: value.tolist() for key, value in tensors.items()
    }


def test_weights_are_packed_lowest_bit_first_one_for_plus():
    network = fresh()
    with torch.no_grad():
        row = network[-1].dot.weight.view(-1)
        row.fill_(-1)
        row[0], row[9] = 1, 1
    assert weights.packed_weights(network)["4.dot.weight.bits"][:3].tolist() == [1, 2, 0]


def test_a_file_takes_a_bit_per_weight_and_little_else(folder):
    assert (folder / weights.FILE).stat().st_size < 59008 / 8 + 192 * 4 * 4 + 1500


def test_the_card_says_what_was_given(folder):
    card, tensors = weights.read_weights(folder)
    assert not weights.unpack(fresh(), tensors, "here").training
    assert card["accuracy"] == ACCURACY and card["command"] == "make it" and card["seed"] == 3


def test_weights_that_are_not_the_cards_are_refused(folder):
    card = json.loads((folder / "card.json").read_text())
    card["weights"]["sha256"] = "0" * 64
    (folder / "card.json").write_text(json.dumps(card))
    said = "/weights.safetensors: SHA-256 is ", "0" * 64, "restore both"
    refused(lambda: weights.read_weights(folder), *said)


def test_an_absent_file_is_refused(folder):
    (folder / weights.FILE).unlink()
    refused(lambda: weights.read_weights(folder), f"{folder}: ", "No such file", "train the network again")


@pytest.mark.parametrize("damage, text", [
    (lambda t: t.pop("1.norm.running_mean"), ["Missing", "1.norm.running_mean"]),
    (lambda t: t.update({"2.dot.weight.bits": np.zeros(7, np.uint8)}), ["Missing", "2.dot.weight"]),
    (lambda t: t.update({"2.dot.weight.bits": np.zeros(512)}), ["2.dot.weight.bits", "float64"]),
    (lambda t: t.update({"1.norm.bias": np.zeros(9, np.int8)}), ["1.norm.bias", "[9]", "[64]"]),
    (lambda t: t.update({"scale": np.zeros(1, np.uint8)}), ["Unexpected", "scale"]),
], ids=["absent", "short", "not packed", "of another size", "left over"])  # fmt: skip
def test_tensors_that_do_not_fit_are_named(damage, text):
    tensors = weights.packed_weights(fresh())
    damage(tensors)
    refused(lambda: weights.unpack(fresh(), tensors, "here"), "here: ", *text, "train it again")


def test_whole_numbers_take_the_smallest_integers_and_all_come_back():
    network = fresh()
    values = {"whole": [3, -5.0], "wide": [2.0**20, -1.0], "real": [0.1, 2.0], "large": 1e30, "none": []}
    for name, value in values.items():
        network.register_buffer(name, torch.tensor(value))
    tensors, expected = weights.packed_weights(network), network.state_dict()
    kinds = {"whole": np.int8, "wide": np.int32, "real": np.float32, "large": np.float32}
    assert {name: tensors[name].dtype for name in kinds} == kinds
    empty = fresh()
    for name, value in values.items():
        empty.register_buffer(name, torch.zeros_like(torch.tensor(value)))
    back = weights.unpack(empty, tensors, "here").state_dict()
    assert all(back[name].tolist() == expected[name].tolist() for name in values)
