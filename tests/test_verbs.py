"""Options that verbs share: quiet, verbose, one JSON object. A wrong request is answered with one sentence
that names the right cure, before torch loads.
"""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest

from xnorforge.cli import asked as builds
from xnorforge.cli.main import cli, main
from xnorforge.core import plugins, progress
from xnorforge.core.errors import UserError
from xnorforge.pipeline import options, stages
from xnorforge.pipeline import run as pipeline_run

from .documents import ran
from .refusals import says


def run(*words, cwd=None):
    """A command line in a process: exit code, standard output, standard error."""
    done = ran([sys.executable, "-m", "xnorforge", *words], cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", cli.list_commands(click.Context(cli)))
def test_every_verb_can_be_quiet_or_verbose_and_says_so_once(verb):
    context = click.Context(cli)
    command = cli.get_command(context, verb)
    names = [name for option in command.params for name in option.opts]
    assert all(names.count(name) == 1 for name in ("-q", "--quiet", "-v", "--verbose", "--json"))


@pytest.mark.parametrize("words, schema, key, value", [
    (["build", "mnist-tfc", "--dry-run"], "plan", "folder", "out/mnist-tfc/rtl-pynq-z2"),
    (["list"], "list", "boards", plugins.names("hw.boards")),
    (["doctor"], "doctor", "missing", []),
])  # fmt: skip
def test_a_quiet_verb_prints_one_object_that_names_its_form(tmp_path, words, schema, key, value):
    code, out, err = run(*words, "-q", "--json", cwd=tmp_path)
    found = json.loads(out)
    assert (code, err, found["schema"], found[key]) == (0, "", f"xnorforge-{schema}-1", value)


def test_what_a_build_would_run_is_one_object_too(stubbed):
    code, out, err = stubbed("--dry-run", "--json")
    assert (code, err) == (0, "") and set(json.loads(out)["runs"]) == {"export", "lower", "fold"}


def test_a_quiet_refusal_is_one_sentence_and_a_verbose_one_says_where(tmp_path):
    code, out, err = run("lower", "out/nowhere", "--quiet", cwd=tmp_path)
    assert (code, out, err.count("\n")) == (2, "", 1) and "out/nowhere" in err
    code, _, long = run("lower", "out/nowhere", "--verbose", cwd=tmp_path)
    assert code == 2 and "Traceback" in long and long.endswith(err)


NEEDED = {
    "target": "net.py:Net", "layer": "conv1", "what": "out/nowhere", "before": "last", "now": "out/nowhere",
    "action": "clean",
}  # fmt: skip


@pytest.mark.parametrize(
    "verb",
    [verb for verb in options.VERBS if verb.name not in ("list", "doctor")],
    ids=lambda verb: verb.name,
)
@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["usual", "quiet"])
def test_a_refusal_is_an_object_too_and_never_silent(here, tmp_path, monkeypatch, capsys, verb, quiet):
    arguments = [NEEDED[one.name] for one in verb.arguments]
    monkeypatch.setattr(sys, "argv", ["xnorforge", verb.name, *arguments, "--json", *quiet])
    code = main()
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert code == found["exit_code"] == 2 and found["schema"] == "xnorforge-refusal-1"
    assert found["message"] in said.err and "Traceback" not in said.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["bild"], ["build", "--bord", "x"], ["build", "--json", "--images", "1"], []]
)
def test_what_is_no_command_line_is_an_object_too(monkeypatch, capsys, words):
    monkeypatch.setattr(sys, "argv", ["xnorforge", *words, "--json"])
    assert main() == 2
    assert json.loads(capsys.readouterr().out)["verdict"] == "REFUSED"


