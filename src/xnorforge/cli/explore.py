"""The verb that explores the foldings of a network on a board."""

import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.main import print_object
from xnorforge.core.artifacts import read_json
from xnorforge.core.progress import say
from xnorforge.pipeline import checks, run, settings
from xnorforge.pipeline.request import LIMITS, Request


def explore_verb(asked: Request, built: int, print_jobs: bool, as_json: bool) -> None:
    """Write the Pareto front of frames per second, LUT, BRAM36 and latency by the cost models, and the
    command that builds each point, into out/<network>/explore-<board>/.
    """
    from xnorforge.studies import explore as study

    checks.check_request(asked)
    checks.claim_folders(asked)
    run.run_stages(asked, until="lower")

    def request_of(folding: Path, acc: Path) -> Request:
        none: dict[str, Any] = dict.fromkeys(("interval", "fps", "spare", *LIMITS))
        return replace(
            asked, **none, backend="rtl", pnr="off", folding=str(folding), folder=acc.parent, place=acc
        )

    def build(folding: Path, acc: Path) -> dict:
        run.run_stages(request_of(folding, acc), until="sim")
        run.run_stages(request_of(folding, acc), until="synth")
        return read_json(acc / "synth.json")

    wanted = study.Wanted(
        asked.net_dir,
        asked.board,
        asked.output,
        {name: getattr(asked, name) for name in LIMITS if getattr(asked, name)},
        asked.interval,
        asked.clock,
        asked.stream,
    )
    points = study.explore(wanted, builds.command(asked), built, build)
    lines = []
    for point in points if as_json or print_jobs else ():
        acc = wanted.accelerator(point)
        acc.mkdir(exist_ok=True)
        settings.write_settings(request_of(wanted.out / f"{point.name}.json", acc))
        program = f"{shlex.quote(sys.executable)} -m xnorforge"
        lines.append(" && ".join(f"{program} {stage} {shlex.quote(str(acc))}" for stage in ("sim", "synth")))
    if as_json:
        rows = [asdict(point) | {"command": line} for point, line in zip(points, lines)]
        print_object("explore", {"folder": str(wanted.out), "points": rows})
    elif print_jobs:
        click.echo("".join(f"{line}\n" for line in lines), nl=False)
    else:
        click.echo(f"{study.front_as_table(points, 20)}\n\n{study.NOTE}")  # front.md has all
    say(f"explore   {len(points)} foldings -> {wanted.out}/front.md, front.csv, front.svg")


def cut_verb(asked: Request, devices: int, link: int, until: str, as_json: bool) -> None:
    """Cut a network into parts for several boards of a kind, build each, and compare the chain's scores with
    the network's; into out/<network>/cut-<board>/.
    """
    from xnorforge.hw import boards
    from xnorforge.studies import chain

    checks.check_request(asked)
    checks.claim_folders(asked)
    run.run_stages(asked, until="export")
    folder = asked.net_dir / f"cut-{asked.board}"
    parts = chain.build_parts(asked, devices, link, folder, run.run_stages, until)
    if as_json:
        print_object("cut", {"folder": str(folder), **read_json(folder / "chain.json")})
    else:
        click.echo(chain.chain_table(parts, boards.load(asked.board).clock_mhz))
    say(f"cut       {len(parts)} parts -> {folder}/part1, …, chain.json")
