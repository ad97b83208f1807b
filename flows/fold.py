"""Folding: lowered network + board -> a chain of our operators with Pe, Simd, width converters and FIFOs.

    lowered.onnx, lowered.npz, golden.npz   ->   folded.onnx, fold.json

What is checked: every stream of the chain fits the next, the estimate fits the part, and the folded chain gives the lowered
integers on every golden image.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge import artifacts
from xnorforge.errors import MismatchError, UserError, unknown
from xnorforge.flows import queues, synth
from xnorforge.flows.bind import OPS, bind
from xnorforge.flows.search import Part, search
from xnorforge.hw import boards, graph
from xnorforge.hw.ops.base import DOMAIN, HwOp

GIVEN = ("simd", "pe", "depth")


def fold(net_dir: Path, board: str, out_dir: Path, interval: int | None = None, folding: Path | None = None) -> dict:
    """Fold a lowered network for a board and write `out_dir/folded.onnx` and `out_dir/fold.json`.

    Args:
        net_dir: folder of the network, with `lowered.onnx`, `lowered.npz` and `golden.npz`.
        board: name of a board of hw/boards.
        out_dir: folder of the accelerator.
        interval: cycles per frame to aim at; None takes the board's for this network.
        folding: JSON {operator: {"pe", "simd", "depth"}}; what it names is taken, the rest is searched. `depth` puts a
            FIFO of so many beats in front of the operator.

    Returns:
        The record: `operators` in stream order, `interval_bound`, `bottleneck`, `estimate`, the check.

    Raises:
        UserError: no operator builds a node, no folding is fast enough, the estimate is larger than the part, a given
            value does not divide.
        MismatchError: the folded chain does not give the lowered integers.
    """
    net_dir, out_dir = Path(net_dir), Path(out_dir)
    target = boards.load(board)
    interval = interval or target.interval_for(net_dir.name)
    given = _given(folding)
    with artifacts.measured("qonnx", "numpy") as run:
        lowered = np.load(net_dir / "lowered.npz")
        chain = bind(ModelWrapper(str(net_dir / "lowered.onnx")), lowered["scale"], lowered["bias"])
        _known(given, [bound.name for bound in chain])
        part = Part(target.capacity["lut"], target.capacity["bram36"])
        fixed = {name: {key: value for key, value in one.items() if key != "depth"} for name, one in given.items()}
        ops = search(chain, interval, part, {name: one for name, one in fixed.items() if one})
        ops = with_fifos(ops, {name: one["depth"] for name, one in given.items() if "depth" in one})
        _joins(ops)
        estimate = {name: round(sum(op.estimate()[name] for op in ops), 1) for name in ("lut", "bram36")}
        bound = max(op.cycles() for op in ops)
        synth.over_capacity(target, estimate, bound, " by the cost model")
        images = np.load(net_dir / "golden.npz")["images"]
        check = _equal(ops, images, lowered["integers"])
        with artifacts.whole(out_dir / "folded.onnx") as aside:
            onnx.save(folded_graph(ops, net_dir.name), aside)
    nodes = {one.name: one.nodes for one in chain}
    record = {
        "stage": "fold",
        "checks": [check],
        "net": net_dir.name,
        "board": target.name,
        "part": target.part,
        "clock_mhz": {"value": target.clock_mhz, "kind": target.clock_kind},
        "interval": interval,
        "interval_bound": bound,
        "bottleneck": [op.name for op in ops if op.cycles() == bound],
        "estimate": {**estimate, "kind": "cost model of the operators, not a count"},
        "operators": [_row(op, nodes.get(op.name, [])) for op in ops],
        "run": run,
    }
    artifacts.write_json(out_dir / "fold.json", record)
    return record


def folded_graph(ops: list[HwOp], name: str) -> onnx.ModelProto:
    """A chain of operators as one graph: constants as initialisers, every tensor with shape and data type."""
    nodes, constants, tensor = [], [], "images"
    streams = {tensor: ops[0].in_stream()}
    for op in ops:
        node = onnx.NodeProto()
        node.CopyFrom(op.onnx_node)
        output = "scores" if op is ops[-1] else f"{op.name}_out"
        given = [key for key in op.arrays if key in op.arrays_of]
        del node.input[:], node.output[:]
        node.input.extend([tensor, *(f"{op.name}_{key}" for key in given)])
        node.output.append(output)
        constants += [
            onnx.numpy_helper.from_array(np.asarray(op.arrays_of[key], np.int64), f"{op.name}_{key}") for key in given
        ]
        nodes.append(node)
        tensor = output
        streams[tensor] = op.out_stream()
    infos = {
        key: helper.make_tensor_value_info(key, TensorProto.FLOAT, [1, *stream.shape])
        for key, stream in streams.items()
    }
    inner = [info for key, info in infos.items() if key not in ("images", tensor)]
    body = helper.make_graph(nodes, name, [infos["images"]], [infos[tensor]], initializer=constants, value_info=inner)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
    model = ModelWrapper(helper.make_model(body, opset_imports=opsets, producer_name="xnorforge"))
    for key, stream in streams.items():
        model.set_tensor_datatype(key, stream.datatype)
    return model.model


def _given(path: Path | None) -> dict[str, dict[str, int]]:
    """The user's folding, checked for form."""
    if path is None:
        return {}
    try:
        given = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f'{path}: not a readable JSON file ({error}); write {{"conv0": {{"pe": 4, "simd": 9}}}}.'
        ) from error
    if not isinstance(given, dict):
        raise UserError(f'{path}: holds no object of operators; write {{"conv0": {{"pe": 4, "simd": 9}}}}.')
    for name, one in given.items():
        for key, value in one.items() if isinstance(one, dict) else [(one, None)]:
            if key not in GIVEN or type(value) is not int:
                raise UserError(
                    f"{path}: {name} has {key!r}: {value!r}; an operator takes the whole numbers {', '.join(GIVEN)}."
                )
    return given


