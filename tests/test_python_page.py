"""The code of docs/python.md runs, and its table names what there is."""

import inspect
import re
import subprocess
import sys

import pytest

import xnorforge
from xnorforge.accelerator import Accelerator
from xnorforge.core.artifacts import read_json

from .documents import ROOT, blocks, write
from .test_tutorial import OUTER

PAGE = ROOT / "docs/python.md"


def ran(folder, *names):
    """What the page's blocks print, one behind the other in one program."""
    write(blocks(PAGE.read_text()), folder)
    cells = [(folder / name).read_text() for name in names]
    command = [sys.executable, "-c", "\n".join(cells)]
    done = subprocess.run(command, cwd=folder, env=OUTER, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_a_shipped_network_is_built_by_name_and_asked(tmp_path):
    """943 of these 1,000 digits are right by the card of the weights."""
    said = ran(tmp_path, "build.py")
    assert said[0] == "accelerator of mnist-tfc in out/mnist-tfc/rtl-pynq-z2"
    assert said[1].startswith("(1, 28, 28) 0 255 ['0', '1',") and said[2] == "94.3% of 1,000 digits"
    assert said[3].startswith("(2, 10) {'interval_bound': 1024,")


def test_every_call_of_the_page_is_there_and_says_what_it_gives():
    rows = re.findall(r"^\| (`(?:xf|acc)\..*?) \| ", PAGE.read_text(), re.MULTILINE)
    named = [tuple(word) for row in rows for word in re.findall(r"`(xf|acc)\.(\w+)", row)]
    assert len(named) >= 10 and {name for where, name in named if where == "xf"} == {
        *set(xnorforge.PUBLIC) - {"Accelerator"}
    }
    for where, name in named:
        found = getattr(xnorforge if where == "xf" else Accelerator, name)
        assert inspect.getdoc(found), name


@pytest.mark.full
def test_the_report_and_the_package_build_what_is_missing(tmp_path):
    said = ran(tmp_path, "build.py", "report.py")
    assert any(line.startswith("PASS  mnist-tfc on") for line in said)
    assert said[-1] == "out/mnist-tfc/rtl-pynq-z2/package"
    assert read_json(tmp_path / said[-1] / "package.json")["prefix"] == "digits"
