"""Networks whose tensors lie in any order: images channels last, tokens, vectors as images, maps as vectors,
axes exchanged. Drawn at random, imported, lowered and simulated, against qonnx.
"""

from math import prod

import numpy as np
import pytest
from graphs import Graph
from pipeline import imported, raced, seeds

import xnorforge
from xnorforge.core.errors import UserError
from xnorforge.flows.bind import bind_folder

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
