"""Verbs that say what there is: list, doctor."""

import json
import sys

import click

from xnorforge.cli.main import cli
from xnorforge.pipeline.request import known


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
