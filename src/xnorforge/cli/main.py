"""The command line, made from the declarations of `pipeline/options.py`, and what becomes of errors.

Standard output carries data, standard error what a person reads. Exit codes: `options.EXITS`.
"""

import json
import os
import sys
import tomllib
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import xnorforge
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.progress import LEVELS, LOG, loudness, set_loudness
from xnorforge.core.types import Record
from xnorforge.pipeline import options
from xnorforge.pipeline.options import Argument, Option, Verb

LOUDNESS = {
    "quiet": "Print only what went wrong.",
    "plain": "One line per event, for logs: no bars, no counts (the default where CI is set).",
    "verbose": "Also print why a stage runs, and tracebacks.",
}
EVERY = {"json": options.ALSO["json"].help, **LOUDNESS}  # options of every verb
HEADINGS = {"export": "Network", "lower": "Network", "fold": "Folding", "sim": "Simulation", "synth": "Other"}
# Options of which a help page gives the names alone.
RARE = (
    "labels", "clock", "spare", "count", "folding", "output", "like", "memory", "loops", "stream", "stalled",
    "waves", "pnr", "pnr_minutes", "seeds", "show", "rules", "config", "scheduler", "threads",
)  # fmt: skip


class Command(click.Command):
    """A verb, with its options under the headings of the stages that read them; of a verb that is a shorter
    word for `build --until`, only its own."""

    verb: Verb

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write them; rare ones by name alone, and none of those that every verb has."""
        rows = {"Arguments": [(argument.name.upper(), argument.help) for argument in self.verb.arguments]}
        names = []
        for one in (one for one in self.get_params(ctx) if isinstance(one, click.Option)):
            record, heading = one.get_help_record(ctx), getattr(one, "heading", "")
            if record and heading:
                rows.setdefault(heading, []).append(record)
            elif record:
                names.append(record[0].split()[-1 if one.is_flag else -2])
        for heading in sorted(filter(rows.get, rows), key="Other".__eq__):
            formatter.write(f"{heading}:\n")
            with formatter.indentation():
                formatter.write_dl(rows[heading])
        if names := [name for name in names if name != "--help"]:
            formatter.write_text(f"Also {', '.join(names)}; `make help` and the reference explain them.")
        formatter.write_text("`xnorforge --help` has the options of every verb, such as --json.")


class Verbs(click.Group):
    """All verbs, each made from its declaration when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All verbs, in the order of their declaration."""
        return [verb.name for verb in options.VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb by its name."""
        return next((command_of(verb) for verb in options.VERBS if verb.name == cmd_name), None)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The verb of a command line; an unknown one is answered with the nearest."""
        if args[0] == "help":
            raise UserError("xnorforge: 'help' is not a verb; run `xnorforge --help`.")
        if not args[0].startswith("-"):
            options.verb(args[0])
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs under their headings, and the options that all have."""
        for group, verbs in options.verb_groups():
            with formatter.section(group):
                formatter.write_dl([(verb.name, verb.help) for verb in verbs])
        with formatter.section("Options of every verb"):
            formatter.write_dl([(f"--{name}", text) for name, text in EVERY.items()])


def command_of(verb: Verb) -> click.Command:
    """The click command of a verb."""
    declared = verb.all_options()

    def call(**given: Any) -> None:
        words = {one.name: given.pop(one.name) for one in declared}
        as_json = bool(words.pop("json"))
        if where := words.pop("scheduler", None):
            from xnorforge.core import jobs

            jobs.use(where)
        if verb.builds:
            from xnorforge.cli import asked

            names = [one.name for one in declared if one in options.OPTIONS or one.name == "config"]
            build = {name: words.pop(name) for name in names}
            # The folder of the network, where a verb does not use the word for its own output.
            build |= {"out": words.pop("out")} if options.ALSO["out"] in declared else {}
            given["asked"] = asked.resolve(build, given.pop("what", None))
        read = {one.name: one.read(words[one.name]) for one in declared if one.name in words}
        if verb.stage:
            read |= {"until": verb.stage, "show": verb.stage == "report"}
        function_of(verb)(**given, **read, as_json=as_json)

    hidden = (options.ALSO["json"], *(options.OPTIONS if verb.stage else ()))
    parameters = [*map(_argument, verb.arguments), *(_option(one, one in hidden) for one in declared)]
    about = function_of(verb).__doc__
    if verb.stage:
        about = f"{verb.help} As `build --until {verb.stage}`, with the options that its stages read."
    command = Command(
        verb.name, params=[*parameters, *_loudness()], callback=call, help=about, short_help=verb.help
    )
    command.verb = verb
    return command


def function_of(verb: Verb) -> Callable[..., Any]:
    """The function of a verb, in its module."""
    module = import_module(f"xnorforge.cli.{verb.module}")
    name = "build" if verb.stage else verb.name.replace("-", "_")
    return getattr(module, f"{name}_verb")


def _argument(one: Argument) -> click.Parameter:
    known = _complete("net") if one.name == "what" else None
    shown = one.name.upper() if one.required else f"[{one.name.upper()}]"
    found = click.Argument([one.name], required=one.required, metavar=shown, shell_complete=known)
    found.help = one.help  # an argument of older versions of click has none
    return found


