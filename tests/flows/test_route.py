"""Place and route: a counted netlist through stand-ins of openXC7's tools, and through those of PyPI. What
the families that nextpnr routes have in common: reports, failures, pins, PLLs; what tools left, recorded:
reports, logs, FASM and a bitstream are read as they are."""

import hashlib
import json
import lzma
import os
import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import openxc7
import pytest
import xray_database
from loaders import loaded, stand_in

from xnorforge.cli import doctor
from xnorforge.cli.results import load_verb
from xnorforge.core.artifacts import digest, netlist_digest, read_json
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.flows.route import fastest_of, joined, missed, paths, place_and_route
from xnorforge.flows.route.shells import shell_of
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw import boards, routing
from xnorforge.hw.families import _nextpnr, _nextpnr_log
from xnorforge.hw.families.ecp5 import route as ecp5
from xnorforge.hw.families.gw2a import block_rams
from xnorforge.hw.families.gw2a import route as gw2a
from xnorforge.hw.families.ice40 import route as ice40
from xnorforge.hw.families.xc7 import block_rams as xc7_block_rams
from xnorforge.hw.families.xc7 import log, route
from xnorforge.hw.families.xc7.route import ROUTER, pins
from xnorforge.hw.routing import Routed, TopPorts
from xnorforge.pipeline import calls, options, request, stages

from ..refusals import refuses, says, stops
from .test_synth import PARITY, RTL, TOP

BORDER = {side: {"bytes": 1, "beats": 3} for side in ("input", "output")}
LOAD = boards.load


def of_a_serial_line(name: str) -> boards.Board:
    """A board whose bitstream has a serial line."""
    board = LOAD(name)
    return replace(board, shell=board.shell and board.shell | {"kind": "uart"})


def accelerator(folder: Path, board: str, top: str = TOP, **more) -> Path:
    """A hand-written layer (the parity of six bits) in a top, synthesised for a board; `more` of rtl.json."""
    acc = folder / "parity" / f"rtl-{board}"
    (acc / "rtl").mkdir(parents=True)
    (acc / "rtl" / "layer_00_parity.sv").write_text(PARITY)
    (acc / "rtl" / "top.sv").write_text(top.replace("u_layer ", "u_layer_00_parity "))
    (acc / "rtl" / "rtl.json").write_text(json.dumps(RTL | {"border": BORDER} | more))
    (acc / "fold.json").write_text(json.dumps({"board": board, "interval": 1}))
    synthesise(acc, acc.parent)
    return acc


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The accelerator for a Zynq board, synthesised once."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNORFORGE_CACHE", str(folder / "cache"))
        acc = accelerator(folder, "pynq-z2")
        joined(acc, BORDER, of_a_serial_line("pynq-z2"), ROUTER)  # into the cache, which each test copies
        return acc


@pytest.fixture
def acc(made, tmp_path, monkeypatch):
    """A copy of it for a serial line, with caches of its own and none of the tools."""
    monkeypatch.setattr(boards, "load", of_a_serial_line)
    shutil.copytree(made.parent.parent / "cache/joined", tmp_path / "cache/joined")
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    for name in ("CHIPDB", "PRJXRAY_DB_DIR", "XNORFORGE_OPENXC7"):
        monkeypatch.delenv(name, raising=False)
    return Path(shutil.copytree(made, tmp_path / "parity" / "rtl-pynq-z2"))


def with_tools(monkeypatch, folder: Path, **how) -> None:
    monkeypatch.setenv("XNORFORGE_OPENXC7", str(openxc7.install(folder, **how)))


def test_a_route_that_succeeds_leaves_a_bitstream_and_its_record(acc, tmp_path, monkeypatch, capsys):
    with_tools(monkeypatch, tmp_path / "tools")
    record = place_and_route(acc, acc.parent, (1, 2))
    says(capsys.readouterr().err.splitlines()[-1], "bitstream: 119.7 MHz … upper bound … 100 MHz … docs/")
    assert record == read_json(acc / "bitstream.json")
    names = ["placed = counted cells", *(f"{of}'s block RAMs = netlist's" for of in ("FASM", "bitstream"))]
    assert [(one["name"], one["mismatches"]) for one in record["checks"]] == [(name, 0) for name in names]
    # LUT6, INV and two FDRE of the layer, LUT2 and FDRE of the top.
    assert record["checks"][0]["integers"] == 6
    assert all(check["integers"] for check in record["checks"])
    clock = {"kind": "routed, upper bound", "mhz": 100.0, "met": False, "asked": 100.0}
    clock |= {"least": 119.7, "median": 119.7, "best": 119.7}
    assert record["clock"] == clock
    assert [row["seed"] for row in record["seeds"]] == [1, 2] and record["fastest"] == 1
    assert record["used"]["slice"] == {"used": 1, "available": 13300}
    assert record["used"]["RAMB36E1"] == {"used": 6, "available": 140} and "SLICE_LUTX" not in record["used"]
    assert record["counted"]["accelerator"] == {"lut": 3, "ff": 3, "bram36": 0}
    assert record["counted"]["shell"]["ff"] > 20 < record["counted"]["shell"]["lut"]
    assert len(record["critical_paths"]) == 2 and "upper bound" in record["timing"]
    assert (acc / record["bit"]["file"]).read_bytes() == openxc7.blank_bit()
    assert record["bit"]["sha256"] == hashlib.sha256(openxc7.blank_bit()).hexdigest()
    assert "xf_top u_accelerator" in (acc / "bitstream/xf_board_top.v").read_text()
    assert record["netlist"] == netlist_digest(acc)


def test_the_design_for_nextpnr_xilinx_is_what_every_version_takes(acc):
    text, *_ = joined(acc, BORDER, of_a_serial_line("pynq-z2"), ROUTER)
    cells = json.loads(text)["modules"]["xf_board_top"]["cells"].values()
    kinds = {cell["type"] for cell in cells}
    assert {"PS7", "BUFG", "IBUF", "OBUF", "RAMB18E1", "LUT6", "FDRE"} <= kinds
    assert not kinds & {"$scopeinfo", "LUT6_2", "SRL16E", "SRLC32E", "xf_top", "layer_00_parity"}
    for cell in cells:
        if cell["type"] in ("LUT2", "LUT3", "LUT4", "LUT5", "LUT6"):
            assert all(isinstance(bit, int) for bits in cell["connections"].values() for bit in bits)


