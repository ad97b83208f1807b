"""Jobs on a Dask cluster give the bytes that they give here."""

import csv
import io
import json
import os
import signal
import subprocess
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from xnorforge.core import jobs
from xnorforge.core.errors import UserError

from .documents import ROOT, python
from .refusals import stops


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
