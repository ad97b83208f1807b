"""The folder of an overlay: which bitstream it contains, and what it says if it has none. As a Vivado
project: names and addresses of its script and its .hwh are those of the drivers, of the shell and of the
other bitstream's top. Programs next to the drivers, on the verilated shell: the notebook."""

import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import tomllib
from math import prod
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import onnx
import pytest
from documents import python
from driving import BIAS, SCALE, accelerator, bit_file, printed, small_network
from test_ports import Several, frames_of

from xnorforge.core.artifacts import digest, read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.overlay import write_overlay
from xnorforge.flows.vivado import clock_dividers, settable
from xnorforge.hw import boards, graph
from xnorforge.hw.shells import ps7
from xnorforge.hw.shells.dma.drivers import xnorforge_driver as driver
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Device
from xnorforge.sim.shell import shell_library

from ..refusals import stops

OUTDATED = "not included: bitstream/ has another netlist or shell; `make bitstream` builds it"
PART, DATA = "xc7z020clg400-1", bytes.fromhex("ffffffff aa995566 20000000 30008001")


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A network before its overlay; none of the tools of its board is found."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("CHIPDB", "PRJXRAY_DB_DIR", "XNORFORGE_OPENXC7"):
        monkeypatch.delenv(name, raising=False)
    return small_network(tmp_path)


def routed(acc) -> None:
    """What the stage bitstream leaves."""
    (acc / "netlist").mkdir()
    (acc / "netlist/xf_top.v").write_text("module xf_top; endmodule")
    (acc / "bitstream").mkdir()
    (acc / "bitstream/xf_board_top.bit").write_bytes(bit_file(DATA))
    system = (acc / "overlay/rtl/xf_system.sv").read_text()
    (acc / "bitstream/xf_system.sv").write_text(system)
    bit = {"file": "bitstream/xf_board_top.bit"}
    clock = {"asked": 100.0, "mhz": 83.333, "met": True}
    netlist = digest(acc / "netlist/xf_top.v")
    write_json(acc / "bitstream.json", {"bit": bit, "netlist": netlist, "clock": clock, "part": PART})


