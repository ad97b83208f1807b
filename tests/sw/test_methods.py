"""Every training method found on disk keeps the interface's promises. Recipes: the default trains as ever,
each attribute does what it says, and runs can start from others."""

import copy
import hashlib
import json
import math

import numpy as np
import pytest
import torch
from brevitas.nn import QuantIdentity
from brevitas_examples.bnn_pynq.models import model_with_cfg
from brevitas_examples.bnn_pynq.models.losses import SqrHingeLoss
from torch import nn

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.export import export
from xnorforge.sw import networks, zoo
from xnorforge.sw.methods import base, bonn, ci_bcnn, group_net, rbcn, react, ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks, stream
from xnorforge.sw.nn.building_blocks import Correlation
from xnorforge.sw.tasks import cifar10, mnist
from xnorforge.sw.tasks.base import task_of
from xnorforge.sw.training import captured, full_precision, recipes, train, warm_start

from ..refusals import refused, stops
from . import digits, maps
from .nets import give_network

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
    return stream.residual_stream((4, 8, 16), 2, wider=stream.Repeated)


@pytest.mark.parametrize("name", sorted({*METHODS} - {"dwn"}))
def test_with_shortcuts_what_trains_last_is_what_is_deployed(name, monkeypatch):
    """On its grid, the network computes what hardware will."""
    net = "cifar10-resnet20_half"
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
    ("dwn", "fan_in=9", NET, "fan_in=9 1|to|8"), ("dwn", "fan_in=0", NET, "fan_in=0 1|to|8"),
    ("dwn", "search_share=1", NET, "search_share=1 below|1"),
    ("dwn", "", "cifar10-resnet20", "cifar10-resnet20 mnist-lut_large"),
    ("group_net", "decomposition=v4", NET, "decomposition: 'v4' lbd,|v1,|v2,|v3"),
    ("group_net", "decomposition=v2", "cifar10-vgg_small", "decomposition=v2 groups leave|it|out"),
    ("group_net", "gate=scalar", "cifar10-vgg_small", "gate=scalar groups cifar10-cnv leave|it|out"),
    ("group_net", "relu=always", "cifar10-resnet20", "relu=always cifar10-cnv leave|it|out"),
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
    ("layer_priority", "binarise=3", "cifar10-resnet20_half", "shortcuts mode=w1a1 binarise=-1"),
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
    "bonn": ({"anywhere": True}, 4), "ci_bcnn": ({"batches": 4, "steps": 16, "images": 128}, 5),
    "group_net": ({"warmup": 0.5, "aggregate": "learned", "bases": 2}, 4), "layer_priority": (SHARES, 10),
}  # fmt: skip
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


@pytest.fixture
def few(monkeypatch):
    return digits.in_place_of_mnist(monkeypatch, (0, 256), (256, 384), epochs=2)


def latents_of(folder) -> dict[str, torch.Tensor]:
    numbers = torch.load(folder / "checkpoint.pt", weights_only=True)["network"]
    return {name: numbers[name] for name in numbers if name.endswith("dot.weight")}


def test_the_default_is_adam_with_a_linear_start_and_half_a_cosine(few, tmp_path):
    """The same steps written down here give the same bits."""
    train.train(NET, "ste", tmp_path)
    torch.manual_seed(0)
    rng, task, network = torch.Generator().manual_seed(0), task_of(NET), ste.Method().build(NET)
    images, labels = (torch.from_numpy(part.copy()) for part in (few[0].images, few[0].labels))
    adam, now = torch.optim.Adam(network.parameters(), lr=5e-3, fused=True), 0
    for _ in range(2):
        for at in torch.randperm(256, generator=rng).split(64):
            fallen = 0.5 * (1 + math.cos(math.pi * now / 8))
            adam.param_groups[0]["lr"] = 5e-3 * min(1, (now + 1) / 4) * fallen
            scores = network(task.augment(images[at], rng).float().contiguous())
            adam.zero_grad()
            torch.nn.functional.cross_entropy(scores, labels[at]).backward()
            adam.step()
            with torch.no_grad():
                for latent in binary.latents(network).values():
                    latent.clamp_(-1, 1)
            now += 1
    for name, found in latents_of(tmp_path).items():
        assert torch.equal(found, network.state_dict()[name]), name


