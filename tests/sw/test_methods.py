"""Every training method found on disk keeps the interface's promises."""

import numpy as np
import pytest
import torch

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.export import export
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images, task_of
from xnorforge.sw.training import train, weights

from . import maps
from .binary_ends import Pooled, Stem
from .given_networks import give_network

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
        run.phase = phase
        method.begin(run)
        run.optimiser = method.optimiser(run)
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
    assert sum(phase.epochs for phase in phases) == run.recipe.epochs
    assert len({phase.name for phase in phases}) == len(phases)


def test_losses_are_finite_and_gradients_reach_every_weight(run):
    images, labels = batch(1)
    losses = run.method.losses(run, run.forward(images), labels)
    assert losses and all(torch.isfinite(loss) for loss in losses.values())
    sum(losses.values()).backward()
    for name, latent in binary.latents(run.network).items():
        assert latent.grad is not None and latent.grad.abs().sum() > 0, name


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
    """The deployed network of a trained one: the same scores, and again from its file; weights are -1 and
    +1.
    """
    deployed = run.method.deploy(run.net, run.network)
    back = weights.unpack(run.method.skeleton(run.net), weights.packed_weights(deployed), "here")
    images, _ = batch(4, run.net)
    expected = train.scores(run.network, images.numpy())
    assert len(np.unique(expected)) > 10
    for found in (deployed, back):
        np.testing.assert_array_equal(train.scores(found, images.numpy()), expected)
    assert all(set(latent.unique().tolist()) <= {-1.0, 1.0} for latent in binary.latents(back).values())
    assert not deployed.training
    return deployed


def test_what_is_deployed_is_binary_and_computes_the_trained_function(run):
    for seed in (1, 2, 3):
        run.method.step(run, *batch(seed))
    building_blocks.set_on_grid(run.network, True)
    deployed_exactly(run)


@pytest.mark.parametrize("net", maps.NETS)
@pytest.mark.parametrize("name", METHODS)
def test_networks_that_give_maps_train_and_deploy_with_every_method(name, net):
    run = in_its_last_phase(name, net)
    loss = run.method.step(run, *batch(1, net))
    assert np.isfinite(loss)
    for layer, latent in binary.latents(run.network).items():
        assert latent.grad is None or torch.isfinite(latent.grad).all(), layer
    building_blocks.set_on_grid(run.network, True)
    deployed_exactly(run)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "net"),
    [
        pytest.param(name, net, marks=() if net == QUICK.get(name, "segment-tinyseg") else pytest.mark.full)
        for name in METHODS
        for net in maps.NETS
    ],
)
def test_exported_maps_are_those_of_the_module_with_every_method(name, net, tmp_path):
    run = in_its_last_phase(name, net)
    building_blocks.set_on_grid(run.network, True)
    deployed, images = deployed_exactly(run), batch(5, net)[0].numpy()
    meta = {"net": net, "method": name, "source": "a test", "images": "5 random pictures"}
    (same,) = export(deployed, images, np.full(5, -1), tmp_path, meta)["checks"]
    assert same["images"] == 5 and same["integers"] > 100 and same["mismatches"] == 0


def small_residual():
    convolutions = [(4, 8, 2), (8, 8, 1), (8, 16, 2), (16, 16, 1)]
    body = [building_blocks.BiReal(*sizes) for sizes in convolutions]
    return building_blocks.Network(
        Stem(3, 4),
        *body,
        Pooled(8),
        building_blocks.Scores(16, 10, 0.25),
    )


@pytest.mark.parametrize("name", METHODS)
def test_with_shortcuts_what_trains_last_is_what_is_deployed(name, monkeypatch):
    """Held, every batch norm in front of a sum computes what hardware will."""
    torch.manual_seed(0)
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


@pytest.mark.filterwarnings("ignore")
def test_the_exported_file_scores_256_pictures_as_the_module_does(run, tmp_path):
    for seed in (1, 2, 3):
        run.method.step(run, *batch(seed))
    building_blocks.set_on_grid(run.network, True)
    deployed = run.method.deploy(NET, run.network)
    images = torch.cat([batch(seed)[0] for seed in range(8)]).numpy()
    meta = {"net": NET, "method": "one of them", "source": "a test", "images": "256 random pictures"}
    (same,) = export(deployed, images, np.full(256, -1), tmp_path, meta)["checks"]
    assert (same["images"], same["integers"], same["mismatches"]) == (256, 2560, 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("after", [1, 3])
def test_a_killed_run_ends_with_the_same_bytes(method, after, tmp_path, monkeypatch):
    images, labels = mnist_images.shipped()
    sets = [Images(images[a:b], labels[a:b], str(b - a)) for a, b in ((0, 256), (256, 320), (900, 1000))]
    monkeypatch.setattr(mnist.Task, "train_sets", lambda _self: tuple(sets[:2]))
    monkeypatch.setattr(mnist.Task, "test_sets", lambda _self: sets[2:])
    recipe = Recipe(epochs=4, batch=64, lr=5e-3, warmup=2)
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)
    ended, real = [], train._write_curve

    def killed(path, curve):
        real(path, curve)
        ended.append(len(curve))
        if len(curve) == after and len(ended) == after:
            raise KeyboardInterrupt

    train.train(NET, method, tmp_path / "whole")
    monkeypatch.setattr(train, "_write_curve", killed)
    with pytest.raises(KeyboardInterrupt):
        train.train(NET, method, tmp_path / "parts")
    train.train(NET, method, tmp_path / "parts")
    assert ended == [*range(1, after + 1), *range(after + 1, 5)]
    for file in ("curve.csv", "weights.safetensors", "card.json"):
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes(), file


def test_state_survives_a_checkpoint(run, tmp_path):
    run.method.step(run, *batch(1))
    torch.save(run.state(), tmp_path / "state.pt")
    run.restore(torch.load(tmp_path / "state.pt", weights_only=True))


def test_an_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=rf"^sw.methods: .*'stee'.*{', '.join(METHODS)}.*'ste'"):
        plugins.load("sw.methods", "stee")
