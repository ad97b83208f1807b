"""Our nodes in FINN: their RTL, run by FINN, gives what FINN's own abstraction computes, at FINN's cycles."""

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.errors import UserError
from xnorforge.flows.finn_execution import start_finn_builder
from xnorforge.sim import finn as simulator
from xnorforge.sim import verilate

start_finn_builder()

from finn.core.onnx_exec import execute_onnx  # noqa: E402
from finn.transformation.fpgadataflow.prepare_ip import PrepareIP  # noqa: E402
from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim  # noqa: E402
from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode  # noqa: E402
from finn.transformation.fpgadataflow.set_folding import SetFolding  # noqa: E402
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers  # noqa: E402

import xnorforge.finn_plugin  # noqa: E402, F401
from xnorforge.flows.backends.finn import nodes  # noqa: E402

PART, FINN = "xc7z020clg400-1", "finn.custom_op.fpgadataflow"


def matrix(kind, weights, out, mw=12, mh=6, **more):
    """An MVAU on two vectors."""
    kinds = {"inputDataType": kind, "weightDataType": weights, "outputDataType": out, "accDataType": out}
    sizes = {"MW": mw, "MH": mh, "SIMD": 4, "PE": 3, "numInputVectors": [1, 2], "noActivation": 1}
    return "MVAU", [((1, 2, mw), kind), ((mw, mh), weights)], [((1, 2, mh), out)], sizes | kinds | more


def thresholded(kind, out):
    """A binary MVAU with a threshold per row inside."""
    more = {"noActivation": 0, "accDataType": "UINT4", "numInputVectors": [1, 1, 2]}
    op, inputs, _, attributes = matrix(kind, kind, out, **more, binaryXnorMode=int(kind == "BINARY"))
    return op, [((1, 1, 2, 12), kind), inputs[1], ((6, 1), "UINT4")], [((1, 1, 2, 6), out)], attributes


def pool(function, kind, out, pe, kernel=(2, 3)):
    """A Pool of two windows of four channels."""
    attributes = {"Channels": 4, "PE": pe, "KernelSize": kernel, "Function": function, "OutImgDims": [1, 2]}
    kinds = {"InputDataType": kind, "OutputDataType": out}
    return "Pool", [((1, 1, 2, 4 * kernel[0] * kernel[1]), kind)], [((1, 1, 2, 4), out)], attributes | kinds


def border(value, kind, simd):
    """An image of 2 x 3 pixels with a border of a value."""
    attributes = {"ImgDim": [2, 3], "Padding": [1, 0, 2, 1], "NumChannels": 4, "SIMD": simd, "Value": value}
    ends = [((1, 2, 3, 4), kind)], [((1, 5, 4, 4), kind)]
    return "XnorFMPadding", *ends, attributes | {"inputDataType": kind}


def labels(kind, pe):
    """A LabelSelect of ten scores."""
    attributes = {"Labels": 10, "PE": pe, "K": 1, "inputDataType": kind, "outputDataType": "UINT8"}
    return "LabelSelect", [((1, 10), kind)], [((1, 1), "UINT8")], attributes


def fork(kind, pe):
    """A DuplicateStreams of three pixels."""
    attributes = {"NumChannels": 6, "PE": pe, "NumOutputStreams": 2, "inputDataType": kind}
    both = [((1, 3, 6), kind)] * 2
    return "DuplicateStreams", both[:1], both, attributes | {"numInputVectors": [1, 3]}


def elementwise(op, left, right, out):
    """A sum or product of two streams of three pixels."""
    shape = [1, 3, 4]
    kinds = {"lhs_dtype": left, "rhs_dtype": right, "out_dtype": out, "PE": 2}
    shapes = {"lhs_shape": shape, "rhs_shape": shape, "out_shape": shape}
    ends = [(tuple(shape), left), (tuple(shape), right)]
    return op, ends, [(tuple(shape), out)], kinds | shapes | {"lhs_style": "input", "rhs_style": "input"}


def joined(*kinds):
    """Two streams of three pixels with 4 and 2 channels as one."""
    sizes = {"SIMD": 2, "ChannelsPerStream": [4, 2], "inputDataTypes": list(kinds), "numInputVectors": [1, 3]}
    ends = [((1, 3, size), kind) for size, kind in zip((4, 2), kinds, strict=True)]
    return "StreamingConcat", ends, [((1, 3, 6), kinds[0])], sizes


