"""Jinja templates beside the modules that render them."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined


def render(folder: str, name: str, given: Mapping[str, Any]) -> str:
    """The text of a template; a value that it needs and that is not given is an error.

    Args:
        folder: the package that holds it.
        name: its path there without `.j2`.
    """
    loader = FunctionLoader(lambda name: (files(folder) / f"{name}.j2").read_text())
    env = Environment(loader=loader, undefined=StrictUndefined, keep_trailing_newline=True)
    return env.get_template(name).render(given)