@pytest.mark.full
def test_the_dma_shell_of_a_zynq_board_is_routed_around_the_same_netlist(acc, tmp_path, monkeypatch):
    """PS7 and every cell of the accelerator; no pin but the interrupt's; the record says where frames are."""
    monkeypatch.setattr(boards, "load", LOAD)
    (acc / "folded.onnx").write_text("a network")
    with_tools(monkeypatch, tmp_path / "tools", pin="R14 [get_ports irq")
    text, shell, given, _ = joined(acc, BORDER, boards.load("pynq-z2"), ROUTER)
    module = json.loads(text)["modules"]["xf_board_top"]
    kinds = Counter(cell["type"] for cell in module["cells"].values())
    assert kinds["PS7"] == kinds["BUFG"] == kinds["OBUF"] == 1 and kinds["IBUF"] == 0
    assert not set(kinds) & {"$scopeinfo", "LUT6_2", "SRL16E", "SRLC32E", "xf_top", "xf_system"}
    assert list(module["ports"]) == ["irq"] and sum(given.values()) == 6
    ps7 = next(cell["connections"] for cell in module["cells"].values() if cell["type"] == "PS7")
    assert len(set(ps7["SAXIHP0ARADDR"][3:])) == 29 and len(ps7["SAXIHP0WDATA"]) == 64
    record = place_and_route(acc, acc.parent, (1,))
    assert [check["mismatches"] for check in record["checks"]] == [0]
    assert record["checks"][0]["integers"] == 6
    says(record["shell"], "DMA: … S_AXI_HP0 … 0x40000000 … M_AXI_GP0")
    own = int(digest(acc / "folded.onnx")[:16], 16)
    assert f"64'h{own:016x}" in (acc / "bitstream/xf_system.sv").read_text()
    names = {path.name for path in (acc / "bitstream").iterdir()}
    assert {"xf_board_top.v", "xf_axi3_lite.sv", "xf_dma_read.sv", "xf_board_top.bit"} <= names
    assert shell.instance == "u_system.u_top"


def test_a_database_with_delays_gives_the_clock_with_block_ram(acc, tmp_path, monkeypatch):
    """A block RAM's output (2.5 ns) over a net of 1 ns into a register (0.05 ns); nextpnr omits it."""
    slow = "BRAM_L_X2Y0.RAMB18_Y1.IN_USE\nBRAM_L_X2Y0.SHARED0.BRAM_L_R_DOADO0\n"
    slow += "CLBLL_L_X0Y0.SLICEL_X0.BFFMUX.BX\nCLBLL_L_X0Y0.CLBLL_L_LL_BX.SHARED0\n"
    with_tools(monkeypatch, tmp_path / "tools", fasm=slow)
    xray_database.write(tmp_path / "tools/share/prjxray-db/zynq7")
    record = place_and_route(acc, acc.parent, (1,))
    assert (record["clock"]["kind"], record["clock"]["met"]) == (route.COMPLETE, True)
    assert record["clock"]["best"] == record["seeds"][0]["mhz"] == round(1e3 / 3.55, 2)
    (path,) = record["critical_paths"]
    assert (path["ns"], path["routing_ns"]) == (3.55, 1.0) and path["operators"] == ["shell", "parity"]
    assert path["from"].startswith("RAMB18_X0Y1/") and path["to"] == "u_accelerator.u_layer_00_parity.q"
    says(record["timing"], "static timing … block RAM … nextpnr-xilinx, without block RAM, gives 119.7 MHz")
    for table in (tmp_path / "tools").rglob("*.sdf"):  # of the same length
        table.write_text(table.read_text().replace("2.5", "2.7"))
    assert place_and_route(acc, acc.parent, (1,))["clock"]["best"] == round(1e3 / 3.75, 2)
    found = {item.name: item.found for item in doctor.examine(tmp_path)}
    timings = str(tmp_path / "tools/share/prjxray-db/zynq7/timings")
    assert found["Project X-Ray's zynq7/timings"] == timings != found["Project X-Ray's artix7/timings"]
    slow += "CLBLL_L_X0Y0.SLICEL_X0.CFFMUX.CX\nCLBLL_L_X0Y0.CLBLL_L_LL_CX.SHARED1\n"  # which nothing drives
    with_tools(monkeypatch, tmp_path / "others", fasm=slow)
    xray_database.write(tmp_path / "others/share/prjxray-db/zynq7")
    record = place_and_route(acc, acc.parent, (1,))
    assert (record["clock"]["kind"], record["clock"]["best"]) == ("routed, upper bound", 119.7)
    says(record["timing"], "upper bound … 1 of 2 inputs … no driver")
    yaml = tmp_path / "others/share/prjxray-db/zynq7/xc7z020clg400-1/part.yaml"
    monkeypatch.setattr(route, "LOST", 0.5)
    found = route.timed(Routed(119.7, {}, [], ""), slow, tmp_path, yaml)
    assert not found.bound and found.mhz == pytest.approx(1e3 / 3.55)
    says(found.kind, "routed, with block RAM, DSP and processor pins; 1 of 2 inputs … no driver")


def test_an_upper_bound_is_not_the_fastest_of_the_seeds():
    kinds = (1, 80.0, "routed"), (2, 120.0, routing.BOUND), (3, 90.0, "routed")
    runs = {n: (Path(), Routed(mhz, {}, [], "", kind=kind)) for n, mhz, kind in kinds}
    assert fastest_of(runs) == 3


@pytest.mark.full
def test_a_processor_runs_a_design_that_misses_the_clock_at_a_lower_one(acc, tmp_path, monkeypatch):
    """80 MHz were routed; 1,000 MHz / 13 is the highest clock that a Zynq has below it."""
    monkeypatch.setattr(boards, "load", LOAD)
    (acc / "folded.onnx").write_text("a network")
    with_tools(monkeypatch, tmp_path / "tools", pin="R14 [get_ports irq", said=SLOW)
    record = place_and_route(acc, acc.parent, (1,))
    clock = {"mhz": 76.923, "met": False, "asked": 100.0} | dict.fromkeys(("least", "median", "best"), 80.0)
    assert record["clock"] == {"kind": routing.BOUND} | clock
    assert (acc / record["bit"]["file"]).exists()