def _option(one: Option, hidden: bool) -> click.Parameter:
    names = [*([f"-{one.short}"] if one.short else []), one.flag, one.name]
    default = f"  [{one.otherwise}]" if one.otherwise else ""
    found = click.Option(
        names, is_flag=True if one.kind == "flag" else None, multiple=one.kind == "words",
        metavar=one.metavar or "|".join(one.choices) or one.kind.upper(), hidden=hidden,
        help=one.help + default, shell_complete=_complete(one.known) if one.known else None,
    )  # fmt: skip
    heading = HEADINGS.get(one.stage, "Place and route" if one.stage else "Other")
    found.heading = "" if one.name in RARE else heading  # type: ignore[attr-defined]
    return found


def _complete(kind: str) -> Callable[..., Any]:
    """What a shell offers: the names of a kind, as `request.known` has them."""

    def names(_ctx: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from xnorforge.pipeline import request

        return [name for name in request.known(kind) if name.startswith(begun)]

    return names


def _loudness() -> list[click.Parameter]:
    """The options that say how much is printed; they take no part in what a verb is called with."""

    def choose(_ctx: click.Context, option: click.Parameter, given: bool) -> None:
        if given and option.name:
            set_loudness(option.name)

    letters = {"quiet": ["-q"], "verbose": ["-v"]}
    return [
        click.Option(
            [*letters.get(name, []), f"--{name}"], is_flag=True, hidden=True, expose_value=False,
            callback=choose, help=text,
        )
        for name, text in LOUDNESS.items()
    ]  # fmt: skip


_printed = False


def print_object(verb: str, content: Record) -> None:
    """Print what --json of a verb prints: one object that names its form."""
    print_record({"schema": f"xnorforge-{verb}-1", **content})


def print_record(content: Record) -> None:
    """Print an object that has a schema of its own."""
    global _printed
    _printed = True
    click.echo(json.dumps(content, indent=1))


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(xnorforge.__version__)
def cli() -> None:
    """Compile binary neural networks to SystemVerilog, every stage compared bit for bit with the one before.

    WHAT is a network's name (mnist-tfc), a QONNX file (net.onnx) or the folder of a build (out/mnist-tfc)."""


def one_checkout(here: Path) -> None:
    """See that the code that runs is that of the checkout we are in; else UserError."""
    runs = Path(xnorforge.__file__).resolve().parent
    try:
        name = tomllib.loads((here / "pyproject.toml").read_text()).get("project", {}).get("name")
    except (OSError, ValueError):
        return
    own = here / "src/xnorforge"
    if name == "xnorforge" and own.is_dir() and own.resolve() != runs:
        raise UserError(
            f"{here}: is a checkout of xnorforge, but {sys.executable} runs the code of {runs}; use this "
            "checkout's own environment (remove .venv if it is a link; `make doctor` shows more), or start "
            "from another folder."
        )


def main() -> int:
    """Run a command line and turn what went wrong into one sentence and an exit code.

    With --json that sentence is printed as an object too, so that standard output always holds exactly one.
    """
    global _printed
    _printed = False
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, about themselves; -W default shows them
    level = os.environ.get(LOG, "plain" if os.environ.get("CI") else "usual")
    set_loudness(level if level in LEVELS else "usual")
    try:
        one_checkout(Path.cwd())
        cli.main(standalone_mode=False, prog_name="xnorforge")
        return 0
    except Exception as error:
        code, text, said = outcome(error)
        if code is None:
            raise
        if loudness() == "verbose" and isinstance(error, (UserError, MismatchError)):
            traceback.print_exception(error)
        if not said:
            print(text, file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        code, text = 130, "interrupted; the same command resumes from here"
        print(f"\n{text}", file=sys.stderr, flush=True)
    if "--json" in sys.argv and not _printed and code != 130:
        verdict = "REFUSED" if code == 2 else "FAIL"
        print_object("refusal", {"verdict": verdict, "exit_code": code, "message": text})
    return code


def outcome(error: Exception) -> tuple[int | None, str, bool]:
    """The exit code of an error, its sentence, and whether that is on standard error already; no code for an
    error of the program itself."""
    from xnorforge.pipeline.run import StageFailed

    if isinstance(error, UserError):
        return 2, str(error), False
    if isinstance(error, MismatchError):
        return 1, str(error), False
    if isinstance(error, StageFailed):
        return error.code, error.said, True
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return 2, error.format_message(), False
    if isinstance(error, click.ClickException):
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "xnorforge"
        said, cure = error.format_message().rstrip("."), f"`{where} --help` shows the usage"
        if isinstance(error, click.NoSuchOption):
            if verbs := options.takers(error.option_name):
                return 2, f"{where}: does not read {error.option_name}; {verbs} do.", False
            said = f"No such option: {error.option_name}"
            if meant := options.meant(error.option_name, context and context.command.params):
                cure = f"give {meant}"
        elif "unexpected extra argument" in said:
            from xnorforge.pipeline import request

            word = said.partition("(")[2].rstrip(")").split()[0]
            said, cure = (request.cure_of(word) or f"has no place for '{word}'; {cure}").split("; ", 1)
        return 2, f"{where}: {said}; {cure}.", False
    if isinstance(error, click.Abort):
        return 130, "interrupted; the same command resumes from here", False
    if isinstance(error, BrokenPipeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1, "", True
    return None, "", False
