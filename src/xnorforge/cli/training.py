"""Verbs that train and compare: train, train-float, compare, tradeoff, curves."""

from dataclasses import asdict
from pathlib import Path

import click

from xnorforge.cli.main import AS_JSON, FILE, FOLDER, cli, print_object
from xnorforge.core import extras
from xnorforge.core.progress import say
from xnorforge.pipeline import pictures, request
from xnorforge.pipeline.job import stage

RECIPE = click.option(
    "--recipe",
    default="ours",
    show_default=True,
    metavar="NAME[,KEY=VALUE…]",
    help="ours, paper, or a method's name for its paper's; what differs behind commas.",
)
TASK = click.option("--task", help="mnist, cifar10, pedestrian, …: NET may then leave out this prefix.")
DATA = click.option("--data", help="With --task folder: your pictures, a folder that holds one per class.")


@cli.command()
@click.argument("net", required=False)
@TASK
@DATA
@click.option("--method", default="ste", show_default=True, help="Training method of sw/methods.")
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    help="Folder for checkpoint, weights, curve and card; default: out/<net>/train.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs; default: the network's recipe.")
@click.option(
    "--lr", type=click.FloatRange(0, min_open=True), help="Largest learning rate; default: the recipe's."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads of torch; the last bits depend on it.",
)
@click.option(
    "--set", "hyper", multiple=True, metavar="NAME=VALUE", help="A hyper-parameter of the method; repeatable."
)
@RECIPE
@click.option("--init", type=FOLDER, help="Start from the latents and norms of the run in this folder.")
@click.option("--guide", type=FOLDER, help="Of METHODs with a guide: the run of train-float that it is.")
@AS_JSON
def train(net, task, data, method, out, epochs, lr, seed, threads, hyper, recipe, init, guide, as_json):
    """Train NET, or continue the run in the same folder."""
    from xnorforge.sw.training import runs
    from xnorforge.sw.training.train import train

    net = request.network_name(net, task)
    given: dict[str, object] = dict(request.assignment(text) for text in hyper)
    if guide is not None:
        given["guide"] = str(guide)
    _pictures(net, data)
    looked = request.Request(net=net, method=method, data=data or None).trained
    out = out or looked
    with stage("train", out):
        start = str(init) if init else None
        card = train(net, method, out, epochs, seed, threads, given, lr, recipe, start)
    build = f"make build NET={net} METHOD={method}" + (f" DATA={data}" if data else "")
    if runs.own(out) is None:
        use = f"; trained on made-up pictures: only `{build} WEIGHTS={out}` takes these weights"
    else:
        use = f"; `{build}` takes these weights now" if out == looked else ""
    say(f"train     done -> {out}{use}")
    if as_json and card is not None:  # of several processes the first alone has it
        print_object("train", {"folder": str(out), "card": card})


def _pictures(net: str, data: str | None) -> str:
    """Check DATA and hand it over; what it adds to the names of folders, with a dash in front."""
    pictures.given_pictures(net, data)
    pictures.hand_over(data)
    return f"-{pictures.plain_name(data)}" if data else ""


