"""The command line: what a wrong request is answered with, and with which exit code; nothing is written.
Options that verbs share: quiet, verbose, one JSON object. A wrong request is answered with one sentence that
names the right cure, before torch loads."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import click
import numpy as np
import pytest

from xnorforge.cli import asked as builds
from xnorforge.cli import inquire
from xnorforge.cli.main import cli as verbs
from xnorforge.cli.main import command_of
from xnorforge.core import extras, plugins, progress
from xnorforge.core.artifacts import check, intact, read_json, whole, write_json
from xnorforge.core.errors import MismatchError, ToolMissing, UserError
from xnorforge.pipeline import job, options, request, stages
from xnorforge.pipeline import run as pipeline_run

from .documents import ran
from .refusals import says, stops


def test_known_names_pass_without_a_word(command):
    words = "--dry-run", "--net", "mnist-cnn", "--method", "ste", "--board", "pynq-z2"
    code, out, err = command("build", *words)
    assert (code, err) == (0, "") and out


def test_a_verb_offers_what_its_stages_read_and_says_who_reads_the_rest(command):
    shown = {
        verb.name: [one.opts[-1] for one in command_of(verb).params if not getattr(one, "hidden", False)]
        for verb in options.VERBS
    }
    assert sum(map(len, shown.values())) <= 350
    assert all(command(name, "--help")[1].count("\n") <= 60 for name in shown)
    takes = {verb.name: {one.key for one in verb.all_options()} for verb in options.VERBS}
    assert "images" in takes["sim"] & takes["report"] - takes["fold"] - takes["synth"] - takes["export"]
    assert "lut" in takes["fold"] & takes["explore"] & takes["hls"] - takes["lower"] - takes["train"]
    assert takes["import"] >= {"input", "shape", "task"} and not takes["import"] & {"net", "model", "method"}
    code, _, err = command("fold", "--images", "3")
    says(err.strip(), "xnorforge fold: does not read --images; build, sim, import and package do.")
    assert code == 2


USUAL = {"net": "mnist-cnn", "method": "ste", "board": "pynq-z2", "backend": "rtl", "output": "scores",
         "loops": "auto", "images": 100, "stalled": 20, "pnr": "auto", "seeds": (1, 2, 3), "jobs": 2,
         "set": (), "until": "report", "interface": "axis", "threads": 1, "recipe": "ours"}  # fmt: skip
USUAL_OF = {"compare": {"seeds": "0 1 2", "jobs": 1, "methods": ""}}


def test_what_is_taken_for_an_option_that_is_not_given():
    """Every option that has a default; scripts of users depend on them, and CHANGELOG.md names a change."""
    seen = set[str]()
    for verb, several in [("build", options.OPTIONS), *((one.name, one.options) for one in options.VERBS)]:
        found = {one.key: one.default for one in several if one.default not in (None, False)}
        assert found == {key: (USUAL | USUAL_OF.get(verb, {}))[key] for key in found}, verb
        seen |= {*found}
    assert seen == {*USUAL, "methods"}


@pytest.mark.parametrize("error, code", [
    (UserError("where: why."), 2), (MismatchError("where: why."), 1), (ToolMissing("where: why."), 2),
], ids=["request", "mismatch", "tool"])  # fmt: skip
def test_each_kind_of_error_is_its_text_and_its_code(command, monkeypatch, error, code):
    def fail(_):
        raise error

    monkeypatch.setattr(inquire, "known", fail)
    assert command("list") == (code, "", "where: why.\n")


def test_an_interrupted_build_ends_what_runs_and_starts_nothing():
    children, started = [], []

    def stage():
        started.append(subprocess.Popen(["sleep", "60"]))
        children.append(started[-1])
        started[-1].wait()

    interrupted = pytest.raises(KeyboardInterrupt)
    with interrupted, ThreadPoolExecutor(1) as pool, pipeline_run.ended_with_us(pool, children):
        for _ in range(3):
            pool.submit(stage)
        while not children:
            time.sleep(0.01)
        raise KeyboardInterrupt
    assert [one.returncode for one in started] == [-signal.SIGTERM] and children == []


def test_an_interruption_is_130(command, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(inquire, "known", interrupt)
    assert command("list")[0] == 130


def test_a_full_disk_is_one_sentence_and_leaves_nothing_behind(tmp_path, monkeypatch):
    folder = tmp_path / "out"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError) as caught, job.stage("lower", folder):
        write_json(folder / "lower.json", {})
    assert str(folder) in str(caught.value) and "no space left" in str(caught.value)
    assert list(folder.iterdir()) == []


def test_a_tool_that_dies_of_a_full_disk_is_the_same_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(job, "free", lambda _: 4096)
    with pytest.raises(UserError, match="no space left"), job.stage("sim", tmp_path):
        raise subprocess.CalledProcessError(1, "g++")


def test_another_failure_keeps_its_traceback(tmp_path):
    with pytest.raises(ZeroDivisionError), job.stage("sim", tmp_path):
        raise ZeroDivisionError


def on_a_disk_of(kilobytes: int, folder: Path, command: str) -> subprocess.CompletedProcess | None:
    """Run a shell command with a memory disk of that size on `folder`; None where no mount is allowed."""
    mount = f"mount -t tmpfs -o size={kilobytes}k tmpfs {folder}"
    outside = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    try:
        allowed = subprocess.run([*outside, mount], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return None
    return ran([*outside, f"{mount} && {command}"]) if allowed else None


def test_a_disk_that_is_really_full_is_one_sentence(tmp_path):
    command = f"{sys.executable} -m xnorforge export --model {tmp_path}/small.onnx -o {tmp_path}/out"
    write_identity(tmp_path / "small.onnx")
    (tmp_path / "out").mkdir()
    done = on_a_disk_of(8, tmp_path / "out", command)
    if done is None:
        pytest.skip("this machine does not let a test mount a disk of its own")
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert str(tmp_path) in last and "no space left" in last
    assert "Traceback" not in done.stderr


def write_identity(path: Path) -> None:
    """A network of one node, 3 x 32 x 32 in and out, that export can read."""
    import onnx
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 5]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "identity", ends[:1], ends[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), path)


def test_a_stage_with_a_mismatch_fails_and_names_the_check(tmp_path):
    record = tmp_path / "lower.json"
    text = r"^lower: lowered = qonnx failed; the figures are in .*lower.json\.$"
    with pytest.raises(MismatchError, match=text), job.stage("lower", tmp_path, record):
        write_json(record, {"checks": [check("fine", 2, 0, 20), check("lowered = qonnx", 2, 1, 20)]})


def test_a_check_that_compared_nothing_fails(tmp_path):
    record = tmp_path / "lower.json"
    with pytest.raises(MismatchError, match="lowered = qonnx"), job.stage("lower", tmp_path, record):
        write_json(record, {"checks": [check("lowered = qonnx", 0, 0, 0)]})


def test_what_a_killed_process_left_is_swept_and_a_living_one_keeps_its_file(tmp_path):
    dead, unread = subprocess.Popen(["true"]), subprocess.Popen(["true"])
    dead.wait(), os.waitid(os.P_PID, unread.pid, os.WEXITED | os.WNOWAIT)
    left = [tmp_path / f".rtl.{dead.pid}.part", tmp_path / f".sim.json.{unread.pid}.part"]
    left[0].mkdir()
    left[1].touch()
    with whole(tmp_path / "mine") as mine:
        mine.touch()
        job.sweep(tmp_path)
        assert mine.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_help_does_not_import_what_only_stages_need():
    heavy = ("torch", "numpy", "qonnx", "onnx", "rich", "jinja2", "jsonschema")
    program = f"import sys; import xnorforge.__main__; print([n for n in {heavy} if n in sys.modules])"
    assert ran([sys.executable, "-c", program], check=True).stdout == "[]\n"


def test_list_prints_data_alone_on_standard_output(command):
    code, out, err = command("list", "--json")
    assert (code, err) == (0, "")
    assert set(json.loads(out)) == {"schema", "nets", *map(plugins.plural, plugins.KINDS)}


def test_progress_without_a_terminal_is_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 1.0, 6.0, 6.0, 7.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.progress("sim: RTL", 1200, "images") as advance:
        for _ in range(4):
            advance(300)
    assert capsys.readouterr().err == "sim: RTL: 600 of 1,200 images\n"
    progress.set_loudness("plain")
    with progress.progress("sim: RTL", 1200, "images") as advance:
        advance(300)
    progress.set_loudness("usual")
    assert capsys.readouterr().err == ""


def test_out_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").touch()
    stops(r"out: .*file", request.folder, tmp_path / "out/mnist-tfc", 1)


def test_a_full_disk_is_seen_before_the_build(tmp_path):
    stops("no space left", request.folder, tmp_path / "out", 1 << 60)


def test_two_makes_do_not_build_in_one_folder_and_a_dead_one_does_not_count(tmp_path):
    other = subprocess.Popen(["sleep", "60"])
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    request.claim(tmp_path / "net", other.pid, tmp_path / "notes")
    stops(rf"another build.*{other.pid}", request.claim, tmp_path / "net", os.getpid(), tmp_path / "notes")
    request.claim(tmp_path / "second", os.getpid(), tmp_path / "notes")
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and nobody has asked how
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")
    other.wait()
    request.claim(tmp_path / "net", os.getpid(), tmp_path / "notes")


@pytest.mark.parametrize("name", ["lower.json", "lowered.npz", "lowered.onnx"])
def test_a_damaged_or_missing_file_of_an_earlier_stage_is_named_with_its_cure(tmp_path, name):
    stops(f"{name}: .*lower.*missing", intact, tmp_path / name, "lower")
    write_json(tmp_path / "lower.json", {"stage": "lower"})
    intact(tmp_path / "lower.json", "lower")
    (tmp_path / name).write_bytes(b'{"stage": "lo')
    stops(f"{name}: .*{tmp_path}/lower.json", intact, tmp_path / name, "lower")


WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from xnorforge.__main__ import main
sys.argv[0] = "xnorforge"
sys.exit(main())
"""  # a name that stands for None there cannot be imported, as if it were not installed


