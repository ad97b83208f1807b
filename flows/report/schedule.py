"""When every operator works: its first two frames, and what it waits for, from the cycle model."""

from xnorforge.core.types import Record
from xnorforge.plot.svg import box, frame

SHARES = {"busy": "bar", "starved": "pale", "blocked": "bar over"}  # and the colour of each
WIDTH, SHARES_WIDTH, HEIGHT, LANE = 420, 110, 15, 6


def rows_of(layers: list[Record], model: Record) -> list[Record] | None:
    """A row per operator of the layer table: {"name", "busy", "starved", "blocked": shares of a frame's
    cycles, "frames": [first cycle, cycle after the last] of each of the first two frames}.

    Args:
        layers: of report.json.
        model: of sim.json.

    Returns:
        None where the cycle model does not know an operator.
    """
    if model["why_not"]:
        return None
    shares, frames = model["operators"], model["frames"]
    return [{"name": row["name"], **shares[row["name"]], "frames": frames[row["name"]]} for row in layers]


def end(rows: list[Record]) -> int:
    """The cycle after the last of all frames."""
    return max(last for row in rows for _, last in row["frames"])


def shares_bar(row: Record) -> str:
    """One bar of three colours: busy, starved, blocked."""
    parts, x = [], 0.0
    for name, css in SHARES.items():
        parts.append(box(x, 2, SHARES_WIDTH * row[name], HEIGHT - 4, css, f"{name} {100 * row[name]:.1f} %"))
        x += SHARES_WIDTH * row[name]
    words = ", ".join(f"{name} {100 * row[name]:.0f} %" for name in SHARES)
    return frame(SHARES_WIDTH, HEIGHT, words, parts)


def frames_bar(row: Record, last: int) -> str:
    """The frames of an operator between cycle 0 and `last`, each in a lane of its own as they may overlap."""
    parts = [box(0, 0, WIDTH, HEIGHT, "lane")]
    for number, (begin, after) in enumerate(row["frames"]):
        x, width = WIDTH * begin / last, WIDTH * (after - begin) / last
        hint = f"{row['name']}, frame {number}: cycle {begin:,} to {after - 1:,}"
        css = "bar" if number == 0 else "second"
        parts.append(box(x, 1 + number * (LANE + 1), max(width, 1), LANE, css, hint))
    words = "; ".join(f"frame {number} {a:,} to {b - 1:,}" for number, (a, b) in enumerate(row["frames"]))
    return frame(WIDTH, HEIGHT, words, parts)
