"""Random networks over Brevitas's own quantisers, exported by its own exporters, from file to RTL: none
wrong, and what is refused is refused in one sentence.
"""

from pathlib import Path

import numpy as np
import pytest
from brevitas_networks import EXPORTERS, drawn
from pipeline import runs_as_rtl

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.registry import RULES
from xnorforge.sim.stage import bits_alone

IMAGES = 24
QUICK, EVERY, CHUNK = 12, 300, 25
QCDQ = "QuantizeLinear" in RULES  # drawn as soon as there are rules for its nodes


def outcome(seed: int, folder: Path, rtl: bool, exporters) -> str:
    """Build a network up to the bit simulator, or the RTL: "built", or the sentence that refuses it.

    Raises:
        MismatchError: a stage gives other integers than the one before.
    """
    net = drawn(seed, exporters)
    net.export(folder / "net.onnx")
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, *net.shape), dtype=np.uint8)
    try:
        import_model(folder / "net.onnx", pixels, [-1] * IMAGES, folder)
        record = lower(folder / "model.onnx", folder / "golden.npz", folder)
        fold(folder, "pynq-z2", folder / "acc")
    except UserError as error:
        return str(error).replace(f"{folder}/", "")
    assert all(check["integers"] and not check["mismatches"] for check in record["checks"])
    assert bits_alone(folder / "acc", folder)["images"] == IMAGES
    if rtl:
        runs_as_rtl(folder)
    return "built"


def usual_exporters() -> tuple[str, ...]:
    return ("qonnx", "qcdq") if QCDQ else ("qonnx",)


@pytest.mark.quick("3", "5", "8", "10", "11")
@pytest.mark.parametrize("seed", range(QUICK))
def test_a_network_of_brevitas_is_built_exactly(seed, tmp_path):
    assert outcome(seed, tmp_path, seed < 3, usual_exporters()) == "built"


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, EVERY, CHUNK))
def test_networks_of_brevitas_are_built_to_the_rtl(first, tmp_path):
    """One of 25 at most is refused."""
    exporters = tuple(name for name in EXPORTERS if QCDQ or name != "qcdq")
    refused: list[str] = []
    for seed in range(first, first + CHUNK):
        (tmp_path / str(seed)).mkdir()
        said = outcome(seed, tmp_path / str(seed), True, exporters)
        refused += [f"seed {seed}: {said}"] * (said != "built")
    print(f"seeds {first} .. {first + CHUNK - 1}: {len(refused)} refused")
    assert len(refused) <= 1, "\n".join(refused)