@pytest.mark.quick("!av-demo-words3")
@pytest.mark.parametrize("package, extra, words", [
    ("hls4ml", "hls4ml", ["build", "mnist-tfc", "--backend", "hls4ml"]),
    ("finn", "finn", ["build", "mnist-tfc", "--backend", "finn"]),
    ("av", "demo", ["demo", "--task", "track", "--video", "clip.mp4", "--box", "1,1,4,4"]),
])  # fmt: skip
def test_a_package_that_is_not_here_is_one_sentence_before_any_work(tmp_path, package, extra, words):
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    done = ran([sys.executable, "-c", WITHOUT, package, *words], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"{package}: is not installed")
    assert f"`pip install 'xnorforge[{extra}]'`" in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_the_digits_need_scikit_learn(monkeypatch):
    from xnorforge.sw.datasets import digits

    monkeypatch.setitem(sys.modules, "sklearn", None)
    stops(r"^sklearn: is not installed, .*'xnorforge\[digits\]'", digits.images, kind=ToolMissing)


def test_a_package_that_no_extra_brings_is_named_itself():
    with pytest.raises(ToolMissing, match=r"^no_such: .*BACKEND=mine.*`pip install no_such`"):
        extras.require("no_such", "BACKEND=mine")


def test_lowering_without_finn_says_that_it_was_left_out(tmp_path, monkeypatch, built):
    """The other checks stay, the graph is the same byte for byte, and the report has a row of it."""
    from xnorforge.flows.lower import lower
    from xnorforge.flows.report import reference

    folder = built / "out/n"
    monkeypatch.setitem(sys.modules, "finn", None)
    record = lower(folder / "model.onnx", folder / "golden.npz", tmp_path)
    names = [row["name"] for row in read_json(folder / "lower.json")["checks"]]
    assert "lowered = FINN execution" in names
    assert [row["name"] for row in record["checks"]] == [one for one in names if "FINN" not in one]
    assert (tmp_path / "lowered.onnx").read_bytes() == (folder / "lowered.onnx").read_bytes()
    assert np.array_equal(*(np.load(at / "lowered.npz")["integers"] for at in (tmp_path, folder)))
    assert "finn-plus" not in record["run"]["tools"] and record["finn_installed"] is False
    export = {"input": {}, "checks": []}
    notes = reference.notes(reference.of_records(export, record))
    [row] = [row for row in notes if row["subject"] == "FINN left out"]
    assert f"ran 0 of {sum(record['nodes'].values()):,} nodes" in row["text"]


