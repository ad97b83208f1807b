"""Networks drawn at random: with one to three inputs and outputs, of which the accelerator takes one frame
and gives one result; and with tensors in any order: channels last, tokens, vectors as images, maps as
vectors. Graphs of thousands of nodes: clean-up and numbers are qonnx's, and the work grows with the graph."""

import copy
import cProfile
import pstats
from math import prod

import numpy as np
import onnx
import pytest
from draws import Draws
from graphs import QONNX, Graph
from onnx import TensorProto, helper
from pipeline import imported, raced, seeds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.change_batchsize import ChangeBatchSize
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model
from random_graphs import Pictures
from scipy.special import log_softmax, softmax

import xnorforge
from xnorforge.core.errors import UserError
from xnorforge.core.indexed_model import indexed
from xnorforge.flows.clean_up import cleaned_up
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.qonnx_execution import execution_of, qonnx_tensors
from xnorforge.hw.bind import bind_folder
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import results_of
from xnorforge.sim.machine import scored

FRAMES = 4


class Several(Draws):
    """A network drawn from a seed: `model`, and `given` {input: integers (N, *shape)}."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        self.graph, self.given, ends = Graph((1,), seed), {}, []
        self.graph.inputs = []
        for k in range(int(self.rng.integers(1, 4))):
            ends.append(self.branch(f"in{k}"))
        trunk = self.graph.node("Concat", inputs=ends, axis=1).at if len(ends) > 1 else ends[0]
        self.length, self.outputs = 12 * len(ends), {}
        for k in range(int(self.rng.integers(1 + (len(ends) == 1), 4))):
            self.graph.at = trunk
            self.head(f"out{k}")
        self.model = self.saved()

    def branch(self, name: str) -> str:
        """An image, a row or a vector of pixels or of signed integers, to twelve bits."""
        shape, signed = self.pick((2, 4, 3), (1, 5, 5), (3, 6), (7,)), self.chance(0.3)
        low, high = (-128, 128) if signed else (0, 256)
        self.given[name] = self.rng.integers(low, high, (FRAMES, *shape))
        self.graph.at = name
        self.graph.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape]))
        self.graph.quant(0.25 if signed else 1.0, 8, signed=int(signed))
        if len(shape) > 1:
            inputs, *sides = shape
            self.graph.node("Conv", self.graph.weights(4, inputs, *[2] * len(sides))).sign().node("Flatten")
            shape = (4, *(side - 1 for side in sides))
        return self.graph.node("MatMul", self.graph.weights(prod(shape), 12)).sign().at

    def head(self, name: str) -> None:
        """Scores, or a small map of them."""
        classes = int(self.rng.integers(2, 5))
        if self.chance(0.7):
            self.graph.node("MatMul", self.graph.weights(self.length, classes))
            shape = (classes,)
        else:
            self.graph.node("MatMul", self.graph.weights(self.length, 24)).sign()
            self.graph.node("Reshape", np.array([1, 4, 2, 3], np.int64))
            self.graph.node("Conv", self.graph.weights(classes, 4, 1, 1))
            shape = (classes, 2, 3)
        tail = self.pick("Identity", "Identity", "Softmax", "LogSoftmax")
        axis = {} if tail == "Identity" else {"axis": 1}
        self.graph.nodes.append(helper.make_node(tail, [self.graph.at], [name], **axis))
        self.outputs[name] = shape

    def saved(self) -> onnx.ModelProto:
        value, shapes = helper.make_tensor_value_info, self.outputs.items()
        ends = [value(name, TensorProto.FLOAT, [1, *shape]) for name, shape in shapes]
        model = self.graph.onnx((1,))
        del model.graph.input[:], model.graph.output[:]
        model.graph.input.extend(self.graph.inputs)
        model.graph.output.extend(ends)
        return model

    def wanted(self) -> dict[str, np.ndarray]:
        """What qonnx computes for the inputs by themselves."""
        model = cleanup_model(ModelWrapper(copy.deepcopy(self.model)))  # gives other names
        inputs, outputs = ([one.name for one in given] for given in (model.graph.input, model.graph.output))
        values, found = [self.values(name) for name in self.given], []
        for at in range(FRAMES):
            out = execute_onnx(model, {name: x[at : at + 1] for name, x in zip(inputs, values)})
            found.append([out[name] for name in outputs])
        return {name: np.concatenate(parts) for name, parts in zip(self.outputs, zip(*found))}

    def values(self, name: str) -> np.ndarray:
        x = self.given[name]
        return x.astype(np.float32) * np.float32(0.25 if x.min() < 0 else 1)


@pytest.mark.quick("1")
@pytest.mark.parametrize("seed", seeds(6, 60))
def test_every_output_is_that_of_qonnx(seed, tmp_path):
    """RTL and bit simulator, at any pace."""
    net = Several(seed)
    onnx.save(net.model, tmp_path / "net.onnx")
    record = import_model(tmp_path / "net.onnx", frames_of(net), [], tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    golden, scale = np.load(tmp_path / "golden.npz"), np.load(tmp_path / "lowered.npz")
    _, flowing = raced(bind_folder(tmp_path), golden["images"], seed, tmp_path)
    answers = scored(flowing.output.reshape(FRAMES, -1), scale["scale"], scale["bias"])
    found = with_functions(record["ports"], results_of(record["ports"], answers))
    for name, scores in net.wanted().items():
        np.testing.assert_allclose(found[name], scores, atol=1e-5 * max(1, abs(scores).max()))


def with_functions(ports: dict, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs as the host makes them of their scores."""
    own = {"softmax": softmax, "log_softmax": log_softmax, None: lambda x, axis: x}
    return {one["name"]: own[one["function"]](found[one["name"]], axis=1) for one in ports["outputs"]}


