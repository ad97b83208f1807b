"""Every training method found on disk keeps the interface's promises."""

import numpy as np
import pytest
import torch

from xnorforge.core import plugins
from xnorforge.flows.export import export
from xnorforge.sw.methods import base, bonn
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import train

from ..refusals import refused
from . import digits, maps
from .nets import Pooled, Stem, give_network

METHODS = plugins.names("sw.methods")
NET = "mnist-tfc"
# Which network that gives maps is exported in the quick tests.
QUICK = {"layer_priority": "pedestrian-tinyped", "rbcn": "track-tinytrk"}


def phase_by_phase(name, net=NET):
    """A run on random images, as each of its phases has begun."""
    torch.manual_seed(0)
    method = plugins.load("sw.methods", name).Method()
    recipe = Recipe(epochs=2, batch=32, lr=1e-3, arithmetic="float32")
    run = train.Run(net, task_of(net), recipe, method, method.build(net), torch.Generator().manual_seed(0))
    for phase in method.phases(recipe):
        digits.begin(run, phase)
        yield run


def in_its_last_phase(name, net=NET):
    """A run in its last phase, the phases before it begun and one step long."""
    begun = phase_by_phase(name, net)
    run = next(begun)
    while run.phase != run.method.phases(run.recipe)[-1]:
        run.method.step(run, *batch(0, net))
        next(begun)
    return run


@pytest.fixture(params=METHODS)
def run(request):
    return in_its_last_phase(request.param)


def batch(seed, net=NET):
    count = 32 if net == NET else 5  # of track-tinytrk a five
    return maps.pictures(net, count, seed).to(torch.uint8), maps.targets(net, count, seed)


def test_the_baseline_is_there():
    assert "ste" in METHODS and "base" not in METHODS


def test_phases_share_out_the_epochs(run):
    phases = run.method.phases(run.recipe)
    assert sum(phase.epochs * phase.share for phase in phases) == pytest.approx(run.recipe.epochs)
    assert len({phase.name for phase in phases}) == len(phases)


@pytest.mark.parametrize("name", METHODS)
def test_training_moves_every_latent_and_keeps_them_in_reach(name):
    moved = set()
    for run in phase_by_phase(name):
        before = {name: latent.detach().clone() for name, latent in binary.latents(run.network).items()}
        assert run.method.step(run, *batch(1)) > 0
        for layer, latent in binary.latents(run.network).items():
            assert latent.abs().max() <= 1, layer
            moved |= set() if torch.equal(latent, before[layer]) else {layer}
    assert moved == set(before)


def deployed_exactly(run):
    """A trained network as deployed, gammas of any sign or zero: the same scores, also from its file."""
    for norm in run.network.modules():
        if isinstance(norm, (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)):
            torch.nn.init.normal_(norm.weight, 0.4, 1).data[::10] = 0
            torch.nn.init.normal_(norm.bias, 0, 0.5)
    deployed, back = maps.deployed_exactly(run.method, run.net, run.network, batch(4, run.net)[0])
    assert all(set(latent.unique().tolist()) <= {-1.0, 1.0} for latent in binary.latents(back).values())
    assert not deployed.training
    return deployed


@pytest.mark.filterwarnings("ignore")
def test_what_is_deployed_and_exported_is_binary_and_computes_the_trained_function(run, tmp_path):
    for seed in (1, 2, 3):
        run.method.step(run, *batch(seed))
    building_blocks.set_on_grid(run.network, True)
    deployed = deployed_exactly(run)
    images = torch.cat([batch(seed)[0] for seed in range(8)]).numpy()
    meta = {"net": NET, "method": "one of them", "source": "a test", "images": "256 random pictures"}
    (same,) = export(deployed, images, np.full(256, -1), tmp_path, meta)["checks"]
    assert (same["images"], same["integers"], same["mismatches"]) == (256, 2560, 0)


PAIRS = [(name, net, net == QUICK.get(name, "segment-tinyseg")) for name in METHODS for net in maps.NETS]


@pytest.mark.quick("*-True")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name, net, exported", [
    *PAIRS,
    *(pytest.param(name, net, True, marks=pytest.mark.full) for name, net, quick in PAIRS if not quick),
])  # fmt: skip
def test_networks_that_give_maps_train_deploy_and_export_with_every_method(name, net, exported, tmp_path):
    run = in_its_last_phase(name, net)
    loss = run.method.step(run, *batch(1, net))
    assert np.isfinite(loss)
    for layer, latent in binary.latents(run.network).items():
        assert latent.grad is None or torch.isfinite(latent.grad).all(), layer
    building_blocks.set_on_grid(run.network, True)
    deployed = deployed_exactly(run)
    if exported:
        meta = {"net": net, "method": name, "source": "a test", "images": "5 random pictures"}
        images = batch(5, net)[0].numpy()
        (same,) = export(deployed, images, np.full(5, -1), tmp_path, meta)["checks"]
        assert same["images"] == 5 and same["integers"] > 100 and same["mismatches"] == 0


def small_residual():
    convolutions = [(4, 8, 2), (8, 8, 1), (8, 16, 2), (16, 16, 1)]
    body = [building_blocks.BiReal(*sizes) for sizes in convolutions]
    return building_blocks.Network(Stem(3, 4), *body, Pooled(8), building_blocks.Scores(16, 10, 0.25))


