"""Resources: every layer through Yosys, in processes side by side, cached by what went in, summed per
operator.

What is counted is the netlist that `netlist/` holds, that the netlist simulation runs, and that place and
route (flows/route) starts from. Nothing is estimated here, and no clock is stated.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import ChainMap, Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from xnorforge.core import artifacts
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import progress
from xnorforge.flows.backends.rtl import write_layer
from xnorforge.flows.synth import cells, yosys_job
from xnorforge.hw import boards, families
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.wrap import headers, library

TOP = "xf_top"
# Layers with less than this many bytes of memory files and generated modules share one process with the top:
# a process spends about 3 s before the first gate, and without a large matrix little after it.
SMALL = 2000
# A cell in a netlist of `write_verilog -noattr`: its type stands two columns in, before parameters or a name.
_CELL = re.compile(r"^  ([A-Za-z]\w*) (?:#\(|\S+ {1,2}\()$", re.MULTILINE)


def synthesise(acc: Path, net_dir: Path, jobs: int = 2) -> dict:
    """Synthesise `acc/rtl` and write `acc/synth.json` and `acc/netlist/`.

    Args:
        acc: folder of one board's accelerator, with `fold.json` and `rtl/`.
        net_dir: folder of the network; named in the record.
        jobs: Yosys processes at a time.

    Returns:
        The record: `operators` (per operator its cells and resources), `top` (the same for what joins them),
        `total`, `capacity`, `board`, `part`, `family`, `synthesis` (the commands of one layer).

    Raises:
        UserError: the design is larger than the part; the text says what is over.
        ToolMissing: pyosys is not installed.
    """
    acc = Path(acc)
    _needs_yosys()
    fold, rtl = artifacts.read_json(acc / "fold.json"), artifacts.read_json(acc / "rtl" / "rtl.json")
    board = boards.load(fold["board"])
    with artifacts.measured("pyosys") as run:
        work = _jobs(acc / "rtl", rtl, board.family)
        with ThreadPoolExecutor(jobs) as pool, progress("synth: mapped", len(work), "parts") as advance:
            results = []
            for result in pool.map(lambda job: _cached(acc / "rtl", job), work):
                results.append(result)
                advance()
        cells_of, texts = (
            ChainMap(*(counted for counted, _ in results)),
            ChainMap(*(text for _, text in results)),
        )
        with artifacts.whole(acc / "netlist") as aside:
            aside.mkdir()
            for module, text in texts.items():
                (aside / f"{module}.v").write_text(text)
    own = {module: _own(cells_of[module], rtl["modules"], board.family) for module in [*rtl["modules"], TOP]}
    operators = [
        {"name": layer["node"], "op": layer["op"], "module": layer["module"], **own[layer["module"]]}
        for layer in rtl["layers"]
    ]
    total = cells.add(own.values())
    record = {
        "stage": "synth",
        "checks": [_netlist_check(cells_of, texts), _sum_check(own, total, board.family)],
        "net": Path(net_dir).name,
        "board": board.name,
        "part": board.part,
        "family": board.family,
        "stage_of_figures": "Yosys cells, before packing and routing",
        "synthesis": yosys_job.script({**work[0], "folder": "netlist"}),
        "operators": operators,
        "top": own[TOP],
        "total": total,
        "capacity": board.capacity,
        "used": {name: cells.used(total, name) for name in board.capacity},
        "run": run,
    }
    over_capacity(board, total, fold["interval"])
    artifacts.write_json(acc / "synth.json", record)
    return record


def count(ops: list[HwOp], family: str, jobs: int = 2) -> list[dict]:
    """Resources of operators, each synthesised by itself, as those of a layer in `synth.json`; kept like
    these.

    Raises:
        ToolMissing: pyosys is not installed.
    """
    _needs_yosys()
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda op: _alone(op, family), ops))


def _alone(op: HwOp, family: str) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder, own, common = Path(name), library([op]), headers()
        for path in [*own, *common]:
            shutil.copyfile(path, folder / path.name)
        layer = write_layer(folder, 0, op)
        rtl = {"library": [path.name for path in own], "headers": [path.name for path in common]}
        cells_of, _ = _cached(folder, _job(folder, rtl, family, layer["module"], [layer], []))
        return _own(cells_of[layer["module"]], [], family)


def _needs_yosys() -> None:
    if find_spec("pyosys") is None:
        raise ToolMissing(
            "synth: the Python package pyosys (Yosys) is missing; "
            "`make build` installs it with the locked set."
        )


def _own(counted: dict[str, int], modules: list[str], family: str) -> dict:
    """Cells and resources of a module without the layers it instantiates."""
    own = {kind: count for kind, count in counted.items() if kind not in modules}
    return {"cells": own, **cells.resources(own, family)}


def _netlist_check(cells_of, texts) -> dict:
    """The cells that stand in the netlist files against Yosys' count of them, per module and type."""
    wrong = 0
    for module, counted in cells_of.items():
        present = Counter(_CELL.findall(texts[module]))
        wrong += sum(present[kind] != counted.get(kind, 0) for kind in {*present, *counted})
    count = sum(sum(counted.values()) for counted in cells_of.values())
    return artifacts.check(
        "netlist = counted cells", 0, wrong, count, "instances in the netlist files against Yosys' count"
    )


