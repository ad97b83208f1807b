"""The folder of an overlay: which bitstream it contains, and what it says if it has none."""

import hashlib
import os
import re
from math import prod

import pytest
from driving import bit_file, small_network

from xnorforge.core.artifacts import digest, read_json, write_json
from xnorforge.flows.overlay import write_overlay

from ..refusals import stops

OUTDATED = "not included: bitstream/ has another netlist or shell; `make bitstream` builds it"
PART, DATA = "xc7z020clg400-1", bytes.fromhex("ffffffff aa995566 20000000 30008001")


@pytest.fixture
def acc(tmp_path, monkeypatch):
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


def test_an_overlay_has_the_bitstream_of_its_own_netlist_and_shell_alone(acc):
    about = write_overlay(acc, acc.parent)
    assert "nextpnr-xilinx, fasm2frames, xc7frames2bit not found" in about["bitstream"]["about"]
    assert "install openXC7" in about["bitstream"]["about"]
    assert not list((acc / "overlay").glob("overlay.bi*"))
    routed(acc)
    for asked in (None, True):
        about = write_overlay(acc, acc.parent, asked)
        found = about["bitstream"]
        assert (acc / "overlay/overlay.bit").read_bytes() == bit_file(DATA)
        assert (acc / "overlay/overlay.bin").read_bytes().hex(" ", 4) == "ffffffff 665599aa 00000020 01800030"
        texts = {name: (acc / "overlay" / name).read_bytes() for name in (found["bit"], found["bin"])}
        assert found["sha256"] == {name: hashlib.sha256(text).hexdigest() for name, text in texts.items()}
        assert (found["part"], found["clock_mhz"], found["clock_met"]) == (PART, 83.333, True)
        hwh = (acc / "overlay/overlay.hwh").read_text()
        divided = map(int, re.findall(r"FCLK0_PERIPHERAL_DIVISOR\d\D+(\d+)", hwh))
        assert prod(divided) == 12  # of 1,000 MHz
        assert "FPGA0_PERIPHERAL_FREQMHZ 83.333 " in (acc / "overlay/build.tcl").read_text()
        assert "\n  83333u\n" in (acc / "overlay/xf_network.h").read_text()
        size = len(bit_file(DATA))
        assert found["about"] == f"overlay.bit and overlay.bin, {size} bytes, for xc7z020clg400-1"
    record = read_json(acc / "bitstream.json")
    write_json(acc / "bitstream.json", record | {"clock": record["clock"] | {"met": False}})
    assert not write_overlay(acc, acc.parent)["bitstream"]["clock_met"]
    assert not (acc / "overlay/overlay.hwh").exists()
    assert "nextpnr-xilinx" in write_overlay(acc, acc.parent, routed=False)["bitstream"]["about"]
    (acc / "netlist/xf_top.v").write_text("module xf_top; wire other; endmodule")
    assert write_overlay(acc, acc.parent)["bitstream"] == {"about": OUTDATED}
    write_json(acc / "bitstream.json", read_json(acc / "bitstream.json") | {
        "netlist": digest(acc / "netlist/xf_top.v")})  # fmt: skip
    assert "bit" in write_overlay(acc, acc.parent)["bitstream"]
    (acc / "bitstream/xf_system.sv").write_text("module xf_system; endmodule")
    assert write_overlay(acc, acc.parent)["bitstream"] == {"about": OUTDATED}
    assert not list((acc / "overlay").glob("overlay.bi*"))


def test_a_bitstream_that_is_none_leaves_the_earlier_overlay(acc):
    write_overlay(acc, acc.parent)
    routed(acc)
    before = sorted(os.listdir(acc / "overlay"))
    (acc / "bitstream/xf_board_top.bit").write_bytes(bit_file(DATA)[:-1])
    stops(r"^overlay: bitstream/xf_board_top.bit\b.*\.bit", write_overlay, acc, acc.parent)
    assert sorted(os.listdir(acc / "overlay")) == before


def test_a_file_that_is_missing_is_named(acc):
    (acc / "fold.json").unlink()
    stops(rf"^overlay: {acc}/fold.json .*generate", write_overlay, acc, acc.parent)
