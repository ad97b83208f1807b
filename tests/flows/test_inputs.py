"""The input of a network from elsewhere: integers and scale, read or asked for, in every stage."""

from collections import Counter

import numpy as np
import pytest
import torch
from graphs import Graph
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from torch.nn.functional import conv2d

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import InputFormat, format_named, integer_format, scale_of, scale_words
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.input_range import describe_input
from xnorforge.flows.importing.input_wanted import Wanted
from xnorforge.flows.importing.samples import NOISE, Samples, fixed_point_for
from xnorforge.flows.importing.stage import import_model, import_network
from xnorforge.flows.lower import lower
from xnorforge.hw import graph as operators
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network

from ..refusals import refuses, says, stops

RNG = np.random.default_rng


def saved(graph, output, path, annotation=None):
    """A graph as a file, its constants in it, its input annotated."""
    model = ModelWrapper(graph.onnx(output))
    if annotation:
        model.set_tensor_datatype("x", DataType[annotation])
    model.save(str(path))
    return path


def norm_and_sign(graph, channels, shift, mean, variance):
    """A batch norm of random parameters, and bits."""
    many = (graph.rng.normal(0, spread, channels) for spread in (shift, mean))
    graph.real("BatchNormalization", graph.rng.uniform(0.5, 2, channels), *many, np.full(channels, variance))
    return graph.sign()


def picture_net(head, channels=3, size=6):
    """Constants at the input (`head`), a binary convolution, a batch norm, bits, ten scores."""
    graph = Graph((channels, size, size), seed=3)
    head(graph)
    graph.node("Conv", graph.weights(4, channels, 3, 3))
    norm_and_sign(graph, 4, 0.3, 3, 9.0).node("Flatten")
    return graph.node("MatMul", graph.weights(4 * (size - 2) ** 2, 10))


def vector_net(head=lambda graph: None, features=16, outputs=3):
    """`head`, then bits from a batch norm behind a binary matrix, and scores."""
    graph = Graph((features,), seed=5)
    head(graph)
    graph.node("MatMul", graph.weights(features, 24))
    norm_and_sign(graph, 24, 1, 1, 16.0)
    return graph.node("MatMul", graph.weights(24, outputs))


def depthwise_net():
    """A binary kernel per channel, bits, ten scores."""
    graph = Graph((3, 6, 6), seed=6)
    graph.node("Conv", graph.weights(3, 1, 3, 3), group=3).sign().node("Flatten")
    return graph.node("MatMul", graph.weights(48, 10))


def imported(tmp_path, graph, output, values, labels=(), annotation=None, **wanted):
    """The record of an import; labels may be missing."""
    path = saved(graph, output, tmp_path / "net.onnx", annotation)
    given = path, values, np.asarray(labels, np.int64), tmp_path / "out"
    return import_model(*given, wanted.pop("scale", None), **wanted)


def proven(folder, rtl_images=0):
    """Lower and fold what was imported, run the bit simulator on all images and perhaps the RTL on a few;
    every integer is compared with the lowered network's, which is compared with qonnx."""
    made = lower(folder / "model.onnx", folder / "golden.npz", folder)
    fold(folder, "pynq-z2", folder / "acc")
    images = np.load(folder / "golden.npz")["images"]
    simulator = BitSimulator(folder / "acc/folded.onnx")
    wanted = operators.answers(simulator.ops, np.load(folder / "lowered.npz"))
    np.testing.assert_array_equal(simulator.run(images)[simulator.ops[-1].name], wanted)
    if rtl_images:
        generate(folder / "acc/folded.onnx", folder / "acc/rtl")
        device = network(folder / "acc/rtl", simulator.ops, level="-O0")
        run = cosim.run(device, operators.enter(simulator.ops[0], images[:rtl_images]), seed=1)
        np.testing.assert_array_equal(run.output, wanted[:rtl_images])
    assert not any(row["mismatches"] for row in made["checks"]) and made["checks"][0]["integers"]
    return simulator.ops[0].in_stream()