@pytest.mark.parametrize("name", METHODS)
def test_with_shortcuts_what_trains_last_is_what_is_deployed(name, monkeypatch):
    """Held, every batch norm in front of a sum computes what hardware will."""
    net = "cifar10-resnet20_half_8bit"
    give_network(monkeypatch, net, small_residual)
    method, images = plugins.load("sw.methods", name).Method(), torch.randint(0, 256, (16, 3, 32, 32)).float()
    network = method.build(net)
    with torch.no_grad():
        for _ in range(20):
            network(images)
        building_blocks.set_on_grid(network, True)
        trained = network.eval()(images)
        deployed = method.deploy(net, network)(images)
    assert torch.equal(trained, deployed.as_subclass(torch.Tensor)) and len(trained.unique()) > 10


@pytest.mark.parametrize("method, hyper, net, said", [
    ("bonn", "kernel=x", NET, "'x' is not a number"),
    ("ci_bcnn", "dead=0", NET, "dead=0.0 positive density=0"),
    ("ci_bcnn", "height=-1", NET, "height=-1.0 positive density=0"),
    ("ci_bcnn", "dead=nan", NET, "dead=nan positive density=0"),
    ("dwn", "fan_in=9", NET, "fan_in=9 1|to|8"),
    ("dwn", "fan_in=0", NET, "fan_in=0 1|to|8"),
    ("dwn", "search_share=1", NET, "search_share=1 below|1"),
    ("dwn", "", "cifar10-resnet20", "cifar10-resnet20 mnist-lut_large"),
    ("group_net", "decomposition=v4", NET, "decomposition: 'v4' auto,|lbd,|v1,|v2,|v3"),
    ("group_net", "decomposition=v2", "cifar10-resnet20", "decomposition=v2 groups cifar10-cnv leave|it|out"),
    ("group_net", "gate=scalar", "cifar10-wrn22", "gate=scalar groups cifar10-cnv leave|it|out"),
    ("group_net", "bases=0", NET, "bases=0 bases|1|or|more"),
    ("group_net", "decomposition=lbd gate=scalar", NET, "gate=scalar decomposition=lbd gate=none"),
    ("group_net", "dilations=1;2", NET, "dilations=1;2 1,2,3 none"),
    ("group_net", "dilations=1,2", NET, "2|dilations bases=3 one|per|base"),
    ("group_net", "dilations=1,2,3", "cifar10-cnv_half",
     "dilation|2 padding segment-tinyseg dilations=none"),
    ("layer_priority", "mode=w1a2", NET, "mode: 'w1a2' w1a1,|w1a8"),
    ("layer_priority", "order=inverse_dept", NET, "order: 'inverse_dept' mean|'inverse_depth'"),
    ("layer_priority", "binarise=5", NET, "binarise=5 4|layers 0|to|4 -1|for|all"),
    ("layer_priority", "ranking=1|2", NET, "'1|2' 1|2|3|4"),
    ("layer_priority", "binarise=3", "cifar10-resnet20_half_8bit", "shortcuts mode=w1a1 binarise=-1"),
    ("rbcn", "scale_bits=5", NET, "scale_bits=5 1|to|4"),
    ("rbcn", "granularity=spacial", NET, "granularity: 'spacial' layer,|spatial"),
])  # fmt: skip
def test_what_a_method_cannot_be_is_said_in_a_sentence(method, hyper, net, said):
    """Words of the sentence, with | for a blank."""
    given = dict(one.replace("|", " ").split("=") for one in hyper.split())
    words = [one.replace("|", " ") for one in said.split()]
    text = refused(lambda: base.create(method, given).build(net), *words)
    assert text.startswith(method)


def test_one_epoch_is_too_few_for_two_phases():
    refused(lambda: base.create("rbcn").phases(Recipe(1, 16, 1e-3)), "rbcn: ", "epochs=1", "2 or more")


SHARES = {"float_share": 0.2, "polish_share": 0.4}
# The settings and epochs in which all phases of a method and its own numbers appear in a short run.
RUNS = {
    "bonn": ({"anywhere": True}, 4),
    "ci_bcnn": ({"batches": 4, "steps": 16, "images": 128}, 5),
    "group_net": ({"warmup": 0.5, "aggregate": "learned", "bases": 2}, 4),
    "layer_priority": (SHARES, 10),
}
SENSITIVE = SHARES | {"order": "sensitivity", "binarise": 3, "max_loss": 0.5}


@pytest.mark.parametrize("method, hyper, epochs", [
    *((method, *RUNS.get(method, ({}, 4))) for method in METHODS),
    pytest.param("layer_priority", SENSITIVE, 10, marks=pytest.mark.full),
])  # fmt: skip
def test_a_run_killed_at_every_epoch_ends_with_the_same_bytes(method, hyper, epochs, tmp_path, monkeypatch):
    digits.in_place_of_mnist(monkeypatch, (0, 256), (256, 320), (900, 1000), epochs=epochs)
    monkeypatch.setattr(bonn, "FINE", 2)  # half of the epochs, not a tenth
    monkeypatch.setattr(train.curves, "draw_run", lambda *_: None)
    real, begun = train._epoch, []

    def once(*given):
        if begun:
            raise KeyboardInterrupt
        begun.append(given)
        return real(*given)

    train.train(NET, method, tmp_path / "whole", hyper=hyper)
    monkeypatch.setattr(train, "_epoch", once)
    for _ in range(epochs - 1):
        with pytest.raises(KeyboardInterrupt):
            train.train(NET, method, tmp_path / "parts", hyper=hyper)
        begun.clear()
    train.train(NET, method, tmp_path / "parts", hyper=hyper)
    files = [path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*")]
    assert len(files) > 3
    for file in files:
        same = (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
        assert same or file.name == "checkpoint.pt", file
