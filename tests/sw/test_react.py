"""ReActNet: the functions of the paper by hand, and what is deployed computes what was trained."""

import numpy as np
import pytest
import torch

from xnorforge.sw.methods import react
from xnorforge.sw.methods.base import create
from xnorforge.sw.nn import binary
from xnorforge.sw.nn.rectifiers import Rectifier, Shifted
from xnorforge.sw.training import full_precision, train

from ..refusals import refused
from . import digits


def rectifier(slope, before, after, on_grid=False) -> Rectifier:
    found = Rectifier(1)
    with torch.no_grad():
        for tensor, value in zip((found.slope, found.before, found.after), (slope, before, after)):
            tensor.fill_(value)
    found.on_grid = on_grid
    return found


def test_rprelu_by_hand():
    """gamma 1, slope 0.25, zeta -0.5: 3 becomes 2 - 0.5, -3 becomes -4 / 4 - 0.5, and 1 becomes -0.5."""
    x = torch.tensor([3.0, 1.0, -3.0]).view(1, 1, 3, 1)
    assert rectifier(0.25, 1.0, -0.5)(x).flatten().tolist() == [1.5, -0.5, -1.5]


def test_rprelu_has_the_gradients_of_its_equation():
    """d slope = x - gamma below it, d gamma = -1 above and -slope below, d zeta = 1."""
    found = rectifier(0.25, 1.0, -0.5)
    x = torch.tensor([3.0, -3.0]).view(1, 1, 2, 1).requires_grad_()
    found(x).sum().backward()
    assert (found.slope.grad, found.before.grad, found.after.grad) == (-4.0, -1.25, 2.0)
    assert x.grad.flatten().tolist() == [1, 0.25]


def test_on_the_grid_slopes_are_eighths_from_0_to_1_and_still_learn():
    for slope, wanted in ((0.3, 0.25), (-0.4, 0.0), (1.7, 1.0), (0.19, 0.25)):
        found = rectifier(slope, 0.3, 0.0, on_grid=True)
        rounded, before, _ = found.numbers()
        assert rounded == wanted and before * 2048 == 614
        found(torch.tensor(-1.0).view(1, 1, 1, 1)).backward()
        assert found.slope.grad != 0


def test_rsign_is_the_sign_of_what_is_left_above_alpha():
    found = Shifted(2, react.Method().prepared(binary.sign_layer()))
    with torch.no_grad():
        found.alpha.copy_(torch.tensor([0.5, -1.0]))
    x = torch.tensor([[0.5, -1.5], [0.4, -1.0]]).view(2, 2, 1, 1).requires_grad_()
    assert found(x).flatten().tolist() == [1, -1, -1, 1]
    found(x).sum().backward()  # of 2 - 2 |x - alpha|: 2, 1, 1.8, 2
    torch.testing.assert_close(x.grad.flatten(), torch.tensor([2.0, 1.0, 1.8, 2.0]))
    torch.testing.assert_close(found.alpha.grad, torch.tensor([-3.8, -3.0]))


def test_the_gradient_of_a_filter_is_that_of_its_mean_size_times_the_signs():
    """Behind a batch norm alpha sign(W) and sign(W) are the same, and dL/dW = dL/d(sign W) / alpha."""
    layer = react.Method().prepared(binary.conv(2, 3, 3))
    bits = binary.quantiser(layer).quantised(layer.weight)
    bits.sum().backward()
    assert set(bits.flatten().tolist()) == {-1.0, 1.0}
    wanted = 1 / layer.weight.detach().abs().mean((1, 2, 3), keepdim=True)
    torch.testing.assert_close(layer.weight.grad, wanted.expand_as(layer.weight))


def test_with_a_guide_labels_are_not_looked_at(monkeypatch, tmp_path):
    """Equal scores give no loss; other labels give the same weights."""
    scores = torch.randn(4, 10, generator=torch.Generator().manual_seed(0))
    assert react.distribution_loss(scores, scores + 3).item() == pytest.approx(0, abs=1e-6)
    p, q = torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75])
    by_hand = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert react.distribution_loss(q.log()[None], p.log()[None]).item() == pytest.approx(by_hand, rel=1e-5)
    sets = digits.in_place_of_mnist(monkeypatch, (0, 128), (128, 192), epochs=1)
    full_precision.train_full_precision("mnist-tfc", tmp_path / "guide")
    hyper = {"guide": str(tmp_path / "guide")}
    first = train.train("mnist-tfc", "react", tmp_path / "a", hyper=hyper)
    sets[0].labels[:] = 0
    second = train.train("mnist-tfc", "react", tmp_path / "b", hyper=hyper)
    assert first["weights"]["sha256"] == second["weights"]["sha256"]


def test_a_guide_is_a_run_of_train_float_of_the_network(monkeypatch, tmp_path):
    digits.in_place_of_mnist(monkeypatch, (0, 64), (64, 128), epochs=1)
    train.train("mnist-tfc", "ste", tmp_path)
    refused(lambda: react.Method(guide=str(tmp_path)).build("mnist-tfc"), f"GUIDE: {tmp_path} ", "method ste",
            "train-float run of mnist-tfc")  # fmt: skip


@pytest.mark.parametrize("method", ["react", "rbcn"])
def test_a_deployed_network_needs_no_guide(method):
    """Weights are shipped without the run that was their guide."""
    network = create(method, {"guide": "nowhere"}).skeleton("cifar10-resnet20_half")
    assert network.state_dict().keys() == create(method).skeleton("cifar10-resnet20_half").state_dict().keys()
