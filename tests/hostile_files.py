"""ONNX files that nobody should have made: tables {what is wrong: (file, words of the answer)}.

Each starts as the same small network that builds: (1, 4, 6, 6) -> sign -> 3x3 convolution -> sign.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
INPUT, OUTPUT, WEIGHTS = [1, 4, 6, 6], [1, 5, 4, 4], [5, 4, 3, 3]
ODD_NAMES = {
    "a space": "a b", "quotes": "a\"b'c", "backquotes": "`id`", "a dollar": "$(touch owned)",
    "a semicolon": "a;b", "a line break": "a\nb", "a carriage return": "a\rb",
    "an escape sequence": "\x1b[2J\x1b]0;x\x07", "unicode": "größe_Ω_漢字", "right to left": "\u202egnp.x",
    "an end of script": "</script><b>", "10,000 characters": "n" * 10000, "a keyword": "module",
    "another keyword": "endmodule", "a path": "../../x/y", "an absolute path": "/etc/passwd",
    "a slash": "a/b", "a backslash": "a\\b", "a comment": "*/ // (* keep *)", "a percent": "%s%n%d",
    "braces": "{0.__class__}{{x}}", "a digit first": "0", "a dot": ".", "two dots": "..",
    "only spaces": "   ", "markdown": "|x|**y**[z](javascript:1)", "null words": "null",
}  # fmt: skip
F, WHOLE, node = np.float32, np.int64, helper.make_node
ELEMENTS = 1 << 20  # the limit under which the table is run
NO_SHAPE, BIG, FAR = "has more than 1,048,576 numbers", 1 << 31, 1 << 40


def plain(size=INPUT, between=(), extra=(), names: dict[str, str] | None = None) -> ModelProto:
    """The network that builds; `between`: nodes from "t1" to "t2" behind the first sign; `names`: other names
    of tensors and nodes.
    """
    rng = np.random.default_rng(0)
    nodes = [
        node("BipolarQuant", ["x", "one"], ["t1"], "n0", domain=QONNX),
        *(between or [node("Identity", ["t1"], ["t2"], "n1")]),
        node("BipolarQuant", ["w", "one"], ["wq"], "n2", domain=QONNX),
        node("Conv", ["t2", "wq"], ["t3"], "n3", kernel_shape=[3, 3]),
        node("BipolarQuant", ["t3", "one"], ["y"], "n4", domain=QONNX),
    ]
    constants = {"one": F(1), "w": rng.choice([-1, 1], WEIGHTS).astype(F)} | dict(extra)
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, OUTPUT)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )  # fmt: skip
    sets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    names, graph = names or {}, model.graph
    for entry in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        if entry.name in names:
            entry.name = names[entry.name]
    for given in (ends for entry in graph.node for ends in (entry.input, entry.output)):
        given[:] = [names.get(name, name) for name in given]
    return model


def stored(model: ModelProto) -> bytes:
    return model.SerializeToString()


def one(op: str, *constants: tuple[str, object], domain="", **attributes) -> ModelProto:
    """The network with one more operator behind its first sign."""
    given = ["t1", *(name for name, _ in constants)]
    return plain(between=[node(op, given, ["t2"], "odd", domain=domain, **attributes)], extra=constants)


def quant(op="Quant", scale=1.0, zero=0.0, bits=4.0, **attributes) -> ModelProto:
    """The network with a quantiser behind its first sign."""
    given = (("s", F(scale)), ("z", F(zero)), ("b", F(bits)))
    return one(op, *given, domain=QONNX, **attributes)


def steps(rows=4, **attributes) -> ModelProto:
    """The network with a MultiThreshold node."""
    return one("MultiThreshold", ("t", F([[0]] * rows)), domain=QONNX, **attributes)


def added(*nodes: NodeProto, **constants) -> ModelProto:
    """The network, whose first sign has "plus" added, which the nodes make."""
    return plain(between=[*nodes, node("Add", ["t1", "plus"], ["t2"], "sum")], extra=constants.items())


def made(op: str, attributes: dict | None = None, **constants) -> ModelProto:
    """The network, whose first sign has added what an operator makes of constants."""
    return added(node(op, [*constants], ["plus"], **attributes or {}), **constants)


def chain(op: str, length: int, constant: float | None = None) -> ModelProto:
    """A network with so many operators in a row behind its first sign."""
    extra = {} if constant is None else {"c": F(constant)}
    names = ["t1", *(f"k{at}" for at in range(length - 1)), "t2"]
    nodes = [node(op, [a, *extra], [b], f"{op}{at}") for at, (a, b) in enumerate(pairwise(names))]
    return plain(between=nodes, extra=extra.items())


def residual(length: int) -> ModelProto:
    """So many blocks of a sign and a sum."""
    nodes, at = [], "t1"
    for block in range(length):
        out = "t2" if block == length - 1 else f"s{block}"
        nodes.append(node("BipolarQuant", [at, "one"], [f"b{block}"], domain=QONNX))
        nodes.append(node("Add", [at, f"b{block}"], [out]))
        at = out
    return plain(between=nodes)


def changed(change: Callable[[ModelProto], object]) -> ModelProto:
    """The network after `change` was at it."""
    model = plain()
    change(model)
    return model


def weights(model: ModelProto) -> TensorProto:
    """The constant of the convolution's weights."""
    return next(tensor for tensor in model.graph.initializer if tensor.name == "w")


