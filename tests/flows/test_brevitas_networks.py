"""Random networks over Brevitas's own quantisers, exported by its own exporters, from file to RTL: none
wrong, and what is refused is refused in one sentence.
"""

from pathlib import Path

import numpy as np
import pytest
from brevitas_networks import EXPORTERS, drawn
from pipeline import agrees, imported

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import fold

IMAGES = 24
QUICK, EVERY, CHUNK = 12, 300, 25


def outcome(seed: int, folder: Path, rtl: bool, exporters=tuple(EXPORTERS)) -> str:
    """Build a network up to the bit simulator, or the RTL: "built", or the sentence that refuses it.

    Raises:
        MismatchError: a stage gives other integers than the one before.
    """
    net = drawn(seed, exporters)
    net.export(folder / "net.onnx")
    pixels = np.random.default_rng(seed).integers(0, 256, (IMAGES, *net.shape), dtype=np.uint8)
    try:
        imported(folder / "net.onnx", pixels, folder)
        fold(folder, "pynq-z2", folder / "acc")
    except UserError as error:
        return str(error).replace(f"{folder}/", "")
    agrees(folder, rtl)
    return "built"


@pytest.mark.quick("3", "5", "8", "10", "11")
@pytest.mark.parametrize("seed", range(QUICK))
def test_a_network_of_brevitas_is_built_exactly(seed, tmp_path):
    assert outcome(seed, tmp_path, seed < 3, ("qonnx", "qcdq")) == "built"


@pytest.mark.full
@pytest.mark.parametrize("first", range(0, EVERY, CHUNK))
def test_networks_of_brevitas_are_built_to_the_rtl(first, tmp_path):
    """One of 25 at most is refused."""
    refused: list[str] = []
    for seed in range(first, first + CHUNK):
        (tmp_path / str(seed)).mkdir()
        said = outcome(seed, tmp_path / str(seed), True)
        refused += [f"seed {seed}: {said}"] * (said != "built")
    print(f"seeds {first} .. {first + CHUNK - 1}: {len(refused)} refused")
    assert len(refused) <= 1, "\n".join(refused)
