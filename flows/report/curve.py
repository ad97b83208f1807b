"""The curve of a training: loss and the figure on held-out images, epoch by epoch."""

from itertools import pairwise

from xnorforge.flows.report.svg import frame, label, polyline

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BASE = 560, 190, 44, 520, 22, 160


def training_curve(rows: list[dict]) -> str:
    """Loss (left scale, from 0) and held-out accuracy or figure (right scale, 0 to 1) over the epochs.

    Args:
        rows: `training.curve` of report.json, two epochs or more.
    """
    first, last = rows[0]["epoch"], rows[-1]["epoch"]
    most = max(max(row["loss"] for row in rows), 1e-9)

    def at(epoch: int, share: float) -> tuple[float, float]:
        return (
            LEFT + (RIGHT - LEFT) * (epoch - first) / max(last - first, 1),
            BASE - (BASE - TOP) * min(max(share, 0), 1),
        )

    parts = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = at(first, share)[1]
        parts += [polyline([(LEFT, y), (RIGHT, y)], "grid")]
        parts += [label(LEFT - 6, y + 4, f"{share * most:.3g}", "end", 10, "soft")]
        parts += [label(RIGHT + 6, y + 4, f"{share:.2f}", size=10, css="soft")]
    for before, row in pairwise(rows):
        if row["phase"] != before["phase"]:
            x = at(row["epoch"], 0)[0]
            parts += [polyline([(x, TOP), (x, BASE)], "dash"), label(x + 3, TOP + 9, row["phase"], size=10)]
    parts += [polyline([at(row["epoch"], row["loss"] / most) for row in rows], "loss")]
    parts += [polyline([at(row["epoch"], row["held_out_accuracy"]) for row in rows], "score")]
    parts += [
        label(LEFT, 12, "loss (left)", css="loss"),
        label(RIGHT, 12, "held out (right)", "end", css="score"),
    ]
    parts += [label(LEFT, BASE + 15, f"{first:g}", "middle", 10, "soft")]
    parts += [label(RIGHT, BASE + 15, f"{last:g}", "middle", 10, "soft")]
    parts += [label((LEFT + RIGHT) / 2, BASE + 15, "epoch", "middle", 10, "soft")]
    return frame(WIDTH, HEIGHT, "training curve", parts)