def _known(given: dict, known: list[str]) -> None:
    for name in given:
        if name not in known:
            raise unknown("folding", name, known)


def with_fifos(ops: list[HwOp], depths: dict[str, int]) -> list[HwOp]:
    """Put a FIFO in front of every operator that has a depth, given or needed (`queues.py`); a given one is taken as it is."""
    found, depths = [], {**queues.depths(ops), **depths}
    for op in ops:
        if op.name in depths:
            stream = op.in_stream()
            shape = {
                "shape": list(stream.shape),
                "lanes": stream.lanes,
                "bits": stream.bits,
                "signed": int(stream.signed),
            }
            found.append(OPS["Fifo"].make(f"fifo_{op.name}", depth=depths[op.name], **shape))
        found.append(op)
    return found


def _joins(ops: list[HwOp]) -> None:
    """What one operator gives is what the next one takes; the search sees to it, so this cannot fail."""
    for one, after in pairwise(ops):
        assert one.out_stream() == after.in_stream(), (
            f"{one.name} gives {one.out_stream()}, {after.name} takes {after.in_stream()}"
        )


def _equal(ops: list[HwOp], images: np.ndarray, integers: np.ndarray) -> dict:
    """The folded chain against the lowered integers, on all images; with TopK also the index of the largest."""
    classes = integers.shape[1]
    got = next(iter(graph.execute(ops, images).values())).reshape(len(images), -1)
    want = integers
    if got.shape[1] > classes:
        want = np.concatenate([integers, integers.argmax(1)[:, None]], axis=1)
    wrong = np.argwhere(got != want)
    if len(wrong):
        image, place = map(int, wrong[0])
        raise MismatchError(
            f"fold: {ops[-1].name} differs from the lowered network first at image {image}, score {place}: "
            f"{got[image, place]} instead of {want[image, place]} ({len(wrong):,} of {want.size:,} integers differ)."
        )
    return artifacts.check(
        "folded = lowered", len(images), 0, int(want.size), "scores of the folded chain against lowered.npz"
    )


def _row(op: HwOp, nodes: list[str]) -> dict:
    """One operator in fold.json."""
    has, source, sink = op.get_nodeattr_types(), op.in_stream(), op.out_stream()
    value = lambda name: op.get_nodeattr(name) if name in has else None
    return {
        "name": op.name,
        "op": type(op).__name__,
        "lowered": nodes,
        "pe": value("pe"),
        "simd": value("simd"),
        "depth": value("depth"),
        "cycles": op.cycles(),
        "in": {"shape": list(source.shape), "lanes": source.lanes, "bits": source.bits, "signed": source.signed},
        "out": {"shape": list(sink.shape), "lanes": sink.lanes, "bits": sink.bits, "signed": sink.signed},
        "weight_bits": int(np.size(op.arrays_of.get("weights", ()))),
        "estimate": {name: round(float(amount), 2) for name, amount in op.estimate().items()},
    }
