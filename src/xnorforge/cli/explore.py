"""Verbs that fold a network in several ways, or for all boards: explore, fit."""

import shlex
import sys
from dataclasses import asdict, replace

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.main import print_object
from xnorforge.core.errors import UserError
from xnorforge.core.progress import say
from xnorforge.pipeline import checks, run, settings
from xnorforge.pipeline.request import LIMITS, Request


def explore_verb(asked: Request, as_json: bool) -> None:
    """Write the Pareto front of frames per second, LUT, BRAM36 and latency by the cost models, and the
    command that builds each point, into out/<network>/explore-<board>/."""
    from xnorforge.studies import explore as study

    checks.check_request(asked)
    checks.claim_folders(asked)
    run.run_stages(asked, until="lower")

    wanted = study.Wanted(
        asked.net_dir, asked.board, asked.output,
        {name: getattr(asked, name) for name in LIMITS if getattr(asked, name)}, asked.interval,
        asked.clock, asked.stream,
    )  # fmt: skip
    points = study.explore(wanted, builds.command(asked))
    lines, none = [], dict.fromkeys(("interval", "fps", "spare", *LIMITS))
    for point in points if as_json else ():
        acc = wanted.accelerator(point)
        acc.mkdir(exist_ok=True)
        folding = str(wanted.out / f"{point.name}.json")
        one = replace(asked, **none, pnr="off", folding=folding, folder=acc.parent, place=acc)
        settings.write_settings(replace(one, backend="rtl"))
        program = f"{shlex.quote(sys.executable)} -m xnorforge"
        lines.append(" && ".join(f"{program} {stage} {shlex.quote(str(acc))}" for stage in ("sim", "synth")))
    if as_json:
        rows = [asdict(point) | {"command": line} for point, line in zip(points, lines)]
        print_object("explore", {"folder": str(wanted.out), "points": rows})
    else:
        click.echo(f"{study.front_as_table(points, 20)}\n\n{study.NOTE}")  # front.md has all
    say(f"explore   {len(points)} foldings -> {wanted.out}/front.md")


def fit_verb(asked: Request, as_json: bool) -> None:
    """Say on which boards a network fits, at how many frames per second, and what it takes, by the cost
    models: at the interval or rate asked for, else at a board's usual interval, else at the first longer one
    at which it does. Loops and weights from a memory, which `build` may take, are left out."""
    if asked.fps == "max":
        raise UserError("FPS: 'max' differs from board to board; give a rate, for example FPS=1000.")
    from xnorforge.studies import fit

    checks.check_request(asked)
    checks.claim_folders(asked)
    run.run_stages(asked, until="lower")
    rows = fit.fits_of(asked.net_dir, asked.interval, asked.fps)
    if as_json:
        print_object("fit", {"folder": str(asked.net_dir), "boards": rows})
    else:
        click.echo(fit.fit_table(rows))
    say(f"fit       {sum('fps' in row for row in rows)} of {len(rows)} boards")