STUB = '''
"""Stages that say a word and leave a record; export is refused where a file `refuse` lies."""
import json, sys
from pathlib import Path
from xnorforge.core.errors import UserError

def stage(name, acc):
    if name == "export" and Path("refuse").exists():
        raise UserError("export: refused, as it was asked for.")
    print(f"{name}: a word", file=sys.stderr)
    said = {
        "board": "pynq-z2", "clock_mhz": {"value": 100.0, "kind": "target"}, "interval_bound": 8,
        "bottleneck": [], "faster": [], "latency": 9,
        "estimate": dict.fromkeys(("lut", "ff", "bram36", "dsp"), 1),
    }
    (acc / f"{name}.json").write_text(json.dumps({"stage": name} | said))

def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda net_dir, acc, **options: stage(name, acc)
'''


@pytest.fixture
def stubbed(tmp_path, monkeypatch, capfd):
    """Call `xnorforge build mnist-tfc --until fold` with stages that are quick: code, output, error."""
    stubs = tuple(
        replace(one, call=f"stub:{one.name}", outputs=(f"acc/{one.name}.json",), handed=())
        for one in stages.STAGES
    )
    monkeypatch.setattr(stages, "STAGES", stubs)
    monkeypatch.setattr(pipeline_run, "STAGES", stubs)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "stub.py").write_text(STUB)

    def build(*words):
        monkeypatch.setattr(sys, "argv", ["xnorforge", "build", "mnist-tfc", "--until", "fold", *words])
        code = main()
        said = capfd.readouterr()
        return code, said.out, said.err

    return build


ACC = "out/mnist-tfc/rtl-pynq-z2"


def test_a_build_is_as_loud_as_asked_and_prints_one_object(stubbed, tmp_path):
    code, out, err = stubbed("-q", "--json")
    found = json.loads(out)
    assert (code, err, found.pop("metrics")["fold__throughput__fps"]) == (0, "", 12.5e6) and found == {
        "schema": "xnorforge-stages-1", "verdict": "PASS", "ran": ["export", "lower", "fold"],
        "files": [f"{ACC}/fold.json"],
    }  # fmt: skip
    logs = {path.name: path.read_text() for path in (tmp_path / ACC).glob("log/*.log")}
    assert set(logs) == {"export.log", "lower.log", "fold.log"} and "fold: a word\n" in logs["fold.log"]
    (tmp_path / ACC / ".fold.reads.json").unlink()
    code, out, err = stubbed("-v", "--json")
    assert code == 0 and json.loads(out)["ran"] == ["fold"]
    assert "fold      runs: it has not run\n" in err and "fold: a word\n" in err
    code, out, err = stubbed("--json")
    assert code == 0 and json.loads(out)["ran"] == [] and err == ""
    assert "nothing to do" in stubbed("--dry-run")[1]
    assert json.loads(stubbed("--dry-run", "--json")[1])["runs"] == {}


def test_the_report_is_printed_again_when_nothing_has_to_run(monkeypatch):
    from xnorforge.cli import build

    seen = []
    monkeypatch.setattr(build.checks, "check_request", lambda _: None)
    monkeypatch.setattr(build.checks, "claim_folders", lambda _: None)
    monkeypatch.setattr(build.run, "run_stages", lambda *_: [])
    monkeypatch.setattr(build, "print_built", lambda _asked, *given: seen.append(given[0:3:2]))
    for verb in ("report", "sim", "build"):
        monkeypatch.setattr(sys, "argv", ["xnorforge", verb, "mnist-tfc"])
        assert main() == 0
    assert seen == [("report", True), ("sim", False), ("report", False)]


def test_a_refusal_in_a_quiet_build_is_its_one_sentence_and_nothing_is_left(stubbed, tmp_path):
    (tmp_path / "refuse").touch()
    code, out, err = stubbed("-q")
    assert (code, out, err) == (2, "", "export: refused, as it was asked for.\n")
    assert not (tmp_path / "out/mnist-tfc").exists()
    code, out, err = stubbed("--json")
    assert code == 2 and json.loads(out)["message"] == "export: refused, as it was asked for."
    assert err.endswith("export: refused, as it was asked for.\n")


