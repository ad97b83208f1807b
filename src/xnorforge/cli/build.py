"""The verb `build` and the verbs named after its stages."""

import click

from xnorforge.cli.main import print_object
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.pipeline import checks, run, stages
from xnorforge.pipeline.request import Request


def build_verb(
    asked: Request, until: str, dry_run: bool, as_json: bool, show: bool = False, base: str | None = None,
    rules: str | None = None,
) -> None:  # fmt: skip
    """Build a network for a board, into out/<network>/<back end>-<board>/, up to its report.

    A stage runs again when a file that it read or wrote has changed since: the result is always that of the
    current sources and options."""
    checks.check_request(asked)
    if dry_run:
        why = run.missing(asked, until)
        if as_json:
            print_object("plan", {"folder": str(asked.acc), "runs": why})
        else:
            rows = [f"{name:<9} {reason}" for name, reason in why.items()]
            click.echo("\n".join(rows or ["build     nothing to do: every stage is up to date"]))
        return
    run.wanted(asked, until)  # refuses a stage that this build does not have
    from xnorforge.cli import history
    from xnorforge.history import compare_builds

    if base and as_json:
        raise UserError(
            "build: --base cannot be used with --json, which prints one object; leave out --base, and run "
            "`xnorforge diff --json` after the build."
        )
    before, kept = history.base_of(base, until), history.rules_of(rules)
    checks.claim_folders(asked)
    print_built(asked, until, run.run_stages(asked, until), show, as_json)
    if base:
        now = compare_builds.load_build(str(asked.acc))
        history.show_difference(before or compare_builds.load_build(base, now), now, kept)


def print_built(asked: Request, until: str, ran: list[str], show: bool, as_json: bool) -> None:
    """The last words of a build that ended with the stage `until`.

    Args:
        ran: the stages that had to run.
        show: print the report even if no stage had to run.
    """
    more = {}
    if until == "fold":
        from xnorforge.flows.report import brief

        fold = read_json(asked.acc / "fold.json")
        more = {"metrics": brief.folding_figures(fold)}
        if not as_json:
            click.echo(brief.folding_as_text(fold))
    if as_json and until != "report":
        stage = next(one for one in asked.plan() if one.name == until)
        left = [str(stages.path_of(name, asked.net_dir, asked.acc)) for name in stage.outputs]
        print_object("stages", {"verdict": "PASS", "ran": ran, "files": left, **more})
    elif until == "report":
        if show or as_json or "report" in ran:
            from xnorforge.cli.results import print_report

            print_report(asked.acc, as_json)
        if not as_json:
            click.echo(f"build     {asked.acc}/report.html (text: report.md, data: report.json)")
