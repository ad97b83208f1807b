"""Runs the stages that have to run, each in a process of its own, two at a time where they can."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from xnorforge.core import cache
from xnorforge.core.errors import MismatchError, UserError, unknown
from xnorforge.core.limits import broken_limit, most
from xnorforge.core.progress import LOG, STEPS, loudness, say
from xnorforge.core.types import Record
from xnorforge.history import entries
from xnorforge.pipeline import job, reads, record, settings
from xnorforge.pipeline.listen import hear, rows
from xnorforge.pipeline.options import STAGE_HELP
from xnorforge.pipeline.request import Request
from xnorforge.pipeline.stages import OPTIONAL, STAGES, Stage, no_bitstream, path_of
from xnorforge.sw.training import runs

if TYPE_CHECKING:
    from rich.progress import Progress

JOBS = 2


class StageFailed(Exception):
    """A stage ended badly and has said why on standard error.

    Attributes:
        code: its exit code, 2 for a request that cannot be met.
        said: its last line.
    """

    def __init__(self, code: int, said: str = ""):
        super().__init__(f"ended with {code}: {said}")
        self.code, self.said = code, said


def wanted(asked: Request, until: str = "report") -> list[Stage]:
    """The stages that `until` needs, itself included; UserError if this build has no such stage."""
    stages = {stage.name: stage for stage in asked.plan()}
    if until == "bitstream" and until not in stages:
        why = no_bitstream(asked.backend, asked.board, asked.pnr).rstrip(".")
        raise UserError(f"bitstream: {why}.")
    if until not in stages and until not in STAGE_HELP:
        raise unknown("UNTIL", until, STAGE_HELP)
    if until not in stages:
        raise UserError(
            f"{until}: a build with BACKEND={asked.backend} for {asked.board} has no such stage; its stages "
            f"are {', '.join(stages)}."
        )
    needed = {until}
    for stage in reversed(stages.values()):
        if stage.name in needed:
            needed.update(stage.inputs)
    return [stage for stage in stages.values() if stage.name in needed]


def missing(asked: Request, until: str = "report") -> dict[str, str]:
    """Stages that have to run as things are, and why; those behind them may have to as well."""
    found = ((stage.name, record.difference(stage, asked)) for stage in wanted(asked, until))
    first = {"train": f"no weights in {asked.trained}"} if untrained(asked) else {}
    return first | {name: why for name, why in found if why}


def untrained(asked: Request) -> bool:
    """Whether a network of the user's own pictures has no weights yet."""
    trains = asked.data and not asked.model and not asked.weights and asked.begin == "export"
    return bool(trains) and not runs.own(asked.trained)


def weights_first(asked: Request, heard: bool) -> None:
    """Train a network of the user's own pictures that has no weights, by its recipe, and refuse any other
    before a stage loads torch to say so; `heard` and errors as of `run_stages`."""
    if untrained(asked):
        given = "--method", asked.method, "--data", str(asked.data), "-o", str(asked.trained)
        train_by([asked.net, *given], heard)
    elif asked.begin == "export" and not asked.model:
        folder = Path(asked.weights) if asked.weights else runs.own(asked.trained)
        runs.weights_of(asked.net, asked.method, folder)


def train_by(words: list[str], heard: bool) -> None:
    """The verb `train` in a process of its own; `heard` and errors as of `run_stages`."""
    command = [sys.executable, "-m", "xnorforge", "train", *words]
    out, err = (subprocess.DEVNULL, subprocess.PIPE) if heard else (None, None)
    with subprocess.Popen(command, stdout=out, stderr=err) as child:
        said = hear(child.stderr, "train") if child.stderr else ""
    code = child.returncode
    if code and heard:
        raise _error("train", said, code)
    if code:
        raise StageFailed(max(code, 1), f"train ended with {code}")


def run_stages(asked: Request, until: str = "report", heard: bool = False) -> list[str]:
    """Run what has to run; returns the names of these stages. A build with a new report becomes a line of
    out/history.jsonl.

    Args:
        heard: the caller tells what went wrong, from the error; otherwise the stage has said it.

    Raises:
        StageFailed: a stage failed, unless `heard`.
        UserError: there are no weights, or what a stage read or left changed while the build ran.
        UserError, MismatchError: with `heard`: the stage's sentence.
    """
    waiting, done, ran = wanted(asked, until), set[str](), list[str]()
    weights_first(asked, heard)
    planned = {stage.name for stage in waiting}
    running: dict[Future, Stage] = {}
    failed: BaseException | None = None
    children: list[subprocess.Popen] = []
    with rows() as shown, ThreadPoolExecutor(JOBS) as pool, ended_with_us(pool, children):
        while (waiting and not failed) or running:
            ready = [stage for stage in waiting if not failed and done >= planned.intersection(stage.inputs)]
            for stage in ready:
                waiting.remove(stage)
                if why := record.difference(stage, asked):
                    if loudness() == "verbose":
                        say(f"{stage.name:<9} runs: {why}")
                    ran.append(stage.name)
                    running[pool.submit(process, stage, asked, heard, shown, children)] = stage
                else:
                    done.add(stage.name)
            if not running:
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                stage = running.pop(future)
                if error := future.exception():
                    failed = failed or error
                else:
                    done.add(stage.name)
    if failed:
        raise failed
    for stage in wanted(asked, until):
        if why := record.difference(stage, asked):
            raise UserError(
                f"{stage.name}: {why} while the build ran, so its results may be of different states; run "
                "the same command again."
            )
    settings.write_settings(asked)
    if "report" in ran:
        _remember(asked)
    return ran


