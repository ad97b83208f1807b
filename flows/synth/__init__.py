"""Resources: every layer is synthesised by Yosys, in parallel processes; results are cached by their inputs
(`mapping.py`) and summed per operator.

The counted netlist is the one in `netlist/`, which the netlist simulation runs and from which place and route
(flows/route) starts. Nothing is estimated here, and no clock is stated.
"""

import re
import shutil
import tempfile
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

from xnorforge.core import artifacts, jobs
from xnorforge.core.errors import ToolMissing
from xnorforge.core.types import Record
from xnorforge.flows import yosys_job
from xnorforge.flows.backends.rtl import write_layer
from xnorforge.flows.synth import cells, mapping
from xnorforge.flows.synth.mapping import TOP, Mapped
from xnorforge.hw import boards
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.wrap import headers, library

CELL = re.compile(r"^  ([A-Za-z]\w*) (?:#|\S+ {1,2})\($", re.MULTILINE)  # in a netlist file: its type


def synthesise(acc: Path, net_dir: Path, parallel: int = 2) -> Record:
    """Synthesise `acc/rtl` and write `acc/synth.json` and `acc/netlist/`.

    Args:
        acc: folder of one board's accelerator, with `fold.json` and `rtl/`.
        net_dir: folder of the network; named in the record.
        parallel: number of parallel Yosys processes.

    Returns:
        The record: `operators` (per operator its cells and resources), `top` (the same for the
        connections), `total`, `capacity`, `board`, `part`, `family`, `synthesis` (the commands of one layer).

    Raises:
        TooLarge: the design exceeds the part; the text says in which resources, and what fits.
        ToolMissing: pyosys is not installed.
    """
    acc = Path(acc)
    _needs_yosys()
    fold, rtl = artifacts.read_json(acc / "fold.json"), artifacts.read_json(acc / "rtl" / "rtl.json")
    board = boards.load(fold["board"])
    with artifacts.measured("pyosys") as run:
        modules = mapping.modules(acc / "rtl", rtl, board.family, rtl["layers"])
        mapped = mapping.map_all(acc / "rtl", rtl, board.family, modules, parallel)
        with artifacts.whole(acc / "netlist") as aside:
            aside.mkdir()
            for module, one in mapped.items():
                (aside / f"{module}.v").write_text(one.text)
    own = {module: _own(one.cells, rtl["modules"], board.family) for module, one in mapped.items()}
    operators = [
        {"name": layer["node"], "op": layer["op"], "module": layer["module"], **own[layer["module"]]}
        for layer in rtl["layers"]
    ]
    total = cells.add(own.values())
    record = {
        "stage": "synth", "checks": [_netlist_check(mapped), _sum_check(own, total, board.family)],
        "net": Path(net_dir).name, "board": board.name, "part": board.part, "family": board.family,
        "stage_of_figures": "Yosys cells, before packing and routing",
        "synthesis": yosys_job.script(
            {**mapping.layer_job(modules[0].files, board.family), "folder": "netlist"}
        ),
        "operators": operators, "top": own[TOP], "total": total, "capacity": board.capacity,
        "used": {name: cells.used(total, name) for name in board.capacity}, "run": run,
    }  # fmt: skip
    if cells.exceeded(total, board.capacity):
        from xnorforge.flows.fold.too_large import too_large  # folding counts by this package

        raise too_large(net_dir, board, fold, total)
    artifacts.write_json(acc / "synth.json", record)
    return record


def count(ops: list[HwOp], family: str, parallel: int = 2) -> list[Record]:
    """Resources of operators, synthesised one by one, each as a layer of `synth.json`, and cached likewise.

    Raises:
        ToolMissing: pyosys is not installed.
    """
    _needs_yosys()
    with jobs.pool(parallel) as pool:
        return list(pool.map(lambda op: _alone(op, family), ops))


def _alone(op: HwOp, family: str) -> Record:
    with tempfile.TemporaryDirectory() as name:
        folder, own, common = Path(name), library([op]), headers()
        for path in [*own, *common]:
            shutil.copyfile(path, folder / path.name)
        layer = write_layer(folder, 0, op)
        rtl = {"library": [path.name for path in own], "headers": [path.name for path in common]}
        found = mapping.modules(folder, rtl, family, [layer])
        return _own(mapping.map_all(folder, rtl, family, found, 1)[layer["module"]].cells, [], family)


def _needs_yosys() -> None:
    if find_spec("pyosys") is None:
        raise ToolMissing(
            "synth: the Python package pyosys (Yosys) is missing; "
            "run `make build`, which installs it, or reinstall xnorforge with pip."
        )


def _own(counted: dict[str, int], modules: list[str], family: str) -> Record:
    """Cells and resources of a module without its instantiated layers."""
    own = {kind: count for kind, count in counted.items() if kind not in modules}
    return {"cells": own, **cells.resources(own, family)}


def _netlist_check(mapped: dict[str, Mapped]) -> Record:
    """The cells in the netlist files against Yosys' count of them, per module and type."""
    wrong = 0
    for one in mapped.values():
        present = Counter(CELL.findall(one.text))
        wrong += sum(present[kind] != one.cells.get(kind, 0) for kind in {*present, *one.cells})
    count = sum(sum(one.cells.values()) for one in mapped.values())
    what = "instances in the netlist files against Yosys' count"
    return artifacts.check("netlist = counted cells", 0, wrong, count, what)


def _sum_check(own: dict[str, Record], total: dict[str, float], family: str) -> Record:
    """Resources summed over operators and top against those of all cells together."""
    together: Counter[str] = Counter()
    for one in own.values():
        together.update(one["cells"])
    apart = cells.resources(together, family)
    wrong = sum(total[name] != apart[name] for name in total)
    what = "resources over operators and top against all cells"
    return artifacts.check("children + own = total", 0, wrong, len(total), what)