def frames_of(net: Several) -> np.ndarray:
    """One input as it is; several one behind the other, channels of images last."""
    if len(net.given) == 1:
        return next(iter(net.given.values()))
    parts = [np.moveaxis(x, 1, -1) if x.ndim > 2 else x for x in net.given.values()]
    return np.concatenate([x.reshape(FRAMES, -1) for x in parts], 1)


def test_the_work_of_an_import_grows_with_the_number_of_inputs(tmp_path):
    """By the calls of Python for n, 2n and 4n inputs, of which one is read; they were cubic."""
    calls = {}
    for count in (25, 25, 50, 100):  # the first fills what is kept for the next
        net = Graph((4,)).sign()
        model = net.node("MatMul", net.weights(4, 3)).model((3,)).model
        for k in range(1, count):
            model.graph.input.append(helper.make_tensor_value_info(f"x{k}", TensorProto.FLOAT, [1, 4]))
        onnx.save(model, tmp_path / "net.onnx")
        with cProfile.Profile() as profile:
            import_model(tmp_path / "net.onnx", np.ones((3, 4 * count), np.uint8), [], tmp_path)
        calls[count] = pstats.Stats(profile).total_calls
    assert calls[100] - calls[50] < 2.2 * (calls[50] - calls[25]), calls


def test_an_accelerator_takes_inputs_and_gives_outputs_by_their_names(stages_here, tmp_path):
    seed = next(k for k in range(99) if len(Several(k).given) > 1 and len(Several(k).outputs) > 1)
    net = Several(seed)
    onnx.save(net.model, tmp_path / "net.onnx")
    built = xnorforge.build(tmp_path / "net.onnx", folder=tmp_path / "out", until="fold")
    found = built.scores({name: net.values(name) for name in net.given})
    shapes = {name: (FRAMES, *shape) for name, shape in net.outputs.items()}
    assert {name: x.shape for name, x in found.items()} == shapes
    found = with_functions(built.ports, found)
    for name, scores in net.wanted().items():
        np.testing.assert_allclose(found[name], scores, atol=1e-5 * max(1, abs(scores).max()))
        np.testing.assert_array_equal(built.predict(net.given)[name], scores.argmax(1))
    with pytest.raises(UserError):
        built.scores(dict(list(net.given.items())[1:]))


IMAGES = 4


