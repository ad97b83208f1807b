"""Verbs that say what there is: explain, list, doctor."""

import json
import sys
from pathlib import Path

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.main import AS_JSON, FOLDER, cli, print_object
from xnorforge.pipeline.request import Request, known


@cli.command(short_help="One operator in five lines: folding, what binds it, cost, next step.")
@click.argument("layer")
@click.argument("acc", type=FOLDER, required=False)
@builds.options
@AS_JSON
def explain(layer: str, acc: Path | None, asked: Request, as_json: bool) -> None:
    """Explain the operator LAYER, as conv1, of the accelerator in ACC; without ACC, of the one that the
    options name. Nothing is built.
    """
    from xnorforge.studies.explain import explain as lines_of

    lines = lines_of(acc or asked.acc, layer)
    if as_json:
        print_object("explain", {"lines": lines})
    else:
        click.echo("\n".join(lines))


@cli.command("list")
@AS_JSON
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
@click.option("--licences", is_flag=True, help="Print the file NOTICE instead: what is installed, by extra.")
@click.option("--size", is_flag=True, help="Print instead what the packages of the core take on disk.")
@AS_JSON
def doctor(licences, size, as_json):
    """Name what this machine lacks, and the cure."""
    from xnorforge.cli import licences as packages
    from xnorforge.cli.doctor import main

    if licences:
        text = packages.notice()
        print_object("licences", {"notice": text.splitlines()}) if as_json else click.echo(text, nl=False)
    elif size:
        found = packages.sizes()
        if as_json:
            print_object("size", {"bytes": sum(found.values()), "packages": found})
        else:
            rows = [*found.items(), (f"core, {len(found)} packages", sum(found.values()))]
            click.echo("\n".join(f"{count / 1e6:>9,.1f} MB  {name}" for name, count in rows))
    else:
        sys.exit(main(as_json))
