"""Speed of the bit simulator relative to this machine's limit, onnxruntime and qonnx: one thread, processor
time.
Other load may slow the machine down: each turn measures all of them for about the same time, ratios are taken
within a turn, and the result is the median over the turns.
"""

import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from threadpoolctl import threadpool_limits

from xnorforge.core.artifacts import whole, write_json
from xnorforge.core.types import Record
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.bits.kernels import aligned, run_peak_loop

ROUNDS = 2_000_000  # of the peak measurement per turn, some milliseconds
TURNS = 21
IMAGES = 256
SINGLY = 8  # images per turn for onnxruntime, one by one, because the file has a batch of one


def measure_speed(acc: Path, images: int = IMAGES) -> Record:
    """Measure the accelerator in a folder and write `bench.json` and `bench.md` into it.

    Returns:
        `ratio`, images per second relative to onnxruntime, None if that cannot run an operator; `over_qonnx`,
        relative to qonnx' `execute_onnx`; `share` of `peak`; `operations` of matrices per image, two per
        weight and position; `peak` and `reached` in 10^12 operations per second; images per second of all
        three, by processor time of one thread. All are medians over turns.
    """
    import onnxruntime

    simulator = BitSimulator(acc / "folded.onnx")
    golden = np.load(acc.parent / "golden.npz")["images"]
    pictures = np.resize(golden, (images, *golden.shape[1:]))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    model = floating(onnx.load(acc.parent / "model.onnx"))
    runs = all(node.domain in ("", "ai.onnx") for node in model.graph.node)
    singles = [picture[None].astype(np.float32) for picture in pictures[:SINGLY]]
    words, weights = (aligned(np.ones(shape, np.uint32)) for shape in ((512,), (8, 8, 16)))
    works = {
        "peak": lambda: run_peak_loop(words, weights, ROUNDS),
        "bits": lambda: simulator.run(pictures, workers=1),
    }
    if runs:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        name = session.get_inputs()[0].name
        works["onnxruntime"] = lambda: [session.run(None, {name: single}) for single in singles]
    works["qonnx"] = _execution(acc.parent / "model.onnx", singles[0])
    turns = {key: np.empty(TURNS) for key in works}
    with threadpool_limits(1), _sessions(options):
        for work in works.values():
            work()  # compiles the kernels, fills the caches
        for turn in range(TURNS):
            for key, work in works.items():
                turns[key][turn] = _seconds(work)
    operations = sum(
        2 * int(np.prod(op.arrays_of["weights"].shape)) * int(op.get_nodeattr("vectors"))
        for op in simulator.ops
        if "weights" in op.arrays_of and "vectors" in op.get_nodeattr_types()
    )
    limit, reached = (
        ROUNDS * 2 * 512 * 8 / turns["peak"] / 1e12,
        operations * images / turns["bits"] / 1e12,
    )
    ours, qonnx = images / turns["bits"], 1 / turns["qonnx"]
    theirs = SINGLY / turns["onnxruntime"] if runs else None
    record = {
        "ratio": None if theirs is None else float(np.median(ours / theirs)),
        "over_qonnx": float(np.median(ours / qonnx)),
        "share": float(np.median(reached / limit)),
        "peak": float(np.median(limit)),
        "reached": float(np.median(reached)),
        "operations": operations,
        "bits_images_per_s": float(np.median(ours)),
        "onnxruntime_images_per_s": None if theirs is None else float(np.median(theirs)),
        "qonnx_images_per_s": float(np.median(qonnx)),
        "images": images,
        "threads": 1,
        "time": "processor",
    }
    write_json(acc / "bench.json", record)
    with whole(acc / "bench.md") as aside:
        aside.write_text(speed_table(record))
    return record


def _execution(path: Path, picture: np.ndarray):
    """A call of qonnx' own executor on one image (1, C, H, W)."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    network = ModelWrapper(str(path))
    given = {network.graph.input[0].name: picture}
    return lambda: execute_onnx(network, given)


@contextmanager
def _sessions(options):
    """Make qonnx create its sessions, one per node, with options, not one thread per core."""
    import onnxruntime

    made = onnxruntime.InferenceSession
    onnxruntime.InferenceSession = partial(made, sess_options=options)
    try:
        yield
    finally:
        onnxruntime.InferenceSession = made


def speed_table(record: Record) -> str:
    """The record as a table, the ratio first."""
    other = record["onnxruntime_images_per_s"]
    rows = [
        ("bit simulator over onnxruntime", f"x{record['ratio']:.1f}" if other else "cannot run it"),
        ("bit simulator over qonnx", f"x{record['over_qonnx']:,.0f}"),
        ("share of the peak", f"{record['share']:.1%}"),
        ("peak, xor and population count", f"{record['peak']:.2f} T op/s"),
        ("bit simulator", f"{record['bits_images_per_s']:,.0f} images/s, {record['reached']:.2f} T op/s"),
        ("onnxruntime, float32, image by image", f"{other:,.0f} images/s" if other else "not available"),
        ("qonnx, image by image", f"{record['qonnx_images_per_s']:,.1f} images/s"),
        ("matrices, per image", f"{record['operations'] / 1e6:,.1f} M operations"),
    ]
    lines = [f"| {what} | {value} |" for what, value in rows]
    return "\n".join(["| one thread, processor time | |", "|---|---|", *lines, ""])


def floating(model: onnx.ModelProto) -> onnx.ModelProto:
    """A QONNX graph in ONNX operators only, for speed: BipolarQuant becomes Sign times its scale (which is 0
    at 0), Quant a rounding between two bounds; for constants both are computed here.
    """
    graph = model.graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type not in ("BipolarQuant", "Quant"):
            nodes.append(node)
            continue
        x, result = node.input[0], node.output[0]
        constants = [known[name].astype(np.float32) for name in node.input[1:]]
        scale = constants[0]
        chain: list[tuple[str, list]]
        if node.op_type == "BipolarQuant":
            if x in known:
                known[result] = np.where(known[x] >= 0, scale, -scale).astype(np.float32)
                continue
            chain = [("Sign", []), *([] if (scale == 1).all() else [("Mul", [scale])])]
        else:
            low, high = _bounds(node, int(constants[2]))
            if x in known:
                known[result] = (
                    np.float32(np.minimum(np.maximum(np.round(known[x] / scale), low), high)) * scale
                )
                continue
            chain = [("Div", [scale]), ("Round", []), ("Max", [low]), ("Min", [high]), ("Mul", [scale])]
        for k, (kind, values) in enumerate(chain):
            out = result if k == len(chain) - 1 else f"{result}_{k}"
            names = [f"{result}_{k}_{i}" for i in range(len(values))]
            known.update((name, np.asarray(value, np.float32)) for name, value in zip(names, values))
            nodes.append(helper.make_node(kind, [x, *names], [out]))
            x = out
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in known if name in used)
    del graph.value_info[:]
    return model


def _bounds(node: onnx.NodeProto, bits: int) -> tuple[int, int]:
    """Least and greatest integer of a Quant."""
    flags = {attribute.name: attribute.i for attribute in node.attribute}
    if flags.get("signed", 1):
        return -(1 << (bits - 1)) + flags.get("narrow", 0), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1 - flags.get("narrow", 0)


def _seconds(work) -> float:
    """Processor time of a call."""
    start = time.process_time()
    work()
    return time.process_time() - start
