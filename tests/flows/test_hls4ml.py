"""Whole networks in hls4ml: emulation equals the integers; what it writes, refuses, leaves behind. Every
operator by itself: the C++ of its layers gives what `execute_node` gives, on its examples."""

import os
import re
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO
from pathlib import Path

import hls4ml
import numpy as np
import pytest
from hls4ml.model.flow.flow import flow_map
from hls4ml.model.graph import ModelGraph
from hls4ml.model.layers import layer_map
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.utils.config import create_config
from hls4ml_nets import cnn, folded, mlp
from op_examples import PRICED_APART, examples_of

from xnorforge.core import artifacts, plugins
from xnorforge.core.errors import MismatchError, ToolMissing, UserError
from xnorforge.flows.backends.hls4ml import emulate, vitis, write_and_emulate
from xnorforge.flows.backends.hls4ml.model import check_expressible, convert
from xnorforge.flows.backends.hls4ml.network import append_layers, convert_operators
from xnorforge.flows.backends.rtl import generate
from xnorforge.hw import boards, graph
from xnorforge.hw.beat import Beat
from xnorforge.hw.bind import OPS
from xnorforge.hw.hls.layers import ours
from xnorforge.hw.hls.net import Net
from xnorforge.hw.ops._mvu import Mvu
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.streams import value_range

from ..refusals import refused, refuses, says, stops

BOARD = boards.load("pynq-z2")
BOTH = ("io_parallel", "io_stream")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Folders of the two small networks."""
    folder = tmp_path_factory.mktemp("hls")
    return {make.__name__: folded(*make(), folder / make.__name__) for make in (mlp, cnn)}


def written(acc, folder, io="io_stream"):
    """The project of a network without a compilation: the model, the net, the operators."""
    ops = graph.operators(acc / "folded.onnx")
    with ours(), redirect_stdout(StringIO()):
        model, net = convert(ops, io, BOARD, folder)
        model.write()
    return model, net, ops


def files(folder):
    """All files of a folder: {path: bytes}."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.mark.quick("mlp-io_stream")
@pytest.mark.parametrize("io", BOTH)
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_the_emulation_of_a_small_network_gives_the_lowered_integers(small, name, io, tmp_path):
    record = write_and_emulate(small[name], small[name], tmp_path, (io,))
    written_check, emulated = record["checks"]
    wanted = np.load(small[name] / "lowered.npz")["integers"]
    assert (emulated["images"], emulated["mismatches"], emulated["integers"]) == (len(wanted), 0, wanted.size)
    sizes = {"mlp": 16 * 8 + 8 * 8 + 8 * 4, "cnn": 18 * 4 + 36 * 6 + 54 * 8 + 8 * 3}
    assert written_check["integers"] == sizes[name]
    assert artifacts.read_json(tmp_path / "hls.json") == record
    assert record["synthesised"] == "no (Vitis HLS not found on PATH)" and "report" not in record
    project = tmp_path / "hls_project" / io
    assert not list(project.rglob("*.so"))
    assert 'set part "xc7z020clg400-1"' in (project / "project.tcl").read_text()
    assert "set clock_period 10" in (project / "project.tcl").read_text()
    np.testing.assert_array_equal(np.loadtxt(project / "tb_data/tb_output_predictions.dat", int), wanted[:10])
    assert len(np.loadtxt(project / "tb_data/tb_input_features.dat", int)) == 10
    assert (project / "build_prj.tcl").is_file()


@pytest.mark.parametrize("io", BOTH)
def test_a_project_has_all_headers_and_its_layers_have_the_names_of_the_rtl_modules(small, io, tmp_path):
    _, net, _ = written(small["cnn"], tmp_path / "project", io)
    firmware, rtl = tmp_path / "project/firmware", generate(small["cnn"] / "folded.onnx", tmp_path / "rtl")
    sources = [path for path in firmware.rglob("*") if path.suffix in (".h", ".cpp")]
    there = {path.name for path in sources}
    included = re.compile(r'^ *#include "([^"]+)"', re.MULTILINE)
    named = {name for path in sources for name in included.findall(path.read_text())}
    assert named and {Path(name).name for name in named} <= there
    modules = {layer["module"] for layer in rtl["layers"]}
    for layer in net.layers[1:]:
        assert any(f"{layer['name']}_".startswith(f"{module}_") for module in modules), layer["name"]