CASES = {
    "matches": matrix("BINARY", "BINARY", "UINT4", binaryXnorMode=1),
    "matches of -1 and +1": matrix("BIPOLAR", "BIPOLAR", "UINT4"),
    "sums of bytes in a wider type": matrix("UINT8", "BIPOLAR", "INT32"),
    "weights of three bits": matrix("INT4", "INT3", "INT10"),
    "a threshold inside": thresholded("BINARY", "BINARY"),
    "a bipolar threshold inside": thresholded("BIPOLAR", "BIPOLAR"),
    "maxima of bits": pool("MaxPool", "BINARY", "BINARY", 2),
    "maxima": pool("MaxPool", "INT5", "INT5", 1), "sums": pool("AccPool", "UINT3", "UINT6", 4),
    "pixels": pool("MaxPool", "INT5", "INT5", 2, (1, 1)), "a border of 128": border(128, "UINT8", 2),
    "a border of -3": border(-3, "INT4", 4), "label": labels("INT7", 2), "two copies": fork("INT3", 3),
    "sum": elementwise("ElementwiseAdd", "UINT4", "INT3", "INT6"),
    "product": elementwise("ElementwiseMul", "UINT4", "INT3", "INT7"),
    "two streams": joined("INT3", "INT3"),
}  # fmt: skip


def alone(case, **more):
    """A graph of one of the cases."""
    return made(*CASES[case], **more)


def made(op, inputs, outputs, attributes, **more):
    """A graph of one abstract node with random constants."""
    info = helper.make_tensor_value_info
    ins = [info(f"in{k}", TensorProto.FLOAT, shape) for k, (shape, _) in enumerate(inputs)]
    outs = [info(f"out{k}", TensorProto.FLOAT, shape) for k, (shape, _) in enumerate(outputs)]
    streams = 2 if op.startswith(("Elementwise", "StreamingConcat")) else 1
    node = helper.make_node(op, [one.name for one in ins], [one.name for one in outs], name=f"{op}_0",
                            domain=FINN, backend="fpgadataflow", **attributes, **more)  # fmt: skip
    model = ModelWrapper(qonnx_make_model(helper.make_graph([node], "alone", ins[:streams], outs)))
    rng = np.random.default_rng(0)
    for one, (shape, kind) in zip([*ins, *outs], [*inputs, *outputs], strict=True):
        model.set_tensor_datatype(one.name, DataType[kind])
        if one in ins[streams:]:
            steps = shape[1:] == (1,)  # thresholds, between integers, as FINN's streamlining leaves them
            model.set_initializer(one.name, drawn(rng, kind, shape) - np.float32(0.7 * steps))
            model.set_tensor_datatype(one.name, DataType["FLOAT32" if steps else kind])
    return model


def drawn(rng, kind, shape):
    low, high = int(DataType[kind].min()), int(DataType[kind].max())
    values = [low, high] if kind == "BIPOLAR" else range(low, high + 1)
    return rng.choice(values, shape).astype(np.float32)


def given(model, seed):
    rng = np.random.default_rng(seed)
    kinds = {one.name: model.get_tensor_datatype(one.name).name for one in model.graph.input}
    return {name: drawn(rng, kind, model.get_tensor_shape(name)) for name, kind in kinds.items()}


def streamed(node, frame):
    """A Pool's windows as FINN's depthwise generator streams them: by groups of PE channels."""
    if "Pool" not in node.op_type:
        return frame
    windows, pe = frame["in0"].reshape(2, -1, 4), getCustomOp(node).get_nodeattr("PE")
    groups = [windows[:, :, first : first + pe] for first in range(0, 4, pe)]
    return {"in0": np.stack(groups, 1).reshape(frame["in0"].shape)}


@pytest.mark.quick("product", "maxima of bits", "label", "a threshold inside")
@pytest.mark.parametrize("case", CASES)
def test_the_rtl_under_finn_s_own_simulation_is_finn_s_execution_of_the_abstraction(case):
    model = alone(case)
    ours = model.transform(SpecializeLayers(PART))
    (node,) = ours.graph.node
    assert node.op_type == f"Xnor{model.graph.node[0].op_type.removeprefix('Xnor')}_rtl"
    simulator.use_verilator()
    ours = ours.transform(PrepareIP(PART, 10)).transform(SetExecMode("rtlsim")).transform(PrepareRTLSim())
    for seed in range(3):
        frame = given(model, seed)
        wanted, got = execute_onnx(model, frame), execute_onnx(ours, streamed(node, frame))
        for name, values in wanted.items():
            np.testing.assert_array_equal(got[name], values)


@pytest.mark.parametrize("case", CASES)
def test_cycles_are_finn_s_and_estimates_those_of_the_operator(case):
    (node,) = alone(case).transform(SpecializeLayers(PART)).graph.node
    inst = getCustomOp(node)
    op = inst.operator()
    assert inst.get_exp_cycles() == op.cycles()
    assert inst.node_res_estimation(PART)["LUT"] == round(op.estimate("xc7")["lut"])


