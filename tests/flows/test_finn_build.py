"""The FINN back end: FINN's steps on a lowered network, its graph equal to ours, the folder for Vivado."""

import shutil
from importlib.resources import files as resources
from pathlib import Path

import numpy as np
import pytest
from pipeline import imported
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp
from random_graphs import RandomGraph

from xnorforge.core import artifacts
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.flows.backends.finn import finn as build
from xnorforge.flows.export import export
from xnorforge.flows.finn_execution import start_finn_builder
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.hw import boards, graph
from xnorforge.hw.lowering.nodes import as_onnx, read_graph
from xnorforge.sim import finn as simulator
from xnorforge.sw import zoo

from ..refusals import refused, refuses, says, stops

start_finn_builder()

from xnorforge.flows.backends.finn import handover, hardware, known, nodes, same, steps  # noqa: E402

RUN = [(net, "ste") for net in ("mnist-tfc", "mnist-cnn", "cifar10-cnv")]


def in_finn(net):
    """A lowered network as FINN's steps get it."""
    return nodes.prepared(read_graph(net / "lowered.onnx"))


def finn(net, acc):
    """The stage."""
    return build(net, acc, simulator)


@pytest.fixture(scope="module")
def built(chains, tmp_path_factory):
    """Folders of two small networks after the stage, by name."""
    found = {}
    for name in ("small", "flat"):
        net = chains[name](5).save(tmp_path_factory.mktemp("finn") / name)
        fold(net, "pynq-z2", net / "acc", interval=600)
        finn(net, net / "acc")
        found[name] = net
    return found


LIBRARY = Path(str(resources("finn") / "finn-rtllib"))


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["small", "flat"])
def test_every_tensor_of_finn_s_graph_is_ours(built, name):
    record = artifacts.read_json(built[name] / "acc/finn.json")
    check, *rtl = record["checks"]
    frame = {"small": 8 * 8 * 3, "flat": 24}[name]
    assert (check["images"], check["mismatches"]) == (10, 0)
    assert check["integers"] > 10 * frame
    assert [one["mismatches"] for one in rtl] == [0] * 5
    streams = next(one for one in rtl if one["name"] == "FINN's RTL = FINN's execution")
    assert streams["integers"] > 3 * frame
    assert len(record["fifos"]) == record["between"]["fifos"]


def test_the_design_keeps_the_interval_of_finn_s_estimate(built):
    for net in built.values():
        record = artifacts.read_json(net / "acc/finn.json")
        expected = record["estimate"]["cycles"]
        assert record["cycles"]["interval"] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", ["small", "flat"])
def test_matrices_have_our_pe_and_simd_and_finn_s_own_formula_gives_our_cycles(built, name):
    rows = {row["name"]: row for row in artifacts.read_json(built[name] / "acc/fold.json")["operators"]}
    found = 0
    for operator in artifacts.read_json(built[name] / "acc/finn.json")["operators"]:
        for node in operator["nodes"]:
            if node["name"].startswith("XnorMVAU"):
                keys, ours = ("PE", "SIMD", "cycles"), rows[operator["name"]]
                assert [node[key] for key in keys] == [ours[key.lower()] for key in keys]
                found += 1
    assert found == {"small": 4, "flat": 2}[name]


def test_finn_itself_gives_the_expected_output_for_the_input_that_goes_along(built):
    for net in built.values():
        folder = net / "acc/finn"
        model = ModelWrapper(str(folder / "model.onnx"))
        wanted = np.load(net / "lowered.npz")["integers"]
        given, expected = np.load(folder / "input.npy"), np.load(folder / "expected_output.npy")
        assert len(given) == len(expected) == handover.CHECKED
        for number, frame in enumerate(given):
            got = execute_onnx(model, {model.graph.input[0].name: frame[None]})
            np.testing.assert_array_equal(got[model.graph.output[0].name].reshape(-1), wanted[number])
            np.testing.assert_array_equal(expected[number].reshape(-1), wanted[number])


def test_windows_borders_thresholds_and_converters_are_finn_s_rtl_and_nothing_else_is(built):
    rtl = built["small"] / "acc/finn/rtl"
    theirs = {path.name: path.read_bytes() for path in LIBRARY.rglob("*.*v")}
    taken = {path.name for path in rtl.iterdir() if theirs.get(path.name) == path.read_bytes()}
    assert {"swg_pkg.sv", "fmpadding.sv", "thresholding.sv", "dwc_axi.sv"} <= taken
    assert not taken & {"fifo.sv", "mvu.sv", "add_multi.sv"}
    listed = [name for name in (rtl / "rtl.f").read_text().split() if name.endswith("v")]
    assert set(listed) == {path.name for path in rtl.iterdir() if path.suffix in (".v", ".sv")}
    assert "module finn_design" in (rtl / "finn_design.v").read_text()


