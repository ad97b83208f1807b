"""Lower a QONNX network to integers only, exactly, or refuse it by name.

    walk    graph.py applies the rules of chain, quantise, linear, joins and moves to a cleaned QONNX graph (`values.py`
            states the idea: an exact affine form per tensor)
    tidy    comparisons point upwards, cheap operators come first
    emit    FINN hardware-abstraction nodes, own nodes (`nodes.py`) where FINN has none
    check   against golden scores, qonnx execution and FINN execution (`checks.py`)

Writes `lowered.onnx`, `lowered.npz` (integers int64 (N, outputs); scale, bias float64 (outputs,)) and `lower.json`.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from xnorforge.artifacts import measured, read_json, whole, write_json
from xnorforge.errors import UserError

from . import checks, emit, nodes
from .graph import integer_graph
from .tidy import tidied

ACTIVATION_IMAGES = 4
FINN_IMAGES = 20


def lower(model: Path, golden: Path, out_dir: Path) -> dict:
    """Lower `model.onnx` and prove it on the golden images.

    Args:
        model: QONNX; `export.json` beside it states the input's integers (`input`: lo, hi, scale).
        golden: npz with images uint8 (N, C, H, W) and scores float32 (N, outputs).
        out_dir: folder of the three files.

    Returns:
        The record written to lower.json.

    Raises:
        UserError: the network has no exact integer form.
        MismatchError: a check failed.
    """
    with measured("qonnx", "finn-plus", "onnxruntime", "numpy") as run:
        stated = read_json(Path(model).with_name("export.json"))
        given, data = stated["input"], np.load(golden)
        images, scores = data["images"], data["scores"]
        network = cleanup_model(ModelWrapper(str(model)))
        graph = tidied(integer_graph(network, given["lo"], given["hi"], given["scale"]))
        output = graph.leaves[graph.output.single[0]]
        if len(output.shape) != 1 or output.order is not None:
            raise UserError(f"lower: the network ends in an image {output.shape}; end it in a vector of scores.")
        lowered = emit.emitted(graph)

        frames = images.transpose(0, 2, 3, 1).astype(np.int64)
        frames = frames.reshape(len(frames), *next(iter(graph.leaves.values())).shape)
        integers = checks.run_all(graph, frames)
        scale, bias = checks.affine(graph.output)
        inputs = images.astype(np.float32) * np.float32(given["scale"])
        inputs = inputs.reshape(len(inputs), *network.get_tensor_shape(network.graph.input[0].name)[1:])
        proofs = [
            checks.scores_are_equal(graph, integers, scores),
            checks.activations_are_equal(graph, network, frames[:ACTIVATION_IMAGES], inputs[:ACTIVATION_IMAGES]),
            checks.finn_is_equal(graph, lowered, frames[:FINN_IMAGES]),
        ]
        out_dir = Path(out_dir)
        with whole(out_dir / "lowered.onnx") as aside:
            lowered.save(str(aside))
        with whole(out_dir / "lowered.npz") as aside, aside.open("wb") as file:
            np.savez(file, integers=integers, scale=scale, bias=bias)
    own = [n for n in lowered.graph.node if n.domain == nodes.DOMAIN]
    record = {
        "stage": "lower",
        "net": stated["net"],
        "checks": proofs,
        "nodes": dict(sorted(Counter(n.op_type for n in lowered.graph.node).items())),
        "own_nodes": {n.name: n.op_type for n in own},
        "reference_rounds": graph.rounded,
        "run": run,
    }
    write_json(out_dir / "lower.json", record)
    return record
