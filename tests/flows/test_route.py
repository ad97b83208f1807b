"""Place and route: a counted netlist through stand-ins of openXC7's tools, and through those of PyPI."""

import hashlib
import json
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
from xnorforge.core.errors import ToolMissing
from xnorforge.flows import synth
from xnorforge.flows.route import fastest_of, joined, place_and_route
from xnorforge.flows.route.shells import shell_of
from xnorforge.hw import boards, routing
from xnorforge.hw.families.xc7 import route
from xnorforge.hw.families.xc7.route import ROUTER, pins
from xnorforge.hw.routing import Routed
from xnorforge.pipeline import options, request, stages

from ..refusals import refuses, says, stops
from .test_synth import PARITY, RTL, TOP

BORDER = {side: {"bytes": 1, "beats": 3} for side in ("input", "output")}
LOAD = boards.load


def of_a_serial_line(name: str) -> boards.Board:
    """A board whose bitstream has a serial line."""
    board = LOAD(name)
    return replace(board, shell=board.shell and board.shell | {"kind": "uart"})


def accelerator(folder: Path, board: str) -> Path:
    """A hand-written layer (the parity of six bits) in a top, synthesised for a board."""
    acc = folder / "parity" / f"rtl-{board}"
    (acc / "rtl").mkdir(parents=True)
    (acc / "rtl" / "layer_00_parity.sv").write_text(PARITY)
    (acc / "rtl" / "top.sv").write_text(TOP.replace("u_layer ", "u_layer_00_parity "))
    (acc / "rtl" / "rtl.json").write_text(json.dumps(RTL | {"border": BORDER}))
    (acc / "fold.json").write_text(json.dumps({"board": board, "interval": 1}))
    synth.synthesise(acc, acc.parent)
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
    assert (record["clock"]["kind"], record["clock"]["met"]) == ("routed, with block RAM", True)
    assert record["clock"]["best"] == record["seeds"][0]["mhz"] == round(1e3 / 3.55, 2)
    (path,) = record["critical_paths"]
    assert (path["ns"], path["routing_ns"]) == (3.55, 1.0) and path["operators"] == ["shell", "parity"]
    assert path["from"].startswith("RAMB18_X0Y1/") and path["to"] == "u_accelerator.u_layer_00_parity.q"
    says(record["timing"], "static timing … block RAM … nextpnr-xilinx, without block RAM, gives 119.7 MHz")
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
    says(found.kind, "routed, with block RAM; 1 of 2 inputs … no driver")


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
        "bitstream: the best of 2 seeds … 80.0 MHz … 100 MHz … 2.50 ns … shell (7.1 of 8.4 … INTERVAL",
    ),
    "overuse left": (
        {"said": STUCK, "placed": "print('ERROR: Routing design failed.'); sys.exit(1)"},
        "bitstream: nextpnr-xilinx (seed 1) … 28 wires … 2 iterations … SEEDS=4,5,6 … INTERVAL",
    ),
    "crash": (
        {"said": "Info: Packing LUTs..\n", "placed": KILLED},
        "bitstream: nextpnr-xilinx (seed 1): … signal 9 … SEEDS=4,5,6",
    ),
    "log cut short": (
        {"said": SHORT},
        "bitstream: … log of nextpnr-xilinx (seed 1)",
    ),
    "no room": (
        {"said": "", "placed": "print('ERROR: Unable to place cell u_x, no BELs remaining'); sys.exit(255)"},
        "bitstream: nextpnr-xilinx (seed 1) … Unable to place cell u_x, no BELs remaining … INTERVAL",
    ),
    "FASM empty": (
        {"fasm": ""},
        "bitstream: nextpnr-xilinx … out.fasm … github.com/openXC7 … XNORFORGE_OPENXC7",
    ),
    "another part": (
        {"bit": openxc7.blank_bit().replace(b"xc7z020clg400-1\0", b"xc7z010clg400-1\0")},
        "bitstream: xc7frames2bit … xf_board_top.bit … xc7z020clg400-1 … pynq-z2 … XNORFORGE_OPENXC7",
    ),
    "frames refused": (
        {"framed": "sys.exit('ERROR: segment DB has no CLBLM_R')"},
        "bitstream: fasm2frames: segment DB has no CLBLM_R (seed 1); … openXC7",
    ),
    "bitstream cut short": (
        {"bit": openxc7.blank_bit()[:300_000]},
        "bitstream: … 300,000 bytes",
    ),
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
    for seed in (1, 2):  # an arrival lacks the setup time of the path's end, and may have the clock's wire
        (path,) = (path["ns"] for path in record["critical_paths"] if path["seed"] == seed)
        assert 0.5 * path < max(net["ns"] for net in late if net["seed"] == seed) <= path + 1.0
