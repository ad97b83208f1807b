"""The options of a build as a file: `xnorforge build --config FILE`; each build writes its own, build.toml.

    net = "mnist-cnn"
    method = "ste"
    board = "pynq-z2"
    images = 100

Keys are the options of `xnorforge build`, without the dashes in front and with _ between words. The command
line overrides the file. The network's folder holds a file with the options of the network only.
"""

import json
import tomllib
from pathlib import Path

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.types import Record
from xnorforge.pipeline.options import OPTIONS
from xnorforge.pipeline.request import Request

NAME = "build.toml"
KEYS = {one.key: one for one in OPTIONS if one.name != "jobs"}
OF_NETWORK = ("net", "method", "weights", "data")
OF_FILE = ("model", "scale", "input", "images_from", "labels", "task")


def same_options(asked: Request) -> Record:
    """The options that request the same build again, defaults included."""
    left_out = OF_NETWORK if asked.model else [key for key in OF_FILE if key not in OF_NETWORK]
    found = {key: getattr(asked, one.name) for key, one in KEYS.items() if key not in left_out}
    if asked.model and asked.scale is not None:
        from xnorforge.core.input_format import scale_words  # with numpy, which make clean does without

        found["scale"] = scale_words(asked.scale, asked.offset)
    found["seeds"] = ",".join(map(str, asked.seeds))
    return {name: value for name, value in found.items() if value is not None}


def write_settings(asked: Request) -> None:
    """Write them into the network's folder and the accelerator's, where they are not there already."""
    found = same_options(asked)
    own = {name: value for name, value in found.items() if name in (*OF_NETWORK, *OF_FILE)}
    for folder, given in ((asked.net_dir, own), (asked.acc, found)):
        lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
        text = "\n".join(["# `xnorforge build --config` with this file repeats the build", *lines, ""])
        path = folder / NAME
        if folder.is_dir() and (not path.exists() or path.read_text() != text):
            with whole(path) as aside:
                aside.write_text(text)


def read_settings(path: Path) -> Record:
    """The options of a file, as those of a command line.

    Raises:
        UserError: it is not TOML, has a key that is not an option, or a value that no option can have.
    """
    try:
        found = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"--config: '{path}' cannot be read as TOML ({error}); give a file like the `{NAME}` of a build."
        ) from error
    for name, value in found.items():
        if name not in KEYS:
            raise unknown(f"--config: {path}", name, KEYS)
        if not isinstance(value, (str, int)):
            raise UserError(
                f"--config: {path}: {name} is {value!r}; give text, a whole number, true or false."
            )
    return {
        KEYS[name].name: value if isinstance(value, bool) else str(value) for name, value in found.items()
    }


def merged(given: Record, path: Path) -> Record:
    """The options of a file, overridden by those of the command line; an empty one counts as not given.

    A network on the command line replaces the file's, together with all that the file says of that network.
    """
    found = read_settings(path)
    own = {name: value for name, value in given.items() if value not in (None, "", False)}
    if own.keys() & {"net", "task", "model"}:
        others = {KEYS[key].name for key in (*OF_FILE, *OF_NETWORK)} - {"method"}
        found = {name: value for name, value in found.items() if name not in others}
    return found | own
