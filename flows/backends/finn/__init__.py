"""The FINN back end: a folded network as a FINN build, whose last steps run on a machine with Vivado.

finn/       the build: model, FINN's configuration and folding, images with their integers, FINN's estimates
finn.json   the record: checks, and per operator FINN's nodes and both estimates
"""

from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import artifacts
from xnorforge.core.progress import now_at
from xnorforge.flows.backends.base import Backend
from xnorforge.flows.backends.finn import handover, known, same, steps
from xnorforge.flows.backends.finn.bits import with_wide_bits
from xnorforge.hw import boards, graph
from xnorforge.hw.any_width import whole_numbers

BACKEND = Backend(
    about="a FINN build: graph, folding and estimates here, hardware on a machine with Vivado",
    stages=("finn",),
    report="handover",
    needs="finn",
)


def finn(net_dir: Path, acc: Path) -> dict:
    """Run FINN's steps on a lowered network as far as they go without Vivado, and write the rest of the build
    as a folder.

    Args:
        net_dir: folder of the network, with `lowered.onnx`, `lowered.npz`, `golden.npz`.
        acc: folder with `folded.onnx` and `fold.json`; `finn/` and `finn.json` go there.

    Returns:
        The record, also in `finn.json`.

    Raises:
        UserError: FINN lacks a node, does not support the board's part, or fails in one of its steps.
        MismatchError: FINN's graph computes different integers than ours; the text names the first such node.
    """
    net_dir, acc = Path(net_dir), Path(acc)
    fold, lowered = artifacts.read_json(acc / "fold.json"), ModelWrapper(str(net_dir / "lowered.onnx"))
    board = boards.load(fold["board"])
    known.check_board(board)
    known.check_nodes(lowered)
    theirs = with_wide_bits(lowered)
    with artifacts.measured("finn-plus", "qonnx") as run, artifacts.whole(acc / "finn") as aside:
        aside.mkdir()
        config = handover.build_config(board)
        now_at("running FINN's steps on the lowered network")
        made = steps.run_steps(theirs, fold, config, aside)
        with np.load(net_dir / "golden.npz") as golden, np.load(net_dir / "lowered.npz") as results:
            images, integers = golden["images"], whole_numbers(results["integers"])
        ops = graph.operators(acc / "folded.onnx")
        now_at(f"comparing FINN's graph with ours on {len(images):,} images")
        check = same.check_graph(made.graph, lowered, ops, images)
        handover.write_build(aside, net_dir.name, theirs, config, made, graph.enter(ops[0], images), integers)
    record = {
        "stage": "finn",
        "checks": [check, same.check_written(made.written)],
        "net": net_dir.name,
        "board": board.name,
        "part": board.part,
        "clock_mhz": board.clock_mhz,
        "folder": "finn",
        "command": handover.COMMAND,
        **made.record(fold),
        "run": run,
    }
    artifacts.write_json(acc / "finn.json", record)
    return record
