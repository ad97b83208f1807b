"""The options of a build as a file: `xnorforge build --config FILE`; build.toml stands beside each result.

    net = "mnist-cnn"
    method = "ste"
    board = "pynq-z2"
    images = 100

Keys are the options of `xnorforge build`, without dashes in front and with _ between words. An option of the
command line goes before the file's.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError, unknown
from xnorforge.pipeline.request import Request

NAME = "build.toml"
SAME = (
    "board", "backend", "interval", "fps", "lut", "bram", "latency", "spare", "approximate", "output",
    "folding", "images", "stalled", "waves", "pnr", "freq", "placed_images",
)  # fmt: skip
OF_NETWORK = ("net", "method", "weights", "data")
OF_FILE = ("model", "scale", "input", "images_from", "labels", "task")
KEYS = (*OF_NETWORK, *OF_FILE, *SAME, "seeds")


def same_options(asked: Request) -> dict[str, Any]:
    """The options that ask for the same again; those that were not given stand with their defaults."""
    own = ("model", "images_from", "labels", "task") if asked.model else OF_NETWORK
    found = {name: getattr(asked, name) for name in own}
    if asked.model:
        from xnorforge.core.input_format import scale_words  # with numpy, which make clean does without

        found["scale"] = None if asked.scale is None else scale_words(asked.scale, asked.offset)
        found["input"] = asked.input_format
    found |= {name: getattr(asked, name) for name in SAME}
    found["seeds"] = ",".join(map(str, asked.seeds))
    return {name: value for name, value in found.items() if value is not None}


def write_settings(asked: Request) -> None:
    """Write them beside the result, where that is not there already."""
    lines = [f"{name} = {json.dumps(value)}" for name, value in same_options(asked).items()]
    text = "\n".join(["# xnorforge build --config of this file builds the same again", *lines, ""])
    path = asked.acc / NAME
    if not path.exists() or path.read_text() != text:
        with whole(path) as aside:
            aside.write_text(text)


def read_settings(path: Path) -> dict[str, Any]:
    """The options of a file, as those of a command line.

    Raises:
        UserError: it is no TOML, or has a key that is no option, or one whose value is none of an option.
    """
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"--config: '{path}' cannot be read as TOML ({error}); `{NAME}` of a build is one."
        ) from error
    for name, value in found.items():
        if name not in KEYS:
            raise unknown(f"--config: {path}", name, KEYS)
        if not isinstance(value, (str, int)):
            raise UserError(
                f"--config: {path}: {name} is {value!r}; give text, a whole number, true or false."
            )
    return {name: value if isinstance(value, bool) else str(value) for name, value in found.items()}


def merged(given: dict[str, Any], path: Path) -> dict[str, Any]:
    """The options of a file, and before them those of the command line, of which an empty one is not given.

    A network on the command line takes the place of the file's, with all that says more about that one.
    """
    found = read_settings(path)
    own = {name: value for name, value in given.items() if value not in (None, "", False)}
    if own.keys() & {"net", "task", "model"}:
        others = {*OF_FILE, *OF_NETWORK} - {"method"}
        found = {name: value for name, value in found.items() if name not in others}
    return found | own