@cli.command("train-float")
@click.argument("net", required=False)
@TASK
@DATA
@click.option(
    "-o", "--out", type=FOLDER, help="Folder for checkpoint, curve and card; default: out/<net>-float."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs; default: the network's recipe.")
@click.option(
    "--lr",
    type=click.FloatRange(0, min_open=True),
    help="Largest learning rate; default: the recipe's, of ours 0.002.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--threads",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Threads of torch; the last bits depend on it.",
)
@RECIPE
@AS_JSON
def train_float(net, task, data, out, epochs, lr, seed, threads, recipe, as_json):
    """Train NET in full precision (real weights and ReLU), as a reference; it cannot be built."""
    from xnorforge.core.accuracy import row_text
    from xnorforge.sw.training.full_precision import train_full_precision

    net = request.network_name(net, task)
    name = net + _pictures(net, data)
    before = Path("out") / f"{name}-twin"  # the folder's name until 0.1; a run in it goes on there
    out = out or (before if before.exists() else Path("out") / f"{name}-float")
    with stage("train-float", out):
        card = train_full_precision(net, out, epochs, lr, seed, threads, recipe)
    for row in card["accuracy"]:
        say(f"train-float  {row_text(row)}: {row['set']}")
    if as_json:
        print_object("train", {"folder": str(out), "card": card})


@cli.command()
@click.argument("net", required=False)
@TASK
@DATA
@click.option(
    "--methods",
    default="",
    help="Methods, separated by spaces; hyper-parameters, recipe= and init= after commas: 'ste bonn,nu=1'; "
    "default: all.",
)
@click.option(
    "--seeds",
    default="0 1 2",
    show_default=True,
    help="Seeds, separated by spaces; every method runs with each.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of every run; default: the network's recipe.")
@RECIPE
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of torch per run."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs in parallel.")
@click.option(
    "--board", help="Board of hw/boards: build each method's first run for it, and add what that costs."
)
@click.option("-o", "--out", type=FOLDER, help="Default: out/compare, with --data its name behind a dash.")
@AS_JSON
def compare(net, task, data, methods, seeds, epochs, recipe, threads, jobs, board, out, as_json):
    """Train NET with each method and seed, export each, write a table and a plot; finished runs are kept."""
    from xnorforge.studies import compare as study

    extras.require("matplotlib", "the plot of compare")
    net = request.network_name(net, task)
    out = Path(f"out/compare{_pictures(net, data)}") if out is None else out
    asked = study.compare_request(net, methods, seeds, epochs, board, recipe=recipe, threads=threads, out=out)
    with stage("compare", asked.folder):
        results = study.compare(asked, jobs, say)
    pictures = ["compare.svg", *(["pareto.svg"] if board else [])]
    say(f"compare   done -> {', '.join(f'{asked.folder}/{name}' for name in ('table.md', *pictures))}")
    if as_json:
        rows = [asdict(result) | {"variant": str(result.variant)} for result in results]
        print_object("compare", {"folder": str(asked.folder), "runs": rows})


@cli.command()
@click.argument("run", type=FOLDER, required=False)
@click.option("--net", help="Without RUN: the network whose run out/<net>-layer_priority/train is.")
@TASK
@click.option("--board", required=True, help="Board of hw/boards.")
@click.option(
    "--interval", type=click.IntRange(1), help="Initiation interval of every network, cycles per frame."
)
@click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Layers mapped in parallel."
)
@click.option(
    "--images",
    type=click.IntRange(2),
    default=10,
    show_default=True,
    help="Images simulated in RTL without stalls.",
)
@click.option(
    "--stalled",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="Of these, again with random stalls.",
)
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    help="Default: out/tradeoff/<name of RUN, or of the network it was trained in>.",
)
@AS_JSON
def tradeoff(run, net, task, board, interval, jobs, images, stalled, out, as_json):
    """Build each network that the layer_priority training in RUN wrote, and write a table and a plot of
    accuracy and cost.
    """
    from xnorforge.studies.tradeoff import tradeoff

    extras.require("matplotlib", "the plot of tradeoff")
    run = run or Path("out") / f"{request.network_name(net, task)}-layer_priority" / "train"
    place = run.resolve()
    out = out or Path("out/tradeoff") / (place.parent if place.name == "train" else place).name
    with stage("tradeoff", out):
        points = tradeoff(run, board, interval, out, jobs, say, images, stalled)
    say(f"tradeoff  done -> {out}/{board}.md, {out}/{board}.svg")
    if as_json:
        rows = [asdict(point) | {"weights": str(point.weights)} for point in points]
        print_object("tradeoff", {"folder": str(out), "points": rows})


@cli.command()
@click.argument("run", type=FOLDER)
@click.option("-o", "--out", type=FILE, help="The picture, .svg or .png; default: curve.svg in RUN.")
@AS_JSON
def curves(run, out, as_json):
    """Draw the training curve of the folder RUN: loss, accuracy, share of flipped signs."""
    from xnorforge.sw.training.curves import picture

    path = picture(run, out)
    say(f"curves    {path}")
    if as_json:
        print_object("curves", {"files": [str(path)]})
