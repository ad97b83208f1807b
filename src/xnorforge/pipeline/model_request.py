"""What a request says of a network from elsewhere, looked at before anything is built: the integers of its
input, images and labels.

Standard library only, see `stages.py`.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, all_slips, unknown
from xnorforge.core.input_format import format_named
from xnorforge.pipeline import request


def given_data(asked: request.Request) -> None:
    """The input and the data of a network from elsewhere.

    Raises:
        UserError: a word that is no format, a path where nothing is, data without a network to run on them.
    """
    if asked.model is None:
        words = {"SCALE": asked.scale, "INPUT": asked.input_format, "IMAGES_FROM": asked.images_from}
        if stray := [name for name, word in {**words, "LABELS": asked.labels}.items() if word is not None]:
            raise UserError(f"{stray[0]}: applies to QONNX files only; give MODEL= as well, or leave it out.")
        return
    looks: list[Callable[[], object]] = []
    if asked.calibration:
        looks.append(partial(request.file, "input", asked.calibration))
    elif asked.input_format:
        looks.append(partial(format_named, asked.input_format))
    if asked.images_from:
        looks.append(partial(_images, asked.images_from))
    if asked.labels:
        looks.append(partial(_labels, asked))
    if asked.task:
        looks.append(partial(_task, asked.task))
    all_slips(looks)


def _images(given: str) -> None:
    path = Path(given)
    if path.is_dir():
        return
    if path.suffix.lower() not in (".npz", ".csv"):
        kind = "has another suffix" if path.exists() else "does not exist"
        raise UserError(f"IMAGES_FROM: '{path}' {kind}; give a folder, an .npz or a .csv file.")
    request.file("images_from", given)


def _labels(asked: request.Request) -> None:
    if not asked.images_from:
        raise UserError(
            "LABELS: the images are missing; give IMAGES_FROM as well, a folder, an .npz or a .csv file."
        )
    if asked.labels_file:
        request.file("labels", asked.labels_file)


def _task(given: str) -> None:
    if given not in plugins.names("sw.tasks"):
        raise unknown("TASK", given, plugins.names("sw.tasks"))
