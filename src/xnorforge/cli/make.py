"""What the Makefile calls: `python3 -m xnorforge.cli.make TARGET`, with make's variables in the environment.

TARGET is a verb, `help`, `doctor`, `clean` or `clean_<stage>`. ASKED lists the variables that make was given
on its command line; those that options declare are also taken from the environment. Targets that run where
nothing is installed need the standard library only.
"""

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from xnorforge.core.errors import UserError
from xnorforge.pipeline import options, request
from xnorforge.pipeline.options import Argument, Option, Verb

# Read by make and by tools.
OTHERS = ("CXX", "PYTHON", "VENV", "MAKEFLAGS", "SHELL", "GIVEN", "CHANGED", "RECORD", "EVERY")
TARGETS = {
    "clean": "remove what builds left in out/; trained weights, the history and the cache stay",
    "clean_STAGE": "remove the output of a stage and of all later stages",
    "distclean": "remove out/, including trained weights", "docs": "the documents as a site, out/site",
    "formal": "proofs of the modules that move streams",
    "release": "wheel, sdist, bill of materials, notes and checksums in out/release; TAG=v0.2.0",
    "release-bitstreams": "the shipped networks for every board that can be routed, in out/release",
    "lint": "ruff, basedpyright, and the checks of documents and code",
    "mutate": "60 changes of single operators and numbers: which of them proofs and tests find",
    "test": "the quick tests; with CHANGED=1 what a change since the last commit can break",
    "test-full": "the quick tests and a daily selection of the long ones; EVERY=1 runs all",
}  # fmt: skip


def given_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables given, by name, without empty ones; UserError for one that no verb has."""
    known = options.variables()
    asked = environment.get("ASKED", "").split()
    for name in asked:
        if name not in known and name not in OTHERS and not name.startswith(("XNORFORGE_", "-")):
            near = get_close_matches(name.upper(), known, n=1, cutoff=0.5)
            every = "`make help` lists all"
            hint = f"did you mean {near[0]}? {every}" if near else f"{every} variables"
            raise UserError(f"{name}: this variable does not exist; {hint}.")
    found = {}
    for name, one in known.items():
        of_line = isinstance(one, Argument) or one.of_line
        if environment.get(name) and (name in asked or not of_line):
            found[name] = environment[name]
    return found


def words_of(verb: Verb, given: Mapping[str, str], asked: list[str]) -> list[str]:
    """The command line of a verb.

    Args:
        given: variables, as of `given_variables`.
        asked: names of those that make's command line holds: one that the verb does not have is refused.

    Raises:
        UserError: a variable that this verb does not have, or a missing argument.
    """
    words = [verb.name]
    declared = {one.variable: one for one in verb.all_options()}
    arguments = {one.name.upper(): one for one in verb.arguments}
    for name in asked:
        if name in options.variables() and name not in declared and name not in arguments:
            raise UserError(f"{name}: `make {verb.name}` does not read it; {options.takers(name)} do.")
    for name, one in declared.items():
        if name in given:
            words += _option_words(one, given[name])
    rest = []
    for name, argument in arguments.items():
        if name in given:
            rest.append(given[name])
        elif argument.required:
            raise UserError(f"{name}: is missing, but `make {verb.name}` needs it: {argument.help}")
    return [*words, *(["--", *rest] if rest else [])]


def _option_words(one: Option, value: str) -> list[str]:
    if one.kind == "flag":
        return [one.flag] if one.read(value) else []
    if one.kind == "words":
        return [f"{one.flag}={part}" for part in value.split()]
    return [f"{one.flag}={value}"]  # one word: a value may begin with a dash


def help_text() -> str:
    """What `make help` prints: targets, variables, and the names that are found on disk."""
    lines = ["targets"]
    for group, verbs in options.verb_groups():
        lines += [f"  {group}", *(f"    make {verb.name:<12} {verb.help}" for verb in verbs)]
    lines += ["  Project", *(f"    make {name:<12} {text}" for name, text in TARGETS.items())]
    lines += ["", "variables (of `make build`; `xnorforge VERB --help` lists those of the other verbs)"]
    for one in options.verb("build").all_options():
        default = f"  [{one.otherwise}]" if one.otherwise else ""
        lines.append(f"  {one.variable:<14} {one.help}{default}")
    lines.append(
        f"  {'PYTHON':<14} The interpreter that .venv is made with: Python 3.11, 3.12 or 3.13.  [python3.11]"
    )
    lines += ["", "found on disk"]
    for kind in ("net", "method", "board", "backend", "task"):
        lines.append(f"  {kind.upper():<14} {' '.join(request.known(kind))}")
    lines.append(f"  {'data':<14} {os.environ.get('XNORFORGE_DATA') or 'none: downloaded when first used'}")
    return "\n".join(lines)


def clean(target: str, given: Mapping[str, str]) -> None:
    """Remove what builds left, of all of them or of one stage; errors as of `pipeline.clean`."""
    from xnorforge.pipeline import clean as cleaning

    if target == "clean":
        cleaning.everything(Path("out"))
        return
    named = {one.variable: one.name for one in options.OPTIONS}
    asked: dict[str, Any] = {
        named[name]: value for name, value in given.items() if named.get(name) in options.OF_FOLDERS
    }
    asked["net"] = request.network_name(asked.get("net"), given.get("TASK"))
    cleaning.clean_stage(request.Request(**asked), target.removeprefix("clean_"))


def run(target: str, environment: Mapping[str, str]) -> int:
    """Run a target; returns its exit code. UserError: no such target, or not its variable."""
    given = given_variables(environment)
    if target == "help":
        print(help_text())
        sys.stdout.flush()
        return 0
    if target.startswith("clean"):
        clean(target, given)
        return 0
    words = words_of(options.verb(target), given, environment.get("ASKED", "").split())
    if target == "doctor" and len(words) == 1:
        from xnorforge.cli import doctor

        return doctor.main()
    from xnorforge.cli.main import main

    sys.argv = ["xnorforge", *words]
    return main()


def main(target: str) -> int:
    """The exit code of a target; what cannot be met is one sentence on standard error."""
    try:
        return run(target, os.environ)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:  # nobody reads it any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
