"""Weights that somebody else made: folders of WEIGHTS= and files of torch.save; nothing in them is run."""

import json
import os
import pickle
import shutil
import struct
import sys
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.flows.importing.modules import load_weights
from xnorforge.sw import zoo

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import listing

NET = "mnist-tfc"


class Harm:
    """Makes a folder `owned` when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The shipped weights of a network, in a folder of their own, beside which we are."""
    shipped = Path(str(files("xnorforge.sw"))) / "shipped" / f"{NET}-ste"
    shutil.copytree(shipped, tmp_path / "w")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "w"


def signed(folder: Path, content: bytes) -> None:
    """Put other weights into the folder, with a card that says so."""
    (folder / "weights.safetensors").write_bytes(content)
    card = json.loads((folder / "card.json").read_text())
    card["weights"]["sha256"] = sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


def refused(folder: Path) -> str:
    """The sentence; nothing of the files is run, and nothing is made."""
    before = listing(folder.parent)
    with pytest.raises(UserError) as found:
        zoo.load(NET, "ste", Path("w"))
    assert listing(folder.parent) == before
    said = str(found.value)
    assert said.isprintable() and said.endswith(".") and len(said) < 1500, said
    return said


def test_the_weights_as_they_are_shipped_are_taken(folder):
    assert zoo.load(NET, "ste", Path("w"))[1]["net"] == NET


CARDS = {
    "no network": {"net": None},
    "a network that is a number": {"net": 3},
    "another network": {"net": "mnist-cnn"},
    "a name that is a path": {"net": "../../x"},
    "no method": {"method": None},
    "another method": {"method": "bonn"},
    "hyper-parameters in a list": {"hyper": []},
    "hyper-parameters in words": {"hyper": "x"},
    "an unknown hyper-parameter": {"hyper": {"colour": 1}},
    "no accuracy": {"accuracy": None},
    "an accuracy of numbers": {"accuracy": [3]},
    "an accuracy without figures": {"accuracy": [{"set": "x", "images": 1}]},
    "an accuracy in words": {"accuracy": [{"set": "x", "images": 3, "correct": "a", "top1": "b"}]},
    "an accuracy without a set": {"accuracy": [{"images": 3, "correct": 1, "top1": 1.0}]},
    "infinitely many images": {"accuracy": [{"set": "x", "images": float("inf"), "correct": 1, "top1": 1.0}]},
    "no figures": {"accuracy": [{"set": "x", "images": 3, "figures": {}}]},
    "data in a list": {"data": []},
    "an escape sequence": {"net": "\x1b[2J\nTraceback"},
    "5,000 letters": {"net": "n" * 5000},
}


@pytest.mark.parametrize("case", CARDS)
def test_cards_that_are_none(folder, case):
    card = json.loads((folder / "card.json").read_text()) | CARDS[case]
    (folder / "card.json").write_text(json.dumps(card))
    assert refused(folder).startswith("w")


