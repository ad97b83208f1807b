"""Cost model estimates of synthesised designs next to the counts: whole designs, then operators by kind.

python tools/estimates.py FOLDER ...     in Markdown; FOLDER holds folded.onnx and synth.json
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from xnorforge.core import artifacts
from xnorforge.flows.synth import cells
from xnorforge.hw import graph
from xnorforge.hw.ops.base import SITES

FLOORS = {"lut": 8, "ff": 8, "carry": 2, "lut_ram": 4, "bram36": 0.25}  # smaller differences are ignored
FAR = 0.15  # of the count

Point = tuple[dict, dict]  # estimate, count


def estimate_table(folders: Sequence[Path]) -> Iterator[str]:
    """Lines of the two tables.

    Args:
        folders: of accelerators whose operators were counted by Yosys for a 7-series part.
    """
    columns = " | ".join(("LUT", "FF", "CARRY4", "LUT as memory", "BRAM36"))
    yield f"| design: estimate, count | {columns} |"
    yield "|---|" + "---:|" * len(FLOORS)
    kinds: dict[str, list[Point]] = defaultdict(list)
    for folder in folders:
        found = list(_points(folder))
        sums = [{name: sum(point[side][name] for _, point in found) for name in FLOORS} for side in (0, 1)]
        texts = (f"{sums[0][name]:,.6g}, {sums[1][name]:,g} ({_error(sums, name)})" for name in FLOORS)
        yield f"| {folder.parent.name}/{folder.name} | {' | '.join(texts)} |"
        for kind, point in found:
            kinds[kind].append(point)
    yield ""
    yield f"| operator, points: count farther off than {FAR:.0%}: the worst | {columns} |"
    yield "|---|" + "---:|" * len(FLOORS)
    for kind, points in sorted(kinds.items()):
        yield f"| {kind}, {len(points)} | {' | '.join(_far(points, name) for name in FLOORS)} |"


def _points(folder: Path) -> Iterator[tuple[str, Point]]:
    """Every operator's kind, with its estimate and its count."""
    counted = {row["name"]: row for row in artifacts.read_json(folder / "synth.json")["operators"]}
    for op in graph.operators(folder / "folded.onnx"):
        row, given = counted[op.name], op.estimate()
        found = {name: row[name] for name in ("lut", *SITES, "bram36")}
        yield type(op).__name__, (given, found | {"lut_ram": cells.used(row, "lut_memory")})


def _error(sums: list[dict], name: str) -> str:
    guess, count = (one[name] for one in sums)
    return f"{guess / count - 1:+.1%}" if count else f"{guess:+g}"


def _far(points: list[Point], name: str) -> str:
    """How many estimates are far off, and the worst of those, or of all: estimate for count."""
    apart = [(abs(guess[name] - count[name]), guess[name], count[name]) for guess, count in points]
    far = [one for one in apart if one[0] > max(FLOORS[name], FAR * one[2])]
    _, guess, count = max(far or apart)
    return f"{len(far)}: {guess:.5g} for {count:g}"


if __name__ == "__main__":
    for line in estimate_table([Path(name) for name in sys.argv[1:]]):
        print(line)
