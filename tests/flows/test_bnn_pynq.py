"""Networks of brevitas_examples.bnn_pynq, random, and FINN's zoo where at hand: built as they are."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from brevitas_examples.bnn_pynq import models
from pipeline import agrees, imported
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.modules import export_module

IMAGES = 20
NETS = [f"{body}_{bits}" for body in ("tfc", "sfc", "cnv") for bits in ("1w1a", "1w2a", "2w2a")]
NETS += ["lfc_1w1a", "lfc_1w2a"]


def as_trained(name: str) -> nn.Module:
    """The network with statistics of a few batches and batch norms of both signs."""
    torch.manual_seed(0)
    module, cfg = models.model_with_cfg(name, False)
    shape = (int(cfg.get("MODEL", "IN_CHANNELS")), *((32, 32) if name.startswith("cnv") else (28, 28)))
    module.train()
    with torch.no_grad():
        for _ in range(3):
            module(torch.randint(0, 256, (16, *shape)) / 255)
        for layer in module.modules():
            if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                layer.weight.copy_(torch.rand_like(layer.weight) * 2 - 0.7)
                layer.bias.normal_(0, 0.3)
    module.input_shape = shape
    return module


def built(file: Path, shape, folder: Path, rtl: bool) -> None:
    """Import, lower, fold, bit simulator, and RTL if asked for: every check without a mismatch."""
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, *shape)).astype(np.uint8)
    imported(file, pixels, folder)
    fold(folder, "ultra96" if "lfc" in file.stem else "pynq-z2", folder / "acc")
    agrees(folder, rtl)


@pytest.mark.full
@pytest.mark.parametrize("name", NETS)
def test_networks_of_brevitas_examples_are_built(name, tmp_path):
    module = as_trained(name)
    export_module(module, module.input_shape, tmp_path / f"{name}.onnx")
    built(tmp_path / f"{name}.onnx", module.input_shape, tmp_path, name.startswith("tfc"))


ZOO = ["TFC_1W1A.onnx", "bnn_model_fc_1layer.onnx"]
ONCE_REFUSED = """cr_resize cr_resize_cat m3_dead_gap m4_dead1 mi_max2 mi_pad1_left mi_quant9 mi_topk1i
    mi_two_argmax mi_two_softmax_lin mi_up_like mi_up_size mi_wide1x1"""
ZOO += [f"refused2/{name}.onnx" for name in ONCE_REFUSED.split()]


def of_zoo(name: str) -> Path:
    """XNORFORGE_MODELS names a folder of such files; they do not come along."""
    file = Path(os.environ.get("XNORFORGE_MODELS", "nowhere")) / name
    if not file.is_file():
        pytest.skip(f"XNORFORGE_MODELS names no folder with {name}")
    return file


@pytest.mark.full
@pytest.mark.parametrize("name", ZOO)
def test_files_of_others_are_built(name, tmp_path):
    file = of_zoo(name)
    graph = onnx.load(file).graph
    given = next(x for x in graph.input if x.name not in {one.name for one in graph.initializer})
    built(file, [axis.dim_value for axis in given.type.tensor_type.shape.dim[1:]], tmp_path, True)


@pytest.mark.full
def test_the_guide_has_the_size_of_the_published_tagger_at_a_frame_per_cycle(call, here, tmp_path):
    file = of_zoo("qkeras_jettagging.onnx")
    assert call("build", file, "--board", "ulx3s", "--interval", 1, "--until", "fold")[0] == 0
    fold = read_json(tmp_path / "out/qkeras_jettagging/rtl-ulx3s/fold.json")
    page = (Path(__file__).parents[2] / "docs/guide/nanoseconds.md").read_text()
    assert fold["interval_bound"] == 1
    assert f"{fold['estimate']['lut']:,.0f} LUTs and a latency of {fold['latency']} cycles" in page