@pytest.mark.full
def test_a_score_that_differs_is_traced_to_its_first_layer(small, tmp_path):
    acc = small["mlp"]
    ops = graph.operators(acc / "folded.onnx")
    images = np.load(acc / "golden.npz")["images"]
    with ours(), redirect_stdout(StringIO()):
        model, net = convert(ops, "io_parallel", BOARD, tmp_path / "project")
        model.compile()
        second = [op for op in ops if type(op).__name__ == "SignMvu"][1]
        second.arrays_of["thresholds"] = np.array(second.arrays_of["thresholds"])
        second.arrays_of["thresholds"][3] = 0 if second.arrays_of["thresholds"][3] > 4 else 9
        wanted = graph.execute(ops, images)[ops[-1].name][:, :4]
        said = f"hls: {second.name} .* differs first, at pixel 0, channel 3: [01] instead of"
        stops(said, emulate.check_scores, model, net, ops, images, wanted, kind=MismatchError)


def test_weight_files_of_nothing_but_ones_are_found(small, tmp_path):
    model, net, _ = written(small["mlp"], tmp_path)
    assert emulate.check_weights(model, net, tmp_path)["mismatches"] == 0
    name = list(net.weights)[1]
    path = tmp_path / "firmware/weights" / f"{model.graph[name].get_weights('weight').name}.txt"
    path.write_text(", ".join(["1"] * 64))
    said = f"hls: {name}: the weight file {path.name} has 1 instead of 0 at input "
    stops(said, emulate.check_weights, model, net, tmp_path, kind=MismatchError)


def plain(folder):
    """Somebody else's network through plain hls4ml, written without the random stamp."""
    weights = np.random.default_rng(0).normal(size=(6, 3))
    layers = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [6]},
        {"class_name": "Dense", "name": "fc", "n_in": 6, "n_out": 3, "weight_data": weights,
         "bias_data": None},
    ]  # fmt: skip
    config = hls4ml.utils.config.create_config(str(folder), "theirs", "Vitis")
    config["HLSConfig"] = {"Model": {"Precision": "ap_fixed<16,6>", "ReuseFactor": 1}}
    with redirect_stdout(StringIO()):
        model = hls4ml.model.graph.ModelGraph.from_layer_list(config, layers)
        model.write()
    stamp, here = model.config.config["Stamp"].encode(), str(folder).encode()
    # YAML puts a random stamp into quotes where it reads as a number.
    quoted = b"'" + stamp + b"'"
    found = files(folder).items()
    return {name: text.replace(quoted, b"").replace(stamp, b"").replace(here, b"") for name, text in found}


def registries():
    backend = hls4ml.backends.get_backend("Vitis")
    flows = {name: list(flow.optimizers) for name, flow in flow_map.items()}
    return dict(layer_map), dict(optimizer_map), dict(backend.custom_source), flows


def test_the_process_is_left_as_it_was(small, tmp_path):
    before, theirs = registries(), plain(tmp_path / "before")
    written(small["mlp"], tmp_path / "ours")
    assert registries() == before
    with pytest.raises(RuntimeError), ours():
        assert registries() != before
        raise RuntimeError
    assert registries() == before
    assert plain(tmp_path / "after") == theirs


@pytest.mark.parametrize("io", BOTH)
def test_equal_inputs_give_equal_projects(small, io, tmp_path):
    found = []
    for name in ("one", "two"):
        written(small["cnn"], tmp_path / name, io)
        here = str(tmp_path / name).encode()
        found.append({path: text.replace(here, b"") for path, text in files(tmp_path / name).items()})
    assert found[0] == found[1]


@pytest.mark.parametrize("io", BOTH)
def test_reuse_factors_follow_the_folding(small, io, tmp_path):
    model, net, ops = written(small["cnn"], tmp_path, io)
    legal, by_name = hls4ml.backends.get_backend("Vitis").get_valid_reuse_factors, {op.name: op for op in ops}
    for name, weights in net.weights.items():
        [op] = [op for op in by_name.values() if name.endswith(f"_{op.name}_dot")]
        cycles, given = op.cycles() // op.get_nodeattr("vectors"), model.graph[name].get_attr("reuse_factor")
        allowed = legal(*weights.shape)
        if model.graph[name].class_name != "Dense" and io == "io_parallel":
            allowed = [factor for factor in allowed if factor <= len(weights)]
        assert given == max(factor for factor in allowed if factor <= cycles)