def test_a_folder_stands_for_the_build_that_it_holds(stubbed, tmp_path, monkeypatch):
    assert stubbed("--interval", "777")[0] == 0
    for what in (ACC, "out/mnist-tfc"):
        asked = builds.resolve({}, what)
        assert (asked.net, asked.net_dir, asked.acc) == ("mnist-tfc", Path("out/mnist-tfc"), Path(ACC))
    assert builds.resolve({}, ACC).interval == 777 and builds.resolve({}, "out/mnist-tfc").interval is None
    assert builds.resolve({"board": "ulx3s"}, ACC).acc == Path("out/mnist-tfc/rtl-ulx3s")
    (tmp_path / ACC).rename(tmp_path / "out/mnist-tfc/mine")
    assert builds.resolve({}, "out/mnist-tfc/mine").acc == Path("out/mnist-tfc/mine")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    moved = builds.resolve({}, "elsewhere/mnist-tfc/mine")
    assert (moved.net_dir, moved.acc) == (Path("elsewhere/mnist-tfc"), Path("elsewhere/mnist-tfc/mine"))
    with pytest.raises(UserError, match="elsewhere"):
        builds.resolve({}, "elsewhere")


def test_json_of_a_build_leaves_no_room_for_a_comparison(stubbed):
    code, _, err = stubbed("--json", "--base", "last", "--until", "report")
    assert code == 2 and "--json" in err and "--base" in err


def test_quiet_is_no_word_but_that_of_an_error(capsys):
    progress.set_loudness("quiet")
    try:
        progress.say("a word")
    finally:
        progress.set_loudness("usual")
    progress.say("another")
    assert capsys.readouterr().err == "another\n"


