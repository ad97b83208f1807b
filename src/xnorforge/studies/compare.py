"""Comparison of methods on one network: the same epochs, the same seeds, one table and one plot.

A run is the same as `train` and `export`, in its own folder:

    out/compare/<task>-<network>/<epochs>/<variant>-<seed>/    checkpoint, curve, weights, card; model.onnx,
    export.json out/compare/<task>-<network>/<epochs>/table.csv, table.md, compare.svg

With a board, an accelerator is built from each variant's first run; a second table has its cost (`costs.py`).

A variant is a method's name, followed by hyper-parameters after commas if they are not the defaults:
"group_net,bases=5". A finished run is reused, an interrupted one resumes; tables are made after every run.
"""

import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from itertools import groupby
from pathlib import Path
from typing import Any

import torch

from xnorforge.core import accuracy, plugins
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import MismatchError, UserError, several, unknown
from xnorforge.core.jobs import carry_out, here, pool
from xnorforge.flows.export import export
from xnorforge.studies import cost_figures, costs
from xnorforge.studies.compare_figures import Request, Result, Variant, write_comparison
from xnorforge.studies.complexity import complete_card
from xnorforge.sw import networks, zoo
from xnorforge.sw.methods import base
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.training import curves, recipes, train
from xnorforge.sw.training.summands import largest_terms


def compare_request(
    net: str, methods: str = "", seeds: str = "0 1 2", epochs: int | None = None, board: str | None = None,
    **others: Any,
) -> Request:  # fmt: skip
    """The request of a command line, with each name checked.

    Args:
        methods: variants separated by spaces; all existing methods if empty.
        seeds: whole numbers separated by spaces.
        epochs: of every run; by default the recipe's.
        board: target of accelerators; by default none are built.

    Raises:
        UserError: an unknown name or hyper-parameter, or a seed that is not a number.
    """
    usual = networks.recipe(net)
    if board is not None and board not in plugins.names("hw.boards"):
        raise unknown("BOARD", board, plugins.names("hw.boards"))
    variants = tuple(variant(word) for word in methods.split() or plugins.names("sw.methods"))
    numbers = seeds.replace(",", " ").split()
    if not numbers or not all(number.isdecimal() for number in numbers):
        raise UserError(
            f"SEEDS: '{seeds}' is not a list of integers from 0; use, for example, SEEDS=\"0 1 2\"."
        )
    for kind, given in (("METHODS", list(map(str, variants))), ("SEEDS", numbers)):
        twice = [one for one in given if given.count(one) > 1]
        if twice:
            raise UserError(f"{kind}: '{twice[0]}' is listed twice, but each is run once; list it once.")
    asked = Request(net, variants, tuple(map(int, numbers)), epochs or usual.epochs, board=board, **others)
    for one in variants:
        recipe_of_variant(asked, one)
    return asked


def variant(word: str) -> Variant:
    """ "group_net,bases=3,dilations=1,2,3" as a variant: a part without "=" belongs to the value before it.
    `recipe=`, `init=` and `epochs=` have the same meaning as for `make train` (a recipe by its name alone).

    Raises:
        UserError: no such method or hyper-parameter, or a hyper-parameter without a value.
    """
    method, *parts = word.split(",")
    settings: list[str] = []
    for part in parts:
        if "=" in part or not settings:
            settings.append(part)
        else:
            settings[-1] += f",{part}"
    found = Variant(method, tuple(settings))
    base.create(method, found.hyper)
    return found


