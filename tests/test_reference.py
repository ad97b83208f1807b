"""Reference pages follow the declarations: what changes there changes in its page. The site builds."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

import xnorforge
from xnorforge.core import plugins
from xnorforge.pipeline import options, stages

from .documents import ROOT, sections, tool, write

reference = tool("reference")
FLAGS = ("-q", "-W", "--keep-going", "-c", "docs", "-d")  # as `make docs` has them
RECIPES = ("A method", "A board", "A part family", "A task", "A back end")


def lines(page):
    return reference.PAGES[page]().splitlines()


def row(page, name):
    """The first row of the tables that begins with a name."""
    return next(line for line in lines(page) if line.startswith(f"| `{name}` |"))


def test_what_a_plug_in_adds_is_on_the_pages(tmp_path):
    """The recipes of CONTRIBUTING.md and the operator that it names, in one folder of plug-ins."""
    found = sections(ROOT / "CONTRIBUTING.md")
    for title in RECIPES:
        write([block for block in found[title] if block.path], tmp_path / "mine")
    shutil.copytree(ROOT / "tests/plugins/absolute", tmp_path / "mine", dirs_exist_ok=True)
    mine = {
        path.relative_to(tmp_path / "mine").with_suffix("").parts for path in (tmp_path / "mine").rglob("*")
    }
    pages = {"methods": "sw/methods", "operators": "hw/ops", "boards": "hw/boards", "families": "hw/families",
             "tasks": "sw/tasks", "networks": "sw/networks", "backends": "flows/backends"}  # fmt: skip
    words = [sys.executable, ROOT / "tools/reference.py", tmp_path / "pages", *pages, "nodes"]
    env = os.environ | {"XNORFORGE_PLUGINS": str(tmp_path / "mine")}
    done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for page, folder in pages.items():
        names = {parts[2] for parts in mine if "/".join(parts[:2]) == folder and len(parts) > 2} - {
            "__pycache__"
        }
        assert names, page
        for name in names:
            shown = name.replace("_", "-", 1) if page == "networks" else name
            heading = rf"^## {re.escape(shown)}$|^\| `{re.escape(shown)}` \|"
            assert re.search(heading, (tmp_path / f"pages/{page}.md").read_text(), re.MULTILINE), (
                page,
                shown,
            )
            assert name not in plugins.names(folder.replace("/", "."))
    assert "\n| `Abs` |" in (tmp_path / "pages/nodes.md").read_text()  # the operator of the recipe lowers it


def test_a_changed_option_changes_its_row(monkeypatch):
    old = row("options", "BOARD")
    new = tuple(
        replace(one, help="Where to | run.", default="ultra96") if one.name == "board" else one
        for one in options.OPTIONS
    )
    monkeypatch.setattr(options, "OPTIONS", new)
    assert "`pynq-z2`" in old
    assert row("options", "BOARD") == "| `BOARD` | text | `ultra96` | Where to \\| run. |"


def test_a_new_verb_and_its_own_option_are_on_both_pages(monkeypatch):
    own = options.Option("depth", "How deep.", 3, kind="count")
    verb = options.Verb("dig", "Tools", "Dig a hole.", (options.Argument("where", "A place.", True),), (own,))
    monkeypatch.setattr(options, "VERBS", (*options.VERBS, verb))
    text = reference.PAGES["verbs"]()
    assert "## Tools\n\n### dig\n\nDig a hole.\n\n```text\nxnorforge dig WHERE [options]\n```" in text
    assert "- `WHERE`: A place." in text and "`--depth`" in text
    assert row("options", "DEPTH").endswith("| `3` | How deep. | [dig](verbs.md#dig) |")


def test_every_option_and_verb_is_on_its_page():
    shown = "\n".join(lines("options"))
    for one in {one for verb in options.VERBS for one in verb.all_options()}:
        assert f"\n| `{one.variable}` |" in shown, one.name
    headings = set(lines("verbs"))
    assert {f"### {verb.name}" for verb in options.VERBS} <= headings
    for code, meaning in options.EXITS.items():
        assert f"| `{code}` | {meaning} |" in headings


def test_a_changed_stage_and_exit_code_change_their_pages(monkeypatch):
    first, *others = stages.STAGES
    monkeypatch.setattr(stages, "STAGES", (replace(first, environment=("NEW_VARIABLE",)), *others))
    monkeypatch.setitem(options.EXITS, 7, "out of luck")
    assert "| environment | `NEW_VARIABLE` |" in lines("stages")
    assert "| `7` | out of luck |" in lines("verbs")


def test_a_changed_docstring_and_signature_change_the_python_api(monkeypatch):
    def build(model, board="tiny"):
        """Build it.

        Args:
            model: a network,
                or a_file.
            board: where.

        Raises:
            UserError: it cannot be.
        """

    monkeypatch.setattr(xnorforge, "build", build, raising=False)
    text = reference.PAGES["python"]()
    assert "{py:function} xnorforge.build(model, board=tiny)\nBuild it.\n\n**Arguments**\n" in text
    assert "- `model`: a network, or a\\_file.\n- `board`: where.\n\n**Raises**\n\n- `UserError`" in text


def test_every_operator_says_what_it_computes_and_every_attribute_has_a_type():
    text = reference.PAGES["operators"]()
    parts = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    assert [part.partition("\n")[0] for part in parts] == plugins.names("hw.ops")
    for part in parts:
        assert len(part.split("\n\n")[1]) > 20, part[:200]
        assert "| attribute | type | default |" in part or "| attribute | type |" in part, part[:200]


def test_a_page_that_is_the_same_is_not_written_again(tmp_path):
    reference.write(tmp_path, ["verbs"])
    before = (tmp_path / "verbs.md").stat().st_mtime_ns
    reference.write(tmp_path, ["verbs"])
    assert (tmp_path / "verbs.md").stat().st_mtime_ns == before


def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path):
    pytest.importorskip("sphinx")
    words = [sys.executable, "-m", "sphinx", *FLAGS, tmp_path / "trees", "."]
    done = subprocess.run([*words, tmp_path / "site"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[-4000:]
    pages = {
        str(path.relative_to(tmp_path / "site")): path.read_text()
        for path in (tmp_path / "site").rglob("*.html")
    }
    written = [
        *ROOT.glob("docs/guide/*.md"), *ROOT.glob("docs/methods/*.md"), *ROOT.glob("docs/results/*.md"),
    ]  # fmt: skip
    expected = {str(path.relative_to(ROOT).with_suffix(".html")) for path in written}
    assert {"index.html", "search.html", "docs/reference/options.html", *expected} <= set(pages)
    for name, text in pages.items():
        loaded = re.findall(r"<(?:script|img|link)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", text)
        assert not [one for one in loaded if one.startswith(("http:", "https:", "//"))], name
    assert "xnor_mvu" in (tmp_path / "site/searchindex.js").read_text()