# Refusals.
def chain(*ops):
    return graph.in_a_row(list(ops))


WINDOW = {"ifm": [6, 6, 2], "kernel": [3, 3]}
REFUSED = {
    "dilation": ("io_stream",
        lambda: chain(OPS["Window"].make("win", ifm=[6, 6, 2], kernel=[2, 2], dilation=[2, 1])),
        "hls4ml: win (Window) … dilation=[2, 1] … [1, 1]"),
    "several rates": ("io_parallel",
        lambda: chain(OPS["Window"].make("win", ifm=[6, 6, 2], kernel=[3, 3], rates=[1, 2])),
        "hls4ml: win (Window) … dilation=[1, 1] and [2, 2] … [1, 1]"),
    "window of no matrix": ("io_parallel",
        lambda: chain(OPS["Window"].make("win", **WINDOW),
        OPS["SumPool"].make("sum", ifm=[4, 4, 18], kernel=[2, 2], stride=[2, 2])),
        "hls4ml: sum (SumPool) … win … BACKEND=rtl"),
    "overlapping pool": ("io_stream",
        lambda: chain(OPS["Window"].make("win", **WINDOW),
        OPS["MaxPool"].make("most", ifm=[4, 4, 2], kernel=[3, 3], stride=[3, 3], windows=1)),
        "hls4ml: most (MaxPool) … [3, 3] … stride [1, 1] … stride [3, 3]"),
    "border of several values": ("io_parallel",
        lambda: chain(OPS["Surround"].make("edge", {"values": np.array([0, 1])}, ifm=[2, 2, 2],
        pads=[1, 0, 0, 0], in_bits=1, out_bits=1)), "hls4ml: edge (Surround) … 2"),
    "operator": ("io_parallel",
        lambda: chain(OPS["TopK"].make("top", n=4, in_bits=4), OPS["Fifo"].make("fifo", shape=[5], bits=4)),
        "hls4ml: top (TopK) … BACKEND=rtl"),
    "readers": ("io_stream", lambda: eight_readers(),
        "hls4ml: level (Threshold) … 8 readers … 7 … io_parallel"),
}  # fmt: skip


def eight_readers():
    steps = {"thresholds": np.array([[3, 5, 9]] * 2)}
    level = OPS["Threshold"].make("level", steps, in_shape=[2, 2, 2], in_bits=8)
    fork = OPS["Fork"].make("fork", in_shape=[2, 2, 2], readers=8, bits=2)
    ones = {"multipliers": np.ones((8, 2))}
    kinds = {"in_bits": [2] * 8, "in_signed": [0] * 8, "out_bits": 5, "out_signed": 0}
    join = OPS["Join"].make("join", ones, in_shape=[2, 2, 2], **kinds)
    chain(level, fork)
    for port, tensor in enumerate(fork.results):
        join.onnx_node.input[port] = tensor
    return [level, fork, join]


@pytest.mark.parametrize("kind", REFUSED)
def test_what_hls4ml_cannot_express_is_refused_by_name_and_reason(kind):
    io, ops, text = REFUSED[kind]
    says(refused(lambda: convert_operators(ops(), io, lambda *_: [1])), text)


def test_a_form_that_is_refused_stops_the_build_before_another_is_compiled(small, tmp_path, monkeypatch):
    def compiled(*_):
        raise AssertionError("compiled")

    check_expressible(eight_readers(), ("io_parallel",))
    stops(r"^hls4ml: level \(Threshold\) .*8 readers", check_expressible, eight_readers(), BOTH)
    monkeypatch.setattr("xnorforge.flows.backends.hls4ml._compiled", compiled)
    monkeypatch.setattr(graph, "operators", lambda _: eight_readers())
    with pytest.raises(UserError, match=r"^hls4ml: level \(Threshold\) .*8 readers.*io_parallel"):
        write_and_emulate(small["mlp"], small["mlp"], tmp_path, BOTH)
    assert not (tmp_path / "hls_project").exists()


