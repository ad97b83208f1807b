"""What a refusal must contain, whatever its wording: place, value that was given, value that works."""

from collections.abc import Callable

import pytest

from xnorforge.core.errors import UserError


def says(text: str, *parts: object) -> str:
    """The text, once it is found to be one line, a whole sentence, that contains all parts."""
    assert "\n" not in text and text[-1] in ".?"
    absent = [part for part in map(str, parts) if part not in text]
    assert not absent, f"{absent} not in: {text}"
    return text


def refused(call: Callable[[], object], *parts: object, kind: type[Exception] = UserError) -> str:
    """The text of the refusal that a call raises; see `says`."""
    with pytest.raises(kind) as error:
        call()
    return says(str(error.value), *parts)
