"""Switching activity: how often outputs of an accelerator's cells change while it works on images."""

import re
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.sim import cosim
from xnorforge.sim.device import Device
from xnorforge.sim.netlist_memories import Netlist

# Kinds by the first letters of a cell; all other cells are LUTs, their multiplexers and carries.
KINDS = {"register": "FD", "memory": ("RAM", "URAM"), "lut": ""}
_NET = re.compile(r"\((\S+) .*\(TC (\d+)\)\)")


def activity(
    acc: Path, device: Device, inputs: np.ndarray | cosim.Feed, seed: int
) -> tuple[cosim.Run, Record]:
    """Simulate the mapped netlist on images, back to back, and count changes of value.

    Args:
        acc: folder with `rtl/` and `netlist/`.
        device: the netlist with models of its cells, able to write SAIF.
        inputs: integers (images, *shape), or what else `cosim.run` takes.
        seed: of the noise that registers start with.

    Returns:
        The run, and `images`, `cycles` to the last output beat, and `rows`: per operator its `name` and the
        changes of all outputs of its LUTs with carries (`lut`), registers (`register`) and memories
        (`memory`), in the whole run.
    """
    with TemporaryDirectory() as folder:
        file = Path(folder) / "activity.saif"
        run = cosim.run(device, inputs, seed=seed, waves=file)
        changes = changes_of(file.read_text())
    rows = []
    for record in artifacts.read_json(acc / "rtl" / "rtl.json")["layers"]:
        module = record["module"]
        own = Netlist((acc / "netlist" / f"{module}.v").read_text()).drivers()
        counts = dict.fromkeys(KINDS, 0)
        for net, cell in own.items():
            kind = next(kind for kind, start in KINDS.items() if cell.startswith(start))
            counts[kind] += changes[f"u_{module}", net]
        rows.append({"name": record["node"], **counts})
    return run, {"images": len(run.output), "cycles": int(run.cycles[-1, -1]), "rows": rows}


def changes_of(saif: str) -> dict[tuple[str, str], int]:
    """{(instance, net): changes} of a SAIF file; of instances with one name the last counts."""
    found, path = {}, []
    for line in map(str.strip, saif.splitlines()):
        if line == ")":
            path.pop()
        elif line.startswith("(INSTANCE"):
            path.append(line.split()[1])
        elif line in ("(SAIFILE", "(NET"):
            path.append(path[-1] if path else "")
        elif net := _NET.match(line):
            found[path[-1], net[1].replace("\\", "")] = int(net[2])
    return found