def test_an_unknown_form_of_a_project_is_refused(small, tmp_path):
    with pytest.raises(UserError, match=r"^hls: io=io_serial .*io_parallel .*io_stream"):
        write_and_emulate(small["mlp"], small["mlp"], tmp_path, ("io_serial",))


def test_without_a_compiler_the_cure_is_named(small, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"^hls: g\+\+.* missing.* install .*g\+\+.$"):
        write_and_emulate(small["mlp"], small["mlp"], tmp_path)


# Vitis HLS.
REPORT = """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<profile>
 <UserAssignments><unit>ns</unit><TargetClockPeriod>10.00</TargetClockPeriod></UserAssignments>
 <PerformanceEstimates>
  <SummaryOfTimingAnalysis><unit>ns</unit><EstimatedClockPeriod>7.299</EstimatedClockPeriod></SummaryOfTimingAnalysis>
  <SummaryOfOverallLatency><unit>clock cycles</unit><Best-caseLatency>1042</Best-caseLatency>
   <Worst-caseLatency>undef</Worst-caseLatency><Interval-min>785</Interval-min><Interval-max>785</Interval-max>
  </SummaryOfOverallLatency>
 </PerformanceEstimates>
 <AreaEstimates>
  <Resources><BRAM_18K>4</BRAM_18K><FF>2101</FF><LUT>3402</LUT><URAM>0</URAM><DSP>0</DSP></Resources>
  <AvailableResources><BRAM_18K>280</BRAM_18K><DSP>220</DSP><FF>106400</FF><LUT>53200</LUT><URAM>0</URAM>
  </AvailableResources>
 </AreaEstimates>
</profile>
"""
SOLUTIONS = '<solutions><solution name="solution1"/></solutions>'
APP = f'<project xmlns="com.autoesl.autopilot.project" name="xf_net_prj">{SOLUTIONS}</project>'
GOOD = """#!/bin/sh
[ "$1 $2 $3 $4" = "{arguments}" ] && grep -q 'csim       0' build_opt.tcl || exit 3
mkdir -p xf_net_prj/solution1/syn/report
cp {data}/report.xml xf_net_prj/solution1/syn/report/xf_net_csynth.xml
cp {data}/hls.app xf_net_prj/hls.app
"""


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a tool of a name on PATH."""

    def put(name, text):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "report.xml").write_text(REPORT)
        (folder / "hls.app").write_text(APP)
        (folder / name).write_text(text.replace("{data}", str(folder)))
        (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return put


@pytest.mark.parametrize(
    "name, arguments", [("vitis-run", "--mode hls --tcl build_prj.tcl"), ("vitis_hls", "-f build_prj.tcl  ")]
)
def test_vitis_on_the_path_is_run_and_its_report_read(small, tmp_path, tool, name, arguments):
    written(small["mlp"], tmp_path / "project")
    tool(name, GOOD.replace("{arguments}", arguments))
    found = vitis.run_vitis(tmp_path / "project")
    assert found["synthesised"] == f"yes ({name})"
    wanted = {"LUT": 3402, "FF": 2101, "BRAM_18K": 4, "DSP": 0, "BestLatency": 1042, "WorstLatency": "undef"}
    wanted |= {"IntervalMax": 785, "EstimatedClockPeriod": 7.299, "AvailableLUT": 53200}
    assert {key: found["report"][key] for key in wanted} == wanted


@pytest.mark.parametrize("text, said", [
    ("#!/bin/sh\necho no licence; exit 1\n", "hls: vitis-run … no licence"),
    ("#!/bin/sh\necho done\n", "hls: vitis-run … report … done"),
], ids=["fails", "no report"])  # fmt: skip
def test_a_vitis_that_does_not_synthesise_is_an_error(small, tmp_path, tool, text, said):
    written(small["mlp"], tmp_path / "project")
    tool("vitis-run", text)
    with refuses(said):
        vitis.run_vitis(tmp_path / "project")


FRAMES = 4
MOST = 4  # examples of a file, taken evenly from all: g++ takes about half a second for each
ELEMENTS = 6000  # of a frame or a matrix; larger examples show nothing more


KINDS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
WITH_RULE = plugins.parts("hw.ops", "hls")
KNOWN = {name: kind for name, kind in KINDS.items() if issubclass(kind, (Beat, Mvu)) or name in WITH_RULE}


def tiny(op: HwOp) -> bool:
    sizes = [np.prod(stream.shape) for stream in op.in_streams()] + [*map(np.size, op.arrays_of.values())]
    return max(sizes) <= ELEMENTS and len(op.in_stream().shape) > 1


def with_window(op: HwOp) -> list[HwOp]:
    """A window, and a matrix of its elements that gives their sums (bits: matches)."""
    rng, windows = np.random.default_rng(len(op.name)), op.out_stream()
    mw, mh, vectors = windows.shape[-1], 3, int(np.prod(windows.shape[:-1]))
    shapes = {"in_shape": list(windows.shape), "out_shape": [*windows.shape[:-1], mh]}
    bits = {} if windows.bits == 1 else {"in_bits": windows.bits, "in_signed": int(windows.signed)}
    weights = {"weights": rng.integers(0, 2, (mw, mh))}
    kind = KNOWN["sign_mvu"]
    return [op, kind.make("matrix", weights, mw=mw, mh=mh, vectors=vectors, **shapes, **bits)]


def expressible(op: HwOp) -> bool:
    """Whether it stands alone in hls4ml: no window in front, one border value, exact in float64."""
    try:
        check_expressible([op], ())
    except UserError:
        return False
    given = op.get_nodeattr_types()
    values = op.arrays_of.get("values", [0])
    alone = not any(name in given and op.get_nodeattr(name) for name in ("windows", "zero"))
    return alone and len(set(np.asarray(values).tolist())) == 1


def with_pool(name: str, bits: int, signed: int) -> list[HwOp]:
    """Windows that leave pixels out, in a border, and a pool of them."""
    sizes = {"ifm": [7, 5, 3], "kernel": [2, 2], "stride": [3, 2], "pads": [1, 0, 0, 0]}
    window = KNOWN["window"].make("window", **sizes, bits=bits, signed=signed)
    given = {"ifm": [*window.out_stream().shape[:2], 3], "kernel": [2, 2], "stride": [2, 2], "windows": 1}
    return [window, KNOWN[name].make("pool", **given, in_bits=bits, in_signed=signed)]


def parts(name: str) -> list[list[HwOp]]:
    """The examples of an operator, each as the operators of a small network."""
    found = [example for example in examples_of(KNOWN[name]) if tiny(example) and expressible(example)]
    if name == "window":
        found = [
            op for op in found if {*op.get_nodeattr("dilation")} == {1} and len(op.get_nodeattr("rates")) < 2
        ]
    found = found[:: -(-len(found) // (MOST * (1 + [*PRICED_APART.values()].count(name))))]
    if name == "window":
        return [with_window(op) for op in found]
    kinds = {"max_pool": [(1, 0), (4, 1)], "sum_pool": [(4, 1)]}.get(name, [])
    return [[op] for op in found] + [with_pool(name, *kind) for kind in kinds]


def side_by_side(rows: list[list[HwOp]], io: str, folder) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What hls4ml gives for each of the networks, and what the operators give."""
    with ours() as backend:
        net, inputs, ends, data, wanted = Net(io, backend.get_valid_reuse_factors), [], [], [], []
        for index, row in enumerate(rows):
            values = row[0].random_inputs(index, FRAMES)
            wires = []
            for port, (x, stream) in enumerate(zip(values, row[0].in_streams())):
                bit = (stream.bits, stream.signed) == (1, False)
                wire = net.input(f"in_{index}_{port}", replace(stream, bits=2) if bit else stream)
                inputs.append(wire.layer)
                # Inputs of a project are numbers; a layer makes bits of them.
                wires.append(net.scaled("bit", wire, 1, False) if bit else wire)
                data.append(np.ascontiguousarray(x.astype(float)))
            for place, op in enumerate(row):
                net.stem = f"row_{index}_{place}"
                wires, values = append_layers(net, op, wires), op.run_all(*values)
            ends.append(wires[0].layer)
            wanted.append(values[0].reshape(FRAMES, -1))
        config = create_config(str(folder), "ops", "Vitis", io_type=io)
        config["Stamp"] = "ops"
        kinds = {"Precision": "ap_int<32>", "ReuseFactor": 1}
        config["HLSConfig"] = {"Model": kinds, "LayerName": net.config}
        model = ModelGraph.from_layer_list(config, net.layers, inputs, ends)
        model.compile()
        got = model.predict(data)
    return [np.asarray(part).reshape(FRAMES, -1) for part in got], wanted


