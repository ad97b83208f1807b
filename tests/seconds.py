"""Processor seconds of the tests by module: the slowest ten at the end of a run, all with `--record`."""

import json
import os
import resource
from collections import Counter
from pathlib import Path

import pytest

FILE = Path(__file__).with_name("durations.json")
START = "start and collection"
SECONDS: Counter[str] = Counter()


def spent() -> float:
    """Processor seconds of this process and of all that it started and waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def recorded() -> dict[str, float]:
    """{module: processor seconds} of the last recorded run."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def pytest_addoption(parser):
    parser.addoption("--night", action="store_true", help="select the full tests whose turn it is today")
    parser.addoption("--record", action="store_true", help=f"write the seconds of this run to {FILE.name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    before = spent()
    done = yield
    SECONDS[item.nodeid.split("::")[0]] += spent() - before
    return done


def pytest_sessionfinish(session):
    """Workers send what they spent; where there are some, this process only waited for them."""
    worker = getattr(session.config, "workeroutput", None)
    if worker is None and session.config.getoption("numprocesses", None):
        own = resource.getrusage(resource.RUSAGE_SELF)
        SECONDS[START] += own.ru_utime + own.ru_stime
    else:
        SECONDS[START] += spent() - SECONDS.total()
    if worker is not None:
        worker["seconds"] = dict(SECONDS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    SECONDS.update(getattr(node, "workeroutput", {}).get("seconds", {}))


def pytest_terminal_summary(terminalreporter, config):
    slowest = ", ".join(f"{module} {seconds:.0f}" for module, seconds in SECONDS.most_common(10))
    terminalreporter.write_line(f"processor seconds: {SECONDS.total():.0f}, most in {slowest}")
    if config.getoption("record"):
        rounded = {module: round(seconds, 1) for module, seconds in sorted(SECONDS.items())}
        FILE.write_text(json.dumps(rounded, indent=0) + "\n")
