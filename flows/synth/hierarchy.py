"""Cells of a flat netlist by the instances that they come from, as their names say:
`\\u_op.gen_dot[3].u_sum.x_q_LUT4_Z` is of u_sum in gen_dot[3].

The elements of an array are one part, gen_dot[*]; blocks without a name are left out.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from xnorforge.core.types import Record
from xnorforge.flows.synth import cells

# A line of `write_verilog -noattr` with the type of a cell or the name of one, or both.
CELL = re.compile(r"^  (?:\) (\S+) {1,2}|([A-Za-z]\w*) (?:#|(\S+) {1,2}))\($", re.MULTILINE)
INDEX, UNNAMED = re.compile(r"\[\d+\]"), re.compile(r"genblk\d+(\[\d+\])?")

Path = tuple[str, ...]


def cells_of(text: str) -> Iterator[tuple[str, str]]:
    """Type and name of every cell in a netlist file."""
    kind = ""
    for found in CELL.finditer(text):
        kind = found[2] or kind
        if name := found[1] or found[3]:
            yield kind, name


def instances_inside(named: Iterable[tuple[str, str]], family: str) -> list[Record]:
    """The parts of a module, each in front of those inside it.

    Args:
        named: type and name of every cell of the module.
        family: of the cells.

    Returns:
        Rows {"name", "depth" (0: right in the module), "instances", resources with all that is inside}; none
        for what has the same cells as the one part inside it, or as the module.
    """
    counted, instances = defaultdict[Path, Counter[str]](Counter), defaultdict[Path, set[Path]](set)
    for kind, name in named:
        counted[()][kind] += 1
        where = [one for one in name.removeprefix("\\").split(".")[:-1] if not UNNAMED.fullmatch(one)]
        for depth in range(1, len(where) + 1):
            path = tuple(INDEX.sub("[*]", one) for one in where[:depth])
            counted[path][kind] += 1
            instances[path].add(tuple(where[:depth]))
    rows, above, whole = list[dict](), list[Path](), ()
    for path in sorted(counted):
        inner = (one for one in counted if one[:-1] == path)
        if counted[path] == counted[()]:
            whole = path
        if path == whole or any(counted[one] == counted[path] for one in inner):
            continue
        while above and path[: len(above[-1])] != above[-1]:
            above.pop()
        name = ".".join(path[len(above[-1] if above else whole) :])
        amounts = cells.resources(counted[path], family)
        rows.append({"name": name, "depth": len(above), "instances": len(instances[path]), **amounts})
        above.append(path)
    return rows
