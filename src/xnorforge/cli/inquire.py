"""Verbs that answer questions: explain, list, doctor."""

import sys

import click

from xnorforge.cli.main import print_object
from xnorforge.core.errors import UserError
from xnorforge.pipeline.request import Request, known, names


def explain_verb(layer: str, asked: Request, as_json: bool) -> None:
    """Explain the operator LAYER, such as conv1, of an accelerator that has been built."""
    if layer in known("net") or "/" in layer or layer.endswith(".onnx"):
        what = "LAYER" if asked.net in known("net") else asked.net
        raise UserError(
            f"explain: '{layer}' is a network, and the operator comes first; run `xnorforge explain {what} "
            f"{layer}`."
        )
    names(asked)
    from xnorforge.studies.explain import explain as lines_of

    lines = lines_of(asked.acc, layer)
    if as_json:
        print_object("explain", {"lines": lines})
    else:
        click.echo("\n".join(lines))


def list_verb(as_json: bool) -> None:
    """List networks, and plug-ins of every kind."""
    from xnorforge.core import plugins

    found = {plugins.plural(kind): known(kind) for kind in ("net", *plugins.KINDS)}
    if as_json:
        print_object("list", found)
    else:
        click.echo("\n".join(f"{kind:<9} {' '.join(names)}" for kind, names in found.items()))


def doctor_verb(licences: bool, size: bool, as_json: bool) -> None:
    """Check this machine: what a build needs, and how to install what is missing."""
    from xnorforge.cli import doctor
    from xnorforge.cli import licences as packages

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
    elif as_json:
        items = doctor.examine()
        print_object("doctor", doctor.as_record(items))
        sys.exit(doctor.code(items))
    else:
        sys.exit(doctor.main())