def test_what_is_usual_is_not_stated_so_older_cards_and_checkpoints_stay_as_they_are():
    first = {"epochs": 1, "batch": 2, "lr": 0.5, "warmup": 200, "passes": 1}
    assert Recipe(1, 2, 0.5).stated() == first
    assert Recipe(1, 2, 0.5, optimiser="sgd", drop=0.2).stated() == first | {"optimiser": "sgd", "drop": 0.2}


@pytest.mark.parametrize("attributes, wanted", [
    ({"schedule": "linear"}, [1, 0.75, 0.5, 0.25]),
    ({"schedule": "step", "drops": "0.5", "drop": 0.1}, [1, 1, 0.1, 0.1]),
    ({"schedule": "step", "drops": "0.25 0.75", "drop": 0.5}, [1, 0.5, 0.5, 0.25]),
    ({}, [1, (2 + math.sqrt(2)) / 4, 0.5, (2 - math.sqrt(2)) / 4]),
])  # fmt: skip
def test_schedules_at_the_quarters_of_a_phase(attributes, wanted):
    recipe = Recipe(1, 1, 1.0, **attributes)
    assert [recipe.rate_at(part / 4) for part in range(4)] == pytest.approx(wanted)


def test_the_first_images_alone(monkeypatch, tmp_path):
    """`images` of a recipe train as a set of so many does."""
    digits.in_place_of_mnist(monkeypatch, (0, 256), (256, 384), epochs=2)
    train.train(NET, "ste", tmp_path / "part", recipe="ours,images=128")
    digits.in_place_of_mnist(monkeypatch, (0, 128), (256, 384), epochs=2)
    train.train(NET, "ste", tmp_path / "whole")
    part, whole = latents_of(tmp_path / "part"), latents_of(tmp_path / "whole")
    assert all(torch.equal(part[name], whole[name]) for name in whole)
    with pytest.raises(UserError, match=r"^RECIPE: images=129 .* 128;"):
        train.train(NET, "ste", tmp_path / "more", recipe="ours,images=129")


def run_of(recipe: Recipe) -> train.Run:
    torch.manual_seed(0)
    method = ste.Method()
    run = train.Run(NET, task_of(NET), recipe, method, method.build(NET), torch.Generator().manual_seed(0))
    run.phase = base.Phase("train", 1, recipe.lr)
    run.optimiser = method.optimiser(run)
    return run


def test_sgd_steps_by_momentum_and_decay_as_its_equation_says():
    """v = g + decay w, w -= lr v; then v = 0.5 v + g + decay w. Latents do not decay unless asked."""
    for latents in (False, True):
        recipe = Recipe(1, 1, 0.1, optimiser="sgd", momentum=0.5, weight_decay=0.25, decay_latents=latents)
        run = run_of(recipe)
        run.network[1].real = torch.nn.Parameter(torch.full((2, 2), 4.0))
        optimiser = base.optimiser_of(run, run.network.parameters())
        latent, norm = run.network[1].dot.weight, run.network[1].norm.weight
        before = latent.detach().clone()
        for _ in range(2):
            for one in (latent, norm, run.network[1].real):
                one.grad = torch.ones_like(one)
            optimiser.step()
        # 4: v = 1 + 1 = 2, w = 3.8; v = 1 + 1 + 0.95 = 2.95, w = 3.505
        assert torch.allclose(run.network[1].real, torch.tensor(3.505))
        # 1, without decay: v = 1, w = 0.9; v = 1.5, w = 0.75
        assert torch.allclose(norm, torch.tensor(0.75))
        moved = before - 0.25 if not latents else before * (1 - 0.025) - 0.1
        if latents:
            moved = moved - 0.1 * (0.5 * (1 + 0.25 * before) + 1 + 0.25 * moved)
        assert torch.allclose(latent, moved, atol=1e-6)


