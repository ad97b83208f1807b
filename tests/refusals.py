"""What tests check of an error: that it names the place, the value and the remedy; not its wording."""


def says(error, facts: str) -> None:
    """Check that an error is one printable line that names all facts, in their order.

    Args:
        error: an exception, what `pytest.raises` gives, or a text.
        facts: parts of the text, separated by " … ": "conv3: … simd=7 … length=576 … [1, 2, 3".

    >>> says("conv3: simd=7 does not divide length=576; use one of [1, 2, 3].", "conv3: … simd=7 … [1, 2")
    """
    text, start = str(getattr(error, "value", error)), 0
    assert text.isprintable(), repr(text)
    for fact in facts.split(" … "):
        found = text.find(fact, start)
        assert found >= 0, f"{fact!r} is missing, or out of order, in: {text}"
        start = found + len(fact)