def test_the_folder_has_the_design_the_build_and_the_estimates(built):
    for net in built.values():
        folder = net / "acc/finn"
        assert {path.name for path in folder.iterdir()} == {
            "README.md", "build.py", "dataflow_build_config.json", "expected_output.npy", "input.npy",
            "folding_config.json", "model.onnx", "report", "rtl",
        }  # fmt: skip
        estimated = artifacts.read_json(folder / "report/estimate_layer_cycles.json")
        given = artifacts.read_json(net / "acc/finn.json")["operators"]
        assert estimated == {one["name"]: one["cycles"] for row in given for one in row["nodes"]}


@pytest.mark.parametrize("seed", range(20))
def test_depths_of_fifos_are_enough_and_within_an_eighth_or_a_lut_of_the_least(seed):
    """Of FIFOs that need a depth each, whatever the others have."""
    rng = np.random.default_rng(seed)
    needed = {f"fifo{k}": int(depth) for k, depth in enumerate(rng.integers(0, 1000, 5))}
    fills = {name: depth + int(rng.integers(0, 5000)) for name, depth in needed.items()}
    found = hardware.least(fills, lambda given: all(given[name] >= needed[name] for name in needed))
    for name, depth in found.items():
        assert max(2, needed[name]) <= depth
        assert depth == 2 or (needed[name] > 2 and depth <= max(needed[name] + 32, needed[name] * 8 / 7))


def test_finn_takes_the_configuration_and_has_all_its_steps(built):
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from finn.builder.build_dataflow_steps import build_dataflow_step_lookup

    folder = built["small"] / "acc/finn"
    read = DataflowBuildConfig.construct_from(folder / handover.CONFIG)
    assert (read.board, read._resolve_fpga_part()) == ("Pynq-Z2", "xc7z020clg400-1")
    assert read.synth_clk_period_ns == 10.0
    assert read.folding_config_file == folder / handover.FOLDING
    assert set(read.steps) <= set(build_dataflow_step_lookup)
    assert "step_minimize_bit_width" not in read.steps  # wrong of matches: test_other_projects.py
    front = ("qonnx_to_finn", "tidy_up", "streamline", "convert_to_hw")
    assert not {f"step_{name}" for name in front} & set(read.steps)
    assert all((folder / name).is_file() for name in (handover.BUILD, handover.CONFIG, handover.MODEL))


def test_boards_are_finn_s_where_it_knows_them():
    assert handover.build_config(boards.load("pynq-z1"))["board"] == "Pynq-Z1"
    assert handover.build_config(boards.load("ultra96"))["board"] == "Ultra96-V2"


def test_equal_inputs_give_equal_bytes(built):
    acc = built["flat"] / "acc"
    before, record = files(acc / "finn"), artifacts.read_json(acc / "finn.json")
    again = finn(built["flat"], acc)
    assert files(acc / "finn") == before
    assert {**again, "run": 0} == {**record, "run": 0}


