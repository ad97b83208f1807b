"""RBCN's parts one after the other, as in the book's Table 3.3, on scikit-learn's digits: Bi, R, R+G, R+G+B,
and ste beside.
"""

import numpy as np
import pytest
import torch

from xnorforge.sw.methods import rbcn, ste

from . import digits

# Without the kernel loss C has no gradient and rests. All have the guide's four epochs and sixteen of their
# own.
PARTS = {
    "Bi": {"lambda1": 0.0, "adversarial": 0.0, "kept": 0},
    "R": {"adversarial": 0.0, "kept": 0},
    "R+G": {"kept": 0},
    "R+G+B": {},
    "R, a hundred times": {"adversarial": 0.0, "kept": 0, "lambda1": 1e-2},
}


def trained(method, hyper, epochs=20):
    """Trainings with five seeds, and their accuracy."""
    runs = [digits.trained(method(**hyper), seed, digits.wide, epochs) for seed in range(5)]
    return runs, [digits.held_out(run) for run in runs]


def rest(run) -> float:
    """|W - C o W^|^2 over |W|^2, mean of the layers: 0 where all latents lie at +-C."""
    layers = [(layer.weight.detach(), layer.scale.detach()) for layer in rbcn.rectified(run.network)]
    return np.mean([((w.abs() - c).square().sum() / w.square().sum()).item() for w, c in layers])


@pytest.fixture(scope="module")
def ablated():
    """Per variant the means over seeds: accuracy in per cent, and of those with a C `rest`."""
    torch.set_num_threads(1)
    found = {}
    for name, epochs in (("ste", 20), ("ste, 16 epochs", 16)):
        _, accuracies = trained(ste.Method, {}, epochs)
        print(
            f"{name}: {' '.join(f'{accuracy:.1f}' for accuracy in accuracies)}, mean "
            f"{np.mean(accuracies):.2f}"
        )
        found[name] = [np.mean(accuracies)]
    for name, hyper in PARTS.items():
        runs, accuracies = trained(rbcn.Method, hyper)
        found[name] = [np.mean(accuracies), np.mean([rest(run) for run in runs])]
        print(
            f"{name}: {' '.join(f'{accuracy:.1f}' for accuracy in accuracies)}, means "
            f"{np.round(found[name], 3)}"
        )
    return found


@pytest.mark.full
def test_a_learned_scale_and_the_kernel_loss_bring_latents_to_plus_and_minus_c(ablated):
    rests = {name: row[1] for name, row in ablated.items() if name in PARTS}
    assert max(rests["R"], rests["R+G"], rests["R+G+B"]) < rests["Bi"] - 0.07
    assert rests["R, a hundred times"] < rests["R"] - 0.07


@pytest.mark.full
def test_parts_cost_no_accuracy_nor_was_a_gain_seen(ablated):
    """Published: Bi < R < R+G < R+G+B, by 1.6, 2.6 and 2.5 points. Here all are the same within the noise, as
    is ste.
    """
    accuracies = [ablated[name][0] for name in ("ste", "ste, 16 epochs", "Bi", "R", "R+G", "R+G+B")]
    assert max(accuracies) - min(accuracies) < 4
