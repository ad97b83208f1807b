"""The tables of README and docs/results are those that their records make."""

import csv
import json
import re
import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats

from xnorforge.sw import zoo
from xnorforge.sw.methods import base

from .documents import tool

results = tool("results")
boards = tool("boards")
record = tool("record")
PAGES = results.pages()


RUNS, KEPT_SINCE = ("bed", "trials", "warm"), "fb7bffa9"  # rows of the commits before were deleted by it
EQUAL = sorted((results.RESULTS / "equal").glob("*.csv"))


def rows_gone(folder, since: str, *paths: str) -> list[str]:
    """The lines that a commit after `since`, or the files as they are now, took out of records."""
    git, which = ["git", "-C", str(folder)], ["--unified=0", "--", *paths]
    logs = ([*git, "log", "-p", "--format=", f"{since}..HEAD", *which], [*git, "diff", "HEAD", *which])
    text = "".join(subprocess.run(one, capture_output=True, check=True, text=True).stdout for one in logs)
    return re.findall(r"^-(\{.*|.*,[0-9a-f]{64})$", text, re.MULTILINE)


def test_no_row_of_a_training_has_gone(tmp_path):
    """What a choice was made from stays, whatever was chosen; a made-up history loses two rows."""
    paths = [f"docs/results/{name}.jsonl" for name in RUNS]
    assert not rows_gone(results.ROOT, KEPT_SINCE, *paths, "docs/results/equal") and EQUAL
    kept, who = tmp_path / "bed.jsonl", ["-c", "user.name=x", "-c", "user.email=x@y"]
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    for text in ('{"a": 1}\n{"b": 2}\n', '{"b": 2}\n{"c": 3}\n'):
        kept.write_text(text)
        for words in (["add", "."], [*who, "commit", "-qm", "rows"]):
            subprocess.run(["git", "-C", tmp_path, *words], check=True)
    kept.write_text('{"b": 2}\n')
    assert rows_gone(tmp_path, "HEAD~1", "bed.jsonl") == ['{"a": 1}', '{"c": 3}']


@pytest.mark.parametrize("path", EQUAL, ids=lambda path: path.stem)
def test_intervals_of_a_comparison_follow_from_its_rows(path):
    """Two-way analysis of variance of the differences from `ste`, by variant and seed, of all seeds."""
    rows = [row for row in csv.DictReader(path.open()) if row["stage"] == "held out"]
    found = {(row["variant"], row["seed"]): float(row["per_cent"]) for row in rows}
    names, seeds = (list(dict.fromkeys(key[at] for key in found)) for at in (0, 1))
    own = {name: [seed for seed in seeds if (name, seed) in found] for name in names[1:]}
    gaps = {name: np.array([found[name, s] - found["ste", s] for s in those]) for name, those in own.items()}
    if len(seeds) == 1:  # which shows no spread
        assert f"| {names[1]} | {gaps[names[1]][0]:+.2f} [-] |" in path.with_suffix(".md").read_text()
        return
    every = np.array([gap for gap in gaps.values() if len(gap) == len(seeds)])
    (v, s), means = every.shape, every.mean(1)
    between = v * ((every.mean(0) - every.mean()) ** 2).sum() / (s - 1)
    within = ((every - every.mean(0) - means[:, None] + every.mean()) ** 2).sum() / (v - 1) / (s - 1)
    parts = between / v, (v - 1) * within / v
    freedom = sum(parts) ** 2 * (s - 1) / (parts[0] ** 2 + parts[1] ** 2 / (v - 1))
    reach = stats.t.ppf(0.975, freedom) * sum(parts) ** 0.5
    for name, gap in gaps.items():
        ends = (gap.mean() + sign * reach / len(gap) ** 0.5 for sign in (-1, 1))
        row = f"| {name} | {gap.mean():+.2f} [{', '.join(f'{end:+.2f}' for end in ends)}] |"
        assert row in path.with_suffix(".md").read_text()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_table_is_the_one_that_its_records_make(path):
    assert path.read_text() == PAGES[path], "run `python tools/results.py`"


def test_a_record_changes_the_table_and_a_build_replaces_the_one_of_its_command(tmp_path, monkeypatch):
    line = results.builds()[0]
    changed = {**line, "figures": {**line["figures"], "synth__lut__used": 123456}}
    for name in ("BUILDS", "BOARDS"):
        monkeypatch.setattr(results, name, tmp_path / name)
    (tmp_path / "BUILDS").write_text(json.dumps(line) + "\n")
    assert "123,456" not in results.builds_page()
    ran = list[str]()
    monkeypatch.setattr(results, "last", lambda _: changed | {"commit": "0123abc"})
    monkeypatch.setattr(results.subprocess, "run", lambda words, **_: ran.append(" ".join(words)))
    for at in ("0123abd", "0123abc"):
        monkeypatch.setattr(results, "commit", lambda at=at: at)
        results.renew(line["command"])
    assert ran == [line["command"]] and "123,456" in results.builds_page() and len(results.builds()) == 1


def test_records_hold_no_path_of_a_machine_their_weights_load_and_every_build_passed():
    records = [*results.RESULTS.rglob("*.json*"), *(results.ROOT / "sw/shipped").rglob("card.json")]
    assert len(records) > 20
    for path in records:
        assert not re.search(r"(?<![\w.])/(home|root|tmp|usr|work)/", path.read_text()), path
    for path in (results.RESULTS / "runs").glob("*/weights.safetensors"):
        zoo.load(
            path.parent.name[:13], json.loads(path.with_name("card.json").read_text())["method"], path.parent
        )
    pictures = {line["picture"] for line in results.builds() if line.get("picture")}
    assert pictures == {results.digest(results.PICTURE)}
    for line in results.builds():
        assert line["verdict"] == "PASS"
        assert "/" not in line["command"].replace("out/", "")


