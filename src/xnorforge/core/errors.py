"""Errors for users, shown instead of a traceback."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

LONGEST = 1200  # characters of a message; longer ones are shortened in the middle


def printable(text: str) -> str:
    """One line without control characters, line breaks and direction marks, its middle left out if long.

    >>> printable("a\nb")
    'a\\nb'
    """
    text = one_line(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def one_line(text: str) -> str:
    """A text of any length with all characters that a terminal or browser would interpret, such as line
    breaks and direction marks, escaped as in Python.

    >>> one_line("a\x1bb\u202e")
    'a\\x1bb\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """The request cannot be built as given; the one-sentence text says where, what, why, and what would work.

    The command line prints the text without a traceback and exits with 2. Names in it may come from a foreign
    file: control characters are escaped as in Python, and a very long text is shortened."""

    def __init__(self, text: str = ""):
        super().__init__(printable(text))


class MismatchError(Exception):
    """Results that must agree differ; says stage, operator, position, both values. Exit code 1."""

    def __init__(self, text: str = ""):
        super().__init__(printable(text))


class ToolMissing(UserError):
    """A tool that the request needs is missing; the text names it and how to install it."""


def all_slips(looks: Iterable[Callable[[], object]]) -> None:
    """Run all checks, then raise a UserError of all sentences, in order, the first by place."""
    slips = []
    for look in looks:
        try:
            look()
        except UserError as error:
            where = str(error).partition(":")[0]
            slips += [str(error)] * (not any(one.startswith(f"{where}:") for one in slips))
    if slips:
        raise UserError(" ".join(slips))


def enumerated(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    >>> enumerated(["build", "sim", "cut"])
    'build, sim and cut'
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def shortened(words: Sequence[str], most: int) -> str:
    """The first words of a list, and how many more there are.

    >>> shortened(["build", "sim", "cut"], 2)
    'build, sim and 1 more'
    """
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more


def several(number: float, noun: str) -> str:
    """A number with its noun: `1 image`, `2,000 images`."""
    ending = "es" if noun.endswith("ch") else "s"
    return f"{number:,.10g} {noun}{ending * (number != 1)}"


def unknown(where: str, given: str, names: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest match.

    >>> str(unknown("sw.methods", "bon", ["bonn", "ste"]))
    "sw.methods: 'bon' does not exist; use one of bonn, ste (did you mean 'bonn'?)."
    """
    names = sorted(names)
    near = get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    near = near or [name for name in names if name.endswith(f"-{given.lower()}")]  # without its task
    hint = f" (did you mean '{near[0]}'?)" if near else ""
    remedy = f"; use {'one of ' if len(names) > 1 else ''}{', '.join(names)}{hint}" if names else ""
    return UserError(f"{where}: '{given}' does not exist{remedy}.")


@contextmanager
def as_one_sentence(where: str):
    """Turn an exception of the user's own code into the reason of a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{where} {type(error).__name__} ({said}); correct it and try again.") from error