def test_an_overlay_has_the_bitstream_of_its_own_netlist_and_shell_alone(bare):
    about = write_overlay(bare, bare.parent)
    assert "nextpnr-xilinx, fasm2frames, xc7frames2bit not found" in about["bitstream"]["about"]
    assert "install openXC7" in about["bitstream"]["about"]
    assert not list((bare / "overlay").glob("overlay.bi*"))
    routed(bare)
    for asked in (None, True):
        about = write_overlay(bare, bare.parent, asked)
        found = about["bitstream"]
        assert (bare / "overlay/overlay.bit").read_bytes() == bit_file(DATA)
        assert (bare / "overlay/overlay.bin").read_bytes().hex(
            " ", 4
        ) == "ffffffff 665599aa 00000020 01800030"
        texts = {name: (bare / "overlay" / name).read_bytes() for name in (found["bit"], found["bin"])}
        assert found["sha256"] == {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
        assert (found["part"], found["clock_mhz"], found["clock_met"]) == (PART, 83.333, True)
        hwh = (bare / "overlay/overlay.hwh").read_text()
        divided = map(int, re.findall(r"FCLK0_PERIPHERAL_DIVISOR\d\D+(\d+)", hwh))
        assert prod(divided) == 12  # of 1,000 MHz
        assert "FPGA0_PERIPHERAL_FREQMHZ 83.333 " in (bare / "overlay/build.tcl").read_text()
        assert "\n  83333u\n" in (bare / "overlay/xf_network.h").read_text()
        size = len(bit_file(DATA))
        assert found["about"] == f"overlay.bit and overlay.bin, {size} bytes, for xc7z020clg400-1"
    record = read_json(bare / "bitstream.json")
    write_json(bare / "bitstream.json", record | {"clock": record["clock"] | {"met": False}})
    assert not write_overlay(bare, bare.parent)["bitstream"]["clock_met"]
    assert not (bare / "overlay/overlay.hwh").exists()
    assert "nextpnr-xilinx" in write_overlay(bare, bare.parent, routed=False)["bitstream"]["about"]
    (bare / "netlist/xf_top.v").write_text("module xf_top; wire other; endmodule")
    assert write_overlay(bare, bare.parent)["bitstream"] == {"about": OUTDATED}
    write_json(bare / "bitstream.json", read_json(bare / "bitstream.json") | {
        "netlist": digest(bare / "netlist/xf_top.v")})  # fmt: skip
    assert "bit" in write_overlay(bare, bare.parent)["bitstream"]
    (bare / "bitstream/xf_system.sv").write_text("module xf_system; endmodule")
    assert write_overlay(bare, bare.parent)["bitstream"] == {"about": OUTDATED}
    assert not list((bare / "overlay").glob("overlay.bi*"))


def test_a_bitstream_that_is_none_leaves_the_earlier_overlay(bare):
    write_overlay(bare, bare.parent)
    routed(bare)
    before = sorted(os.listdir(bare / "overlay"))
    (bare / "bitstream/xf_board_top.bit").write_bytes(bit_file(DATA)[:-1])
    stops(r"^overlay: bitstream/xf_board_top.bit\b.*\.bit", write_overlay, bare, bare.parent)
    assert sorted(os.listdir(bare / "overlay")) == before


def test_a_file_that_is_missing_is_named(bare):
    (bare / "fold.json").unlink()
    stops(rf"^overlay: {bare}/fold.json .*generate", write_overlay, bare, bare.parent)


def in_overlay(acc, library, *command: str) -> subprocess.CompletedProcess:
    """A Python program in the folder of the overlay."""
    return python(*command, cwd=acc / "overlay", XF_SIMULATION=str(library))


@pytest.mark.full
def test_a_network_of_two_inputs_and_two_outputs_has_their_names_in_both_drivers(tmp_path):
    """Behind the simulated shell: the Python driver and the notebook by names, the C driver by places."""
    counts = {k: Several(k) for k in range(99)}
    net = next(one for one in counts.values() if (len(one.given), len(one.outputs)) == (2, 2))
    onnx.save(net.model, tmp_path / "net.onnx")
    import_model(tmp_path / "net.onnx", frames_of(net), [], tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    acc, wanted = tmp_path / "acc", net.wanted()
    fold(tmp_path, "pynq-z2", acc, interval=1000)
    generate(acc / "folded.onnx", acc / "rtl")
    write_overlay(acc, tmp_path)
    library = shell_library(acc)
    bus = Device("sim", library, acc / "rtl")
    device = accelerator(acc, bus)
    for given in (net.given, {name: net.values(name) for name in net.given}):
        found = device.predict(given)
        assert set(found) == set(wanted)
        for name, scores in wanted.items():
            np.testing.assert_allclose(found[name], scores, atol=1e-5 * max(1, abs(scores).max()))
    with pytest.raises(UserError):
        device.predict(dict([*net.given.items()][:1]))
    frames = device.integers(net.given)
    bus.close()

    cells = json.loads((acc / "overlay/overlay.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = in_overlay(acc, library, "-c", code)
    assert done.returncode == 0, done.stderr
    for name, scores in wanted.items():
        assert f"{name} {scores.argmax(1)}" in done.stdout

    header = (acc / "overlay/xf_network.h").read_text()
    places = {key: int(at) for key, at in re.findall(r"#define (XF_\w+_(?:FIRST|COUNT)) (\d+)u", header)}
    said = printed("driver_test.c", acc, library, tmp_path, frames, "4", "0")[0]
    answers = np.array(said.split(), float).reshape(len(frames), -1)
    with np.load(tmp_path / "lowered.npz") as lowered:
        answers = answers[:, : lowered["scale"].size] * lowered["scale"].ravel() + lowered["bias"].ravel()
    for k, scores in enumerate(wanted.values()):
        at = places[f"XF_OUTPUT_{k}_FIRST"]
        part = answers[:, at : at + places[f"XF_OUTPUT_{k}_COUNT"]].reshape(scores.shape)
        np.testing.assert_allclose(part, scores, atol=1e-5 * max(1, abs(scores).max()))
    sizes = [places[f"XF_INPUT_{k}_COUNT"] for k in (0, 1)]
    assert sizes == [x[0].size for x in net.given.values()] and places["XF_INPUT_1_FIRST"] == sizes[0]


def test_the_examples_are_the_first_golden_frames(acc):
    with np.load(acc / "overlay/examples.npz") as found, np.load(acc.parent / "golden.npz") as golden:
        assert found["images"].shape == (16, 3, 4, 4)
        for name in ("images", "scores"):
            np.testing.assert_array_equal(found[name], golden[name][:16])


def test_the_notebook_is_one_and_its_cells_run_in_their_order(acc, library):
    notebook = json.loads((acc / "overlay/overlay.ipynb").read_text())
    nbformat.validate(notebook)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    done = in_overlay(acc, library, "-c", "\n".join(cells))
    assert done.returncode == 0, done.stderr
    ops = graph.operators(acc / "folded.onnx")
    with np.load(acc / "overlay/examples.npz") as given:
        answers = graph.execute(ops, given["images"])[ops[-1].name]
    best = (SCALE * answers[:, :4] + BIAS).argmax(1)
    about = read_json(acc / "overlay/overlay.json")
    assert done.stdout.splitlines()[:2] == [f"small {about['hash']}", str(best)]
    assert re.search(r"^\d+ cycles per frame; ", done.stdout, re.MULTILINE)


def test_the_notebook_says_so_where_a_score_is_another(acc, library, tmp_path):
    notebook = json.loads((acc / "overlay/overlay.ipynb").read_text())
    with np.load(acc / "overlay/examples.npz") as given:
        np.savez(tmp_path / "other.npz", images=given["images"], scores=given["scores"] + 0.5)
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    program = "\n".join(cells).replace("examples.npz", str(tmp_path / "other.npz"))
    done = in_overlay(acc, library, "-c", program)
    assert done.returncode == 1 and re.search(r"RuntimeError: .*scores.*trained network", done.stderr)


CASES = ("pynq-z2", "ultra96")
BASES = {"pynq-z2": 0x4000_0000, "ultra96": 0xA000_0000}  # AMD UG585, UG1085
PORTS = re.compile(r"^\s*(input|output)\s+(?:logic|wire)\s*(?:\[(\d+):0\])?\s*(\w+),?$", re.M)
# (kind, interface, role, direction, port) of each port with an attribute for a block design.
INFO = re.compile(
    r'X_INTERFACE_INFO = "\S+:(\w+):1\.0 (\w+) (\w+)" \*\)\s*(?:\(\*.*?\*\)\s*)?(\w+)\s+wire.*?(\w+),?$', re.M
)


@pytest.fixture(scope="module")
def overlays(tmp_path_factory):
    """Overlays of one network for a Zynq, a Zynq UltraScale+, and an ECP5."""
    acc, found = small_network(tmp_path_factory.mktemp("net")), {}
    for board in (*CASES, "ulx3s"):
        write_json(acc / "fold.json", {"board": board})
        write_overlay(acc, acc.parent)
        found[board] = Path(shutil.copytree(acc / "overlay", tmp_path_factory.mktemp(board) / "overlay"))
    return found


def script(overlay: Path) -> str:
    return (overlay / "build.tcl").read_text()


@pytest.mark.parametrize("case", CASES)
def test_every_pin_that_the_script_names_is_one_of_the_module_or_of_the_processor(overlays, case):
    text, module = script(overlays[case]), (overlays[case] / "rtl/xf_overlay.v").read_text()
    ports = {port for _, _, port in PORTS.findall(module.split(");")[0])}
    buses = {port.rpartition("_")[0] for port in ports if "_axi_" in port}
    named = set(re.findall(r"\bsystem/(\w+)", text))
    assert named == {"aclk", "aresetn", "irq", *buses} and named <= ports | buses
    for one, other in (("control/M00_AXI", "system/s_axi_ctrl"), ("system/m_axi", "transfers/S00_AXI")):
        assert text.splitlines().count(f"connect_bd_intf_net [bus {one}] [bus {other}]") == 1
    wanted = {
        "pynq-z2": "FCLK_CLK0 FCLK_RESET0_N IRQ_F2P M_AXI_GP0 M_AXI_GP0_ACLK S_AXI_HP0 S_AXI_HP0_ACLK",
        "ultra96": "pl_clk0 pl_resetn0 pl_ps_irq0 M_AXI_HPM0_FPD S_AXI_HP0_FPD "
        "maxihpm0_fpd_aclk saxihp0_fpd_aclk",
    }  # AMD PG082, PG201
    wires = text[text.index("foreach name {ps/") : text.index("# The drivers look")]
    assert set(re.findall(r"\bps/(\w+)", wires)) == set(wanted[case].split())


@pytest.mark.parametrize("case", CASES)
def test_script_drivers_and_the_other_top_agree_on_every_address(overlays, case):
    folder, base = overlays[case], BASES[case]
    place = r"-target_address_space \[get_bd_addr_spaces (\S+)\] \[get_bd_addr_segs (\S+)\]$"
    sized = r"(?: -offset (\S+) -range (\S+))?"
    assigned = re.findall(rf"^assign_bd_address{sized} {place}", script(folder), re.M)
    segment = {"pynq-z2": "ps/S_AXI_HP0/HP0_DDR_LOWOCM", "ultra96": "ps/SAXIGP2/HP0_DDR_LOW"}[case]
    registers = (f"{base:#x}", "4K", "ps/Data", "system/s_axi_ctrl/reg0")
    assert assigned == [registers, ("", "", "system/m_axi", segment)]
    about = json.loads((folder / "overlay.json").read_text())
    assert about["shell"]["base"] == base and about["shell"]["registers"] == driver.REGISTERS
    assert f"#define XF_BASE {base:#x}u" in (folder / "xf_network.h").read_text()
    assert case == "ultra96" or base == ps7.BASE == driver.BASE


@pytest.mark.parametrize("case", CASES)
def test_the_project_has_every_file_part_and_clock_of_the_overlay(overlays, case):
    folder, board = overlays[case], boards.load(case)
    text = script(folder)
    sources = {line for line in (folder / "rtl/system.f").read_text().split() if not line.startswith("+")}
    there = {path.name for path in (folder / "rtl").iterdir() if path.suffix not in (".svh", ".mem", ".f")}
    assert sources == there  # the script adds these, and all .svh and .mem
    assert ("overlay.xdc" in text) == (folder / "overlay.xdc").exists()
    assert re.search(rf"^create_project .* -part {board.part}$", text, re.M)
    mhz = f"{board.clock_mhz:g}"
    assert re.search(rf"CONFIG\.(PCW_FPGA0_PERIPHERAL|PSU__CRL_APB__PL0_REF_CTRL__)_?FREQMHZ {mhz}\b", text)
    assert case == "ultra96" or "set_property verilog_define [list XF_XC7] [current_fileset]" in text
    copied = re.findall(r"^file copy .*\[file join \$here (\S+)\]$", text, re.M)
    assert copied == ["overlay.bit", "overlay.hwh"]


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
    found = {port: (bus, role) for kind, bus, role, _, port in INFO.findall(module) if kind == "aximm"}
    split = {port: port.rsplit("_", 1) for port in own if "_axi_" in port}
    assert found == {port: (bus, role.upper()) for port, (bus, role) in split.items()}


def test_constraints_and_port_are_those_of_the_other_bitstream(overlays):
    toml = tomllib.loads((Path(boards.__file__).parent / "pynq-z2/board.toml").read_text())
    text = (overlays["pynq-z2"] / "overlay.xdc").read_text()
    pins = re.findall(r"PACKAGE_PIN (\w+) \[get_ports (\w+)\]", text)
    assert pins == [(toml["shell"]["pins"]["irq"], "irq")]
    assert "create_bd_port -dir O irq" in script(overlays["pynq-z2"]).splitlines()
    assert re.search(r"^\s*output irq\b", ps7.ps7_top("top"), re.M)
    assert "create_bd_port" not in script(overlays["ultra96"])
    assert not (overlays["ultra96"] / "overlay.xdc").exists()


def test_the_hwh_states_the_same_addresses_and_the_clock(overlays):
    root = ElementTree.parse(overlays["pynq-z2"] / "overlay.hwh").getroot()
    modules = {one.get("INSTANCE"): one for one in root.iter("MODULE")}
    assert {*modules} == {"ps", "system"}
    [register] = modules["ps"].iter("MEMRANGE")
    bounds = [int(register.get(name, ""), 16) for name in ("BASEVALUE", "HIGHVALUE")]
    assert bounds == [BASES["pynq-z2"], BASES["pynq-z2"] + 4095]
    offsets = {one.get("NAME"): int(one.find("PROPERTY").get("VALUE"), 16)
               for one in modules["system"].iter("REGISTER")}  # fmt: skip
    assert offsets == driver.REGISTERS
    assert not any((overlays[board] / "overlay.hwh").exists() for board in ("ultra96", "ulx3s"))


def test_pynq_s_parser_finds_the_shell_behind_the_processor(overlays):
    frontends = pytest.importorskip("pynqmetadata.frontends", reason="pip install pynqmetadata")
    design = frontends.HwhFrontend(_hwhfile=str(overlays["pynq-z2"] / "overlay.hwh"))
    processor, registers = design.blocks["ps"], design.blocks["system"].ports["s_axi_ctrl"]
    assert [*processor.ports["M_AXI_GP0"]._addrmap_obj.values()] == [registers]
    assert (registers.baseaddr, registers.range) == (BASES["pynq-z2"], 4096)
    assert {one.name: one.offset for one in registers.registers.values()} == driver.REGISTERS
    assert [processor.find_clock_enable(number) for number in range(4)] == [True, False, False, False]
    assert processor.find_clock_divisor(0, 0) * processor.find_clock_divisor(0, 1) == 10  # of 1,000 MHz
    assert "m_axi" in design.blocks["system"].ports


def test_the_dividers_make_the_highest_clock_that_is_not_above():
    for mhz in (7.0, 33.3, 50.0, 62.5, 83.2, 100.0, 112.2, 142.9, 250.0):
        products = {one * two for one in range(1, 64) for two in range(1, 64)}
        assert clock_dividers(mhz)[0] * clock_dividers(mhz)[1] == min(n for n in products if 1000 / n <= mhz)
        assert math.prod(clock_dividers(settable(mhz))) == math.prod(clock_dividers(mhz))


def test_a_part_without_a_processor_has_no_project(overlays):
    names = {path.name for path in overlays["ulx3s"].rglob("*")}
    assert not names & {"build.tcl", "xf_overlay.v", "overlay.hwh", "overlay.xdc"} and "system.f" in names
    assert "base" not in json.loads((overlays["ulx3s"] / "overlay.json").read_text())["shell"]