def test_two_records_differ_in_sums_and_in_operators_that_rose():
    row = dict.fromkeys(record.CELLS, 100) | dict.fromkeys(record.TIMES, 64)
    designs = [{"fc0": row, "fc1": row | more} for more in ({}, {"lut": 109, "interval": 65})]
    before, now = (record.as_build("", {"a@b": {"rows": rows, "seconds": 1}}) for rows in designs)
    found = record.compared_builds(before, now, record.RULES)
    assert {("a@b lut", 200, 209), ("a@b interval", 64, 65)} < {*found.rows()}
    assert [one.name for one in found.broken] == ["a@b fc1.lut"] * 2 + ["a@b fc1.interval"]


@pytest.mark.parametrize("name", ["front", "warm"])
def test_the_command_of_a_training_still_has_the_figures_of_its_method(name):
    lines = map(json.loads, (results.RESULTS / f"{name}.jsonl").read_text().splitlines())
    full = [line for line in lines if not all(isinstance(one, str) for one in line["hyper"].values())]
    assert len(full) > 5
    for line in full:
        given = re.findall(r"--set (\w+)=(\S+)", line["command"])
        assert asdict(base.create(line["method"], dict(given))) == line["hyper"], line["command"]


@pytest.mark.full
@pytest.mark.parametrize("line", results.builds(), ids=lambda line: line["command"])
def test_a_row_is_what_its_command_takes(line, tmp_path):
    """Folded and counted; tests/test_build.py has the whole of a small one."""
    words = ["--method", line["method"], "--board", line["board"], "--out", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "xnorforge", "synth", line["network"], *words], check=True)
    ((fold, synth),) = zip(*(tmp_path.rglob(f"{name}.json") for name in ("fold", "synth")))
    assert json.loads(fold.read_text())["interval_bound"] == line["figures"]["sim__interval__cycles"]
    for name, count in json.loads(synth.read_text())["total"].items():
        assert line["figures"].get(f"synth__{name}__used", count) == count, name


def test_a_release_lists_what_is_there_and_goes_on_where_it_was_stopped(tmp_path, monkeypatch):
    """Of two boards one is refused; a bitstream that was changed is made again, and nothing else."""
    made = []

    def built(net, board, seeds):
        made.append(board)
        row = {"net": net, "board": board, "command": f"make build NET={net} BOARD={board}"}
        if board == "basys3":
            return row | {"refused": "no tools here"}
        (boards.RELEASE / "a-ulx3s.bit").write_bytes(b"bits")
        # sha256sum of the four bytes
        digest = "e5e59d10f196504b6e08ac7785f84430a61e1558fd6246075a9566edaab2e814"
        row |= {"asked": 50.0, "mhz": 127.8, "file": "a-ulx3s.bit", "sha256": digest}
        return row | {"seeds": [127.8] * len(seeds.split(","))}

    monkeypatch.setattr(boards, "RELEASE", tmp_path / "release")
    monkeypatch.setattr(boards, "RECORDS", tmp_path / "boards.jsonl")
    monkeypatch.setattr(boards, "built", built)
    monkeypatch.setattr(boards, "commit", lambda: "0123abc")
    boards.main("a", "basys3", "ulx3s")
    boards.main("a", "basys3", "ulx3s")
    assert made == ["basys3", "ulx3s"]
    listed = (tmp_path / "release/README.md").read_text()
    assert "e5e59d10f196504b" in listed and "127.8" in listed and "BOARD=ulx3s" in listed
    assert "basys3" not in listed and len(boards.recorded(tmp_path / "boards.jsonl")) == 2
    (tmp_path / "release/a-ulx3s.bit").write_bytes(b"bit")
    boards.main("a", "basys3", "ulx3s")
    assert made == ["basys3", "ulx3s", "ulx3s"]
    rows = boards.recorded(tmp_path / "boards.jsonl")
    rows["a", "ulx3s"]["seeds"] = [127.8]  # of a release, which has one seed
    boards.record(tmp_path / "release/boards.jsonl", rows)
    boards.main("a", "ulx3s")
    assert made == ["basys3", "ulx3s", "ulx3s", "ulx3s"]
    monkeypatch.setattr(boards, "commit", lambda: "0123abc+")
    boards.main("a", "ulx3s")
    assert made == ["basys3", *["ulx3s"] * 4]


def test_a_board_has_the_median_of_its_seeds_or_one_clock(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "BOARDS", tmp_path / "boards.jsonl")
    row = {"net": "a", "board": "ulx3s", "part": "p", "interval": 1000, "lut": 5, "mhz": 190.12}
    several = {"seeds": [190.12, 180.0, 201.0], "path": "shell → conv", "cpu_s": 41.6}
    boards.record(results.BOARDS, {("a", "x"): row, ("a", "y"): row | several})
    one, three = results.boards_page().splitlines()[-2:]
    assert one.endswith("| 190.1 | 190,120 |  |  |  |")
    assert three.endswith("| 190.1 | 190,120 | 190.1, 180.0, 201.0 | shell → conv | 42 |")
