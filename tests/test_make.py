"""The Makefile only calls: what it hands over, what it refuses, and what it removes. A configuration file
asks for what the same options on the command line ask for."""

import hashlib
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest

from xnorforge.cli import asked
from xnorforge.cli import asked as builds
from xnorforge.cli import make as making
from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.pipeline import clean, options, settings, stages
from xnorforge.pipeline.request import Request

from .documents import ROOT, ran, without
from .refusals import stops


def make(*words, folder=ROOT, **environment):
    """Run make without what an outer make left."""
    return ran(["make", *words], cwd=folder, env=without("MAKE", "MFLAGS", "ASKED") | environment)


@pytest.fixture
def tree(tmp_path):
    """A folder that make takes for a checkout, with an environment made elsewhere."""
    folder = tmp_path / "a $place with (room)"
    folder.mkdir()
    for name in ("hw", "sw", "flows", "sim", "src", "Makefile", "requirements.lock", "tools"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.mark.parametrize("target, word, near", [
    ("build", "board=pynq-z2", "BOARD"), ("build", "NET=mnist-tf", "mnist-tfc"),
    ("build", "LUT=5000%", "100%"), ("build", "MODEL=sw", "QONNX"), ("build", "Net=mnist-tfc", "NET"),
    ("help", "BORD=pynq-z2", "BOARD"), ("clean", "IMAGE_S=3", "IMAGES"),
])  # fmt: skip
def test_a_misspelt_variable_is_an_error_with_the_near_match(tree, target, word, near):
    done = make(target, word, folder=tree)
    assert done.returncode == 2
    assert word.partition("=")[0] in done.stderr and near in done.stderr
    assert not (tree / "out").exists()


@pytest.mark.parametrize(
    ("target", "word"), [("biuld", "build"), ("clean_fould", "fold"), ("train-flaot", "train-float")]
)
def test_a_misspelt_target_is_an_error_that_names_the_right_one(tree, target, word):
    done = make(target, folder=tree)
    assert done.returncode == 2 and word in done.stderr


def test_a_variable_of_another_verb_is_refused(tree):
    done = make("train", "FPS=max", folder=tree)
    assert done.returncode == 2 and done.stderr.startswith("FPS: ") and "build, fold, import" in done.stderr


NAMES = [
    "`touch {mark}`.onnx", "$(touch {mark}).onnx", "$(shell touch {mark}).onnx", "'; touch {mark}; '.onnx",
    '"; touch {mark}; ".onnx', "a b; touch {mark}.onnx", "${{IFS}}touch {mark} & .onnx",
]  # fmt: skip
HEARD = """
import os, sys
from pathlib import Path
from xnorforge.cli import make
Path("heard").write_bytes(b"\\0".join(word.encode() for word in (
    *make.words_of(make.options.verb("build"), make.given_variables(os.environ), []),)))
"""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("given", ["line", "environment"])
def test_a_name_is_never_run_as_a_command_and_arrives_as_it_is(tmp_path, tree, name, given):
    name = name.format(mark="mark")
    variables = {"MODEL": name, "WEIGHTS": name, "BOARD": name}
    (tree / "src").unlink()
    (tree / "src").mkdir()
    (tree / ".venv").unlink()
    (tree / ".venv/bin").mkdir(parents=True)
    python = tree / ".venv/bin/python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$(dirname "$0")/../heard.py"\n')
    python.chmod(0o755)
    (tree / ".venv/heard.py").write_text(HEARD)
    shutil.copy(ROOT / "requirements.lock", tree / ".venv/installed")
    os.utime(tree / ".venv/installed")
    for target in ("build", "sim"):
        words = [f"{key}={value.replace('$', '$$')}" for key, value in variables.items()]
        words, given_by_name = (words, {}) if given == "line" else ([], variables)
        done = make(target, *words, folder=tree, **given_by_name)
        assert done.returncode == 0, done.stderr
        heard = (tree / "heard").read_text().split("\0")
        raw = name.replace("$", "$$") if given == "line" else name
        for option in ("--model", "--weights", "--board"):
            assert f"{option}={raw}" in heard
    assert not any(path.name == "mark" for path in tmp_path.rglob("mark"))


def words(target: str, **given: str) -> list[str]:
    """The command line that a target with these variables becomes."""
    variables = making.given_variables({"ASKED": " ".join(given), **given})
    return making.words_of(options.verb(target), variables, [*given])


def test_every_option_of_every_verb_is_handed_over():
    for verb in options.VERBS:
        for one in verb.all_options():
            if one.name == "json":
                continue
            value = "1" if one.kind == "flag" else "a b"
            needed = {argument.name.upper(): "x" for argument in verb.arguments if argument.required}
            heard = words(verb.name, **needed, **{one.variable: value})
            if one.kind == "flag":
                assert one.flag in heard, (verb.name, one.name)
            elif one.kind == "words":
                assert heard[1:3] == [f"{one.flag}=a", f"{one.flag}=b"]
            else:
                assert f"{one.flag}={value}" in heard, (verb.name, one.name)


def test_arguments_follow_the_options_and_cannot_be_taken_for_one():
    assert words("diff", BEFORE="last", NOW="-x") == ["diff", "--", "last", "-x"]
    assert words("build", LOADABLE="0", WAVES="1") == ["build", "--waves"]
    stops("LAYER", words, "explain")


def test_make_trains_a_network_of_the_user_s_own():
    heard = words("train", NET="net.py:Net", TASK="digits", METHOD="bonn")
    assert sorted(heard) == sorted(["train", "--net=net.py:Net", "--task=digits", "--method=bonn"])
    assert asked.network_of(None, "net.py:Net", "digits") == "digits-net.py:Net"
    assert asked.network_of("net.py:Net", None, "digits") == "digits-net.py:Net"


def test_a_shell_s_own_words_count_on_the_command_line_only():
    assert making.given_variables({"DATA": "x", "BOARD": "ulx3s"}) == {"BOARD": "ulx3s"}
    assert making.given_variables({"DATA": "x", "ASKED": "DATA"}) == {"DATA": "x"}


def test_help_lists_every_target_every_variable_of_a_build_and_what_is_on_disk():
    said = make("help").stdout
    for target in ("test", "test-full", "clean", *(verb.name for verb in options.VERBS)):
        assert re.search(rf"^ +make {target} +\S", said, re.MULTILINE), target
    assert re.search(rf"^  BOARD +{' '.join(plugins.names('hw.boards'))}$", said, re.MULTILINE)
    assert re.search(r"^  NET .*mnist-cnn", said, re.MULTILINE)
    assert re.search(r"^  METHOD +.*\bste\b", said, re.MULTILINE)
    assert all(f"\n  {one.variable} " in said for one in options.OPTIONS)


def test_every_stage_is_a_verb_that_builds_until_there():
    found = {verb.name: verb.stage for verb in options.VERBS if verb.stage}
    assert found == {name: name for name in stages.NAMES}


def filled(out: Path) -> None:
    """What two builds, a training and a comparison leave."""
    for name in (
        "mnist-tfc/export.json", "mnist-tfc/.export.reads.json", "mnist-tfc/train/weights.safetensors",
        "mnist-tfc/train/checkpoint.pt", "mnist-tfc/rtl-pynq-z2/fold.json",
        "mnist-tfc/rtl-pynq-z2/rtl/top.sv", "mnist-tfc/rtl-pynq-z2/sim.json",
        "mnist-tfc/finn-pynq-z2/fold.json", "mnist-tfc/demo/demo.json", "mnist-cnn-float/checkpoint.pt",
        "compare/mnist-tfc/3/ste-0/weights.safetensors", "compare/mnist-tfc/3/table.md",
        ".cache/yosys/one/cells.json",
    ):  # fmt: skip
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("{}")


def left(out: Path) -> set[str]:
    return {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}


def test_clean_keeps_what_was_trained_the_history_and_the_cache_and_distclean_nothing(tree):
    filled(tree / "out")
    (tree / "out/history.jsonl").write_text("")
    assert make("clean", folder=tree).returncode == 0
    assert left(tree / "out") == {
        "mnist-tfc/train/weights.safetensors", "mnist-tfc/train/checkpoint.pt",
        "mnist-cnn-float/checkpoint.pt", "compare/mnist-tfc/3/ste-0/weights.safetensors",
        ".cache/yosys/one/cells.json", "history.jsonl",
    }  # fmt: skip
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


@pytest.mark.parametrize("stage, gone", [
    ("sim", {"mnist-tfc/rtl-pynq-z2/sim.json"}),
    ("generate", {"mnist-tfc/rtl-pynq-z2/sim.json", "mnist-tfc/rtl-pynq-z2/rtl/top.sv"}),
    ("fold", {"rtl-pynq-z2"}), ("lower", {"rtl-pynq-z2", "finn-pynq-z2"}),
    ("export", {"rtl-pynq-z2", "finn-pynq-z2", "mnist-tfc/export.json", "mnist-tfc/.export.reads.json"}),
])  # fmt: skip
def test_cleaning_a_stage_removes_what_it_left_and_all_that_follows(tree, monkeypatch, stage, gone):
    filled(tree / "out")
    before = left(tree / "out")
    monkeypatch.chdir(tree)
    if stage == "sim":
        assert make("clean_sim", "NET=mnist-tfc", folder=tree).returncode == 0
    else:
        clean.clean_stage(Request(net="mnist-tfc"), stage)
    assert before - left(tree / "out") == {name for name in before if any(part in name for part in gone)}


@pytest.mark.parametrize("words", [
    {"net": "../../victim"}, {"net": "mnist-tfc", "board": "../../../victim"},
    {"net": "mnist-tfc", "method": "../x"}, {"net": "mnist-tfc", "backend": "x/../../.."},
    {"model": "..onnx"},
])  # fmt: skip
def test_a_name_that_leads_out_of_out_removes_nothing(tmp_path, monkeypatch, words):
    (tmp_path / "checkout").mkdir()
    monkeypatch.chdir(tmp_path / "checkout")
    filled(tmp_path / "victim/rtl-pynq-z2")
    before = left(tmp_path)
    for stage in stages.NAMES:
        stops("out/", clean.clean_stage, Request(**words), stage)
    assert left(tmp_path) == before


def test_make_cleans_nothing_outside(tree):
    filled(tree.parent / "victim/rtl-pynq-z2")
    done = make("clean_fold", "NET=../../victim", folder=tree)
    assert done.returncode == 2
    assert done.stderr.startswith("NET: '../../victim'")
    assert left(tree.parent / "victim")


FAKE = """#!/bin/sh
# Makes an environment whose Python writes down what it is asked to do.
case "$*" in
"-m venv --clear "*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; chmod +x "$4/bin/python" ;;
*) line=$(for word; do printf '%s|' "$word"; done); echo "$line" >> asked ;;  # at once, as three run
esac
case "$*" in
*" download "*) while [ "$1" != -d ]; do shift; done; mkdir "$2"; printf wheel > "$2/torch.whl" ;;
esac
"""


@pytest.mark.quick("!False")
@pytest.mark.parametrize("whole", [True, False])
def test_the_environment_is_made_in_a_path_with_a_space_and_a_dollar_sign(tmp_path, whole):
    """Of torch a file is taken whose hash the lock has, and no other."""
    hashed = hashlib.sha256(b"wheel" if whole else b"other").hexdigest()
    folder = tmp_path / "a $place with (room)"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools/install.sh", folder / "tools")
    lock = f"click==8 --hash=sha256:0\ntorch==2 --hash=sha256:{hashed}\nzipp==4\n"
    (folder / "requirements.lock").write_text(lock)
    python = folder / "fake python"
    python.write_text(FAKE)
    python.chmod(0o755)
    stamp = str(folder / ".venv/installed")
    done = ran(["sh", "tools/install.sh", python, "requirements.lock", stamp], folder)
    assert done.returncode == (0 if whole else 1), done.stderr
    asked = (folder / "asked").read_text().splitlines()
    assert any("torch.whl" in line for line in asked) == whole
    if not whole:
        return
    files = [word for line in asked for word in line.split("|") if f"{folder}/.venv/lock/" in word]
    assert sorted({Path(name).name for name in files}) == ["even", "odd", "pins", "torch.whl", "wheel"]
    assert sum("--require-hashes" in line for line in asked) == 2
    assert "click==8" in (folder / ".venv/lock/odd").read_text() + (folder / ".venv/lock/even").read_text()
    assert (folder / ".venv/installed").read_text().startswith("click==8")


ASKED = [
    {}, {"net": "mnist-tfc", "method": "bonn", "board": "ulx3s", "interval": "4096", "seeds": "4,5"},
    {"task": "cifar10", "waves": True, "pnr": "off", "images": "7"},
    {"model": 'a "b"\\ü.onnx', "scale": "2/255-1", "input_format": "uint4", "labels": "last",
     "images_from": "x"},
    {"model": "a.onnx", "task": "segment", "output": "labels", "stalled": "2"},
    {"fps": "max", "lut": "60%", "bram": "50%", "latency": "500us", "spare": "bram"},
    {"net": "mnist-cnn", "loadable": True, "like": "out/a b,out/c"},
    {"net": "mnist-cnn", "weights": "out/mnist-cnn/train", "folding": "f.json", "backend": "auto"},
]  # fmt: skip


@pytest.mark.parametrize("options", ASKED, ids=range(len(ASKED)))
def test_the_file_beside_a_result_asks_for_the_same(here, options):
    asked = builds.resolve(dict(options))
    asked.acc.mkdir(parents=True)
    settings.write_settings(asked)
    path = asked.acc / "build.toml"
    assert tomllib.loads(path.read_text())["board"] == asked.board
    assert builds.resolve({"config": str(path)}) == asked
    before = path.stat().st_mtime_ns
    settings.write_settings(asked)
    assert path.stat().st_mtime_ns == before


def test_a_folder_of_pictures_is_asked_for_again(here, tmp_path):
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    asked = builds.resolve({"task": "folder", "data": "photos"})
    asked.acc.mkdir(parents=True)
    settings.write_settings(asked)
    assert builds.resolve({"config": str(asked.acc / "build.toml")}) == asked


def config(tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    return str(tmp_path / "c.toml")


def test_an_option_goes_before_the_file_and_a_network_with_all_that_belongs_to_it(tmp_path):
    path = config(tmp_path, 'model = "a.onnx"\nscale = "1/255"\nboard = "ulx3s"\nimages = 7\n')
    wanted = Request(model="a.onnx", scale=1 / 255, board="ulx3s", images=9)
    assert builds.resolve({"config": path, "images": "9", "board": ""}) == wanted
    wanted = Request(net="mnist-tfc", board="ulx3s", images=7)
    assert builds.resolve({"config": path, "net": "mnist-tfc"}) == wanted


@pytest.mark.parametrize("text, sentence", [
    ("board = ", "TOML"), ('bord = "ulx3s"', "'bord'"), ("images = [1]", "images is [1]"),
    ("images = 1", "IMAGES: '1'"),
])  # fmt: skip
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError) as refused:
        builds.resolve({"config": config(tmp_path, text)})
    assert sentence in str(refused.value)


def test_every_option_of_a_build_is_a_key():
    assert {one.key for one in options.OPTIONS} - {"jobs"} == set(settings.KEYS)
