"""What is checked before anything of a build is written, and the lock on its folders."""

import functools
import os
from pathlib import Path

from xnorforge.core import cache
from xnorforge.core.errors import all_slips
from xnorforge.pipeline import job, model_request, pictures, request, run
from xnorforge.pipeline.request import Request


def check_request(asked: Request) -> None:
    """Check a build's options first: a UserError of all names, files and folders that are wrong."""
    looks = [
        lambda: request.names(asked), lambda: request.plain(asked), lambda: request.aims(asked),
        lambda: model_request.given_data(asked),
        lambda: pictures.given_pictures(None if asked.model else asked.net, asked.data, asked.task),
    ]  # fmt: skip
    if asked.model:
        looks.append(functools.partial(request.file, "model", asked.model))
    if asked.folding:
        looks.append(functools.partial(_folding, asked.folding))
    all_slips(looks)
    request.folder(asked.net_dir, job.NO_ROOM)


def _folding(given: str) -> None:
    request.file("folding", given)
    from xnorforge.flows.fold import read_folding  # half a second

    read_folding(Path(given))


def claim_folders(asked: Request, imports: bool = False) -> None:
    """Lock the accelerator's folder as long as this process lives, and the network's where stages that write
    there have to run: no other build may write there.

    Args:
        imports: the caller itself writes into the network's folder.

    Raises:
        UserError: another build is running in one of them.
    """
    own = {stage.name for stage in asked.plan() if stage.outputs[0].startswith("net/")}
    folders = [asked.acc]
    if imports or run.untrained(asked) or own & run.missing(asked, "lower").keys():
        folders.append(asked.net_dir)
    for folder in folders:
        request.claim(folder, os.getpid(), cache.cache_dir() / "building")
