"""Where FINN and qonnx change a network's function or stop, and ours does not. One test per trap.

The programs of docs/upstream, and where it has none the test, run theirs and assert that it is wrong, so that
an upgrade that repairs it is noticed. Each test holds ours against qonnx execution of the network itself.
"""

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from qonnx.core import onnx_exec
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.insert_topk import InsertTopK
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
from qonnx.util.basic import qonnx_make_model

from xnorforge.flows import finn_execution
from xnorforge.flows.lower import emit

sys.path.insert(0, str(Path(__file__).parent))
from graphs import QONNX, Graph, compare, lowered

FINN = "finn.custom_op.fpgadataflow"
ONES = {
    "strides": [1, 1],
    "dilations": [1, 1],
    "group": 1,
}  # qonnx' convolution lowering wants them written out


def theirs(path: str, name: str) -> Transformation:
    """One of FINN's transformations."""
    finn_execution.start_finn()
    return getattr(import_module(f"finn.transformation.{path}"), name)()


def run(model, x):
    """The output for one input without batch."""
    name, out = model.graph.input[0].name, model.graph.output[0].name
    return onnx_exec.execute_onnx(model, {name: np.float32(x)[None]})[out][0]


def multi_threshold(graph, steps, **more):
    """FINN's form of a quantiser; BIPOLAR bits unless stated."""
    more = {"out_dtype": "BIPOLAR", "out_scale": 2.0, "out_bias": -1.0} | more
    return graph.node("MultiThreshold", np.float32(steps), domain=QONNX, **more)


def bipolar(model, *weights):
    """Annotate constants as -1, +1 and infer the rest."""
    for node, index in weights:
        model.set_tensor_datatype(node.input[index], DataType["BIPOLAR"])
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    return model.transform(InferDataTypes())


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape)


def test_trap_1_the_accumulator_of_a_match_count_is_wide_enough():
    weights = np.resize([1.0, -1.0], (2, 576)).astype(np.float32)
    graph = Graph((576,)).real("Sub", 127.5).sign().node("Gemm", weights, transB=1)
    model = (
        graph.real("Sub", 2 * 560 - 576 - 1.0).sign().node("Gemm", np.eye(2, dtype=np.float32)).model((2,))
    )
    x = np.where(weights[0] > 0, 255, 0)
    x[:40] = 255 - x[:40]  # 536 of 576 bits match, 560 are asked for
    ours = lowered(model)
    exact = emit.emitted(ours)
    assert exact.get_tensor_datatype("dense0_out") == DataType["UINT10"]
    found = finn_execution.execute_with_finn(exact, {exact.graph.input[0].name: x})["dense0_threshold_out"]
    assert found.tolist() == [[0, 0]]
    compare(model, x[None])


def forked():
    """One binary activation, two binary dense layers, their sum."""
    graph = Graph((32,))
    multi_threshold(graph, graph.rng.uniform(64, 192, (32, 1)))
    source, ends = graph.at, []
    for _ in range(2):
        graph.at = source
        ends.append(graph.node("MatMul", graph.weights(32, 6)).at)
    model = graph.node("Add", inputs=ends).model((6,))
    return bipolar(model, *((node, 1) for node in model.get_nodes_by_op_type("MatMul")))


def test_trap_2_both_branches_of_a_fork_become_match_counts():
    model = forked()
    compare(model, pixels(4, 32))
    units = emit.emitted(lowered(model)).get_nodes_by_op_type("MVAU")
    assert [getCustomOp(unit).get_nodeattr("binaryXnorMode") for unit in units] == [1, 1]


def padded():
    """A zero-padded binary convolution on bits."""
    graph = Graph((4, 6, 6))
    multi_threshold(graph, graph.rng.uniform(64, 192, (4, 1)))
    graph.node("Conv", graph.weights(3, 4, 3, 3), kernel_shape=[3, 3], **{"pads": [1] * 4} | ONES)
    model = graph.model((3, 6, 6))
    return bipolar(model, (model.get_nodes_by_op_type("Conv")[0], 1))


def test_trap_3_zeros_around_bits_stay_zeros():
    assert [n.op for n in compare(padded(), pixels(3, 4, 6, 6)).nodes] == ["Threshold", "SignedConv"]


def test_trap_4_thresholds_of_counts_are_clipped_before_the_weight_pass():
    graph = Graph((8,)).real("Sub", 127.5).sign().node("Gemm", Graph((1,)).weights(2, 8), transB=1)
    model = graph.real("Add", 100.0).sign().node("Gemm", np.eye(2, dtype=np.float32)).model((2,))
    exact = emit.emitted(lowered(model))
    weights = theirs("fpgadataflow.minimize_weight_bit_width", "MinimizeWeightBitWidth")
    exact.transform(weights)  # ours are clipped to 0 .. K + 1
    threshold = next(n for n in exact.graph.node if n.name == "dense0_threshold")
    assert exact.get_initializer(threshold.input[1]).tolist() == [[0], [0]]
    compare(model, pixels(4, 8))


