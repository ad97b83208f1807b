"""Removes what builds left, and nothing else (`make clean`, `make clean_STAGE`).

Without a stage all of out/ goes but the trained weights, the history of builds, and the cache of built
simulators and mapped layers.
Standard library only, as it runs where nothing is installed.
"""

import shutil
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.pipeline import record, request, run, stages

TRAINED = ("checkpoint.pt", "weights.safetensors")
KEPT = (".cache", "train", "history.jsonl")


def everything(out: Path) -> None:
    """Remove all in a folder but the cache, the history and the folders of trainings."""
    if any((out / name).exists() for name in TRAINED) or out.is_symlink():
        return
    for entry in sorted(out.iterdir()) if out.is_dir() else ():
        if entry.name in KEPT:
            continue
        if entry.is_dir() and not entry.is_symlink():
            everything(entry)
            if not any(entry.iterdir()):
                entry.rmdir()
        else:
            entry.unlink()


def clean_stage(asked: request.Request, name: str) -> list[str]:
    """Remove what a stage left and all that follows; returns the names of the stages.

    Before fold that is every accelerator of the network, of fold the accelerator as a whole.

    Raises:
        UserError: a name that could lead out of out/, or no such stage.
    """
    request.plain(asked)
    if name not in stages.NAMES:
        raise UserError(f"clean_{name}: there is no stage {name}; the stages are {', '.join(stages.NAMES)}.")
    declared = {one.name: one for one in stages.STAGES}
    gone = [name]
    for one in stages.STAGES:
        if one.name == "report" or not set(gone).isdisjoint(one.inputs):
            gone.append(one.name)
    folders = [asked.acc]
    if name in ("export", "lower"):
        found = asked.net_dir.glob("*-*/") if asked.net_dir.is_dir() else ()
        folders = [path for path in found if (path / "fold.json").exists()]
    if name in ("export", "lower", "fold"):
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    for each in (declared[known] for known in dict.fromkeys(gone)):
        for output in each.outputs:
            _remove(stages.path_of(output, asked.net_dir, asked.acc))
        _remove(record.record_path(each, asked))
        _remove(run.log_path(each, asked.net_dir, asked.acc))
    return list(dict.fromkeys(gone))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
