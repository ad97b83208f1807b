"""The Makefile only calls: what it hands over, what it refuses, and what it removes."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from xnorforge.cli import variables
from xnorforge.core.errors import UserError
from xnorforge.pipeline import clean, stages
from xnorforge.pipeline.request import Request

ROOT = Path(__file__).parent.parent
SHOW = f"RUN={sys.executable} -c 'import shlex, sys; print(shlex.join(sys.argv[1:]))'"


def make(*words, folder=ROOT, **environment):
    """Run make without what an outer make left."""
    outer = {
        name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
    }
    return subprocess.run(
        ["make", *words], cwd=folder, env=outer | environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path):
    """A folder that make takes for a checkout, with somebody's environment."""
    folder = tmp_path / "a $place with (room)"
    folder.mkdir()
    for name in ("hw", "sw", "flows", "sim", "src", "Makefile", "requirements.lock", "tools"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("board=pynq-z2", "BOARD"),
        ("BORD=pynq-z2", "BOARD"),
        ("Net=mnist-tfc", "NET"),
        ("IMAGE_S=3", "IMAGES"),
    ],
)
@pytest.mark.parametrize("target", ["build", "help", "clean"])
def test_a_misspelt_variable_is_an_error_with_the_near_match(word, near, target):
    done = make("-n", target, word)
    assert done.returncode == 2
    assert f"{word.partition('=')[0]}: no such variable; did you mean {near}?" in done.stderr


def test_a_name_like_no_other_gets_the_list():
    assert variables.answer("quux_zz", ["BOARD"]) == (
        "quux_zz: no such variable; `make help` lists those there are"
    )