@pytest.mark.parametrize("name", ["icebreaker", "ulx3s", "tangnano20k", "pynq-z2"])
def test_a_network_with_loads_has_its_ports_and_others_have_nothing_of_them(name, acc):
    """Ports of AXI4-Lite at the accelerator; 12 bits of an address, as `loads` says."""
    board = of_a_serial_line(name)
    router = routing.load(board.family)
    plain = shell_of(acc, BORDER, board, router)
    rtl = read_json(acc / "rtl/rtl.json")
    (acc / "rtl/rtl.json").write_text(json.dumps(rtl | {"loads": {"address_bits": 12}}))
    asked = shell_of(acc, BORDER, board, router)
    assert asked.sources == plain.sources and asked.about == plain.about
    texts = [shell.texts["xf_board_top.v"] for shell in (plain, asked)]
    word = ".s_axi_ctrl_awaddr("
    assert word not in texts[0].split("xf_top ")[1] and word in texts[1]
    for text, loads, bits in zip(texts, (0, 1), (1, 12)):
        assert ".InBytes(1), .InBeats(3), .OutBytes(1)" in text
        assert f".Loads({loads}), .AddrW({bits})" in text


def test_a_family_without_a_processor_has_no_shell_that_needs_one(acc):
    def asked(name):
        return replace(LOAD(name), shell=LOAD(name).shell | {"kind": "dma"})

    (acc / "folded.onnx").write_text("a network")
    with refuses('hw/boards/ulx3s/board.toml: [shell] kind = "dma" … ecp5 … kind = "uart"'):
        joined(acc, BORDER, asked("ulx3s"), routing.load("ecp5"))
    parts = "Zynq … xc7a35tcpg236-1"
    with refuses(f'hw/boards/pynq-z2/board.toml: [shell] kind = "dma" … {parts} … kind = "uart"'):
        joined(acc, BORDER, replace(asked("pynq-z2"), part="xc7a35tcpg236-1"), ROUTER)


@pytest.mark.full
def test_a_part_without_a_processor_has_its_clock_from_the_pin(acc):
    board = LOAD("arty-a7-35")
    text, *_ = joined(acc, BORDER, board, ROUTER)
    module = json.loads(text)["modules"]["xf_board_top"]
    kinds = Counter(cell["type"] for cell in module["cells"].values())
    assert kinds["PS7"] == 0 and (kinds["BUFG"], kinds["IBUF"], kinds["OBUF"]) == (1, 3, 2)
    assert {*module["ports"]} == {"clock", "reset", "rxd", "txd", "lost"} == {*board.shell["pins"]}
    placed = re.findall(r"PACKAGE_PIN (\w+) \[get_ports (\w+)\]", pins(board))
    assert {role: pin for pin, role in placed} == board.shell["pins"]
    with refuses("hw/boards/arty-a7-35/board.toml: clock.mhz = 125 … shell.clock_mhz = 100.0 … give both"):
        joined(acc, BORDER, replace(board, clock_mhz=125.0), ROUTER)


def test_a_seed_that_was_routed_is_not_routed_again(acc, tmp_path, monkeypatch):
    ran = tmp_path / "ran"
    with_tools(monkeypatch, tmp_path / "tools", placed=f"open({str(ran)!r}, 'a').write('x')")
    place_and_route(acc, acc.parent, (1, 2))
    first = (acc / "bitstream.json").read_text().partition('"run"')[0]
    place_and_route(acc, acc.parent, (1, 2))
    assert (acc / "bitstream.json").read_text().partition('"run"')[0] == first
    assert ran.read_text() == "xx"
    place_and_route(acc, acc.parent, (1, 2, 3))
    assert ran.read_text() == "xxx"


def test_a_bitstream_of_another_design_fails_its_check(acc, tmp_path, monkeypatch):
    with_tools(monkeypatch, tmp_path / "tools", bit=openxc7.recorded_bit())
    checks = {check["name"]: check for check in place_and_route(acc, acc.parent, (1,))["checks"]}
    assert checks["FASM's block RAMs = netlist's"]["mismatches"] == 0
    assert checks["bitstream's block RAMs = netlist's"]["mismatches"] == 10


def test_a_netlist_that_is_not_the_counted_one_fails_its_check(acc, tmp_path, monkeypatch):
    with_tools(monkeypatch, tmp_path / "tools")
    record = read_json(acc / "synth.json")
    record["operators"][0]["cells"]["FDRE"] += 1
    (acc / "synth.json").write_text(json.dumps(record))
    (check, *_) = place_and_route(acc, acc.parent, (1,))["checks"]
    assert (check["name"], check["mismatches"], check["integers"]) == ("placed = counted cells", 1, 7)


