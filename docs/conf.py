"""The site: `make docs` builds it into out/site with Sphinx, furo and MyST, offline and without warnings.

The pages of docs/reference show docstrings (autodoc) and the command line (sphinx-click); they are templates,
filled from registries.py.

The source folder is the checkout itself, so that links between README.md, CONTRIBUTING.md and docs/ are the
same on the forge and in the site; README.md is the home page.
"""

import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs")]

import registries  # noqa: E402

import xnorforge  # noqa: E402

project, author = "xnorforge", "The xnorforge developers"
version = release = xnorforge.__version__
html_title = f"xnorforge {version}"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
root_doc = "README"
include_patterns = ["*.md", "docs/*/*.md", "docs/reference/*.rst", "examples/*.md"]
exclude_patterns = [".*", *"out build src hw sw flows sim tests tools shared NOTICE".split()]  # noqa: SIM905
html_theme = "furo"
html_static_path = ["site"]
html_css_files = ["site.css"]
html_show_sphinx = html_copy_source = False
highlight_language = "none"
myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
default_role = "literal"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True  # as they are written
autodoc_typehints_format = "short"
napoleon_use_ivar = True
python_use_unqualified_type_names = True
smartquotes = False  # they would turn -- into a dash

# The guide in reading order; a page that is not named here comes last.
GUIDE = [
    "install", "tutorial", "your-network", "python", "training", "tasks", "speed-and-area", "nanoseconds",
    "report", "backends", "finn", "cluster", "bitstream", "board", "package", "how-it-works", "exactness",
    "simulation", "synthesis", "operators", "environment", "glossary", "style",
]  # fmt: skip


def pages(folder: str, order: list[str] | None = None) -> list[str]:
    """The pages of a folder, those of `order` first."""
    names = sorted(path.stem for path in (ROOT / folder).glob("*.*") if path.suffix in (".md", ".rst"))
    known = order or []
    return [f"{folder}/{name}" for name in (*known, *(name for name in names if name not in known))]


NAVIGATION = {
    "Guide": pages("docs/guide", GUIDE), "Methods": pages("docs/methods"),
    "Reference": pages("docs/reference", ["verbs", "python"]), "Results": pages("docs/results"),
    "Project": ["examples/README", "CONTRIBUTING", "CHANGELOG", "SECURITY", "CODE_OF_CONDUCT"],
}  # fmt: skip
TITLES = {"CODE_OF_CONDUCT": "Code of conduct"}  # of pages whose own heading is long
# A link to a folder without pages, or out of the checkout to the forge's, leads nowhere: its text stays.
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]+)\)")


def read(app, docname: str, source: list[str]) -> None:
    """Fill the templates of the reference, add the navigation to the home page, and remove dead links."""
    if docname.startswith("docs/reference/"):
        source[0] = app.builder.templates.render_string(source[0], registries.SHOWN)
        return
    folder = (ROOT / docname).parent

    def linked(found: re.Match) -> str:
        target = (folder / found[2]).resolve()
        if "://" in found[2] or (target.is_relative_to(ROOT) and not target.is_dir()):
            return found[0]
        inside = sorted(target.glob("*.md")) if target.is_relative_to(ROOT) else []
        return f"[{found[1]}]({found[2].rstrip('/')}/{inside[0].name})" if inside else found[1]

    source[0] = LINK.sub(linked, source[0])
    if docname == root_doc:
        for title, names in NAVIGATION.items():
            there = "\n".join(
                f"{TITLES[name]} <{name}>" if name in TITLES else name
                for name in names
                if any(ROOT.glob(f"{name}.*"))
            )
            source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{there}\n```\n" if there else ""


def plain(_app, what: str, _name, _shown, _options, lines: list[str]) -> None:
    """Docstrings are plain text: only what is indented is code, except in sections of Google's style."""
    section = code = False
    text = list(lines)
    # An empty comment first, as napoleon takes what is before a colon in the first line for a type.
    lines[:] = ["..", ""] if what in ("attribute", "property") else []
    for line in text:
        if line and not line.startswith(" "):
            section = re.fullmatch(r"(?:Args|Attributes|Returns|Yields|Raises):", line) is not None
        before, code = code, (line.startswith("    ") and not section) or (code and not line.strip())
        if before != code:
            lines += ["", "::", ""] if code else [""]
        lines.append(line if code else registries.escaped(line))


def finish(app, failure) -> None:
    """The home page under the name that web servers look for."""
    home = Path(app.outdir) / "README.html"
    if not failure and home.exists():
        shutil.copyfile(home, home.with_name("index.html"))


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", plain, priority=100)  # before napoleon
    app.connect("env-get-outdated", lambda *_: [root_doc])  # its navigation names the pages there are
    app.connect("build-finished", finish)
