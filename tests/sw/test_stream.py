"""The frame PReLU(x + 2^-k conv(sign(BN(x)))): its numbers, and that every sign passes gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.sw import networks
from xnorforge.sw.nn import binary, stream


def pictures(count: int, size: int):
    """Smooth random pictures 0 .. 255 of two classes, the brighter half, and their classes."""
    noise = torch.rand(count, 3, 4, 4)
    labels = torch.randint(0, 2, (count,))
    noise[labels == 1, :, :2] += 0.5
    noise[labels == 0, :, 2:] += 0.5
    return (F.interpolate(noise, size=(size, size), mode="bilinear") * 170).round().clamp(0, 255), labels


def least_share(net: nn.Module, images) -> float:
    """The least share of activations that a sign of the network reads between -1 and 1."""
    found = []
    hooks = [
        part.norm.register_forward_hook(lambda _, _in, out: found.append((out.abs() < 1).float().mean()))
        for part in net.modules()
        if isinstance(part, stream.Added)
    ]
    net(images)
    for hook in hooks:
        hook.remove()
    return float(min(found))


def on_small_pictures(name: str) -> nn.Module:
    """A network for 32x32 pixels whose last mean is over the map of 16x16."""
    net = networks.build(name)
    for part in net.modules():
        if isinstance(part, stream.Classifier):
            part.mean = nn.AvgPool2d(part.mean.kernel_size // 2)
    return net


STREAMS = ("cifar10-resnet", "cifar10-vgg", "cifar10-wrn", "cifar100-")
ZOO = [net for net in networks.names() if net.startswith(STREAMS) and not net.endswith("8bit")]
SMALL = {
    "residual": lambda: stream.residual_stream((8, 8, 16), 2, size=8, classes=2),
    "repeated": lambda: stream.residual_stream((8, 8, 16), 2, size=8, classes=2, wider=stream.Repeated),
    "plain": lambda: stream.plain_stream((16, 32), size=8, classes=2),
}


@pytest.mark.parametrize("net", ZOO)
def test_at_least_four_in_ten_activations_of_a_fresh_network_pass_a_gradient(net):
    torch.manual_seed(0)
    assert least_share(on_small_pictures(net), pictures(32, 16)[0]) > 0.4


@pytest.mark.parametrize("net", [*SMALL, *(pytest.param(net, marks=pytest.mark.full) for net in ZOO)])
def test_they_still_do_after_ten_epochs_and_every_weight_has_a_gradient_that_teaches(net):
    torch.manual_seed(0)
    net, size = (SMALL[net](), 8) if net in SMALL else (on_small_pictures(net), 16)
    binary.prepare(net)
    images, labels = pictures(256, size)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    for _ in range(10):
        for at in torch.randperm(len(images)).split(32):
            loss = F.cross_entropy(net(images[at]), labels[at])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            for latent in binary.latents(net).values():
                latent.data.clamp_(-1, 1)
    assert all(part.grad is not None and part.grad.any() for part in net.parameters())
    assert least_share(net, images) > 0.4
    assert least_share(net.eval(), images) > 0.4
    with torch.no_grad():
        assert (net(images).argmax(1) == labels).float().mean() > 0.9


def test_a_block_computes_its_equation():
    torch.manual_seed(0)
    block = stream.Residual(4, 4).eval()
    x = torch.randint(-2048, 2048, (2, 4, 5, 5)) / 256
    with torch.no_grad():
        block.added.norm.running_mean.uniform_(-1, 1)
        block.added.norm.weight.uniform_(-1, 1)
        bits = torch.where(block.added.norm(x) >= 0, 1.0, -1.0)
        weights = torch.where(block.added.conv.weight >= 0, 1.0, -1.0) / 16  # 36 products
        total = x + F.conv2d(F.pad(bits, (1, 1, 1, 1), value=-1.0), weights)
        want = torch.where(total < 0, total / 2, total).mul(256).floor().clamp(-2048, 2047) / 256
        assert torch.equal(block(x), want)


def test_a_shortcut_without_weights_repeats_the_mean_of_four_pixels():
    x = torch.randint(-2048, 2048, (2, 4, 6, 6)) / 256
    wider = stream.Repeated(4, 8, 2)(x)
    for channel in range(8):
        corners = [x[:, channel % 4, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        assert torch.equal(wider[:, channel], sum(corners) / 4)


def test_a_plain_layer_pools_what_its_equation_gives():
    torch.manual_seed(0)
    block = stream.Plain(4, 6, pool=2).eval()
    x = torch.randint(-2048, 2048, (2, 4, 6, 6)) / 256
    with torch.no_grad():
        block.added.norm.running_mean.uniform_(-1, 1)
        bits = torch.where(block.added.norm(x) >= 0, 1.0, -1.0)
        weights = torch.where(block.added.conv.weight >= 0, 1.0, -1.0) / 16
        found = F.conv2d(F.pad(bits, (1, 1, 1, 1), value=-1.0), weights)
        bent = torch.where(found < 0, found / 2, found)
        corners = [bent[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
        assert torch.equal(block(x), torch.stack(corners).amax(0))


def test_slopes_are_the_nearest_powers_of_two_by_logarithm():
    slopes = stream.Slopes(8)
    with torch.no_grad():
        slopes.weight.copy_(torch.tensor([-1, 0.1, 0.17, 0.18, 0.35, 0.36, 0.7, 3]))
    assert slopes.rounded().tolist() == [0.125, 0.125, 0.125, 0.25, 0.25, 0.5, 0.5, 1]


def test_gradients_are_those_of_the_triangle_and_inside_the_stream_the_identity():
    x = torch.tensor([-1.5, -0.5, 0.25, 2.0], requires_grad=True)
    binary.prepare(nn.Sequential(binary.sign_layer(binary.TriangularSign)))(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1.5, 0]
    x = torch.tensor([-9.0, -0.3, 7.9, 8.5], requires_grad=True)
    binary.prepare(nn.Sequential(binary.Identity(act_quant=stream.RoundedDown)))(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0]
