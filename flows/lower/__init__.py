"""Lower a QONNX network to integers only, exactly, or refuse it by name.

    walk    graph.py applies the rules to a cleaned QONNX graph (`values.py` states the idea: an exact affine
            form per tensor)
    tidy    comparisons point upwards, cheap operators come first
    emit    FINN hardware-abstraction nodes, own nodes (`nodes.py`) where FINN has none
    check   against golden scores, qonnx execution and FINN execution (`checks.py`)

No operator is named here: what one knows about lowering stands in its folder, `hw/ops/<name>/lower.py`, and
enters itself into `registry.py`; the same holds for folders outside the package (`core/plugins.py`).

Writes `lowered.onnx`, `lowered.npz` (integers int64 (N, outputs) or, of a map, (N, H, W, C); scale, bias
float64 per output or channel) and `lower.json`.
"""

from collections import Counter
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.cleanup import cleanup_model

from xnorforge.core.artifacts import measured, read_json, whole, write_json
from xnorforge.core.errors import UserError
from xnorforge.core.plugins import parts
from xnorforge.flows.bind import bind

from . import checks, emit, nodes
from .graph import integer_graph
from .tidy import tidied
from .walk import TooWide

ACTIVATION_IMAGES = 4
FINN_IMAGES = 20
ROUNDED_IMAGES = 32
SUM_BITS = (22, 18, 14)  # of rounded sums, tried in turn: a pool behind a sum adds bits of its own


def lower(model: Path, golden: Path, out_dir: Path, approximate: bool = False) -> dict:
    """Lower `model.onnx` and prove it on the golden images.

    Args:
        model: QONNX; `export.json` beside it states the input's integers (`input`: lo, hi, scale) and which
            weights are `writable`.
        golden: npz with images uint8 (N, C, H, W) and scores float32 (N, outputs) or (N, C, H, W).
        out_dir: folder of the three files.
        approximate: take rounded sums where exact ones are too wide; all later stages are compared with the
            rounded network.

    Returns:
        The record written to lower.json; `approximate` says how far a rounded network is from the given one,
        None if exact.

    Raises:
        UserError: the network has no exact integer form; if only sums are too wide, the text says what
            rounding them changes.
        MismatchError: a check failed.
    """
    with measured("qonnx", "finn-plus", "onnxruntime", "numpy") as run:
        stated = read_json(Path(model).with_name("export.json"))
        given, data = stated["input"], np.load(golden)
        images, scores = data["images"], data["scores"]
        network = cleanup_model(ModelWrapper(str(model)))
        graph, lowered, why = integers_of(network, given, stated.get("writable", []))
        if graph.leaves[graph.output.single[0]].order is not None:
            raise UserError(
                "lower: the network ends in a flattened image; end it in the image, or in a vector of scores."
            )
        scale, bias = checks.scale_and_bias(graph.output)
        bind(lowered, scale, bias)  # what no operator builds is refused here, not by a later stage

        frames = images.transpose(0, 2, 3, 1).astype(np.int64)
        frames = frames.reshape(len(frames), *next(iter(graph.leaves.values())).shape)
        integers = checks.run_all(graph, frames)
        inputs = images.astype(np.float32) * np.float32(given["scale"])
        inputs = inputs.reshape(len(inputs), *network.get_tensor_shape(network.graph.input[0].name)[1:])
        proofs, apart = [], None
        if why:
            few = frames[:ROUNDED_IMAGES], inputs[:ROUNDED_IMAGES]
            apart = checks.approximation_error(graph, network, *few, integers, scores)
            if not approximate:
                cure = f"allow rounded sums ({apart['summary']}) with --approximate (make: APPROXIMATE=1)"
                raise UserError(f"{str(why).rstrip('.')}, or {cure}.")
        else:
            few = frames[:ACTIVATION_IMAGES], inputs[:ACTIVATION_IMAGES]
            proofs.append(checks.scores_are_equal(graph, integers, scores))
            proofs.append(checks.activations_are_equal(graph, network, *few))
        proofs.append(checks.finn_is_equal(graph, lowered, frames[:FINN_IMAGES]))
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
        "approximate": apart,
        "run": run,
    }
    write_json(out_dir / "lower.json", record)
    return record


def integers_of(network: ModelWrapper, given: dict, writable=()):
    """Integer graph, its ONNX form, and why sums in it had to be rounded: None where all is exact.

    Args:
        given: `lo`, `hi`, `scale` of the network's input.
        writable: names of convolutions whose weights are replaced at run time.
    """
    why: TooWide | None = None
    for bits in (None, *SUM_BITS):
        try:
            graph = tidied(integer_graph(network, given["lo"], given["hi"], given["scale"], bits, writable))
            return graph, emit.emitted(graph), why
        except TooWide as error:
            why = why or error
    assert why is not None
    raise why


parts("hw.ops", "lower")  # every operator enters its rules
