"""Where jobs run: on this machine, or on the workers of a Dask cluster (`--scheduler`).

A job is a function of a module that fills a folder; its other arguments can be pickled. A worker gets what
lies in the folder and sends back what lies there at the end, so it needs the same package but no common disk.
"""

import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from xnorforge.core.artifacts import digest
from xnorforge.core.errors import UserError
from xnorforge.core.extras import require
from xnorforge.core.progress import say

VARIABLE = "XNORFORGE_SCHEDULER"  # what the processes of a build inherit
LOCAL = "local"
SECONDS = 30  # to reach a scheduler


def use(scheduler: str) -> None:
    """Choose where the jobs of this process and of those that it starts run.

    Args:
        scheduler: `local`, or the address of a Dask scheduler (tcp://host:port).

    Raises:
        ToolMissing: the extra `cluster` is not installed.
        UserError: there is no such scheduler.
    """
    os.environ[VARIABLE] = scheduler
    if client := _client():
        workers = client.scheduler_info(n_workers=-1)["workers"]
        threads = sum(one["nthreads"] for one in workers.values())
        say(f"jobs      run on {len(workers)} workers with {threads} threads; all at {client.dashboard_link}")


@cache
def _client() -> Any:
    """The connection to the cluster, or None."""
    address = os.environ.get(VARIABLE, LOCAL)
    if address == LOCAL:
        return None
    require("distributed", "--scheduler")
    from distributed import Client

    try:
        return Client(address, timeout=SECONDS)
    except (OSError, ValueError) as error:
        raise UserError(
            f"--scheduler: no Dask scheduler answers at {address} ({error or type(error).__name__}); start "
            "one with `dask scheduler`, or choose local."
        ) from error


def here() -> bool:
    """Whether jobs run on this machine."""
    return _client() is None


@contextmanager
def pool(least: int) -> Iterator[ThreadPoolExecutor]:
    """Threads that start jobs and wait for them: `least` on this machine, else one for each thread of the
    cluster. After an error nothing that waits is started."""
    client = _client()
    count = max(least, sum(client.nthreads().values())) if client else least
    with ThreadPoolExecutor(count) as threads:
        try:
            yield threads
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            if client:
                client.close()
                _client.cache_clear()
            raise


def carry_out(folder: Path, job: Callable[..., object], *given: Any) -> None:
    """Call `job(folder, *given)` where jobs run, and wait for it. A job whose worker is lost runs again.

    Raises:
        UserError: the worker has other code than this process.
        Exception: what the job raised.
    """
    client = _client()
    if client is None:
        job(folder, *given)
        return
    sent = archive_of(folder)
    extract(client.submit(_on_worker, job, given, sent, package_digest(), pure=False).result(), folder)


def _on_worker(job: Callable[..., object], given: tuple, sent: bytes, theirs: str) -> bytes:
    if theirs != package_digest():
        raise UserError(
            "--scheduler: a worker has another xnorforge than this process; install the same one there."
        )
    with tempfile.TemporaryDirectory(prefix="xnorforge-job-") as name:
        extract(sent, Path(name))
        job(Path(name), *given)
        return archive_of(Path(name))


def archive_of(folder: Path) -> bytes:
    """All files and folders in a folder as one archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(
        stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1, strict_timestamps=False
    ) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return stream.getvalue()


def extract(content: bytes, folder: Path) -> None:
    """Write the files of an archive, with their rights, into a folder and nowhere else."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for one in archive.infolist():
            Path(archive.extract(one, folder)).chmod(one.external_attr >> 16 & 0o755)


@cache
def package_digest() -> str:
    """A digest of this package: equal on machines that make the same of the same."""
    top = Path(__file__).parents[1]
    found = hashlib.sha256()
    for part in sorted(path for path in top.iterdir() if path.name != "__pycache__"):
        for path in sorted(part.resolve().rglob("*")) if part.is_dir() else [part]:
            if path.is_file() and path.suffix not in (".pyc", ".npz", ".safetensors"):
                found.update(f"{part.name}/{path.name} {digest(path)}\n".encode())
    return found.hexdigest()