def compare(asked: Request, jobs: int = 1, say: Callable[[str], object] = print) -> list[Result]:
    """Make every missing run and build, and write the tables after each; return all results in order.

    Args:
        jobs: number of parallel runs, each in its own process; with 1 they run one after the other in this
            one.
        say: prints a line.

    Raises:
        UserError: no images to train on, or some runs or builds failed; the tables contain the others.
        MismatchError: an exported network computes other scores than its module, or an accelerator than its
            network.
    """
    train.task_of(asked.net).train_sets()
    tasks = [(variant, seed) for seed in asked.seeds for variant in asked.variants]
    missing = [task for task in tasks if not run_finished(asked, *task)]
    say(f"compare   {len(tasks)} runs of {asked.epochs} epochs, {len(tasks) - len(missing)} already finished")
    failed = {}
    for task, error in _made(asked, missing, jobs):
        if error:
            failed[task] = error
            say(f"compare   {task[0]} seed {task[1]}: {error}")
        else:
            result = read_run(asked, *task)
            found = ", ".join(f"{accuracy.main(row)[1]:.2f} % {row['stage']}" for row in result.sets)
            say(f"compare   {task[0]} seed {task[1]}: {found}")
            _tables(asked, tasks, {}, jobs)
    unbuilt = _builds(asked, tasks, jobs, say) if asked.board else {}
    results = _tables(asked, tasks, unbuilt, jobs)
    runs = {f"{variant} seed {seed}": error for (variant, seed), error in failed.items()}
    builds = {f"{variant} on {asked.board}": error for variant, error in unbuilt.items()}
    if runs or builds:
        failures = _failures(runs, len(tasks), "run"), _failures(builds, len(asked.variants), "build")
        wrong = any(isinstance(error, MismatchError) for error in [*runs.values(), *builds.values()])
        raise (MismatchError if wrong else UserError)(f"compare: {' '.join(filter(None, failures))}")
    return results


def _failures(failed: dict[str, Exception], of: int, noun: str) -> str:
    """One sentence on the failures, empty if there are none."""
    if not failed:
        return ""
    first = next(iter(failed.values()))
    return f"{len(failed)} of {several(of, noun)} failed ({', '.join(failed)}), the first with: {first}"


def _builds(asked: Request, tasks: list, jobs: int, say) -> dict[Variant, Exception]:
    """Build what is missing, from each variant's run of the first seed; returns the failures."""
    failed = {}
    for variant in (variant for variant in asked.variants if run_finished(asked, variant, asked.seeds[0])):
        error = _failure(costs.build_variant, asked, variant, jobs, say)
        if error:
            failed[variant] = error
            say(f"compare   {variant} on {asked.board}: {error}")
        _tables(asked, tasks, failed, jobs)
    return failed


def _tables(asked: Request, tasks: list, unbuilt: dict[Variant, Exception], jobs: int) -> list[Result]:
    """Write the results that are finished so far; returns them."""
    results = [read_run(asked, *task) for task in tasks if run_finished(asked, *task)]
    built = costs.collect(asked, results, unbuilt) if asked.board else []
    if results:
        write_comparison(asked, results, jobs, cost_figures.costs_as_markdown(asked, built) if built else "")
    if built:
        cost_figures.write_costs(asked, built, jobs)
    return results


def run_finished(asked: Request, variant: Variant, seed: int) -> bool:
    """Whether a run with these settings is finished and its network was exported."""
    folder = asked.run_folder(variant, seed)
    try:
        card, exported = read_json(folder / "card.json"), read_json(folder / "export.json")
        found = [card[key] for key in ("net", "method", "seed", "threads", "recipe")]
        found.append(card.get("init", "").partition(": ")[0])
        source = exported["source"]
    except (OSError, ValueError, KeyError):
        return False
    recipe, init = recipe_of_variant(asked, variant).stated(), asked.training(variant).get("init", "")
    same = found == [asked.net, variant.method, seed, asked.threads, recipe, init]
    return same and source.endswith(card["weights"]["sha256"][:16])


def recipe_of_variant(asked: Request, variant: Variant) -> Recipe:
    """A variant's recipe; UserError if there is none."""
    method, given = base.create(variant.method, variant.hyper), asked.training(variant)
    return recipes.recipe_of(asked.net, method, f"{given['recipe']},epochs={given['epochs']}")


