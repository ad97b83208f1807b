"""DATA: the folder of pictures to train on (`sw/datasets/folder.py`). Standard library only."""

import os
import re
from pathlib import Path

from xnorforge.core import networks
from xnorforge.core.errors import UserError

VARIABLE = "XNORFORGE_FOLDER"  # where the data set finds its name


def plain_name(data: str) -> str:
    """What the folder is called in names of folders below out/."""
    return re.sub(r"[^\w.+-]+", "_", Path(data).resolve().name).strip("_") or "pictures"


def given_pictures(net: str | None, data: str | None, task: str | None = None) -> None:
    """See that pictures are given where a network needs them and nowhere else.

    Args:
        net: None for a file from elsewhere, which folders of pictures can test.
        task: of a file.

    Raises:
        UserError: they are missing, too many, or no folder of classes.
    """
    known = net in networks.names() or networks.is_given(net or "")
    needed = known and networks.takes_data(str(net))
    allowed = needed if net else not task or networks.takes_data(f"{task}-")
    if needed and not data:
        raise UserError(
            f"DATA: {net} is trained on your own pictures; give DATA=photos/, a folder with one subfolder of "
            "pictures per class."
        )
    if data and not allowed:
        kinds = {networks.task_name(name) for name in networks.names() if networks.takes_data(name)}
        raise UserError(
            f"DATA: {net or 'MODEL'} is not trained on a folder; leave it out, or choose "
            f"TASK={' or '.join(sorted(kinds))}."
        )
    if data:
        from xnorforge.sw.datasets.folder import class_folders

        class_folders(Path(data))


def hand_over(data: str | None) -> None:
    """Name the folder to the data set, in this process and those it starts."""
    if data:
        os.environ[VARIABLE] = str(data)
    else:
        os.environ.pop(VARIABLE, None)
