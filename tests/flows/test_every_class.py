"""Random networks of every class: nearly all are built, none wrong, others refused in a sentence."""

from pathlib import Path

import pytest
from every_class import CLASSES
from pipeline import agrees, imported

from xnorforge.core.errors import UserError
from xnorforge.flows.fold import fold

EACH, SHARE = 38, 0.97


def refusal(name: str, seed: int, folder: Path) -> str:
    """The sentence that refuses a network; empty if the bit simulator gives the integers of its file.

    Raises:
        MismatchError: a stage gives other integers than the one before.
    """
    folder.mkdir()
    file, images, scale = CLASSES[name](seed, folder)
    try:
        imported(file, images, folder, scale)
        fold(folder, "pynq-z2", folder / "acc", interval=10**6)
    except UserError as error:
        return str(error).replace(f"{folder}/", "")
    agrees(folder)
    return ""


@pytest.mark.quick("!torch, dynamo")
@pytest.mark.parametrize("name", CLASSES)
def test_a_network_of_a_class_is_built(name, tmp_path):
    assert not refusal(name, 0, tmp_path / "net")


@pytest.mark.full
def test_of_all_classes_nearly_all_networks_are_built_and_none_is_wrong(tmp_path):
    every = [(name, seed) for name in CLASSES for seed in range(EACH)]
    said = {one: refusal(*one, tmp_path / "{} {}".format(*one)) for one in every}
    refused = [f"{name}, seed {seed}: {text}" for (name, seed), text in said.items() if text]
    print(f"{len(said)} networks, {len(refused)} refused", *refused, sep="\n")
    assert len(said) >= 300 and len(refused) <= (1 - SHARE) * len(said)
