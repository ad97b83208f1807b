"""docs/brevitas.md does what it says: a cell of a notebook, the verb `import`, and the page as a whole."""

import re
import subprocess
import sys

import pytest

from .documents import ROOT, blocks, checkout, write
from .test_tutorial import OUTER

PAGE = blocks((ROOT / "docs/brevitas.md").read_text())
# A notebook's cell: no file, no `if __name__`, names of the cells before are there.
CELLS = """
import sys
sys.path.insert(0, {folder!r})
cells = [open({folder!r} + "/" + name).read() for name in ("first.py", "cell.py")]
names = {{"__name__": "__main__"}}
for number, cell in enumerate(cells):
    exec(compile(cell, f"<cell {{number}}>", "exec"), names)
"""
FIRST = """
import torch
from sides import Sides
torch.manual_seed(0)
net = Sides()
for step in range(301):
    net(torch.rand(4, 1, 12, 12))
torch.save(net.state_dict(), "sides.pt")
"""


def said_by(command: list[str], folder, code: int = 0) -> str:
    done = subprocess.run(command, cwd=folder, env=OUTER, capture_output=True, text=True)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_a_cell_builds_a_module_and_predicts_as_torch_does(tmp_path):
    """With weights that nobody trained: every class is the one that torch gives."""
    write([block for block in PAGE if block.path], tmp_path)
    (tmp_path / "first.py").write_text(FIRST)
    said = said_by([sys.executable, "-c", CELLS.format(folder=str(tmp_path))], tmp_path)
    assert "100.0 % as in torch" in said
    assert (tmp_path / "out/cell/rtl-pynq-z2/folded.onnx").is_file()

    wrong = "import torch\nimport xnorforge as xf\nxf.build(torch.nn.Linear(3, 2))\n"
    done = subprocess.run([sys.executable, "-c", wrong], cwd=tmp_path, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith("give input_shape=(3, 32, 32), one image.")


@pytest.mark.parametrize(
    "words, text",
    [
        (["sides.py:Side", "--input", "1x12x12"], "sides.py: defines no 'Side'; did you mean Sides?"),
        (
            ["sides.py", "--input", "12x12"],
            "--input: '12x12' is no shape; give channels, rows and columns as 3x32x32, or the length of a "
            "vector.",
        ),
    ],
)
def test_import_refuses_in_one_sentence(tmp_path, words, text):
    write([block for block in PAGE if block.path], tmp_path)
    said = said_by([sys.executable, "-m", "xnorforge", "import", *words], tmp_path, 2)
    assert said.splitlines()[-1] == text
    assert not (tmp_path / "out").exists()


@pytest.mark.full
def test_every_command_of_the_page_runs_in_its_order(tmp_path):
    folder = checkout(tmp_path / "xnorforge")
    said = ""
    for block in PAGE:
        if block.kind == "sh":
            said += said_by(["bash", "-euo", "pipefail", "-c", block.text], folder)
        else:
            write([block], folder)
    assert re.findall(r"^PASS  (\S+) on", said, re.MULTILINE) == ["Sides"]
    [right] = re.findall(r"accelerator ([\d.]+) % right, 100.0 % as in torch", said)
    assert float(right) > 85