def headed(header: dict, data: bytes = b"") -> bytes:
    """A safetensors file of that header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


BYTES = {
    "an empty file": lambda whole: b"",
    "half of it": lambda whole: whole[: len(whole) // 2],
    "all but a byte": lambda whole: whole[:-1],
    "a byte more": lambda whole: whole + b"x",
    "text": lambda whole: b"hello" * 20,
    "a pickle": lambda whole: pickle.dumps(Harm()),
    "a header of 2^63 bytes": lambda whole: b"\xff" * 8 + whole[8:],
    "a header that is no JSON": lambda whole: struct.pack("<Q", 20) + b"{" * 20,
    "a header that is deep": lambda whole: struct.pack("<Q", 50_000) + b"[" * 50_000,
    "no tensors": lambda whole: headed({}),
    "a type that is none": lambda whole: headed(
        {"x": {"dtype": "Q9", "shape": [1], "data_offsets": [0, 8]}}, bytes(8)
    ),
    "half floats of Google": lambda whole: headed(
        {"x": {"dtype": "BF16", "shape": [4], "data_offsets": [0, 8]}}, bytes(8)
    ),
    "a shape of 2^60": lambda whole: headed(
        {"x": {"dtype": "U8", "shape": [1 << 60], "data_offsets": [0, 8]}}, bytes(8)
    ),
    "places behind the end": lambda whole: headed(
        {"x": {"dtype": "U8", "shape": [8], "data_offsets": [1 << 40, (1 << 40) + 8]}}, bytes(8)
    ),
    "a negative place": lambda whole: headed(
        {"x": {"dtype": "U8", "shape": [8], "data_offsets": [-8, 0]}}, bytes(8)
    ),
}


@pytest.mark.parametrize("case", BYTES)
def test_files_of_weights_that_are_none(folder, case):
    signed(folder, BYTES[case]((folder / "weights.safetensors").read_bytes()))
    assert refused(folder).startswith("w/weights.safetensors: ")


def test_a_file_that_is_too_long_is_not_read(folder, monkeypatch):
    monkeypatch.setenv("XNORFORGE_MAX_FILE_MB", "1")
    with (folder / "weights.safetensors").open("r+b") as file:
        file.truncate(1 << 40)
    assert " 1 MB" in refused(folder)


@pytest.mark.parametrize("kind", ["bits", "plain", "fraction"])
@pytest.mark.parametrize(
    "how", ["gone", "NaN", "infinite", "float16", "longer", "none", "signed", "large", "boolean", "twice"]
)
def test_tensors_that_are_none(folder, kind, how):
    tensors = load_tensors((folder / "weights.safetensors").read_bytes())
    names = {name.rpartition(".")[2]: name for name in sorted(tensors)}
    plain = next(name for name in sorted(tensors) if not name.endswith((".bits", ".fraction")))
    name = {"plain": plain}.get(kind) or names.get(kind, f"{plain}.fraction")
    tensor = tensors.get(name, np.zeros(1, np.uint8))
    if how == "signed":
        tensor = tensor.astype(np.float64 if kind == "plain" else np.int64)
    elif how == "large":
        kind_of = {"plain": np.float32, "fraction": np.uint8}.get(kind, np.uint64)
        tensor = np.full(tensor.shape, 200 if kind == "fraction" else 1 << 40, kind_of)
    elif how in ("NaN", "infinite"):
        tensor = np.full(tensor.shape, np.nan if how == "NaN" else np.inf, np.float32)
    elif how not in ("gone", "twice"):
        others = {"float16": tensor.astype(np.float16), "longer": np.resize(tensor, tensor.size + 7)}
        tensor = {**others, "none": tensor[:0], "boolean": np.ones(tensor.shape, bool)}[how]
    if how == "gone" and kind != "fraction":
        del tensors[name]
    elif how in ("gone", "twice"):
        tensors[f"{name}.x"] = tensor
    else:
        tensors[name] = tensor
    signed(folder, save_tensors({key: np.ascontiguousarray(value) for key, value in tensors.items()}))
    assert refused(folder).startswith("w/weights.safetensors: ")


def saved(given) -> bytes:
    torch.save(given, "made.pt")
    content = Path("made.pt").read_bytes()
    Path("made.pt").unlink()
    return content


STATES = {
    "an empty file": lambda: b"",
    "text": lambda: b"hello",
    "a pickle": lambda: pickle.dumps(Harm()),
    "a pickle in torch's file": lambda: saved(Harm()),
    "a pickle among weights": lambda: saved({"weight": torch.zeros(2, 3), "bias": Harm()}),
    "a module": lambda: saved(nn.Linear(3, 2)),
    "half of it": lambda: (lambda whole: whole[: len(whole) // 2])(saved(nn.Linear(3, 2).state_dict())),
    "a zip archive": lambda: b"PK\x03\x04" + bytes(100),
    "a list": lambda: saved([1, 2]),
    "a tensor": lambda: saved(torch.zeros(3)),
    "numbers for names": lambda: saved({1: torch.zeros(3)}),
    "another network": lambda: saved(nn.Linear(4, 2).state_dict()),
    "nothing": lambda: saved({}),
    "words": lambda: saved({"weight": "x", "bias": "y"}),
    "None": lambda: saved({"weight": None, "bias": None}),
    "names with line breaks": lambda: saved({"a\n\x1b[2J": torch.zeros(1)}),
}


@pytest.mark.parametrize("case", STATES)
def test_states_of_a_module_that_are_none(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    Path("s.pt").write_bytes(STATES[case]())
    with pytest.raises(UserError) as found:
        load_weights(nn.Linear(3, 2), Path("s.pt"))
    assert str(found.value).startswith("s.pt: ") and str(found.value).isprintable()
    assert listing(tmp_path) == {"s.pt"}
