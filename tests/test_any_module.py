"""A published method trains anybody's network of Brevitas layers, and what it trained is built exactly."""

import copy
import csv
import itertools
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import xnorforge
from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json
from xnorforge.core.networks import MEMORY
from xnorforge.flows.importing.modules import export_module
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.sw import modules, zoo
from xnorforge.sw.methods import base, bonn
from xnorforge.sw.nn import binary, building_blocks, stream
from xnorforge.sw.training import given, train

from .refusals import refuses
from .sw.random_modules import CLASSES, BiRealNet, random_module

METHODS = ("ste", "react", "bonn", "rbcn", "layer_priority", "group_net", "ci_bcnn")
HYPER = {"ci_bcnn": {"steps": 2}}  # mining takes most of the time otherwise
COUNT, EPOCHS, KILLED = 360, 4, 2  # images: 324 to train on, 5 batches of 64 per epoch


def pictures(shape, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise, brighter the higher the class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, COUNT)
    noise = rng.integers(0, 160, (COUNT, *shape))
    return (noise + 30 * labels.reshape(-1, *(1,) * len(shape))).astype(np.uint8), labels


def scale_of(module) -> float:
    """What a module expects pixels to be multiplied by."""
    return getattr(module, "scale", modules.SCALE)


def gradients(module, method: str, images, labels) -> dict[str, torch.Tensor]:
    """The gradients of the task's loss by latent, of a fresh network as the method trains it."""
    net = f"{MEMORY}-{type(module).__name__}"
    task = given.ArrayTask(images, labels)
    modules.MEMORY[net] = lambda: modules.Given(copy.deepcopy(module), scale_of(module)), task
    torch.manual_seed(0)
    network = base.create(method, HYPER.get(method)).build(net).train()
    scores = network(torch.from_numpy(images[:64]).float())
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels[:64])).backward()
    return {name: latent.grad for name, latent in binary.latents(network).items()}


def trained_and_built(module, method: str, folder, monkeypatch) -> nn.Module:
    """Train, kill, resume and build a module, all the same to the last bit; return the trained one."""
    images, labels = pictures(module.shape)
    for name, gradient in gradients(module, method, images, labels).items():
        assert gradient is not None and gradient.isfinite().all() and gradient.any(), name

    kind, seen, epochs = plugins.load("sw.methods", method).Method, {}, []

    def on_epoch(self, run):
        epochs.append(run.epoch)
        if len(epochs) == KILLED + 1:  # what a kill would leave
            (folder / "killed").mkdir()
            shutil.copy(run.out_dir / "checkpoint.pt", folder / "killed")
        usual(self, run)

    def deploy(self, net, network):
        building_blocks.set_on_grid(network, True)
        seen.setdefault("trained", train.scores(network, images))  # later ones are skeletons
        return deployed(self, net, network)

    def run(place):
        words = {"method": method, "out": folder / place, "epochs": EPOCHS, **HYPER.get(method, {})}
        return xnorforge.train(module, images, labels, scale=scale_of(module), **words)

    usual, deployed = kind.on_epoch, kind.deploy
    before = copy.deepcopy(module.state_dict())
    with monkeypatch.context() as patched:
        patched.setattr(kind, "on_epoch", on_epoch)
        patched.setattr(kind, "deploy", deploy)
        trained, ran = run("whole"), len(epochs)
        run("killed")
    assert len(epochs) == 2 * ran - KILLED and ran >= EPOCHS  # a step for each layer is one too
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    one, other = ((folder / place / "weights.safetensors").read_bytes() for place in ("whole", "killed"))
    assert one == other
    with (folder / "whole/curve.csv").open() as file:
        numbers = [float(value) for row in csv.DictReader(file) for key, value in row.items()
                   if key != "phase" and value]  # fmt: skip
    assert all(map(math.isfinite, numbers))

    found = train.scores(modules.Given(trained, scale_of(module)), images)
    assert np.array_equal(found, seen["trained"])
    again = zoo.load(f"{MEMORY}-{type(module).__name__}", method, folder / "whole")[0]
    assert np.array_equal(train.scores(again, images), found)

    file = folder / f"{type(module).__name__}.onnx"
    export_module(trained, module.shape, file)
    import_model(file, images[:20], labels[:20], folder / "build", scale_of(module))
    scores = np.load(folder / "build/golden.npz")["scores"]
    off = 1e-4 * np.abs(found).max()
    last = [*trained.modules()][-1]
    if isinstance(last, nn.BatchNorm1d):  # it magnifies what float32 leaves of sums up to 16
        off += 2**-20 * float((last.weight.detach().abs() / (last.running_var + last.eps).sqrt()).max())
    np.testing.assert_allclose(scores.reshape(20, -1), found[:20].reshape(20, -1), atol=off)
    record = lower(folder / "build/model.onnx", folder / "build/golden.npz", folder / "build")
    assert record["checks"] and not any(check["mismatches"] for check in record["checks"])
    return trained


# Each method and each family, in all.
QUICK = [*zip(METHODS, range(7)), ("ci_bcnn", 0), ("react", 5), ("group_net", 9)]

