"""BONN: the two losses have the printed values and gradients, and what is deployed is a plain network."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.methods import bonn, ste
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.nn import binary, building_blocks, stream

from .digits import started, steps

HAND = torch.tensor([[0.5, -0.25, 1.0, -0.75]])
CHAINS = ["mnist-tfc", "mnist-cnn", "cifar10-cnv"]


def kernel_loss(x, w, mu, sigma, nu):
    """Loss and gradients by name; w a number or a vector."""
    w = torch.as_tensor(w, dtype=x.dtype).expand(x.shape[1])
    parts = {"X": x, "w": w, "mu": torch.as_tensor(mu), "sigma": torch.as_tensor(sigma)}
    parts = {name: part.to(x.dtype).clone().requires_grad_() for name, part in parts.items()}
    loss = bonn.KernelLoss.apply(*parts.values(), nu)
    loss.backward()
    return loss.item(), {name: part.grad for name, part in parts.items()}


def random_case(seed=0):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(3, 5, generator=rng, dtype=torch.float64)
    w, mu, sigma = (torch.rand(n, generator=rng, dtype=torch.float64) + 0.5 for n in (5, 3, 3))
    return x, w, mu, sigma, 0.3


def kurtosis(x):
    return (x.double().pow(4).mean() / x.double().square().mean().square()).item()


def within_classes(features, labels):
    """Mean squared distance of features, (N, K), from the mean of their class."""
    parts = [features[torch.from_numpy(labels == label)] for label in range(10)]
    return (sum((part - part.mean(0)).square().sum() for part in parts) / features.numel()).item()


def test_kernel_loss_of_the_hand_example():
    loss, gradients = kernel_loss(HAND, 1.6, [0.5], [0.5], nu=0.01)
    assert loss == pytest.approx(0.5 * (0.8 + 0.01 * 1.5 + 0.01 * -5.545177), abs=1e-6)
    assert loss == pytest.approx(0.379774, abs=1e-6)
    np.testing.assert_allclose(gradients["X"][0], [-0.32, 0.97, 0.98, -0.33], atol=1e-6)
    assert gradients["w"].sum().item() == pytest.approx(0.5, abs=1e-6)
    assert gradients["mu"].item() == pytest.approx(-0.005, abs=1e-7)
    assert gradients["sigma"].item() == pytest.approx(0.0125, abs=1e-7)


def test_mu_sigma_and_w_rest_at_mean_deviation_and_best_scale():
    _, gradients = kernel_loss(HAND, 4 / 3, [0.625], [math.sqrt(0.078125)], nu=0.01)
    assert gradients["w"].sum().item() == pytest.approx(0, abs=1e-6)
    assert [gradients[name].item() for name in ("mu", "sigma")] == pytest.approx([0, 0], abs=1e-8)


def test_printed_gradients_are_those_of_the_loss_and_one_nth_for_mu_and_sigma():
    x, w, mu, sigma, nu = random_case()
    loss, printed = kernel_loss(x, w, mu, sigma, nu)
    parts = [part.clone().requires_grad_() for part in (x, w, mu, sigma)]
    x, w, mu, sigma = parts
    bits, (m, s) = x.detach().sign(), (mu[:, None], sigma[:, None])
    above, below = (x - m)[bits > 0] / s.expand_as(x)[bits > 0], (x + m)[bits < 0] / s.expand_as(x)[bits < 0]
    prior = above.square().sum() + below.square().sum() + x.shape[1] * sigma.square().log().sum()
    plain = 0.5 * ((bits - w * x).square().sum() + nu * prior)
    plain.backward()
    assert loss == pytest.approx(plain.item())
    for name, part, factor in zip(printed, parts, (1, 1, 1 / x.shape[1], 1 / x.shape[1]), strict=True):
        torch.testing.assert_close(printed[name], part.grad * factor, msg=name)


def test_kernel_loss_does_not_see_the_sign_of_the_latents():
    x, *rest = random_case(2)
    (loss, gradients), (mirrored, others) = kernel_loss(x, *rest), kernel_loss(-x, *rest)
    assert loss == mirrored and torch.equal(gradients["X"], -others["X"])
    assert all(torch.equal(gradients[name], others[name]) for name in ("w", "mu", "sigma"))


def test_feature_loss_has_its_hand_value_and_its_finite_differences():
    features = torch.tensor([[1.0, -2.0], [0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    centres = torch.tensor([[0.0, -1.0], [0.0, 0.0]], dtype=torch.float64)
    variances = torch.tensor([[0.5, 2.0], [1.0, 4.0]], dtype=torch.float64)
    first, second = 2 + 2 + 0.5 + math.log(0.5 * 2), 1 + 0.25 + math.log(4)
    assert bonn.feature_loss(features, centres, variances).item() == pytest.approx(0.5 * (first + second) / 2)
    assert torch.autograd.gradcheck(lambda f: bonn.feature_loss(f, centres, variances), (features,))


def test_class_means_and_variances_follow_as_in_the_center_loss():
    method = bonn.Method()
    method.centres, method.variances = torch.tensor([[0.0], [1.0]]), torch.tensor([[1.0], [1.0]])
    method.follow(torch.tensor([[3.0], [6.0]]), torch.tensor([0, 0]))
    np.testing.assert_allclose(method.centres, [[0.5 * 9 / 3], [1]])
    np.testing.assert_allclose(method.variances, [[1 + 0.5 * (8 + 35) / 3], [1]])


def test_the_gradient_passes_where_w_keeps_a_latent_in_reach():
    x = torch.tensor([[0.4, -0.4, 0.6, 0.0], [-0.5, 0.51, -0.6, 0.1]], requires_grad=True)
    w = torch.tensor([2.0, 2.0, 2.0, 3.0], requires_grad=True)
    gradient = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    bits = bonn.Binarise.apply(x, w)
    bits.backward(gradient)
    assert torch.equal(bits.detach(), torch.tensor([[1.0, -1.0, 1.0, 1.0], [-1.0, 1.0, -1.0, 1.0]]))
    torch.testing.assert_close(x.grad, torch.tensor([[2.0, 4.0, 0.0, 12.0], [10.0, 0.0, 0.0, 24.0]]))
    torch.testing.assert_close(w.grad, torch.tensor([0.4 - 2.5, -0.8, 0.0, 0.8]))


def test_the_kernel_loss_makes_latents_bimodal():
    methods = ste.Method(), bonn.Method(1e-7, feature=0.0, pull=0.0)
    runs = [steps(started(method), 120) for method in methods]
    before = binary.latents(started(bonn.Method()).network)
    plain, pulled = (binary.latents(run.network) for run in runs)
    for name, latent in pulled.items():
        assert kurtosis(latent) < kurtosis(plain[name]), name
    strong = binary.latents(steps(started(bonn.Method(feature=0.0, pull=0.0)), 120).network)
    for name, latent in strong.items():
        assert kurtosis(latent) < min(kurtosis(one[name]) for one in (before, plain, pulled)), name


def test_the_feature_loss_draws_classes_together():
    def within(theta):
        method = bonn.Method(feature=theta, anywhere=True)
        run = steps(started(method, epochs=10, phase=1), 80)
        images, labels = mnist_images.shipped()
        with torch.no_grad():
            run.forward(torch.from_numpy(images.copy()))
        return within_classes(method.features, labels)

    assert within(1e-1) < within(1e-2) < within(1e-6)


def test_only_fine_tuning_has_the_feature_loss():
    recipe = Recipe(epochs=20, batch=64, lr=5e-3)
    with_classes, without_theta = bonn.Method(), bonn.Method(feature=0.0)
    for method in (with_classes, without_theta):
        method.build("cifar10-resnet20_half")
    phases = [(p.name, p.epochs, p.lr) for p in with_classes.phases(recipe)]
    assert phases == [("kernel", 18, 5e-3), ("fine", 2, 5e-4)]
    assert [p.name for p in without_theta.phases(recipe)] == ["kernel"]
    without_classes = bonn.Method()
    without_classes.build("track-tinytrk")
    assert [(p.name, p.epochs) for p in without_classes.phases(recipe)] == [("kernel", 20)]
    for net, phases in (("cifar10-cnv_half", ["kernel"]), ("cifar10-resnet20_half", ["kernel", "fine"])):
        default = bonn.Method()
        default.build(net)  # the default: where the classifier reads 8-bit numbers, and nowhere else
        assert [p.name for p in default.phases(recipe)] == phases
    images, labels = torch.zeros(4, 1, 28, 28, dtype=torch.uint8), torch.arange(4)
    for phase, names in ((0, {"task", "kernel"}), (1, {"task", "kernel", "feature"})):
        run = started(bonn.Method(anywhere=True), epochs=10, phase=phase)
        assert set(run.method.losses(run, run.forward(images), labels)) == names


def test_w_mu_and_sigma_start_at_their_moments_move_and_stay_positive():
    run = started(bonn.Method())
    layers = bonn.modulated(run.network)
    before = [{name: p.detach().clone() for name, p in layer.named_parameters()} for layer in layers]
    for layer, start in zip(layers, before, strict=True):
        size = layer.weight.detach().flatten(1).abs()
        torch.testing.assert_close(start["log_w"].exp(), bonn.REACH / size.mean(0))
        torch.testing.assert_close(start["log_mu"].exp(), size.mean(1))
        torch.testing.assert_close(start["log_sigma"].exp(), size.std(1, correction=0))
    steps(run, 20)
    for layer, start in zip(layers, before, strict=True):
        for name in ("log_w", "log_mu", "log_sigma"):
            now = getattr(layer, name).detach()
            assert (now != start[name]).float().mean() > 0.9 and torch.isfinite(now).all(), name


def test_sigma_has_a_floor():
    run = started(bonn.Method())
    for layer in bonn.modulated(run.network):
        torch.nn.init.constant_(layer.log_sigma, -30.0)
    for layer in bonn.modulated(steps(run, 1).network):
        torch.testing.assert_close(layer.log_sigma.exp(), bonn.SIGMA_FLOOR * layer.log_mu.exp())


def test_a_scaled_layer_has_two_weights():
    layer = bonn.Method().prepared(binary.conv(3, 4, 3))
    quantiser = binary.quantiser(layer)
    weight, wbar = quantiser.effective(), quantiser.log_w.exp().mean().item()
    below, above = weight.unique().tolist()
    assert below == -above and math.frexp(above)[0] == 0.5, "powers of two, that nearest to 1 / wbar"
    assert 2**-0.5 <= above * wbar <= 2**0.5
    x = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(layer(x), torch.nn.functional.conv2d(x, weight))


def test_a_layers_own_scale_holds_for_w_at_its_start():
    """The factor is the power of two nearest to the growth of 1 / wbar: 1.4 gives 1, 1 / 3 gives 1 / 4."""
    network = bonn.Method().prepared(nn.Sequential(stream.Added(4, 4)))
    (quantiser,), conv = bonn.modulated(network), network[0].conv
    start = quantiser.log_w.detach().clone()
    for growth, factor in ((1.0, 1.0), (1.4, 1.0), (2.5, 2.0), (1 / 3, 0.25)):
        with torch.no_grad():
            quantiser.log_w.copy_(start - math.log(growth))
        weight = quantiser.quantised(conv.weight)
        assert weight.abs().unique().tolist() == [factor / 16] and torch.equal(weight >= 0, conv.weight >= 0)
    bonn.Method().warm_started(network)
    assert quantiser.factor() == 1, "relative to the new start"


def test_the_scale_rounds_nothing_in_bfloat16():
    layer = bonn.Method().prepared(binary.linear(256, 32))
    bits = binary.signs(torch.randn(64, 256))
    assert binary.quantiser(layer).effective().abs().unique().tolist() != [1.0]
    with torch.no_grad():
        expected = layer(bits)
        with torch.autocast("cpu", torch.bfloat16):
            assert torch.equal(layer(bits).float(), expected)


def test_the_last_layer_keeps_its_power_of_two():
    for net in CHAINS:
        parts = bonn.Method().build(net).modules()
        last = next(part for part in parts if isinstance(part, building_blocks.Scores))
        assert binary.quantiser(last.dot).effective().unique().tolist() == [-1, 1]


def one_layer(latents, w, mu=0.5, sigma=0.5):
    """The quantiser of a dense layer with given numbers."""
    layer = bonn.Modulated(binary.linear(len(latents[0]), len(latents)))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(latents))
        for tensor, value in ((layer.log_w, w), (layer.log_mu, mu), (layer.log_sigma, sigma)):
            tensor.fill_(math.log(value))
    return layer


def test_the_way_to_the_modes_is_the_distance_from_them_and_the_gradient_over_w_squared():
    """w = 2: the modes lie at 0.5 and -0.5, whatever w is in other layers."""
    layer = one_layer([[0.3, -0.75, 0.5]], 2.0)
    torch.testing.assert_close(layer.way_to_modes(0.0), torch.tensor([[-0.2, -0.25, 0.0]]))
    x, w, mu, sigma, nu = (part.float() if torch.is_tensor(part) else part for part in random_case())
    layer = one_layer(x.tolist(), 1.0)
    with torch.no_grad():
        for tensor, value in ((layer.log_w, w), (layer.log_mu, mu), (layer.log_sigma, sigma)):
            tensor.copy_(value.log())
    _, gradients = kernel_loss(x, w, mu, sigma, nu)
    wanted = gradients["X"] / w.square().mean()
    torch.testing.assert_close(layer.way_to_modes(nu), wanted, rtol=1e-4, atol=1e-5)


def test_the_pull_is_a_step_of_its_own_behind_the_optimisers():
    """Against the same step with the kernel loss in no latent's gradient: lr * pull * way less."""
    found, ways = [], []
    for pull in (1e-30, 0.5):
        run = started(bonn.Method(pull=pull, feature=0.0, band=False))
        for group in run.optimiser.param_groups:
            group["lr"] = 0.01
        optimised = run.optimiser.step

        def step(run=run, optimised=optimised):
            optimised()
            ways[:] = [layer.way_to_modes(bonn.NU) for layer in bonn.modulated(run.network)]

        run.optimiser.step = step
        steps(run, 1)
        found.append([layer.weight.detach().clone() for layer in bonn.modulated(run.network)])
    for without, pulled, way in zip(*found, ways, strict=True):
        torch.testing.assert_close(pulled, without - 0.01 * 0.5 * way, rtol=0, atol=1e-7)


def test_latents_in_the_band_are_all_reached_by_the_task_and_those_outside_are_not():
    """After 60 steps at a high rate some latents are beyond the edge 1 / w, unless the clamp is there too."""
    beyond = {}
    for band in (False, True):
        run = started(bonn.Method(band=band, feature=0.0))
        for group in run.optimiser.param_groups:
            group["lr"] = 0.01
        steps(run, 60)
        with torch.no_grad():
            sizes = [(layer.weight * layer.log_w.exp()).abs() for layer in bonn.modulated(run.network)]
        beyond[band] = sum((size > 1).sum() for size in sizes) / sum(size.numel() for size in sizes)
    assert beyond[False] > 0.05 and beyond[True] == 0


def test_features_are_what_an_8_bit_classifier_reads():
    method = bonn.Method()
    run = started(method, "cifar10-resnet20_half", epochs=10, phase=1)
    assert run.phase.name == "fine" and method.centres.shape == (10, 32)
    seen = []
    run.network[-1].dot.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    losses = method.losses(run, run.forward(images), torch.tensor([1, 2, 3, 4]))
    assert torch.equal(method.features, seen[0].flatten(1)) and losses["feature"].requires_grad
