"""`xnorforge.build` from Python: what it gives says what a person should know of the network."""

import sys
from pathlib import Path

import numpy as np

import xnorforge

sys.path.insert(0, str(Path(__file__).parent / "flows"))
from graphs import Graph


def test_what_is_left_to_the_host_and_what_is_doubted_comes_with_the_accelerator(tmp_path, capfd):
    """Nothing in this graph says what a step of its input is worth, and it ends in a softmax."""
    net = Graph((12,))
    net.real("MatMul", net.weights(12, 8)).sign().real("MatMul", net.weights(8, 3)).node("Softmax", axis=1)
    net.model((3,)).save(str(tmp_path / "soft.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (6, 12)).astype(np.uint8)
    built = xnorforge.build(tmp_path / "soft.onnx", images=images, folder=tmp_path / "out", until="fold")
    assert built.host_function == "softmax"
    (doubt,) = built.doubts
    assert doubt.startswith("the input: ") and f"export      {doubt}\n" in capfd.readouterr().err
    assert str(built).splitlines() == [
        f"accelerator of soft in {built.folder}",
        "  left to the host: softmax of the scores",
        f"  doubt: {doubt}",
    ]
    assert (built.scores(images).sum(1) != 1).any()  # in front of the softmax
