"""Where the operators lie on the part: a square for every tile with cells, in the colour of most of them."""

from collections import defaultdict

from xnorforge.core.types import Record
from xnorforge.plot.svg import frame, titled

COLOURS = [f"s{number}" for number in range(7)]  # of the largest operators
WIDTH, HEIGHT = 900, 520  # at most


def colours(plan: list[Record]) -> dict[str, str]:
    """The class of every operator: the largest have a colour each, the others one together."""
    inside = [row["name"] for row in plan if row["name"] != "shell"]
    return dict.fromkeys(inside, "s7") | dict(zip(inside, COLOURS)) | {"shell": "q0"}


def drawing(plan: list[Record]) -> str:
    """The picture.

    Args:
        plan: `floorplan` of report.json.
    """
    most = dict[tuple[int, int], tuple[int, str]]()
    for row in plan:
        for x, y, count in row["tiles"]:
            most[x, y] = max(most.get((x, y), (0, "")), (count, row["name"]))
    lying = defaultdict[str, list[str]](list)
    for (x, y), (_, name) in sorted(most.items()):
        lying[name].append(f"M{x},{y}h.9v.9h-.9z")
    columns, rows = (1 + max(at[axis] for at in most) for axis in (0, 1))
    css = colours(plan)
    parts = [f'<path d="M0,0h{columns}v{rows}h-{columns}z" class="shade"/>']
    parts += [
        f'<path d="{"".join(squares)}" class="tile {css[name]}">{titled(name)}</path>'
        for name, squares in lying.items()
    ]
    scale = min(WIDTH / columns, HEIGHT / rows)
    return frame(columns, rows, "the part, tile by tile", parts, scale)
