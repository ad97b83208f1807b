"""Networks drawn at random: with one to three inputs and outputs, of which the accelerator takes one frame
and gives one result; and with tensors in any order: channels last, tokens, vectors as images, maps as
vectors.
"""

import copy
import cProfile
import pstats
from math import prod

import numpy as np
import onnx
import pytest
from graphs import Graph
from onnx import TensorProto, helper
from pipeline import imported, raced, seeds
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.util.cleanup import cleanup_model
from scipy.special import log_softmax, softmax

import xnorforge
from xnorforge.core.errors import UserError
from xnorforge.flows.bind import bind_folder
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import results_of
from xnorforge.sim.machine import scored

FRAMES = 4


class Several:
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
        shape = [(2, 4, 3), (1, 5, 5), (3, 6), (7,)][self.rng.integers(4)]
        signed = bool(self.rng.random() < 0.3)
        low, high = (-128, 128) if signed else (0, 256)
        self.given[name] = self.rng.integers(low, high, (FRAMES, *shape))
        self.graph.at = name
        self.graph.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape]))
        self.graph.quant(0.25 if signed else 1.0, 8, signed=int(signed))
        if len(shape) == 3:
            self.graph.node("Conv", self.graph.weights(4, shape[0], 2, 2)).sign()
            shape = (4, shape[1] - 1, shape[2] - 1)
        elif len(shape) == 2:
            self.graph.node("Conv", self.graph.weights(4, shape[0], 2)).sign()
            shape = (4, shape[1] - 1)
        if len(shape) > 1:
            self.graph.node("Flatten")
        return self.graph.node("MatMul", self.graph.weights(prod(shape), 12)).sign().at

    def head(self, name: str) -> None:
        """Scores, or a small map of them."""
        classes = int(self.rng.integers(2, 5))
        if self.rng.random() < 0.7:
            self.graph.node("MatMul", self.graph.weights(self.length, classes))
            shape = (classes,)
        else:
            self.graph.node("MatMul", self.graph.weights(self.length, 24)).sign()
            self.graph.node("Reshape", np.array([1, 4, 2, 3], np.int64))
            self.graph.node("Conv", self.graph.weights(classes, 4, 1, 1))
            shape = (classes, 2, 3)
        tail = self.rng.choice(["Identity", "Identity", "Softmax", "LogSoftmax"])
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


def test_an_accelerator_takes_inputs_and_gives_outputs_by_their_names(tmp_path):
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


class Drawn:
    """A network from a seed: `graph`, its scores' shape, `images`, some with axes in another order."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        c, h, w = (int(x) for x in self.rng.integers(2, 6, 3))
        self.shape = [c, h, w]  # of the tensor, channels first
        entry = self.rng.choice(["first", "rows last", "last", "tokens", "vector"])
        own = {
            "first": (c, h, w), "last": (h, w, c), "rows last": (h, c), "tokens": (h, c),
            "vector": (c * h * w,),
        }[entry]  # fmt: skip
        self.graph = Graph(own, seed)
        self.images = self.rng.integers(0, 256, (IMAGES, *own)).astype(np.uint8)
        if entry in ("last", "rows last") and self.rng.random() < 0.5:
            self.images = np.moveaxis(self.images, -1, 1)
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
            getattr(self, self.rng.choice(["moved", "reshaped", "through_a_vector", "tokens"]))()
        getattr(self, self.rng.choice(["dense", "flat", "joined", "conv"]))()

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
        source, found = self.graph.at, []
        for outputs in (2, 3):
            self.graph.at = source
            weights = self.graph.weights(outputs, self.shape[0], 1, 1)
            found.append(self.graph.node("Conv", weights).sign().node("Flatten").at)
        self.graph.node("Concat", inputs=found, axis=1)
        self.shape = [5 * prod(self.shape[1:])]
        if self.rng.random() < 0.5:
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
    drawn.graph.model(drawn.shape).save(str(tmp_path / "net.onnx"))
    imported(tmp_path / "net.onnx", drawn.images, tmp_path, 1.0)
    golden, lowered = np.load(tmp_path / "golden.npz"), np.load(tmp_path / "lowered.npz")
    _, flowing = raced(bind_folder(tmp_path), golden["images"], seed, tmp_path)
    got = flowing.output[..., : lowered["integers"].shape[-1]].reshape(lowered["integers"].shape)
    np.testing.assert_array_equal(got, lowered["integers"])


def test_predict_takes_images_in_either_order(tmp_path):
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