def appended(*nodes: NodeProto) -> ModelProto:
    """The network with nodes behind its last."""
    return changed(lambda model: model.graph.node.extend(nodes))


def convolved(*protos: AttributeProto, **attributes) -> ModelProto:
    """The network with other attributes of its convolution."""
    model = plain()
    conv = next(node for node in model.graph.node if node.op_type == "Conv")
    if "kernel_shape" in attributes:
        del conv.attribute[:]
    conv.attribute.extend([*protos, *(helper.make_attribute(*item) for item in attributes.items())])
    return model


def weighed(dims=WEIGHTS, kind: int = TensorProto.FLOAT, data: bytes = b"") -> ModelProto:
    """The network with weights of another type, shape and content."""
    model = plain()
    weights(model).CopyFrom(TensorProto(name="w", data_type=kind, raw_data=data, dims=dims))
    return model


def outside(location: str, **more: str) -> ModelProto:
    """Weights that lie in another file."""
    model = weighed()
    weights(model).ClearField("raw_data")
    weights(model).data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **more}.items():
        weights(model).external_data.add(key=key, value=value)
    return model


def shaped(dims) -> ModelProto:
    """The network with an input of that shape in its head."""
    model = plain()
    sizes = model.graph.input[0].type.tensor_type.shape
    sizes.Clear()
    for size in dims:
        sizes.dim.add(dim_value=size)
    return model


def called_by(op: str, *branches: str, **attributes) -> ModelProto:
    """An operator with graphs in its attributes."""
    outs = [helper.make_tensor_value_info("inner", TensorProto.FLOAT, INPUT)]
    inner = helper.make_graph([node("Identity", ["t1"], ["inner"])], "branch", [], outs)
    return one(op, **dict.fromkeys(branches, inner), **attributes)


def nested(depth: int) -> bytes:
    """A graph in an attribute of a node of a graph in an attribute …; each length is right."""

    def sized(tag: bytes, data: bytes) -> bytes:
        size, out = len(data), tag
        while size > 127:
            out, size = out + bytes([size & 127 | 128]), size >> 7
        return out + bytes([size]) + data

    inner = b""
    for _ in range(depth):
        inner = sized(b"\x0a", sized(b"\x2a", sized(b"\x32", inner)))  # node, its attribute, its graph
    return sized(b"\x3a", inner)


