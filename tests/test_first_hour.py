"""A user's own pictures and own network: one path from a folder to a folded accelerator."""

import numpy as np
import pytest
from PIL import Image

from xnorforge.core.artifacts import read_json

NETWORKS = """
from functools import partial
import brevitas.nn as qnn
import torch
from brevitas.quant import SignedBinaryActPerTensorConst as Act, SignedBinaryWeightPerTensorConst as Weight
from torch import nn

C, S, K = {channels}, {size}, {classes}
BINARY = dict(bias=False, weight_quant=Weight)
sign = lambda: qnn.QuantIdentity(act_quant=Act)
conv = lambda c: nn.Sequential(qnn.QuantConv2d(c, 8, 3, padding=1, **BINARY), nn.BatchNorm2d(8))

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.sign, self.conv = sign(), conv(8)
    def forward(self, x):
        return x + self.conv(self.sign(x))

def network(kind):
    last = qnn.QuantLinear(16 if kind == "Dense" else 8 * (S // 4) ** 2, K, **BINARY)
    body = dict(
        Dense=[nn.Flatten(), qnn.QuantLinear(C * S * S, 16, **BINARY), nn.BatchNorm1d(16), sign()],
        Vgg=[conv(C), sign(), nn.MaxPool2d(2), conv(8), sign(), nn.MaxPool2d(2), nn.Flatten()],
        Residual=[conv(C), Block(), Block(), sign(), nn.MaxPool2d(4), nn.Flatten()],
    )[kind]
    net = nn.Sequential(*body, last)
    net.input_shape = C, S, S
    return net

Dense, Vgg, Residual = (partial(network, kind) for kind in ("Dense", "Vgg", "Residual"))

def Colour():  # the largest score is that of the brightest colour
    dense = qnn.QuantLinear(3, 3, **BINARY)
    dense.weight.data = 2 * torch.eye(3).flip(0) - 1
    return nn.Sequential(nn.MaxPool2d(16), nn.Flatten(), dense)
"""
FORMATS = ("png", "jpg", "bmp", "gif")
WORDS = ("--task", "folder", "--data", "photos")
WHOLE = 5, 6, 7  # seeds whose networks, one of each kind, go on to the report


def save(path, made):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made.astype(np.uint8)).save(path)


@pytest.mark.quick("0")
@pytest.mark.parametrize("seed", range(20), ids=str)
def test_own_pictures_and_an_own_network_become_an_accelerator(here, tmp_path, call, seed):
    """Pictures of any sizes and formats; in a fifth of the cases one is broken."""
    rng = np.random.default_rng(seed)
    names, grey = [f"{label}-kind" for label in range(rng.integers(2, 11))], bool(rng.integers(2))
    each = int(rng.integers(3, max(4, 300 // len(names))))
    for label, at in np.ndindex(len(names), each):
        size = tuple(rng.integers(8, 70, 2))
        made = rng.integers(0, 100, size if grey else (*size, 3)) + 15 * label
        save(tmp_path / f"photos/{names[label]}/{at}.{FORMATS[rng.integers(4)]}", made)
    broken = f"photos/0-kind/{each}.png" if rng.random() < 0.2 else ""
    if broken:
        (tmp_path / broken).write_bytes(b"no picture")
    channels, size = [(1, 28), (3, 32), (3, 16)][rng.integers(3)]
    (tmp_path / "own.py").write_text(NETWORKS.format(channels=channels, size=size, classes=len(names)))
    net = f"own.py:{('Dense', 'Vgg', 'Residual')[seed % 3]}"
    words = (*WORDS, "--method", ("ste", "bonn", "react")[seed // 3 % 3])
    code, said = call("train", net, *words, "--epochs", "2")
    if broken:
        assert code == 2 and broken in said[-1] and "Traceback" not in "".join(said)
        return
    until = ("report", "--images", 4, "--stalled", 2) if seed in WHOLE else ("fold",)
    assert (code, *call(until[0], net, *words, *until[1:])[:1]) == (0, 0), said
    [fold] = (tmp_path / "out").rglob("fold.json")
    exported = read_json(fold.parent.parent / "export.json")
    assert exported["class_names"] == names and read_json(fold)["checks"][0]["mismatches"] == 0
    assert {row["stage"] for row in exported["accuracy"]} == {"trained", "exported"}
    assert seed not in WHOLE or read_json(fold.with_name("report.json"))["verdict"] == "PASS"


@pytest.mark.usefixtures("stages_here")
def test_a_file_is_tested_with_the_pictures_that_its_network_was_trained_on(here, tmp_path, call):
    for at, name in enumerate(("blue", "green", "red")):
        for number in range(10):
            made = np.full((20 + number, 30, 3), number)
            made[:, :, 2 - at] += 200
            save(tmp_path / f"photos/{name}/{number}.png", made)
    (tmp_path / "own.py").write_text(NETWORKS.format(channels=3, size=16, classes=3))
    code, said = call("import", "own.py:Colour", "--shape", "3x16x16", "--until", "export", *WORDS)
    exported = read_json(tmp_path / "out/Colour/export.json")
    assert exported["class_names"] == ["blue", "green", "red"] and exported["accuracy"][0]["correct"] == 6
    code, said = call("build", "out/Colour/Colour.onnx", "--task", "mnist", "--data", "photos", "--dry-run")
    assert code == 2 and said[-1].startswith("DATA: ")
