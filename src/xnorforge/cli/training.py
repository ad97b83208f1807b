"""Verbs that train and compare: train, train-float, compare."""

from dataclasses import asdict
from pathlib import Path

import click

from xnorforge.cli import asked
from xnorforge.cli.main import print_object
from xnorforge.core import networks
from xnorforge.core.networks import is_given
from xnorforge.core.progress import say
from xnorforge.core.types import Record
from xnorforge.pipeline import pictures, request
from xnorforge.pipeline.job import stage


def train_verb(
    what, net, task, data, method, out, epochs, lr, seed, threads, set, recipe, init, guide, as_json
) -> None:
    """Train a network, or continue the run in its folder; the next build of the network uses its weights."""
    net = asked.network_of(what, net, task)
    request.names(request.Request(net=net, method=method))  # before torch loads
    given: dict[str, object] = dict(request.assignment(text) for text in set)
    from xnorforge.studies.complexity import complete_card
    from xnorforge.sw.training import runs
    from xnorforge.sw.training.train import train

    if guide:
        given["guide"] = str(guide)
    _pictures(net, data)
    looked = request.Request(net=net, method=method, data=data or None).trained
    folder = Path(out) if out else looked
    with stage("train", folder):
        card = train(net, method, folder, epochs, seed, threads, given, lr, recipe, init)
        if card is not None:  # of several processes only the first has it
            card = complete_card(folder, net, method)
    named = f"{net.partition('-')[2]} TASK={networks.task_name(net)}" if is_given(net) else net
    build = f"make build NET={named} METHOD={method}" + (f" DATA={data}" if data else "")
    if runs.own(folder) is None:
        use = f"; trained on synthetic pictures: only `{build} WEIGHTS={folder}` uses these weights"
    else:
        use = f"; `{build}` uses these weights now" if folder == looked else ""
    _say_accuracy("train", card or {})
    say(f"train     done -> {folder}{use}")
    if as_json and card is not None:
        print_object("train", {"folder": str(folder), "card": card})


def _say_accuracy(verb: str, card: Record) -> None:
    """What a training reached, on held-out images, by which runs are chosen, and on each test set."""
    from xnorforge.core.accuracy import row_text

    if "held_out_accuracy" in card:
        epochs = f"{card['recipe']['epochs']} epochs, " if "recipe" in card else ""
        say(f"{verb:<9} {epochs}held out: {card['held_out_accuracy']:.2%} of {card['data']['held_out']}")
    for row in card.get("accuracy", []):
        say(f"{verb:<9} {row_text(row)}: {row['set']}")


def _pictures(net: str, data: str | None) -> str:
    """Check DATA and hand it over; returns what it adds to the names of folders, beginning with a dash."""
    pictures.given_pictures(net, data)
    pictures.hand_over(data)
    return f"-{pictures.plain_name(data)}" if data else ""


def train_float_verb(what, net, task, data, out, epochs, lr, seed, threads, recipe, as_json) -> None:
    """Train a network in full precision (real weights and ReLU), as a reference; it cannot be built."""
    net = asked.network_of(what, net, task)
    request.names(request.Request(net=net))
    from xnorforge.sw.training.full_precision import train_full_precision

    folder = Path(out) if out else Path("out") / f"{net}{_pictures(net, data)}-float"
    with stage("train-float", folder):
        card = train_full_precision(net, folder, epochs, lr, seed, threads, recipe)
    _say_accuracy("train-float", card)
    if as_json:
        print_object("train", {"folder": str(folder), "card": card})


def compare_verb(
    what, net, task, data, methods, seeds, epochs, recipe, init, threads, jobs, board, out, as_json
) -> None:
    """Train with each method and seed, export each run, and write a table and a plot; keep finished runs."""
    net = asked.network_of(what, net, task)
    request.names(request.Request(net=net))
    from xnorforge.studies import compare as study

    folder = Path(out) if out else Path(f"out/compare{_pictures(net, data)}")
    wanted = study.compare_request(
        net, methods, seeds, epochs, board, recipe=recipe, init=init, threads=threads, out=folder
    )
    with stage("compare", wanted.folder):
        results = study.compare(wanted, jobs, say)
    if not as_json and (table := wanted.folder / "table.md").exists():
        click.echo(table.read_text(), nl=False)
    plots = ["compare.svg", *(["pareto.svg"] if board else [])]
    say(f"compare   done -> {', '.join(f'{wanted.folder}/{name}' for name in ('table.md', *plots))}")
    if as_json:
        rows = [asdict(result) | {"variant": str(result.variant)} for result in results]
        print_object("compare", {"folder": str(wanted.folder), "runs": rows})
