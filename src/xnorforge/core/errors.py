"""What a user sees instead of a traceback."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

LONGEST = 1200  # characters of a sentence; no terminal shows more of a name at a glance


def printable(text: str) -> str:
    """One line without control characters, line breaks and marks of direction, cut in its middle where it is
    long.

    >>> printable("a\nb")
    'a\\nb'
    """
    if len(text) > LONGEST:
        text = f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    return one_line(text)


def one_line(text: str) -> str:
    """A text of any length with what a terminal or browser would obey, such as line breaks and marks of
    direction, written as Python does.

    >>> one_line("a\x1bb\u202e")
    'a\\x1bb\\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """The request cannot be built as given; the one-sentence text says where, what, why, and what would work.

    The command line prints the text without a traceback and exits with 2. Names in it may come from a file of
    somebody else: what a terminal would obey is written as Python does, and a very long text is cut.
    """

    def __init__(self, text: str = ""):
        super().__init__(printable(text))


class MismatchError(Exception):
    """Two machines that must agree do not; the text names stage, operator, position and both values. Exit
    code 1.
    """

    def __init__(self, text: str = ""):
        super().__init__(printable(text))


class ToolMissing(UserError):
    """A tool that the request needs is missing; the text names it and its cure."""


def all_slips(looks: Iterable[Callable[[], object]]) -> None:
    """Look at everything before anything is refused.

    Raises:
        UserError: of every look that raised one, the sentences in their order.
    """
    slips = []
    for look in looks:
        try:
            look()
        except UserError as error:
            slips.append(str(error))
    if slips:
        raise UserError(" ".join(slips))


def unknown(where: str, given: str, names) -> UserError:
    """The error for a name that does not exist, with the near matches.

    >>> str(unknown("sw.methods", "bon", ["bonn", "ste"]))
    "sw.methods: no 'bon' among bonn, ste. Did you mean 'bonn'?"
    """
    names = sorted(names)
    near = get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    near = near or [
        name for name in names if name.endswith(f"-{given.lower()}")
    ]  # a network without its task
    hint = f". Did you mean '{near[0]}'?" if near else "."
    return UserError(f"{where}: no '{given}' among {', '.join(names)}{hint}")