def wide() -> list[list[HwOp]]:
    """Operators on numbers and constants of more than 32 bits, as many as float64 holds."""
    image, rng = [3, 2, 2], np.random.default_rng(0)
    large = lambda *shape: rng.integers(-(2**45), 2**45, shape)  # noqa: E731
    wires = {"in_signed": 1, "out_bits": 52, "out_signed": 1}
    steps = {"thresholds": np.sort(large(2, 3)), "direction": np.array([1, -1])}
    sums = {"in_bits": [6, 46], "in_signed": [1, 1], "out_bits": 52, "out_signed": 1}
    table = {"table": large(2, 1, 2)}
    places = {"rows": [0, 1, 0], "columns": [0, 0], "mul": 2**40 + 1}
    frame = {"ifm": image, "pads": [1, 0, 0, 2], "in_bits": 40, **wires}
    return [
        [KNOWN["threshold"].make("level", steps, in_shape=image, in_bits=46, in_signed=1)],
        [KNOWN["join"].make("join", {"multipliers": np.stack([large(2), [1, 1]])}, in_shape=image, **sums)],
        [KNOWN["border"].make("border", table, in_shape=image, in_bits=8, **places, **wires)],
        [KNOWN["clip"].make("clip", {"at": large(2)}, in_shape=image, in_bits=46, mul=2, **wires)],
        [KNOWN["surround"].make("edge", {"values": np.full(2, -(2**44) - 3)}, **frame)],
    ]


