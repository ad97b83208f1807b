"""Resources: every layer is synthesised by Yosys, in parallel processes; results are cached by their inputs
(`mapping.py`) and summed per operator.

The counted netlist is the one in `netlist/`, which the netlist simulation runs and from which place and route
(flows/route) starts. Nothing is estimated here, and no clock is stated.
"""

import re
from collections import Counter
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.flows import yosys_job
from xnorforge.flows.fold.too_large import too_large
from xnorforge.flows.synth import cells, mapping
from xnorforge.flows.synth.mapping import TOP, Mapped
from xnorforge.hw import boards

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
    mapping.check_yosys()
    fold, rtl = artifacts.read_json(acc / "fold.json"), artifacts.read_json(acc / "rtl" / "rtl.json")
    board = boards.load(fold["board"])
    with artifacts.measured("pyosys") as run:
        modules = mapping.modules(acc / "rtl", rtl, board.family, rtl["layers"])
        mapped = mapping.map_all(acc / "rtl", rtl, board.family, modules, parallel)
        with artifacts.whole(acc / "netlist") as aside:
            aside.mkdir()
            for module, one in mapped.items():
                (aside / f"{module}.v").write_text(one.text)
    own = {name: mapping.own_cells(one.cells, rtl["modules"], board.family) for name, one in mapped.items()}
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
        raise too_large(net_dir, board, fold, total)
    artifacts.write_json(acc / "synth.json", record)
    return record


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
