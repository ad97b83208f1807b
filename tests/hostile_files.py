"""ONNX files that nobody should have made: a table {what is wrong: (how to make it, words of the answer)}.

Each starts as the same small network that builds: (1, 4, 6, 6) -> sign -> 3x3 convolution -> sign.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"
INPUT, OUTPUT = [1, 4, 6, 6], [1, 5, 4, 4]
ODD_NAMES = {
    "a space": "a b",
    "quotes": "a\"b'c",
    "backquotes": "`id`",
    "a dollar": "$(touch owned)",
    "a semicolon": "a;b",
    "a line break": "a\nb",
    "a carriage return": "a\rb",
    "an escape sequence": "\x1b[2J\x1b]0;x\x07",
    "unicode": "größe_Ω_漢字",
    "right to left": "\u202egnp.x",
    "an end of script": "</script><b>",
    "10,000 characters": "n" * 10000,
    "a keyword": "module",
    "another keyword": "endmodule",
    "a path": "../../x/y",
    "an absolute path": "/etc/passwd",
    "a slash": "a/b",
    "a backslash": "a\\b",
    "a comment": "*/ // (* keep *)",
    "a percent": "%s%n%d",
    "braces": "{0.__class__}{{x}}",
    "a digit first": "0",
    "a dot": ".",
    "two dots": "..",
    "only spaces": "   ",
    "markdown": "|x|**y**[z](javascript:1)",
    "null words": "null",
}


def plain(size=INPUT, between=(), extra=(), names: dict[str, str] | None = None) -> ModelProto:
    """The network that builds; `between`: nodes from "t1" to "t2" behind the first sign."""
    rng = np.random.default_rng(0)
    nodes = [helper.make_node("BipolarQuant", ["x", "one"], ["t1"], "n0", domain=QONNX)]
    nodes += list(between) or [helper.make_node("Identity", ["t1"], ["t2"], "n1")]
    nodes += [
        helper.make_node("BipolarQuant", ["w", "one"], ["wq"], "n2", domain=QONNX),
        helper.make_node("Conv", ["t2", "wq"], ["t3"], "n3", kernel_shape=[3, 3]),
        helper.make_node("BipolarQuant", ["t3", "one"], ["y"], "n4", domain=QONNX),
    ]
    constants = [
        numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(rng.choice([-1, 1], (5, 4, 3, 3)).astype(np.float32), "w"),
        *extra,
    ]
    ends = [helper.make_tensor_value_info("x", TensorProto.FLOAT, size)]
    outs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, OUTPUT)]
    graph = helper.make_graph(nodes, "g", ends, outs, constants)
    sets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    if names:
        renamed(model, names)
    return model


def renamed(model: ModelProto, names: dict[str, str]) -> None:
    """Give tensors and nodes other names, in place."""
    for node in model.graph.node:
        node.name = names.get(node.name, node.name)
        for given in (node.input, node.output):
            given[:] = [names.get(name, name) for name in given]
    for entry in (*model.graph.input, *model.graph.output, *model.graph.initializer):
        entry.name = names.get(entry.name, entry.name)


def one(op: str, *constants: tuple[str, np.ndarray], domain="", **attributes) -> ModelProto:
    """The network with one more operator behind its first sign."""
    given = ["t1", *(name for name, _ in constants)]
    extra = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]
    return plain(
        between=[helper.make_node(op, given, ["t2"], "odd", domain=domain, **attributes)], extra=extra
    )


def added(*nodes: NodeProto, constants=()) -> ModelProto:
    """The network, whose first sign has "plus" added, which the nodes make."""
    last = helper.make_node("Add", ["t1", "plus"], ["t2"], "sum")
    extra = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants]
    return plain(between=[*nodes, last], extra=extra)


def changed(change: Callable[[ModelProto], object]) -> ModelProto:
    """The network after `change` was at it."""
    model = plain()
    change(model)
    return model


def weights(model: ModelProto) -> TensorProto:
    """The constant of the convolution's weights."""
    return next(tensor for tensor in model.graph.initializer if tensor.name == "w")