@pytest.mark.parametrize("name", KNOWN)
def test_weights_and_sums_fit_the_types_of_their_layers(name):
    """The sums of the largest and of the least products with numbers that the operator takes."""
    for row in parts(name):
        net, stream = Net("io_parallel", lambda *_: [1]), row[-1].in_stream()
        wires = [net.input(f"in_{port}", one) for port, one in enumerate(row[0].in_streams())]
        for place, op in enumerate(row):
            net.stem = f"row_{place}"
            wires = append_layers(net, op, wires)
        for layer in net.layers:
            types = net.config[layer["name"]].get("Precision", {})
            if "weight" in types:
                weights = np.reshape(layer["weight_data"], (-1, layer.get("n_filt", layer.get("n_out"))))
                ends = np.multiply.outer(value_range(stream.bits, stream.signed), weights)
                sums = ends.min(0).sum(0).min(), ends.max(0).sum(0).max()
                for kind, numbers in (("weight", weights), ("accum", sums), ("result", sums)):
                    signed, bits = types[kind].startswith("ap_int"), re.findall(r"\d+", types[kind])[0]
                    low, high = value_range(int(bits), signed)
                    assert low <= np.min(numbers) and np.max(numbers) <= high, (layer["name"], kind)


@pytest.mark.full
@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
def test_numbers_that_no_int_holds_are_exact_in_every_layer(io, tmp_path):
    rows = wide()
    for row, got, wanted in zip(rows, *side_by_side(rows, io, tmp_path)):
        assert abs(wanted).max() > 2**40 or row[0].name == "level"
        np.testing.assert_array_equal(got, wanted, err_msg=f"{io} {row[0]}")


@pytest.mark.full
@pytest.mark.parametrize("io", ["io_parallel", "io_stream"])
def test_the_layers_of_every_operator_give_what_it_gives(io, tmp_path):
    rows = [row for name in KNOWN for row in parts(name)]
    assert {type(op) for row in rows for op in row} == set(KNOWN.values())
    for row, got, wanted in zip(rows, *side_by_side(rows, io, tmp_path)):
        np.testing.assert_array_equal(got, wanted, err_msg=f"{io} {row[0]}")
