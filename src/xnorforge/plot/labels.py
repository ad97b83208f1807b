"""Places for the labels of points: where each covers least of the points, the lines and the other labels."""

from collections.abc import Sequence
from dataclasses import dataclass

Box = tuple[float, float, float, float]  # left, top, right, bottom
DISTANCES = (2, 14, 28)  # from a point to its label, tried in this order
AROUND = ((1, -1), (1, 1), (1, 0), (-1, -1), (-1, 1), (-1, 0), (0, -1), (0, 1))
DOTS = 8  # boxes along the line from a point to a label that is not next to it


@dataclass(frozen=True)
class Label:
    """What is to be placed: a text of this size at a point of this radius."""

    x: float
    y: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True)
class Place:
    """The box of a label; `apart`: it is so far from its point that a line joins them."""

    box: Box
    apart: bool


def placed(labels: Sequence[Label], taken: Sequence[Box], inside: Box) -> list[Place]:
    """A place for every label, in their order: earlier ones choose first.

    Args:
        taken: what should not be covered.
        inside: what a label should not leave.
    """
    boxes, own, found = list(taken), list[Box](), list[Place]()
    for label in labels:
        best, least, lines = None, float("inf"), []
        for far in DISTANCES:
            for way in AROUND:
                box = _beside(label, far, *way)
                line = _line(label, box) if far > DISTANCES[0] else []
                cost = sum(_shared(box, other) for other in (*boxes, *own)) + _outside(box, inside)
                cost += sum(_shared(dot, other) for dot in line for other in own)
                if cost < least - 1e-6:
                    best, least, lines = Place(box, far > DISTANCES[0]), cost, line
            if best and least < 1e-6:
                break
        assert best is not None
        found.append(best)
        own.append(best.box)
        boxes += lines
    return found


def _beside(label: Label, far: float, right: int, down: int) -> Box:
    along = (label.radius + far) * (0.7 if right and down else 1)
    left = label.x + right * along + (right - 1) / 2 * label.width
    top = label.y + down * along + (down - 1) / 2 * label.height
    return left, top, left + label.width, top + label.height


def _line(label: Label, box: Box) -> list[Box]:
    middle = (box[0] + box[2]) / 2 - label.x, (box[1] + box[3]) / 2 - label.y
    dots = [(label.x + middle[0] * k / DOTS, label.y + middle[1] * k / DOTS) for k in range(1, DOTS)]
    return [
        (x - 1, y - 1, x + 1, y + 1) for x, y in dots if not (box[0] <= x <= box[2] and box[1] <= y <= box[3])
    ]


def _shared(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0


def _outside(box: Box, inside: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _shared(box, inside)