# The papers' networks in small, by the builder of sw/nn/stream.py.
FRAMES = {
    "resnet20": lambda: stream.residual_stream((4, 4, 8), 2, size=8, classes=CLASSES, wider=stream.Repeated),
    "wrn22": lambda: stream.residual_stream((4, 4, 8), 2, size=8, classes=CLASSES),
    "vgg_small": lambda: stream.plain_stream((4, 8), size=8, classes=CLASSES),
}
QUICK_FRAMES = [("ste", "vgg_small"), ("bonn", "wrn22"), ("rbcn", "resnet20"), ("group_net", "resnet20"),
                ("react", "wrn22")]  # fmt: skip

# No layer has sums that edges can change: the only one that reads bits has a bias.
REFUSED = [("ci_bcnn", 35)]


@pytest.mark.quick("ste-0", "bonn-2", "rbcn-3", "ci_bcnn-0", "group_net-9")
@pytest.mark.parametrize(("method", "seed"), QUICK)
def test_a_module_trains_resumes_and_is_built(method, seed, tmp_path, monkeypatch):
    trained_and_built(random_module(seed), method, tmp_path, monkeypatch)


@pytest.mark.quick("ste-vgg_small")
@pytest.mark.parametrize(("method", "frame"), [
    pytest.param(*pair, marks=() if pair in QUICK_FRAMES else pytest.mark.full)
    for pair in itertools.product(METHODS, FRAMES)
])  # fmt: skip
def test_networks_of_the_papers_train_resume_and_are_built(method, frame, tmp_path, monkeypatch):
    module = FRAMES[frame]()
    module.shape, module.scale = (3, 8, 8), 1.0
    trained_and_built(module, method, tmp_path, monkeypatch)


@pytest.mark.quick("!rbcn")
@pytest.mark.parametrize("method", ["bonn", "rbcn"])
def test_scales_that_moved_since_their_start_are_built(method, tmp_path, monkeypatch):
    """In a stream, where a scale changes what is added; the rates of w and C are such that all move."""
    monkeypatch.setattr(bonn, "MODULATION_RATE", 200.0)
    monkeypatch.setitem(HYPER, "bonn", {"kernel": 1.0})
    monkeypatch.setitem(HYPER, "rbcn", {"scale_rate": 2.0})
    torch.manual_seed(1)
    module = stream.residual_stream((4, 4, 8), 2, size=8, classes=CLASSES)[1:]
    # of pixels in 1/255 a sum may be a level of the stream, give or take a rounding
    module.shape, module.scale = (3, 8, 8), 1 / 256
    trained = trained_and_built(module, method, tmp_path, monkeypatch)
    sizes = {
        name: binary.quantiser(layer).quantised(layer.weight).abs().unique() * layer.weight[0].numel() ** 0.5
        for name, layer in binary.binary_layers(trained).items()
    }
    fresh = {name: size.min() >= 0.5**0.5 and size.max() <= 2**0.5 for name, size in sizes.items()}
    assert len(fresh) == 4 and not all(fresh.values())


@pytest.mark.quick("1-group_net")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(60))
def test_sixty_modules_train_resume_and_are_built(method, seed, tmp_path, monkeypatch):
    if (method, seed) not in REFUSED:
        trained_and_built(random_module(seed), method, tmp_path, monkeypatch)


@pytest.mark.parametrize(("method", "seed"), REFUSED)
def test_what_a_method_cannot_take_is_refused_before_the_first_step(method, seed, tmp_path):
    module = random_module(seed)
    with refuses(f"{type(module).__name__}: … {method} … bias=False"):
        xnorforge.train(module, *pictures(module.shape), method=method, out=tmp_path / "run", epochs=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.full
@pytest.mark.parametrize("seed", range(12))
def test_twelve_modules_are_built_to_rtl(seed, tmp_path, monkeypatch):
    module = random_module(seed)
    trained = trained_and_built(module, METHODS[(seed + 3) % len(METHODS)], tmp_path, monkeypatch)
    images = pictures(module.shape)[0][:8]
    words = {"images": images, "folder": tmp_path / "rtl", "frames": 4, "stalled": 2}
    acc = xnorforge.build(trained, input_shape=module.shape, until="sim", **words)
    checks = read_json(acc.folder / "sim.json")["checks"]
    assert {"RTL = lowered"} <= {check["name"] for check in checks}
    assert not any(check["mismatches"] for check in checks)


def other(name: str) -> nn.Module:
    """A network that is not ours: of brevitas_examples, or Bi-Real of plain Brevitas layers."""
    torch.manual_seed(0)
    if name == "bi_real":
        return BiRealNet()
    from brevitas_examples.bnn_pynq import models

    module, _ = models.model_with_cfg(name, False)
    module.shape = (3, 32, 32) if name.startswith("cnv") else (1, 28, 28)
    return module


@pytest.mark.full
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ["bi_real", "tfc_1w1a", "cnv_1w1a"])
def test_networks_of_others_train_unchanged(method, name, tmp_path, monkeypatch):
    module = other(name)
    images, labels = (part[:20] for part in pictures(module.shape))
    for latent, gradient in gradients(module, method, images, labels).items():
        assert gradient is not None and gradient.isfinite().all() and gradient.any(), latent
    monkeypatch.setattr(modules, "RECIPE", replace(modules.RECIPE, batch=16))
    words = {"method": method, "out": tmp_path, "epochs": 3, **HYPER.get(method, {})}
    trained = xnorforge.train(module, images, labels, **words)
    assert np.isfinite(train.scores(modules.Given(trained), images)).all()