def convolution(model: ModelProto) -> NodeProto:
    """The convolution."""
    return next(node for node in model.graph.node if node.op_type == "Conv")


def convolved(**attributes) -> ModelProto:
    """The network with other attributes of its convolution."""
    return changed(
        lambda m: [convolution(m).attribute.append(helper.make_attribute(*one)) for one in attributes.items()]
    )


def kernel(sizes) -> ModelProto:
    def change(model):
        del convolution(model).attribute[:]
        convolution(model).attribute.append(helper.make_attribute("kernel_shape", sizes))

    return changed(change)


def outside(location: str, **more: str) -> ModelProto:
    """Weights that lie in another file."""

    def change(model):
        tensor = weights(model)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            tensor.external_data.add(key=key, value=value)

    return changed(change)


def stored(model: ModelProto) -> bytes:
    return model.SerializeToString()


def subgraph() -> onnx.GraphProto:
    return helper.make_graph(
        [helper.make_node("Identity", ["t1"], ["inner"])],
        "branch",
        [],
        [helper.make_tensor_value_info("inner", TensorProto.FLOAT, INPUT)],
    )


def typed(kind: int, dims, data: bytes = b"") -> Callable[[ModelProto], object]:
    """Weights of another type, shape and content."""

    def change(model):
        tensor = weights(model)
        tensor.Clear()
        tensor.name, tensor.data_type, tensor.raw_data = "w", kind, data
        tensor.dims.extend(dims)

    return change


def appended(*nodes: NodeProto) -> Callable[[ModelProto], object]:
    return lambda model: model.graph.node.extend(nodes)


def shaped(dims) -> Callable[[ModelProto], object]:
    def change(model):
        model.graph.input[0].type.tensor_type.shape.Clear()
        for size in dims:
            model.graph.input[0].type.tensor_type.shape.dim.add(dim_value=size)

    return change


def twice(name: str) -> Callable[[ModelProto], object]:
    return lambda m: convolution(m).attribute.append(helper.make_attribute(name, [3, 3]))


def undefined(name: str, number: int) -> Callable[[ModelProto], object]:
    def change(model):
        convolution(model).attribute.append(AttributeProto(name=name, i=number, type=AttributeProto.INT))

    return change


F, WHOLE = np.float32, np.int64
node = helper.make_node
ELEMENTS = 1 << 20  # the limit under which the table is run
NO_SHAPE, BIG = "has more than 1,048,576 numbers", 1 << 31

BYTES: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (lambda: b"", "without nodes"),
    "one byte": (lambda: b"\x08", "not an ONNX model"),
    "zeros": (lambda: bytes(1000), "not an ONNX model"),
    "ones": (lambda: b"\xff" * 1000, "not an ONNX model"),
    "text": (lambda: b"hello world\n" * 50, "not an ONNX model"),
    "a pickle": (lambda: b"\x80\x04\x95\x1c\x00\x00\x00cos\nsystem\n.", "not an ONNX model"),
    "a zip archive": (lambda: b"PK\x03\x04" + bytes(100), "not an ONNX model"),
    "JSON": (lambda: b'{"graph": {"node": []}}', "not an ONNX model"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(64), "not an ONNX model"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0\n(x) run\n", "not an ONNX model"),
    "messages inside messages": (lambda: nested(200), "not an ONNX model"),
    **{
        f"cut short at {percent} %": (lambda percent=percent: cut(percent), "not an ONNX model")
        for percent in (1, 5, 10, 25, 50, 75, 90, 99)
    },
}


