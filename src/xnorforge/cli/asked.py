"""From the options of a command line to the request of a build."""

import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.pipeline import request, settings
from xnorforge.pipeline.options import OPTIONS
from xnorforge.pipeline.request import Request


def resolve(given: Record, what: str | None = None) -> Request:
    """The request that options make; empty values count as not given.

    Args:
        given: texts by the names of options, "config" and "out" (the network's folder) among them.
        what: a network, a QONNX file or the folder of a build, whose options are the defaults then.

    Raises:
        UserError: a value of another kind, a folder without a build, or two networks.
    """
    given = {name: value for name, value in given.items() if value not in (None, "", False, ())}
    config, out = given.pop("config", None), given.pop("out", None)
    places: dict[str, Any] = {"folder": Path(out)} if out else {}
    if config:
        given = settings.merged(given, Path(config))
    if what and is_folder(what):
        places = _places_of(Path(what), given) | places
        given = settings.merged(given, Path(what) / settings.NAME)
    elif what:
        kind = "model" if what.endswith(".onnx") else "net"
        if named := given.get("model") or given.get("net"):
            raise UserError(f"{kind.upper()}: both '{what}' and '{named}' are given; give only one.")
        given[kind] = what
    found = {one.name: one.read(given[one.name]) for one in OPTIONS if one.name in given}
    task = found.pop("task", None)
    if "model" not in found:
        found["net"] = request.network_name(found.get("net"), task)
    elif task:
        found["task"] = task
    if "scale" in found:
        from xnorforge.core.input_format import scale_of

        found["scale"], found["offset"] = scale_of(found["scale"])
    asked = Request(**found)
    same = {"folder": Path("out") / asked.name, "place": None}
    return replace(asked, **{name: path for name, path in places.items() if path != same[name]})


def is_folder(what: str) -> bool:
    """Whether a word names a folder, not a network: names of networks take precedence."""
    return os.path.isdir(what) and what not in request.known("net")


def _places_of(folder: Path, given: Record) -> Record:
    """The folders of the build in `folder`, which is a network's or an accelerator's."""
    if not (folder / settings.NAME).is_file():
        raise UserError(
            f"{folder}: is not the folder of a build (it has no {settings.NAME}); give a network, a QONNX "
            "file or the folder of a build, for example out/mnist-cnn."
        )
    found = settings.read_settings(folder / settings.NAME)
    if "board" not in found:
        return {"folder": folder}
    places = {"folder": folder.parent}
    moved = any(given.get(name, found[name]) != found[name] for name in ("board", "backend"))
    if not moved and folder.name != f"{found['backend']}-{found['board']}":
        places["place"] = folder
    return places


def network_of(what: str | None, net: str | None, task: str | None) -> str:
    """The network that a verb of training means: by name, the user's own FILE.py:NAME, or the one of a
    build's or run's folder. The task of the user's own is TASK, or folders of pictures.

    Raises:
        UserError: it is a file, or the folder of a file's build.
    """
    if what and net:
        raise UserError(f"NET: both '{what}' and '{net}' are given; give only one.")
    if what and is_folder(what):
        asked = resolve({}, what)
        if not asked.model:
            return asked.net
    elif not (what or "").endswith(".onnx"):
        return request.network_name(what or net, task)
    raise UserError(
        f"NET: '{what}' is a QONNX file or its build, which cannot be trained; give a network "
        "(`xnorforge list` shows them)."
    )


def accelerator_of(what: str) -> str:
    """The folder of the build that a network's name stands for; any other word as it is."""
    return str(resolve({}, what).acc) if what in request.known("net") else what


def command(asked: Request) -> str:
    """The call of make that builds this network for this board, without what a folding says."""
    words = {"MODEL" if asked.model else "NET": asked.model or asked.net, "BOARD": asked.board}
    words |= {"METHOD": asked.method} if asked.method != Request.method else {}
    words |= {"WEIGHTS": asked.weights} if asked.weights else {}
    words |= {"OUTPUT": asked.output} if asked.output != Request.output else {}
    words |= {"STREAM": asked.stream} if asked.stream else {}
    return f"make build {' '.join(f'{name}={shlex.quote(str(value))}' for name, value in words.items())}"
