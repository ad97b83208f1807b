"""The Tcl of a package in Python's Tcl with stand-ins of Vivado's commands."""

import sys
import tkinter
from pathlib import Path

import pytest

from xnorforge.core.artifacts import read_json
from xnorforge.flows.package import write_package

sys.path.insert(0, str(Path(__file__).parent))
from packaged import accelerator
from vivado_stub import Vivado


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
def test_the_ip_is_packaged_of_all_files_by_vivado_s_own_commands(packages, board):
    folder = packages[board]
    vivado = Vivado().source(folder / "vivado/package_ip.tcl")
    [[*_, added]] = vivado.named("add_files")
    paths = [Path(path) for path in vivado.tcl.splitlist(added)]
    assert all(path.is_file() for path in paths)
    assert {path.resolve() for path in paths} == {path.resolve() for path in (folder / "rtl").iterdir()}
    module = read_json(folder / "package.json")["module"]
    assert ["top", module, "<current_fileset>"] in vivado.named("set_property")
    assert [call[0] for call in vivado.calls][-2:] == ["ipx::save_core", "close_project"]
    [project] = vivado.named("create_project")
    assert project[-1] == {"pynq-z2": "xc7z020clg400-1", "ultra96": "xczu3eg-sbva484-1-i"}[board]
    assert [path.name for path in (folder / "vivado").iterdir()] == ["package_ip.tcl"]


def test_a_command_that_vivado_has_not_stops_the_check(tmp_path):
    (tmp_path / "a.tcl").write_text("create_projects -part x\n")
    with pytest.raises(tkinter.TclError, match='invalid command name "create_projects"'):
        Vivado().source(tmp_path / "a.tcl")
    for name, text in {"b": "create_project -parts x", "c": "get_bd_pins ps/none"}.items():
        (tmp_path / f"{name}.tcl").write_text(text)
        with pytest.raises((AssertionError, tkinter.TclError)):
            Vivado().source(tmp_path / f"{name}.tcl")


def test_a_part_that_vivado_does_not_know_has_no_scripts_for_it(packages):
    folder = packages["ulx3s"]
    assert not (folder / "vivado").exists() and "vivado" not in (folder / "README.md").read_text()
    assert "XF_XC7" not in "".join(path.read_text() for path in (folder / "rtl").glob("*_config.svh"))