ROUTED = "Info: Max frequency for clock 'clk': 119.70 MHz (PASS"  # nextpnr warns of a clock that is missed
SLOW = openxc7.log().replace(ROUTED, "Warning: Max frequency for clock 'clk': 80.00 MHz (FAIL")
assert "80.00 MHz" in SLOW
STUCK = openxc7.log()[: openxc7.log().index("Info:     iter=3")]
SHORT = openxc7.log()[: openxc7.log().index("Info: Critical path report")]
KILLED = "os.kill(os.getpid(), signal.SIGKILL)"
FAILURES = {
    "clock missed": (
        {"said": SLOW},
        "bitstream: the best of 2 seeds … 80.0 MHz … 100 MHz … 2.50 ns … shell (7.1 of 8.4 … CLOCK=",
    ),
    "overuse left": (
        {"said": STUCK, "placed": "print('ERROR: Routing design failed.'); sys.exit(1)"},
        "bitstream: nextpnr-xilinx (seed 1) … 28 wires … 2 iterations … SEEDS=4,5,6 … INTERVAL",
    ),
    "crash": (
        {"said": "Info: Packing LUTs..\n", "placed": KILLED},
        "bitstream: nextpnr-xilinx (seed 1): … signal 9 … SEEDS=4,5,6",
    ),
    "log cut short": ({"said": SHORT}, "bitstream: … log of nextpnr-xilinx (seed 1)"),
    "no room": (
        {"said": "", "placed": "print('ERROR: Unable to place cell u_x, no BELs remaining'); sys.exit(255)"},
        "bitstream: nextpnr-xilinx (seed 1) … Unable to place cell u_x, no BELs remaining … INTERVAL",
    ),
    "FASM empty": (
        {"fasm": ""}, "bitstream: nextpnr-xilinx … out.fasm … github.com/openXC7 … XNORFORGE_OPENXC7",
    ),
    "another part": (
        {"bit": openxc7.blank_bit().replace(b"xc7z020clg400-1\0", b"xc7z010clg400-1\0")},
        "bitstream: xc7frames2bit … xf_board_top.bit … xc7z020clg400-1 … pynq-z2 … XNORFORGE_OPENXC7",
    ),
    "frames refused": (
        {"framed": "sys.exit('ERROR: segment DB has no CLBLM_R')"},
        "bitstream: fasm2frames: segment DB has no CLBLM_R (seed 1); … openXC7",
    ),
    "bitstream cut short": ({"bit": openxc7.blank_bit()[:300_000]}, "bitstream: … 300,000 bytes"),
}  # fmt: skip


@pytest.mark.quick("clock missed", "FASM empty", "another part", "frames refused")
@pytest.mark.parametrize("how", FAILURES)
def test_a_failure_is_one_sentence_and_leaves_only_its_logs(how, acc, tmp_path, monkeypatch):
    tools, text = FAILURES[how]
    with_tools(monkeypatch, tmp_path / "tools", **tools)
    before = {path.name for path in acc.rglob("*")}
    with refuses(text):
        place_and_route(acc, acc.parent, (1, 2), parallel=1)
    left = {path.name for path in acc.rglob("*")} - before - {"bitstream-logs"}
    assert all(name.startswith("seed") and name.endswith(".log") for name in left)
    assert ("seed1-nextpnr.log" in left) == (how != "clock missed")
    runs = list((tmp_path / "cache/route").glob("*/routed.json"))
    assert len(runs) == (2 if how == "clock missed" else 0)  # a slow run is a run all the same


def test_a_router_that_never_ends_is_stopped_and_its_last_words_are_told(acc, tmp_path, monkeypatch):
    """Three seconds; wires are left of the iterations, and what was estimated after placement."""
    endless = f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); signal.pause()"
    with_tools(monkeypatch, tmp_path / "tools", said=STUCK, placed=endless)
    before = {path.name for path in acc.rglob("*")}
    text = "0.05 minutes … 112.75 MHz … 28 wires … iteration 2 … 'Info: iter=2 … PNR_MINUTES= … SEEDS="
    with refuses(f"bitstream: nextpnr-xilinx (seed 1) … {text} … bitstream-logs/seed1-nextpnr.log"):
        calls.bitstream(acc.parent, acc, seeds=(1,), pnr_minutes=0.05)
    assert {path.name for path in acc.rglob("*")} - before == {"bitstream-logs", "seed1-nextpnr.log"}
    assert not [*(tmp_path / "cache/route").glob("*/")]
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_success_takes_the_logs_of_failures_away(acc, tmp_path, monkeypatch):
    with_tools(monkeypatch, tmp_path / "tools", said=SHORT)
    stops(r"bitstream-logs/seed1-nextpnr\.log", place_and_route, acc, acc.parent, (1,))
    assert (acc / "bitstream-logs/seed1-nextpnr.log").read_text() == SHORT
    with_tools(monkeypatch, tmp_path / "others")
    place_and_route(acc, acc.parent, (1,))
    assert not (acc / "bitstream-logs").exists()


def test_more_carries_than_can_be_placed_are_refused(acc, tmp_path, monkeypatch):
    """The shell alone needs some; a part with two CARRY4 has room for one of them."""
    small = replace(of_a_serial_line("pynq-z2"), capacity={**LOAD("pynq-z2").capacity, "carry4": 2})
    monkeypatch.setattr(boards, "load", lambda _: small)
    with_tools(monkeypatch, tmp_path / "tools")
    with refuses("bitstream: … CARRY4 … place 1 of … 2 … INTERVAL … overlay/build.tcl"):
        place_and_route(acc, acc.parent, (1,))


