"""What the stages exchange: files that are either complete or absent, and records with their provenance.

Every stage writes one `<stage>.json`:

    {"stage": "lower",
     "checks": [{"name": "lowered = qonnx", "images": 1000, "mismatches": 0, "integers": 10000, "what": "…"}],
     …                                    # the stage's own figures
     "run": {"wall_s": 1.2, "cpu_s": 1.1, "peak_mb": 310, "tools": {"qonnx": "1.0.0"}}}   # the only part that
         varies
"""

import csv
import hashlib
import json
import os
import resource
import shutil
import stat
import time
import zipfile
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record


def data_folder() -> Path:
    """The folder of data sets, $XNORFORGE_DATA; where that is not set, one that cannot be."""
    return Path(os.environ.get("XNORFORGE_DATA") or f"{os.devnull}/data")


@contextmanager
def whole(path: Path | str):
    """Write to a temporary path, then rename: yields that path; `path` appears only if the block succeeds.

    Works for a file and for a folder (create the yielded path as a folder); an existing folder is replaced.
    An OSError (for example a full disk) is passed to the caller; the unfinished copy is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield aside
        if path.is_dir():
            shutil.rmtree(path)
        os.replace(aside, path)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.unlink(missing_ok=True)


def living(process: int) -> str:
    """A process's number and start time (proc(5), stat), as numbers recur; "" when it is gone."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{process} {fields[18]}"  # one that ended counts as gone, reaped or not


def write_json(path: Path | str, record: Record) -> None:
    """Write a record with its keys in the given order, so that equal records are equal bytes."""
    with whole(path) as aside:
        aside.write_text(json.dumps(record, indent=1) + "\n")


def write_csv(path: Path | str, rows: list[Record]) -> None:
    """Write a table; the columns are the keys of its first row."""
    with whole(path) as aside, aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def read_json(path: Path | str) -> Record:
    """Read a record that `write_json` wrote."""
    return json.loads(Path(path).read_text())


def intact(path: Path | str, writer: str) -> None:
    """See that a file is complete JSON, npz or ONNX; UserError, with its writer, if it is not."""
    path = Path(path)
    record = path.with_name("rtl.json" if writer == "generate" else f"{writer}.json")
    again = f"remove {record} and build again" if record.exists() else "`make build` writes it"
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError("it is not a regular file")
        if path.suffix == ".json":
            if (stage := read_json(path)["stage"]) != writer:
                raise ValueError(f"it is the record of {stage}")
        elif path.suffix == ".npz":
            with zipfile.ZipFile(path) as stored:
                damaged = stored.testzip()
            if damaged:
                raise ValueError(f"{damaged} in it is damaged")
        else:
            import onnx

            if not onnx.load(str(path)).graph.node:
                raise ValueError("it has no nodes")
    except FileNotFoundError as error:
        raise UserError(f"{path}: the output of stage {writer} is missing; {again}.") from error
    except Exception as error:  # each reader raises its own exceptions
        why = str(error).strip() or "it is truncated"
        raise UserError(
            f"{path}: cannot be read ({why}), although stage {writer} wrote it completely; {again}."
        ) from error


def sha256(path: Path | str) -> str:
    """SHA-256 of a file, as `sha256sum` prints it (hex, 64 characters)."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def digest(*paths: Path | str) -> str:
    """SHA-256 over the contents of files, in the order given (hex, 64 characters)."""
    total = hashlib.sha256()
    for path in paths:
        total.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return total.hexdigest()


def netlist_digest(acc: Path) -> str:
    """SHA-256 over the netlist in an accelerator's folder, which identifies the input of a bitstream."""
    return digest(*sorted((acc / "netlist").glob("*.v")))


@contextmanager
def measured(*tools: str):
    """Time a stage: yields a dict that holds, after the block, the record's `run` part.

    Args:
        tools: names of installed distributions whose versions belong in the record.
    """
    run: dict = {}
    wall, cpu = time.perf_counter(), processor_seconds()
    yield run
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    run.update(
        wall_s=round(time.perf_counter() - wall, 2), cpu_s=round(processor_seconds() - cpu, 2),
        peak_mb=peak // 1024, tools={name: version(name) for name in tools},
    )  # fmt: skip


def processor_seconds() -> float:
    """Processor time of this process and of those that it has waited for."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in parts)


def check(name: str, images: int, mismatches: int, integers: int, what: str = "") -> Record:
    """One line of a record's `checks`: `images` compared, `integers` values in total, `mismatches` of them
    unequal.

    Checks without images count other things than integers; `what` begins with their name ("lines of …")."""
    return {"name": name, "images": images, "mismatches": mismatches, "integers": integers, "what": what}
