"""A stranger's QONNX file: built where it can be exact, refused in one sentence where not; its float sums,
rounded in another order for another batch, and no worse. QuantizeLinear, Clip, DequantizeLinear, as
Brevitas's export_onnx_qcdq has them, against qonnx."""

import brevitas.nn as qnn
import numpy as np
import onnx
import pytest
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.quant import Int8Bias, Int8WeightPerTensorFloat
from brevitas.quant.binary import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst
from brevitas_networks import BinaryOfMeansPerChannel
from graphs import Graph, compare
from onnx import TensorProto, helper, numpy_helper
from pipeline import imported, proven
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model
from torch import nn

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.graph import integer_graph
from xnorforge.flows.lower.proof import rounding

from ..refusals import refuses, says


def stranger(rng):
    """A small dense network as the QONNX model zoo writes them.

    Old IR with every constant a graph input, domain onnx.brevitas, shapes computed in the graph, weights
    quantised and then transposed, a batch norm spelled out at the end."""
    nodes, constants = [], {}

    def put(op, inputs, out, domain="", **attributes):
        nodes.append(helper.make_node(op, inputs, [out], domain=domain, **attributes))
        return out

    def const(name, value):
        constants[name] = np.asarray(value)
        return name

    put("Shape", ["0"], "shape")
    put("Gather", ["shape", const("zero", np.int64(0))], "batch", axis=0)
    put("Unsqueeze", ["batch"], "batch1", axes=[0])
    put("Concat", ["batch1", const("rest", np.int64([-1]))], "flat_shape", axis=0)
    put("Reshape", ["0", "flat_shape"], "flat")
    put("Mul", ["flat", const("two", np.float32(2))], "doubled")
    x = put("Sub", ["doubled", const("one", np.float32([1]))], "centred")
    for layer, (inputs, outputs) in enumerate([(64, 32), (32, 10)]):
        scale = const(f"scale{layer}", np.float32(1))
        x = put("BipolarQuant", [x, scale], f"bits{layer}", "onnx.brevitas")
        raw = const(f"weights{layer}", rng.normal(size=(outputs, inputs)).astype(np.float32))
        put("BipolarQuant", [raw, scale], f"signs{layer}", "onnx.brevitas")
        put("Transpose", [f"signs{layer}"], f"turned{layer}", perm=[1, 0])
        x = put("MatMul", [x, f"turned{layer}"], f"sums{layer}")
        if layer == 0:
            given = *rng.normal(size=(2, 32)), rng.normal(size=32) * 5, rng.uniform(20, 90, 32)
            names = [const(f"norm{k}", value.astype(np.float32)) for k, value in enumerate(given)]
            x = put("BatchNormalization", [x, *names], "normed", epsilon=1e-5)
    put("Sub", [x, const("mean", np.float32([0.4488643]))], "less")
    put("Pow", [const("var", np.float32([318.19666])), const("half", np.float32(0.5))], "std")
    put("Div", ["less", "std"], "divided")
    put("Mul", ["divided", const("gamma", np.float32([0.7341181]))], "scaled")
    put("Add", ["scaled", const("beta", np.float32([-1.1436615]))], "scores")
    kind = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
    ends = [helper.make_tensor_value_info("0", TensorProto.FLOAT, [1, 1, 8, 8])]
    ends += [helper.make_tensor_value_info(n, kind[v.dtype.name], v.shape) for n, v in constants.items()]
    out = helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 10])
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "net", ends, [out], initial)
    return helper.make_model(graph, ir_version=6, opset_imports=[helper.make_opsetid("", 9)])


