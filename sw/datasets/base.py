"""Files of data sets: found in the folder XNORFORGE_DATA, or downloaded once into the user's cache.

A data set is one file `sw/datasets/<name>.py`; its constant `SOURCE` is its origin. Every file is compared
with a published hash before it is read. docs/guide/training.md and docs/guide/tasks.md list the layouts.
"""

import hashlib
import os
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from xnorforge.core.artifacts import data_folder
from xnorforge.core.errors import UserError

MADE_UP = "made-up"  # in the words of a set, and of a card: a program drew these pictures
_ASKED = ContextVar("downloads were asked for", default=True)


class Absent(UserError):
    """The images are in no known folder and cannot be downloaded."""


@contextmanager
def without_downloads():
    """Downloads within raise `Absent`, unless the file was downloaded before."""
    before = _ASKED.set(False)
    try:
        yield
    finally:
        _ASKED.reset(before)


def download(url: str, md5: str, processor: Any) -> Any:
    """Return the result of pooch's processor for a file that is downloaded once.

    Raises:
        Absent: the download failed, or nobody asked for it.
        UserError: it is not the published file.
    """
    import pooch
    from requests.exceptions import RequestException

    name, place = url.rsplit("/", 1)[1], Path(pooch.os_cache("xnorforge"))
    try:
        if not _ASKED.get():
            checked(place / pooch.utils.unique_file_name(url), md5)
    except UserError as error:
        raise Absent(f"{name}: not found in {where()}, and a download was not asked for.") from error
    try:
        return pooch.retrieve(url, f"md5:{md5}", path=place, processor=processor)
    except (RequestException, OSError) as error:
        raise Absent(
            f"{name}: not found in {where()} and the download failed ({type(error).__name__}); set "
            "XNORFORGE_DATA to a folder that contains it."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{url}: the downloaded file does not have the published MD5 {md5}; try again or set "
            "XNORFORGE_DATA."
        ) from error


def checked(path: Path, md5: str) -> bytes:
    """A file's bytes; UserError if it cannot be read, or its MD5 is not the published one."""
    content = _read(path)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise UserError(f"{path}: MD5 is {found}, but the published file has {md5}; download the file again.")
    return content


def listed(path: Path) -> bytes:
    """A file's bytes, checked by the SHA256SUMS beside it; UserError: unreadable or different."""
    content, sums = _read(path), _read(path.with_name("SHA256SUMS")).decode()
    wanted = {line.split()[1]: line.split()[0] for line in sums.splitlines() if line.strip()}.get(path.name)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise UserError(
            f"{path}: SHA-256 is {found}, but the SHA256SUMS file next to it has {wanted}; download the file "
            "again."
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: {(error.strerror or 'not readable').lower()}; "
            "set XNORFORGE_DATA to a folder that contains it."
        ) from error


def _given() -> str | None:
    given = os.environ.get("XNORFORGE_DATA")
    if given and not Path(given).is_dir():
        raise UserError(
            f"XNORFORGE_DATA: '{given}' is not a folder; give one that contains mnist/ or cifar10/, or unset "
            "it."
        )
    return given


def folder_of(name: str) -> Path | None:
    """The folder of that name in XNORFORGE_DATA, or None; UserError if that is not a folder."""
    _given()
    folder = data_folder() / name
    try:
        os.listdir(folder)  # tried, not asked for, so that the record of a stage says that it looked here
    except OSError:
        return None
    return folder


def first_with(name: str, *folders: Path | None) -> Path | None:
    """Return the first of some folders that contains a file of that name."""
    return next((folder for folder in folders if folder and (folder / name).exists()), None)


def where() -> str:
    """Return a description of the searched folder, for messages."""
    return f"XNORFORGE_DATA ({_given() or 'not set'})"
