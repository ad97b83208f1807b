"""Back ends are found by file name and declare what others go by; networks from elsewhere in them: adders and
the C++ of hls4ml give the lowered integers.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from brevitas_networks import drawn
from pipeline import with_adders
from random_geometry import RandomGeometry

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.backends import base
from xnorforge.flows.backends.hls4ml import write_and_emulate
from xnorforge.flows.backends.hls4ml.model import IO_TYPES, check_expressible
from xnorforge.flows.bind import bind_folder
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.input_wanted import Wanted
from xnorforge.flows.importing.samples import Samples
from xnorforge.flows.importing.stage import import_network
from xnorforge.flows.lower import lower
from xnorforge.hw import graph
from xnorforge.sim.stage import bits_alone

from ..refusals import refuses

STAGES = {"generate", "sim", "synth", "netlist", "hls"}


def test_the_back_ends_are_these():
    assert base.names() == ["finn", "hls4ml", "rtl"]


@pytest.mark.parametrize("name", base.names())
def test_a_back_end_declares_what_the_others_go_by(name):
    backend = base.load(name)
    assert backend.about and backend.report in {"design", "project", "handover"}
    assert backend.stages
    for stage in set(backend.stages) - STAGES:  # its own: the function that the pipeline calls
        assert callable(getattr(plugins.load("flows.backends", name), stage))


IMAGES = 4
SLOW = 2_000_000  # cycles per frame: no bound for networks of this size
STEPS = {"geometry": (1.0, 1.0), "brevitas": (1 / 255, 1 / 128)}  # of pixels, of signed bytes


def folded_for(backend: str, kind: str, seed: int, folder: Path, adders: bool = False) -> Path:
    """A random network with pixels, signed bytes or fixed point at its input, folded, with `adders` for
    every matrix that can become some; its folder.

    Raises:
        UserError: import, lower or fold refuses it.
    """
    rng = np.random.default_rng(seed)
    if kind == "geometry":
        net = RandomGeometry(seed)
        net.model.save(str(folder / "net.onnx"))
        shape = net.pixels.shape[1:]
    else:
        made = drawn(seed, ("qonnx",))
        made.export(folder / "net.onnx")
        shape = made.shape
    size, (step, signed_step) = (IMAGES, *shape), STEPS[kind]
    images, wanted = [
        (rng.integers(0, 256, size).astype(np.uint8), Wanted("uint8", step)),
        (rng.integers(-128, 128, size).astype(np.int8), Wanted("int8", signed_step)),
        (rng.normal(0, 1.5, size).astype(np.float32), Wanted("q4.12")),
    ][seed % 3]
    samples = Samples(images, np.full(IMAGES, -1), "random", pixels=images.dtype == np.uint8)
    import_network(folder / "net.onnx", samples, folder, wanted)
    lower(folder / "model.onnx", folder / "golden.npz", folder)
    folding = folder / "folding.json"
    names = [one.name for one in bind_folder(folder) if adders and with_adders(one) is not one]
    folding.write_text(json.dumps({name: {"structure": "adders"} for name in names}))
    fold(folder, "pynq-z2", folder / "acc", SLOW, folding, backend)
    return folder / "acc"


@pytest.mark.parametrize("kind, seed", [
    ("geometry", 1), ("geometry", 12),
    *(pytest.param("geometry", seed, marks=pytest.mark.full) for seed in (0, 6, 7)),
    *(pytest.param("brevitas", seed, marks=pytest.mark.full) for seed in (0, 1, 4, 5, 6)),
])  # fmt: skip
def test_adders_give_the_integers_of_an_imported_network(kind, seed, tmp_path):
    acc = folded_for("rtl", kind, seed, tmp_path, adders=True)
    assert "DaMvu" in {type(op).__name__ for op in graph.operators(acc / "folded.onnx")}
    found = bits_alone(acc, tmp_path)
    assert found["images"] == IMAGES and found["mismatches"] == 0


@pytest.mark.parametrize("seed, text", [
    (1, "hls4ml: conv2_window (Window) … dilation=[1, 3] … [1, 1]"),
    (105, "hls4ml: conv0_place_1 (Border) … 58 bits … 53 … BACKEND=rtl"),
])  # fmt: skip
def test_what_hls4ml_cannot_express_of_an_imported_network_is_one_sentence(seed, text, tmp_path):
    acc = folded_for("hls4ml", "geometry", seed, tmp_path)
    with refuses(text):
        write_and_emulate(acc, tmp_path)
    assert not (acc / "hls_project").exists()


@pytest.mark.full
@pytest.mark.parametrize(
    "kind, seed", [*(("geometry", seed) for seed in range(30)), *(("brevitas", seed) for seed in range(14))]
)
def test_hls4ml_gives_the_integers_of_an_imported_network_or_refuses_it(kind, seed, tmp_path):
    """One form for each, by turns: every three seeds have all inputs in one form."""
    try:
        acc = folded_for("hls4ml", kind, seed, tmp_path)
        check_expressible(graph.operators(acc / "folded.onnx"), IO_TYPES)
    except UserError as error:
        assert str(error).endswith(".") and ";" in str(error)
        return
    record = write_and_emulate(acc, tmp_path, io=(IO_TYPES[seed // 3 % 2],))
    assert [row["mismatches"] for row in record["checks"]] == [0, 0]
