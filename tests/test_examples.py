"""The programs of examples/ run in an empty folder with an empty home, and do what they say."""

import re
import sys

import pytest

from .documents import ROOT, ran, without

EXAMPLES = ROOT / "examples"
MOST_LINES = 70


@pytest.fixture
def output_of(tmp_path):
    """Runs an example; returns what it prints."""

    def run(name: str, *words: str) -> str:
        home = tmp_path / "home"
        home.mkdir()
        kept = without("XNORFORGE_") | {"HOME": str(home)}
        done = ran([sys.executable, EXAMPLES / f"{name}.py", *words], tmp_path, kept)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    return run


def test_every_example_is_short_and_on_the_page():
    programs = sorted(EXAMPLES.glob("*.py"))
    assert [path.name for path in programs] == ["drive_accelerator.py", "own_network.py"]
    page = (EXAMPLES / "README.md").read_text()
    for path in programs:
        assert len(path.read_text().splitlines()) <= MOST_LINES, path.name
        assert f"]({path.name})" in page and f"/python examples/{path.name}" in page


def test_the_notebook_folds_predicts_and_shows_it(tmp_path, monkeypatch):
    """Its cells as a browser's machine runs them, from the installed package on."""
    import nbformat
    from nbclient import NotebookClient

    page = EXAMPLES / "first_build.ipynb"
    assert f"]({page.name})" in (EXAMPLES / "README.md").read_text()
    notebook = nbformat.read(page, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells), "clear the outputs first"
    monkeypatch.setenv("HOME", str(tmp_path))
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = "".join(out.get("text", "") for cell in cells for out in cell.outputs)
    assert "943 of 1000 digits" in text  # of the card of the weights
    assert re.search(r"^fold      [\d,]+ cycles per frame .* frames/s", text, re.MULTILINE)
    shown = [out.data for cell in cells for out in cell.outputs if "data" in out]
    assert "mnist-tfc" in shown[0]["text/plain"] and "image/png" in shown[-1]


def test_a_network_of_ones_own_predicts_as_in_pytorch(output_of):
    said = output_of("own_network")
    assert "accelerator of Stripes in out/Stripes/rtl-pynq-z2" in said
    right, equal = map(float, re.search(r"accuracy ([\d.]+)%, as PyTorch ([\d.]+)%", said).groups())
    assert right > 80 and equal == 100


def test_the_driver_gets_the_scores_of_the_bit_simulator_from_the_simulated_rtl(output_of):
    said = output_of("drive_accelerator")
    assert "bit simulator: 94.3% of 1,000 digits" in said  # 943 are correct by the card of the weights
    frames, cycles = re.search(r"(\d+) frames in ([\d,]+) cycles", said).groups()
    interval = int(re.search(r"interval: (\d+) cycles per frame", said)[1])
    assert int(cycles.replace(",", "")) >= int(frames) * interval
    assert said.endswith("scores of hardware and software are equal\n")
