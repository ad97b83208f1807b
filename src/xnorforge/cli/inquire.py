"""Verbs that say what there is: explain, list, doctor."""

import json
import sys
from pathlib import Path

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.main import FOLDER, cli
from xnorforge.pipeline.request import Request, known


@cli.command(short_help="One operator in five lines: folding, what binds it, cost, next step.")
@click.argument("layer")
@click.argument("acc", type=FOLDER, required=False)
@builds.options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def explain(layer: str, acc: Path | None, asked: Request, as_json: bool) -> None:
    """Explain the operator LAYER, as conv1, of the accelerator in ACC; without ACC, of the one that the
    options name. Nothing is built.
    """
    from xnorforge.studies.explain import explain as lines_of

    lines = lines_of(acc or asked.acc, layer)
    click.echo(json.dumps({"schema": "xnorforge-explain-1", "lines": lines}) if as_json else "\n".join(lines))


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def list_(as_json):
    """Networks and plug-ins of every kind found."""
    from xnorforge.core import plugins

    found = {plugins.plural(kind): known(kind) for kind in ("net", *plugins.KINDS)}
    click.echo(
        json.dumps(found, indent=1)
        if as_json
        else "\n".join(f"{k:<9} {' '.join(v)}" for k, v in found.items())
    )


@cli.command()
def doctor():
    """Name what this machine lacks, and the cure."""
    from xnorforge.cli.doctor import main

    sys.exit(main())
