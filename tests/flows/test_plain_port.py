"""A package with a plain synchronous port: results of any sequence of frames, each after the stated cycles;
what breaks the contract is seen, and networks that cannot keep one are refused.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from packaged import accelerator, alone, listed, loaded_sums

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.package import write_package
from xnorforge.hw import graph
from xnorforge.hw.cycles.pauses import Pause, Pauses
from xnorforge.hw.ops.base import Stream
from xnorforge.sim import cosim, device, verilate

from ..refusals import stops
from .test_clients import fusesoc

FOLDINGS = {1: {}, 2: {"sign0": {"pe": 24}, "fc0": {"pe": 5, "simd": 24}, "fc1": {"pe": 4, "simd": 10}}}


@pytest.fixture(scope="module")
def packages(chains, tmp_path_factory):
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
def test_every_result_comes_after_the_stated_cycles_whatever_the_gaps(packages, interval, tmp_path):
    chain, ops, package = packages[interval]
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


def test_frames_that_come_too_soon_break_the_contract(packages, tmp_path):
    chain, ops, package = packages[2]
    with pytest.raises(MismatchError, match=r"NotTooSoon_A|Assertion"):
        cosim.run(simulator(package, tmp_path), [sent(chain, ops, 20)[0]])


@pytest.mark.quick("1")
@pytest.mark.parametrize("cycles", [-1, 1])
def test_another_latency_than_stated_breaks_the_contract(packages, cycles, tmp_path):
    chain, ops, package = packages[1]
    latency, copy = read_json(package / "package.json")["timing"]["latency"], tmp_path / "package"
    shutil.copytree(package, copy)
    top = copy / "rtl/net_plain.v"
    top.write_text(top.read_text().replace(f".Latency({latency})", f".Latency({latency + cycles})"))
    with pytest.raises(MismatchError, match=r"OnTime_A|Assertion"):
        cosim.run(simulator(copy, tmp_path), [sent(chain, ops, 20)[0]])


def test_the_readme_states_the_contract_and_the_core_is_mapped_flat(packages):
    for interval, (_, _, package) in packages.items():
        latency = read_json(package / "package.json")["timing"]["latency"]
        text = (package / "README.md").read_text()
        assert f"exactly **{latency}** cycles later" in text and "no back-pressure" in text
        assert ("in every cycle" if interval == 1 else f"every {interval} cycles or more") in text
        assert not any(word in text for word in ("tvalid", "s_axis", "LiteX"))
        assert "-noflatten" not in (package / "net_plain.core").read_text()


@pytest.mark.full
@pytest.mark.parametrize("interval", FOLDINGS)
def test_fusesoc_simulates_it_with_its_own_test_bench(packages, interval, tmp_path):
    said = fusesoc(packages[interval][2], "sim", tmp_path)
    assert "PASS  net_plain: 300 frames correct, each after" in said


def test_frames_of_several_beats_and_loads_are_refused(chains, tmp_path):
    folded = accelerator(chains["flat"](1), tmp_path / "folded")
    loaded = alone(loaded_sums(), tmp_path / "loaded")
    cases = {folded: "beats … INTERVAL=1", loaded: "loads of … INTERFACE=axis"}
    for acc, said in cases.items():
        stops(f"INTERFACE=plain: … {said}", write_package, acc, acc / "package", interface="plain")
        assert not (acc / "package").exists()
