"""Files and requests that are broken, or made to do harm, end in one sentence; nothing is left behind."""

import sys
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core.errors import UserError
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import BYTES, ELEMENTS, INPUT, MODELS, ODD_NAMES, around, plain, stored

FILES = ("model.onnx", "golden.npz", "export.json")
IMAGES = np.random.default_rng(0).integers(0, 256, (3, *INPUT[1:])).astype(np.uint8)


@pytest.fixture(autouse=True)
def small_limit(monkeypatch):
    """Nothing large is made even where a check is missing."""
    monkeypatch.setenv("XNORFORGE_MAX_ELEMENTS", str(ELEMENTS))


def listing(folder: Path) -> set[str]:
    """Everything below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def refused(folder: Path, model: Path) -> str:
    """The sentence with which a file is refused; what lies in the folder stays as it is."""
    before = listing(folder)
    with pytest.raises(UserError) as found:
        import_model(model, IMAGES, np.full(3, -1), folder / "out")
    assert listing(folder) == before
    text = str(found.value)
    assert text.isprintable() and len(text) < 1500, text
    return text


@pytest.mark.parametrize("case", BYTES)
def test_bytes_that_are_no_model(tmp_path, case):
    make, words = BYTES[case]
    (tmp_path / "m.onnx").write_bytes(make())
    assert words in refused(tmp_path, tmp_path / "m.onnx")


@pytest.mark.parametrize("case", MODELS)
def test_models_that_nobody_should_have_made(tmp_path, case):
    make, words = MODELS[case]
    home = tmp_path / "home"
    home.mkdir()
    around(home)
    (tmp_path / "secret").write_bytes(bytes(720))
    (home / "m.onnx").write_bytes(stored(make()))
    assert words in refused(tmp_path, home / "m.onnx")


def test_the_network_of_the_table_builds(tmp_path):
    (tmp_path / "m.onnx").write_bytes(stored(plain()))
    import_model(tmp_path / "m.onnx", IMAGES, np.full(3, -1), tmp_path / "out")
    record = lower(tmp_path / "out/model.onnx", tmp_path / "out/golden.npz", tmp_path / "out")
    assert not any(check["mismatches"] for check in record["checks"])


@pytest.mark.parametrize("case", ODD_NAMES)
def test_names_of_any_characters_change_nothing(tmp_path, case):
    """Tensors and nodes are named anew, so that none of their names leaves the file."""
    odd = ODD_NAMES[case]
    given = {name: f"{odd}{at}" if at else odd for at, name in enumerate(("x", "t1", "w", "one", "y", "n3"))}
    for name, model in {"plain": plain(), "odd": plain(names=given)}.items():
        (tmp_path / f"{name}.onnx").write_bytes(stored(model))
        import_model(tmp_path / f"{name}.onnx", IMAGES, np.full(3, -1), tmp_path / name)
    assert listing(tmp_path) == {
        "plain.onnx", "odd.onnx", "plain", "odd",
        *(f"{name}/{file}" for name in ("plain", "odd") for file in FILES),
    }  # fmt: skip
    for file in ("model.onnx", "golden.npz"):
        assert (tmp_path / "plain" / file).read_bytes() == (tmp_path / "odd" / file).read_bytes()
