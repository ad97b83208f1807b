"""The site builds, with what plug-ins add; its reference has all verbs, options, operators, public names."""

import html
import re
import shutil

import pytest

import xnorforge
from xnorforge.core import errors, plugins
from xnorforge.pipeline import options, stages

from .documents import ROOT, python, sections, write

FLAGS = ("-q", "-W", "--keep-going", "-c", "docs", "-d")  # as `make docs` has them
RECIPES = ("A method", "A board", "A part family", "A task", "A back end")
PLUGINS = {"methods": "sw/methods", "operators": "hw/ops", "boards": "hw/boards", "families": "hw/families",
           "tasks": "sw/tasks", "networks": "sw/networks", "backends": "flows/backends"}  # fmt: skip


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """The recipes of CONTRIBUTING.md and the operator that it names, in one folder of plug-ins."""
    folder = tmp_path_factory.mktemp("mine")
    found = sections(ROOT / "CONTRIBUTING.md")
    for title in RECIPES:
        write([block for block in found[title] if block.path], folder)
    shutil.copytree(ROOT / "tests/plugins/absolute", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory, mine):
    """{page: its HTML}, built without a warning."""
    pytest.importorskip("sphinx_click")
    folder = tmp_path_factory.mktemp("site")
    words = ["-m", "sphinx", *FLAGS, folder / "trees", ".", folder / "site"]
    done = python(*words, cwd=ROOT, XNORFORGE_PLUGINS=str(mine))
    assert done.returncode == 0 and not done.stderr, done.stderr[-4000:]
    assert "sign_mvu" in (folder / "site/searchindex.js").read_text()
    found = (folder / "site").rglob("*.html")
    return {str(path.relative_to(folder / "site")): path.read_text() for path in found}


def text_of(page):
    """What a reader sees of a page, in one line."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_the_site_has_every_page_and_needs_no_network(site):
    written = [
        path for folder in ("guide", "methods", "results", "reference")
        for path in (ROOT / "docs" / folder).glob("*.*") if path.suffix in (".md", ".rst")
    ]  # fmt: skip
    expected = {str(path.relative_to(ROOT).with_suffix(".html")) for path in written}
    assert {"index.html", "search.html", "docs/reference/verbs.html", *expected} <= set(site)
    for name, text in site.items():
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", text)
        assert not [one for one in loaded if one.startswith(("http:", "https:", "//"))], name


def test_what_a_plug_in_adds_is_on_the_pages(site, mine):
    parts = {path.relative_to(mine).with_suffix("").parts for path in mine.rglob("*")}
    for page, folder in PLUGINS.items():
        names = {one[2] for one in parts if "/".join(one[:2]) == folder and len(one) > 2} - {"__pycache__"}
        assert names, page
        for name in names:
            shown = name.replace("_", "-", 1) if page == "networks" else name
            cell = r"<td><p><code[^>]*><span class=\"pre\">"
            heading = rf"<h2>{re.escape(shown)}<|{cell}{re.escape(shown)}</span>"
            assert re.search(heading, site[f"docs/reference/{page}.html"]), (page, shown)
            assert name not in plugins.names(folder.replace("/", "."))
    assert ">Abs</span>" in site["docs/reference/nodes.html"]  # the operator of the recipe lowers it


def test_every_verb_option_and_exit_code_is_on_the_page_of_verbs(site):
    page = site["docs/reference/verbs.html"]
    for verb in options.VERBS:
        assert f'id="xnorforge-{verb.name}"' in page, verb.name
        for one in verb.all_options():
            hidden = (verb.stage and one in options.OPTIONS) or one.key == "json"
            shown = f'id="cmdoption-xnorforge-{verb.name}-{one.flag[2:]}"' in page
            assert hidden or shown, (verb.name, one.name)
        for one in verb.arguments:
            assert one.help in text_of(page), (verb.name, one.name)
    for code, meaning in options.EXITS.items():
        assert f"{code} {meaning.replace('`', '')}" in text_of(page)
    for name in ("json", "quiet", "plain", "verbose"):
        assert f"--{name} " in text_of(page)


def test_the_python_api_shows_every_public_name_and_defaults_as_they_are_written(site):
    page = site["docs/reference/python.html"]
    names = [f"xnorforge.{name}" for name in xnorforge.PUBLIC]
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    names += [f"xnorforge.core.errors.{one.__name__}" for one in kinds]
    for name in (*names, "xnorforge.Accelerator.scores", "xnorforge.accelerator.Report"):
        assert f'id="{name}"' in page, name
    assert "board: str = 'pynq-z2'" in text_of(page) and "scale: float = 1 / 255" in text_of(page)


def test_every_operator_says_what_it_computes_and_every_attribute_has_a_type(site):
    parts = site["docs/reference/operators.html"].split("<h2>")[1:]
    names = [part.partition("<")[0] for part in parts]
    assert names == sorted([*plugins.names("hw.ops"), "absolute"])
    for name, part in zip(names, parts):
        said = re.search(r"<dd><p>(.*?)</p>", part, re.DOTALL)
        assert said and len(said[1]) > 20, name
        assert "attribute type default values" in text_of(part), name


def test_a_hyper_parameter_has_its_default_and_its_comment(site):
    shown = text_of(site["docs/reference/methods.html"])
    assert "nu: float = 0.0001¶ variance of the reconstruction error" in shown
    assert "keep latents where |w X| <= 1; false: in [-1, 1], where the task's gradient may not pass" in shown


def test_every_stage_has_its_inputs_outputs_and_options(site):
    shown = text_of(site["docs/reference/stages.html"])
    for stage in stages.STAGES:
        for given in (stage.inputs, stage.outputs, options.read_by(stage), stage.environment):
            assert not given or ", ".join(given) in shown, stage.name
