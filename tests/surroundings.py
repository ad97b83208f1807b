"""The same surroundings for every test, whoever runs it, where and from which shell."""

import os
import re
import shutil
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from xnorforge.core import cache
from xnorforge.core.progress import set_loudness
from xnorforge.pipeline import options

# Variables of whoever runs the tests: of their shell, of an outer make, of a git hook, of a CI service.
THEIRS = re.compile(
    "XNORFORGE_(?!DATA$|MODELS$|PLUGINS$|SEED$)|XDG_|PYTHON(?!PATH$|DONTWRITEBYTECODE$)|LANG|LC_|GIT_|MAKE|MFLAGS$"
    "|ASKED$|CI$|COLUMNS$|NO_COLOR$|FORCE_COLOR$|FINN_|XILINX_|CHIPDB$|PRJXRAY_|OMP_|SOURCE_DATE_EPOCH$"
)
# A new seed every day; $XNORFORGE_SEED brings that of a failed night back.
TODAY = int(os.environ.get("XNORFORGE_SEED") or date.today().toordinal())
VENDORS = ("vivado", "vitis-run", "vitis_hls", "nextpnr-xilinx")  # programs that builds would call


def usual_environment() -> None:
    """Make the environment the same everywhere. The user's caches stay, as they are keyed by content."""
    own = {
        "XNORFORGE_CACHE": str(cache.cache_dir()),
        "XDG_CACHE_HOME": os.path.abspath(os.path.expanduser(os.environ.get("XDG_CACHE_HOME") or "~/.cache")),
        "PYTHON": sys.executable,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        # A worker a core: threads that wait for one another spin.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": os.pathsep.join(
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if not any((Path(folder) / name).exists() for name in VENDORS)
        ),
        # Whoever owns the checkout: the home, and so git's settings, are others.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    for name in ("XNORFORGE_DATA", "XNORFORGE_MODELS", "XNORFORGE_PLUGINS"):
        if given := os.environ.pop(name, ""):
            own[name] = os.pathsep.join(map(os.path.abspath, given.split(os.pathsep)))
    for name in filter(lambda name: THEIRS.match(name) or name in options.variables(), list(os.environ)):
        del os.environ[name]
    os.environ.update(own)
    os.umask(0o022)
    time.tzset()
    set_loudness("usual")


@pytest.fixture(scope="session", autouse=True)
def apart(tmp_path_factory):
    """An empty home, and an empty folder in which we are."""
    before, here = Path.cwd(), tmp_path_factory.mktemp("here")
    os.environ["HOME"] = str(tmp_path_factory.mktemp("home"))
    os.chdir(here)
    yield here
    os.chdir(before)


@pytest.fixture(autouse=True)
def nothing_is_left(apart):
    """No test leaves a file where we are, which another one could find."""
    yield
    left = list(apart.iterdir())
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert not left
