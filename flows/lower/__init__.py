"""Lower a QONNX network exactly to integers, or refuse it by name.

    walk    graph.py applies the rules to a cleaned QONNX graph (`values.py` states the idea)
    tidy    comparisons point upwards, cheap operators come first
    emit    FINN hardware-abstraction nodes, and own nodes (`nodes.py`) where FINN has none
    roll    equal steps of a recurrent network become a loop (`rolled.onnx`)
    check   against the exact network (`exact.py`, `exactness.py`), golden scores (`checks.py`; what float32
            rounding explains of them: `reference.py`), and FINN's execution

This package names no operator: the lowering of an operator is in its folder, `hw/ops/<name>/lower.py`, which
registers itself in `registry.py`; the same holds for folders outside the package (`core/plugins.py`).

Writes
    lowered.onnx   the integer graph, its nodes of the domain `xnorforge.hw.lowering.nodes`
    rolled.onnx    only of a network with equal steps: the same with a node of our own in their place. Its
                   attribute `body` is a step, a graph whose inputs are the step's part of the sequence and
                   the states, its outputs the states after it; `start` has the elements of the first states
    lowered.npz    integers (N, outputs) or, for a map, (N, H, W, C), as int64 or, above 64 bits, as decimal
                   text; scale and bias float64 per output or channel
    lower.json     the record
"""

from collections import Counter
from collections.abc import Collection
from math import prod
from pathlib import Path

import numpy as np
import onnx
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import extras
from xnorforge.core.artifacts import measured, read_json, whole, write_json
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import of_record
from xnorforge.core.plugins import parts
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Record
from xnorforge.flows.clean_up import cleaned_up
from xnorforge.flows.lower.proof.exactness import is_exact
from xnorforge.flows.lower.proof.reference import Reference
from xnorforge.hw.any_width import for_npz
from xnorforge.hw.bind import bind
from xnorforge.hw.lowering.nodes import as_onnx
from xnorforge.hw.lowering.registry import MAKERS
from xnorforge.hw.lowering.tails import host_function, without_tails
from xnorforge.hw.lowering.walk import Lowered

from .complexity import complexity
from .graph import integer_graph, tidied
from .proof import checks

EXACT_IMAGES = 4
FINN_IMAGES = 20
FINN_RUNS = 20_000  # node executions; larger graphs run on fewer images, as stated in the record