def cut(percent: int) -> bytes:
    whole = stored(plain())
    return whole[: len(whole) * percent // 100]


BYTES = {
    "zeros": bytes(1000), "ones": b"\xff" * 1000, "messages inside messages": nested(200),
    **{f"cut at {percent} %": cut(percent) for percent in (1, 5, 10, 25, 75, 90, 99)},
}  # fmt: skip


SPARSE = AttributeProto(name="s", type=11, sparse_tensor=onnx.SparseTensorProto())
TWICE = helper.make_function(
    "local", "Twice", ["a"], ["b"], [node("Relu", ["a"], ["b"])], [helper.make_opsetid("", 13)]
)
SEQUENCE = helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1, 4])
MODELS: dict[str, tuple[ModelProto, str]] = {
    # constants
    "weights of strings": (weighed(kind=TensorProto.STRING), "'w' contains strings"),
    "weights of no type": (weighed(kind=0), "(0)"),
    "weights of an unknown type": (weighed(kind=99), "(99)"),
    "weights of 2^31 rows": (weighed([BIG, 4, 3, 3]), NO_SHAPE),
    "weights of 2^62 numbers": (weighed([BIG, BIG]), NO_SHAPE),
    "weights of a negative size": (weighed([-1, 4, 3, 3]), "has the shape [-1, 4, 3, 3]"),
    "weights of no size": (weighed([0, 4, 3, 3]), "[0, 4, 3, 3] is empty"),
    "weights of no columns": (weighed([5, 0, 3, 3]), "[5, 0, 3, 3] is empty"),
    "weights without data": (weighed(), "has 0 bytes"),
    "weights cut short": (weighed(data=bytes(719)), "719 bytes"),
    "weights too long": (weighed(data=bytes(724)), "724 bytes"),
    "weights of NaN": (weighed(data=np.full(180, np.nan, F).tobytes()), "is nan at"),
    "weights of infinity": (weighed(data=np.full(180, np.inf, F).tobytes()), "is inf at"),
    "typed data that is not all there": (
        changed(lambda m: (weights(m).ClearField("raw_data"), weights(m).float_data.append(1))),
        "number of elements",
    ),
    "a sparse constant": (changed(lambda m: m.graph.sparse_initializer.add()), "it has sparse constants"),
    "a sparse attribute": (convolved(SPARSE), "has a sparse constant"),
    # external data
    **{f"external data in {where!r}": (outside(where), "outside the model's folder")
       for where in ("/etc/passwd", "../secret", "a/../../secret", "", "/dev/zero", "//etc/hosts", "link")},
    "external data in a pipe": (outside("pipe"), "regular file"),
    "external data that is missing": (outside("none.bin"), "'none.bin' is missing"),
    "external data in a folder": (outside("folder"), "a folder"),
    **{f"external data of 3 bytes, {more}"[:60]: (outside("short", **more), "has 3 bytes")
       for more in ({}, {"offset": "2", "length": "720"}, {"offset": "-1"}, {"offset": "x"},
                    {"length": "9" * 5000})},
    # names and order
    "an output that nothing makes": (
        changed(lambda m: setattr(m.graph.output[0], "name", "nothing")), "output 'nothing'"
    ),
    "two outputs of one name": (
        changed(lambda m: m.graph.output.append(m.graph.output[0])), "'y' is the name of 2 tensors"
    ),
    "two inputs of one name": (
        changed(lambda m: m.graph.input.append(m.graph.input[0])), "'x' is the name of 2 tensors"
    ),
    "two constants of one name": (
        changed(lambda m: m.graph.initializer.append(weights(m))), "'w' is the name of 2 tensors"
    ),
    **{f"1,000 more {what}s": (
        changed(lambda m, what=what: [getattr(m.graph, what).add(name=f"more{k}") for k in range(1000)]),
        f"has 1,001 {what}s … 100 … XNORFORGE_MAX_PORTS",
       ) for what in ("input", "output")},
    "a tensor made twice": (appended(node("Relu", ["t1"], ["y"])), "'y' is the name of 2 tensors"),
    "a constant made again": (appended(node("Relu", ["t1"], ["w"])), "'w' is an operator's output"),
    "an input made again": (appended(node("Relu", ["t1"], ["x"])), "'x' is an operator's output"),
    "a constant without a name": (plain(extra=[("", F(1))]), "a tensor has no name"),
    "a node that gives nothing": (appended(node("Relu", ["t1"], [])), "Relu has no output"),
    "a node that reads itself": (plain(between=[node("Relu", ["t2"], ["t2"], "r")]), "own result"),
    "a loop of two": (
        plain(between=[node("Add", ["t1", "b"], ["t2"]), node("Relu", ["t2"], ["b"])]), "own result"
    ),
    "a tensor that nothing gives": (plain(between=[node("Add", ["t1", "lost"], ["t2"])]), "'lost'"),
    "no output": (changed(lambda m: m.graph.ClearField("output")), "without nodes"),
    "no nodes": (changed(lambda m: m.graph.ClearField("node")), "without nodes"),
    "no graph": (changed(lambda m: m.ClearField("graph")), "without nodes"),
    # operator sets and domains
    "no operator set": (changed(lambda m: m.ClearField("opset_import")), "operator sets are none"),
    **{f"operator set {version}": (
        changed(lambda m, version=version: setattr(m.opset_import[0], "version", version)),
        "its operator sets are",
       ) for version in (0, -1, 99, 1 << 62)},
    "an operator set twice": (
        changed(lambda m: m.opset_import.append(helper.make_opsetid("", 11))), "its operator sets are"
    ),
    **{f"domain {domain!r}": (one("Relu", domain=domain), f"domain {domain} … operators of ONNX")
       for domain in ("this", "os", "antigravity", "tests", "xnorforge.__main__", "finn.util", "../x",
                      "some.vendor")},
    "an operator that ONNX does not know": (one("Warp"), "not valid ONNX"),
    "a function of its own": (changed(lambda m: m.functions.append(TWICE)), "defines Twice"),
    # graphs inside
    "an If": (called_by("If", "then_branch", "else_branch"), "subgraph"),
    "a Loop": (called_by("Loop", "body"), "subgraph"),
    "a Scan": (called_by("Scan", "body", num_scan_inputs=1), "subgraph"),
    "a graph in a plain node": (called_by("Relu", "g"), "subgraph"),
    # attributes
    **{f"{name} {given}": (convolved(**{name: given}), f"has {name} = ")
       for name, values in {
           "strides": ([0, 0], [1, 0], [-1, 1], [FAR, 1]), "dilations": ([0, 0], [-2, 1], [BIG, BIG]),
           "group": (0, -1, 1 << 50), "pads": ([-1, 0, 0, 0], [0, 0, 0, BIG], [1 << 62] * 4),
           "kernel_shape": ([0, 0], [3, 0], [-3, 3], [1 << 33, 3]),
       }.items() for given in values},
    "an attribute twice": (
        convolved(helper.make_attribute("kernel_shape", [3, 3])), "has the attribute kernel_shape twice"
    ),
    **{f"{name} = {value!r}": (convolved(**{name: value}), "not valid ONNX")
       for name, value in {"colour": 3, "auto_pad": 3, "strides": "one"}.items()},
    "an attribute that refers elsewhere": (
        convolved(AttributeProto(name="group", type=AttributeProto.INT, ref_attr_name="x")),
        "refers to an attribute of a function",
    ),
    **{f"an attribute of {value}": (one("LeakyRelu", alpha=float(value)), f"has alpha = {value}")
       for value in ("inf", "nan")},
    "a factor that is no number": (steps(out_scale=float("inf")), "has out_scale = inf"),
    **{f"a pool with {name} {given}": (one("MaxPool", **{"kernel_shape": [2, 2], name: given}),
                                       f"has {name} = ")
       for name, given in [("strides", [0, 1]), ("kernel_shape", [0, 2]), ("pads", [0, 0, -1, 0]),
                           ("dilations", [0, 1]), ("kernel_shape", [FAR, 1])]},
    "a constant missing": (plain(between=[node("Add", ["t1"], ["t2"])]), "not valid ONNX"),
    # sizes
    **{f"an input of {dims}": (shaped(dims), words)
       for dims, words in [
           ([1, BIG, 6, 6], NO_SHAPE), ([1, 1 << 14, 1 << 14, 4], NO_SHAPE), ([FAR, 4, 6, 6], NO_SHAPE),
           ([1, -4, 6, 6], "has the shape"), ([1, 0, 6, 6], "dynamic shape"), ([], "dynamic shape")]},
    "an input that is a sequence": (changed(lambda m: m.graph.input[0].CopyFrom(SEQUENCE)), "not a tensor"),
    "ConstantOfShape of 2^40": (made("ConstantOfShape", s=WHOLE([1 << 20, 1 << 20])), NO_SHAPE),
    "ConstantOfShape of a computed shape": (
        added(node("Mul", ["s", "s"], ["s2"]), node("ConstantOfShape", ["s2"], ["plus"]),
              s=WHOLE([1 << 15, 1 << 15])),
        NO_SHAPE,
    ),
    "ConstantOfShape of a negative size": (made("ConstantOfShape", s=WHOLE([-5, 2])), "non-negative"),
    "Expand to 2^40": (made("Expand", v=F(1), s=WHOLE([FAR])), NO_SHAPE),
    "Tile of 2^40": (made("Tile", v=F([[1, 1]]), s=WHOLE([1 << 39, 1])), NO_SHAPE),
    "Range of 2^40": (made("Range", a=WHOLE(0), b=WHOLE(FAR), c=WHOLE(1)), NO_SHAPE),
    "Range without a step": (made("Range", a=F(0), b=F(5), c=F(0)), "can not be zero"),
    "Pad of a constant by 2^40": (made("Pad", v=F([1]), s=WHOLE([0, FAR])), NO_SHAPE),
    "OneHot of 2^40": (made("OneHot", i=WHOLE([1]), d=WHOLE(FAR), v=F([0, 1])), NO_SHAPE),
    "EyeLike of 2^30": (
        added(node("ConstantOfShape", ["s"], ["z"]), node("EyeLike", ["z"], ["plus"]),
              s=WHOLE([1 << 15, 1 << 15])),
        NO_SHAPE,
    ),
    "RandomNormal of 2^40": (made("RandomNormal", {"shape": [1 << 20, 1 << 20]}), NO_SHAPE),
    "random constants": (made("RandomNormal", {"shape": [1]}), "random"),
    "forty doublings": (
        added(*(node("Concat", [f"v{k}", f"v{k}"], [f"v{k + 1}"], axis=0) for k in range(40)),
              node("ReduceSum", ["v40"], ["plus"]), v0=F([1, 2])),
        NO_SHAPE,
    ),
    **{f"Resize by {by}": (one("Resize", ("roi", F([])), ("by", F([1, 1, by, by])), mode="nearest"), words)
       for by, words in [(1 << 20, NO_SHAPE), (-1, "[1, 4, -6, -6]"), (0, "[1, 5, -2, -2]")]},
    "Pad by 2^31": (one("Pad", ("s", WHOLE([0, 0, 0, 0, 0, 0, BIG, 0]))), NO_SHAPE),
    "Expand of an activation": (one("Expand", ("s", WHOLE([1 << 20, 4, 6, 6]))), NO_SHAPE),
    "Tile of an activation": (one("Tile", ("s", WHOLE([1, 1 << 20, 2, 1]))), NO_SHAPE),
    "Reshape to a size that is none": (one("Reshape", ("s", WHOLE([1, 7]))), "cannot run this"),
    "Reshape with two open sizes": (one("Reshape", ("s", WHOLE([-1, -1]))), "multiple -1"),
    "Gather beyond the end": (one("Gather", ("s", WHOLE([99])), axis=1), "use 0 .. 3"),
    "Transpose of five axes": (one("Transpose", perm=[0, 1, 2, 3, 4]), "Invalid attribute perm"),
    "Concat along axis 9": (one("Concat", ("c", np.ones(INPUT, F)), axis=9), "axis must be in"),
    "Flatten from axis -9": (one("Flatten", axis=-9), "Invalid value"),
    # quantisers
    **{f"Quant of {bits:g} bits": (quant(bits=bits, signed=1), words)
       for bits, words in [(1e9, "bits"), (64, "bits"), (33, "bits"), (17, "16 bits or fewer"), (0, "bits"),
                           (-3, "bits"), (2.5, "bits"), (np.nan, "is nan"), (np.inf, "is inf")]},
    **{f"Quant of scale {scale:g}": (quant(scale=scale), words)
       for scale, words in [(0, "scale is 0"), (-1, "scale is -1"), (np.nan, "is nan"), (np.inf, "is inf")]},
    "Quant without inputs": (
        plain(between=[node("Quant", ["t1"], ["t2"], domain=QONNX)]), "has 1 inputs but needs 4"
    ),
    "Quant of a zero-point of 2^100": (quant(zero=2.0**100, signed=1), "narrow"),
    "Quant with a rounding mode of bytes": (quant(rounding_mode=b"\xff\xfe"), "rounding_mode = "),
    "Trunc of 1e9 bits": (
        one("Trunc", ("s", F(1)), ("z", F(0)), ("i", F(1e9)), ("o", F(2)), domain=QONNX), "bits"
    ),
    "BipolarQuant of scale 0": (one("BipolarQuant", ("s", F(0)), domain=QONNX), "scale is 0"),
    "MultiThreshold of scale 0": (steps(out_dtype="UINT1", out_scale=0.0), "out_scale is 0"),
    "MultiThreshold of another size": (steps(3, out_dtype="UINT1"), "[3, 1]"),
    "MultiThreshold with words for numbers": (steps(out_dtype="UINT1", out_bias="x"), "not of type FLOAT"),
    "Quant that is signed in words": (quant(signed="yes"), "not of type INT"),
    **{f"an input of the type {kind}": (
        changed(lambda m, kind=kind: setattr(m.graph.input[0].type.tensor_type, "elem_type", kind)), words
       ) for kind, words in {TensorProto.STRING: "tensor(string)", 0: "unknown"}.items()},
}  # fmt: skip