def pixels(n=40, shape=(3, 6, 6), seed=0):
    return RNG(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


HEADS = {
    "Div 255": (lambda g: g.real("Div", 255.0), 1.0), "Mul 1/255": (lambda g: g.real("Mul", 1 / 255), 1.0),
    "Sub 127.5, Div 127.5": (lambda g: g.real("Sub", 127.5).real("Div", 127.5), 1.0),
    "mean and deviation of 0..255": (lambda g: g.real("Sub",
        np.reshape([124.0, 116, 104], (3, 1, 1))).real("Div", np.full((3, 1, 1), 58.0)), 1.0),
    "mean and deviation of 0..1": (lambda g: g.real("Sub",
        np.reshape([0.485, 0.456, 0.406], (3, 1, 1))).real("Div", np.full((3, 1, 1), 0.225)), 1 / 255),
    "Mul 2, Sub 1": (lambda g: g.real("Mul", 2.0).real("Sub", 1.0), 1 / 255),
    "Sub 0.5": (lambda g: g.real("Sub", 0.5), 1 / 255),
    "1 - x": (lambda g: g.node("Sub", inputs=[constant(g, 1.0), "x"]), 1 / 255),
    "batch norm of 0..255": (lambda g: g.real("BatchNormalization", np.ones(3), np.zeros(3),
        [124.0, 116, 104], np.full(3, 3300.0)), 1.0),
    "batch norm of 0..1": (lambda g: g.real("BatchNormalization", np.ones(3), np.zeros(3), [0.48, 0.45, 0.4],
        np.full(3, 0.05)), 1 / 255),
    "Mul 2, Sub 1, Quant to -1..1": (lambda g: g.real("Mul", 2.0).real("Sub", 1.0).quant(2**-7, 8), 1 / 255),
    "Div 255, Quant": (lambda g: g.real("Div", 255.0).quant(2**-7, 8), 1.0),
}  # fmt: skip


def constant(graph, value):
    graph.constants["given"] = np.float32(value)
    return "given"


@pytest.mark.parametrize("head", HEADS)
def test_whether_pixels_are_0_to_255_or_0_to_1_is_read_from_the_graph(tmp_path, head):
    make, scale = HEADS[head]
    graph = Graph((3, 6, 6), seed=3)
    make(graph)
    graph.sign() if "Quant" not in head else graph
    record = imported(tmp_path, graph.node("Conv", graph.weights(4, 3, 3, 3)), (4, 4, 4), pixels())
    given = [record["input"][key] for key in ("scale", "offset", "format")]
    assert given == [scale, 0, "uint8"]
    assert record["doubts"] == [] and np.load(tmp_path / "out/golden.npz")["images"].dtype == np.uint8


@pytest.mark.parametrize(("spread", "scale"), [(3.0, 1 / 255), (700.0, 1.0)])
def test_the_first_batch_norm_behind_a_convolution_says_it(tmp_path, spread, scale):
    graph = Graph((3, 6, 6)).node("Conv", RNG(0).choice([-1.0, 1.0], (4, 3, 3, 3)).astype(np.float32))
    graph.real("BatchNormalization", np.ones(4), np.zeros(4), np.zeros(4), np.full(4, spread**2)).sign()
    record = imported(tmp_path, graph, (4, 4, 4), pixels())
    assert record["input"]["scale"] == scale and record["doubts"] == []
    said = "BatchNormalization BatchNormalization_0 expects a spread of"
    assert record["input"]["because"].startswith(said)


def test_what_says_nothing_is_said_aloud(tmp_path, capsys):
    graph = Graph((3, 6, 6))
    graph.node("Conv", graph.weights(4, 3, 3, 3)).sign()
    record = imported(tmp_path, graph, (4, 4, 4), pixels())
    (doubt,) = record["doubts"]
    says(doubt, "the input: … uint8 … 1/255 … SCALE=1 … 0 .. 255 … INPUT=")
    assert f"export      {record['doubts'][0]}\n" in capsys.readouterr().err
    assert imported(tmp_path, graph, (4, 4, 4), pixels(), scale=1.0)["doubts"] == []


def test_a_quantiser_behind_constants_says_the_range_that_it_covers_best():
    """By the share of a fine line's points that lie in both, of those in either; below a fifth, its own."""
    rng, kinds = RNG(0), []
    for _ in range(60):
        times, step = 2.0 ** rng.integers(-8, 0, 2)
        bits, signed = int(rng.integers(2, 9)), int(rng.integers(2))
        graph = Graph((3, 6, 6)).real("Mul", times).quant(step, bits, signed=signed)
        found = describe_input(graph.model((3, 6, 6)), pixels())
        low, high = (np.array([0, 2**bits - 1]) - signed * 2 ** (bits - 1)) * step / times
        line, shares = np.linspace(min(low, 0), max(high, 255), 500_001), {"own": 0.2}
        ours = (low <= line) & (line <= high)
        for name, most in (("unit", 1), ("raw", 255)):
            theirs = (line >= 0) & (line <= most)
            shares[name] = (ours & theirs).sum() / (ours | theirs).sum()
        second, first = sorted(shares, key=shares.__getitem__)[1:]
        if shares[first] - shares[second] > 0.01:
            assert found.form.scale == pytest.approx({"own": step / times, "unit": 1 / 255, "raw": 1}[first])
            kinds.append(first)
    assert min(Counter(kinds)[name] for name in shares) >= 5


ANNOTATIONS = {
    "INT8": integer_format(8, True), "UINT4": integer_format(4, False), "INT3": integer_format(3, True),
    "BIPOLAR": InputFormat(0, 1, 2.0, -1.0, "bipolar"), "BINARY": InputFormat(0, 1, 1.0, 0.0, "uint1"),
    "FIXED<8,3>": InputFormat(-128, 127, 2**-5, 0.0, "q3.5"),
}  # fmt: skip


@pytest.mark.parametrize("annotation", ANNOTATIONS)
def test_an_annotation_of_the_input_is_taken(tmp_path, annotation):
    form = ANNOTATIONS[annotation]
    rng, graph = RNG(2), vector_net()
    numbers = rng.integers(form.lo, form.hi + 1, (30, 16))
    record = imported(tmp_path, graph, (3,), numbers, annotation=annotation)
    keys = ("lo", "hi", "scale", "offset", "format")
    stated = (form.lo, form.hi, form.scale, form.offset, form.name)
    assert tuple(record["input"][key] for key in keys) == stated
    stream = proven(tmp_path / "out")
    assert (stream.bits, stream.signed) == (form.bits, form.lo < 0)


# A network, its samples, what is asked for, and the format, scale and offset that come of it.
def whole(form, n=60, shape=(16,)):
    return RNG(7).integers(form.lo, form.hi + 1, (n, *shape))


NETS = {
    "0..255": (lambda: picture_net(lambda g: g.real("Div", 255.0)), pixels(), {}, ("uint8", 1.0, 0.0)),
    "0..1": (lambda: picture_net(lambda g: g.quant(1 / 255, 8, signed=0)), pixels(), {}, None),
    "-1..1": (
        lambda: picture_net(lambda g: g.quant(2**-7, 8)), pixels(), {"scale": 2 / 255, "offset": -1.0},
        ("uint8", 2 / 255, -1.0),
    ),
    "int8 by its quantiser": (
        lambda: vector_net(lambda g: g.quant(0.037, 8)), whole(integer_format(8, True)), {},
        ("int8", None, 0.0),
    ),
    "int5 with a zero point": (
        lambda: vector_net(lambda g: g.quant(0.25, 5, zero=3.0)), whole(integer_format(5, True)), {},
        ("int5", 0.25, -0.75),
    ),
    "12 bits": (lambda: vector_net(), whole(integer_format(12, False)), {"form": "uint12", "scale": 2**-9},
        ("uint12", 2**-9, 0.0)),
    "q4.12": (
        lambda: vector_net(), RNG(1).normal(0, 1.5, (60, 16)), {"form": "q4.12"}, ("q4.12", 2**-12, 0.0)
    ),
    "q4.12 into a quantiser": (
        lambda: vector_net(lambda g: g.quant(0.5, 4)), RNG(1).normal(0, 1.5, (60, 16)), {"form": "q4.12"},
        ("q4.12", 2**-12, 0.0),
    ),
    "14 bits, a kernel per channel": (
        lambda: depthwise_net(), whole(integer_format(14, True), shape=(3, 6, 6)),
        {"form": "int14", "scale": 2**-8},
        ("int14", 2**-8, 0.0),
    ),
    "bipolar": (
        lambda: vector_net(lambda g: g.sign()), whole(integer_format(1, False)), {}, ("bipolar", 2.0, -1.0)
    ),
}  # fmt: skip
IN_RTL = ("-1..1", "int8 by its quantiser", "q4.12")


@pytest.mark.quick("!-1..1", "!int8 by its quantiser")
@pytest.mark.parametrize("name", NETS)
def test_every_kind_of_input_reaches_the_bit_simulator_without_a_difference(tmp_path, name):
    make, values, wanted, stated = NETS[name]
    graph = make()
    outputs = 10 if values.ndim == 4 else 3
    record = imported(tmp_path, graph, (outputs,), values, **wanted)
    given = record["input"]
    if stated:
        form, scale, offset = stated
        assert (given["format"], given["offset"]) == (form, pytest.approx(offset))
        assert scale is None or given["scale"] == scale
    images = np.load(tmp_path / "out/golden.npz")["images"]
    assert images.dtype == (np.int16 if given["signed"] and given["bits"] > 8 else images.dtype)
    assert images.itemsize == (2 if given["bits"] > 8 else 1)
    assert (images.dtype.kind == "i") == given["signed"]
    stream = proven(tmp_path / "out", rtl_images=2 if name in IN_RTL else 0)
    assert (stream.bits, stream.signed) == (given["bits"], given["signed"])


def test_accuracy_is_that_of_torch_on_the_same_labels(tmp_path):
    rng = RNG(4)
    weights = rng.choice([-1.0, 1.0], (5, 3, 6, 6)).astype(np.float32)
    graph = Graph((3, 6, 6)).real("Div", 255.0).node("Conv", weights).node("Flatten")
    values = pixels(200)
    scores = conv2d(torch.from_numpy(values / np.float32(255)), torch.from_numpy(weights)).flatten(1)
    labels = np.where(rng.random(200) < 0.8, scores.argmax(1).numpy(), rng.integers(0, 5, 200))
    labels[:20] = -1
    record = imported(tmp_path, graph, (5,), values, labels)
    right = int((scores.argmax(1).numpy() == labels)[20:].sum())
    assert [(row["images"], row["correct"]) for row in record["accuracy"]] == [(180, right)]
    assert record["not_measured"] is None


def test_float_features_get_the_narrowest_fixed_point_that_changes_no_class(tmp_path):
    rng = RNG(6)
    values = (rng.normal(0, 1, (300, 16)) * rng.uniform(0.2, 2, 16)).astype(np.float32)
    record = imported(tmp_path, vector_net(), (3,), values, form="float:rows.npz", calibration=values)
    given, lost = record["input"], record["input"]["rounding"]
    assert given["signed"] and given["bits"] in (8, 10, 12, 14, 16) and lost["classes_differ"] == 0
    assert given["scale"] == 2.0 ** round(np.log2(given["scale"]))
    top = abs(values).max()
    assert given["hi"] * given["scale"] >= top - given["scale"] and given["hi"] * given["scale"] / 2 < top
    back = np.load(tmp_path / "out/golden.npz")["images"].reshape(300, 16) * given["scale"]
    assert lost["max_error"] == pytest.approx(abs(back - values).max(), abs=1e-9) and lost["cut"] == 0
    assert lost["max_error"] <= given["scale"] / 2 and f"{given['bits']} bits, the fewest" in given["because"]
    assert proven(tmp_path / "out").bits == given["bits"]


@pytest.mark.parametrize("values, bits, name", [
    ([0.0, 1.0], 8, "uq1.7"), ([0.0, 0.998], 8, "uq0.8"), ([-1.0, 0.99], 8, "q1.7"),
    ([-1.01, 0.5], 8, "q2.6"),
    ([-7.9, 7.9], 16, "q4.12"), ([0.0, 0.0], 8, "uq0.8"), ([-0.1, 0.05], 8, "q-2.10"),
    ([0.0, 1000.0], 8, "uq10.-2"),
])  # fmt: skip
def test_a_fixed_point_has_as_few_bits_before_the_point_as_cover_the_data(values, bits, name):
    form = fixed_point_for(np.array(values), bits)
    assert (form.name, form.bits) == (name, bits)
    assert abs(form.values(form.nearest(np.array(values))) - values).max() <= form.scale / 2


CENTRES = RNG(11).normal(0, 60, (4, 1, 8, 8)) + 120


def classified(n=400):
    """Pictures of four classes, and a network of 0..255 that tells them apart: the nearest centre by sign."""
    rng = RNG(12)
    labels = rng.integers(0, 4, n)
    values = np.clip(CENTRES[labels] + rng.normal(0, 40, (n, 1, 8, 8)), 0, 255).astype(np.uint8)
    graph = Graph((1, 8, 8)).real("Sub", 120.0).sign().node("Flatten")
    signs = np.where(CENTRES.reshape(4, 64).T >= 120, 1, -1).astype(np.float32)
    return graph.node("MatMul", signs), values, labels


def test_accuracy_at_chance_is_said_aloud_with_the_scale_that_gives_more(tmp_path, capsys):
    graph, values, labels = classified()
    good = imported(tmp_path, graph, (4,), values, labels)
    assert good["accuracy"][0]["top1"] > 90 and good["doubts"] == [] and good["input"]["scale"] == 1
    poor = imported(tmp_path, graph, (4,), values, labels, scale=1 / 255)
    assert poor["accuracy"][0]["top1"] < 35
    chance, better = poor["doubts"]
    says(chance, f"{poor['accuracy'][0]['top1']:.2f} % of 400 … 4 classes … 25.0 %")
    says(better, f"SCALE=1 … {good['accuracy'][0]['top1']:.2f} % of 400 … SCALE=1")
    assert capsys.readouterr().err.count("export      accuracy is at chance") == 1
    assert read_json(tmp_path / "out/export.json")["doubts"] == poor["doubts"]
    shuffled = imported(tmp_path, graph, (4,), values, RNG(0).permutation(labels))
    says(shuffled["doubts"][1], "no usual input scale … labels")


def test_pixels_that_come_to_a_quantiser_another_way_are_said(tmp_path):
    centres = RNG(21).uniform(0, 1, (4, 1, 8, 8))
    labels = RNG(22).integers(0, 4, 400)
    values = np.rint(255 * np.clip(centres[labels] + RNG(23).normal(0, 0.15, (400, 1, 8, 8)), 0, 1))
    signs = np.where(centres.reshape(4, 64).T >= 0.5, 1, -1).astype(np.float32)
    graph = Graph((1, 8, 8)).quant(2**-7, 8).real("Sub", 0.75).sign().node("Flatten").node("MatMul", signs)
    made = imported(tmp_path, graph, (4,), values.astype(np.uint8), labels)
    assert made["input"]["format"] == "int8"
    (said,) = [line for line in made["doubts"] if "build with" in line]
    assert "of 400" in said and "build with INPUT=uint8 SCALE=1/255" in said
    again = imported(tmp_path, graph, (4,), values.astype(np.uint8), labels, form="uint8", scale=1 / 255)
    assert again["accuracy"][0]["top1"] > made["accuracy"][0]["top1"] + 10 and again["doubts"] == []


def test_maps_are_judged_cell_by_cell(tmp_path):
    graph = Graph((1, 6, 6)).real("Div", 255.0)
    weights = RNG(3).choice([-1.0, 1.0], (3, 1, 3, 3)).astype(np.float32)
    values = pixels(20, (1, 6, 6))
    labels = conv2d(torch.from_numpy(values / np.float32(255)), torch.from_numpy(weights)).argmax(1).numpy()
    labels[:, 0] = (labels[:, 0] + 1) % 3  # 4 of 16 cells wrong
    labels[:, 1, 0] = -1
    record = imported(tmp_path, graph.node("Conv", weights), (3, 4, 4), values, labels)
    (row,) = record["accuracy"]
    assert row["images"] == 20 and row["figures"] == {"cells right": round(11 / 15, 6)}
    assert proven(tmp_path / "out").bits == 8
    with pytest.raises(UserError, match=r"labels .* 5x4 cells.* 4x4 cells"):
        imported(tmp_path, graph, (3, 4, 4), values, np.zeros((20, 5, 4)))


def test_made_up_samples_cover_the_whole_range_of_the_input(tmp_path):
    path = saved(vector_net(), (3,), tmp_path / "net.onnx", "INT5")
    made = import_network(path, Samples(None, np.zeros(0, np.int64), "random images"), tmp_path / "out")
    images = np.load(tmp_path / "out/golden.npz")["images"]
    assert (images.shape, images.dtype, images.min(), images.max()) == ((NOISE, 16, 1, 1), np.int8, -16, 15)
    assert made["accuracy"] == [] and made["not_measured"].endswith("the images have no labels")
    assert made["images"] == "1,000 random images"


REFUSED = {
    "more than the integers hold": (
        whole(integer_format(8, False)), {"form": "int8", "scale": 0.1},
        "0 .. 255 … int8, -128 .. 127 … INPUT=",
    ),
    "floats beyond the range": (
        np.linspace(-1, 2, 320).reshape(20, 16), {"scale": 1 / 255},
        "-1 .. 2 … SCALE=1/255 … 0 .. 1 … INPUT=float:<calibration.npz>",
    ),
    "not finite": (np.full((4, 16), np.nan), {"form": "q4.12"}, "not finite"),
    "another number": (np.zeros((4, 9), np.int64), {}, "16 … 9 … shape"),
    "a label too many": (np.zeros((4, 16), np.int64), {"labels": [0, 1, 2, 3]},
        "label 3 … 3 classes, 0 .. 2 … -1"),
    "too few labels": (np.zeros((4, 16), np.int64), {"labels": [0, 1]},
        "4 images … 2 labels … one label per image"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_samples_that_do_not_fit_are_refused_in_one_sentence(tmp_path, case):
    values, wanted, text = REFUSED[case]
    stops(f"{tmp_path}/net.onnx: … {text}", imported, tmp_path, vector_net(), (3,), values, **wanted)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("form, scale, text", [
    ("q4.12", 0.5, "SCALE: INPUT=q4.12 … leave SCALE out"),
    ("int17", None, "INPUT: 'int17' … 17 bits … 16"),
    ("int1", None, "INPUT: 'int1' … uint1 to uint16, int2 to int16, bipolar, q4.12, uq0.8 or float:"),
])  # fmt: skip
def test_formats_that_cannot_be_are_refused(tmp_path, form, scale, text):
    with refuses(text):
        imported(tmp_path, vector_net(), (3,), np.zeros((4, 16)), form=form, scale=scale)


def test_formats_by_name_have_the_ends_of_their_bits():
    words = ("uint1", "int2", "int16", "uint16", "q1.01", "uq0.8", "q4.12")
    named = {word: format_named(word) for word in words}
    ends = {word: (form.lo, form.hi, form.bits) for word, form in named.items()}
    assert ends == {
        "uint1": (0, 1, 1), "int2": (-2, 1, 2), "int16": (-32768, 32767, 16), "uint16": (0, 65535, 16),
        "q1.01": (-2, 1, 2), "uq0.8": (0, 255, 8), "q4.12": (-32768, 32767, 16),
    }  # fmt: skip
    assert named["uq0.8"].scale == 2**-8 and named["q4.12"].scale == 2**-12
    for word in ("int0", "uint", "q0.8", "float", "INT8", "uint-8", "q.8"):
        stops(f"^INPUT: '{word}' .* uint1 to uint16", format_named, word)


@pytest.mark.parametrize("word, pair", [
    ("1/255", (1 / 255, 0)), ("0.25", (0.25, 0)), ("2/255-1", (2 / 255, -1)), ("1e-3+0.5", (1e-3, 0.5)),
    ("1", (1, 0)),
])  # fmt: skip
def test_a_scale_is_read_as_it_is_written(word, pair):
    assert scale_of(word) == pair
    assert scale_of(scale_words(*pair)) == pair


@pytest.mark.parametrize("word", ["0", "-1", "nan", "inf", "1/0", "1/", "2/255-", "x", "", "1e999"])
def test_what_is_no_scale_is_refused(word):
    stops(f"^SCALE: '{word}' .* SCALE=0.0039", scale_of, word)


@pytest.mark.parametrize("name", ["uint8", "int8", "uint4", "bipolar", "uint12", "q2.6"])
def test_black_and_white_are_the_ends_of_the_integers_and_0_and_1_of_fixed_point(name):
    form = format_named(name)
    black, white = form.of_pixels(np.array([0, 255], np.uint8)).tolist()
    assert (black, white) == ((0, 64) if form.fixed_point else (form.lo, form.hi))
    assert (np.diff(form.of_pixels(np.arange(256))) >= 0).all()


def test_a_request_has_words_that_say_it_again():
    assert Wanted("int8", 2**-7).words() == {"INPUT": "int8", "SCALE": "2/256"}
