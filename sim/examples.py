"""What an accelerator finds in a few test pictures, drawn for its report."""

from pathlib import Path

from PIL import Image

from xnorforge.core import artifacts
from xnorforge.core.types import Record
from xnorforge.sim.machine import Machine

QUALITY = 85  # of the JPEG files, which go into the page whole


def draw_examples(machine: Machine, trained_on: str, folder: Path) -> list[Record]:
    """Draw the task's examples into `folder`, 1.jpg and so on, and what is true beside each, 1_true.jpg,
    which replaces an earlier one.

    Args:
        machine: the network that is asked.
        trained_on: which pictures it was trained on, as its card says; names the classes.

    Returns:
        A row each: `picture`, its name in the set; `file` and `true` (None where the task draws no truth),
        relative to where `folder` lies; and what is found, in numbers.
    """
    task, rows = machine.task, []
    names = task.names(trained_on)
    with artifacts.whole(folder) as aside:
        aside.mkdir()
        for number, (name, pictures, box) in enumerate(task.examples(), 1):
            *_, (drawing, found) = task.shown(machine, pictures, names, box)
            Image.fromarray(drawing).save(aside / f"{number}.jpg", quality=QUALITY)
            rows.append({"picture": name, "file": f"{folder.name}/{number}.jpg", "true": None, **found})
        known = task.true_examples(names)
        for number, (row, drawing) in enumerate(zip(rows, known, strict=True) if known else (), 1):
            Image.fromarray(drawing).save(aside / f"{number}_true.jpg", quality=QUALITY)
            row["true"] = f"{folder.name}/{number}_true.jpg"
    return rows