def test_missing_tools_databases_and_shells_are_one_sentence(acc, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    said = r"^bitstream: nextpnr-xilinx, fasm2frames, xc7frames2bit .*openXC7"
    stops(said, place_and_route, acc, acc.parent, (1,), kind=ToolMissing)
    with_tools(monkeypatch, tmp_path / "tools")
    (tmp_path / "tools/chipdb/xc7z020clg400.bin").unlink()
    stops(r"^bitstream: .*xc7z020clg400.bin .*openXC7", place_and_route, acc, acc.parent, (1,))
    record = read_json(acc / "synth.json")
    (acc / "synth.json").write_text(json.dumps(record | {"board": "ultra96"}))
    stops(r"^bitstream: .*ultra96 .*ecp5, gw1n, gw2a, .*xc7\.$", place_and_route, acc, acc.parent, (1,))


def test_the_stage_is_part_of_a_build_where_its_tools_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("XNORFORGE_OPENXC7", raising=False)

    def names(**asked) -> list[str]:
        return [stage.name for stage in request.Request(**asked).plan()]

    without = names()
    assert without[-2:] == ["overlay", "report"] and "overlay" not in names(board="ulx3s")
    assert "bitstream" not in without and not request.Request().routed
    assert "XNORFORGE_OPENXC7" in stages.no_bitstream("rtl", "pynq-z2", "auto")
    with_tools(monkeypatch, tmp_path / "tools")
    assert names() == [*without[:-2], "bitstream", "overlay", "report"] and request.Request().routed
    assert names(pnr="off") == without
    (tmp_path / "tools/chipdb/xc7z020clg400.bin").unlink()
    assert names() == without
    says(stages.no_bitstream("rtl", "pynq-z2", "auto"), "xc7z020clg400.bin … openXC7")
    found = {item.name: item.found for item in doctor.examine(tmp_path)}
    assert found["chip database xc7z020clg400.bin"] == "not found" != found["nextpnr-xilinx"]
    with_tools(monkeypatch, tmp_path / "more")
    assert not {"bitstream", "overlay"} & set(names(board="ultra96"))
    says(stages.no_bitstream("hls4ml", "pynq-z2", "auto"), "BACKEND=hls4ml … netlist")
    assert "ultra96 (xczu3eg-sbva484-1-i)" in stages.no_bitstream("rtl", "ultra96", "auto")


@pytest.mark.parametrize("given", [",", "1,,x", "1 2 1", "-1", "2147483648"])
def test_seeds_are_different_whole_numbers(given):
    seeds = options.named("seeds")
    assert seeds.read("1,2 3") == (1, 2, 3)
    stops(rf"^SEEDS: '{given}' ", seeds.read, given)


# {board: (site of the PLL, used and available; what the bitstream begins with)}
ROUTED = {
    "ulx3s": ("EHXPLLL", {"used": 1, "available": 4}, b"\xff\x00Part: LFE5U"),
    "tangnano20k": ("rPLL", {"used": 1, "available": 2}, b"1" * 160),
    "tangnano9k": ("rPLL", {"used": 1, "available": 2}, b"1" * 160),
    "crosslink-nx-evn": ("DCC", {"used": 1, "available": 62}, b"LSCC"),
    "icebreaker": ("ICESTORM_PLL", {"used": 1, "available": 1}, b"\xff\x00"),
}


def first_arrival(report: Path) -> float:
    """The least arrival at a register, ns: the clock's wire, a clock-to-output time and a net."""
    nets = [net for net in read_json(report)["detailed_net_timings"] if net["event"].endswith("clk")]
    ends = [end["delay"] for net in nets for end in net["endpoints"] if end["event"] == net["event"]]
    return min(min(delay) if isinstance(delay, list) else delay for delay in ends)


@pytest.mark.full
@pytest.mark.parametrize("board", ROUTED)
def test_the_tools_of_pypi_route_the_counted_netlist_into_a_bitstream(board, tmp_path, monkeypatch):
    router = routing.load(boards.load(board).family)
    assert router is not None
    if router.missing():
        pytest.skip(routing.lacking(router.missing()))
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    acc = accelerator(tmp_path, board)
    record = place_and_route(acc, acc.parent, (1, 2), parallel=1)
    assert [check["mismatches"] for check in record["checks"]] == [0] and record["checks"][0]["integers"]
    assert record["clock"]["least"] >= boards.load(board).clock_mhz == record["clock"]["asked"]
    site, used, head = ROUTED[board]
    assert record["used"][site] == used
    assert (acc / record["bit"]["file"]).read_bytes().startswith(head)
    loader, words = boards.load(board).load[0], boards.load(board).load[1:]
    log = stand_in(tmp_path, loader, boards.load(board).family)
    monkeypatch.setenv("PATH", str(tmp_path))
    load_verb(request.Request(net="mnist-tfc", board=board, place=acc), as_json=False)
    assert loaded(log) == [*words, str(acc / record["bit"]["file"])]
    inside = {"shell", "top", "parity"}
    assert {name for path in record["critical_paths"] for name in path["operators"]} <= inside
    late = record["slowest_nets"]
    assert [net["seed"] for net in late] == [1] * 5 + [2] * 5
    assert {name for net in late for name in net["operators"]} <= inside
    # An arrival lacks the setup time of the path's end, and may have the clock's wire, of which nextpnr-nexus
    # alone counts more than 1 ns: no more than the first arrival has.
    reports = (tmp_path / "cache/route").glob("*/nextpnr.json")
    wire = max(map(first_arrival, reports)) if board == "crosslink-nx-evn" else 1.0
    for seed in (1, 2):
        (path,) = (path["ns"] for path in record["critical_paths"] if path["seed"] == seed)
        assert 0.5 * path < max(net["ns"] for net in late if net["seed"] == seed) <= path + wire


ONE = TopPorts(1, 1, 1)  # a byte in, a byte out

PARTS = {"ecp5": "ulx3s", "gw1n": "tangnano9k", "gw2a": "tangnano20k", "gw5a": "tangprimer25k",
         "ice40": "icebreaker", "nexus": "crosslink-nx-evn"}  # fmt: skip
PACKED = """Info: Device utilisation:
Info: \t        TRELLIS_COMB: 90123/ 83640   107%
Info: \t              DP16KD:     4/   208     1%
"""


def test_of_each_run_the_nets_that_reach_a_register_last_are_kept():
    """Arrivals as nextpnr writes them: a number, or least and most; those of other clocks do not count."""

    def net(name, event, *ends):
        ends = [{"cell": cell, "port": "D", "event": to, "delay": delay} for cell, to, delay in ends]
        return {"net": name, "driver": f"u_layer_01_b.{name}", "port": "F", "event": event, "endpoints": ends}

    clk, other = "posedge clk", "<async>"
    nets = [
        net("slow", clk, ("x.u_layer_02_c.q", clk, 3.0), ("x.u_layer_01_b.q", clk, [1.0, 7.5]),
            ("p", other, 9.0)),
        net("pin", other, ("x", clk, 20.0)),
        *(net(f"n{number}", clk, ("x.u_layer_02_c.r", clk, number / 2)) for number in range(9)),
    ]  # fmt: skip
    fmax, used = {"clk": {"achieved": 125.0, "constraint": 50.0}}, {"LUT4": {"used": 5, "available": 9}}
    report = {"fmax": fmax, "utilization": used, "critical_paths": [], "detailed_net_timings": nets}
    routed = _nextpnr.read_report(json.dumps(report), 1, "nextpnr", "a.fs")
    assert [(net.ns, net.ends) for net in routed.late] == [(7.5, 2), (4.0, 1), (3.5, 1), (3.0, 1), (2.5, 1)]
    # Of 8 ns: 3.0 and 7.5 of the first net; 0, 0.5 … 4 of the others.
    assert routed.arrivals == [2, 2, 1, 3, 1, 1, 0, 0, 0, 1]
    # A slowest path of 7 ns, 0.5 of it setup: the clock's wire has 1 of the 7.5 ns.
    hops = [("clk-to-q", 0.5), ("routing", 6.0), ("setup", 0.5)]
    path = [{"type": kind, "delay": ns, "net": "n", "to": {"cell": "c"}} for kind, ns in hops]
    report["critical_paths"] = [{"from": clk, "to": clk, "path": path}]
    routed = _nextpnr.read_report(json.dumps(report), 1, "nextpnr", "a.fs")
    assert routed.arrivals == [4, 2, 2, 2, 0, 0, 0, 0, 1, 0]
    layers = {"layer_01_b": "conv", "layer_02_c": "dense"}
    rows = [paths.net_row(net, 3, layers, "u_accelerator") for net in routed.late[:2]]
    assert [row["operators"] for row in rows] == [["conv"], ["conv", "dense"]]


@pytest.mark.parametrize("said, reason, text", [
    ("Warning: Failed to find a route for arc 3 of net u_a.b.\nERROR: Routing design failed.\n",
     "Routing design failed", "nextpnr (seed 7) … u_a.b … SEEDS=4,5,6 … INTERVAL"),
    (
        "".join(f"ERROR: Failed to route arc 0.{n} of net 'n{n}', from A to B.\n" for n in range(5)),
        "Failed to route arc", "nextpnr (seed 7) … n0, n1, n2 and 2 more … SEEDS=4,5,6 … INTERVAL",
    ),
    (
        PACKED,
        "Unable to place cell 'q', no BELs remaining to implement cell type 'TRELLIS_COMB'",
        "nextpnr (seed 7) … Unable to place cell 'q', no BELs remaining to implement cell type "
        "'TRELLIS_COMB' … TRELLIS_COMB 90,123 of 83,640 … INTERVAL",
    ),
    ("Info:     iter=1 wires=9 overused=4 overuse=4\n", "killed",
     "nextpnr (seed 7) … 4 wires … 1 iteration … SEEDS=4,5,6 … INTERVAL"),
    ("Info: Packing\n", "it ended with signal 9 and named no error", "nextpnr (seed 7): … SEEDS=4,5,6"),
])  # fmt: skip
def test_a_run_that_stopped_is_one_sentence(said, reason, text):
    says(_nextpnr_log.failure("nextpnr", said, reason, 7), text)


def test_an_exception_of_a_tool_in_python_is_its_reason():
    said = "Traceback (most recent call last):\n  File \"x.py\", line 1\nKeyError: 'top'\n"
    failed = routing.ToolFailed(gw2a.ROUTER.tools[1], 1, said)
    assert failed.reason == "KeyError: 'top'"
    says(failed, "gowin_pack: KeyError: 'top'; … yowasp-nextpnr-")


def test_the_clocks_are_made_by_the_pll_and_keep_the_baud_rate():
    board, router = boards.load("ulx3s"), routing.load("ecp5")
    assert router is not None
    clocks = [mhz for step in range(1, 500) if router.makes(board, mhz := step * 25 / 8)]
    assert {25.0, 50.0, 75.0, 100.0, 103.125} <= set(clocks) and not router.makes(board, 101.0)
    for mhz in clocks:
        cycles = round(mhz * 1e6 / board.shell["baud"])
        assert abs(mhz * 1e6 / cycles / board.shell["baud"] - 1) < 0.02 and cycles >= 4
        assert "u_pll" in router.top(replace(board, clock_mhz=mhz), ONE)


def test_a_chain_of_a_nexus_begins_without_a_carry():
    """Of two CCU2, the first takes its carry from A1; abc9 has tied its other one to a constant."""

    def cell(kind, bit):
        return {"type": "CCU2", "parameters": {"INIT1": kind}, "connections": {"CIN": [bit], "COUT": [7]}}

    cells = {"first": cell("0x00AA", 3), "next": cell("0x96AA", 7)}
    router = routing.load("nexus")
    assert router is not None
    made = router.adapted({"modules": {routing.TOP: {"cells": cells}}})["modules"][routing.TOP]["cells"]
    assert made["first"]["connections"] == {"COUT": [7]}
    assert made["next"]["connections"] == {"CIN": [7], "COUT": [7]}


def test_a_board_of_a_nexus_runs_at_its_oscillators_clock():
    board, router = boards.load("crosslink-nx-evn"), routing.load("nexus")
    assert router is not None
    with refuses("hw/boards/crosslink-nx-evn/board.toml: clock.mhz = 24 … 12"):
        router.top(replace(board, clock_mhz=24.0), ONE)


def test_the_pll_of_a_gw2a_keeps_to_its_data_sheet():
    for wanted in (27.0, 54.0, 81.0, 108.0, 67.5):
        reference, fed_back, divided = gw2a.rpll(27.0, wanted)
        assert 27.0 / reference * fed_back == wanted and 27.0 / reference >= 3 and fed_back <= 64
        assert 500 <= wanted * divided <= 1250 and (divided == 2 or divided % 4 == 0)
    stops(r"^bitstream: .* GW2A-18 .*50 MHz .*27 MHz", gw2a.rpll, 27.0, 50.0)


def test_the_pll_of_a_gw1n_has_another_oscillator():
    """400 to 1,200 MHz: 20.25 MHz need a divisor of 32, by which 54 MHz would be too fast."""
    (chip,) = (one for one in gw2a.CHIPS if one.pll == "GW1NR-9C")
    for wanted, divisors in ((54.0, {8, 16}), (20.25, {32, 48})):
        reference, fed_back, divided = gw2a.rpll(27.0, wanted, chip)
        assert 27.0 / reference * fed_back == wanted and divided in divisors


def test_the_pll_of_an_ice40_keeps_to_its_data_sheet():
    for wanted in (16.5, 18.0, 24.0, 36.0, 48.0):
        fed_back, power = ice40.pll(12.0, wanted)
        assert 12.0 * fed_back == wanted * 2**power and fed_back <= 128 and 533 <= 12.0 * fed_back <= 1066
    for wanted in (12.0, 17.0):  # below the least output; no whole multiple
        stops(rf"^bitstream: .* iCE40 .*{wanted:g} MHz .*12 MHz", ice40.pll, 12.0, wanted)
    top = ice40.ROUTER.top(boards.load("icebreaker"), ONE)
    assert ".DIVF(7'd63), .DIVQ(3'd5)" in top and "~reset | ~locked}" in top


def test_a_pin_that_is_low_when_it_says_yes_is_inverted_and_pulled_up():
    nano = boards.load("tangnano20k")
    text = gw2a.ROUTER.top(nano, ONE)
    assert "assign lost = ~was_lost;" in text and "reset | ~locked}" in text
    assert 'IO_PORT "reset" IO_TYPE=LVCMOS33 PULL_MODE=DOWN;' in gw2a.ROUTER.pins(nano)
    low = replace(nano, shell=nano.shell | {"low": ["reset"]})
    top = gw2a.ROUTER.top(low, ONE)
    assert "~reset | ~locked}" in top and "assign lost = was_lost;" in top
    assert 'IO_PORT "reset" IO_TYPE=LVCMOS33 PULL_MODE=UP;' in gw2a.ROUTER.pins(low)


@pytest.mark.parametrize("name, role, all_roles", [
    ("ulx3s", "clock", "clock, reset, rxd, txd, lost"),
    ("tangnano20k", "lost", "clock, reset, rxd, txd, lost"), ("pynq-z2", "irq", "irq"),
])  # fmt: skip
def test_a_port_without_a_pin_is_refused(name, role, all_roles):
    board, router = boards.load(name), routing.load(boards.load(name).family)
    assert router is not None
    fewer = {other: pin for other, pin in board.shell["pins"].items() if other != role}
    with refuses(f"hw/boards/{name}/board.toml: [shell.pins] … '{role}' … {all_roles}"):
        router.identity(replace(board, shell=board.shell | {"pins": fewer}))


@pytest.mark.parametrize("family", PARTS)
def test_a_part_that_no_tool_knows_is_refused(family):
    name = PARTS[family]
    router = routing.load(family)
    assert router is not None
    stops(rf"^{name}: .*'XYZ-1'", router.identity, replace(boards.load(name), part="XYZ-1"))


def test_block_rams_of_a_gw2a_are_found_by_the_bits_that_are_set_in_a_bitstream():
    """One bit in line 23 of 256, from the bottom, of the middle row: words of INIT_RAM_05, 15, 25 or 35."""
    end = b"0" * 16 + b"1" * 48
    lines = [b"0" * 3376 + end] * (1342 + 3 * 256)
    lines[7] = b"1" * 3376 + end  # of the fabric
    lines[1342 + 256 + 255 - 23] = b"0" * 1000 + b"1" + b"0" * 2375 + end
    one = {"INIT_RAM_15": "0" * 99 + "1" + "0" * 156, "BIT_WIDTH": "1"}
    asked = [{"parameters": one}, {"parameters": {}}]
    ones = [0] * 5 + [1] + [0] * 10
    assert block_rams.ones_of_netlist(asked) == ones
    assert block_rams.ones_of_bitstream(b"\n".join([b"1" * 160, b"0" * 64, *lines, b"0" * 64])) == ones
    assert block_rams.ones_of_bitstream(b"\n".join(lines[:1342])) == [0] * 16
    with pytest.raises(UserError, match=r"^the bitstream has 2,000 lines.*GW2A-18 .*1,342 or 2,110"):
        block_rams.ones_of_bitstream(b"\n".join(lines[:2000]))


RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> bytes:
    """A recorded file, unpacked."""
    data = (RECORDED / name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def test_a_report_of_nextpnr_ecp5_gives_clock_sites_and_the_path_by_operator():
    routed = _nextpnr.read_report(recorded("ecp5-mnist-tfc.json"), 1, "nextpnr-ecp5", "a.bit")
    assert round(routed.mhz, 2) == 122.93
    assert routed.used["TRELLIS_COMB"] == (1954, 83640) and routed.used["DP16KD"] == (4, 208)
    assert "DCSC" not in routed.used  # none is used
    (path,) = routed.paths
    assert path.ns == pytest.approx(1e3 / routed.mhz, abs=0.001)
    row = paths.row(path, 1, {"layer_02_dense0": "dense0"}, "u_accelerator")
    assert row["operators"] == ["dense0"] and row["cells"] == 5
    assert (row["logic_ns"], row["routing_ns"]) == (6.252, 1.883)
    assert row["from"].endswith("u_weights.gen_block.mem.0.1")


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_report_that_is_cut_short_is_one_sentence(keep):
    with pytest.raises(UserError, match=r"^the report of nextpnr-ecp5 \(seed 4\) "):
        _nextpnr.read_report(recorded("ecp5-mnist-tfc.json")[:keep], 4, "nextpnr-ecp5", "a.bit")


def test_the_pll_divides_as_its_oscillator_allows():
    for wanted in (25.0, 50.0, 62.5, 75.0, 100.0, 125.0, 200.0):
        reference, fed_back, divided = ecp5.pll(25.0, wanted)
        assert 25.0 / reference * fed_back == wanted
        assert 400 <= wanted * divided <= 800 and 25.0 / reference >= 3.125
    stops(r"^bitstream: .*ECP5 .*33\.3 MHz .*25 MHz", ecp5.pll, 25.0, 33.3)


def test_a_log_of_nextpnr_xilinx_gives_the_routed_clock_and_not_that_before_routing():
    mhz, used, path = log.read(recorded("xc7-mnist-cnn.log.xz").decode(), 1)
    assert mhz == 119.70  # 112.75 was estimated after placement
    assert used["SLICE_LUTX"] == (4861, 106400) and used["RAMB36E1"] == (6, 140) and "DSP48E1" not in used
    assert path.delay(routing=False) == pytest.approx(1.2, abs=0.15)  # printed with one decimal each
    assert path.delay(routing=True) == pytest.approx(7.2, abs=0.3)
    assert path.ns == pytest.approx(8.4, abs=0.3)
    layers = {
        f"layer_{module}": module.partition("_")[2]
        for module in ("08_conv1", "09_width_conv1_pool", "10_conv1_pool", "11_width_conv2_window",
                       "12_conv2_window")
    }  # fmt: skip
    row = paths.row(path, 1, layers, "u_xf")
    pool = ["width_conv2_window", "conv1_pool", "width_conv1_pool"]
    assert row["operators"] == ["conv2_window", *pool, "conv1"]
    assert path.ns == pytest.approx(1e3 / mhz, rel=0.01)  # though each step is rounded to 0.1 ns
    assert log.read(recorded("xc7-cifar10-cnv.log.xz").decode(), 1)[0] == 100.67


def test_a_cell_is_of_an_operator_of_the_top_or_of_the_shell():
    """By the instance its name begins with; Yosys' own names say nothing else."""
    layers = {"layer_00_conv0": "conv0"}
    names = {
        "u_system.u_top.u_layer_00_conv0.u_op.acc": "conv0",
        "$flatten\\u_system.\\u_top.\\u_layer_00_conv0.$auto$ff.cc:337:slice$9": "conv0",
        "$flatten\\u_system.\\u_top.$auto$ff.cc:337:slice$5": "top",
        "u_system.u_top.ready_3": "top", "$auto$ff.cc:337:slice$6471": "shell",
        "u_system.u_shell.u_control.frames_q": "shell", "$abc$75041$lut$aiger75040$3917": "shell",
    }  # fmt: skip
    assert {name: paths.operator(name, layers, "u_system.u_top") for name in names} == names


def test_a_missed_clock_says_by_how_much_where_and_what_helps():
    mhz, used, path = log.read(recorded("xc7-mnist-cnn.log.xz").decode(), 1)
    board = replace(boards.load("pynq-z2"), clock_mhz=125.0)
    layers = {"layer_12_conv2_window": "conv2_window", "layer_08_conv1": "conv1"}
    text = missed(board, Routed(mhz, used, [path], ""), [1, 2, 3], layers, "u_xf")
    clock = "119.7 MHz … pynq-z2 … 125 MHz … 0.35 ns … conv2_window → conv1 (7.1 of 8.4 ns"
    says(text, f'bitstream: the best of 3 seeds … {clock} … FOLDING= with {{"conv1": {{"depth": 2}}}}')
    text = missed(board, Routed(mhz, used, [path], ""), [1], {}, "u_other")
    says(text, "0.35 ns in shell … SEEDS= … CLOCK=")
    assert "FOLDING" not in text


def test_a_log_that_ends_early_is_one_sentence():
    said = recorded("xc7-mnist-cnn.log.xz").decode()
    for end in ("Critical path report", "Max frequency for clock 'clk': 119", "Running router2"):
        with refuses("the log of nextpnr-xilinx (seed 3)"):
            log.read(said[: said.index(end)], 3)


def test_wires_that_several_nets_claim_are_counted_and_the_hardest_nets_named():
    said = recorded("xc7-mnist-cnn.log.xz").decode()
    left = said[: said.index("Info:     iter=4")] + said[said.index("Info: 1000 slowest") :]
    with refuses(
        "nextpnr-xilinx (seed 1) … 1 wire … 3 iterations … $PACKER_GND_NET, "
        "u_xf.u_layer_08_conv1.u_op.u_mvu.gen_dot[0].genblk1.gen_bits.u_dot.en_i, "
        "u_xf.u_layer_08_conv1.u_op.u_mvu.addr[0] … SEEDS=4,5,6 … INTERVAL"
    ):
        log.read(left, 1)


def halves(data: int, parity: int) -> list[xc7_block_rams.Block]:
    """A RAMB36 as two RAMB18: bits 0, 2, 4, … and bits 1, 3, 5, …, by slices of text."""
    texts = [f"{data:032768b}"[::-1], f"{parity:04096b}"[::-1]]
    return [(int(texts[0][side::2][::-1], 2), int(texts[1][side::2][::-1], 2)) for side in (0, 1)]


def memory_blocks() -> Counter[xc7_block_rams.Block]:
    """What the block RAMs of mnist-cnn hold by its memory files and the manual of the cell (UG473).

    conv2: 512 words of 72 bits, every ninth parity; dense3: 8,192 of 16 in four block RAMs of 4 bits."""
    data = parity = 0
    for address, word in enumerate(recorded("xc7-mnist-cnn-conv2.mem.xz").split()):
        bits = f"{int(word, 16):072b}"[::-1]
        for byte in range(8):
            data |= int(bits[9 * byte : 9 * byte + 8][::-1], 2) << (64 * address + 8 * byte)
            parity |= int(bits[9 * byte + 8]) << (8 * address + byte)
    blocks = halves(data, parity)
    words = [word.decode() for word in recorded("xc7-mnist-cnn-dense3.mem.xz").split()]
    for digit in range(4):
        blocks += halves(int("".join(word[3 - digit] for word in reversed(words)), 16), 0)
    return Counter(blocks)


def test_block_rams_of_the_recorded_bitstream_and_fasm_hold_the_memory_files():
    part = json.loads(recorded("xc7z020clg400-1.part.json.xz"))
    expected = memory_blocks()
    assert sum(expected.values()) == 10  # five RAMB36
    asked = xc7_block_rams.of_fasm(recorded("xc7-mnist-cnn-block-rams.fasm.xz").decode())
    found = xc7_block_rams.of_bitstream(recorded("xc7-mnist-cnn.bit.xz"), part)
    assert found == asked == expected


def test_one_wrong_bit_of_a_bitstream_is_seen_and_a_cut_one_is_one_sentence():
    data, part = recorded("xc7-mnist-cnn.bit.xz"), json.loads(recorded("xc7z020clg400-1.part.json.xz"))
    frames = xc7_block_rams.frames_of(data)
    used = next(frame for frame in frames[7700:] if any(frame))  # block RAMs are behind all logic
    at = data.index(used) + next(place for place, byte in enumerate(used) if byte)
    wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    assert xc7_block_rams.of_bitstream(wrong, part) != memory_blocks()
    stops(r"^the bitstream .*2,000,000 bytes", xc7_block_rams.frames_of, data[:2_000_000])
    stops(r"^the bitstream .*sync word", xc7_block_rams.frames_of, data[:100])
    del part["global_clock_regions"]["bottom"]["rows"]["1"]
    stops(r"^the bitstream .*10,008 frames.*6,672", xc7_block_rams.of_bitstream, data, part)
