"""Jobs on a Dask cluster give the bytes that they give here, and a store gives back what was put there."""

import csv
import io
import json
import os
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

from .documents import ROOT


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
    with pytest.raises(UserError, match="asked to fail"):
        jobs.carry_out(tmp_path, fail)


def test_a_worker_with_other_code_is_refused(remote, tmp_path, monkeypatch):
    (tmp_path / "start.json").write_text("7")
    monkeypatch.setattr(jobs, "package_digest", lambda: "another")
    with pytest.raises(UserError, match="another xnorforge"):
        jobs.carry_out(tmp_path, add_squares, 4)
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
    with pytest.raises(UserError, match=r"tcp://127\.0\.0\.1:9"):
        jobs.carry_out(Path(), fail)
    jobs._client.cache_clear()


# A store


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Let a machine of a name ask for a result of the store: its bytes, and whether it had to make them."""
    monkeypatch.setenv("XNORFORGE_STORE", f"file://{tmp_path}/store")
    monkeypatch.setenv("XNORFORGE_STORE_KEY", "known to all")

    def ask(name: str) -> tuple[bytes, bool]:
        monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / name))
        made = []

        def make(aside: Path) -> None:
            made.append(aside)
            (aside / "inner").mkdir()
            (aside / "inner/bytes").write_bytes(bytes(range(256)))

        place = cache.kept(cache.place_of("tests", ["one"], []), make)
        return (place / "inner/bytes").read_bytes(), bool(made)

    return ask


def shared(machine) -> None:
    whole = bytes(range(256))
    assert machine("first") == (whole, True)
    assert machine("second") == (whole, False)


def test_a_second_machine_takes_a_result_from_the_store(machine):
    shared(machine)


@pytest.mark.parametrize("key", [None, ""])
def test_a_store_without_a_key_is_refused(key, machine, tmp_path, monkeypatch):
    if key is None:
        monkeypatch.delenv("XNORFORGE_STORE_KEY")
    else:
        monkeypatch.setenv("XNORFORGE_STORE_KEY", key)
    with pytest.raises(UserError, match="XNORFORGE_STORE_KEY is not set or empty"):
        machine("first")
    assert not list(tmp_path.iterdir())


POISONS = {
    "a byte": lambda path: path.write_bytes(path.read_bytes()[:-9] + b"x" + path.read_bytes()[-8:]),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:100]),
    "empty": lambda path: path.write_bytes(b""),
    "seal": lambda path: path.with_name(path.name.replace(".zip", ".seal")).write_bytes(b"0" * 64),
}


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_result_is_refused_and_made_again(poison, machine, tmp_path, capfd):
    shared(machine)
    [path] = (tmp_path / "store").rglob("*.zip")
    POISONS[poison](path)
    assert machine("third") == (bytes(range(256)), True)
    assert path.stem.partition(".")[0] in capfd.readouterr().err
    assert machine("fourth") == (bytes(range(256)), False)  # the third has put a whole one there


def test_who_does_not_know_the_key_writes_nothing_that_counts(machine, monkeypatch):
    shared(machine)
    monkeypatch.setenv("XNORFORGE_STORE_KEY", "known to few")
    assert machine("third")[1]
    assert not machine("fourth")[1]


def test_a_result_under_another_name_is_refused(machine, tmp_path, monkeypatch):
    shared(machine)
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "third"))
    place = cache.place_of("tests", ["two"], [])
    for path in (tmp_path / "store/tests").iterdir():
        path.rename(path.with_name(place.name + path.name[path.name.index(".") :]))
    assert not cache.there(place)


def test_a_store_that_cannot_be_opened_is_one_sentence(machine, monkeypatch):
    monkeypatch.setenv("XNORFORGE_STORE", "nothing://here")
    with pytest.raises(UserError, match="nothing://here"):
        machine("first")


# Whole verbs


def verb(*words: str, **variables: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "xnorforge", *words]
    return subprocess.run(
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=False
    )


@pytest.mark.full
def test_a_comparison_on_two_workers_one_of_them_killed(remote, cluster, tmp_path):
    words = [
        "compare", "--task", "digits", "--methods", "ste bonn", "--seeds", "0 1", "--epochs", "1", "--recipe",
        "ours,arithmetic=float32",
    ]  # fmt: skip
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


@pytest.mark.full
def test_a_second_machine_with_the_store_starts_neither_yosys_nor_verilator(tmp_path):
    lines = []
    for name in ("first", "second"):
        done = verb(
            "build", "cifar10-cnv", "-v", "--pnr", "off", "--out", str(tmp_path / name),
            XNORFORGE_CACHE=str(tmp_path / f"cache-{name}"), XNORFORGE_STORE=f"file://{tmp_path}/store",
            XNORFORGE_STORE_KEY="known to both",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines.append(
            [line for line in done.stderr.splitlines() if "Yosys maps" in line or "Verilator" in line]
        )
    assert lines[0] and not lines[1]
