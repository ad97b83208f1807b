"""Generation: a folder that lints without a warning, is the same twice, and computes the folded network in
RTL.
"""

import json
import re

import numpy as np
import pytest
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge import __version__
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.hw import graph
from xnorforge.hw.wrap import bare
from xnorforge.sim import cosim
from xnorforge.sim.device import network

FOLDINGS = {
    "searched": None,
    "narrow": {"conv0": {"pe": 1, "simd": 3}, "conv1": {"pe": 1, "simd": 8}, "fc0": {"pe": 1, "simd": 2}},
    "wide-with-fifos": {
        "conv0": {"pe": 8, "simd": 27},
        "conv1": {"pe": 6, "simd": 72, "depth": 7},
        "fc0": {"pe": 4, "simd": 18},
        "pool1": {"pe": 2, "depth": 40},
    },
}


def built(chain, folder, given=None, interval=4000):
    net = chain.save(folder)
    path = None
    if given:
        path = net / "folding.json"
        path.write_text(json.dumps(given))
    fold(net, "pynq-z2", net / "acc", interval=interval, folding=path)
    record = generate(net / "acc" / "folded.onnx", net / "acc" / "rtl")
    return net / "acc", record


@pytest.mark.quick("!searched", "!wide-with-fifos")
@pytest.mark.parametrize("name", FOLDINGS)
def test_rtl_gives_the_reference_integers_at_any_folding_and_pace_and_keeps_the_bound(chains, tmp_path, name):
    chain = chains["small"](7)
    acc, _ = built(chain, tmp_path / "small", FOLDINGS[name])
    ops = graph.operators(acc / "folded.onnx")
    device, frames = (
        network(acc / "rtl", ops, checked=True),
        graph.enter(ops[0], chain.images.transpose(0, 3, 1, 2)),
    )
    want = np.concatenate([chain.x, chain.x.argmax(1)[:, None]], axis=1)
    flowing = cosim.run(device, frames)
    np.testing.assert_array_equal(flowing.output, want)
    assert flowing.interval == json.loads((acc / "fold.json").read_text())["interval_bound"]
    np.testing.assert_array_equal(cosim.run(device, frames, stall=0.5, seed=3).output, want)


def test_the_folder_lints_and_lists_what_it_holds(chains, tmp_path):
    acc, record = built(chains["flat"](1), tmp_path / "flat")
    assert record["checks"][0]["mismatches"] == 0 and record["checks"][0]["integers"] > 500
    listed = [line for line in (acc / "rtl" / "rtl.f").read_text().splitlines() if not line.startswith("+")]
    files = {path.name for path in (acc / "rtl").iterdir()}
    assert listed[-1] == "top.sv" and len(set(listed)) == len(listed)
    assert files == {
        *listed,
        *record["headers"],
        *(name for layer in record["layers"] for name in layer["memories"]),
        "rtl.f",
        "rtl.json",
    }
    texts = {name: (acc / "rtl" / name).read_text() for name in listed}
    for name in record["library"]:  # only what another file uses
        assert any(name.removesuffix(".sv") in text for other, text in texts.items() if other != name), name
    assert "xf_mvu.sv" in record["library"] and "xf_uart_shell.sv" not in files and "xf_pool.sv" not in files
    for layer in record["layers"]:
        assert f"module {layer['module']} " in (acc / "rtl" / layer["file"]).read_text()
    assert record["border"]["input"]["bytes"] == record["border"]["input"]["lanes"]
    assert record["border"]["output"]["beats"] == 5  # four scores and one index


def test_generating_twice_gives_equal_bytes_and_replaces_the_folder_whole(chains, tmp_path):
    acc, _ = built(chains["flat"](1), tmp_path / "flat")
    first = {path.name: path.read_bytes() for path in (acc / "rtl").iterdir() if path.suffix != ".json"}
    (acc / "rtl" / "left_over.sv").write_text("module left_over; endmodule\n")
    generate(acc / "folded.onnx", acc / "rtl")
    assert {
        path.name: path.read_bytes() for path in (acc / "rtl").iterdir() if path.suffix != ".json"
    } == first
    assert [path.name for path in acc.iterdir() if path.name.endswith(".part")] == []


def test_the_top_has_the_axi_stream_ports_in_whole_bytes(chains, tmp_path):
    acc, _ = built(chains["flat"](1), tmp_path / "flat", {"sign0": {"pe": 3}})
    text = (acc / "rtl" / "top.sv").read_text()
    for port in (
        "aclk",
        "aresetn",
        "[23:0] s_axis_tdata",
        "s_axis_tvalid",
        "s_axis_tready",
        "[7:0] m_axis_tdata",
        "m_axis_tvalid",
        "m_axis_tready",
        "m_axis_tlast",
    ):
        assert f"logic {port}" in text


def test_modules_name_network_weights_and_version_and_others_stay_when_one_changes(chains, tmp_path):
    def files(name, change=False, given=None):
        acc, _ = built(chains["flat"](1), tmp_path / name, given)
        model = ModelWrapper(str(acc / "folded.onnx"))
        if change:
            weights = next(node for node in model.graph.node if node.op_type == "XnorMvu").input[1]
            model.set_initializer(weights, 1 - model.get_initializer(weights))
            model.save(str(acc / "folded.onnx"))
            generate(acc / "folded.onnx", acc / "rtl")
        line = (acc / "rtl/top.sv").read_text().splitlines()[1]
        start = f"// Generated by xnorforge {__version__} from {model.graph.name}. SHA-256 of its weights: "
        assert re.fullmatch(rf"{re.escape(start)}[0-9a-f]{{16}}\.", line)
        layers = {path.name: path.read_text() for path in (acc / "rtl").glob("layer_*")}
        stamped = {text.splitlines()[1] for name, text in layers.items() if name.endswith(".sv")}
        assert stamped == {line}
        return line[-17:], {name: bare(text) for name, text in layers.items()}

    first, layers = files("first")
    again, _ = files("folded differently", given={"sign0": {"pe": 3}})
    other, changed = files("other weights", change=True)
    assert first == again != other
    (differs,) = {name for name in layers if layers[name] != changed[name]}
    assert differs.endswith("_WeightFile.mem")
