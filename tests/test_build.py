"""`make build` on the smallest network: what is there is kept, what changed is made again, and a killed build
goes on.

One whole build is shared by all tests; the RTL sees few images, since what it computes is tested elsewhere.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xnorforge.core import cache
from xnorforge.history import entries

from .documents import ROOT, copied, ran, without

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

    Args:
        target: build all; else `words` names the target, which reads no images.
    """
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
    read, and with the copy's own sources in front of those that the environment has installed.
    """
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
    parts = ("\n// dense0: XnorMvu", "module xf_mvu", "module xf_popcount_", "endmodule : ")
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
        job = subprocess.Popen(
            WANTED, cwd=again, env=environment(again), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
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
