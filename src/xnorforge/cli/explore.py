"""The verb that looks at all foldings of a network on a board."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.build import one
from xnorforge.cli.main import AS_JSON, cli, print_object
from xnorforge.core import extras
from xnorforge.core.artifacts import read_json
from xnorforge.core.progress import say
from xnorforge.pipeline import run
from xnorforge.pipeline.request import LIMITS, Request


@cli.command(short_help="All foldings worth having on a board: table, CSV, plot.")
@builds.options
@click.option(
    "--built",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Points to simulate, synthesise.",
)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Layers mapped at a time.")
@click.option("--print-jobs", is_flag=True, help="Print a command line per point, for a queue.")
@AS_JSON
def explore(asked: Request, built: int, jobs: int, print_jobs: bool, as_json: bool) -> None:
    """Write the front of frames per second, LUT, BRAM36 and latency by the cost models, and the command that
    builds each of its points, into out/<network>/explore-<board>/.
    """
    from xnorforge.studies import explore as study

    extras.require("matplotlib", "the plot of explore")
    builds.check(asked)
    builds.claim(asked)
    run.run_stages(asked, until="lower")

    def build(folding: Path, acc: Path) -> dict:
        given = {"board": asked.board, "backend": "rtl", "interval": None, "output": asked.output}
        one("fold", asked.net_dir, acc, folding=str(folding), **given)
        one("generate", asked.net_dir, acc)
        one("sim", asked.net_dir, acc, images=asked.images, stalled=asked.stalled, waves=False)
        one("synth", asked.net_dir, acc, jobs=jobs)
        return read_json(acc / "synth.json")

    wanted = study.Wanted(
        asked.net_dir,
        asked.board,
        asked.output,
        {name: getattr(asked, name) for name in LIMITS if getattr(asked, name)},
        asked.interval,
    )
    points = study.explore(wanted, builds.command(asked), built, build)
    lines = [study.job_line(wanted, point, sys.executable) for point in points]
    if as_json:
        rows = [asdict(point) | {"command": line} for point, line in zip(points, lines)]
        print_object("explore", {"folder": str(wanted.out), "points": rows})
    elif print_jobs:
        click.echo("".join(f"{line}\n" for line in lines), nl=False)
    else:
        click.echo((wanted.out / "front.md").read_text(), nl=False)
    say(f"explore   {len(points)} foldings -> {wanted.out}/front.md, front.csv, front.svg")
