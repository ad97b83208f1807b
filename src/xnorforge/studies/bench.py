"""How fast this machine simulates an accelerator, and what each stage of its build took."""

import time
from pathlib import Path

import numpy as np

from xnorforge.flows.report import collect
from xnorforge.hw import graph
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.studies import bits_bench

WALKED = 4  # images through the reference walk, which is slow and needs no more to be timed


def table(acc: Path, images: int) -> str:
    """Lines of text: the bit simulator beside onnxruntime and the machine's limit; images per second of the
    reference walk, the bit simulator and the RTL; the stages' times.
    """
    ops = graph.operators(acc / "folded.onnx")
    pictures = np.load(acc.parent / "golden.npz")["images"]
    images = min(images, len(pictures))
    simulator = BitSimulator(ops)
    simulator.run(pictures[:1])  # compiles the kernels
    device = network(acc / "rtl", ops)
    run, rtl = _timed(lambda: cosim.run(device, graph.enter(ops[0], pictures[:images])))
    cycles = int(run.cycles[-1, -1])
    rows = [
        (
            "reference walk (execute_node)",
            WALKED,
            _timed(lambda: graph.execute(ops, pictures[:WALKED]))[1],
            "",
        ),
        ("bit simulator", len(pictures), _timed(lambda: simulator.run(pictures))[1], ""),
        ("RTL, Verilator", images, rtl, f"{cycles / rtl:,.0f} cycles/s"),
    ]
    lines = [bits_bench.speed_table(bits_bench.measure_speed(acc))]
    lines += [f"{'simulator':<32}{'images':>8}{'s':>10}{'images/s':>12}"]
    lines += [
        f"{name:<32}{count:>8,}{took:>10.2f}{count / took:>12,.1f}  {more}".rstrip()
        for name, count, took, more in rows
    ]
    lines += ["", f"{'stage':<32}{'wall s':>8}{'CPU s':>10}{'peak MB':>12}"]
    for stage, record in collect.records(acc).items():
        run = record["run"]
        lines.append(f"{stage:<32}{run['wall_s']:>8.1f}{run['cpu_s']:>10.1f}{run['peak_mb']:>12,}")
    return "\n".join(lines)


def _timed(call) -> tuple:
    """What a call returns, and its seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
