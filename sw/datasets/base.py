"""Files of data sets: found in the folder XNORFORGE_DATA, or downloaded once into the user's cache.

A data set is one file `sw/datasets/<name>.py`; it names its origin as `SOURCE`. Every file is checked against
a published hash before it is read. docs/training.md and docs/tasks.md list the layouts.
"""

import hashlib
import os
from pathlib import Path

from xnorforge.core.errors import UserError

MADE_UP = "made-up"  # in the words of a set, and of a card: a program drew these pictures


class Absent(UserError):
    """The images lie in no folder we know of, and the network does not give them."""


def download(url: str, md5: str, processor):
    """What the processor of pooch makes of a file that is downloaded once.

    Raises:
        Absent: the network does not give it.
        UserError: it is not the published file.
    """
    import pooch
    from requests.exceptions import RequestException

    name = url.rsplit("/", 1)[1]
    try:
        return pooch.retrieve(url, f"md5:{md5}", path=pooch.os_cache("xnorforge"), processor=processor)
    except (RequestException, OSError) as error:
        raise Absent(
            f"{name}: not in {where()} and not downloaded ({type(error).__name__}); set XNORFORGE_DATA to "
            "a folder that holds it."
        ) from error
    except ValueError as error:
        raise UserError(
            f"{url}: what was downloaded has not the published MD5 {md5}; try again or set XNORFORGE_DATA."
        ) from error


def checked(path: Path, md5: str) -> bytes:
    """A file's bytes.

    Raises:
        UserError: it cannot be read, or has another MD5 than the published one.
    """
    content = _read(path)
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != md5:
        raise UserError(f"{path}: MD5 is {found}, the published file has {md5}; fetch the file again.")
    return content


def listed(path: Path) -> bytes:
    """A file's bytes, checked against the SHA256SUMS beside it.

    Raises:
        UserError: one of the two cannot be read, or they do not agree.
    """
    content, sums = _read(path), _read(path.with_name("SHA256SUMS")).decode()
    wanted = {line.split()[1]: line.split()[0] for line in sums.splitlines() if line.strip()}.get(path.name)
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise UserError(
            f"{path}: SHA-256 is {found}, SHA256SUMS beside it says {wanted}; fetch the file again."
        )
    return content


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{path}: {(error.strerror or 'not readable').lower()}; "
            "XNORFORGE_DATA must name a folder that holds it."
        ) from error


def _root() -> Path | None:
    given = os.environ.get("XNORFORGE_DATA")
    if not given:
        return None
    if not Path(given).is_dir():
        raise UserError(
            f"XNORFORGE_DATA: '{given}' is not a folder; name one that holds mnist/ or cifar10/, or unset it."
        )
    return Path(given)


def folder_of(name: str) -> Path | None:
    """The folder of that name in XNORFORGE_DATA, if there is one.

    Raises:
        UserError: XNORFORGE_DATA names no folder.
    """
    root = _root()
    return root / name if root and (root / name).is_dir() else None


def first_with(name: str, *folders: Path | None) -> Path | None:
    """The first of some folders that holds a file of that name."""
    return next((folder for folder in folders if folder and (folder / name).exists()), None)


def where() -> str:
    """Where was looked, for a sentence on what is missing."""
    return f"XNORFORGE_DATA ({_root()})" if _root() else "XNORFORGE_DATA (not set)"
