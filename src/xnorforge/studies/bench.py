"""Simulation speed of an accelerator on this machine, and the time of each stage of its build."""

import time
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json
from xnorforge.core.types import Record
from xnorforge.flows.report import collect
from xnorforge.hw import graph
from xnorforge.sim import cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import network
from xnorforge.studies import bits_bench, cycles_bench, train_bench
from xnorforge.sw import networks

RTL = "RTL, Verilator"
WALKED = 4  # images through the reference walk, which is slow


def bench_figures(acc: Path, images: int) -> Record:
    """Time the simulators on an accelerator.

    Returns:
        `cycle_model`, from `cycles_bench.measure_cycles`; `speed`, from `bits_bench.measure_speed`;
        `training`: `net`, `method` and `speed`, from `train_bench.training_speed`, None for a given model;
        `simulators`, rows `name`, `images`, `seconds` of the reference walk, the bit simulator and the RTL;
        `rtl_cycles` simulated; `stages`: {stage: wall_s, cpu_s, peak_mb} of the build.
    """
    ops = graph.operators(acc / "folded.onnx")
    pictures = np.load(acc.parent / "golden.npz")["images"]
    images = min(images, len(pictures))
    simulator = BitSimulator(ops)
    simulator.run(pictures[:1])  # compiles the kernels
    device = network(acc / "rtl", ops)
    run, rtl = _timed(lambda: cosim.run(device, graph.enter(ops[0], pictures[:images])))
    cycles = int(run.cycles[-1, -1])
    timed = [
        (
            "reference walk (execute_node)",
            WALKED,
            _timed(lambda: graph.execute(ops, pictures[:WALKED]))[1],
        ),
        ("bit simulator", len(pictures), _timed(lambda: simulator.run(pictures))[1]),
        (RTL, images, rtl),
    ]
    exported = read_json(acc.parent / "export.json")
    which = {key: str(exported.get(key)) for key in ("net", "method")}
    ours = which["net"] in networks.names()
    return {
        "training": which | {"speed": train_bench.training_speed(**which)} if ours else None,
        "cycle_model": cycles_bench.measure_cycles(acc, device, images),
        "speed": bits_bench.measure_speed(acc),
        "simulators": [dict(zip(("name", "images", "seconds"), row)) for row in timed],
        "rtl_cycles": cycles,
        "stages": {
            stage: {key: record["run"][key] for key in ("wall_s", "cpu_s", "peak_mb")}
            for stage, record in collect.records(acc).items()
        },
    }


def table(measured: Record) -> str:
    """The same as text."""
    lines = [cycles_bench.cycles_table(measured["cycle_model"])]
    lines += [bits_bench.speed_table(measured["speed"])]
    if training := measured["training"]:
        lines += [train_bench.training_table(**training)]
    lines += [f"{'simulator':<32}{'images':>8}{'s':>10}{'images/s':>12}"]
    for row in measured["simulators"]:
        name, count, took = row.values()
        more = f"  {measured['rtl_cycles'] / took:,.0f} cycles/s" if name == RTL else ""
        lines.append(f"{name:<32}{count:>8,}{took:>10.2f}{count / took:>12,.1f}{more}")
    lines += ["", f"{'stage':<32}{'wall s':>8}{'CPU s':>10}{'peak MB':>12}"]
    for stage, run in measured["stages"].items():
        lines.append(f"{stage:<32}{run['wall_s']:>8.1f}{run['cpu_s']:>10.1f}{run['peak_mb']:>12,}")
    return "\n".join(lines)


def _timed(call) -> tuple:
    """The result of a call, and its duration in seconds."""
    start = time.perf_counter()
    result = call()
    return result, time.perf_counter() - start
