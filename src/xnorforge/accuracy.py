"""Rows that state how good a network is, as cards and records hold them: `stage`, `set` (which images), `images`, and

of classes   `correct`, `top1` in per cent
of others    `figures` {name: 0..1}, the first of which is the task's main one, and `intervals` {name: [low, high]}
"""


def main(row: dict) -> tuple[str, float]:
    """The figure that networks are compared by: its name, and per cent."""
    if "top1" in row:
        return "top-1", row["top1"]
    name, value = next(iter(row["figures"].items()))
    return name, round(100 * value, 2)


def short(row: dict) -> str:
    """All figures in a table's cell."""
    if "top1" in row:
        return f"{row['top1']:.2f} %"
    return ", ".join(f"{name} {value:.3f}" for name, value in row["figures"].items())


def words(row: dict) -> str:
    """All figures of a row."""
    if "correct" in row:
        return f"{row['correct']:,} of {row['images']:,} right, {row['top1']:.2f} %"
    return ", ".join(_figure(row, name) for name in row["figures"])


def _figure(row: dict, name: str) -> str:
    ends = row.get("intervals", {}).get(name)
    return f"{name} {row['figures'][name]:.3f}" + (f" ({ends[0]:.3f} to {ends[1]:.3f})" if ends else "")