def images(n=60, shape=(1, 8, 8), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def test_a_network_of_the_model_zoo_is_imported_and_lowered(tmp_path):
    rng = np.random.default_rng(1)
    onnx.save(stranger(rng), tmp_path / "zoo.onnx")
    pixels = images(60)
    labels = rng.integers(0, 10, 60)
    labels[:10] = -1
    given = tmp_path / "zoo.onnx", pixels, labels, tmp_path / "out"
    record = import_model(*given, provenance="60 random images")
    assert record == read_json(tmp_path / "out/export.json")
    assert (record["net"], record["method"]) == ("zoo", "imported")
    assert record["input"] == {
        "lo": 0, "hi": 255, "scale": 1 / 255, "offset": 0.0, "format": "uint8", "bits": 8, "signed": False,
        "because": "the constants of Mul and Sub at the input fit a range of 0 .. 1", "rounding": None,
    }  # fmt: skip
    golden = np.load(tmp_path / "out/golden.npz")
    right = int((golden["scores"].argmax(1) == labels)[10:].sum())
    assert record["accuracy"] == [
        {"stage": "qonnx", "set": "60 random images", "images": 50, "correct": right, "top1": 2.0 * right}
    ]
    made = lower(tmp_path / "out/model.onnx", tmp_path / "out/golden.npz", tmp_path / "out")
    assert [(c["name"], c["images"], c["mismatches"]) for c in made["checks"]] == [
        ("lowered = qonnx", 60, 0), ("lowered = exact network", 7, 0),
        ("lowered = FINN execution", 20, 0),
    ]  # fmt: skip
    assert made["checks"][0]["what"].endswith("the rounding of float32 sums, golden.npz, all images")
    assert made["nodes"] == {"Dense": 2, "Reshape": 1, "Threshold": 2}
    file = np.load(tmp_path / "out/lowered.npz")
    assert file["integers"].dtype == np.int64 and file["integers"].shape == (60, 10)
    np.testing.assert_allclose(file["scale"] * file["integers"] + file["bias"], golden["scores"], rtol=1e-5)


def test_equal_files_give_equal_bytes(tmp_path):
    onnx.save(stranger(np.random.default_rng(1)), tmp_path / "zoo.onnx")
    made = []
    for out in (tmp_path / "a", tmp_path / "b"):
        import_model(tmp_path / "zoo.onnx", images(25), [-1] * 25, out)
        lower(out / "model.onnx", out / "golden.npz", out)
        files = ("model.onnx", "golden.npz", "lowered.onnx", "lowered.npz")
        made.append([(out / name).read_bytes() for name in files])
    assert made[0] == made[1]


def test_the_smallest_network_a_bias_and_bits_at_the_end(tmp_path):
    graph = Graph((3,)).sign()
    graph.node("Gemm", graph.weights(4, 3), np.float32([2, 2, -1, -4]), transB=1).sign()
    record = built(tmp_path, graph, (4,), images(30, (3,)))
    assert np.load(tmp_path / "out/golden.npz")["images"].shape == (30, 3, 1, 1)
    assert record["checks"][0]["what"].startswith("scores ==")


ENDS = {
    "a class per image, (C, 1, 1)": (6, (5, 1, 1), 5), "a map": (3, (5, 4, 4), 5),
    "one score": (6, (1, 1, 1), 1),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_networks_that_end_in_an_image_count_classes_only_where_there_are_some(tmp_path, end):
    kernel, output, channels = ENDS[end]
    graph = Graph((4, 6, 6)).real("Sub", 0.5).sign()
    proto = graph.node("Conv", graph.weights(channels, 4, kernel, kernel)).onnx(output)
    onnx.save(proto, tmp_path / "net.onnx")
    labels = np.random.default_rng(0).integers(0, 5, 30)
    record = import_model(tmp_path / "net.onnx", images(30, (4, 6, 6)), labels, tmp_path / "out")
    scores = np.load(tmp_path / "out/golden.npz")["scores"]
    assert scores.shape == (30, *output)
    if output == (5, 1, 1):
        (row,) = record["accuracy"]
        right = sum(int(scores[k, :, 0, 0].argmax() == labels[k]) for k in range(30))
        assert (row["images"], row["correct"]) == (30, right)
    else:
        assert record["accuracy"] == []


def built(tmp_path, graph, output, pixels, change=None):
    """Import and lower a hand-written graph without a mismatch; returns the record."""
    proto = graph.onnx(output)
    if change:
        change(proto)
    onnx.save(proto, tmp_path / "net.onnx")
    return imported(tmp_path / "net.onnx", pixels, tmp_path / "out")


def refusal(tmp_path, graph, output=(5, 4, 4), shape=(4, 6, 6), change=None):
    """The text with which a hand-written graph is refused, without the folder."""
    with pytest.raises(UserError) as raised:
        built(tmp_path, graph, output, images(3, shape), change)
    return str(raised.value).replace(f"{tmp_path}/", "")


def binary(graph=None, **attributes):
    """Bits and a binary convolution."""
    graph = (graph or Graph((4, 6, 6))).real("Sub", 0.5).sign()
    return graph.node("Conv", graph.weights(5, 4, 3, 3), **attributes)


def varied(axis: int):
    """Makes an axis of the input dynamic."""
    return lambda proto: setattr(proto.graph.input[0].type.tensor_type.shape.dim[axis], "dim_param", "any")


def test_a_dynamic_batch_is_no_hindrance(tmp_path):
    graph = binary().sign().node("Flatten")
    graph.node("MatMul", graph.weights(80, 3))
    built(tmp_path, graph, (3,), images(5, (4, 6, 6)), varied(0))


def spoilt(place, numbers):
    """Puts numbers among the weights of a convolution, which are said to be -1 and +1."""

    def spoil(proto):
        name = next(n.input[1] for n in proto.graph.node if n.op_type == "Conv")
        (weights,) = [i for i in proto.graph.initializer if i.name == name]
        values = numpy_helper.to_array(weights).copy()
        values[place] = numbers
        weights.CopyFrom(numpy_helper.from_array(values, name))
        kind = onnx.TensorAnnotation(tensor_name=name)
        kind.quant_parameter_tensor_names.add(key="finn_datatype", value="BIPOLAR")
        proto.graph.quantization_annotation.append(kind)

    return spoil


REFUSED = {
    "net.onnx: … input x … [1, 4, any, 6] … fixed … batch": (binary, {"change": varied(2)}),
    "net.onnx: … 4x6x6 … 1x28x28 … shape": (binary, {"shape": (1, 28, 28)}),
    "net.onnx: … Warp … some.vendor … Add, AveragePool, ": (
        lambda: binary().node("Warp", domain="some.vendor").sign(), {"output": None}),
    "Conv_0 (Conv): … Conv_0_param0 … nan at [2, 1, 0, 1] … train": (
        lambda: binary().sign(), {"change": spoilt((2, 1, 0, 1), np.nan)}),
    "Conv_0 (Conv): … 2 of 180 … Conv_0_param0 … -1 or 1 … 0.5 … binarise": (
        lambda: binary().sign(), {"change": spoilt((0, 0, 0, slice(2)), (0.5, 0))}),
}  # fmt: skip


@pytest.mark.parametrize("words", REFUSED)
def test_refused_shapes_weights_and_operators_are_named(tmp_path, words):
    graph, given = REFUSED[words]
    says(refusal(tmp_path, graph(), **given), words)


def test_zeros_around_bits_are_lowered_exactly(tmp_path):
    graph = binary(pads=[1, 1, 1, 1]).sign().node("Flatten")
    graph.node("MatMul", graph.weights(180, 3))
    record = built(tmp_path, graph, (3,), images(25, (4, 6, 6)))
    assert record["nodes"]["SignedConv"] == 1


def straight_through(net, clips: int):
    """sign(x) - clip(x) + clip(x), with one clip or one for each use."""
    x = net.at
    sign = net.node("Sign").at
    first = net.real("Clip", -1, 1, inputs=[x]).at
    second = first if clips == 1 else net.real("Clip", -1, 1, inputs=[x]).at
    less = net.node("Sub", inputs=[sign, first]).at
    return net.node("Add", inputs=[second, less] if clips == 1 else [less, second])


@pytest.mark.parametrize("clips", [1, 2])
def test_an_estimator_that_training_left_is_read_as_what_it_gives(tmp_path, clips, capfd):
    """The same scores as without it, though float32 rounds sign(x) - clip(x) + clip(x)."""
    scores = []
    signs = {"with": lambda net: straight_through(net, clips), "without": lambda net: net.node("Sign")}
    for folder, sign in signs.items():
        net = Graph((12,))
        sign(net.real("MatMul", net.weights(12, 8)).real("Add", net.rng.normal(0, 30.3, 8)))
        net.real("MatMul", net.weights(8, 3))
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "net.onnx"
        onnx.save(net.onnx((3,)), path)
        images = np.random.default_rng(0).integers(0, 256, (9, 12)).astype(np.uint8)
        import_model(path, images, np.full(9, -1), path.parent, 1.0)
        scores.append(np.load(path.parent / "golden.npz")["scores"])
    np.testing.assert_array_equal(*scores)
    assert "1 straight-through" in capfd.readouterr().err


SHAPE = (1, 12, 12)


def dense(weights=SignedBinaryWeightPerTensorConst, head=None, norm=True, **more):
    """Two hidden layers; all activations have Brevitas' default scale of 0.1."""
    layers, inputs = [nn.Flatten(), _sign()], 144
    for _ in range(2):
        layers.append(qnn.QuantLinear(inputs, 128, bias=False, weight_quant=weights))
        layers += [*([nn.BatchNorm1d(128)] if norm else []), _sign()]
        inputs = 128
    head = qnn.QuantLinear(128, 10, weight_quant=head or weights, bias=more.get("bias", False))
    return nn.Sequential(*layers, head)


def conv(weights=SignedBinaryWeightPerTensorConst, head=None):
    """A convolution and a pool in front of a dense layer."""
    first = qnn.QuantConv2d(1, 16, 3, bias=False, weight_quant=weights)
    layers = [_sign(), first, nn.BatchNorm2d(16), _sign()]
    head = qnn.QuantLinear(400, 10, bias=False, weight_quant=head or weights)
    return nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), head)


