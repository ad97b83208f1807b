"""Weights as files: what is packed comes back, what is damaged is refused. The shipped networks are what
their cards say; which training run the next build takes."""

import json
import shutil
from importlib.resources import files

import numpy as np
import pytest
import torch

from xnorforge.core import plugins
from xnorforge.pipeline.request import Request
from xnorforge.pipeline.stages import STAGES
from xnorforge.sw import networks, zoo
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.building_blocks import Head, Scores
from xnorforge.sw.nn.stream import Classifier
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import runs, train, weights
from xnorforge.sw.training.generated import GRID, SOURCE, generated_network

from ..refusals import refused, stops
from .maps import deployed_exactly, pictures
from .nets import FEW, NETS
from .test_binary import shaken

SHIPPED = [net for net, method in zoo.shipped() if method == "ste"]


def test_the_networks_of_the_first_build_are_shipped_trained():
    assert {"mnist-tfc", "mnist-cnn", "cifar10-cnv"} <= set(SHIPPED) <= set(networks.names())


@pytest.mark.parametrize("net", [net for net in SHIPPED if net.startswith("mnist")])
def test_the_cards_figure_on_the_shipped_images_is_reached_exactly(net):
    module, meta = zoo.load(net)
    task = task_of(net)
    (row,) = (row for row in meta["accuracy"] if row["set"] == "the first 1,000 test images of MNIST")
    images, labels, words = zoo.golden(net)
    assert words == row["set"] and len(images) == row["images"] == 1000
    assert task.correct(train.scores(module, images), labels) == row["correct"]


def test_the_default_network_reaches_its_goal():
    rows = {row["set"]: row["top1"] for row in zoo.load("mnist-cnn")[1]["accuracy"]}
    assert rows["10,000 test images of MNIST"] >= 98.5


def test_exact_pixels_and_jpeg_copies_are_never_one_figure():
    rows = {row["set"]: row["images"] for row in zoo.load("cifar10-cnv")[1]["accuracy"]}
    whole, first = "10,000 test images of CIFAR-10", "the first 1,000 test images of CIFAR-10"
    assert rows == {f"{whole}, JPEG copies": 10000, f"{first}, exact pixels": 1000}


@pytest.mark.full
def test_the_cards_figure_on_exact_photographs_is_reached_exactly():
    module, meta = zoo.load("cifar10-cnv")
    images, labels, words = zoo.golden("cifar10-cnv")
    if (labels < 0).any():
        pytest.skip(words)
    (row,) = (row for row in meta["accuracy"] if row["set"] == words)
    assert task_of("cifar10-cnv").correct(train.scores(module, images), labels) == row["correct"]


@pytest.mark.parametrize("net", SHIPPED)
def test_scores_are_whole_so_that_classes_and_maps_are_exact(net):
    module, _ = zoo.load(net)
    last = module[-1]
    if isinstance(last, Scores):
        step, most = last.scale, last.dot.weight.shape[1]
    elif isinstance(last, Head):
        step, most = 1 / 128, 127 * last.dot.weight.shape[1] + 128 * last.dot.bias.abs().max().item()
    elif isinstance(last, binary.Linear):  # 8-bit weights times means of 64 8-bit numbers in [-8, 8)
        step, most = 8 / 128 / 64 / 128, 2**24
    elif isinstance(last, Classifier):  # the same of a mean that is rounded to 8 bits
        step, most = 8 / 128 / 128, 2**24
    else:
        step, most = 1, last.template.numel()
    images = zoo.golden(net, 20)[0] if net.startswith("mnist") else pictures(net, 20).numpy()
    whole = train.scores(module, images) / step
    assert (whole == whole.round()).all() and abs(whole).max() <= most


@pytest.mark.parametrize("net", SHIPPED)
def test_cards_name_data_recipe_seed_and_command(net):
    card, _ = weights.read_weights(files("xnorforge.sw") / "shipped" / f"{net}-ste")
    assert card["data"]["trained_on"] and card["recipe"]["epochs"] > 0 and isinstance(card["seed"], int)
    assert f"train {net} " in card["command"] and f"--epochs {card['recipe']['epochs']} " in card["command"]