def _sum_check(own: dict[str, dict], total: dict[str, float], family: str) -> dict:
    """Resources summed over operators and top against those of all cells thrown together."""
    together: Counter[str] = Counter()
    for one in own.values():
        together.update(one["cells"])
    apart = cells.resources(together, family)
    wrong = sum(total[name] != apart[name] for name in total)
    return artifacts.check(
        "children + own = total", 0, wrong, len(total), "resources over operators and top against all cells"
    )


def over_capacity(board: boards.Board, total: dict[str, float], interval: int, note: str = "") -> None:
    """Stop when a design does not fit the part.

    Args:
        total: resources as `cells.resources` names them.
        interval: cycles per frame of the folding, for the advice.
        note: how the figures were found, when they are no count of cells.

    Raises:
        UserError: each resource that is over, with both figures, and what to change.
    """
    over = [name for name, has in board.capacity.items() if cells.used(total, name) > has]
    if over:
        unit = families.load(board.family).units
        takes = " and ".join(
            f"{_number(cells.used(total, name) * unit[name][1])} {unit[name][0]}" for name in over
        )
        has = " and ".join(f"{_number(board.capacity[name] * unit[name][1])}" for name in over)
        raise UserError(
            f"{board.name}: the design takes {takes} and the part has {has}{note}; "
            f"ask for more than {interval:,} cycles per frame or pick another board."
        )


def cache_dir() -> Path:
    """Where synthesised layers are kept: $XNORFORGE_CACHE, else out/.cache."""
    return Path(os.environ.get("XNORFORGE_CACHE") or "out/.cache").absolute() / "yosys"


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _jobs(folder: Path, rtl: dict, family: str) -> list[dict]:
    """One job per large layer, longest first, and one for the top with all small ones; each with the key of
    its result.
    """
    size = {
        layer["module"]: sum(
            (folder / name).stat().st_size for name in [*layer["memories"], *layer["generated"]]
        )
        for layer in rtl["layers"]
    }
    large = sorted(
        (one for one in rtl["layers"] if size[one["module"]] >= SMALL), key=lambda one: -size[one["module"]]
    )
    small = [layer for layer in rtl["layers"] if layer not in large]
    jobs = [_job(folder, rtl, family, layer["module"], [layer], []) for layer in large]
    return [*jobs, _job(folder, rtl, family, TOP, small, large)]


def _job(folder: Path, rtl: dict, family: str, top: str, layers: list[dict], stubs: list[dict]) -> dict:
    generated = sorted({name for layer in layers for name in layer["generated"]})
    glue = [rtl["top"]] if top == TOP else []
    job: dict[str, Any] = {
        "family": family,
        "top": top,
        "modules": [layer["module"] for layer in layers] + ([TOP] if glue else []),
        "sources": [*rtl["library"], *generated, *(layer["file"] for layer in layers), *glue],
        "stubs": [layer["file"] for layer in stubs],
        "defines": list(families.load(family).defines),
        "folder": "",
        "own": top == TOP and "control" in rtl,
    }
    read = [
        *rtl["headers"],
        *job["sources"],
        *job["stubs"],
        *(name for layer in layers for name in layer["memories"]),
    ]
    stated = json.dumps(
        [yosys_job.script(job), version("pyosys"), read, artifacts.digest(*(folder / name for name in read))]
    )
    return {**job, "key": hashlib.sha256(stated.encode()).hexdigest()[:32]}


def _cached(folder: Path, job: dict) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Cells by type, and the netlist's text, of every module of a job, from the cache or from Yosys."""
    kept = cache_dir() / job["key"]
    if not kept.is_dir():
        with artifacts.whole(kept) as aside:
            aside.mkdir()
            _yosys_process(folder, {**job, "folder": str(aside)})
    counted = artifacts.read_json(kept / "cells.json")["modules"]
    return (
        {
            module: dict(sorted(counted[f"\\{module}"]["num_cells_by_type"].items()))
            for module in job["modules"]
        },
        {module: (kept / f"{module}.v").read_text() for module in job["modules"]},
    )


def _yosys_process(folder: Path, job: dict) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as stated:
        json.dump(job, stated)
        stated.flush()
        command = [sys.executable, "-m", "xnorforge.flows.synth.yosys_job", stated.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line] or [
            "no message"
        ]
        raise UserError(
            f"synth: Yosys cannot map {', '.join(job['modules'])} for the family {job['family']}: "
            f"{said[0].strip()}"
        )