def _sign():
    return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)


class Centred(nn.Module):
    """The network of pixels 0 to 1."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, x):
        return self.body(x - 0.5)


def imported_from(folder, network):
    """Export with random weights and statistics, import, lower: the checks of both."""
    torch.manual_seed(3)
    for part in network.modules():
        if isinstance(part, (qnn.QuantLinear, qnn.QuantConv2d)):
            nn.init.normal_(part.weight)
        if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.normal_(part.running_mean, 0, 0.3)
            nn.init.uniform_(part.running_var, 0.5, 2)
    path = folder / "net.onnx"
    export_qonnx(Centred(network).eval(), args=torch.zeros(1, *SHAPE), export_path=str(path), dynamo=False)
    pixels = np.random.default_rng(0).integers(0, 256, (60, *SHAPE)).astype(np.uint8)
    record = import_model(path, pixels, [-1] * 60, folder / "out")
    made = lower(folder / "out/model.onnx", folder / "out/golden.npz", folder / "out")
    return record["checks"] + made["checks"]


NETWORKS = {
    "dense": dense, "dense, 8-bit head": lambda: dense(head=Int8WeightPerTensorFloat),
    "dense, scales per channel": lambda: dense(weights=BinaryOfMeansPerChannel),
    "dense, bias": lambda: dense(bias=True), "convolution": conv,
    "convolution, 8-bit head": lambda: conv(head=Int8WeightPerTensorFloat),
    "convolution, scales per channel": lambda: conv(weights=BinaryOfMeansPerChannel),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_brevitas_default_scales_are_imported_and_lowered(tmp_path, name):
    checks = imported_from(tmp_path, NETWORKS[name]())
    assert [check["name"] for check in checks] == [
        "batch = single image", "lowered = qonnx", "lowered = exact network", "lowered = FINN execution",
    ]  # fmt: skip
    assert not any(check["mismatches"] for check in checks)
    assert checks[1]["images"] == 60


def test_refused_a_quantiser_whose_bits_hang_on_the_order_of_a_sum(tmp_path):
    """Without a batch norm even sums of +-0.01 lie on the threshold; float32 misses zero either way."""
    with refuses("BipolarQuant_ … thresholds … scaling_const=1.0 … batch norm"):
        imported_from(tmp_path, dense(norm=False))
    assert not (tmp_path / "out").exists()


def test_refused_a_batch_norm_exported_while_training(tmp_path):
    """It takes its statistics from the batch, so that an image's scores depend on its neighbours."""
    graph = Graph((4, 6, 6)).real("Sub", 0.5).sign()
    graph.node("Conv", graph.weights(5, 4, 3, 3)).norm(5).sign().node("Flatten")
    graph.node("MatMul", graph.weights(80, 3))
    proto = graph.onnx((3,))
    proto.opset_import[0].version = 15
    (norm,) = [node for node in proto.graph.node if node.op_type == "BatchNormalization"]
    norm.attribute.append(helper.make_attribute("training_mode", 1))
    norm.output.extend(["mean", "variance"])
    onnx.save(proto, tmp_path / "net.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 6)).astype(np.uint8)
    with refuses("BatchNormalization_0 (BatchNormalization): … 80 of its 80 … image 0 … batch"):
        import_model(tmp_path / "net.onnx", pixels, [-1] * 30, tmp_path / "out")


@pytest.mark.parametrize(
    "weights, scale", [("signs", 0.1), ("bytes", 0.1), ("signs", 1 / 3), ("bytes", 1e-4)]
)
def test_float32_sums_in_any_order_are_within_the_bound(weights, scale):
    """Scores added up one by one in 20 random orders, against the exact ones."""
    rng = np.random.default_rng(5)
    graph = Graph((300,)).real("Sub", 0.5).sign(scale)
    sums = rng.integers(-128, 128, (300, 6)) if weights == "bytes" else graph.weights(300, 6)
    model = graph.real("MatMul", sums).real("Mul", 0.3).model((6,))
    lowered = integer_graph(model, 0, 1, 1.0)
    bound = rounding.bound(lowered, len(model.graph.node))
    signs = rng.choice([-1, 1], (300, 1))
    terms = np.float32(scale) * (signs * sums).astype(np.float32)
    exact = np.float64(np.float32(0.3)) * np.float64(np.float32(scale)) * (signs * sums).sum(0)
    worst = 0.0
    for _ in range(20):
        total = np.zeros(6, np.float32)
        for row in rng.permutation(300):
            total += terms[row]
        worst = np.maximum(worst, abs((total * np.float32(0.3)).astype(np.float64) - exact))
    assert (worst <= bound).all() and (worst > 0).any()
    step = abs(lowered.output.single[1].astype(np.float64))
    assert (bound < step / 4).all() or weights == "bytes"


CHANNELS = 4
QCDQ_SHAPE = (CHANNELS, 1, 256)
EVERY_BYTE = np.tile(np.arange(256), (1, CHANNELS, 1, 1))
PER_CHANNEL = np.float32([0.37, 0.5, 0.8, 0.11])


def qcdq(graph, scale, zero, clip=None, **at):
    """The three nodes; zero has the type of the integers."""
    graph.node("QuantizeLinear", np.float32(scale), zero, **at)
    if clip is not None:
        graph.node("Clip", *(np.asarray(end, zero.dtype) for end in clip))
    return graph.node("DequantizeLinear", np.float32(scale), zero, **at)


QUANTISERS = {
    "unsigned": (0.37, np.uint8(0), None, {}), "signed": (0.37, np.int8(0), None, {}),
    "zero point": (0.25, np.uint8(117), None, {}), "four bits": (4.0, np.int8(0), (-8, 7), {}),
    "narrow": (0.5, np.int8(0), (-127, 127), {}),
    "three bits and a zero point": (8.0, np.uint8(2), (0, 7), {}),
    "per channel": (PER_CHANNEL, np.zeros(CHANNELS, np.int8), (-32, 31), {"axis": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", QUANTISERS)
def test_levels_are_those_of_onnx_on_every_integer(name):
    """Ties among them: halves of the scales 0.5 and 4 and 8 are reached."""
    scale, zero, clip, at = QUANTISERS[name]
    graph = qcdq(Graph(QCDQ_SHAPE).real("Sub", 128.0).real("Mul", 0.25), scale, zero, clip, **at)
    compare(graph.sign().model(QCDQ_SHAPE), EVERY_BYTE)
    graph = qcdq(Graph(QCDQ_SHAPE).real("Sub", 128.0).real("Mul", 0.25), scale, zero, clip, **at)
    found = compare(graph.model(QCDQ_SHAPE), EVERY_BYTE)
    assert {node.op for node in found.nodes} <= {"Threshold"}


def weights(graph, shape, axis=0, narrow=3):
    """Integers of few bits behind a DequantizeLinear with one scale per output, and the tensor's name."""
    before, name = graph.at, f"w{len(graph.nodes)}"
    graph.constants[name] = graph.rng.integers(-narrow, narrow + 1, shape).astype(np.int8)
    scale = np.float32(2.0 ** -graph.rng.integers(1, 4, shape[axis]))
    graph.node("DequantizeLinear", scale, np.zeros(shape[axis], np.int8), inputs=[name], axis=axis)
    found, graph.at = graph.at, before
    return found


def network(seed):
    """Convolution with bias, quantiser, pool, dense layer: all weights and biases behind DequantizeLinear."""
    graph = qcdq(Graph((3, 8, 8), seed), 1.0, np.uint8(0), (0, 255))
    source = graph.at
    kernel = weights(graph, (6, 3, 3, 3))
    graph.constants["b"] = graph.rng.integers(-500, 500, 6).astype(np.int32)
    given = np.full(6, 2.0**-4, np.float32), np.zeros(6, np.int32)
    bias = graph.node("DequantizeLinear", *given, inputs=["b"], axis=0).at
    graph.node("Conv", inputs=[source, kernel, bias]).node("Relu")
    graph = qcdq(graph, 16.0, np.uint8(0), (0, 7)).node("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    source = graph.node("Flatten").at
    return graph.node("Gemm", inputs=[source, weights(graph, (5, 54), narrow=1)], transB=1)


@pytest.mark.parametrize("seed", range(3))
def test_a_network_of_them_is_that_of_qonnx(seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 3, 8, 8))
    assert "Threshold" in {node.op for node in compare(network(seed).model((5,)), pixels).nodes}


def test_the_rtl_of_a_network_of_them_gives_the_scores_of_qonnx(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 8, 8))
    proven(network(0).model((5,)), pixels, 1, tmp_path)


def test_what_brevitas_exports_is_lowered(tmp_path):
    layers = torch.nn.Sequential(
        qnn.QuantIdentity(bit_width=8, return_quant_tensor=True),
        qnn.QuantConv2d(3, 6, 3, weight_bit_width=2, bias=True, bias_quant=Int8Bias),
        qnn.QuantReLU(bit_width=3, return_quant_tensor=True), torch.nn.Flatten(),
        qnn.QuantLinear(6 * 36, 5, bias=False, weight_bit_width=4),
    )  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8))
    with torch.no_grad():
        layers(torch.from_numpy(pixels / 255).float())
    layers.eval()
    export_onnx_qcdq(layers, torch.zeros(1, 3, 8, 8), export_path=str(tmp_path / "net.onnx"), dynamo=False)
    model = cleanup_model(ModelWrapper(onnx.load(tmp_path / "net.onnx")))
    assert {"QuantizeLinear", "DequantizeLinear", "Clip"} <= {node.op_type for node in model.graph.node}
    compare(model, pixels, scale=1 / 255)