def _remember(asked: Request) -> None:
    if removed := cache.shrink(most("CACHE_MB") << 20):
        say(f"cache     {removed / 1e6:,.0f} MB of results that were not used for longest are removed")
    try:
        entries.append_line(entries.build_line(asked.acc, datetime.now(UTC)))
    except OSError as error:  # the build itself is there and whole
        say(f"build     not recorded in {entries.FILE}: {error}")


def task(stage: Stage, net_dir: Path, acc: Path, options: Record, earlier: dict[str, Stage]) -> Record:
    """What `job.perform` is given: a stage, folders, options, the files of `earlier` stages that it reads."""
    checked = [
        (str(path), writer)
        for writer in stage.inputs
        for name in earlier[writer].checked()
        if (path := path_of(name, net_dir, acc)).exists() or name not in OPTIONAL
    ]
    # Of a file from elsewhere: the given one, or the network, which may be made of it.
    foreign = {"export": options.get("model"), "lower": str(net_dir / "model.onnx")}.get(stage.name)
    return {
        "name": stage.name, "call": stage.function(), "net_dir": str(net_dir), "acc": str(acc),
        "folder": str(net_dir if stage.outputs[0].startswith("net/") else acc),
        "result": None if stage.times else str(path_of(stage.outputs[0], net_dir, acc)), "reads": checked,
        "options": options, "limited": foreign,
    }  # fmt: skip


def _task(stage: Stage, asked: Request) -> Record:
    earlier = {one.name: one for one in (*STAGES, *asked.plan())}
    options = asked.options(stage) | {name: getattr(asked, name) for name in stage.pace}
    return task(stage, asked.net_dir, asked.acc, options, earlier)


def log_path(stage: Stage, net_dir: Path, acc: Path) -> Path:
    """Where all is kept that a stage said when it last ran."""
    return path_of(stage.outputs[0].partition("/")[0] + f"/log/{stage.name}.log", net_dir, acc)


@contextmanager
def ended_with_us(pool: ThreadPoolExecutor, children: list[subprocess.Popen]) -> Iterator[None]:
    """If the build is interrupted, start no further stage, and end the running ones without a message."""
    try:
        yield
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        while children:
            children.pop().terminate()
        raise


def process(
    stage: Stage, asked: Request, heard: bool, shown: "Progress | None", children: list[subprocess.Popen]
) -> None:
    """One stage in a process, which is added to `children`; its record of what it read is written when it has
    ended well, and its log stays, unless the request was refused."""
    log = log_path(stage, asked.net_dir, asked.acc)
    plain = {LOG: "plain"} if loudness() == "plain" else {}
    record.record_path(stage, asked).unlink(missing_ok=True)
    given = _task(stage, asked)
    command = [sys.executable, "-m", "xnorforge.pipeline.job", str(os.getpid()), json.dumps(given)]
    with tempfile.TemporaryDirectory(prefix="xnorforge-") as folder:
        noted = str(Path(folder) / "reads")
        handed = record.handed(stage, asked)
        env, out = os.environ | {reads.VARIABLE: noted, STEPS: "1"} | plain, subprocess.DEVNULL
        with subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.PIPE) as child:
            children.append(child)
            assert child.stderr is not None
            said = hear(child.stderr, stage.name, shown, log)
        code = child.returncode
        if child not in children:  # the build was interrupted
            return
        if broken := broken_limit(code, given["limited"]) if given["limited"] else "":
            code, said = 2, broken
            if not heard:
                say(broken)
        if code == 2:  # nothing was made, and nothing is left
            log.unlink(missing_ok=True)
            job.prune(log.parent)
        if code and heard:
            raise _error(stage.name, said, code)
        if code and loudness() == "quiet":
            print(said, file=sys.stderr, flush=True)
        if code < 0:
            say(f"{stage.name}: ended by signal {-code}; the same command resumes from here.")
        if code:
            raise StageFailed(max(code, 1), said)
        record.write_record(stage, asked, reads.lines(noted), handed)


def _error(name: str, said: str, code: int) -> Exception:
    kind = UserError if code == 2 else MismatchError
    ended = said if code > 0 else f"ended by signal {-code}."
    return kind(f"{name}: {ended.removeprefix(f'{name}: ')}")