NAMES = [
    "`touch {mark}`.onnx",
    "$(touch {mark}).onnx",
    "$(shell touch {mark}).onnx",
    "'; touch {mark}; '.onnx",
    '"; touch {mark}; ".onnx',
    "a b; touch {mark}.onnx",
    "${{IFS}}touch {mark} & .onnx",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", ["line", "environment"])
def test_a_name_is_never_run_as_a_command_and_arrives_as_it_is(tmp_path, name, given):
    mark = tmp_path / "mark"
    name = name.format(mark=mark.relative_to(tmp_path))
    variables_given = {"MODEL": name, "WEIGHTS": name, "BOARD": name}
    words = [f"{key}={value.replace('$', '$$')}" for key, value in variables_given.items()]
    for target in ("build", "sim", "clean_fold"):
        folder = tmp_path / target
        folder.mkdir()
        for one in ("Makefile", "src", "hw", "sw", "flows", "sim"):
            (folder / one).symlink_to(ROOT / one)
        (folder / ".venv").symlink_to(sys.prefix)
        done = (
            make(target, SHOW, *words, folder=folder)
            if given == "line"
            else make(target, SHOW, folder=folder, **variables_given)
        )
        assert not any(path.name == "mark" for path in tmp_path.rglob("mark"))
        if target != "clean_fold":
            heard = shlex.split(done.stdout)
            raw = name.replace("$", "$$") if given == "line" else name
            assert heard[heard.index("--model") + 1] == raw
            assert heard[heard.index("--board") + 1] == raw


def test_make_hands_over_every_option_of_a_build():
    done = make("build", SHOW, "TASK=mnist", "NET=tfc", "APPROXIMATE=1", "WAVES=1", "INTERVAL=7")
    heard = shlex.split(done.stdout)
    assert heard[:5] == ["build", "--net", "tfc", "--task", "mnist"]
    assert heard[heard.index("--interval") + 1] == "7"
    assert {"--approximate", "--waves"} <= set(heard)
    assert "--net" not in make("build", SHOW, "TASK=cifar10").stdout
    heard = shlex.split(make("build", SHOW, "BASE=out/a b", "RULES=r.json").stdout)
    assert heard[-4:] == ["--base", "out/a b", "--rules", "r.json"]
    own = {"MODEL": "m.onnx", "SCALE": "2/255-1", "INPUT": "int8", "IMAGES_FROM": "a b.npz", "LABELS": "last"}
    heard = shlex.split(make("build", SHOW, *(f"{name}={word}" for name, word in own.items())).stdout)
    for name, word in own.items():
        assert heard[heard.index(f"--{name.lower().replace('_', '-')}") + 1] == word


def test_help_lists_every_variable_that_says_what_it_is_for():
    said = make("help").stdout
    assert all(f"\n  {name} " in said for name in ("NET", "INPUT", "IMAGES_FROM", "LABELS", "PYTHON"))


@pytest.mark.parametrize("target", ["train-float", "twin"])
def test_the_full_precision_model_has_a_target_and_the_old_word_calls_too(target):
    heard = shlex.split(make(target, SHOW, "TASK=mnist", "NET=tfc", "EPOCHS=2").stdout)
    assert heard[:4] == [target, "tfc", "--task", "mnist"]
    assert heard[heard.index("--epochs") + 1] == "2"


@pytest.mark.parametrize("stage", stages.NAMES)
def test_every_stage_is_a_target_that_builds_until_there(stage):
    heard = shlex.split(make(stage, SHOW).stdout)
    assert heard[0] == "build"
    assert heard[-2:] == ["--until", stage] or (stage == "report" and heard[-1] == "--show")


def filled(out: Path) -> None:
    """What two builds, a training and a comparison leave."""
    for name in (
        "mnist-tfc/export.json",
        "mnist-tfc/.export.reads.json",
        "mnist-tfc/train/weights.safetensors",
        "mnist-tfc/train/checkpoint.pt",
        "mnist-tfc/rtl-pynq-z2/fold.json",
        "mnist-tfc/rtl-pynq-z2/rtl/top.sv",
        "mnist-tfc/rtl-pynq-z2/sim.json",
        "mnist-tfc/da4ml-pynq-z2/fold.json",
        "mnist-tfc/demo/demo.json",
        "mnist-cnn-float/checkpoint.pt",
        "compare/mnist-tfc/3/ste-0/weights.safetensors",
        "compare/mnist-tfc/3/table.md",
        ".cache/yosys/one/cells.json",
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("{}")


def left(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_clean_keeps_what_was_trained_the_history_and_the_cache_and_distclean_nothing(tree):
    filled(tree / "out")
    (tree / "out/history.jsonl").write_text("")
    assert make("clean", folder=tree).returncode == 0
    assert left(tree / "out") == {
        "mnist-tfc/train/weights.safetensors",
        "mnist-tfc/train/checkpoint.pt",
        "mnist-cnn-float/checkpoint.pt",
        "compare/mnist-tfc/3/ste-0/weights.safetensors",
        ".cache/yosys/one/cells.json",
        "history.jsonl",
    }
    assert not (tree / "out/mnist-tfc/rtl-pynq-z2").exists()
    assert make("distclean", folder=tree).returncode == 0
    assert not (tree / "out").exists()


def test_clean_follows_no_link_out_of_the_folder(tree, tmp_path):
    filled(tmp_path / "elsewhere")
    before = left(tmp_path / "elsewhere")
    (tree / "out").mkdir()
    (tree / "out/link").symlink_to(tmp_path / "elsewhere")
    assert make("clean", folder=tree).returncode == 0
    assert left(tmp_path / "elsewhere") == before and not (tree / "out/link").exists()


@pytest.mark.parametrize(
    ("stage", "gone"),
    [
        ("sim", {"mnist-tfc/rtl-pynq-z2/sim.json"}),
        ("generate", {"mnist-tfc/rtl-pynq-z2/sim.json", "mnist-tfc/rtl-pynq-z2/rtl/top.sv"}),
        ("fold", {"rtl-pynq-z2"}),
        ("lower", {"rtl-pynq-z2", "da4ml-pynq-z2"}),
        ("export", {"rtl-pynq-z2", "da4ml-pynq-z2", "mnist-tfc/export.json", "mnist-tfc/.export.reads.json"}),
    ],
)
def test_cleaning_a_stage_removes_what_it_left_and_all_that_follows(tree, stage, gone):
    filled(tree / "out")
    before = left(tree / "out")
    assert make(f"clean_{stage}", "NET=mnist-tfc", folder=tree).returncode == 0
    assert before - left(tree / "out") == {name for name in before if any(part in name for part in gone)}


@pytest.mark.parametrize(
    "words",
    [
        {"net": "../../victim"},
        {"net": "mnist-tfc", "board": "../../../victim"},
        {"net": "mnist-tfc", "method": "../x"},
        {"net": "mnist-tfc", "backend": "x/../../.."},
        {"model": "..onnx"},
    ],
)
def test_a_name_that_leads_out_of_out_removes_nothing(tmp_path, monkeypatch, words):
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    filled(tmp_path / "victim/rtl-pynq-z2")
    before = left(tmp_path)
    for stage in stages.NAMES:
        with pytest.raises(UserError, match="names a folder of out/"):
            clean.clean_stage(Request(**words), stage)
    assert left(tmp_path) == before


def test_make_cleans_nothing_outside(tree):
    filled(tree.parent / "victim/rtl-pynq-z2")
    done = make("clean_fold", "NET=../../victim", folder=tree)
    assert done.returncode == 2
    assert done.stderr.startswith("NET: '../../victim' names a folder of out/")
    assert left(tree.parent / "victim")


FAKE = """#!/bin/sh
# Makes an environment whose Python writes down what it is asked to do.
case "$*" in
"-m venv --clear "*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; chmod +x "$4/bin/python" ;;
*) for word; do printf '%s|' "$word"; done >> asked; echo >> asked ;;
esac
"""


def test_the_environment_is_made_in_a_path_with_a_space_and_a_dollar_sign(tmp_path):
    folder = tmp_path / "a $place with (room)"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/install.sh", folder / "tools")
    (folder / "requirements.lock").write_text("click==8\ntorch==2\nzipp==4\n")
    python = folder / "fake python"
    python.write_text(FAKE)
    python.chmod(0o755)
    stamp = str(folder / ".venv/installed")
    done = subprocess.run(
        ["sh", "tools/install.sh", python, "requirements.lock", stamp],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    asked = (folder / "asked").read_text().splitlines()
    files = [word for line in asked for word in line.split("|") if f"{folder}/.venv/lock/" in word]
    assert sorted({Path(name).name for name in files}) == ["even", "odd", "torch"]
    assert "click==8" in (folder / ".venv/lock/odd").read_text() + (folder / ".venv/lock/even").read_text()
    assert (folder / ".venv/installed").read_text().startswith("click==8")