def test_finn_s_folding_read_back_is_ours(built):
    """A window of FINN gives at most a pixel per beat; where ours gives all of a kernel, a pixel is read."""
    for net in built.values():
        ours = artifacts.read_json(net / "acc/fold.json")
        again = fold(net, "pynq-z2", net / "again", interval=600, folding=net / "acc/finn" / handover.FOLDING)
        both = [[row for row in one["operators"] if row["lowered"]] for one in (again, ours)]
        assert len(both[0]) == len(both[1])
        for found, expected in zip(*both):
            assert (found["name"], found["pe"]) == (expected["name"], expected["pe"])
            pixel = [expected["simd"] // 9] if expected["op"] == "Window" else []
            assert found["simd"] in (expected["simd"], *pixel)


def test_another_weight_is_found_at_its_node_and_nothing_is_written(built, tmp_path):
    net = shutil.copytree(built["small"], tmp_path / "small")
    shutil.rmtree(net / "acc/finn")
    (net / "acc/finn.json").unlink()
    changed = read_graph(net / "lowered.onnx")
    (conv1,) = (node for node in changed.nodes if node.name == "conv1")
    conv1.at["weights"] = conv1.at["weights"].copy()
    conv1.at["weights"][0, 0, 0, 2] *= -1
    as_onnx(changed).save(str(net / "lowered.onnx"))
    of = "(XnorMVAU_rtl_1|Thresholding_rtl_1)"
    stops(f"^finn: {of} of FINN's graph differs", finn, net, net / "acc", kind=MismatchError)
    assert not (net / "acc/finn").exists() and not (net / "acc/finn.json").exists()


def test_a_number_outside_of_finn_s_data_type_is_found(built):
    net = built["flat"]
    nodes.register()
    lowered, record = in_finn(net), artifacts.read_json(net / "acc/fold.json")
    made = steps.run_steps(lowered, record, handover.build_config(boards.load("pynq-z2")), net / "narrow")
    scores = next(node for node in made.graph.graph.node if node.name == "XnorMVAU_rtl_1").output[0]
    made.graph.set_tensor_datatype(scores, DataType["UINT2"])
    images = np.load(net / "golden.npz")["images"]
    with pytest.raises(MismatchError, match=r"^finn: XnorMVAU_rtl_1 .* UINT2 .* image \d"):
        same.check_graph(made.graph, lowered, graph.operators(net / "acc/folded.onnx"), images)


def test_a_node_that_finn_has_not_is_named_with_the_number_of_others(chains, tmp_path):
    chain = chains["small"](2)
    for number in range(3):
        chain.put("Digit", f"digit{number}", chain.x, chain.kind, shift=0, bits=0)
    with refuses("finn: … digit0 (Digit) … 2 more … (Digit) … BACKEND=rtl … BACKEND=hls4ml"):
        known.check_nodes(nodes.prepared(chain.model()))


def test_a_window_of_several_dilations_is_refused(chains):
    chain = chains["Chain"]((6, 6, 2), 1)
    cut = np.concatenate([chain.windows((3, 3), (1, 1), (1,) * 4)] * 2, -1)
    sizes = {"kernel": [3, 3], "rates": [1, 2], "stride": [1, 1], "pads": [1] * 4, "value": 0}
    chain.matrix("RatesConv", "rates", cut, (2, 3, 3, 2, 4), True, **sizes)
    model = nodes.prepared(chain.model())
    says(refused(lambda: known.check_nodes(model)), "finn: … rates (RatesConv) … BACKEND=rtl")


def test_a_window_of_a_single_row_that_leaves_out_rows_is_refused_by_finn(chains, tmp_path):
    chain, sizes = chains["Chain"]((6, 6, 2), 1), {"stride": [2, 2], "dilation": [1, 1], "groups": 1}
    cut = chain.windows((1, 2), (2, 2))
    net = chain.matrix("Conv", "conv", cut, (1, 2, 2, 3), True, **sizes).save(tmp_path / "net")
    fold(net, "pynq-z2", net / "acc", interval=600)
    stops("finn: FINN's code generation of ConvolutionInputGenerator … BACKEND=rtl", finn, net, net / "acc")
    assert not (net / "acc/finn").exists()


@pytest.mark.parametrize(("largest", "fits"), [(65_793, True), (65_794, False)])
def test_numbers_beyond_float32_are_refused(chains, largest, fits):
    """255 * 65,793 is 2^24 - 1, the largest of those that float32 counts one by one."""
    chain = chains["Chain"]((1,), 0)
    kind = DataType["UINT24" if fits else "UINT25"].name
    chain.put("Dense", "fc", chain.x * largest, kind, weights=np.array([[largest]]), xnor=False, top=2**30)
    if fits:
        known.check_nodes(nodes.prepared(chain.model()))
        return
    says(
        refused(lambda: known.check_nodes(nodes.prepared(chain.model()))),
        "finn: fc … float32 … 1 … BACKEND=rtl",
    )


def test_a_border_of_another_value_than_0_is_a_node_of_the_plug_in(chains):
    chain = chains["Chain"]((4, 5, 3), 1)
    wide = np.pad(chain.x, ((0, 0), (1, 2), (0, 3), (0, 0)), constant_values=128)
    chain.put("Pad", "pad", wide, "UINT8", pads=[1, 0, 2, 3], value=128)
    nodes.register()
    model = nodes.prepared(chain.model())
    known.check_nodes(model)
    got = execute_onnx(model, {"images": np.float32(chain.images[:1])})["pad_out"]
    np.testing.assert_array_equal(got, wide[:1])


def test_bits_that_count_0_and_1_enter_a_matrix(chains, tmp_path):
    """FINN's code generation refuses them; our node takes them."""
    chain = chains["Chain"]((24,), 7).sign("sign0").dense("fc0", 10)
    weights = chain.rng.integers(-7, 8, (10, 3))
    chain.put("Dense", "fc1", chain.x @ weights, "INT8", weights=weights, xnor=False, top=2**10)
    net = chain.save(tmp_path / "counted")
    fold(net, "pynq-z2", net / "acc", interval=600)
    record = finn(net, net / "acc")
    assert [operator["name"] for operator in record["operators"]] == ["sign0", "fc0", "fc1"]
    model = ModelWrapper(str(net / "acc/finn/model.onnx"))
    given = np.load(net / "acc/finn/input.npy")
    for frame, wanted in zip(given, chain.x, strict=False):
        got = execute_onnx(model, {model.graph.input[0].name: frame[None]})
        np.testing.assert_array_equal(got[model.graph.output[0].name].reshape(-1), wanted)


def test_a_part_of_another_maker_is_refused(built):
    net = built["flat"]
    fold(net, "ulx3s", net / "ulx3s", interval=600)
    stops(r"^finn: ulx3s .* LFE5U-.* AMD .* BACKEND=rtl", finn, net, net / "ulx3s")
    assert not (net / "ulx3s/finn").exists()


def test_a_step_that_stops_is_one_sentence(built, tmp_path):
    net = built["flat"]
    lowered, record = in_finn(net), artifacts.read_json(net / "acc/fold.json")
    config = handover.build_config(boards.load("pynq-z2")) | {"board": "no-such-board"}
    with pytest.raises(UserError, match=r"^finn: FINN's step_specialize_layers .*no-such-board.*BACKEND=rtl"):
        steps.run_steps(lowered, record, config, tmp_path)


@pytest.mark.full
def test_every_shipped_network_has_finn_s_nodes_or_is_refused_with_one_and_some_run_as_rtl(tmp_path):
    """Minutes: each is exported and lowered first."""
    refused = {}
    for net, method in zoo.shipped():
        net_dir = tmp_path / f"{net}-{method}"
        net_dir.mkdir()
        module, meta = zoo.load(net, method)
        images, labels, which = zoo.golden(net, 20)
        export(module, images, labels, net_dir, {**meta, "images": which})
        lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir)
        nodes.register()
        try:
            known.check_nodes(in_finn(net_dir))
        except UserError as error:
            refused[net, method] = str(error)
        if (net, method) in RUN:
            fold(net_dir, "pynq-z2", net_dir / "acc")
            record = finn(net_dir, net_dir / "acc")
            assert [one["images"] for one in record["checks"]] == [10, 20, 3, 20, 20, 1]
            assert not any(one["mismatches"] for one in record["checks"])
            assert record["cycles"]["interval"] == pytest.approx(record["estimate"]["cycles"], rel=0.01)
    assert all("FINN does not support " in why for why in refused.values())
    assert ("cifar10-cnv_half", "ci_bcnn") in refused and ("cifar10-cnv", "ste") not in refused


