"""A package: two networks side by side in one simulation, each equal to its integers, with damaged streams;
its names, files, Tcl and refusals. With a plain synchronous port: results of any sequence of frames, each
after the stated cycles. test_clients.py has the tools that read it. Networks cut into parts: where, how
evenly, and that the chain computes what the whole does.
"""

import hashlib
import json
import re
import shutil
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from brevitas.nn import QuantIdentity, QuantLinear
from damaged_streams import damaged, whole_packets
from fusesoc.vlnv import Vlnv
from op_examples import examples_of
from op_examples.drawn import seeded
from packaged import accelerator, alone, listed, loaded_sums, with_loads
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows import cutting
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.modules import export_module
from xnorforge.flows.package import sources, write_package
from xnorforge.flows.package.streams import top_stream
from xnorforge.hw import boards, graph
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import Stream
from xnorforge.hw.ops.xnor_mvu.op import XnorMvu
from xnorforge.pipeline import packaging
from xnorforge.pipeline.request import Request
from xnorforge.pipeline.run import run_stages
from xnorforge.sim import cosim, device, verilate
from xnorforge.studies.chain import build_parts, chain_interval
from xnorforge.sw import networks, zoo

from ..refusals import says, stops
from .test_clients import fusesoc


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
    options = {"checked": True, "level": "-O0", "defines": tuple(defines)}
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
    found = set()
    for seed in (1, 2):
        acc = alone(seeded(XnorMvu, seed, 8, 4, 8, 4, 1, raw=True), tmp_path / f"{seed}/net")
        write_package(acc, acc / "package")
        core = (acc / "package/net_axis.core").read_text()
        vlnv = Vlnv(re.findall("^name: (.*)$", core, re.MULTILINE)[0])
        version = f"1.{int(hashlib.sha256((acc / 'folded.onnx').read_bytes()).hexdigest()[:7], 16)}"
        assert (vlnv.vendor, vlnv.library, vlnv.name, vlnv.version) == (
            "xnorforge",
            "bnn",
            "net_axis",
            version,
        )
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
        "bench", sources, header, [package / "rtl"], checked=True, level="-O0", defines=defines
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


WIDTHS = (16, 8, 24, 8, 4)


class Skipping(nn.Module):
    """Dense layers with 2-bit weights and 3-bit activations; a shortcut leads around the second one."""

    def __init__(self):
        super().__init__()
        layers = (QuantLinear(a, b, bias=False, weight_bit_width=2) for a, b in pairwise(WIDTHS))
        self.dense = nn.ModuleList(layers)
        self.across = QuantLinear(8, 24, bias=False, weight_bit_width=2)
        self.act = nn.ModuleList(QuantIdentity(bit_width=3) for _ in WIDTHS[1:-1])

    def forward(self, x):
        one = self.act[0](self.dense[0](x))
        two = self.act[1](self.dense[1](one) + self.across(one))
        return self.dense[3](self.act[2](self.dense[2](two)))


@pytest.fixture(scope="module")
def skipping(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("cut") / "skipping.onnx"
    module = Skipping()
    module(torch.randn(100, 16))
    export_module(module.eval(), (16,), path)
    return cutting.Network(onnx.load(path))


def test_places_lie_where_one_quantised_tensor_leads_on(skipping):
    assert [place.elements for place in skipping.places] == [8, 24, 8]
    assert {place.bits for place in skipping.places} == {3}
    # 2-bit weights in front: 16x8, then 8x24 twice, then 24x8
    assert [place.weight_bits for place in skipping.places] == [256, 256 + 768, 256 + 768 + 384]


def test_the_largest_part_is_as_small_as_it_can_be(skipping):
    # of 1,472 bits, 256, 1,024 and 1,408 lie in front of the places
    assert [place.weight_bits for place in skipping.best(2, 1, 1000)] == [1024]
    assert [place.weight_bits for place in skipping.best(3, 1, 1000)] == [256, 1024]
    # 24 values of 3 bits pass in 72 cycles, 8 in 24
    assert [place.weight_bits for place in skipping.best(2, 1, 71)] == [256]
    with pytest.raises(UserError, match="link of 1 bits"):
        skipping.best(2, 1, 23)


def exported(net: str, folder) -> Request:
    """A network with fresh weights, as the stage `export` leaves it."""
    torch.manual_seed(1)
    images, labels, which = zoo.golden(net)
    meta = {"net": net, "method": "ste", "source": "fresh", "images": which}
    export(networks.build(net).eval(), images[:10], labels[:10], folder, meta)
    return Request(net=net, folder=folder, images=10, stalled=2, pnr="off")


@pytest.mark.quick("!2")
@pytest.mark.parametrize("devices", [2, pytest.param(3, marks=pytest.mark.full)])
def test_a_chain_computes_what_the_network_does(devices, tmp_path):
    asked = Request(net="mnist-tfc", folder=tmp_path / "net", images=10)
    run_stages(asked, "export", heard=True)
    parts = build_parts(asked, devices, 8, tmp_path / "parts", run_stages, "fold")
    assert [part.link and part.link["elements"] for part in parts] == [64] * (devices - 1) + [None]
    assert read_json(tmp_path / "parts/chain.json")["checks"][0]["mismatches"] == 0
    assert chain_interval(parts) == max(part.figures["interval_bound"] for part in parts)


@pytest.mark.full
def test_vgg_small_runs_on_two_boards(tmp_path):
    asked = exported("cifar10-vgg_small", tmp_path / "net")
    parts = build_parts(asked, 2, 32, tmp_path / "parts", run_stages, "sim")
    capacity = boards.load("pynq-z2").capacity
    for part in parts:
        assert part.figures["bram36"] <= capacity["bram36"] and part.figures["lut"] <= capacity["lut"]
        assert read_json(part.folder / "rtl-pynq-z2/sim.json")["checks"]
    assert read_json(tmp_path / "parts/chain.json")["checks"][0]["mismatches"] == 0
