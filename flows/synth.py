"""Resources: every layer through Yosys, in processes side by side, cached by what went in, summed per operator.

What is counted is the netlist that `netlist/` holds and that the netlist simulation runs. Nothing is estimated here, and no
clock is stated: there is no place and route for the Zynq parts.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

from xnorforge import artifacts
from xnorforge.errors import ToolMissing, UserError
from xnorforge.flows import cells, yosys_job
from xnorforge.hw import boards

TOP = "xf_top"
DEFINES = {"xc7": ["XF_XC7"]}
# A cell in a netlist of `write_verilog -noattr`: its type stands two columns in, before parameters or a name.
_CELL = re.compile(r"^  ([A-Za-z]\w*) (?:#\(|\S+ \()$", re.MULTILINE)
# What a name in a capacity table is called in a message.
_UNIT = {"lut": "LUT", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP", "carry4": "CARRY4", "carry8": "CARRY8"}


def synthesise(acc: Path, net_dir: Path, jobs: int = 2) -> dict:
    """Synthesise `acc/rtl` and write `acc/synth.json` and `acc/netlist/`.

    Args:
        acc: folder of one board's accelerator, with `fold.json` and `rtl/`.
        net_dir: folder of the network; named in the record.
        jobs: Yosys processes at a time.

    Returns:
        The record: `operators` (per operator its cells and resources), `top` (the same for what joins them), `total`,
        `capacity`, `board`, `part`, `family`, `synthesis` (the commands of one layer).

    Raises:
        UserError: the design is larger than the part; the text says what is over.
        ToolMissing: pyosys is not installed.
    """
    acc = Path(acc)
    if find_spec("pyosys") is None:
        raise ToolMissing("synth: the Python package pyosys (Yosys) is missing; install the locked set with `make doctor`.")
    fold, rtl = artifacts.read_json(acc / "fold.json"), artifacts.read_json(acc / "rtl" / "rtl.json")
    board = boards.load(fold["board"])
    with artifacts.measured("pyosys") as run:
        work = [_job(acc / "rtl", rtl, layer, board.family) for layer in [*rtl["layers"], None]]
        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(lambda job: _cached(acc / "rtl", job), work))
        operators, checks = [], []
        with artifacts.whole(acc / "netlist") as aside:
            aside.mkdir()
            for job, (counted, text) in zip(work, results):
                (aside / f"{job['top']}.v").write_text(text)
        for layer, job, (counted, text) in zip([*rtl["layers"], None], work, results):
            own = {kind: count for kind, count in counted.items() if kind not in rtl["modules"]}
            held = Counter(_CELL.findall(text))
            wrong = sum(held[kind] != count for kind, count in counted.items()) + sum(kind not in counted for kind in held)
            checks.append((sum(counted.values()), wrong))
            part = {"cells": own, **cells.resources(own, board.family)}
            if layer:
                operators.append({"name": layer["node"], "op": layer["op"], "module": layer["module"], **part})
        total = cells.add([*operators, part])
        whole_design = Counter()
        for one in [*operators, part]:
            whole_design.update(one["cells"])
        apart = cells.resources(whole_design, board.family)
    record = {
        "stage": "synth",
        "checks": [
            artifacts.check(
                "netlist = counted cells", 0, sum(wrong for _, wrong in checks), sum(count for count, _ in checks),
                "cells in the netlist files against Yosys' own count, per layer and type",
            ),
            artifacts.check(
                "children + own = total", 0, sum(total[name] != apart[name] for name in total), len(total),
                "resources summed over operators and top against those of all cells together",
            ),
        ],
        "net": Path(net_dir).name,
        "board": board.name,
        "part": board.part,
        "family": board.family,
        "stage_of_figures": "Yosys cells, before packing and routing",
        "synthesis": yosys_job.script(work[0]),
        "operators": operators,
        "top": part,
        "total": total,
        "capacity": board.capacity,
        "used": {name: _used(total, name) for name in board.capacity},
    }
    record["run"] = run
    over_capacity(board, total, fold["interval"])
    artifacts.write_json(acc / "synth.json", record)
    return record


def over_capacity(board: boards.Board, total: dict[str, float], interval: int, note: str = "") -> None:
    """Stop when a design does not fit the part.

    Args:
        total: resources as `cells.resources` names them.
        interval: cycles per frame of the folding, for the advice.
        note: how the figures were found, when they are no count of cells.

    Raises:
        UserError: each resource that is over, with both figures, and what to change.
    """
    over = [name for name, has in board.capacity.items() if _used(total, name) > has]
    if over:
        takes = " and ".join(f"{_number(_used(total, name))} {_UNIT[name]}" for name in over)
        has = " and ".join(f"{_number(board.capacity[name])}" for name in over)
        raise UserError(
            f"{board.name}: the design takes {takes} and the part has {has}{note}; "
            f"ask for more than {interval:,} cycles per frame or pick another board."
        )


def cache_dir() -> Path:
    """Where synthesised layers are kept: $XNORFORGE_CACHE, else out/.cache."""
    return Path(os.environ.get("XNORFORGE_CACHE") or "out/.cache").absolute() / "yosys"


def _used(total: dict[str, float], name: str) -> float:
    """The amount of a board's resource; boards name the carry cell of their family."""
    return total.get("carry" if name.startswith("carry") else name, 0)


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _job(folder: Path, rtl: dict, layer: dict | None, family: str) -> dict:
    """The job of one layer, or of the top with all layers as black boxes (`layer` None), with the key of its result."""
    layers = [one["file"] for one in rtl["layers"]]
    job = {
        "family": family,
        "top": layer["module"] if layer else TOP,
        "sources": [*rtl["library"], *layer["generated"], layer["file"]] if layer else [rtl["top"]],
        "stubs": [] if layer else layers,
        "defines": DEFINES.get(family, []),
        "netlist": "netlist.v",
        "cells": "cells.json",
    }
    read = [*rtl["headers"], *job["sources"], *job["stubs"], *(layer["memories"] if layer else [])]
    stated = json.dumps([yosys_job.script(job), _yosys(), read, artifacts.digest(*(folder / name for name in read))])
    return {**job, "key": hashlib.sha256(stated.encode()).hexdigest()[:32]}


def _cached(folder: Path, job: dict) -> tuple[dict[str, int], str]:
    """Cells by type and the netlist's text of a job, from the cache or from Yosys."""
    kept = cache_dir() / job["key"]
    if not kept.is_dir():
        with artifacts.whole(kept) as aside:
            aside.mkdir()
            _yosys_process(folder, {**job, "netlist": f"{aside}/netlist.v", "cells": f"{aside}/cells.json"})
    module = artifacts.read_json(kept / "cells.json")["modules"][f"\\{job['top']}"]
    return dict(sorted(module["num_cells_by_type"].items())), (kept / "netlist.v").read_text()


def _yosys_process(folder: Path, job: dict) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as stated:
        json.dump(job, stated)
        stated.flush()
        command = [sys.executable, "-m", "xnorforge.flows.yosys_job", stated.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or ["no message"]
        raise UserError(f"synth: Yosys cannot map {job['top']} for the family {job['family']}: {said[0].strip()}")


def _yosys() -> str:
    from importlib.metadata import version

    return version("pyosys")
