"""Verbs that answer questions: explain, list, doctor."""

import sys

import click

from xnorforge.cli.main import print_object
from xnorforge.core.errors import UserError
from xnorforge.pipeline.request import Request, known, names


def explain_verb(layer: str, asked: Request, rtl: bool, as_json: bool) -> None:
    """Explain the operator LAYER, such as conv1, of an accelerator that has been built."""
    if layer in known("net") or "/" in layer or layer.endswith(".onnx"):
        what = "LAYER" if asked.net in known("net") else asked.net
        raise UserError(
            f"explain: '{layer}' is a network, and the operator comes first; run `xnorforge explain {what} "
            f"{layer}`."
        )
    names(asked)
    from xnorforge.studies import explain

    lines = (explain.modules_of if rtl else explain.explain)(asked.acc, layer)
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


def cache_verb(action: str | None, as_json: bool) -> None:
    """Say what results that builds share take, by kind; `prune` first removes those not used for longest."""
    from xnorforge.core import cache
    from xnorforge.core.limits import most

    if action not in (None, "prune"):
        raise UserError(f"ACTION: '{action}' does not exist; give prune, or nothing.")
    limit = most("CACHE_MB") << 20
    removed, kinds = cache.shrink(limit) if action else 0, dict[str, int]()
    for _, size, place in cache.kept_results():
        kinds[place.parent.name] = kinds.get(place.parent.name, 0) + size
    where, total = str(cache.cache_dir()), sum(kinds.values())
    if as_json:
        about = {"folder": where, "limit": limit, "removed": removed}
        return print_object("cache", {**about, "bytes": total, "kinds": kinds})
    rows = {**kinds, f"of {limit >> 20:,} in {where}": total, **({"removed": removed} if action else {})}
    click.echo("\n".join(f"{size / (1 << 20):>9,.1f} MB  {name}" for name, size in rows.items()))


def doctor_verb(as_json: bool) -> None:
    """Check this machine: what a build needs, and how to install what is missing."""
    from xnorforge.cli import doctor

    if as_json:
        items = doctor.examine()
        print_object("doctor", doctor.as_record(items))
        sys.exit(doctor.code(items))
    else:
        sys.exit(doctor.main())