def read_run(asked: Request, variant: Variant, seed: int) -> Result:
    """The accuracies of a finished run: on held-out images, on test sets, and as exported."""
    folder = asked.run_folder(variant, seed)
    card, exported = read_json(folder / "card.json"), read_json(folder / "export.json")
    right = round(100 * card["held_out_accuracy"], 2)
    watched = {"stage": "held out", "set": card["data"]["held_out"], "top1": right}
    run = [row for row in exported["accuracy"] if row["stage"] == "exported"]
    known = {row["set"] for row in run}
    trained = [{"stage": "test", **row} for row in card["accuracy"] if row["set"] not in known]
    curve, checkpoint = curves.read_curve(folder / curves.TABLE), folder / "checkpoint.pt"
    phases = groupby(row["phase"].rstrip(" 0123456789") for row in curve)  # all steps are one
    saved = torch.load(checkpoint, weights_only=True, map_location="cpu") if checkpoint.exists() else {}
    return Result(
        variant=variant, seed=seed, sets=[watched, *trained, *run],
        equal=exported["checks"][0]["images"], binary_weights=card["weights"]["binary_weights"],
        complexity=card.get("complexity"), sha256=card["weights"]["sha256"],
        seconds=saved.get("seconds"), cpu_seconds=saved.get("cpu_seconds"),
        where=saved.get("machine", ""),
        phases=", ".join(f"{phase} {len([*rows])}" for phase, rows in phases),
        terms=", ".join(f"{term} {value:.2g}" for term, (value, _) in largest_terms(curve).items()),
    )  # fmt: skip


def _made(asked: Request, tasks: list, jobs: int) -> Iterator[tuple]:
    """Runs as they end, each with its failure or None."""
    if jobs == 1 and here():
        for task in tasks:
            yield task, _failure(_here, asked, *task)
        return
    with pool(jobs) as threads:
        waiting = {threads.submit(_failure, _apart, asked, *task): task for task in tasks}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _failure(make, *what) -> Exception | None:
    """The exception of a run, of any kind; later runs still start."""
    try:
        make(*what)
    except (UserError, MismatchError) as error:
        return error
    except RuntimeError as error:  # torch's, out of memory among them
        traceback.print_exc()
        return error
    return None


def _here(asked: Request, variant: Variant, seed: int) -> None:
    folder, training = asked.run_folder(variant, seed), asked.training(variant)
    train.train(
        asked.net, variant.method, folder, seed=seed, threads=asked.threads, hyper=variant.hyper,
        epochs=int(training["epochs"]), recipe=training["recipe"], init=training.get("init"),
    )  # fmt: skip
    complete_card(folder, asked.net, variant.method)
    module, meta = zoo.load(asked.net, variant.method, folder)
    images, labels, which = zoo.golden(asked.net)
    export(module, images, labels, folder, {**meta, "images": which})


def _apart(asked: Request, variant: Variant, seed: int) -> None:
    arguments = [asked.net, "--method", variant.method]
    conditions = [word for key, value in variant.hyper.items() for word in ("--set", f"{key}={value}")]
    conditions += [word for key, value in asked.training(variant).items() for word in (f"--{key}", value)]
    conditions += ["--seed", str(seed), "--threads", str(asked.threads)]
    folder = asked.run_folder(variant, seed)
    folder.mkdir(parents=True, exist_ok=True)
    carry_out(folder, _train_and_export, arguments, conditions)


def _train_and_export(folder: Path, arguments: list[str], conditions: list[str]) -> None:
    where = str(folder)
    training = ["train", *arguments, *conditions, "-o", where]
    for command in (training, ["export", *arguments, "--weights", where, "-o", where]):
        words = [sys.executable, "-m", "xnorforge", *command]
        done = subprocess.run(words, env=os.environ | {"XNORFORGE_LINES": "1"}, check=False)
        if done.returncode:
            kind = MismatchError if done.returncode == 1 else UserError
            raise kind(f"{command[0]} ended with exit code {done.returncode}; see its message above.")
