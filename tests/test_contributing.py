"""Recipes of CONTRIBUTING.md: their files go into an empty plug-in folder, and their tests run on them."""

import json
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from .documents import ROOT, Block, checkout, ran, sections, write

EVERY = sections(ROOT / "CONTRIBUTING.md").items()
RECIPES = {title: found for title, found in EVERY if title.startswith("A")}
KINDS = {"A method", "An operator", "A board", "A part family", "A task", "A back end", "A report view"}
OPERATOR = ROOT / "tests/plugins/absolute"
# A task and its network are two plug-ins of a file each; an operator's files are in OPERATOR.
PLACES = {"A task": 2, "An operator": 0}


def files(recipe: list[Block]) -> list[Block]:
    """The blocks that are files of the plug-in."""
    return [block for block in recipe if block.path]


def commands(recipe: list[Block]) -> list[list[str]]:
    """The words of each line of the recipe's last block."""
    return [shlex.split(line, comments=True) for line in recipe[-1].commands()]


def place(block: Block) -> str:
    """The file, or the folder below that of its kind: hw/ops/<name>, hw/boards/<name>, hw/families/<name>."""
    parts = Path(block.path).parts
    return "/".join(parts[:3]) if parts[0] == "hw" else block.path


@pytest.fixture
def plugged(request, tmp_path):
    """The plug-in folder of a recipe, and the environment in which it is found."""
    write(files(RECIPES[request.param]), tmp_path / "mine")
    if request.param == "An operator":
        shutil.copytree(OPERATOR, tmp_path / "mine")
    return request.param, os.environ | {"XNORFORGE_PLUGINS": str(tmp_path / "mine")}


def test_there_is_a_recipe_for_each_kind_of_plug_in():
    assert set(RECIPES) == KINDS


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_touches_one_place_and_ends_in_its_commands(title):
    assert len({place(block) for block in files(RECIPES[title])}) == PLACES.get(title, 1)
    assert RECIPES[title][-1].kind == "sh"
    assert any(words[1:3] == ["-m", "pytest"] for words in commands(RECIPES[title]))


def test_the_tests_that_the_page_names_exist():
    named = re.findall(r"\btests/[\w/]+\.py", (ROOT / "CONTRIBUTING.md").read_text())
    assert len(named) > 10
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(("kind", "files"), [("absolute", 4), ("maximum", 6)])
def test_the_page_names_every_file_of_an_operator(kind, files):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    there = {path.name for path in (OPERATOR.parent / kind / "hw/ops" / kind).iterdir() if path.is_file()}
    assert len(there) == files and all(f"`{name}`" in text for name in there)


@pytest.mark.quick("A board")
@pytest.mark.parametrize("plugged", RECIPES, indirect=True)
def test_the_tests_of_a_recipe_run_on_what_it_adds(plugged):
    title, environment = plugged
    for words in commands(RECIPES[title]):
        if words[0] != ".venv/bin/python":
            continue
        quiet = ["-p", "no:cacheprovider"] if "pytest" in words else []
        done = ran([sys.executable, *words[1:], *quiet], cwd=ROOT, env=environment)
        assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}{done.stderr[-2000:]}"
        if "pytest" in words:
            passed = re.search(r"(\d+) passed", done.stdout)
            assert passed and int(passed[1]) > 0, words


@pytest.mark.parametrize("plugged", RECIPES, indirect=True)
def test_a_build_finds_what_a_recipe_adds(plugged):
    """What the builds of the recipe would run; tests/test_pages.py parses the other commands."""
    title, environment = plugged
    for words in commands(RECIPES[title]):
        if words[:2] not in (["make", "build"], ["make", "report"]) or "MODEL=" in " ".join(words):
            continue
        done = ran([*words, "DRY_RUN=1"], cwd=ROOT, env=environment)
        assert done.returncode == 0 and "report" in done.stdout + done.stderr, f"{words}\n{done.stderr}"


@pytest.mark.parametrize("plugged", ["A back end"], indirect=True)
def test_the_pipeline_runs_the_stage_of_a_back_end(plugged, tmp_path):
    _, environment = plugged
    acc = tmp_path / "out/net/fusesoc-pynq-z2"
    (acc / "rtl").mkdir(parents=True)
    for name, text in {"rtl.f": "+incdir+.\ntop.sv\n", "top.sv": "", "a.svh": "", "w.mem": ""}.items():
        (acc / "rtl" / name).write_text(text)
    (acc / "rtl/rtl.json").write_text(json.dumps({"headers": ["a.svh"], "layers": [{"memories": ["w.mem"]}]}))
    call = "xnorforge.flows.backends.fusesoc:core"
    task = {"name": "core", "call": call, "net_dir": str(acc.parent), "acc": str(acc), "folder": str(acc),
            "result": str(acc / "core.json"), "reads": [], "options": {}, "limited": ""}  # fmt: skip
    words = [sys.executable, "-m", "xnorforge.pipeline.job", str(os.getpid()), json.dumps(task)]
    done = ran(words, cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (acc / "core").iterdir()} == {"net.core", "top.sv", "a.svh", "w.mem"}
    head, _, stated = (acc / "core/net.core").read_text().partition("\n")
    assert head == "CAPI=2:" and json.loads(stated)["targets"]["default"]["toplevel"] == "xf_top"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A checkout to build in."""
    return checkout(tmp_path_factory.mktemp("clone") / "xnorforge")


@pytest.mark.full
@pytest.mark.parametrize("plugged, shown", [
    ("A board", ["PASS  mnist-tfc on Arty Z7-20 (Digilent)"]),
    ("A back end", ["PASS  mnist-tfc on ", "core      done"]), ("A report view", ["PASS  mnist-tfc on "]),
], indirect=["plugged"])  # fmt: skip
def test_what_a_recipe_adds_is_built_with(plugged, shown, clone):
    title, environment = plugged
    [words] = [words for words in commands(RECIPES[title]) if words[0] == "make"]
    done = ran([*words, "IMAGES=4", "STALLED=2"], cwd=clone, env=environment)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert [part for part in shown if part not in said] == []
    if title == "A back end":
        [core] = (clone / "out/mnist-tfc/fusesoc-pynq-z2/core").glob("*.core")
        listed = core.read_text()
        assert listed.startswith("CAPI=2:\n") and '"top.sv"' in listed and '"toplevel": "xf_top"' in listed
    if title == "A report view":
        page = (clone / "out/mnist-tfc/rtl-pynq-z2/report.md").read_text()
        # 784 bytes in 1,024 cycles at 100 MHz.
        assert "## Bandwidth\n" in page and re.search(r"^\| s_axis_tdata \| 76\.6 \|$", page, re.MULTILINE)