def nested(depth: int) -> bytes:
    """A graph in an attribute of a node of a graph in an attribute …; each length is right."""
    inner = b""
    for _ in range(depth):
        attribute = b"\x32" + _length(inner) + inner  # g = 6
        inner = b"\x0a" + _length(b"\x2a" + _length(attribute) + attribute)
        inner += b"\x2a" + _length(attribute) + attribute
    return b"\x3a" + _length(inner) + inner


def _length(data: bytes) -> bytes:
    size, out = len(data), b""
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size])


def cut(percent: int) -> bytes:
    whole = stored(plain())
    return whole[: len(whole) * percent // 100]


MODELS: dict[str, tuple[Callable[[], ModelProto], str]] = {
    # constants
    "weights of strings": (lambda: changed(typed(TensorProto.STRING, [5, 4, 3, 3])), "'w' contains strings"),
    "weights of no type": (lambda: changed(typed(0, [5, 4, 3, 3])), "(0)"),
    "weights of an unknown type": (lambda: changed(typed(99, [5, 4, 3, 3])), "(99)"),
    "weights of 2^31 rows": (lambda: changed(typed(1, [BIG, 4, 3, 3])), NO_SHAPE),
    "weights of 2^62 numbers": (lambda: changed(typed(1, [BIG, BIG])), NO_SHAPE),
    "weights of a negative size": (lambda: changed(typed(1, [-1, 4, 3, 3])), "has the shape [-1, 4, 3, 3]"),
    "weights of no size": (lambda: changed(typed(1, [0, 4, 3, 3])), "[0, 4, 3, 3] is empty"),
    "weights of no columns": (lambda: changed(typed(1, [5, 0, 3, 3])), "[5, 0, 3, 3] is empty"),
    "weights without data": (lambda: changed(typed(1, [5, 4, 3, 3])), "has 0 bytes"),
    "weights cut short": (lambda: changed(typed(1, [5, 4, 3, 3], bytes(719))), "719 bytes"),
    "weights too long": (lambda: changed(typed(1, [5, 4, 3, 3], bytes(724))), "724 bytes"),
    "weights of NaN": (
        lambda: changed(typed(1, [5, 4, 3, 3], np.full(180, np.nan, F).tobytes())),
        "is nan at",
    ),
    "weights of infinity": (
        lambda: changed(typed(1, [5, 4, 3, 3], np.full(180, np.inf, F).tobytes())),
        "is inf at",
    ),
    "typed data that is not all there": (
        lambda: changed(lambda m: (weights(m).ClearField("raw_data"), weights(m).float_data.append(1))),
        "number of elements",
    ),
    "a sparse constant": (
        lambda: changed(lambda m: m.graph.sparse_initializer.add()),
        "it has sparse constants",
    ),
    "a sparse attribute": (
        lambda: changed(
            lambda m: convolution(m).attribute.append(
                AttributeProto(
                    name="s", type=AttributeProto.SPARSE_TENSOR, sparse_tensor=onnx.SparseTensorProto()
                )
            )
        ),
        "has a sparse constant",
    ),
    # external data
    **{
        f"external data in {where!r}": (lambda where=where: outside(where), "outside the model's folder")
        for where in ("/etc/passwd", "../secret", "a/../../secret", "", "/dev/zero", "//etc/hosts")
    },
    "external data behind a link": (lambda: outside("link"), "outside the model's folder"),
    "external data in a pipe": (lambda: outside("pipe"), "regular file"),
    "external data that is missing": (lambda: outside("none.bin"), "'none.bin' is missing"),
    "external data in a folder": (lambda: outside("folder"), "a folder"),
    "external data too short": (lambda: outside("short"), "has 3 bytes"),
    "external data behind its end": (lambda: outside("short", offset="2", length="720"), "has 3 bytes"),
    "external data at a negative place": (lambda: outside("short", offset="-1"), "has 3 bytes"),
    "external data at no number": (lambda: outside("short", offset="x"), "has 3 bytes"),
    "external data of 5,000 digits": (lambda: outside("short", length="9" * 5000), "has 3 bytes"),
    # names and order
    "an output that nothing makes": (
        lambda: changed(lambda m: setattr(m.graph.output[0], "name", "nothing")),
        "output 'nothing'",
    ),
    "two outputs of one name": (
        lambda: changed(lambda m: m.graph.output.append(m.graph.output[0])),
        "'y' is the name of 2 tensors",
    ),
    "two inputs of one name": (
        lambda: changed(lambda m: m.graph.input.append(m.graph.input[0])),
        "'x' is the name of 2 tensors",
    ),
    "two constants of one name": (
        lambda: changed(lambda m: m.graph.initializer.append(weights(m))),
        "'w' is the name of 2 tensors",
    ),
    "a tensor made twice": (
        lambda: changed(appended(node("Relu", ["t1"], ["y"]))),
        "'y' is the name of 2 tensors",
    ),
    "a constant made again": (
        lambda: changed(appended(node("Relu", ["t1"], ["w"]))),
        "'w' is an operator's output",
    ),
    "an input made again": (
        lambda: changed(appended(node("Relu", ["t1"], ["x"]))),
        "'x' is an operator's output",
    ),
    "a constant without a name": (
        lambda: changed(lambda m: m.graph.initializer.append(numpy_helper.from_array(F(1), ""))),
        "a tensor has no name",
    ),
    "a node that gives nothing": (lambda: changed(appended(node("Relu", ["t1"], []))), "Relu has no output"),
    "a node that reads itself": (
        lambda: plain(between=[node("Relu", ["t2"], ["t2"], "r")]),
        "own result",
    ),
    "a loop of two": (
        lambda: plain(between=[node("Add", ["t1", "b"], ["t2"]), node("Relu", ["t2"], ["b"])]),
        "own result",
    ),
    "a tensor that nothing gives": (
        lambda: plain(between=[node("Add", ["t1", "lost"], ["t2"])]),
        "'lost'",
    ),
    "no output": (lambda: changed(lambda m: m.graph.ClearField("output")), "without nodes"),
    "no nodes": (lambda: changed(lambda m: m.graph.ClearField("node")), "without nodes"),
    "no graph": (lambda: changed(lambda m: m.ClearField("graph")), "without nodes"),
    # operator sets and domains
    "no operator set": (lambda: changed(lambda m: m.ClearField("opset_import")), "operator sets are none"),
    **{
        f"operator set {version}": (
            lambda version=version: changed(lambda m: setattr(m.opset_import[0], "version", version)),
            "its operator sets are",
        )
        for version in (0, -1, 99, 1 << 62)
    },
    "an operator set twice": (
        lambda: changed(lambda m: m.opset_import.append(helper.make_opsetid("", 11))),
        "its operator sets are",
    ),
    **{
        f"domain {domain!r}": (lambda domain=domain: one("Relu", domain=domain), f"domain {domain}")
        for domain in ("this", "os", "antigravity", "tests", "xnorforge.__main__", "finn.util", "../x")
    },
    "an operator that ONNX does not know": (lambda: one("Warp"), "not valid ONNX"),
    "an operator of another domain": (lambda: one("Warp", domain="some.vendor"), "domain some.vendor"),
    "a function of its own": (
        lambda: changed(
            lambda m: m.functions.append(
                helper.make_function("local", "Twice", ["a"], ["b"], [node("Relu", ["a"], ["b"])],
                [helper.make_opsetid("", 13)])
            )
        ),
        "defines Twice",
    ),
    # graphs inside
    "an If": (lambda: one("If", then_branch=subgraph(), else_branch=subgraph()), "subgraph"),
    "a Loop": (lambda: one("Loop", body=subgraph()), "subgraph"),
    "a Scan": (lambda: one("Scan", body=subgraph(), num_scan_inputs=1), "subgraph"),
    "graphs in a plain node": (lambda: one("Relu", g=[subgraph()]), "subgraph"),
    # attributes
    **{
        f"{name} {given}": (lambda name=name, given=given: convolved(**{name: given}), f"has {name} = ")
        for name, given in [
            ("strides", [0, 0]), ("strides", [1, 0]), ("strides", [-1, 1]), ("strides", [1 << 40, 1]),
            ("dilations", [0, 0]), ("dilations", [-2, 1]), ("dilations", [BIG, BIG]),
            ("group", 0), ("group", -1), ("group", 1 << 50),
            ("pads", [-1, 0, 0, 0]), ("pads", [0, 0, 0, 1 << 31]), ("pads", [1 << 62] * 4),
        ]
    },
    **{
        f"kernel_shape {sizes}": (lambda sizes=sizes: kernel(sizes), "has kernel_shape = ")
        for sizes in ([0, 0], [3, 0], [-3, 3], [1 << 33, 3])
    },
    "an attribute twice": (lambda: changed(twice("kernel_shape")), "has the attribute kernel_shape twice"),
    "an attribute that is not known": (lambda: convolved(colour=3), "not valid ONNX"),
    "an attribute of another type": (lambda: convolved(auto_pad=3), "not valid ONNX"),
    "an attribute of text": (lambda: convolved(strides="one"), "not valid ONNX"),
    "an attribute that refers elsewhere": (
        lambda: changed(
            lambda m: convolution(m).attribute.append(
                AttributeProto(name="group", type=AttributeProto.INT, ref_attr_name="x")
            )
        ),
        "refers to an attribute of a function",
    ),
    "an infinite attribute": (lambda: one("LeakyRelu", alpha=float("inf")), "has alpha = inf"),
    "an attribute that is no number": (lambda: one("LeakyRelu", alpha=float("nan")), "has alpha = nan"),
    "a factor that is no number": (
        lambda: one("MultiThreshold", ("t", F([[0]] * 4)), domain=QONNX, out_scale=float("inf")),
        "has out_scale = inf",
    ),
    **{
        f"a pool with {name} {given}": (
            lambda name=name, given=given: one("MaxPool", **{"kernel_shape": [2, 2], name: given}),
            f"has {name} = ",
        )
        for name, given in [("strides", [0, 1]), ("kernel_shape", [0, 2]), ("pads", [0, 0, -1, 0]),
                            ("dilations", [0, 1]), ("kernel_shape", [1 << 40, 1])]
    },
    "a constant missing": (lambda: plain(between=[node("Add", ["t1"], ["t2"])]), "not valid ONNX"),
    # sizes
    **{
        f"an input of {dims}": (lambda dims=dims: changed(shaped(dims)), words)
        for dims, words in [
            ([1, BIG, 6, 6], NO_SHAPE), ([1, 1 << 14, 1 << 14, 4], NO_SHAPE),
            ([1, -4, 6, 6], "has the shape"),
            ([1, 0, 6, 6], "dynamic shape"), ([], "dynamic shape"), ([1 << 40, 4, 6, 6], NO_SHAPE),
        ]
    },
    "an input that is a sequence": (
        lambda: changed(
            lambda m: m.graph.input[0].CopyFrom(
                helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1, 4])
            )
        ),
        "not a tensor",
    ),
    "ConstantOfShape of 2^40": (
        lambda: added(node("ConstantOfShape", ["s"], ["plus"]), constants=[("s", WHOLE([1 << 20, 1 << 20]))]),
        NO_SHAPE,
    ),
    "ConstantOfShape of a computed shape": (
        lambda: added(
            node("Mul", ["s", "s"], ["s2"]), node("ConstantOfShape", ["s2"], ["plus"]),
            constants=[("s", WHOLE([1 << 15, 1 << 15]))],
        ),
        NO_SHAPE,
    ),
    "ConstantOfShape of a negative size": (
        lambda: added(node("ConstantOfShape", ["s"], ["plus"]), constants=[("s", WHOLE([-5, 2]))]),
        "non-negative",
    ),
    "Expand to 2^40": (
        lambda: added(node("Expand", ["v", "s"], ["plus"]), constants=[("v", F(1)), ("s", WHOLE([1 << 40]))]),
        NO_SHAPE,
    ),
    "Tile of 2^40": (
        lambda: added(
            node("Tile", ["v", "s"], ["plus"]), constants=[("v", F([[1, 1]])), ("s", WHOLE([1 << 39, 1]))]
        ),
        NO_SHAPE,
    ),
    "Range of 2^40": (
        lambda: added(
            node("Range", ["a", "b", "c"], ["plus"]),
            constants=[("a", WHOLE(0)), ("b", WHOLE(1 << 40)), ("c", WHOLE(1))],
        ),
        NO_SHAPE,
    ),
    "Range without a step": (
        lambda: added(
            node("Range", ["a", "b", "c"], ["plus"]), constants=[("a", F(0)), ("b", F(5)), ("c", F(0))]
        ),
        "can not be zero",
    ),
    "Pad of a constant by 2^40": (
        lambda: added(
            node("Pad", ["v", "s"], ["plus"]), constants=[("v", F([1])), ("s", WHOLE([0, 1 << 40]))]
        ),
        NO_SHAPE,
    ),
    "OneHot of 2^40": (
        lambda: added(
            node("OneHot", ["i", "d", "v"], ["plus"]),
            constants=[("i", WHOLE([1])), ("d", WHOLE(1 << 40)), ("v", F([0, 1]))],
        ),
        NO_SHAPE,
    ),
    "EyeLike of 2^30": (
        lambda: added(
            node("ConstantOfShape", ["s"], ["z"]), node("EyeLike", ["z"], ["plus"]),
            constants=[("s", WHOLE([1 << 15, 1 << 15]))],
        ),
        NO_SHAPE,
    ),
    "RandomNormal of 2^40": (
        lambda: added(node("RandomNormal", [], ["plus"], shape=[1 << 20, 1 << 20])),
        NO_SHAPE,
    ),
    "random constants": (lambda: added(node("RandomNormal", [], ["plus"], shape=[1])), "random"),
    "forty doublings": (
        lambda: added(
            *(node("Concat", [f"v{k}", f"v{k}"], [f"v{k + 1}"], axis=0) for k in range(40)),
            node("ReduceSum", ["v40"], ["plus"]),
            constants=[("v0", F([1, 2]))],
        ),
        NO_SHAPE,
    ),
    "Resize by 2^20": (
        lambda: one("Resize", ("roi", F([])), ("by", F([1, 1, 1 << 20, 1 << 20])), mode="nearest"),
        NO_SHAPE,
    ),
    "Resize to a negative size": (
        lambda: one("Resize", ("roi", F([])), ("by", F([1, 1, -1, -1])), mode="nearest"),
        "[1, 4, -6, -6]",
    ),
    "Resize by nothing": (
        lambda: one("Resize", ("roi", F([])), ("by", F([1, 1, 0, 0])), mode="nearest"),
        "[1, 5, -2, -2]",
    ),
    "Pad by 2^31": (lambda: one("Pad", ("s", WHOLE([0, 0, 0, 0, 0, 0, BIG, 0]))), NO_SHAPE),
    "Expand of an activation": (lambda: one("Expand", ("s", WHOLE([1 << 20, 4, 6, 6]))), NO_SHAPE),
    "Tile of an activation": (lambda: one("Tile", ("s", WHOLE([1, 1 << 20, 2, 1]))), NO_SHAPE),
    "Reshape to a size that is none": (lambda: one("Reshape", ("s", WHOLE([1, 7]))), "cannot run this"),
    "Reshape with two open sizes": (lambda: one("Reshape", ("s", WHOLE([-1, -1]))), "multiple -1"),
    "Gather beyond the end": (lambda: one("Gather", ("s", WHOLE([99])), axis=1), "use 0 .. 3"),
    "Transpose of five axes": (lambda: one("Transpose", perm=[0, 1, 2, 3, 4]), "Invalid attribute perm"),
    "Concat along axis 9": (lambda: one("Concat", ("c", np.ones(INPUT, F)), axis=9), "axis must be in"),
    "Flatten from axis -9": (lambda: one("Flatten", axis=-9), "Invalid value"),
    # quantisers
    **{
        f"Quant of {bits:g} bits": (
            lambda bits=bits: one("Quant", ("s", F(1)), ("z", F(0)), ("b", F(bits)), domain=QONNX, signed=1),
            words,
        )
        for bits, words in [(1e9, "bits"), (64, "bits"), (33, "bits"), (17, "16 bits or fewer"), (0, "bits"),
                            (-3, "bits"), (2.5, "bits"), (np.nan, "is nan"), (np.inf, "is inf")]
    },
    **{
        f"Quant of scale {scale:g}": (
            lambda scale=scale: one("Quant", ("s", F(scale)), ("z", F(0)), ("b", F(4)), domain=QONNX),
            words,
        )
        for scale, words in [(0, "scale is 0"), (-1, "scale is -1"), (np.nan, "is nan"), (np.inf, "is inf")]
    },
    "Quant without inputs": (
        lambda: plain(between=[node("Quant", ["t1"], ["t2"], domain=QONNX)]),
        "has 1 inputs but needs 4",
    ),
    "Quant of a zero-point of 2^100": (
        lambda: one("Quant", ("s", F(1)), ("z", F(2.0**100)), ("b", F(4)), domain=QONNX, signed=1),
        "narrow",
    ),
    "Quant with a rounding mode of bytes": (
        lambda: one("Quant", ("s", F(1)), ("z", F(0)), ("b", F(4)), domain=QONNX, rounding_mode=b"\xff\xfe"),
        "rounding_mode = ",
    ),
    "Trunc of 1e9 bits": (
        lambda: one("Trunc", ("s", F(1)), ("z", F(0)), ("i", F(1e9)), ("o", F(2)), domain=QONNX),
        "bits",
    ),
    "BipolarQuant of scale 0": (lambda: one("BipolarQuant", ("s", F(0)), domain=QONNX), "scale is 0"),
    "MultiThreshold of scale 0": (
        lambda: one("MultiThreshold", ("t", F([[0]] * 4)), domain=QONNX, out_dtype="UINT1", out_scale=0.0),
        "out_scale is 0",
    ),
    "MultiThreshold of another size": (
        lambda: one("MultiThreshold", ("t", F([[0]] * 3)), domain=QONNX, out_dtype="UINT1"),
        "[3, 1]",
    ),
    "MultiThreshold with words for numbers": (
        lambda: one("MultiThreshold", ("t", F([[0]] * 4)), domain=QONNX, out_dtype="UINT1", out_bias="x"),
        "not of type FLOAT",
    ),
    "Quant that is signed in words": (
        lambda: one("Quant", ("s", F(1)), ("z", F(0)), ("b", F(4)), domain=QONNX, signed="yes"),
        "not of type INT",
    ),
    "an input of strings": (
        lambda: changed(
            lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", TensorProto.STRING)
        ),
        "tensor(string)",
    ),
    "an input of no type": (
        lambda: changed(lambda m: setattr(m.graph.input[0].type.tensor_type, "elem_type", 0)),
        "unknown",
    ),
}  # fmt: skip


def around(folder: Path) -> None:
    """What lies beside a model in the cases of external data."""
    import os

    (folder / "short").write_bytes(b"abc")
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")


def listing(folder: Path) -> set[str]:
    """Everything below a folder, but for the notes of processes that lock folders."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*")}
    return {name for name in found if not name.startswith("out/.cache")}
