"""Trained networks of MNIST at a frame per cycle: a file that takes a picture as a vector, and cells.

    python tools/frame_per_cycle.py export NET METHOD RUN FILE.onnx
    python tools/frame_per_cycle.py count ACCELERATOR

Behind the port of images at most 64 bits of pixels enter per cycle; a vector enters whole. `count` maps each
operator alone and writes the sum as plain_port.FOUND. The comparison of all pixels, which Yosys takes long to
read, is estimated.
"""

import sys
from collections import Counter
from pathlib import Path

from plain_port import FOUND

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.flows import synth
from xnorforge.flows.export import as_qonnx
from xnorforge.hw import boards, graph
from xnorforge.sw import zoo

PIXELS = 784


def export(net: str, method: str, run: str, file: str) -> None:
    """Write the network of a training."""
    module, _ = zoo.load(net, method, Path(run))
    as_qonnx(module, (PIXELS,)).save(file)


def count(folder: str) -> None:
    """Print and write the cells of an accelerator's operators."""
    acc = Path(folder)
    target = boards.load(read_json(acc / "fold.json")["board"])
    first, *others = graph.operators(acc / "folded.onnx")
    sums = Counter({name: round(first.estimate()[name]) for name in ("lut", "ff")})
    for op, cells in zip(others, synth.count(others, target.family, parallel=1)):
        print(op.name, cells["lut"], cells["ff"], flush=True)
        sums.update({name: cells[name] for name in sums})
    latency = sum(op.latency() or 0 for op in (first, *others))
    found = {"part": target.part, "latency": latency, **sums}
    print(found)
    (acc / FOUND).parent.mkdir(exist_ok=True)
    write_json(acc / FOUND, found)


if __name__ == "__main__":
    {"export": export, "count": count}[sys.argv[1]](*sys.argv[2:])