class Binary(RandomGraph):
    """Chains, pools and residual blocks of -1 and +1 behind 8-bit pixels, with borders of -1 or +1."""

    def draw(self):
        parts = [self.layer, self.pool, self.shortcut]
        parts[self.rng.integers(len(parts))]()

    def chance(self, share):
        return share != 0.3 and super().chance(share)  # no groups, no Relu

    def weights(self, *shape, one_bit=True):
        return self.graph.weights(*shape)

    def padded(self, pads, given, zero):
        super().padded(pads, given, zero=False)

    def quantise(self, norm=True):
        if norm:
            self.norm()
        self.graph.sign()
        self.bits = 1


@pytest.mark.full
@pytest.mark.parametrize("seed", range(40))
def test_finn_s_design_gives_the_integers_of_a_random_binary_network(seed, tmp_path):
    """Or FINN refuses a window of a single row that leaves out pixels."""
    net = Binary(seed)
    net.model.save(str(tmp_path / "net.onnx"))
    images = np.random.default_rng(seed).integers(0, 256, (8, *net.pixels.shape[1:]), np.uint8)
    imported(tmp_path / "net.onnx", images, tmp_path, 1.0)
    fold(tmp_path, "pynq-z2", tmp_path / "acc", interval=600)
    try:
        checks = finn(tmp_path, tmp_path / "acc")["checks"]
    except UserError as error:
        assert "FINN's code generation of ConvolutionInputGenerator" in str(error)
        lowered = in_finn(tmp_path)
        windows = lowered.get_nodes_by_op_type("ConvolutionInputGenerator")
        names = ("ConvKernelDim", "Stride")
        sizes = [[np.array(getCustomOp(one).get_nodeattr(name)) for name in names] for one in windows]
        assert any(kernel[0] == 1 < kernel[1] and (stride > kernel).any() for kernel, stride in sizes)
        return
    assert len(checks) > 1 and not any(check["mismatches"] for check in checks)
