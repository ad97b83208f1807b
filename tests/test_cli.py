"""The command line: what a wrong request is answered with, and with which exit code; nothing is written."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from xnorforge import __main__ as cli
from xnorforge.cli import inquire
from xnorforge.cli.main import command_of
from xnorforge.core import extras, plugins, progress
from xnorforge.core.artifacts import check, intact, read_json, whole, write_json
from xnorforge.core.errors import MismatchError, ToolMissing, UserError
from xnorforge.pipeline import job, options, request
from xnorforge.pipeline import run as pipeline_run

from .documents import ran
from .refusals import says, stops


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command line in this process: (exit code, standard output, standard error)."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["xnorforge", *map(str, words)])
        code = cli.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_known_names_pass_without_a_word(call):
    code, out, err = call("build", "--dry-run", "--net", "mnist-cnn", "--method", "ste", "--board", "pynq-z2")
    assert (code, err) == (0, "") and out


def test_a_verb_offers_what_its_stages_read_and_says_who_reads_the_rest(call):
    shown = {
        verb.name: [one.opts[-1] for one in command_of(verb).params if not getattr(one, "hidden", False)]
        for verb in options.VERBS
    }
    assert sum(map(len, shown.values())) <= 350
    assert all(call(name, "--help")[1].count("\n") <= 60 for name in shown)
    takes = {verb.name: {one.key for one in verb.all_options()} for verb in options.VERBS}
    assert "images" in takes["sim"] & takes["report"] - takes["fold"] - takes["synth"] - takes["export"]
    assert "lut" in takes["fold"] & takes["explore"] & takes["hls"] - takes["lower"] - takes["train"]
    assert takes["import"] >= {"input", "shape", "task"} and not takes["import"] & {"net", "model", "method"}
    code, _, err = call("fold", "--images", "3")
    says(err.strip(), "xnorforge fold: does not read --images; build, sim, import and package do.")
    assert code == 2


USUAL = {
    "net": "mnist-cnn", "method": "ste", "board": "pynq-z2", "backend": "rtl", "output": "scores",
    "loops": "auto", "images": 100, "stalled": 20, "pnr": "auto", "seeds": (1, 2, 3), "jobs": 2, "set": (),
    "until": "report", "interface": "axis", "threads": 1, "recipe": "ours",
}  # fmt: skip
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
def test_each_kind_of_error_is_its_text_and_its_code(call, monkeypatch, error, code):
    def fail(_):
        raise error

    monkeypatch.setattr(inquire, "known", fail)
    assert call("list") == (code, "", "where: why.\n")


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


def test_an_interruption_is_130(call, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(inquire, "known", interrupt)
    assert call("list")[0] == 130


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


def test_list_prints_data_alone_on_standard_output(call):
    code, out, err = call("list", "--json")
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
    with pytest.raises(ToolMissing, match=r"^sklearn: is not installed, .*'xnorforge\[digits\]'"):
        digits.images()


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