def lower(model: Path, golden: Path, out_dir: Path) -> Record:
    """Lower `model.onnx` and verify it on the golden images.

    Args:
        model: QONNX; `export.json` in the same folder states the input's integers (`input`: lo, hi, scale,
            optionally offset) and which weights are `writable`.
        golden: npz with images, integers (N, C, H, W), scores float32 (N, outputs) or (N, C, H, W), and
            labels (N,) where they are known.
        out_dir: folder of the three files.

    Returns:
        The record of lower.json; `narrowed` {sum: bits before and after} where smaller factors decide alike.

    Raises:
        UserError: the network has no exact integer form.
        MismatchError: a check failed.
    """
    finn_installed = extras.is_installed("finn")
    tools = ["qonnx", *(["finn-plus"] if finn_installed else []), "onnxruntime", "numpy"]
    with measured(*tools) as run:
        stated = read_json(Path(model).with_name("export.json"))
        given, data = stated["input"], np.load(golden)
        images, scores = data["images"], data["scores"]
        now_at("converting the network to an integer graph")
        exported = ModelWrapper(onnx.load(str(model)), fix_missing_initializer_valueinfo=False)
        network, tails = without_tails(cleaned_up(exported))
        graph = integers_of(network, given, stated.get("writable", []))
        *image, channels = graph.leaves[graph.output.single[0]].shape  # scores may lack axes of length 1
        listed = not image and prod(scores.shape[2:]) > 1  # pixels or boxes, not classes
        if scores.size == len(scores) * channels * prod(image) and not listed:
            scores = scores.reshape(len(scores), channels, *image)
        bound = bind(graph, *checks.scale_and_bias(graph.output))  # refused here and not by a later stage

        now_at(f"running the integer graph on {len(images):,} images")
        frames = images.transpose(0, 2, 3, 1).astype(np.int64)
        frames = frames.reshape(len(frames), *next(iter(graph.leaves.values())).shape)
        integers = checks.run_all(graph, frames)
        inputs = of_record(given).values(images)
        inputs = inputs.reshape(len(inputs), *network.get_tensor_shape(network.graph.input[0].name)[1:])
        reference = Reference(graph, network)
        few = frames[:EXACT_IMAGES]
        now_at(f"comparing every tensor with the exact network, {len(few)} images and random levels")
        exact = is_exact(graph, network, few)

        def judged() -> list[int]:
            return [at for at in range(len(few)) if not reference.compare(frames[at], inputs[at], at)]

        def explains(image: int) -> bool:
            return reference.explains(frames, inputs, image, scores[image])

        now_at(f"comparing scores with the network's, {len(images):,} images")
        known = (reference.bound, judged, explains)
        rows = [checks.scores_are_equal(graph, integers, scores, known, tails), exact]
        tied = None if listed else checks.class_ties(graph, integers, scores)
        finn_images = min(FINN_IMAGES, max(1, FINN_RUNS // len(graph.nodes)))
        finn_not_run = [node.name for node in graph.nodes]
        if finn_installed:
            now_at(f"FINN's execution of the graph, {len(frames[:finn_images])} images")
            finn, finn_not_run = checks.finn_is_equal(graph, frames[:finn_images])
            rows.append(finn)
        out_dir = Path(out_dir)
        scale, bias = checks.scale_and_bias(graph.output)
        with whole(out_dir / "lowered.onnx") as aside:
            as_onnx(graph).save(str(aside))
        (out_dir / "rolled.onnx").unlink(missing_ok=True)
        if (loop := _loop(graph)) is not None:
            now_at(f"running the loop on {len(images):,} images")
            rows.append(checks.integers_are_equal(loop, frames, integers))
            with whole(out_dir / "rolled.onnx") as aside:
                as_onnx(loop).save(str(aside))
        with whole(out_dir / "lowered.npz") as aside, aside.open("wb") as file:
            np.savez(file, integers=for_npz(integers), scale=scale, bias=bias)
    record = {
        "stage": "lower",
        "net": stated["net"],
        "checks": rows,
        "complexity": complexity(graph, bound),
        "nodes": dict(sorted(Counter(n.op for n in graph.nodes).items())),
        "finn_installed": finn_installed, "finn_not_run": finn_not_run, "reference_rounds": graph.rounded,
        "host_function": host_function(tails) or stated.get("host_function"),
        "ties": dict(reference.ties), "class_ties": tied, "run": run,
        "judged": {"images": len(reference.of_image), "activations": reference.compared},
        "narrowed": {sum_: str(one) for sum_, one in graph.narrowed.items()},
    }  # fmt: skip
    write_json(out_dir / "lower.json", record)
    return record


def complexity_of(network: ModelWrapper, given: Record, writable: Collection[str] = ()) -> Record:
    """What an exported network computes and stores, as lower.json states it; arguments of `integers_of`.

    Raises:
        UserError: the network has no exact integer form, or no operator builds a part of it.
    """
    graph = integers_of(without_tails(cleaned_up(network))[0], given, writable)
    return complexity(graph, bind(graph, *checks.scale_and_bias(graph.output)))


def _loop(graph: Lowered) -> Lowered | None:
    """Integer graph with equal steps as a loop; None without, and where its states have other forms when a
    step ends than when it begins."""
    rolled = MAKERS["rolled"](graph)
    if rolled is None:
        return None
    try:
        bind(rolled, *checks.scale_and_bias(rolled.output))
    except UserError as error:
        say(f"lower       steps are built side by side, not as a loop: {error}")
        return None
    return rolled


def integers_of(network: ModelWrapper, given: Record, writable: Collection[str] = ()) -> Lowered:
    """The integer graph of an exported network.

    Args:
        given: `lo`, `hi`, `scale` and optionally `offset` of the network's input.
        writable: names of convolutions whose weights are replaced at run time.
    """
    ends, origin = (given["lo"], given["hi"], given["scale"]), given.get("offset", 0.0)
    return tidied(integer_graph(network, *ends, writable, origin))


parts("hw.ops", "lower")  # every operator registers its rules