@pytest.mark.parametrize("net, method, text", [
    ("mnist-cn", "ste", r"NET: 'mnist-cn' .*cifar10-cnv, .*, mnist-cnn, .*mnist-tfc, .*'mnist-cnn'"),
    ("mnist-cnn", "stee", r"METHOD: 'stee' .*ste.*'ste'"),
])  # fmt: skip
def test_unknown_names_are_answered_with_the_nearest(net, method, text):
    stops(text, zoo.load, net, method)


def test_weights_that_are_not_shipped_are_named_with_their_cure():
    command = "make train NET=mnist-tfc METHOD=bonn"
    refused(lambda: zoo.load("mnist-tfc", "bonn"), "sw/shipped: ", "mnist-tfc-bonn", "mnist-cnn-ste", command)


def test_generated_weights_are_equal_each_time_and_norms_lie_between_values_of_the_stream():
    images = zoo.golden("cifar10-resnet20_half", 1)[0]
    one, two = (generated_network("cifar10-resnet20_half", "ste", images).state_dict() for _ in range(2))
    assert all(one[name].equal(two[name]) for name in one)
    means = [values for name, values in one.items() if name.endswith("running_mean")]
    assert means and all((values * GRID % 1 == 0.5).all() and len(values.unique()) > 1 for values in means)


@pytest.mark.full
def test_the_network_for_imagenet_says_that_its_weights_are_generated():
    _, about = zoo.load("imagenet-resnet18")
    assert about["generated"] and about["source"] == SOURCE and "accuracy" not in about


def test_a_run_folder_of_another_network_is_refused():
    folder = files("xnorforge.sw") / "shipped" / "mnist-tfc-ste"
    refused(lambda: zoo.load("mnist-cnn", "ste", folder), f"{folder}: ", "mnist-tfc-ste", "mnist-cnn-ste")
    assert zoo.load("mnist-tfc", "ste", folder)[1]["source"].startswith("own training, weights SHA-256 ")


def card(folder, trained_on: str):
    folder.mkdir()
    (folder / runs.WEIGHTS).touch()
    (folder / "card.json").write_text(json.dumps({"data": {"trained_on": trained_on}}))
    return folder


def test_the_next_build_takes_the_shipped_weights_where_the_run_saw_made_up_pictures(here):
    """One epoch without the data set leaves a run in the very folder that a build looks into."""
    asked = Request(net="pedestrian-tinyped")
    export = next(stage for stage in STAGES if stage.name == "export")
    asked.net_dir.mkdir(parents=True)
    card(asked.trained, synthetic.pedestrians(2).what)
    assert asked.options(export)["weights"] is None
    named = Request(net="pedestrian-tinyped", weights=str(asked.trained))
    assert named.options(export)["weights"] == str(asked.trained)
    shutil.rmtree(asked.trained)
    card(asked.trained, "136 pictures of Penn-Fudan")
    assert asked.options(export)["weights"] == str(asked.trained)


def test_a_folder_of_the_users_may_be_called_made_up(tmp_path):
    folder = card(tmp_path / "train", "the 42 pictures of made-up kept to train on (by SHA-256)")
    assert runs.own(folder) is None
    data = {"trained_on": "the 42 pictures of made-up kept to train on (by SHA-256)", "pictures": "0123"}
    (folder / "card.json").write_text(json.dumps({"data": data}))
    assert runs.own(folder) == folder


def test_no_run_is_none(tmp_path):
    assert runs.own(tmp_path / "train") is None


def test_shipped_networks_were_trained_on_real_pictures():
    for folder in (plugins.folders("sw")[0] / "shipped").iterdir():
        assert runs.own(folder) == folder


@pytest.mark.parametrize("name", plugins.names("sw.datasets"))
def test_a_data_set_says_where_it_comes_from(name):
    module = plugins.load("sw.datasets", name)
    assert module.__doc__ and module.SOURCE


RECORD = {"net": "mnist-tfc", "method": "ste", "seed": 3, "hyper": {"kernel": 1e-7}, "threads": 1,
          "recipe": {"epochs": 2}, "command": "make it",
          "data": {"trained_on": "these", "held_out": "those", "varied": "not at all"},
          "held_out_accuracy": 0.5}  # fmt: skip
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
    tensors, again = map(weights.packed_weights, deployed_exactly(method, net, trained, x, least=2))
    assert {key: value.tolist() for key, value in again.items()} == {
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
