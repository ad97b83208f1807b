"""What tests of hostile requests share: a command line in this process, and a small network that is built."""

import gc
import json
import shutil
import sys
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from xnorforge import __main__ as cli
from xnorforge.core.progress import set_loudness
from xnorforge.pipeline import job, record, run, stages
from xnorforge.sim import verilate

from .seconds import (  # noqa: F401
    SECONDS,
    pytest_addoption,
    pytest_runtest_protocol,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_testnodedown,
    recorded,
)
from .surroundings import TODAY, apart, nothing_is_left, usual_environment  # noqa: F401

verilate.LEVEL = "-O0"  # models of tests run for less time than their compiler
usual_environment()
gc.set_threshold(200_000, 50, 100)  # tests and torch are millions of objects that stay

NIGHTS = 14  # in which each full test has its turn
PROGRESS = ("export    ", "lower     ", "fold      ", "generate  ", "demo      ")


def runs_quickly(name: str, which: tuple[str, ...]) -> bool:
    """Whether `make test` runs the parameters of an id."""
    never = [one[1:] for one in which if one.startswith("!")]
    return not any(fnmatchcase(name, one) for one in never) and (
        len(never) == len(which) or any(fnmatchcase(name, one) for one in which)
    )


def of_the_night(items: list, night: int) -> list:
    """Select the quick tests, today's random networks, and the full tests whose turn it is."""
    found, seen = [], Counter[str]()
    for item in items:
        if item.get_closest_marker("full") and getattr(getattr(item, "callspec", None), "id", "") != "today":
            name = item.nodeid.partition("[")[0]
            seen[name] += 1
            if (seen[name] + crc32(name.encode()) - night) % NIGHTS:
                continue
        found.append(item)
    return found


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by markers
def pytest_collection_modifyitems(config, items):
    """`quick` at a test says which of its parameters `make test` runs: those whose ids match a pattern,
    and none of those behind a `!`. The others are `full`.
    Modules that take long start first, so that no worker ends alone."""
    taken = recorded()
    for item in items:
        SECONDS[item.nodeid.split("::")[0]] += 0
        mark = item.get_closest_marker("quick")
        if mark and not runs_quickly(item.callspec.id, mark.args):
            item.add_marker("full")
    items[:] = of_the_night(items, TODAY) if config.getoption("night") else items
    items.sort(key=lambda item: -taken.get(item.nodeid.split("::")[0], 0))
    gc.freeze()  # what is there now is not looked through again


@pytest.fixture(autouse=True)
def usual_start():
    """Torch draws from seed 0; a command line in this process that set how loud it is has no say."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    yield
    set_loudness("usual")


@pytest.fixture
def command(monkeypatch, capfd):
    """Run a command line in this process: (exit code, standard output, standard error)."""

    def run_words(*words):
        monkeypatch.setattr(sys, "argv", ["xnorforge", *map(str, words)])
        return cli.main(), *capfd.readouterr()

    return run_words


@pytest.fixture
def call(command):
    """The same: (exit code, the lines of standard error that are no progress)."""

    def run_words(*words):
        code, _, said = command(*words)
        return code, [line for line in said.splitlines() if not line.startswith(PROGRESS)]

    return run_words


@pytest.fixture
def perform(capfd):
    """Run one stage on what its folders hold: (exit code, the lines of standard error but progress)."""

    def run_stage(name, net_dir, acc, **options):
        declared = stages.declared()
        task = run.task(declared[name], Path(net_dir), Path(acc), options, declared)
        task["limited"] = None  # the limits would be those of all tests
        code = job.answered(lambda: job.perform(task))
        said = capfd.readouterr().err.splitlines()
        return code, [line for line in said if not line.startswith(PROGRESS)]

    return run_stage


@pytest.fixture(scope="module")
def stages_here():
    """Stages of builds run in this process, which has loaded what they need; others run them in their own."""

    def process(stage, asked, *_):
        job.perform(run._task(stage, asked) | {"limited": None})
        record.write_record(stage, asked, [], record.handed(stage, asked))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "process", process)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small network up to its RTL, once; tests change copies of it."""
    from hostile_files import plain, stored

    folder = tmp_path_factory.mktemp("built")
    (folder / "net.onnx").write_bytes(stored(plain()))
    from xnorforge.flows.backends.rtl import generate
    from xnorforge.flows.fold import fold
    from xnorforge.flows.importing.stage import import_model
    from xnorforge.flows.lower import lower
    from xnorforge.pipeline.model_images import input_shape

    net = folder / "out/n"
    images = np.random.default_rng(0).integers(0, 256, (20, *input_shape(folder / "net.onnx")), np.uint8)
    import_model(folder / "net.onnx", images, np.full(20, -1), net, 1.0)
    lower(net / "model.onnx", net / "golden.npz", net)
    fold(net, "pynq-z2", net / "acc")
    generate(net / "acc/folded.onnx", net / "acc/rtl")
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The folder of a test, in which we are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def place(built, tmp_path, monkeypatch):
    """A copy of the built network, in which we are."""
    shutil.copytree(built, tmp_path / "place")
    monkeypatch.chdir(tmp_path / "place")
    return tmp_path / "place"


@pytest.fixture
def leave(here):
    """A folder in which we are; `leave(name, record)` leaves a build in it."""

    def build(name, record):
        acc = here / "out" / name / "rtl-pynq-z2"
        acc.mkdir(parents=True, exist_ok=True)
        (acc / "report.json").write_text(json.dumps(record))
        return acc

    return build
