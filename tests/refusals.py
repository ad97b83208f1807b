"""What tests check of an error: that it names the place, the value and the remedy; not its wording."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from xnorforge.core.errors import UserError


def says(error, facts: str) -> None:
    """Check that an error, or a text, is one printable line that names all facts, in their order.

    >>> says("conv3: simd=7 does not divide length=576; use one of [1, 2, 3].", "conv3: … simd=7 … [1, 2")
    """
    text, start = str(getattr(error, "value", error)), 0
    assert text.isprintable(), repr(text)
    for fact in facts.split(" … "):
        found = text.find(fact, start)
        assert found >= 0, f"{fact!r} is missing, or out of order, in: {text}"
        start = found + len(fact)


@contextmanager
def refuses(facts: str) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """A place in which something is refused; see `says`."""
    with pytest.raises(UserError) as error:
        yield error
    says(error, facts)


def stops(said: str, call: Callable, *given, kind: type[Exception] = UserError, **options) -> None:
    """Check that a call raises an error of this kind that says it: a pattern, or the facts of `says`."""
    with pytest.raises(kind, match=None if " … " in said else said) as error:
        call(*given, **options)
    if " … " in said:
        says(error, said)


def contains(text: str, *parts: object) -> str:
    """The text, once it is found to be one line, a whole sentence, that contains all parts in any order."""
    assert "\n" not in text and text[-1] in ".?"
    absent = [part for part in map(str, parts) if part not in text]
    assert not absent, f"{absent} not in: {text}"
    return text


def refused(call: Callable[[], object], *parts: object, kind: type[Exception] = UserError) -> str:
    """The text of the refusal that a call raises; see `contains`."""
    with pytest.raises(kind) as error:
        call()
    return contains(str(error.value), *parts)
