"""The Tcl of a package, executed in Python's Tcl with stand-ins that record every call: each is a command
of Vivado with options that it takes, and what they name is there.
"""

import sys
import tkinter
from pathlib import Path

import pytest

from xnorforge import __version__
from xnorforge.core.artifacts import read_json
from xnorforge.flows.package import write_package

sys.path.insert(0, str(Path(__file__).parent))
from packaged import accelerator

LISTED = Path(__file__).with_name("vivado_commands.txt").read_text().splitlines()
COMMANDS = {line.split()[0]: set(line.split()[1:]) for line in LISTED if not line.startswith("#")}
# What a stand-in gives where the script looks at it.
GIVEN = {
    "get_ipdefs": lambda words: " ".join(
        words[-1].replace("*", version) for version in ("2.1", "7.0", "10.0")
    ),
    "make_wrapper": lambda words: "/made/overlay_wrapper.v",
    "get_property": lambda words: "100%" if words[0] == "PROGRESS" else "",
}


def executed(script: Path, given=GIVEN, without=()) -> list[list[str]]:
    """The calls of Vivado's commands that a script makes, each with its words, in order."""
    tcl, calls = tkinter.Tcl(), []

    def stand_in(name):
        def called(*words):
            calls.append([name, *map(str, words)])
            return given[name](words) if name in given else f"<{' '.join([name, *map(str, words)])}>"

        return called

    tcl.eval("namespace eval ipx {}")
    for name in {*COMMANDS} - {*without}:
        tcl.createcommand(name, stand_in(name))
    tcl.eval(
        "rename file tcl_file\n"
        "proc file {verb args} {\n"
        "  if {$verb eq {copy}} { return [file_copy {*}$args] }\n"
        "  return [tcl_file $verb {*}$args]\n}"
    )
    tcl.createcommand("file_copy", stand_in("file copy"))
    tcl.eval(f"source {{{script}}}")
    return calls


def check_options(call: list[str]) -> None:
    """Every word of a call that looks like an option is one of that command, its value behind it."""
    name, *words = call
    while words:
        word = words.pop(0)
        if word.startswith("-") and name in COMMANDS:
            assert word in COMMANDS[name] or f"{word}=" in COMMANDS[name], call
            if f"{word}=" in COMMANDS[name]:
                assert words, call
                words.pop(0)


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
    calls = executed(folder / "vivado/package_ip.tcl")
    for call in calls:
        check_options(call)
    [added] = [call[-1] for call in calls if call[0] == "add_files"]
    paths = [Path(path) for path in tkinter.Tcl().splitlist(added)]
    assert all(path.is_file() for path in paths)
    assert {path.resolve() for path in paths} == {path.resolve() for path in (folder / "rtl").iterdir()}
    module = read_json(folder / "package.json")["module"]
    assert ["set_property", "top", module, "<current_fileset>"] in calls
    assert [call[0] for call in calls][-2:] == ["ipx::save_core", "close_project"]
    [project] = [call for call in calls if call[0] == "create_project"]
    assert project[-1] == {"pynq-z2": "xc7z020clg400-1", "ultra96": "xczu3eg-sbva484-1-i"}[board]


@pytest.mark.parametrize("board", ["pynq-z2", "ultra96"])
def test_the_overlay_connects_clock_reset_and_every_stream_once(packages, board):
    calls = executed(packages[board] / "vivado/build_overlay.tcl")
    for call in calls:
        check_options(call)
    cells = {call[-1]: call[call.index("-vlnv") + 1] for call in calls if call[0] == "create_bd_cell"}
    assert cells["dma"] == "xilinx.com:ip:axi_dma:10.0", "the newest, by number and not by letters"
    assert cells["net"] == f"xnorforge:bnn:flat_1_axis:{'.'.join(__version__.split('.')[:2])}"

    def pins(words):
        return [word.split()[-1].rstrip(">") for word in words]

    streams = [pins(call[1:]) for call in calls if call[0] == "connect_bd_intf_net"]
    ends = [pin for pair in streams for pin in pair]
    assert len(ends) == len(set(ends)), "no interface has two connections"
    assert ["dma/M_AXIS_MM2S", "net/s_axis"] in streams and ["net/m_axis", "dma/S_AXIS_S2MM"] in streams
    memory = {"pynq-z2": "ps/S_AXI_HP0", "ultra96": "ps/S_AXI_HP0_FPD"}[board]
    assert ["transfers/M00_AXI", memory] in streams
    nets = [pins(call[1:]) for call in calls if call[0] == "connect_bd_net"]
    clocked = {end for start, end in nets if "CLK0" in start.upper()}
    assert {pin.partition("/")[0] for pin in clocked} == {*cells}, "every cell has its clock"
    reset = {end for start, end in nets if start == "resets/peripheral_aresetn"}
    assert {pin.partition("/")[0] for pin in reset} == {*cells} - {"ps", "resets"}
    assert ["net/errors", "errors/gpio_io_i"] in nets
    named = {*ends, *(pin for net in nets for pin in net)}
    assert {pin.partition("/")[0] for pin in named} <= {*cells}
    copied = [Path(call[-1]).name for call in calls if call[0] == "file copy"]
    assert copied == ["flat_1.bit", "flat_1.hwh"]
    widths = next(call[2] for call in calls if call[0] == "set_property" and "c_include_sg" in call[2])
    widths = widths.split()
    assert widths[widths.index("CONFIG.c_m_axis_mm2s_tdata_width") + 1] == str(
        read_json(packages[board] / "package.json")["border"]["input"]["width"]
    )


def test_an_older_vivado_waits_for_the_run_too(packages):
    script = packages["pynq-z2"] / "vivado/build_overlay.tcl"
    waits = [[call for call in executed(script, without=[name]) if call[0].startswith("wait_on_run")]
             for name in ("wait_on_run", "wait_on_runs")]  # fmt: skip
    assert waits == [[["wait_on_runs", "impl_1"]], [["wait_on_run", "impl_1"]]]


def test_a_run_that_ends_badly_ends_the_script(packages):
    ended = {"PROGRESS": "32%", "STATUS": "write_bitstream ERROR"}
    given = GIVEN | {"get_property": lambda words: ended[words[0]]}
    with pytest.raises(tkinter.TclError, match="the run ended with: write_bitstream ERROR"):
        executed(packages["pynq-z2"] / "vivado/build_overlay.tcl", given)


def test_a_catalog_without_an_ip_is_named(packages):
    with pytest.raises(tkinter.TclError, match="Vivado's catalog has no IP processing_system7"):
        executed(packages["pynq-z2"] / "vivado/build_overlay.tcl", GIVEN | {"get_ipdefs": lambda words: ""})


def test_a_command_that_vivado_has_not_stops_the_check(tmp_path):
    (tmp_path / "a.tcl").write_text("create_projects -part x\n")
    with pytest.raises(tkinter.TclError, match='invalid command name "create_projects"'):
        executed(tmp_path / "a.tcl")
    (tmp_path / "b.tcl").write_text("create_project -parts x\n")
    with pytest.raises(AssertionError):
        check_options(executed(tmp_path / "b.tcl")[0])


def test_a_part_that_vivado_does_not_know_has_no_scripts_for_it(packages):
    folder = packages["ulx3s"]
    assert not (folder / "vivado").exists() and "vivado" not in (folder / "README.md").read_text()
    assert "XF_XC7" not in "".join(path.read_text() for path in (folder / "rtl").glob("*_config.svh"))