class Drawn(Pictures):
    """A network from a seed, with tensors in any order; of some `pixels` are channels first all the same."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        c, h, w = (int(x) for x in self.rng.integers(2, 6, 3))
        self.shape = [c, h, w]  # of the tensor, channels first
        entry = self.pick("first", "rows last", "last", "tokens", "vector")
        own = {"first": (c, h, w), "last": (h, w, c), "rows last": (h, c), "tokens": (h, c),
               "vector": (c * h * w,)}[entry]  # fmt: skip
        self.graph = Graph(own, seed)
        self.pixels = self.rng.integers(0, 256, (IMAGES, *own)).astype(np.uint8)
        if entry in ("last", "rows last") and self.chance(0.5):
            self.pixels = np.moveaxis(self.pixels, -1, 1)
        if entry == "last":
            self.transpose(3, 1, 2)
        elif entry == "rows last":
            self.transpose(2, 1).reshape(c, 1, h)
        elif entry == "tokens":
            self.graph.node("MatMul", self.graph.weights(c, 4)).sign()
            self.transpose(2, 1).reshape(4, 1, h)
        elif entry == "vector":
            self.reshape(c, h, w)
        self.conv()
        for _ in range(int(self.rng.integers(1, 4))):
            self.pick(self.moved, self.reshaped, self.through_a_vector, self.tokens)()
        self.pick(self.dense, self.flat, self.joined, self.conv)()

    def transpose(self, *axes):
        self.graph.node("Transpose", perm=[0, *axes])
        return self

    def reshape(self, *shape):
        self.graph.node("Reshape", np.array([1, *shape], np.int64))
        self.shape = list(shape)
        return self

    def conv(self):
        channels, *size = self.shape
        kernel = [min(2, side) for side in size]
        self.graph.node("Conv", self.graph.weights(4, channels, *kernel)).sign()
        self.shape = [4, *(side - k + 1 for side, k in zip(size, kernel))]

    def moved(self):
        """Any exchange of the three axes, in front of a convolution."""
        axes = self.rng.permutation(3)
        self.transpose(*(axes + 1))
        self.shape = [self.shape[axis] for axis in axes]
        self.conv()

    def reshaped(self):
        """An image of any other shape."""
        primes, shape = [n for side in self.shape for n in factors(side)], [1, 1, 1]
        for n in primes:
            shape[int(self.rng.integers(3))] *= n
        self.reshape(*shape)
        self.conv()

    def through_a_vector(self):
        """A dense layer between two images."""
        many = prod(self.shape)
        self.graph.node("Flatten").node("MatMul", self.graph.weights(many, 18)).sign()
        self.reshape(2, 3, 3)
        self.conv()

    def tokens(self):
        """A matrix for every pixel, channels last."""
        self.transpose(2, 3, 1)
        self.graph.node("MatMul", self.graph.weights(self.shape[0], 3)).sign()
        self.shape[0] = 3
        self.transpose(3, 1, 2)

    def dense(self):
        many = prod(self.shape)
        self.graph.node("Flatten").node("MatMul", self.graph.weights(many, 3))
        self.shape = [3]

    def flat(self):
        """Scores of every pixel, as one vector."""
        self.graph.node("Conv", self.graph.weights(2, self.shape[0], 1, 1)).node("Flatten")
        self.shape = [2 * prod(self.shape[1:])]

    def joined(self):
        """Two flattened maps side by side, perhaps in front of a dense layer."""

        def branch(k):
            weights = self.graph.weights(2 + k, self.shape[0], 1, 1)
            self.graph.node("Conv", weights).sign().node("Flatten")
            self.shape = [(2 + k) * prod(self.shape[1:])]

        self.graph.node("Concat", inputs=self.fork(2, branch), axis=1)
        if self.chance(0.5):
            self.graph.node("MatMul", self.graph.weights(self.shape[0], 3))
            self.shape = [3]


def factors(number: int) -> list[int]:
    found, at = [], 2
    while number > 1:
        if number % at:
            at += 1
        else:
            found.append(at)
            number //= at
    return found


@pytest.mark.quick("3")
@pytest.mark.parametrize("seed", seeds(12, 120))
def test_a_network_with_its_elements_in_any_order_is_built_exactly(seed, tmp_path):
    """RTL and bit simulator, at any pace, against the scores of qonnx."""
    drawn = Drawn(seed)
    drawn.model.save(str(tmp_path / "net.onnx"))
    imported(tmp_path / "net.onnx", drawn.pixels, tmp_path, 1.0)
    golden, lowered = np.load(tmp_path / "golden.npz"), np.load(tmp_path / "lowered.npz")
    _, flowing = raced(bind_folder(tmp_path), golden["images"], seed, tmp_path)
    got = flowing.output[..., : lowered["integers"].shape[-1]].reshape(lowered["integers"].shape)
    np.testing.assert_array_equal(got, lowered["integers"])


def test_predict_takes_images_in_either_order(stages_here, tmp_path):
    """Images (6, 5, 3) in, as of Keras; the same scores for them and for (3, 6, 5)."""
    net = Graph((6, 5, 3))
    net.node("Transpose", perm=[0, 3, 1, 2]).node("Conv", net.weights(4, 3, 3, 3)).sign().node("Flatten")
    net.node("MatMul", net.weights(48, 5)).model((5,)).save(str(tmp_path / "net.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (9, 6, 5, 3)).astype(np.uint8)
    given = {"images": images, "folder": tmp_path / "out", "scale": 1.0}
    built = xnorforge.build(tmp_path / "net.onnx", **given, until="fold")
    scores = built.scores(np.moveaxis(images, -1, 1))
    np.testing.assert_array_equal(built.scores(images), scores)
    np.testing.assert_array_equal(np.load(tmp_path / "out/golden.npz")["scores"], scores)
    with pytest.raises(UserError, match="predict"):
        built.scores(images.transpose(0, 2, 1, 3))


def dense(graph, outputs: int) -> Graph:
    """A dense layer of -1 and +1, whose weights a quantiser makes and a Transpose turns."""
    width = graph.width
    weights, at = graph.weights(outputs, width), graph.at
    graph.node("BipolarQuant", np.float32(1), inputs=[graph.given(weights)], domain=QONNX)
    graph.node("Transpose", perm=[1, 0])
    graph.node("MatMul", inputs=[at, graph.at])
    graph.width = outputs
    return graph


class Net(Graph):
    """A graph of vectors."""

    def __init__(self, width: int, seed: int = 0):
        super().__init__((width,), seed)
        self.width = width

    def given(self, values) -> str:
        """A constant by name."""
        self.constants[f"c{len(self.constants)}"] = np.asarray(values)
        return f"c{len(self.constants) - 1}"

    def raw(self, output) -> ModelWrapper:
        """The model as it was written."""
        return ModelWrapper(self.onnx(output), fix_missing_initializer_valueinfo=False)


def random_net(seed: int) -> Net:
    """Three dense layers among factors, sums, functions, reshapes and a shortcut."""
    net = Net(12, seed)
    for _ in range(3):
        for _ in range(int(net.rng.integers(1, 5))):
            kind = net.rng.integers(5)
            if kind == 0:
                net.real("Mul", net.rng.uniform(0.5, 2, net.width))
            elif kind == 1:
                net.node("Add", inputs=[net.given(np.float32(net.rng.normal())), net.at])
            elif kind == 2:
                net.node("Relu")
            elif kind == 3:
                net.node("Reshape", np.array([1, net.width // 2, 2]))
                net.node("Reshape", np.array([1, net.width]))
            else:
                net.norm(net.width)
        net = net.sign() if net.rng.random() < 0.5 else net.quant(0.5, 3)
        before, width = net.at, net.width
        dense(net, int(2 * net.rng.integers(3, 9)))
        if net.width == width:
            net.node("Add", inputs=[net.at, before])
    return net


@pytest.mark.parametrize("seed", range(12))
def test_the_clean_up_is_that_of_qonnx(seed):
    net = random_net(seed)
    wanted, found = (clean(ModelWrapper(net.onnx((net.width,)))) for clean in (cleanup_model, cleaned_up))
    for field in ("node", "initializer", "input", "output", "value_info", "quantization_annotation"):
        entries = [getattr(model.graph, field) for model in (wanted, found)]
        one, other = ([entry.SerializeToString(deterministic=True) for entry in some] for some in entries)
        assert one == other if field == "node" else sorted(one) == sorted(other), field


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("images", [1, 3])
def test_every_tensor_is_that_of_qonnx_execution(seed, images):
    net = random_net(seed)
    model = cleanup_model(net.raw((net.width,)))
    inputs = net.rng.normal(0, 100, (images, 12)).astype(np.float32)
    batched = model.transform(ChangeBatchSize(images)).transform(InferShapes())
    wanted = execute_onnx(batched, {"global_in": inputs}, return_full_exec_context=True)
    found = qonnx_tensors(model, inputs)
    for name in (name for node in model.graph.node for name in node.output):
        np.testing.assert_array_equal(found[name], wanted[name])


def test_the_index_answers_as_qonnx():
    net = random_net(3)
    model = cleanup_model(net.raw((net.width,)))
    found = indexed(model)
    for name in {name for node in model.graph.node for name in (*node.input, *node.output)}:
        assert found.get_tensor_shape(name) == model.get_tensor_shape(name)
        assert found.get_tensor_datatype(name) == model.get_tensor_datatype(name)
        assert found.find_producer(name) == model.find_producer(name)
        assert list(found.find_consumers(name)) == model.find_consumers(name)
        np.testing.assert_array_equal(found.get_initializer(name), model.get_initializer(name))
    assert [found.get_node_index(node) for node in model.graph.node] == list(range(len(model.graph.node)))


def chain(length: int) -> Net:
    """So many Mul, Add and Relu in front of a sign and a dense layer."""
    net = Net(8)
    for place in range(length):
        if place % 3 == 2:
            net.node("Relu")
        else:
            net.real(("Mul", "Add")[place % 3], net.rng.choice([0.5, 0.75, 1.25, 1.5], 8))
    return dense(net.sign(), 4)


def layers(length: int) -> Net:
    """So many dense layers, each with a sign behind it: three nodes each."""
    net = Net(8)
    for _ in range(length):
        dense(net, 8).sign()
    return net


def built(folder, net: Net, images: int = 3) -> dict:
    """Import and lower a network; the record of the second."""
    onnx.save(net.raw((net.width,)).model, folder / "net.onnx")
    pixels = np.random.default_rng(1).integers(0, 256, (images, *net.shape[1:])).astype(np.uint8)
    import_model(folder / "net.onnx", pixels, np.full(images, -1), folder / "out", 1.0)
    return lower(folder / "out/model.onnx", folder / "out/golden.npz", folder / "out")


def test_nodes_of_one_kind_share_a_session():
    """Mul, Add, Relu, MatMul: four sessions for 2,000 nodes, and no others for the next images."""
    net = chain(2_000)
    model = cleaned_up(net.raw((4,)))
    assert len(model.graph.node) == 2_003
    for _ in range(3):
        qonnx_tensors(model, np.ones((2, 8), np.float32))
    assert execution_of(model).runner.made == 4


SCANS = ("get_tensor_valueinfo", "get_initializer", "find_producer", "find_consumers", "set_initializer",
         "set_tensor_datatype", "rename_tensor", "get_node_index")  # fmt: skip


def test_nothing_looks_through_the_graph_for_every_node(tmp_path, monkeypatch):
    """qonnx's own lookups are called as often for 60 layers as for 20."""
    counts = {}
    for length in (20, 60):
        net, calls = layers(length), []
        (tmp_path / str(length)).mkdir()
        model = net.raw((8,))
        with monkeypatch.context() as patched:
            for name in SCANS:
                scan = getattr(ModelWrapper, name)
                patched.setattr(
                    ModelWrapper,
                    name,
                    lambda *a, scan=scan, calls=calls, **k: (calls.append(scan), scan(*a, **k))[1],
                )
            net.raw = lambda output, model=model: model
            built(tmp_path / str(length), net)
        counts[length] = len(calls)
    assert counts[20] == counts[60]


def test_a_node_may_read_one_tensor_twice(tmp_path):
    net = Net(8)
    net.sign()
    net.node("Add", inputs=[net.at, net.at])
    at = net.node("Add", inputs=[net.at, net.given(np.float32(1))]).sign().at
    net.node("Concat", inputs=[at, at], axis=1)
    net.width = 16
    record = built(tmp_path, dense(net, 4))
    assert not any(check["mismatches"] for check in record["checks"])


@pytest.mark.full
@pytest.mark.parametrize("make", [lambda: chain(19_990), lambda: layers(4_990)])
def test_graphs_of_20_000_nodes_are_lowered(tmp_path, make):
    net = make()
    assert len(net.nodes) > 19_000
    assert not any(check["mismatches"] for check in built(tmp_path, net)["checks"])
