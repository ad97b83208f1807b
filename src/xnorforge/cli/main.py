"""The group of all verbs, and what becomes of their errors.

Standard output carries data, standard error what a person reads. Exit codes: 0 done, 1 a check failed, 2 the
request cannot be met, 4 `doctor` misses something that every build needs, 130 interrupted.
"""

import json
import os
import sys
import tomllib
import traceback
import warnings
from importlib import import_module
from pathlib import Path

import click

import xnorforge
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.progress import LEVELS, loudness, say, set_loudness

FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
VERBS_OF = {
    "build": (
        "build",
        "check",
        "export",
        "lower",
        "fold",
        "generate",
        "hls",
        "sim",
        "synth",
        "netlist",
        "bitstream",
        "placed",
        "overlay",
    ),
    "explore": ("explore",),
    "modules": ("import",),
    "results": ("report", "demo", "package", "bench"),
    "training": ("train", "train-float", "curves", "compare", "tradeoff"),
    "history": ("diff", "gallery"),
    "inquire": ("explain", "list", "doctor"),
}
# Names that the last release had, accepted with a hint until the next one. Options: {verb: {old: new}}.
OLD_VERBS = {"twin": "train-float"}
OLD_OPTIONS = {"export": {"--input-scale": "--scale"}, "lower": {"--allow-approximate": "--approximate"}}


class Verbs(click.Group):
    """Verbs, each imported from its module when it is called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All verbs, those of one file together."""
        return [verb for verbs in VERBS_OF.values() for verb in verbs]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A verb by its name."""
        module = next((module for module, verbs in VERBS_OF.items() if name in verbs), None)
        if module:
            import_module(f"xnorforge.cli.{module}")
        command = super().get_command(ctx, name)
        if command and not any(option.name in LEVELS for option in command.params):
            command.params += of_every_verb()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is asked for; old words stand for the new ones, with a hint on standard error."""
        verb = renamed(args[0], OLD_VERBS)
        options = OLD_OPTIONS.get(verb, {})
        return super().resolve_command(ctx, [verb, *(renamed(word, options) for word in args[1:])])


def of_every_verb() -> list[click.Parameter]:
    """The options that all verbs have; they take no part in what a verb is called with."""

    def choose(_ctx: click.Context, option: click.Parameter, given: bool) -> None:
        if given and option.name:
            set_loudness(option.name)

    what = {"quiet": "On standard error only what went wrong.", "verbose": "Also why, and where in the code."}
    return [
        click.Option(
            [f"-{name[0]}", f"--{name}"], is_flag=True, expose_value=False, callback=choose, help=text
        )
        for name, text in what.items()
    ]


def print_object(verb: str, content: dict) -> None:
    """What --json of a verb prints: one object that names its form."""
    click.echo(json.dumps({"schema": f"xnorforge-{verb}-1", **content}, indent=1))


def renamed(word: str, names: dict[str, str]) -> str:
    """A word of the command line, with its new name where it has one; `--old=value` keeps its value."""
    old, *value = word.split("=", 1)
    if old not in names:
        return word
    old_word(old, names[old])
    return "=".join([names[old], *value])


def old_word(old: str, new: str) -> None:
    """One line on standard error: this name was changed, and the old one ends with the next release."""
    say(f"{old}: is called {new} now; the next release drops the old name")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(xnorforge.__version__)
def cli() -> None:
    """Compile binary neural networks to SystemVerilog that is proven equal to them in simulation."""


def one_checkout(here: Path) -> None:
    """See that the code that runs is that of the checkout we are in.

    Raises:
        UserError: it is that of another checkout, or of an installation.
    """
    runs = Path(xnorforge.__file__).resolve().parent
    try:
        name = tomllib.loads((here / "pyproject.toml").read_text()).get("project", {}).get("name")
    except (OSError, ValueError):
        return
    own = here / "src/xnorforge"
    if name == "xnorforge" and own.is_dir() and own.resolve() != runs:
        raise UserError(
            f"{here}: is a checkout of xnorforge, and {sys.executable} runs the code of {runs}; "
            "use this checkout's own environment (remove .venv if it is a link, `make doctor` tells more), "
            "or start from another folder."
        )


def main() -> int:
    """Run a command line and turn what went wrong into one sentence and an exit code."""
    from xnorforge.pipeline.run import StageFailed

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, about themselves; -W default shows them
    set_loudness("usual")
    try:
        one_checkout(Path.cwd())
        cli.main(standalone_mode=False, prog_name="xnorforge")
        return 0
    except (UserError, MismatchError) as error:
        if loudness() == "verbose":
            traceback.print_exception(error)
        print(error, file=sys.stderr, flush=True)
        return 2 if isinstance(error, UserError) else 1
    except StageFailed as error:
        return error.code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "xnorforge"
        say(f"{where}: {error.format_message().rstrip('.')}; `{where} --help` says what can be given.")
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; the same command goes on from here")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
