"""Back ends are found by file name and declare what others go by; networks from elsewhere in them: adders and
the C++ of hls4ml give the lowered integers. Binding: which lowered nodes become which operator, and what is
refused, by name and with what works. Generation: a folder that lints without a warning, twice the same,
computes the network in RTL."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from brevitas_networks import drawn
from pipeline import flowing, with_adders
from qonnx.core.modelwrapper import ModelWrapper
from random_geometry import RandomGeometry

from xnorforge import __version__
from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.flows.backends import base
from xnorforge.flows.backends.hls4ml import write_and_emulate
from xnorforge.flows.backends.hls4ml.model import IO_TYPES, check_expressible
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.input_wanted import Wanted
from xnorforge.flows.importing.samples import Samples
from xnorforge.flows.importing.stage import import_network
from xnorforge.flows.lower import lower
from xnorforge.hw import graph
from xnorforge.hw.bind import bind, bind_folder
from xnorforge.hw.wrap import bare
from xnorforge.sim.stage import bits_alone

from ..refusals import refused as sentence
from ..refusals import refuses, says

STAGES = {"generate", "sim", "synth", "netlist", "hls"}


def test_the_back_ends_are_these():
    assert base.names() == ["finn", "hls4ml", "rtl"]


@pytest.mark.parametrize("name", base.names())
def test_a_back_end_declares_what_the_others_go_by(name):
    backend = base.load(name)
    assert backend.about and backend.report in {"design", "project", "handover"}
    assert backend.stages
    for stage in set(backend.stages) - STAGES:  # its own: the function that the pipeline calls
        assert callable(getattr(plugins.load("flows.backends", name), stage))


IMAGES = 4
SLOW = 2_000_000  # cycles per frame: no bound for networks of this size
STEPS = {"geometry": (1.0, 1.0), "brevitas": (1 / 255, 1 / 128)}  # of pixels, of signed bytes


def folded_for(backend: str, kind: str, seed: int, folder: Path, adders: bool = False) -> Path:
    """A random network with pixels, signed bytes or fixed point at its input, folded, with `adders` for
    every matrix that can become some; its folder.

    Raises:
        UserError: import, lower or fold refuses it.
    """
    rng = np.random.default_rng(seed)
    if kind == "geometry":
        net = RandomGeometry(seed)
        net.model.save(str(folder / "net.onnx"))
        shape = net.pixels.shape[1:]
    else:
        made = drawn(seed, ("qonnx",))
        made.export(folder / "net.onnx")
        shape = made.shape
    size, (step, signed_step) = (IMAGES, *shape), STEPS[kind]
    images, wanted = [
        (rng.integers(0, 256, size).astype(np.uint8), Wanted("uint8", step)),
        (rng.integers(-128, 128, size).astype(np.int8), Wanted("int8", signed_step)),
        (rng.normal(0, 1.5, size).astype(np.float32), Wanted("q4.12")),
    ][seed % 3]
    samples = Samples(images, np.full(IMAGES, -1), "random", pixels=images.dtype == np.uint8)
    import_network(folder / "net.onnx", samples, folder, wanted)
    lower(folder / "model.onnx", folder / "golden.npz", folder)
    folding = folder / "folding.json"
    names = [one.name for one in bind_folder(folder) if adders and with_adders(one) is not one]
    folding.write_text(json.dumps({name: {"structure": "adders"} for name in names}))
    fold(folder, "pynq-z2", folder / "acc", SLOW, folding, backend)
    return folder / "acc"


@pytest.mark.parametrize("kind, seed", [
    ("geometry", 1), ("geometry", 12),
    *(pytest.param("geometry", seed, marks=pytest.mark.full) for seed in (0, 6, 7)),
    *(pytest.param("brevitas", seed, marks=pytest.mark.full) for seed in (0, 1, 4, 5, 6)),
])  # fmt: skip
def test_adders_give_the_integers_of_an_imported_network(kind, seed, tmp_path):
    acc = folded_for("rtl", kind, seed, tmp_path, adders=True)
    assert "DaMvu" in {type(op).__name__ for op in graph.operators(acc / "folded.onnx")}
    found = bits_alone(acc, tmp_path)
    assert found["images"] == IMAGES and found["mismatches"] == 0


@pytest.mark.parametrize("seed, text", [
    (1, "hls4ml: conv2_window (Window) … dilation=[1, 3] … [1, 1]"),
    (105, "hls4ml: conv0_place_1 (Border) … 58 bits … 53 … BACKEND=rtl"),
])  # fmt: skip
def test_what_hls4ml_cannot_express_of_an_imported_network_is_one_sentence(seed, text, tmp_path):
    acc = folded_for("hls4ml", "geometry", seed, tmp_path)
    with refuses(text):
        write_and_emulate(acc, tmp_path)
    assert not (acc / "hls_project").exists()


@pytest.mark.full
@pytest.mark.parametrize(
    "kind, seed", [*(("geometry", seed) for seed in range(30)), *(("brevitas", seed) for seed in range(14))]
)
def test_hls4ml_gives_the_integers_of_an_imported_network_or_refuses_it(kind, seed, tmp_path):
    """One form for each, by turns: every three seeds have all inputs in one form."""
    try:
        acc = folded_for("hls4ml", kind, seed, tmp_path)
        check_expressible(graph.operators(acc / "folded.onnx"), IO_TYPES)
    except UserError as error:
        assert str(error).endswith(".") and ";" in str(error)
        return
    record = write_and_emulate(acc, tmp_path, io=(IO_TYPES[seed // 3 % 2],))
    assert [row["mismatches"] for row in record["checks"]] == [0, 0]


def ops(chain, scale=0.5, bias=0.0):
    outputs = chain.x.shape[-1]
    return bind(chain.model(), np.full(outputs, scale), np.full(outputs, bias))


def test_a_layer_is_window_and_unit_with_the_thresholds_inside(chains):
    bound = ops(chains["small"]())
    assert [(one.op, one.name) for one in bound] == [
        ("Window", "conv0_window"), ("SignMvu", "conv0"), ("Window", "conv1_window"), ("SignMvu", "conv1"),
        ("MaxPool", "pool1"), ("SignMvu", "fc0"), ("SignMvu", "fc1"), ("TopK", "top_k"),
    ]  # fmt: skip
    assert bound[1].nodes == ["conv0", "conv0_threshold"]
    assert bound[2].nodes == ["conv1_pad", "conv1"]
    assert bound[2].attributes["pads"] == [1, 1, 1, 1] and bound[2].attributes["pad_value"] == 0
    assert bound[5].attributes["in_shape"] == [3, 3, 6]  # a dense layer reads the image as it is streamed
    assert "thresholds" not in bound[6].arrays


def test_input_thresholds_become_an_operator_of_their_own(chains):
    assert [one.op for one in ops(chains["flat"]())] == ["Threshold", "SignMvu", "SignMvu", "TopK"]


def test_a_window_that_is_the_whole_image_needs_no_operator(chains):
    chain = chains["Chain"]((5, 5, 2)).sign("sign0").conv("conv0", 4).conv("conv1", 6)
    bound = ops(chain.dense("fc0", 3, raw=True))
    assert [one.name for one in bound] == ["sign0", "conv0_window", "conv0", "conv1", "fc0", "top_k"]
    assert bound[3].attributes["in_shape"] == [3, 3, 4] and bound[3].attributes["mw"] == 36


@pytest.mark.parametrize("scale, bias, last", [
    ([0.5, 0.5, 0.5], [1, 1, 1], "TopK"), ([0.5, 0.5, 0.4], [1, 1, 1], "SignMvu"),
    ([0.5] * 3, [1, 1, 2], "SignMvu"), ([-1] * 3, [0] * 3, "SignMvu"),
], ids=["one-scale", "two-scales", "two-biases", "negative"])  # fmt: skip
def test_the_index_of_the_largest_score_is_added_only_where_it_is_the_class(chains, scale, bias, last):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    assert bind(chain.model(), np.array(scale, float), np.array(bias, float))[-1].op == last


def test_thresholds_out_of_reach_become_always_and_never(chains):
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 4).dense("fc1", 3, raw=True)
    chain.of("fc0_threshold")["thresholds"] = np.array([[-7], [0], [8], [500]])
    assert ops(chain)[1].arrays["thresholds"].tolist() == [0, 0, 8, 9]


def refused(chain, *, scale=0.5):
    return sentence(lambda: ops(chain, scale))


def test_a_tensor_with_two_readers_is_copied_for_each(chains):
    chain = chains["Chain"]((8,)).sign("sign0")
    chain.put("Concat", "twice", np.concatenate([chain.x] * 2, 1), "BINARY").nodes[-1].inputs *= 2
    fork, twice = ops(chain.dense("fc0", 3, raw=True))[1:3]
    assert fork.inputs == ["sign0_out"] and fork.outputs == twice.inputs == ["sign0_fork_0", "sign0_fork_1"]


def test_what_no_operator_builds_is_named_with_what_works(chains):
    chain = chains["Chain"]((8,)).sign("sign0")
    chain.put("Softmax", "strange", chain.x, "BINARY").dense("fc0", 3, raw=True)
    says(refused(chain), "strange: … Softmax … convolutions")


def unit_of(chains, weights):
    """What is bound to a dense layer of bits that count as 0 and 1, with these weights."""
    chain = chains["Chain"]((8,)).sign("sign0").dense("fc0", 3, raw=True)
    chain.of("fc0").update(weights=weights.astype(int), xnor=False)
    return ops(chain)[1]


def test_weights_of_more_than_one_bit_get_a_unit_of_integers(chains):
    unit = unit_of(chains, np.eye(8, 3) * 3)
    assert (unit.op, unit.attributes["in_bits"], unit.attributes["w_bits"]) == ("IntMvu", 1, 3)


SIGNS = np.where(np.random.default_rng(0).random((8, 3)) < 0.5, -1, 1)
PLACES = np.repeat([3, 1], 4)[:, None]


def test_signs_times_a_constant_of_their_place_get_a_unit_that_counts_equal_bits(chains):
    unit = unit_of(chains, SIGNS * PLACES)
    assert (unit.op, unit.attributes["run"], unit.attributes["scale_bits"]) == ("SpatialMvu", 4, 2)
    np.testing.assert_array_equal(unit.arrays["weights"], SIGNS * PLACES)
    assert unit_of(chains, SIGNS * np.tile([[3], [3], [1], [1]], (2, 1))).attributes["run"] == 2


@pytest.mark.parametrize("weights", [
    SIGNS * 3, SIGNS * PLACES * [[1, 1, 2]], SIGNS * np.tile([[1], [2]], (4, 1)), SIGNS * (PLACES - 1),
], ids=["one constant", "rows differ", "one element each", "zeros"])  # fmt: skip
def test_other_weights_of_several_bits_stay_integers(chains, weights):
    assert unit_of(chains, weights).op == "IntMvu"


def test_a_pool_on_numbers_takes_the_maximum_of_numbers(chains):
    pool = ops(chains["Chain"]((4, 4, 1)).pool("pool0").dense("fc0", 3, raw=True))[0]
    assert (pool.op, pool.attributes["in_bits"], pool.attributes["kernel"]) == ("MaxPool", 8, [2, 2])


def test_a_minimum_of_bits_is_an_and(chains):
    chain = chains["Chain"]((4, 4, 2)).sign("sign0")
    x = chain.x.reshape(len(chain.x), 2, 2, 2, 2, 2).min((2, 4))
    direction, sizes = np.array([-1, -1]), {"kernel": [2, 2], "stride": [2, 2], "dilation": [1, 1]}
    chain.put("MaxPool", "pool0", x, "BINARY", direction=direction, **sizes)
    pool = ops(chain.dense("fc0", 3, raw=True))[1]
    assert (pool.op, pool.arrays["direction"].tolist()) == ("MaxPool", [-1, -1])


FOLDINGS = {
    "searched": None,
    "narrow": {"conv0": {"pe": 1, "simd": 3}, "conv1": {"pe": 1, "simd": 8}, "fc0": {"pe": 1, "simd": 2}},
    "wide-with-fifos": {"conv0": {"pe": 8, "simd": 27}, "conv1": {"pe": 6, "simd": 72, "depth": 7},
        "fc0": {"pe": 4, "simd": 18}, "pool1": {"pe": 2, "depth": 40}},
}  # fmt: skip


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
    interval = json.loads((acc / "fold.json").read_text())["interval_bound"]
    assert flowing(acc.parent, chain.answers(), checked=True).interval == interval


def test_the_folder_lints_and_lists_what_it_holds(chains, tmp_path):
    acc, record = built(chains["flat"](1), tmp_path / "flat")
    assert record["checks"][0]["mismatches"] == 0 and record["checks"][0]["integers"] > 500
    listed = [line for line in (acc / "rtl" / "rtl.f").read_text().splitlines() if not line.startswith("+")]
    files = {path.name for path in (acc / "rtl").iterdir()}
    assert listed[-1] == "top.sv" and len(set(listed)) == len(listed)
    assert files == {
        *listed, *record["headers"], *(name for layer in record["layers"] for name in layer["memories"]),
        "rtl.f", "rtl.json",
    }  # fmt: skip
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
    slave = ["[23:0] s_axis_tdata", "s_axis_tvalid", "s_axis_tready"]
    master = ["[7:0] m_axis_tdata", "m_axis_tvalid", "m_axis_tready", "m_axis_tlast"]
    for port in ("aclk", "aresetn", *slave, *master):
        assert f"logic {port}" in text


def test_modules_name_network_weights_and_version_and_others_stay_when_one_changes(chains, tmp_path):
    def files(name, change=False, given=None):
        acc, _ = built(chains["flat"](1), tmp_path / name, given)
        model = ModelWrapper(str(acc / "folded.onnx"))
        if change:
            weights = next(node for node in model.graph.node if node.op_type == "SignMvu").input[1]
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
