"""`make build` on the smallest network: what is there is kept, what changed is made again, and a killed build
goes on. Jobs on a Dask cluster give the bytes that they give here.

One whole build is shared by tests of the first; the RTL sees few images, being tested elsewhere."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import cache, jobs
from xnorforge.core.errors import UserError
from xnorforge.history import entries

from .documents import ROOT, copied, python, ran, without
from .refusals import stops

WANTED = ["make", "build", "NET=mnist-tfc", "IMAGES=4", "STALLED=2"]
ACC = Path("out/mnist-tfc/rtl-pynq-z2")
STAGES = ("export", "lower", "fold", "generate", "sim", "synth", "netlist", "overlay", "report")


def tree(folder: Path) -> Path:
    """A copy of the project that uses this environment."""
    copied(folder)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy2(ROOT / name, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


def make(folder: Path, *words: str, target: bool = True) -> tuple[list[str], float, str]:
    """Run make in a copy: the stages that were started, the processor seconds it took, and all it said.
    Without `target` they name one, which reads no images."""
    command = WANTED if target else ["make", "NET=mnist-tfc"]
    start = os.times()
    done = ran([*command, *words], cwd=folder, env=environment(folder))
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    stages = re.findall(rf"^({'|'.join(STAGES)}) +out/\S+$", said, re.MULTILINE)
    end = os.times()
    spent = end.children_user + end.children_system - start.children_user - start.children_system
    return stages, spent, said


def environment(folder: Path) -> dict[str, str]:
    """Ours, without what an outer make left, with the cache of all tests under a name that a shell would
    read, and with the copy's own sources in front of those that the environment has installed."""
    if not (own := folder.parent / "a $cache").exists():
        own.symlink_to(cache.cache_dir(), target_is_directory=True)
    return without("MAKE", "MFLAGS") | {"XNORFORGE_CACHE": str(own), "PYTHONPATH": str(folder / "src")}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A copy with one finished build, and the stages that ran."""
    folder = tree(tmp_path_factory.mktemp("builds") / "first")
    return folder, make(folder)[0]


def products(folder: Path) -> dict[str, object]:
    """Every file of a build without what may vary from run to run."""
    found = {}
    for path in sorted((folder / "out").rglob("*")):
        said = path.parent.name == "log" or path.name == "history.jsonl"
        if path.is_dir() or path.name.startswith(".") or said:
            continue
        if path.suffix == ".json":
            value = {key: part for key, part in json.loads(path.read_text()).items() if key != "run"}
        elif path.suffix == ".html":
            value = re.sub(r'<section id="(run|builds)">.*?</section>', "", path.read_text(), flags=re.DOTALL)
            value = re.sub(r'<a href="#builds">.*?</a>', "", value)
            value = re.sub(r"\s+", " ", value)
        elif path.suffix == ".md":
            value = re.split("## (?:Run|The last .* builds)", path.read_text())[0]
        else:
            value = path.read_bytes()
        found[str(path.relative_to(folder))] = value
    return found


def test_a_build_runs_every_stage_once_and_passes(built):
    folder, started = built
    assert sorted(started) == sorted(STAGES)
    assert json.loads((folder / ACC / "report.json").read_text())["verdict"] == "PASS"


def test_the_recorded_row_of_this_network_is_what_its_build_takes(built):
    """All figures but accuracies: the recorded build compared more images."""
    figures = entries.figures_of(json.loads((built[0] / ACC / "report.json").read_text()))
    lines = entries.read_lines(ROOT / "docs/results/builds.jsonl")
    (row,) = [line["figures"] for line in lines if line["folder"] == f"{ACC.relative_to('out')}"]
    names = {name for name in row if "__accuracy__" not in name}
    assert {name: figures[name] for name in names} == {name: row[name] for name in names}
    *said, _ = make(built[0], "explain", "LAYER=dense0", target=False)[2].splitlines()
    assert "\n".join(said) in (ROOT / "docs/guide/speed-and-area.md").read_text()
    text = make(built[0], "explain", "LAYER=dense0", "RTL=1", target=False)[2]
    parts = ("\n// dense0: SignMvu", "module xf_mvu", "module xf_popcount_", "endmodule : ")
    assert [text.count(part) for part in parts] == [1, 1, 1, 3]


def test_a_second_build_does_nothing_in_under_a_second(built):
    folder, _ = built
    before = products(folder)
    started, seconds, said = make(folder)
    assert started == []
    assert seconds < 1
    assert said == f"build     {ACC}/report.html (text: report.md, data: report.json)\n"
    assert products(folder) == before


def test_a_date_changes_nothing_and_a_line_of_rtl_restarts_at_generation(built):
    """In a copy, in which every file has another date."""
    folder, _ = built
    other = shutil.copytree(folder, folder.parent / "other", symlinks=True, copy_function=shutil.copyfile)
    assert make(other)[0] == []
    with (other / "hw/rtl/xf_mvu.sv").open("a") as file:
        file.write("// a line\n")
    assert make(other, "generate", target=False)[0] == ["generate"]
    due = make(other, "DRY_RUN=1")[2].splitlines()
    assert [line.split()[0] for line in due] == [*STAGES[4:]]


def test_a_build_killed_at_several_points_ends_with_the_same_files(built):
    folder, _ = built
    again = tree(folder.parent / "again, in a $place")
    for mark in ("out/mnist-tfc/export.json", "out/mnist-tfc/lower.json", f"{ACC}/rtl/rtl.json"):
        job = subprocess.Popen(WANTED, cwd=again, env=environment(again), stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
        while not (again / mark).exists() and job.poll() is None:
            time.sleep(0.05)
        time.sleep(0.7)
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
    make(again)
    assert products(again) == products(folder)


def test_no_compiler_is_one_sentence_with_its_cure(built, tmp_path):
    folder = shutil.copytree(built[0], tmp_path / "copy", symlinks=True, copy_function=shutil.copyfile)
    for tool in ("make", "sh", "mkdir", "cmp", "echo", "test", "perl", "git", "uname"):
        if shutil.which(tool):
            (tmp_path / tool).symlink_to(shutil.which(tool))
    done = ran([*WANTED, "sim"], folder, environment(folder) | {"PATH": str(tmp_path)})
    assert done.returncode == 2
    assert "g++" in done.stderr
    assert "build] Error 2" in done.stderr  # the stage itself ends with 2, as for every refused request
    assert "Traceback" not in done.stderr


def test_another_setting_makes_only_what_depends_on_it(built):
    folder, _ = built
    before = products(folder)
    assert make(folder, "IMAGES=3")[0] == ["sim", "report"]
    assert make(folder, "fold", "INTERVAL=800", target=False)[0] == ["fold"]
    assert make(folder, "fold", target=False)[0] == ["fold"]  # and leaves what was there before
    assert make(folder)[0] == ["sim", "report"]
    assert products(folder) == before


CHANGES = [  # a file, the stages that read it; where there are several of a kind, the one this build uses
    ("sim/netlist.py", ["netlist"]), ("hw/families/xc7/cells.v", ["netlist"]),
    ("sim/stream.cpp", ["sim", "netlist"]), ("src/xnorforge/core/errors.py", list(STAGES)),
    ("flows/qonnx_execution.py", ["export", "lower", "fold"]), ("flows/report/views/timing.j2", ["report"]),
    ("flows/yosys_job.py", ["fold", "synth"]), ("sw/shipped/mnist-tfc-ste/card.json", ["export"]),
    ("hw/boards/pynq-z2/board.toml", ["fold", "synth", "overlay", "report"]),
    ("hw/rtl/xf_count6.sv", ["generate", "sim", "synth", "netlist", "overlay"]),
    ("hw/shells/dma/xf_pack.sv", ["overlay"]), ("sw/draw/boxes.py", []),
]  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(("name", "readers"), CHANGES)
def test_a_change_on_the_real_pipeline_ends_with_its_readers_run(built, name, readers):
    folder, _ = built
    file = folder / name
    text = file.read_bytes()
    make(folder)
    assert make(folder)[0] == []
    mark = {".py": b"# a line\n", ".toml": b"# a line\n", ".j2": b"{# a line #}", ".json": b"\n"}
    file.write_bytes(text + mark.get(file.suffix, b"// a line\n"))
    try:
        started = make(folder)[0]
        assert set(readers) <= set(started)
        assert set(started) <= {*readers, "report", *({"synth"} & set(started))}
        assert json.loads((folder / ACC / "report.json").read_text())["verdict"] == "PASS"
        assert make(folder)[0] == []
    finally:
        file.write_bytes(text)


@pytest.fixture(scope="module")
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as found:
        yield found


@pytest.fixture
def remote(cluster, monkeypatch):
    monkeypatch.setenv(jobs.VARIABLE, cluster.scheduler_address)
    jobs._client.cache_clear()
    yield
    jobs._client().close()
    jobs._client.cache_clear()


def add_squares(folder: Path, count: int) -> None:
    (folder / "deep").mkdir(exist_ok=True)
    before = json.loads((folder / "start.json").read_text())
    np.save(folder / "deep/squares.npy", np.arange(count) ** 2 + before)


def fail(folder: Path) -> None:
    raise UserError("job: asked to fail.")


def test_a_job_takes_what_lies_in_its_folder_and_leaves_what_it_made(remote, tmp_path):
    (tmp_path / "start.json").write_text("7")
    jobs.carry_out(tmp_path, add_squares, 4)
    assert np.load(tmp_path / "deep/squares.npy").tolist() == [7, 8, 11, 16]


def test_the_error_of_a_job_arrives(remote, tmp_path):
    stops("asked to fail", jobs.carry_out, tmp_path, fail)


def test_a_worker_with_other_code_is_refused(remote, tmp_path, monkeypatch):
    (tmp_path / "start.json").write_text("7")
    monkeypatch.setattr(jobs, "package_digest", lambda: "another")
    stops("another xnorforge", jobs.carry_out, tmp_path, add_squares, 4)
    assert not (tmp_path / "deep").exists()


def test_an_archive_has_files_with_their_rights_and_folders_and_no_links(tmp_path):
    (tmp_path / "a/empty").mkdir(parents=True)
    (tmp_path / "a/file").write_text("x")
    (tmp_path / "a/file").chmod(0o700)
    (tmp_path / "a/link").symlink_to("file")
    jobs.extract(jobs.archive_of(tmp_path / "a"), tmp_path / "b")
    assert {path.name for path in (tmp_path / "b").iterdir()} == {"empty", "file", "link"}
    assert os.access(tmp_path / "b/file", os.X_OK) and (tmp_path / "b/link").read_text() == "x"
    assert not (tmp_path / "b/link").is_symlink()


@pytest.mark.parametrize("name", ["../out", "{}/out", "inner/../../out"])
def test_nothing_of_an_archive_leads_out_of_its_folder(tmp_path, name):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name.format(tmp_path), "x")
    jobs.extract(stream.getvalue(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_there_are_as_many_threads_as_the_cluster_has(remote):
    with jobs.pool(1) as threads:
        assert threads._max_workers == 2


def test_no_scheduler_is_one_sentence(monkeypatch):
    monkeypatch.setattr(jobs, "SECONDS", 1)
    monkeypatch.setenv(jobs.VARIABLE, "tcp://127.0.0.1:9")
    jobs._client.cache_clear()
    stops(r"tcp://127\.0\.0\.1:9", jobs.carry_out, Path(), fail)
    jobs._client.cache_clear()


# Whole verbs


def verb(*words: str, **variables: str) -> subprocess.CompletedProcess:
    return python("-m", "xnorforge", *words, cwd=ROOT, **variables)


@pytest.mark.full
def test_a_comparison_on_two_workers_one_of_them_killed(remote, cluster, tmp_path):
    words = ["compare", "--task", "digits", "--methods", "ste bonn", "--seeds", "0 1", "--epochs", "1",
             "--recipe", "ours,arithmetic=float32"]  # fmt: skip
    done = {}

    def compare() -> None:
        done["there"] = verb(*words, "-o", str(tmp_path / "there"), "--scheduler", cluster.scheduler_address)

    asking = threading.Thread(target=compare)
    asking.start()
    client = jobs._client()
    while sum(map(bool, client.processing().values())) < 2:
        time.sleep(0.2)
    time.sleep(5)
    [*_, victim] = cluster.workers.values()
    os.kill(victim.process.pid, signal.SIGKILL)
    asking.join()
    here = verb(*words, "-o", str(tmp_path / "here"))
    assert (here.returncode, done["there"].returncode) == (0, 0), done["there"].stderr

    def tables(name: str) -> list[list[str]]:
        """All but what time it took: columns of the table by name, and the weights' digests among them."""
        [path] = (tmp_path / name).rglob("table.csv")
        rows = csv.DictReader(path.read_text().splitlines())
        return [[row[key] for key in sorted(row) if "seconds" not in key and key != "where"] for row in rows]

    assert len(tables("here")) >= 8 and tables("there") == tables("here")
