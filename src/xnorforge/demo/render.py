"""The results of an accelerator, drawn into a user's own pictures.

    folded.onnx, pictures  ->  <name>.png for each picture, or <name>.mp4 for a video, and demo.json

The network runs in the bit simulator, whose integers are those of the RTL; the host's decoders of sw/decode
turn them into boxes, classes and tracks; the task defines how these are drawn.
"""

from contextlib import closing, nullcontext, suppress
from functools import partial
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.progress import progress, say
from xnorforge.core.types import Record
from xnorforge.demo import outputs
from xnorforge.demo.inputs import InputFrames
from xnorforge.hw import boards, graph
from xnorforge.sim import compare
from xnorforge.sim.loading import learnt
from xnorforge.sim.machine import Machine
from xnorforge.sim.serial_board import SerialBoard
from xnorforge.sw.metrics import tracking
from xnorforge.sw.tasks.base import Task

RECORD = "demo.json"
SAID, FEW = 10, 3  # pictures, and what is found in one, that a line says
CHECKED = 2  # calls of the network, or a frame to learn and a call, that are compared operator by operator


def demo(acc: Path, task: Task, given: InputFrames, out: Path, port: str | None = None) -> Record:
    """Draw the results of the accelerator in `acc` into `out`, and `demo.json`, all of it at once.

    Args:
        task, given: from `inputs.demo_request`.
        out: a new folder, or the output of an earlier demonstration, which is replaced.
        port: serial device of a board that computes in place of the bit simulator.

    Raises:
        UserError: a picture cannot be read, `out` contains other files, or the board does not answer.
    """
    _ours(out)
    exported = artifacts.read_json(acc.parent / "export.json")
    with artifacts.whole(out) as aside:
        aside.mkdir()
        tools = ["numpy", "pillow", *([] if given.rate is None else ["av"])]
        on_board = closing(_on_board(acc, port)) if port else nullcontext()
        with artifacts.measured(*tools) as run, on_board as board:
            machine = Machine.of(acc, task)
            machine.keep = CHECKED
            machine.simulator = board or machine.simulator
            names = tuple(exported.get("class_names", ())) or task.names(exported["trained_on"])
            rows = _drawn(task.shown(machine, given.frames(), names, given.box), given, aside)
        figures = {}
        if given.truth:
            boxes = np.array([row["box"] for row in rows])
            overlap = tracking.overlap(boxes, given.truth[0], visible=given.truth[1])
            figures = {"success AUC": round(tracking.success([overlap]), 3)}
            say(f"demo      success AUC {figures['success AUC']:.3f}: {given.name} has true boxes")
        record = {
            "stage": "demo", **{key: exported[key] for key in ("net", "method", "source", "trained_on")},
            "folded_sha256": artifacts.digest(acc / "folded.onnx"),
            "outputs": f"integers of {'a board' if board else 'the bit simulator'}, decoded by sw/decode",
            **({"frames_per_s": round(board.frames / board.seconds, 1)} if board and board.seconds else {}),
            "boxes": "x0, y0, x1, y1 in pixels of the picture; its first pixel covers 0 to 1",
            "files": sorted(path.name for path in aside.iterdir()), **figures, "pictures": rows,
            "checks": [_walked(machine)], "run": run,
        }  # fmt: skip
        artifacts.write_json(aside / RECORD, record)
    for row in rows[:SAID]:
        say(f"demo      {row['picture']}: {summary_of(row)}")
    if len(rows) > SAID:
        say(f"demo      … {len(rows) - SAID:,} more in {out / RECORD}")
    return record


def summary_of(row: Record) -> str:
    """What a network finds in a picture, in a few words."""
    if "likeliest" in row:
        words = [f"{one['class']} {one['percent']:g} % (score {one['score']:g})" for one in row["likeliest"]]
    elif "found" in row:
        boxes = [", ".join(f"{value:.0f}" for value in one["box"]) for one in row["found"]]
        words = [f"{one['class']} {one['percent']:g} % at {box}" for one, box in zip(row["found"], boxes)]
    elif "percent_of_pixels" in row:
        words = [f"{name} {share:g} % of the pixels" for name, share in row["percent_of_pixels"].items()]
    else:  # of a sequence
        words = ["lost" if row["lost"] else f"at {', '.join(f'{value:.0f}' for value in row['box'])}"]
    return "; ".join(words[:FEW]) or "nothing"


def _on_board(acc: Path, port: str) -> SerialBoard:
    board = boards.load(artifacts.read_json(acc / "fold.json")["board"])
    if board.shell_kind != "uart" or "baud" not in board.shell:
        raise UserError(
            f"PORT: the shell of {board.name} has no serial line; give a BOARD with one, such as ulx3s."
        )
    return SerialBoard(acc / "folded.onnx", port, board.shell["baud"])


def _drawn(shown, given: InputFrames, folder: Path) -> list[Record]:
    """Write the drawings; returns what they show, as numbers, one row each."""
    files = (
        outputs.album(folder, given.names)
        if given.rate is None
        else outputs.film(folder / f"{given.name}.mp4", given.rate)
    )
    rows = []
    page = outputs.live_page() if given.live else nullcontext((None, ""))
    with progress("demo", len(given.names), "pictures") as advance, files as put, page as (show, address):
        if show:
            say(f"demo      {address} shows the drawings; Ctrl-C ends it")
        for at, (drawing, found) in enumerate(shown):
            if show:
                show(drawing)
            name = given.names[at] if at < len(given.names) else f"frame {at + 1}"
            rows.append({"picture": name, **put(name, drawing), **found})
            advance()
    return rows


def _walked(machine: Machine) -> Record:
    """The check that the first results are those of `execute_node`, with a learnt template too."""
    ops, found, wanted = machine.simulator.ops, [], []
    for frames, answers in machine.kept:
        if answers is None:
            ops = learnt(ops, partial(graph.execute, ops), frames)
        else:
            found.append(answers)
            wanted.append(graph.execute(ops, frames)[ops[-1].name])
    what = "every integer of the first inputs"
    first, wanted = np.concatenate(found), np.concatenate(wanted)
    return compare.compare_arrays("bit simulator = reference walk", first, wanted, what)


def _ours(out: Path) -> None:
    """See that a folder contains only files that `demo` wrote; else UserError."""
    there, written = {path.name for path in out.iterdir()} if out.is_dir() else set(), set()
    if RECORD in there:
        with suppress(ValueError, KeyError, TypeError):  # a record from elsewhere
            written = {RECORD, *artifacts.read_json(out / RECORD)["files"]}
    if there - written:
        raise UserError(
            f"{out}: contains other files ({min(there - written)}), but a demonstration replaces its whole "
            "folder; choose another one."
        )
