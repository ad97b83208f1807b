"""ONNX files that nobody should have made: edits of a small network that builds, and words of the answer.

The network: (1, 4, 6, 6) -> sign -> 3x3 convolution -> sign."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

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
F, WHOLE, node, tensor = np.float32, np.int64, helper.make_node, helper.make_tensor_value_info
ELEMENTS = 1 << 20  # the limit under which the table is run
stored = ModelProto.SerializeToString
NO_SHAPE, BIG, FAR = "has more than 1,048,576 numbers", 1 << 31, 1 << 40


def plain(names: dict[str, str] | None = None) -> ModelProto:
    """The network that builds; `names`: other names of tensors and nodes."""
    weights = np.random.default_rng(0).choice([-1, 1], WEIGHTS).astype(F)
    nodes = [
        node("BipolarQuant", ["x", "one"], ["t1"], "n0", domain=QONNX),
        node("Identity", ["t1"], ["t2"], "n1"),
        node("BipolarQuant", ["w", "one"], ["wq"], "n2", domain=QONNX),
        node("Conv", ["t2", "wq"], ["t3"], "n3", kernel_shape=[3, 3]),
        node("BipolarQuant", ["t3", "one"], ["y"], "n4", domain=QONNX),
    ]
    ends = [[tensor(name, TensorProto.FLOAT, size)] for name, size in (("x", INPUT), ("y", OUTPUT))]
    constants = [numpy_helper.from_array(F(1), "one"), numpy_helper.from_array(weights, "w")]
    sets = [helper.make_opsetid("", 13), helper.make_opsetid(QONNX, 1)]
    graph = helper.make_graph(nodes, "g", *ends, constants)
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    names, graph = names or {}, model.graph
    for entry in (*graph.node, *graph.input, *graph.output, *graph.initializer):
        if entry.name in names:
            entry.name = names[entry.name]
    for given in (ends for entry in graph.node for ends in (entry.input, entry.output)):
        given[:] = [names.get(name, name) for name in given]
    return model


def between(model: ModelProto, nodes: Iterable[NodeProto], **constants) -> ModelProto:
    """The network with nodes from "t1" to "t2" behind its first sign."""
    first, _, *others = model.graph.node
    del model.graph.node[:]
    model.graph.node.extend([first, *nodes, *others])
    given = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model.graph.initializer.extend(given)
    return model


def in_a_row(count: int, step: Callable[[str, str], Iterable[NodeProto]], **constants) -> ModelProto:
    """A network with so many steps from tensor to tensor behind its first sign."""
    names = ["t1", *(f"k{at}" for at in range(count - 1)), "t2"]
    return between(plain(), (one for pair in pairwise(names) for one in step(*pair)), **constants)


def nested(depth: int) -> bytes:
    """A graph in an attribute of a node of a graph in an attribute …; each length is right."""
    inner = b"\x0a\x00"
    for tag in b"\x32\x2a\x0a" * depth + b"\x3a":  # graph, its attribute, its node; the graph of all
        inner = bytes([tag]) + TensorProto(raw_data=inner).SerializeToString()[1:]
    return inner


WHOLE_FILE = stored(plain())
BYTES = {
    "zeros": bytes(1000), "ones": b"\xff" * 1000, "messages inside messages": nested(200),
    **{f"cut at {percent} %": WHOLE_FILE[: len(WHOLE_FILE) * percent // 100]
       for percent in (1, 5, 10, 25, 75, 90, 99)},
}  # fmt: skip


def edited(edit: str) -> ModelProto:
    """The network `m` after a statement was at it; `g`, `w`, `x`, `conv`: graph, weights, input, convolution.

    `put` places nodes behind the first sign, `one` a single operator; `plus` and `made` add to that sign what
    they make. Of what operators are given by name, arrays are constants and the rest attributes."""
    model = plain()
    graph = model.graph

    def put(*nodes: NodeProto, **constants) -> None:
        between(model, nodes, **constants)

    def plus(*nodes: NodeProto, **constants) -> None:
        put(*nodes, node("Add", ["t1", "plus"], ["t2"]), **constants)

    def apply(put, ends, op, domain="", **given):
        constants = {name: one for name, one in given.items() if isinstance(one, np.ndarray | np.generic)}
        attributes = {name: one for name, one in given.items() if name not in constants}
        domain = QONNX if op in ("Quant", "Trunc", "BipolarQuant", "MultiThreshold") else domain
        put(node(op, [*ends[:-1], *constants], ends[-1:], domain=domain, **attributes), **constants)

    def give(entry: NodeProto, **attributes) -> None:
        left = [one for one in entry.attribute if one.name not in attributes]
        del entry.attribute[:]
        entry.attribute.extend([*left, *(helper.make_attribute(*item) for item in attributes.items())])

    def outside(location: str, **more: str) -> None:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            weights.external_data.add(key=key, value=value)

    weights, convolution = graph.initializer[1], graph.node[3]
    parts = {
        "m": model, "g": graph, "w": weights, "x": graph.input[0], "conv": convolution,
        "put": put, "plus": plus, "give": give, "outside": outside,
        "one": lambda op, **given: apply(put, ["t1", "t2"], op, **given),
        "made": lambda op, **given: apply(plus, ["plus"], op, **given),
        "quant": lambda bits=4.0, scale=1.0, zero=0.0, **given: apply(
            put, ["t1", "t2"], "Quant", s=F(scale), z=F(zero), b=F(bits), **given),
        "inf": np.inf, "nan": np.nan, "ops": helper.make_opsetid,
        "branch": helper.make_graph(
            [node("Identity", ["t1"], ["in"])], "branch", [], [tensor("in", TensorProto.FLOAT, INPUT)]),
    }  # fmt: skip
    exec(edit, globals() | parts)
    return model


# {edit: words of the answer}
MODELS: dict[str, str] = {
    # constants
    "w.data_type = TensorProto.STRING": "'w' contains strings",
    "w.data_type = 0": "(0)", "w.data_type = 99": "(99)",
    "w.dims[0] = BIG": NO_SHAPE, "w.dims[:] = [BIG, BIG]": NO_SHAPE,
    "w.dims[0] = -1": "has the shape [-1, 4, 3, 3]",
    "w.dims[0] = 0": "[0, 4, 3, 3] is empty", "w.dims[1] = 0": "[5, 0, 3, 3] is empty",
    **{f"w.raw_data = bytes({size})": f"has {size} bytes" for size in (0, 719, 724)},
    **{f"w.raw_data = F([{value}] * 180).tobytes()": f"is {value} at" for value in ("nan", "inf")},
    "w.ClearField('raw_data'), w.float_data.append(1)": "number of elements",
    "g.sparse_initializer.add()": "it has sparse constants",
    "conv.attribute.add(name='s', type=11).sparse_tensor.SetInParent()": "has a sparse constant",
    # external data
    **{f"outside({where!r})": "outside the model's folder"
       for where in ("/etc/passwd", "../secret", "a/../../secret", "", "/dev/zero", "//etc/hosts", "link")},
    "outside('pipe')": "regular file", "outside('none.bin')": "'none.bin' is missing",
    "outside('folder')": "a folder",
    **{f"outside('short', {more})": "has 3 bytes"
       for more in ("", "offset='2', length='720'", "offset='-1'", "offset='x'", "length='9' * 5000")},
    # names and order
    "g.output[0].name = 'nothing'": "output 'nothing'",
    "g.output.append(g.output[0])": "'y' is the name of 2 tensors",
    "g.input.append(g.input[0])": "'x' is the name of 2 tensors",
    "g.initializer.append(w)": "'w' is the name of 2 tensors",
    **{f"[g.{what}.add(name=f'more{{k}}') for k in range(1000)]":
       f"has 1,001 {what}s … 100 … XNORFORGE_MAX_PORTS" for what in ("input", "output")},
    "g.node.append(node('Relu', ['t1'], ['y']))": "'y' is the name of 2 tensors",
    **{f"g.node.append(node('Relu', ['t1'], ['{name}']))": f"'{name}' is an operator's output"
       for name in ("w", "x")},
    "g.initializer.append(numpy_helper.from_array(F(1), ''))": "a tensor has no name",
    "g.node.append(node('Relu', ['t1'], []))": "Relu has no output",
    "put(node('Relu', ['t2'], ['t2'], 'r'))": "own result",
    "put(node('Add', ['t1', 'b'], ['t2']), node('Relu', ['t2'], ['b']))": "own result",
    "put(node('Add', ['t1', 'lost'], ['t2']))": "'lost'",
    **{f"{part}.ClearField('{field}')": "without nodes"
       for part, field in (("g", "output"), ("g", "node"), ("m", "graph"))},
    # operator sets and domains
    "m.ClearField('opset_import')": "operator sets are none",
    **{f"m.opset_import[0].version = {version}": "its operator sets are" for version in (0, -1, 99, 1 << 62)},
    "m.opset_import.append(ops('', 11))": "its operator sets are",
    **{f"one('Relu', domain={domain!r})": f"domain {domain} … operators of ONNX"
       for domain in ("this", "os", "antigravity", "tests", "xnorforge.__main__", "finn.util", "../x",
                      "some.vendor")},
    "one('Warp')": "not valid ONNX", "m.functions.add(domain='local', name='Twice')": "defines Twice",
    # layers without an exact form
    "one('Sqrt')": "Sqrt … norm … BatchNormalization",
    "one('QuantLSTMCell', domain=QONNX)": "QuantLSTMCell … unroll",
    "put(node('MatMul', ['t1', 't1'], ['t2'], 'scores'))": "scores (MatMul) … attention … constants",
    "put(node('ReduceMax', ['t1'], ['k'], axes=[1, 2, 3], keepdims=0), node('Cast', ['k'], ['i'], to=7), "
    "node('Gather', ['w', 'i'], ['t2'], 'e'))": "e (Gather) … embedding",
    # graphs inside
    **{f"one({text})": "subgraph" for text in (
        "'If', then_branch=branch, else_branch=branch", "'Loop', body=branch",
        "'Scan', body=branch, num_scan_inputs=1", "'Relu', g=branch")},
    # attributes
    **{f"give(conv, {name}={given})": f"has {name} = "
       for name, values in {
           "strides": ([0, 0], [1, 0], [-1, 1], [FAR, 1]), "dilations": ([0, 0], [-2, 1], [BIG, BIG]),
           "group": (0, -1, 1 << 50), "pads": ([-1, 0, 0, 0], [0, 0, 0, BIG], [1 << 62] * 4),
           "kernel_shape": ([0, 0], [3, 0], [-3, 3], [1 << 33, 3]),
       }.items() for given in values},
    "conv.attribute.append(conv.attribute[0])": "has the attribute kernel_shape twice",
    **{f"give(conv, {given})": "not valid ONNX" for given in ("colour=3", "auto_pad=3", "strides='one'")},
    "conv.attribute.add(name='group', type=2, ref_attr_name='x')": "refers to an attribute of a function",
    **{f"one('LeakyRelu', alpha={value})": f"has alpha = {value}" for value in ("inf", "nan")},
    "one('MultiThreshold', t=F([[0]] * 4), out_scale=inf)": "has out_scale = inf",
    **{f"one('MaxPool', **{{'kernel_shape': [2, 2], '{name}': {given}}})": f"has {name} = "
       for name, given in [("strides", [0, 1]), ("kernel_shape", [0, 2]), ("pads", [0, 0, -1, 0]),
                           ("dilations", [0, 1]), ("kernel_shape", [FAR, 1])]},
    "one('Add')": "not valid ONNX",
    # sizes
    **{f"x.CopyFrom(tensor('x', 1, {dims}))": words
       for dims, words in [
           ([1, BIG, 6, 6], NO_SHAPE), ([1, 1 << 14, 1 << 14, 4], NO_SHAPE), ([FAR, 4, 6, 6], NO_SHAPE),
           ([1, -4, 6, 6], "has the shape"), ([1, 0, 6, 6], "dynamic shape"), ([], "dynamic shape")]},
    "x.CopyFrom(helper.make_tensor_sequence_value_info('x', 1, [1, 4]))": "not a tensor",
    "made('ConstantOfShape', s=WHOLE([1 << 20, 1 << 20]))": NO_SHAPE,
    "plus(node('Mul', ['s', 's'], ['t']), node('ConstantOfShape', ['t'], ['plus']), s=WHOLE([1 << 15] * 2))":
        NO_SHAPE,
    "made('ConstantOfShape', s=WHOLE([-5, 2]))": "non-negative",
    "made('Expand', v=F(1), s=WHOLE([FAR]))": NO_SHAPE,
    "made('Tile', v=F([[1, 1]]), s=WHOLE([1 << 39, 1]))": NO_SHAPE,
    "made('Range', a=WHOLE(0), b=WHOLE(FAR), c=WHOLE(1))": NO_SHAPE,
    "made('Range', a=F(0), b=F(5), c=F(0))": "can not be zero",
    "made('Pad', v=F([1]), s=WHOLE([0, FAR]))": NO_SHAPE,
    "made('OneHot', i=WHOLE([1]), d=WHOLE(FAR), v=F([0, 1]))": NO_SHAPE,
    "plus(node('ConstantOfShape', ['s'], ['z']), node('EyeLike', ['z'], ['plus']), s=WHOLE([1 << 15] * 2))":
        NO_SHAPE,
    "made('RandomNormal', shape=[1 << 20, 1 << 20])": NO_SHAPE, "made('RandomNormal', shape=[1])": "random",
    "plus(*(node('Concat', [f'v{k}'] * 2, [f'v{k + 1}'], axis=0) for k in range(40)),"
    "node('ReduceSum', ['v40'], ['plus']), v0=F([1, 2]))": NO_SHAPE,
    **{f"one('Resize', roi=F([]), by=F([1, 1, {by}, {by}]), mode='nearest')": words
       for by, words in [(1 << 20, NO_SHAPE), (-1, "[1, 4, -6, -6]"), (0, "[1, 5, -2, -2]")]},
    "one('Pad', s=WHOLE([0, 0, 0, 0, 0, 0, BIG, 0]))": NO_SHAPE,
    "one('Expand', s=WHOLE([1 << 20, 4, 6, 6]))": NO_SHAPE,
    "one('Tile', s=WHOLE([1, 1 << 20, 2, 1]))": NO_SHAPE,
    "one('Reshape', s=WHOLE([1, 7]))": "cannot run this",
    "one('Reshape', s=WHOLE([-1, -1]))": "multiple -1",
    "one('Gather', s=WHOLE([99]), axis=1)": "use 0 .. 3",
    "one('Transpose', perm=[0, 1, 2, 3, 4])": "Invalid attribute perm",
    "one('Concat', c=np.ones(INPUT, F), axis=9)": "axis must be in",
    "one('Flatten', axis=-9)": "Invalid value",
    # quantisers
    **{f"quant({bits}, signed=1)": words
       for bits, words in [(1e9, "bits"), (64, "bits"), (33, "bits"), (17, "16 bits or fewer"), (0, "bits"),
                           (-3, "bits"), (2.5, "bits"), (np.nan, "is nan"), (np.inf, "is inf")]},
    **{f"quant(scale={scale})": words
       for scale, words in [(0, "scale is 0"), (-1, "scale is -1"), (np.nan, "is nan"), (np.inf, "is inf")]},
    "one('Quant')": "has 1 inputs but needs 4", "quant(zero=2.0**100, signed=1)": "narrow",
    "quant(rounding_mode=b'\\xff\\xfe')": "rounding_mode = ",
    "one('Trunc', s=F(1), z=F(0), i=F(1e9), o=F(2))": "bits",
    "one('BipolarQuant', s=F(0))": "scale is 0", "quant(signed='yes')": "not of type INT",
    "one('MultiThreshold', t=F([[0]] * 4), out_dtype='UINT1', out_scale=0.0)": "out_scale is 0",
    "one('MultiThreshold', t=F([[0]] * 3), out_dtype='UINT1')": "[3, 1]",
    "one('MultiThreshold', t=F([[0]] * 4), out_dtype='UINT1', out_bias='x')": "not of type FLOAT",
    "x.type.tensor_type.elem_type = TensorProto.STRING": "tensor(string)",
    "x.type.tensor_type.elem_type = 0": "unknown",
}  # fmt: skip
