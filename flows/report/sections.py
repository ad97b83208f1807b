"""Which sections a report has: its views, from the files of flows/report/views and from plug-ins."""

import re
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError

VIEWS = "flows.report.views"


@dataclass(frozen=True)
class View:
    """A section of a report, see flows/report/views.

    Attributes:
        name: of its file.
        text: the template.
        forms: of the reports it is in.
        places: {"html": its place in the page, "md": in the text}, as far as it is there.
        half: two consecutive halves are shown side by side.
        nav: its name in the navigation of the page; empty if it is not listed there.
    """

    name: str
    text: str
    forms: frozenset[str]
    places: dict[str, int]
    half: bool
    nav: str


def views(form: str, kind: str) -> list[View]:
    """The views of a report of some form in their order; `kind` is "html" or "md"."""
    every = (view(name, path) for name, path in plugins.places(VIEWS).items())
    shown = [one for one in every if form in one.forms and kind in one.places]
    return sorted(shown, key=lambda one: (one.places[kind], one.name))


def view(name: str, path: Path) -> View:
    """A view from its file.

    Raises:
        UserError: the file does not open with the comment that gives its place.
    """
    text = path.read_text()
    opened = re.match(r"\{#-\n(.*?)\n-#\}\n", text, re.DOTALL)
    said = dict(re.findall(r"^(form|nav|html|md): (.*)$", opened[1] if opened else "", re.MULTILINE))
    fields = {kind: said[kind].split() for kind in ("html", "md") if kind in said}
    if "form" not in said or not fields or not all(given[0].isdecimal() for given in fields.values()):
        raise UserError(
            f"{path}: the opening comment must give form, and html or md with a number; "
            "flows/report/views/__init__.py shows an example."
        )
    places = {kind: int(given[0]) for kind, given in fields.items()}
    half = "half" in fields.get("html", ())
    return View(name, text, frozenset(said["form"].split()), places, half, said.get("nav", "").strip())
