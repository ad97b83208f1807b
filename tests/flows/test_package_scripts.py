"""The Tcl of a package: its names are those of the package's files."""

import re

import pytest
from packaged import accelerator

from xnorforge.core.artifacts import read_json
from xnorforge.flows.package import write_package


@pytest.fixture(scope="module")
def packages(chains, tmp_path_factory):
    """Packages of one network for a Zynq, a Zynq UltraScale+ and an ECP5."""
    found = {}
    for board in ("pynq-z2", "ultra96", "ulx3s"):
        acc = accelerator(chains["flat"](1), tmp_path_factory.mktemp("net") / "flat-1", board)
        write_package(acc, acc / "package")
        found[board] = acc / "package"
    return found


@pytest.mark.parametrize("board", ["pynq-z2", "ultra96"])
def test_the_ip_has_all_files_the_module_and_the_part(packages, board):
    folder = packages[board]
    text = (folder / "vivado/package_ip.tcl").read_text()
    [names] = re.findall(r"^set names \{\s(.*?)^\}", text, re.M | re.S)
    assert sorted(names.split()) == sorted(path.name for path in (folder / "rtl").iterdir())
    assert f"set_property top {read_json(folder / 'package.json')['module']} [current_fileset]" in text
    part = {"pynq-z2": "xc7z020clg400-1", "ultra96": "xczu3eg-sbva484-1-i"}[board]
    assert f"set part {part}\n" in text and "-part $part" in text
    assert [path.name for path in (folder / "vivado").iterdir()] == ["package_ip.tcl"]


def test_a_part_that_vivado_does_not_know_has_no_scripts_for_it(packages):
    folder = packages["ulx3s"]
    assert not (folder / "vivado").exists() and "vivado" not in (folder / "README.md").read_text()
    assert "XF_XC7" not in "".join(path.read_text() for path in (folder / "rtl").glob("*_config.svh"))