def test_a_border_has_its_value():
    for case, value in (("a border of 128", 128), ("a border of -3", -3)):
        model = alone(case)
        frame = given(model, 0)
        wanted = np.pad(frame["in0"], ((0, 0), (1, 2), (0, 1), (0, 0)), constant_values=value)
        np.testing.assert_array_equal(execute_onnx(model, frame)["out0"], wanted)


def test_hls_that_the_user_asks_for_stays(tmp_path):
    (node,) = alone("matches", preferred_impl_style="hls").transform(SpecializeLayers(PART)).graph.node
    assert node.op_type == "MVAU_hls"


def several_steps():
    """A binary MVAU with three thresholds per row."""
    op, (x, weights, _), _, attributes = thresholded("BINARY", "UINT2")
    return op, [x, weights, ((6, 3), "UINT4")], [((1, 1, 2, 6), "UINT2")], attributes


BEYOND = {
    "weights from outside": lambda: alone("matches", mem_mode="external"),
    "weights that change": lambda: alone("matches", runtime_writeable_weights=1),
    "three thresholds per row": lambda: made(*several_steps()),
    "means": lambda: made(*pool("QuantAvgPool", "UINT3", "UINT3", 4), Size=2),
    "two labels": lambda: made(
        *(*labels("INT7", 2)[:2], [((1, 2), "UINT8")], labels("INT7", 2)[3] | {"K": 2})
    ),
    "a sum of reals": lambda: made(*elementwise("ElementwiseAdd", *["FLOAT32"] * 3)),
    "a product of reals": lambda: made(*elementwise("ElementwiseMul", *["FLOAT32"] * 3)),
}


@pytest.mark.parametrize("form", BEYOND)
def test_a_form_that_no_operator_has_stays_finn_s(form):
    model = BEYOND[form]()
    kind = model.graph.node[0].op_type
    (node,) = model.transform(SpecializeLayers(PART)).graph.node
    assert node.op_type == f"{kind}_hls"
    like = type(node)()
    like.CopyFrom(node)
    nodes.retarget(like, f"Xnor{kind}_rtl", nodes.RTL)
    with pytest.raises(UserError, match=node.name):
        getCustomOp(like).operator(model)


def test_a_fifo_stays_finn_s():
    attributes = {"depth": 4, "folded_shape": [1, 3, 2], "normal_shape": [1, 6], "dataType": "INT3"}
    model = made("StreamingFIFO", [((1, 6), "INT3")], [((1, 6), "INT3")], attributes)
    (node,) = model.transform(SpecializeLayers(PART)).graph.node
    assert (node.op_type, node.domain) == ("StreamingFIFO_rtl", nodes.RTL)


@pytest.mark.parametrize("sources, cell", [
    (["fifo/hdl/fifo.sv"], "fifo #(.DEPTH(4), .DATA_WIDTH(8))"),
    (["mvu/mvu_pkg.sv", "mvu/add_multi.sv"], "add_multi #(.N(4), .DEPTH(1), .ARG_WIDTH(4))"),
])  # fmt: skip
def test_verilator_rejects_finn_s_fifo_and_the_sums_of_its_matrices(sources, cell, tmp_path):
    """Ours take their place while it does."""
    library = Path(str(files("finn") / "finn-rtllib"))
    (tmp_path / "top.sv").write_text(f"module top;\n  {cell} one ();\nendmodule\n")
    with pytest.raises(UserError, match=f"Verilator rejected .*{Path(sources[-1]).name}"):
        verilate.compile_model("top", [*(library / name for name in sources), tmp_path / "top.sv"], "")


@pytest.mark.parametrize("cycles", [1, 8, 24, 1000])
def test_set_folding_gives_our_nodes_what_it_gives_finn_s_own(cycles):
    for case in ("matches", "sums of bytes in a wider type", "label", "two copies", "sum"):
        found = []
        for style in ({}, {"preferred_impl_style": "hls"}):
            model = alone(case, **style).transform(SpecializeLayers(PART)).transform(SetFolding(cycles))
            inst = getCustomOp(model.transform(GiveUniqueNodeNames()).graph.node[0])
            has = inst.get_nodeattr_types()
            found.append([inst.get_nodeattr(name) for name in ("PE", "SIMD") if name in has])
        assert found[0] == found[1]


def test_widths_of_matches_hold_all_of_them():
    """FINN's own pass takes matches for sums of -1 and +1: tests/flows/test_other_projects.py."""
    model = alone("matches").transform(SpecializeLayers(PART))
    inst = getCustomOp(model.graph.node[0])
    assert inst.minimize_accumulator_width(model) == DataType["UINT4"]  # 0 .. 12
