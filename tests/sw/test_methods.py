"""Every training method found on disk keeps the interface's promises."""

import pytest
import torch
from torch import nn

from xnorforge import plugins
from xnorforge.errors import UserError
from xnorforge.sw import binary, train, weights
from xnorforge.sw.tasks.base import Recipe, task_of

METHODS = plugins.names("sw.methods")
NET = "mnist-tfc"


@pytest.fixture(params=METHODS)
def run(request):
    """A run in its last phase, the phases before it begun and one step long, on random images."""
    torch.manual_seed(0)
    method = plugins.load("sw.methods", request.param).Method()
    recipe = Recipe(epochs=2, batch=32, lr=1e-3, bf16=False)
    run = train.Run(NET, task_of(NET), recipe, method, method.build(NET), torch.Generator().manual_seed(0))
    for phase in method.phases(recipe):
        if run.phase:
            method.step(run, *batch(0))
        run.phase = phase
        method.begin(run)
        run.optimiser = method.optimiser(run)
    return run


def batch(seed):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (32, 1, 28, 28), dtype=torch.uint8, generator=rng), torch.randint(
        0, 10, (32,), generator=rng
    )


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


def test_a_step_moves_the_latents_and_keeps_them_in_reach(run):
    before = {name: latent.detach().clone() for name, latent in binary.latents(run.network).items()}
    assert run.method.step(run, *batch(1)) > 0
    for name, latent in binary.latents(run.network).items():
        assert not torch.equal(latent, before[name]) and latent.abs().max() <= 1, name


def test_what_is_deployed_is_binary_and_computes_the_trained_function(run):
    for seed in (1, 2, 3):
        run.method.step(run, *batch(seed))
    deployed = run.method.deploy(NET, run.network)
    images, _ = batch(4)
    run.network.eval()
    with torch.no_grad():
        trained, found = run.network(images.float()), deployed(images.float()).as_subclass(torch.Tensor)
    assert torch.equal(trained, found)
    back = weights.unpack(run.method.skeleton(NET), weights.pack(deployed), "here")
    assert all(set(latent.unique().tolist()) <= {-1.0, 1.0} for latent in binary.latents(back).values())
    with torch.no_grad():
        assert torch.equal(back(images.float()).as_subclass(torch.Tensor), found)
    assert isinstance(deployed, nn.Module) and not deployed.training


def test_state_survives_a_checkpoint(run, tmp_path):
    run.method.step(run, *batch(1))
    torch.save(run.state(), tmp_path / "state.pt")
    run.take(torch.load(tmp_path / "state.pt", weights_only=True))


def test_an_unknown_method_is_answered_with_the_nearest():
    with pytest.raises(UserError) as error:
        plugins.load("sw.methods", "stee")
    assert str(error.value) == f"sw.methods: no 'stee' among {', '.join(METHODS)}. Did you mean 'ste'?"
