"""A small network with an operator that lies outside the package, from ONNX to its netlist.

python tests/plugins/pipeline.py <operator> <folder of the network>; `refused` in place of the folder lowers a
network that the operator's rule must refuse. XNORFORGE_PLUGINS names the operator's folder."""

import json
import sys
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.graph import integer_graph
from xnorforge.flows.synth.stage import synthesise
from xnorforge.hw import graph
from xnorforge.sim import verilate
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.netlist import simulate_netlist

sys.path.insert(0, str(Path(__file__).parent.parent / "flows"))
from graphs import Graph, qonnx_scores_of

SHAPE, IMAGES = (3, 6, 6), 4
verilate.LEVEL = "-O0"  # the netlist runs for less time than its compiler


def network(operator: str, shift: float = 0.0):
    """Pixels, one or two convolutions, the operator, sign, scores; `shift` is what it cannot take."""
    net = Graph(SHAPE)
    pixels = net.at
    first = net.node("Conv", net.weights(4, 3, 3, 3)).at
    if shift:
        first = net.real("Add", shift).at
    if operator == "absolute":
        net.node("Abs")
    else:
        net.at = pixels
        second = net.node("Conv", net.weights(4, 3, 3, 3)).at
        net.node("Max", inputs=[first, second])
    net.real("Sub", np.float32([100, 200, 300, 400]).reshape(1, 4, 1, 1)).sign().node("Flatten")
    return net.node("MatMul", net.weights(64, 5)).model((5,))


def build(operator: str, folder: Path) -> dict:
    """All stages, and what their records say."""
    folder.mkdir(parents=True)
    model, acc = network(operator), folder / "acc"
    images = np.random.default_rng(1).integers(0, 256, (IMAGES, *SHAPE)).astype(np.uint8)
    scores = qonnx_scores_of(model, images)
    model.save(str(folder / "model.onnx"))
    np.savez(folder / "golden.npz", images=images, labels=np.zeros(IMAGES, int), scores=scores)
    write_json(folder / "export.json", {"net": folder.name, "input": {"lo": 0, "hi": 255, "scale": 1.0}})
    low = lower(folder / "model.onnx", folder / "golden.npz", folder)
    high = fold(folder, "pynq-z2", acc, interval=20_000)
    ops, integers = graph.operators(acc / "folded.onnx"), np.load(folder / "lowered.npz")["integers"]
    found = BitSimulator(ops).run(images)[ops[-1].name].reshape(IMAGES, -1)[:, : integers.shape[1]]
    record = {"own": sorted(low["nodes"]), "operators": [row["op"] for row in high["operators"]],
              "lowered": integers.tolist(), "bits": found.tolist()}  # fmt: skip
    checks = [*low["checks"], *high["checks"]]
    generate(acc / "folded.onnx", acc / "rtl")
    synthesise(acc, folder)
    record["lut"] = read_json(acc / "synth.json")["total"]["lut"]
    checks += simulate_netlist(acc, folder, images=2)["checks"]
    return record | {"checks": {check["name"]: check["mismatches"] for check in checks}}


def main(operator: str, folder: str) -> None:
    """Print the record as one line."""
    if folder == "refused":
        integer_graph(network(operator, shift=0.5), 0, 255, 1.0)
    print(json.dumps(build(operator, Path(folder))))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