def run(*words, cwd=None):
    """A command line in a process: exit code, standard output, standard error."""
    done = ran([sys.executable, "-m", "xnorforge", *words], cwd=cwd)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("verb", verbs.list_commands(click.Context(verbs)))
def test_every_verb_can_be_quiet_or_verbose_and_says_so_once(verb):
    context = click.Context(verbs)
    command = verbs.get_command(context, verb)
    names = [name for option in command.params for name in option.opts]
    assert all(names.count(name) == 1 for name in ("-q", "--quiet", "-v", "--verbose", "--json"))


@pytest.mark.parametrize("words, schema, key, value", [
    (["build", "mnist-tfc", "--dry-run"], "plan", "folder", "out/mnist-tfc/rtl-pynq-z2"),
    (["list"], "list", "boards", plugins.names("hw.boards")), (["doctor"], "doctor", "missing", []),
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


NEEDED = {"target": "net.py:Net", "layer": "conv1", "what": "out/nowhere", "before": "last",
          "now": "out/nowhere", "action": "clean"}  # fmt: skip


@pytest.mark.parametrize(
    "verb",
    [verb for verb in options.VERBS if verb.name not in ("list", "doctor")],
    ids=lambda verb: verb.name,
)
@pytest.mark.parametrize("quiet", [[], ["-q"]], ids=["usual", "quiet"])
def test_a_refusal_is_an_object_too_and_never_silent(here, tmp_path, command, verb, quiet):
    arguments = [NEEDED[one.name] for one in verb.arguments]
    code, out, err = command(verb.name, *arguments, "--json", *quiet)
    found = json.loads(out)
    assert code == found["exit_code"] == 2 and found["schema"] == "xnorforge-refusal-1"
    assert found["message"] in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words", [["bild"], ["build", "--bord", "x"], ["build", "--json", "--images", "1"], []]
)
def test_what_is_no_command_line_is_an_object_too(command, words):
    code, out, _ = command(*words, "--json")
    assert code == 2 and json.loads(out)["verdict"] == "REFUSED"


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
def stubbed(here, monkeypatch, command):
    """Call `xnorforge build mnist-tfc --until fold` with stages that are quick: code, output, error."""
    stubs = tuple(
        replace(one, call=f"stub:{one.name}", outputs=(f"acc/{one.name}.json",), handed=())
        for one in stages.STAGES
    )
    monkeypatch.setattr(stages, "STAGES", stubs)
    monkeypatch.setattr(pipeline_run, "STAGES", stubs)
    monkeypatch.setenv("PYTHONPATH", str(here))
    (here / "stub.py").write_text(STUB)
    return partial(command, "build", "mnist-tfc", "--until", "fold")


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


def test_the_report_is_printed_again_when_nothing_has_to_run(monkeypatch, command):
    from xnorforge.cli import build

    seen = []
    monkeypatch.setattr(build.checks, "check_request", lambda _: None)
    monkeypatch.setattr(build.checks, "claim_folders", lambda _: None)
    monkeypatch.setattr(build.run, "run_stages", lambda *_: [])
    monkeypatch.setattr(build, "print_built", lambda _asked, *given: seen.append(given[0:3:2]))
    for verb in ("report", "sim", "build"):
        assert command(verb, "mnist-tfc")[0] == 0
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
    stops("elsewhere", builds.resolve, {}, "elsewhere")


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
        "fit": ["mnist-tfc"], "cache": [], "import": ["net.py:Net", "--shape", "16", "--until", "fold"],
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
    "biuld mnist-tfc": "xnorforge: 'biuld' … did you mean 'build'?", "help": "'help' … `xnorforge --help`",
    "explain mnist-cnn conv3": "'mnist-cnn' is a network … `xnorforge explain conv3 mnist-cnn`",
    "explain mnist-cnn": "'mnist-cnn' is a network … `xnorforge explain LAYER mnist-cnn`",
    "explain conv1 mnist-cn": "NET: 'mnist-cn' … did you mean 'mnist-cnn'?",
    "build TASK=mnist": "'TASK=mnist' is for make … --task mnist.",
    "build NET=mnist-tfc": "'NET=mnist-tfc' is for make … --net mnist-tfc.",
    "build mnist": "NET: 'mnist' is a task … --task mnist.",
    "build mnist_tfc": "NET: 'mnist_tfc' … did you mean 'mnist-tfc'?", "build tfc": "NET: 'tfc' … mnist-tfc",
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
    "build mnist-tfc --freq 100": "--freq … --clock.", "build mnist-tfc --widht 8": "--widht … --stream.",
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
    "cache clean": "ACTION: 'clean' … prune", "import net.py": "TARGET: 'net.py' does not exist … net.py:Net",
    "fit mnist-tfc --fps max": "FPS: 'max' … FPS=1000",
}  # fmt: skip
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
