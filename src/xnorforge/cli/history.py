"""The verb on two builds: diff."""

from pathlib import Path

import click

from xnorforge.cli import asked
from xnorforge.cli.main import print_record
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.history import compare_builds
from xnorforge.history.compare_builds import Build
from xnorforge.history.rules import Rule, read_rules

NO_RULES = "none"


def rules_of(given: str | None) -> list[Rule] | None:
    """Rules of a file (UserError if it is not one), none for `none`, the shipped ones for None."""
    if not given:
        return None
    return [] if given == NO_RULES else read_rules(Path(given))


def show_difference(before: Build, now: Build, rules: list[Rule] | None, form: str = "text") -> None:
    """Print what changed.

    Args:
        form: text, markdown or json.

    Raises:
        MismatchError: a rule is broken; the text names the figures, and with them the operators.
    """
    found = compare_builds.compared_builds(before, now, rules)
    if form == "json":
        print_record(compare_builds.diff_object(found))
    else:
        click.echo(compare_builds.FORMS[form](found))
    if found.broken:
        raise MismatchError(f"diff: {'; '.join(map(str, found.broken))}.")


def base_of(base: str | None, until: str) -> Build | None:
    """The build to compare the next with, as it is now; UserError without a report, now or then."""
    if not base:
        return None
    if until != "report":
        raise UserError(f"BASE: needs a report, but the build ends with {until}; leave out BASE or UNTIL.")
    return None if base == compare_builds.LAST else compare_builds.load_build(asked.accelerator_of(base))


def diff_verb(before: str, now: str, rules: str | None, markdown: bool, as_json: bool) -> None:
    """Compare the build NOW with the build BEFORE; each is a network, the folder of a build or its
    report.json.

    BEFORE may be the word last: the build before NOW in out/history.jsonl. A broken rule ends with exit
    code 1."""
    kept = rules_of(rules)
    new = compare_builds.load_build(asked.accelerator_of(now))
    form = "json" if as_json else "markdown" if markdown else "text"
    show_difference(compare_builds.load_build(asked.accelerator_of(before), new), new, kept, form)