def test_trap_5_a_bipolar_threshold_has_no_hardware_node():
    model = forked()
    with pytest.raises(Exception, match="out_scale must be 1"):
        model.transform(theirs("fpgadataflow.convert_to_hw.thresholding", "InferThresholdingLayer"))
    kinds = {n.op_type for n in emit.emitted(lowered(model)).graph.node}
    assert "Thresholding" in kinds and "MultiThreshold" not in kinds


def hardware(op, shapes, constants, attributes):
    """One FINN node on its own."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    node = helper.make_node(op, ["x", *constants], ["y"], domain=FINN, backend="fpgadataflow", **attributes)
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "one", ends[:1], ends[1:])))
    for name, value in constants.items():
        model.set_initializer(name, np.float32(value))
    finn_execution.start_finn()
    return model


def test_trap_6_an_mvau_of_two_bipolar_types_counts_instead_of_adding():
    rng = np.random.default_rng(0)
    x, w = rng.choice([-1, 1], 16), rng.choice([-1, 1], (16, 4))
    kinds = {
        "inputDataType": "BIPOLAR",
        "weightDataType": "BIPOLAR",
        "outputDataType": "INT6",
        "noActivation": 1,
    }
    model = hardware(
        "MVAU", {"x": [1, 16], "y": [1, 4]}, {"w": w}, {"MW": 16, "MH": 4, "SIMD": 1, "PE": 1} | kinds
    )
    assert (run(model, x) == (x @ w + 16) / 2).all() and (run(model, x) != x @ w).any()
    for node in emit.emitted(lowered(forked())).get_nodes_by_op_type("MVAU"):
        attributes = getCustomOp(node)
        assert (
            attributes.get_nodeattr("inputDataType") == "BINARY"
            and attributes.get_nodeattr("binaryXnorMode") == 1
        )


def test_trap_7_factors_on_both_paths_of_a_fork():
    graph = Graph((8,))
    shortcut = graph.real("Mul", 2.0).at
    graph.node("Relu").real("Mul", 2.0)
    model = graph.node("Add", inputs=[shortcut, graph.at]).real("Sub", 300.0).sign().model((8,))
    compare(model, pixels(16, 8))


def test_trap_8_lowered_convolutions_have_no_names():
    model = padded()
    assert {n.name for n in model.transform(LowerConvsToMatMul()).graph.node} == {"MultiThreshold_0", ""}
    names = [n.name for n in emit.emitted(lowered(model)).graph.node]
    assert names == ["input_threshold", "conv0"]


def test_trap_10_top_k_has_no_shape_until_it_is_inferred():
    model = forked().transform(InsertTopK(k=1))
    with pytest.raises(Exception, match="unspecified tensor shapes"):
        run(model, pixels(32))
    run(model.transform(InferShapes()), pixels(32))
    assert emit.emitted(lowered(forked())).check_all_tensor_shapes_specified()


def test_trap_11_an_input_quantiser_keeps_255_float_thresholds():
    graph = Graph((2, 4, 4)).real("Mul", 1 / 128).real("Sub", 1.0).quant(2.0**-7, 8, narrow=0)
    model = graph.node("Conv", graph.weights(3, 2, 3, 3)).model((3, 2, 2))
    finn_execution.start_finn()
    convert = import_module("finn.transformation.qonnx.convert_qonnx_to_finn").ConvertQONNXtoFINN()
    converted = model.transform(convert)
    (quantiser,) = converted.get_nodes_by_op_type("MultiThreshold")
    assert converted.get_initializer(quantiser.input[1]).shape[1] == 255
    assert converted.get_tensor_datatype(quantiser.input[0]) == DataType["FLOAT32"]
    assert [n.op for n in compare(model, pixels(3, 2, 4, 4)).nodes] == ["Conv"]


def test_trap_12_a_depthwise_unit_is_not_asked_for_matches():
    graph = Graph((4, 5, 5)).real("Sub", 127.5).sign()
    model = graph.node("Conv", graph.weights(4, 1, 3, 3), group=4).model((4, 3, 3))
    found = compare(model, pixels(3, 4, 5, 5))
    (unit,) = emit.emitted(found).get_nodes_by_op_type("VVAU")
    assert getCustomOp(unit).get_nodeattr("binaryXnorMode") == 0
    assert getCustomOp(unit).get_nodeattr("weightDataType") == "BIPOLAR"
