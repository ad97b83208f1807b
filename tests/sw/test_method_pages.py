"""The pages of docs/methods show equations next to the code that computes them."""

import inspect
import re
from functools import reduce
from importlib import import_module
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parents[2] / "docs/methods").glob("*.md"))
# A title (bold, with the functions in brackets), the paragraph it begins, and the block that follows.
SECTION = re.compile(r"^\*\*(?P<title>.+?)\n\n```text\n(?P<block>.+?)^```$", re.MULTILINE | re.DOTALL)


def function(names: str, modules: list):
    """What a dotted name is in one of some modules."""
    for module in modules:
        try:
            return reduce(getattr, names.split("."), module)
        except AttributeError:
            continue
    raise AssertionError(f"{names} is in none of {[module.__name__ for module in modules]}")


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_quoted_line_is_in_a_function_that_its_title_names(page):
    text = page.read_text()
    files = re.findall(r"`(sw/\w+/\w+)\.py`", text)
    modules = [import_module("xnorforge." + name.replace("/", ".")) for name in files]
    quoted = 0
    for section in SECTION.finditer(text):
        names = [name for name in re.findall(r"`([\w.]+)`", section["title"]) if "=" not in name]
        sources = [inspect.getsource(function(name, modules)) for name in names]
        lines = {line.strip() for source in sources for line in source.splitlines()}
        code = [line.strip() for line in section["block"].splitlines() if line.startswith("    ")]
        assert code and set(code) <= lines, (section["title"], set(code) - lines)
        quoted += len(code)
    assert quoted >= 5
