"""What FINN, qonnx and hls4ml do to binary networks: a canary each, and ours of networks that they change.

A canary that fails says that its project is mended; then what goes around the fault may go."""

from contextlib import redirect_stdout
from io import StringIO

import hls4ml
import numpy as np
from graphs import QONNX, Graph, compare
from hls4ml_nets import mlp
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.bipolar_to_xnor import ConvertBipolarMatMulToXnorPopcount
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.util.basic import qonnx_make_model

from xnorforge.flows import finn_execution
from xnorforge.flows.finn_graph import as_finn


def pixels(*shape):
    return np.random.default_rng(0).integers(0, 256, shape)


def forked():
    """One binary activation, two binary dense layers, their sum."""
    graph = Graph((32,))
    bits = {"out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0, "domain": QONNX}
    graph.node("MultiThreshold", np.float32(graph.rng.uniform(64, 192, (32, 1))), **bits)
    source, ends = graph.at, []
    for _ in range(2):
        ends.append(graph.node("MatMul", graph.weights(32, 6), inputs=[source]).at)
    model = graph.node("Add", inputs=ends).model((6,))
    for node in model.get_nodes_by_op_type("MatMul"):
        model.set_tensor_datatype(node.input[1], DataType["BIPOLAR"])
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    return model.transform(InferDataTypes())


def test_finn_takes_match_counts_for_sums():
    """MinimizeAccumulatorWidth gives INT8 to a count of up to 200 matches."""
    finn_execution.start_finn()
    from finn.transformation.fpgadataflow.minimize_accumulator_width import MinimizeAccumulatorWidth

    bits = {"inputDataType": "BINARY", "weightDataType": "BINARY", "binaryXnorMode": 1}
    counts = {"accDataType": "UINT8", "outputDataType": "UINT8", "noActivation": 1}
    sizes = {"MW": 200, "MH": 2, "SIMD": 1, "PE": 1, "backend": "fpgadataflow"}
    domain = "finn.custom_op.fpgadataflow"
    node = helper.make_node("MVAU", ["x", "w"], ["y"], domain=domain, **bits, **counts, **sizes)
    sizes, value = {"x": 200, "y": 2}, helper.make_tensor_value_info
    ends = [value(name, TensorProto.FLOAT, [1, of]) for name, of in sizes.items()]
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "one", ends[:1], ends[1:])))
    model.set_tensor_datatype("x", DataType["BINARY"])
    model.set_initializer("w", np.resize(np.float32([[1, 1], [0, 0]]), (200, 2)))
    model = model.transform(MinimizeAccumulatorWidth())
    assert getCustomOp(model.graph.node[0]).get_nodeattr("accDataType") == "INT8"


def test_qonnx_counts_matches_for_one_of_two_readers():
    model, x = forked(), pixels(32)
    name, out = model.graph.input[0].name, model.graph.output[0].name
    both = model, model.transform(ConvertBipolarMatMulToXnorPopcount())
    before, after = (execute_onnx(one, {name: np.float32(x)[None]})[out] for one in both)
    assert (before != after).any()


def test_hls4ml_makes_ones_of_weights_behind_a_merged_threshold(tmp_path):
    model, _ = mlp()
    with redirect_stdout(StringIO()):
        config = hls4ml.utils.config_from_onnx_model(
            model, granularity="name", backend="Vitis", default_precision="ap_fixed<24,12>"
        )
        found = hls4ml.converters.convert_from_onnx_model(
            model, output_dir=str(tmp_path), backend="Vitis", io_type="io_parallel", hls_config=config
        )
    second = [layer for layer in found.get_layers() if layer.class_name == "Dense"][1]
    assert (second.get_weights("weight").data == 1).all()


# Ours, where a project or a pass of it would give something else


def dense(width, bias):
    """A dense layer behind signs, and the sign of its sums and a bias."""
    graph = Graph((width,))
    rows = np.resize([1.0, -1.0], (2, width)) if width > 8 else Graph((1,)).weights(2, width)
    graph.real("Sub", 127.5).sign().node("Gemm", np.float32(rows), transB=1)
    return graph.real("Add", bias).sign().node("Gemm", np.eye(2, dtype=np.float32)).model((2,))


def test_factors_on_both_paths_of_a_fork():
    graph = Graph((8,))
    shortcut = graph.real("Mul", 2.0).at
    graph.node("Relu").real("Mul", 2.0)
    ends = graph.node("Add", inputs=[shortcut, graph.at])
    compare(ends.real("Sub", 300.0).sign().model((8,)), pixels(16, 8))


def units(graph, kind):
    """Nodes of a kind in FINN's form of an integer graph."""
    return [getCustomOp(node) for node in as_finn(graph).get_nodes_by_op_type(kind)]


def test_both_readers_of_a_binary_activation_count_matches():
    found = units(compare(forked(), pixels(4, 32)), "MVAU")
    assert [unit.get_nodeattr("binaryXnorMode") for unit in found] == [1, 1]


def test_a_depthwise_unit_is_not_asked_for_matches():
    graph = Graph((4, 5, 5)).real("Sub", 127.5).sign()
    model = graph.node("Conv", graph.weights(4, 1, 3, 3), group=4).model((4, 3, 3))
    [unit] = units(compare(model, pixels(3, 4, 5, 5)), "VVAU")
    assert (unit.get_nodeattr("binaryXnorMode"), unit.get_nodeattr("weightDataType")) == (0, "BIPOLAR")


def test_counts_are_wide_enough_and_thresholds_of_counts_are_within_them():
    x = np.where(np.resize([1, -1], 576) > 0, 255, 0)
    x[:40] = 255 - x[:40]  # 536 of 576 bits match, 560 are asked for
    exact = as_finn(compare(dense(576, 576 + 1.0 - 2 * 560), x[None]))
    assert exact.get_tensor_datatype("dense0_out") == DataType["UINT10"]
    outputs = finn_execution.execute_with_finn(exact, {exact.graph.input[0].name: x})
    assert outputs["dense0_threshold_out"].tolist() == [[0, 0]]
    exact = as_finn(compare(dense(8, 100.0), pixels(4, 8)))
    threshold = next(node for node in exact.graph.node if node.name == "dense0_threshold")
    assert exact.get_initializer(threshold.input[1]).tolist() == [[0], [0]]
