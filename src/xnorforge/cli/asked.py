"""The options of a build, the same for every verb that needs one; make's variables in small letters."""

import functools
import os
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from xnorforge.core.errors import UserError, all_slips
from xnorforge.core.input_format import scale_of
from xnorforge.pipeline import job, model_request, pictures, request, settings
from xnorforge.pipeline.request import Request


def complete(kind: str) -> Callable:
    """What a shell offers behind an option: the names of a kind, as `request.known` has them."""
    return lambda _ctx, _option, begun: [name for name in request.known(kind) if name.startswith(begun)]


COUNTS = ("interval", "images", "stalled", "placed_images")
OPTIONS = (
    click.option(
        "--config", help="TOML of these options, as build.toml of an earlier build; others go before it."
    ),
    click.option(
        "--net",
        shell_complete=complete("net"),
        help="Network of sw/shipped; with --task, its name without that prefix.  [default: mnist-cnn]",
    ),
    click.option("--task", help="mnist, cifar10, pedestrian, …: alone, the default network of that task."),
    click.option(
        "--method", shell_complete=complete("method"), help="Training method of sw/methods.  [default: ste]"
    ),
    click.option("--board", shell_complete=complete("board"), help="Board of hw/boards.  [default: pynq-z2]"),
    click.option(
        "--backend", shell_complete=complete("backend"), help="Back end of flows/backends.  [default: rtl]"
    ),
    click.option(
        "--weights", help="Folder of a training run; default: out/<net>/train if there, else shipped weights."
    ),
    click.option("--model", help="A QONNX file instead of a network."),
    click.option(
        "--scale", help="With --model: value of one input integer, as 1/255 or 2/255-1; else the file's."
    ),
    click.option(
        "--input", "input_format", help="With --model: int8, uint4, q4.12, float:<calibration.npz>, …"
    ),
    click.option("--images-from", help="With --model: a folder of pictures, an .npz or a .csv file."),
    click.option("--labels", help="With --images-from: a file of labels, or last: the last column."),
    click.option("--data", help="With --task folder: your pictures, a folder that holds one per class."),
    click.option(
        "--interval",
        help="Initiation interval to reach, in cycles per frame; default: the network's or board's.",
    ),
    click.option("--fps", help="Frames per second to reach instead of an interval, or max."),
    click.option("--lut", help="The most LUTs the folding may take, by the cost model: 60% or a number."),
    click.option("--bram", help="The same of block RAMs."),
    click.option("--latency", help="The longest a frame may take from first to last beat: cycles or 500us."),
    click.option("--spare", help="Take the least of lut, bram or dsp.  [default: the least of the part]"),
    click.option(
        "--approximate",
        is_flag=True,
        help="Round sums of branches of more than 24 bits; the report says what changes.",
    ),
    click.option(
        "--output", help="Of a map: all scores, or labels, only the index of each cell's largest score."
    ),
    click.option("--folding", help="JSON {operator: {pe, simd, depth of input FIFO}}; the rest is searched."),
    click.option("--images", help="Images simulated in RTL without stalls.  [default: 100]"),
    click.option("--stalled", help="Of these, again with random stalls (back-pressure).  [default: 20]"),
    click.option("--waves", is_flag=True, help="Write waveforms of the first frames."),
    click.option("--pnr", help="Place and route: auto, where its tools are found, or off.  [default: auto]"),
    click.option("--seeds", help="Of place and route, each a run.  [default: 1,2,3]"),
    click.option(
        "--freq",
        help="The bitstream's clock: board, or search, the highest that was routed.  [default: board]",
    ),
    click.option("--placed-images", help="Images simulated in the placed netlist.  [default: 2]"),
)


def options(verb: Callable) -> Callable:
    """Add the options of a build to a verb; it gets them as one `Request` in its argument `asked`."""
    names = [name for option in OPTIONS for name in _names(option)]

    @functools.wraps(verb)
    def called(**given):
        mine = {name: given.pop(name) for name in names}
        return verb(asked=resolve(mine), **given)

    for option in reversed(OPTIONS):
        called = option(called)
    return called


def settings_name(name: str) -> str:
    """The key of a configuration file for an argument of a verb."""
    return "input" if name == "input_format" else name


def _names(option: Callable) -> list[str]:
    def nothing() -> None: ...

    return [parameter.name for parameter in option(nothing).__click_params__]


def resolve(given: dict) -> Request:
    """The request that the options of a command line make; empty values count as not given.

    Raises:
        UserError: a value that is no number or none that is allowed, or a network of another task.
    """
    if config := given.pop("config", None):
        given = settings.merged({settings_name(name): value for name, value in given.items()}, Path(config))
        given = {"input_format" if name == "input" else name: value for name, value in given.items()}
    found = {name: value for name, value in given.items() if value not in (None, "", False)}
    task = found.pop("task", None)
    if "model" not in found:
        found["net"] = request.network_name(found.get("net"), task)
    elif task:
        found["task"] = task
    for kind in COUNTS:
        if kind in found:
            request.number(kind, found[kind])
            found[kind] = int(found[kind])
    if "seeds" in found:
        found["seeds"] = request.seeds(found["seeds"])
    if "scale" in found:
        found["scale"], found["offset"] = scale_of(found["scale"])
    return Request(**found)


def check(asked: Request) -> None:
    """Check the options of a build before anything is built.

    Raises:
        UserError: an unknown name, a missing file, or a folder that cannot be written; all of it, a sentence
            each.
    """
    looks = [
        lambda: request.names(asked),
        lambda: request.plain(asked),
        lambda: request.aims(asked),
        lambda: model_request.given_data(asked),
        lambda: pictures.given_pictures(None if asked.model else asked.net, asked.data),
    ]
    for kind in ("model", "folding"):
        if given := getattr(asked, kind):
            looks.append(functools.partial(request.file, kind, given))
    all_slips(looks)
    request.folder(asked.net_dir, job.NO_ROOM)


def command(asked: Request) -> str:
    """The call of make that builds this network for this board, without what a folding says."""
    words = {"MODEL" if asked.model else "NET": asked.model or asked.net, "BOARD": asked.board}
    words |= {"METHOD": asked.method} if asked.method != Request.method else {}
    words |= {"WEIGHTS": asked.weights} if asked.weights else {}
    words |= {"OUTPUT": asked.output} if asked.output != Request.output else {}
    return f"make build {' '.join(f'{name}={shlex.quote(str(value))}' for name, value in words.items())}"


def claim(asked: Request) -> None:
    """Lock a network's folder, as long as this process lives: no other build may write there."""
    request.claim(asked.net_dir, os.getpid(), job.cache() / "building")


def named(asked: Request, network: str) -> Request:
    """A request whose network was given as an argument, not as an option.

    Raises:
        UserError: another one was given as an option too.
    """
    if asked.model or asked.net not in (request.NET, network):
        raise UserError(f"build: give either {network}, or --net or --model, not both.")
    return replace(asked, net=network)
