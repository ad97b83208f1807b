"""The options of a build, the same for every verb that needs one; make's variables in small letters."""

import functools
import os
from collections.abc import Callable
from dataclasses import replace

import click

from xnorforge.core.errors import UserError
from xnorforge.pipeline import job, request
from xnorforge.pipeline.request import Request

COUNTS = ("interval", "images", "stalled")
OPTIONS = (
    click.option("--net", help="Network of sw/shipped, or its name behind --task's.  [default: mnist-cnn]"),
    click.option("--task", help="mnist, cifar10, pedestrian, …: alone it stands for its usual network."),
    click.option("--method", help="Training method of sw/methods.  [default: ste]"),
    click.option("--board", help="Board of hw/boards.  [default: pynq-z2]"),
    click.option("--backend", help="Back end of flows/backends.  [default: rtl]"),
    click.option(
        "--weights", help="Folder of a training run; default: out/<net>/train if there, else as shipped."
    ),
    click.option("--model", help="A QONNX file instead of a network."),
    click.option("--scale", help="With --model: value of one input step, where the file does not say."),
    click.option("--interval", help="Cycles per frame to aim at; default: what the network or board says."),
    click.option("--approximate", is_flag=True, help="Round sums of branches that are too wide to be exact."),
    click.option(
        "--output", help="scores, or labels: of a map the index of each cell's largest score alone."
    ),
    click.option("--folding", help="JSON {operator: {pe, simd, depth}}; the rest is searched."),
    click.option("--images", help="Images through the RTL at full rate.  [default: 100]"),
    click.option("--stalled", help="How many of these again under random stalls.  [default: 20]"),
    click.option("--waves", is_flag=True, help="Write waveforms of the first frames."),
)


def options(verb: Callable) -> Callable:
    """Give a verb the options of a build, as one `Request` in its argument `asked`."""
    names = [name for option in OPTIONS for name in _names(option)]

    @functools.wraps(verb)
    def called(**given):
        mine = {name: given.pop(name) for name in names}
        return verb(asked=resolve(mine), **given)

    for option in reversed(OPTIONS):
        called = option(called)
    return called


def _names(option: Callable) -> list[str]:
    def nothing() -> None: ...

    return [parameter.name for parameter in option(nothing).__click_params__]


def resolve(given: dict) -> Request:
    """What the words of a command line ask for; empty words count as not given.

    Raises:
        UserError: a number that is none, or a network of another task.
    """
    found = {name: value for name, value in given.items() if value not in (None, "", False)}
    task = found.pop("task", None)
    if "model" not in found:
        found["net"] = request.network_name(found.get("net"), task)
    for kind in (*COUNTS, "scale"):
        if kind in found:
            request.number(kind, found[kind])
            found[kind] = (float if kind == "scale" else int)(found[kind])
    return Request(**found)


def check(asked: Request) -> None:
    """See that a build can be asked for like this, before anything is built.

    Raises:
        UserError: an unknown name, a missing file, or a folder that cannot be written.
    """
    request.names(asked)
    request.plain(asked)
    for kind in ("model", "folding"):
        if getattr(asked, kind):
            request.file(kind, getattr(asked, kind))
    request.folder(asked.net_dir, job.NO_ROOM)


def claim(asked: Request) -> None:
    """Build in a network's folder alone, as long as this process lives."""
    request.claim(asked.net_dir, os.getpid(), job.cache() / "building")


def named(asked: Request, network: str) -> Request:
    """A request whose network was given as a word of its own.

    Raises:
        UserError: another one was given as an option too.
    """
    if asked.model or asked.net not in (request.NET, network):
        raise UserError(f"build: give either {network}, or --net or --model, not both.")
    return replace(asked, net=network)