@pytest.mark.parametrize(("name", "kind"), [("adam", "Adam"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_the_optimiser_is_the_one_named(name, kind):
    assert type(run_of(Recipe(1, 1, 0.1, optimiser=name)).optimiser).__name__ == kind


def test_brevitas_recipe_has_the_loss_and_rates_of_its_script():
    """Rates: those of bnn_pynq/trainer.py, which halves them where `epoch % 40 == 0`, from 1 on."""
    taken = recipes.recipe_of("cifar10-cnv", ste.Method(), "brevitas,epochs=130")
    rates, lr = [], taken.lr
    for epoch in range(1, 131):
        rates.append(lr)
        lr *= 0.5 if epoch % 40 == 0 else 1
    steps = [(at, at / (130 * 500)) for at in (0, 19_999, 20_000, 20_001, 40_000, 64_999)]
    assert [taken.lr * taken.rate_at(part) for _, part in steps] == [rates[at // 500] for at, _ in steps]
    assert run_of(taken).loss(torch.tensor([[0.5, -2.0]]), torch.tensor([0])).item() == 0.125


def test_brevitas_recipe_steps_as_its_script_does_on_its_own_network():
    """Six steps of the loop of bnn_pynq/trainer.py, written out, on CNV_1W1A, and the same by ours."""
    torch.manual_seed(0)
    theirs, _ = model_with_cfg("CNV_1W1A", False)
    ours, rng = copy.deepcopy(theirs).train(), torch.Generator().manual_seed(1)
    ours.register_forward_pre_hook(lambda _, given: (given[0] / 255,))
    images = torch.randint(0, 256, (6, 20, 3, 32, 32), generator=rng, dtype=torch.uint8)
    labels = torch.randint(0, 10, (6, 20), generator=rng)
    optimiser, criterion, losses = torch.optim.Adam(theirs.parameters(), lr=0.02), SqrHingeLoss(), []
    method = ste.Method()
    recipe = recipes.recipe_of("cifar10-cnv", method, "brevitas,epochs=1,arithmetic=float32")
    run = train.Run("cifar10-cnv", cifar10.Task(), recipe, method, ours, rng)
    [run.phase] = method.phases(recipe)
    method.begin(run)
    run.optimiser, steps = method.optimiser(run), captured.Steps(run)
    for x, y in zip(images, labels):
        loss = criterion(theirs(x / 255), 2.0 * nn.functional.one_hot(y, 10) - 1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        theirs.clip_weights(-1, 1)
        losses.append((loss.item(), steps(x, y, key=(run.phase, False))))
    assert [ours for _, ours in losses] == pytest.approx([theirs for theirs, _ in losses], rel=1e-4)
    assert losses[-1][0] < 0.9 * losses[0][0] and len(run.latents) == 9


def test_recipes_of_papers_by_method_and_network():
    paper = recipes.recipe_of("cifar10-wrn22", bonn.Method(), "paper")
    assert (paper.optimiser, paper.lr, paper.epochs, paper.shift) == ("sgd", 0.01, 200, 4)
    assert [paper.rate_at(epoch / 200) for epoch in (59, 60, 120, 180)] == pytest.approx([1, 0.2, 0.04, 8e-3])
    assert recipes.recipe_of("cifar10-wrn22", ste.Method(), "bonn") == paper
    assert recipes.recipe_of("cifar10-wrn22", rbcn.Method(), "paper") == paper
    other = recipes.recipe_of("cifar10-cnv", ci_bcnn.Method(), "paper,epochs=60,arithmetic=float32")
    assert (other.epochs, other.lr, other.drops, other.arithmetic) == (60, 1e-3, "0.5 0.9", "float32")
    assert recipes.recipe_of("mnist-tfc", ci_bcnn.Method(), "paper") == networks.recipe("mnist-tfc")
    assert recipes.recipe_of("cifar10-cnv", group_net.Method(), "ours") == networks.recipe("cifar10-cnv")


@pytest.mark.parametrize("words, said", [
    ("papre", ["RECIPE: ", "'papre'", "group_net", "ours"]),
    ("ours,optimizer=sgd", ["RECIPE, attribute: ", "'optimizer'", "'optimiser'"]),
    ("ours,arithmetic=bf16", ["RECIPE, arithmetic: ", "'bf16'", "bfloat16, device, float32"]),
    ("ours,optimiser=lion", ["RECIPE, optimiser: ", "'lion'", "adam, adamw, sgd"]),
    ("ours,schedule=step", ["RECIPE: drops='' ", "drops=0.5 0.9"]),
    ("ours,drops=0.5 x", ["RECIPE: drops='0.5 x' ", "drops=0.5 0.9"]),
    ("ours,loss=hinge", ["RECIPE, loss: ", "'hinge'", "squared_hinge, task"]),
    ("ours,batch=0", ["RECIPE: batch=0 ", "1 or more"]),
    ("ours,batch=many", ["RECIPE, attribute batch: ", "'many'", "batch=VALUE"]),
    ("ours,lr=0", ["RECIPE: lr=0.0 ", "a number above 0"]),
])  # fmt: skip
def test_what_no_recipe_is_is_said_in_one_sentence(words, said):
    place, *others = said
    assert refused(lambda: recipes.recipe_of(NET, ste.Method(), words), *others).startswith(place)


def test_images_are_moved_as_far_as_the_recipe_says():
    """A single bright pixel in the middle lands in a square of 2 * 4 + 1 places; the card says how far."""
    task = cifar10.Task()
    task.move_by(4)
    images = torch.full((2000, 3, 32, 32), 128, dtype=torch.uint8)
    images[:, :, 16, 16] = 255
    at = (task.augment(images, torch.Generator().manual_seed(0))[:, 0] == 255).nonzero()[:, 1]
    assert (at.min(), at.max()) == (12, 20) and "up to 4 pixels" in task.recipe_words
    untouched = mnist.Task()
    untouched.move_by(-1)
    assert untouched.reach == 1 and untouched.recipe_words == "each image moved by up to 1 pixel each way"
    stops(r"^RECIPE: shift=4.* track .*leave shift out", task_of("track-tinytrk").move_by, 4)
    hinge = Recipe(1, 1, 0.1, loss="squared_hinge")
    stops(r"^RECIPE: loss=squared_hinge .*leave it out", train.sets_of, task_of("track-tinytrk"), hinge)


def test_a_run_starts_from_another_and_its_card_says_from_which(few, tmp_path):
    train.train(NET, "ste", tmp_path / "first")
    started = {}

    class Seen(ste.Method):
        def begin(self, run):
            started.update({name: value.clone() for name, value in run.network.state_dict().items()})

    with pytest.MonkeyPatch.context() as once:
        once.setattr(ste, "Method", Seen)
        card = train.train(NET, "ste", tmp_path / "second", init=tmp_path / "first", recipe="ours,batch=32")
    numbers = torch.load(tmp_path / "first/checkpoint.pt", weights_only=True)["network"]
    for name in numbers:
        assert torch.equal(started[name], numbers[name]) or name.endswith("num_batches_tracked"), name
    content = b"".join(numbers[name].numpy().tobytes() for name in sorted(numbers))
    mark = hashlib.sha256(content).hexdigest()[:16]
    assert card["init"] == f"{tmp_path}/first: {NET}, ste, 2 epochs, SHA-256 {mark}"
    assert card["recipe_name"] == "ours,batch=32" and card["recipe"]["batch"] == 32
    assert f"--recipe ours,batch=32 --init {tmp_path}/first -o" in card["command"]
    with pytest.raises(UserError, match=r"checkpoint\.pt: .*with init .* none .*another folder"):
        train.train(NET, "ste", tmp_path / "second", recipe="ours,batch=32")


def test_latents_from_real_weights_keep_their_signs_and_get_the_size_of_fresh_ones(few, tmp_path):
    full_precision.train_full_precision(NET, tmp_path / "real", epochs=1)
    real = latents_of(tmp_path / "real")
    for method in (ste.Method(), bonn.Method(), rbcn.Method()):
        network = method.build(NET)
        warm_start.warm_start(network, tmp_path / "real")
        method.warm_started(network)
        for name, latent in binary.latents(network).items():
            source = real[f"{name}.weight"]
            torch.testing.assert_close(latent.detach(), source * (0.05 / source.abs().mean()))
    for layer in bonn.modulated(method.build(NET)):
        torch.testing.assert_close(layer.log_mu.exp(), layer.weight.abs().mean(1))


STREAM = "cifar10-resnet20_half"


@pytest.mark.parametrize("kind", [react, ci_bcnn, group_net])
def test_layers_within_the_modules_of_a_method_start_from_those_they_replace(kind, tmp_path):
    torch.manual_seed(1)
    numbers = full_precision.FullPrecision().build(STREAM).state_dict()
    settings = {"net": STREAM, "method": warm_start.REAL}
    torch.save({"settings": settings, "network": numbers}, tmp_path / "checkpoint.pt")
    method = kind.Method(**({"decomposition": "lbd"} if kind is group_net else {}))
    network = method.build(STREAM)
    warm_start.warm_start(network, tmp_path)
    latents = [latent.detach().clone() for latent in binary.latents(network).values()]
    wanted = [numbers[f"{at}.added.conv.weight"] for at in range(2, 20)]
    copies = 3 if kind is group_net else 1
    assert len(latents) == copies * len(wanted)
    for at, source in enumerate(wanted):
        for latent in latents[copies * at : copies * (at + 1)]:
            torch.testing.assert_close(latent, (source * (0.05 / source.abs().mean())).clamp(-1, 1))
    method.warm_started(network)
    if kind is group_net:  # branches move apart by one deviation, so they are not equal for ever
        for at, source in enumerate(latents[::3]):
            low, same, high = list(binary.latents(network).values())[3 * at : 3 * at + 3]
            torch.testing.assert_close(same.detach(), source)
            apart = torch.full_like(low, 2 * source.std())
            torch.testing.assert_close(high - low, apart, atol=0.01, rtol=0.5)


def test_weights_without_a_checkpoint_give_their_signs_and_directions(few, tmp_path):
    train.train(NET, "ste", tmp_path / "run")
    (tmp_path / "run/checkpoint.pt").unlink()
    deployed, _ = zoo.load(NET, "ste", tmp_path / "run")
    wanted, network = deployed.state_dict(), binary.prepare(networks.build(NET))
    record = warm_start.warm_start(network, tmp_path / "run")
    assert record.startswith(f"{NET}, ste, 2 epochs, SHA-256 ")
    for name, latent in binary.latents(network).items():
        torch.testing.assert_close(latent.detach(), 0.05 * wanted[f"{name}.weight"])
    norms = [name for name in network.state_dict() if name.endswith("norm.weight")]
    assert norms and all(torch.equal(network.state_dict()[name], wanted[name]) for name in norms)
    with pytest.raises(UserError, match=rf"^INIT: .* {NET} .*ste.* 0\.dot\.weight"):
        warm_start.warm_start(binary.prepare(networks.build("mnist-cnn")), tmp_path / "run")


def test_a_run_of_another_structure_is_refused_as_a_start(few, tmp_path):
    train.train(NET, "ste", tmp_path, epochs=1)
    other, same = binary.prepare(networks.build("mnist-cnn")), binary.prepare(networks.build(NET))
    refused(lambda: warm_start.warm_start(other, tmp_path), f"INIT: {tmp_path} ", "mnist-tfc", "0.dot.weight")
    refused(lambda: warm_start.warm_start(same, tmp_path / "nowhere"), "nowhere/checkpoint.pt: ")


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
