"""An overlay as a Vivado project: the script in Python's Tcl with stand-ins of Vivado's commands, its .hwh by
pynq's parser. Addresses and names are those of the drivers, of the shell and of the other bitstream's top.
"""

import json
import re
import shutil
import sys
import tkinter
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from xnorforge.core.artifacts import write_json
from xnorforge.flows.overlay import write_overlay
from xnorforge.flows.vivado import clock_dividers
from xnorforge.hw import boards
from xnorforge.hw.shells import ps7
from xnorforge.hw.shells.dma.drivers import xnorforge_driver as driver

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "flows"))
from driving import small_network
from vivado_stub import Vivado, interfaces

CASES = ("pynq-z2", "ultra96", "gp")
BASES = {"pynq-z2": 0x4000_0000, "ultra96": 0xA000_0000, "gp": 0x4000_0000}  # AMD UG585, UG1085
PORTS = re.compile(r"^\s*(input|output)\s+(?:logic|wire)\s*(?:\[(\d+):0\])?\s*(\w+),?$", re.M)


@pytest.fixture(scope="module")
def overlays(tmp_path_factory, chain):
    """Overlays of one network for a Zynq, a Zynq UltraScale+, a Zynq without DMA, and an ECP5."""
    acc, found = small_network(tmp_path_factory.mktemp("net"), chain), {}
    zynq, load = boards.load("pynq-z2"), boards.load
    without_dma = replace(zynq, shell=zynq.shell | {"kind": "gp"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boards, "load", lambda name: without_dma if name == "gp" else load(name))
        for board in (*CASES, "ulx3s"):
            write_json(acc / "fold.json", {"board": board})
            write_overlay(acc, acc.parent)
            found[board] = Path(shutil.copytree(acc / "overlay", tmp_path_factory.mktemp(board) / "overlay"))
    return found


@pytest.fixture(scope="module")
def built(overlays):
    """The script of each overlay, executed in a folder that lies alone."""
    return {case: Vivado().source(overlays[case] / "build.tcl") for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_every_clock_reset_and_bus_is_connected_once(built, case):
    vivado = built[case]
    ends = Counter(end for link in vivado.links for end in link)
    assert {*ends} == {*vivado.buses} - {"ps/DDR", "ps/FIXED_IO"} and set(ends.values()) == {1}
    assert ("control/M00_AXI", "system/s_axi_ctrl") in vivado.links
    driven = dict(map(reversed, vivado.nets))
    assert len(driven) == len(vivado.nets), "no pin has two drivers"
    sources = {vivado.cells["ps"]: {"clock": "ps/FCLK_CLK0", "reset": "ps/FCLK_RESET0_N"}}
    sources |= (
        {"zynq_ultra_ps_e": {"clock": "ps/pl_clk0", "reset": "ps/pl_resetn0"}} if case == "ultra96" else {}
    )
    clocks = {pin for pin in vivado.pins if re.search(r"(?i)aclk$|sync_clk$", pin)}
    assert {driven[pin] for pin in clocks} == {sources[vivado.cells["ps"]]["clock"]}
    resets = {pin for pin in vivado.pins if pin.endswith("/aresetn")}
    assert {driven[pin] for pin in resets} == {"resets/peripheral_aresetn"}
    assert driven["resets/ext_reset_in"] == sources[vivado.cells["ps"]]["reset"]
    assert driven[{"ultra96": "ps/pl_ps_irq0"}.get(case, "ps/IRQ_F2P")] == "system/irq"


@pytest.mark.parametrize("case", CASES)
def test_script_drivers_and_the_other_top_agree_on_every_address(built, overlays, case):
    folder, base = overlays[case], BASES[case]
    calls = [call for call in built[case].named("assign_bd_address") if "-offset" in call]
    [words] = [dict(zip(call[:-1:2], call[1::2])) | {"segment": call[-1]} for call in calls]
    assert int(words["-offset"], 0) == base and words["-range"] == "4K"
    assert (words["-target_address_space"], words["segment"]) == ("ps/Data", "system/s_axi_ctrl/reg0")
    about = json.loads((folder / "overlay.json").read_text())
    registers = driver.GP_REGISTERS if case == "gp" else driver.REGISTERS
    assert about["shell"]["base"] == base and about["shell"]["registers"] == registers
    assert f"#define XF_BASE {base:#x}u" in (folder / "xf_network.h").read_text()
    assert case == "ultra96" or base == ps7.BASE == driver.BASE
    memory = [call for call in built[case].named("assign_bd_address") if "-offset" not in call]
    segment = {"pynq-z2": "ps/S_AXI_HP0/HP0_DDR_LOWOCM", "ultra96": "ps/SAXIGP2/HP0_DDR_LOW"}.get(case)
    wanted = [["-target_address_space", "system/m_axi", segment]] if segment else []
    assert memory == wanted


@pytest.mark.parametrize("case", CASES)
def test_the_project_has_every_file_part_and_clock_of_the_overlay(built, overlays, case):
    vivado, folder = built[case], overlays[case]
    added = [Path(path) for call in vivado.named("add_files") for path in vivado.tcl.splitlist(call[-1])]
    assert all(path.is_file() for path in added[:-1]) and added[-1] == Path("/made/overlay_wrapper.v")
    there = {*(folder / "rtl").iterdir()} - {folder / "rtl/system.f"}
    assert {*added[:-1]} == there | {*folder.glob("overlay.xdc")}
    board = boards.load({"gp": "pynq-z2"}.get(case, case))
    assert vivado.named("create_project")[0][-2:] == ["-part", board.part]
    [settings] = [call[1] for call in vivado.named("set_property") if call[-1] == "ps"]
    mhz = f"{board.clock_mhz:g}"
    assert re.search(
        rf"CONFIG\.(PCW_FPGA0_PERIPHERAL|PSU__CRL_APB__PL0_REF_CTRL__)_?FREQMHZ {mhz}\b", settings
    )
    macros = [call[1] for call in vivado.named("set_property") if call[0] == "verilog_define"]
    assert macros == (["XF_XC7"] if case != "ultra96" else macros)
    assert [Path(call[-1]) for call in vivado.named("file copy")] == [
        folder / name for name in ("overlay.bit", "overlay.hwh")
    ]


@pytest.mark.parametrize("case", CASES)
def test_the_block_design_s_module_has_the_shell_s_ports(overlays, case):
    shell, module = ((overlays[case] / "rtl" / name).read_text() for name in ("xf_system.sv", "xf_overlay.v"))
    ports, own = ({port: (way, int(high or 0)) for way, high, port in PORTS.findall(text.split(");")[0])}
                  for text in (shell, module))  # fmt: skip
    wide = {"s_axi_ctrl_awaddr", "s_axi_ctrl_araddr"}  # the range of a processor, 4 KiB
    assert {*own} == {*ports} and len(own) >= 20
    assert {port for port in own if own[port] != ports[port]} == wide
    assert {own[port] for port in wide} == {("input", 11)}
    for port in own:
        assert len(re.findall(rf"\.{port}\({port}(?:\[\d+:0\])?\)", module)) == 1
    found = {port: (bus, role) for kind, bus, role, _, port in interfaces(module) if kind == "aximm"}
    split = {port: port.rsplit("_", 1) for port in own if "_axi_" in port}
    assert found == {port: (bus, role.upper()) for port, (bus, role) in split.items()}


def test_constraints_and_port_are_those_of_the_other_bitstream(overlays, built):
    toml = tomllib.loads((Path(boards.__file__).parent / "pynq-z2/board.toml").read_text())
    text = (overlays["pynq-z2"] / "overlay.xdc").read_text()
    assert re.findall(r"PACKAGE_PIN (\w+) \[get_ports (\w+)\]", text) == [
        (toml["shell"]["pins"]["irq"], "irq")
    ]
    assert ["-dir", "O", "irq"] in built["pynq-z2"].named("create_bd_port")
    assert re.search(r"^\s*output irq\b", ps7.ps7_top("top"), re.M)
    assert not built["ultra96"].named("create_bd_port") and not (overlays["ultra96"] / "overlay.xdc").exists()


@pytest.mark.parametrize("case", ["pynq-z2", "gp"])
def test_the_hwh_states_the_same_addresses_and_the_clock(overlays, built, case):
    root = ElementTree.parse(overlays[case] / "overlay.hwh").getroot()
    modules = {one.get("INSTANCE"): one for one in root.iter("MODULE")}
    assert {*modules} == {"ps", "system"} and {*modules} < {*built[case].cells}
    [register] = modules["ps"].iter("MEMRANGE")
    bounds = [int(register.get(name, ""), 16) for name in ("BASEVALUE", "HIGHVALUE")]
    assert bounds == [BASES[case], BASES[case] + 4095]
    offsets = {one.get("NAME"): int(one.find("PROPERTY").get("VALUE"), 16)
               for one in modules["system"].iter("REGISTER")}  # fmt: skip
    assert offsets == (driver.GP_REGISTERS if case == "gp" else driver.REGISTERS)
    assert not any((overlays[board] / "overlay.hwh").exists() for board in ("ultra96", "ulx3s"))


@pytest.mark.parametrize("case", ["pynq-z2", "gp"])
def test_pynq_s_parser_finds_the_shell_behind_the_processor(overlays, case):
    frontends = pytest.importorskip("pynqmetadata.frontends", reason="pip install pynqmetadata")
    design = frontends.HwhFrontend(_hwhfile=str(overlays[case] / "overlay.hwh"))
    processor, registers = design.blocks["ps"], design.blocks["system"].ports["s_axi_ctrl"]
    assert [*processor.ports["M_AXI_GP0"]._addrmap_obj.values()] == [registers]
    assert (registers.baseaddr, registers.range) == (BASES[case], 4096)
    assert {one.name: one.offset for one in registers.registers.values()} == (
        driver.GP_REGISTERS if case == "gp" else driver.REGISTERS
    )
    assert [processor.find_clock_enable(number) for number in range(4)] == [True, False, False, False]
    assert processor.find_clock_divisor(0, 0) * processor.find_clock_divisor(0, 1) == 10  # of 1,000 MHz
    assert ("m_axi" in design.blocks["system"].ports) == (case != "gp")


def test_the_dividers_make_the_highest_clock_that_is_not_above():
    for mhz in (0.26, 7.0, 33.3, 50.0, 62.5, 83.2, 100.0, 112.2, 142.9, 250.0):
        products = {one * two for one in range(1, 64) for two in range(1, 64)}
        assert clock_dividers(mhz)[0] * clock_dividers(mhz)[1] == min(n for n in products if 1000 / n <= mhz)


def test_a_part_without_a_processor_has_no_project(overlays):
    names = {path.name for path in overlays["ulx3s"].rglob("*")}
    assert not names & {"build.tcl", "xf_overlay.v", "overlay.hwh", "overlay.xdc"} and "system.f" in names
    assert "base" not in json.loads((overlays["ulx3s"] / "overlay.json").read_text())["shell"]


def test_an_older_vivado_waits_for_the_run_too(overlays):
    script = overlays["pynq-z2"] / "build.tcl"
    runs = [Vivado(without=[name]).source(script) for name in ("wait_on_run", "wait_on_runs")]
    waits = [[call for call in run.calls if call[0].startswith("wait_on_run")] for run in runs]
    assert waits == [[["wait_on_runs", "impl_1"]], [["wait_on_run", "impl_1"]]]


def test_a_run_that_ends_badly_ends_the_script(overlays):
    ended = {"PROGRESS": "32%", "STATUS": "write_bitstream ERROR"}
    with pytest.raises(tkinter.TclError, match="the run ended with: write_bitstream ERROR"):
        Vivado({"get_property": lambda words: ended[words[0]]}).source(overlays["pynq-z2"] / "build.tcl")


def test_a_catalog_without_an_ip_is_named(overlays):
    with pytest.raises(tkinter.TclError, match="Vivado's catalog has no IP processing_system7"):
        Vivado({"get_ipdefs": lambda words: ""}).source(overlays["pynq-z2"] / "build.tcl")