@pytest.mark.full
def test_every_verb_prints_one_object_when_it_succeeds(tmp_path):
    """In the order in which a user would call them; verbs without their tools are refused."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "from brevitas import nn as qnn\n"
        "from brevitas.quant import SignedBinaryActPerTensorConst as Act\n"
        "from brevitas.quant import SignedBinaryWeightPerTensorConst as Weight\n"
        "def Net():\n"
        "    dense = qnn.QuantLinear(16, 4, bias=False, weight_quant=Weight)\n"
        "    return nn.Sequential(qnn.QuantIdentity(act_quant=Act), dense)\n"
    )
    few = ["--images", "2", "--stalled", "1", "--pnr", "off"]
    lines = {
        "list": [], "doctor": [], "export": ["mnist-tfc"], "lower": ["mnist-tfc"], "fold": ["out/mnist-tfc"],
        "generate": ["mnist-tfc"], "sim": ["mnist-tfc", *few[:4]], "synth": ["mnist-tfc"],
        "netlist": ["mnist-tfc"], "overlay": ["mnist-tfc", *few[4:]], "report": ["mnist-tfc", *few],
        "build": [ACC, "--dry-run"], "explain": ["dense0", ACC], "package": [ACC], "explore": ["mnist-tfc"],
        "fit": ["mnist-tfc"], "cache": [],
        "import": ["net.py:Net", "--shape", "16", "--until", "fold"],
        "train": ["digits-cnn", "--epochs", "1"], "train-float": ["digits-cnn", "--epochs", "1"],
        "compare": ["digits-cnn", "--methods", "ste", "--seeds", "0", "--epochs", "1"], "diff": [ACC, ACC],
    }  # fmt: skip
    for verb, words in lines.items():
        code, out, err = run(verb, *words, "--json", "-q", cwd=tmp_path)
        assert code == 0, (verb, err)
        assert json.loads(out)["schema"].startswith("xnorforge-"), verb
    for verb in ("bitstream", "hls", "finn", "demo", "load"):
        code, out, _ = run(verb, "mnist-tfc", "--json", "-q", cwd=tmp_path)
        found = json.loads(out)
        assert code == 2 and found["verdict"] == "REFUSED" and found["message"], verb
    assert {*lines, "bitstream", "hls", "finn", "demo", "load"} == {one.name for one in options.VERBS}


ODD, FINN = '{"dense0": {"colour": 1}}', '{"MVAU_0": {"PE": 0}}'
FILES = {"x.png": "", "cut.json": "{", "odd.json": ODD, "finn.json": FINN}
# {command line: what its answer says, in order}; of each the words alone are wrong, or a file of FILES.
WRONG = {
    "biuld mnist-tfc": "xnorforge: 'biuld' … did you mean 'build'?",
    "help": "'help' … `xnorforge --help`",
    "explain mnist-cnn conv3": "'mnist-cnn' is a network … `xnorforge explain conv3 mnist-cnn`",
    "explain mnist-cnn": "'mnist-cnn' is a network … `xnorforge explain LAYER mnist-cnn`",
    "explain conv1 mnist-cn": "NET: 'mnist-cn' … did you mean 'mnist-cnn'?",
    "build TASK=mnist": "'TASK=mnist' is for make … --task mnist.",
    "build NET=mnist-tfc": "'NET=mnist-tfc' is for make … --net mnist-tfc.",
    "build mnist": "NET: 'mnist' is a task … --task mnist.",
    "build mnist_tfc": "NET: 'mnist_tfc' … did you mean 'mnist-tfc'?",
    "build tfc": "NET: 'tfc' … mnist-tfc",
    "build ./mnist-tfc": "NET: './mnist-tfc' does not exist … `xnorforge list` … folder of a build.",
    "report out/nothing": "NET: 'out/nothing' does not exist … QONNX file … folder of a build.",
    "sim empty": "empty: … build.toml … out/mnist-cnn",
    "build missing.onnx": "MODEL: 'missing.onnx' does not exist … QONNX file",
    "build x.png": "NET: 'x.png' is not a network … --image x.png.",
    "demo mnist-tfc x.png": "'x.png' is not a network … --image x.png.",
    "demo pedestrian-tinyped street.mp4": "'street.mp4' … --video street.mp4.",
    "build --net mnist-tfc mnist-cnn": "NET: … 'mnist-cnn' … 'mnist-tfc' … only one",
    "build mnist-tfc pynq-z2": "'pynq-z2' is a board … --board pynq-z2.",
    "build mnist-tfc ste": "'ste' is a method … --method ste.",
    "list boards": "xnorforge list: … 'boards' … --help",
    "build mnist-tfc --lut 5000%": "LUT: '5000%' is more than the whole part … 100%",
    "build mnist-tfc --lut 60 %": "'%' is apart from its number … 60%",
    "build mnist-tfc --lut 4k": "LUT: '4k' … LUT=60% or LUT=4500",
    "build mnist-tfc --fps fast": "FPS: 'fast' … FPS=3000 or FPS=max",
    "build mnist-tfc --fps 100 --interval 5": "FPS: INTERVAL … one of the two",
    "build mnist-tfc --interval 1e3": "INTERVAL: '1e3' … whole number … INTERVAL=32768",
    "build mnist-tfc --latency 5ms": "LATENCY: '5ms' … LATENCY=500us or LATENCY=25ns",
    "build mnist-tfc --clock 1GHz": "CLOCK: '1GHz' … CLOCK=250MHz or CLOCK=4ns",
    "build mnist-tfc --freq 100": "--freq … --clock.",
    "build mnist-tfc --widht 8": "--widht … --stream.",
    "build mnist-tfc --boards basys3": "--boards … --board.",
    "build mnist-tfc --stream 24": "STREAM: 24 bits … STREAM=32.",
    "build mnist-tfc --board xc7z020": "BOARD: 'xc7z020' is the part of … pynq-z2",
    "build mnist-tfc --board PYNQ-Z2": "BOARD: 'PYNQ-Z2' … did you mean 'pynq-z2'?",
    "build mnist-tfc --backend verilog": "BACKEND: 'verilog' … rtl",
    "build mnist-tfc --until bitstraem": "UNTIL: 'bitstraem' … did you mean 'bitstream'?",
    "build mnist-tfc --until hls": "hls: … BACKEND=rtl … export, lower, fold",
    "build mnist-tfc --pnr on": "PNR: 'on' … auto, off",
    "build mnist-tfc --spare luts": "SPARE: 'luts' … did you mean 'lut'?",
    "build mnist-tfc --method sta": "METHOD: 'sta' … bonn, ci_bcnn, dwn … did you mean 'ste'?",
    "build mnist-tfc --output label": "OUTPUT: 'label' … did you mean 'labels'?",
    "build mnist-tfc --seeds 1,1": "SEEDS: '1,1' … SEEDS=1,2,3",
    "build mnist-tfc --images 0": "IMAGES: '0' … IMAGES=100",
    "build mnist-tfc --folding none.json": "FOLDING: 'none.json' does not exist … JSON file",
    "build mnist-tfc --folding cut.json": "cut.json: … JSON",
    "build mnist-tfc --folding odd.json": "odd.json: dense0 … 'colour' … pe",
    "build mnist-tfc --folding finn.json": "finn.json: MVAU_0 … PE: 0 … positive",
    "build mnist-tfc --config none.toml": "--config: 'none.toml' … build.toml",
    "build mnist-tfc --scale nan": "SCALE: 'nan' … SCALE=",
    "build --method bonn": "mnist-cnn-bonn … mnist-cnn-ste … `make train NET=mnist-cnn METHOD=bonn`",
    "build --weights mine": "WEIGHTS: 'mine' … card.json … training run",
    "train cnv": "NET: 'cnv' … did you mean 'cifar10-cnv'?",
    "train tfc --task mnits": "TASK: 'mnits' … did you mean 'mnist'?",
    "train mnist-tfc --lr fast": "LR: 'fast' … above 0 … LR=0.002",
    "train mnist-tfcc": "NET: 'mnist-tfcc' … did you mean 'mnist-tfc'?",
    "train mnist-tfc --method stee": "METHOD: 'stee' … did you mean 'ste'?",
    "train mnist-tfc --set kernel": "SET: 'kernel' … NAME=VALUE",
    "train net.onnx": "NET: 'net.onnx' … `xnorforge list`",
    "compare digits": "NET: 'digits' is a task … --task digits.",
    "package mnist-tfc --interface axi": "INTERFACE: 'axi' … did you mean 'axis'?",
    "cache clean": "ACTION: 'clean' … prune",
    "import net.py": "TARGET: 'net.py' does not exist … net.py:Net",
    "fit mnist-tfc --fps max": "FPS: 'max' … FPS=1000",
}
# What a new process does with each: code, standard error, processor seconds, and whether torch was loaded.
RUN = """
import contextlib, io, json, shlex, sys, time
from xnorforge.cli import main
for words in json.load(sys.stdin):
    said, started, sys.argv = io.StringIO(), time.process_time(), ["xnorforge", *shlex.split(words)]
    with contextlib.redirect_stderr(said):
        code = main.main()
    print(json.dumps([code, said.getvalue(), time.process_time() - started, "torch" in sys.modules]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    place = tmp_path_factory.mktemp("wrong")
    (place / "empty").mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    given = {"cwd": place, "input": json.dumps([*WRONG]), "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", RUN], **given, check=True)
    assert sorted(path.name for path in place.iterdir()) == sorted(["empty", *FILES]), "nothing is written"
    return dict(zip(WRONG, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("words", WRONG)
def test_one_sentence_names_the_cure_before_torch_loads(answers, words):
    code, said, seconds, torch = answers[words]
    assert code == 2 and said.count("\n") == 1 and not torch
    assert seconds <= (2 if words.endswith(tuple(FILES)) else 0.5)  # where a file is read
    says(said.strip(), WRONG[words])
