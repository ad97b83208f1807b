"""C++ files of the package: compiled once for what they are made of, and free of what sanitizers find."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xnorforge.core import native
from xnorforge.core.errors import UserError

TESTS = Path(__file__).parent / "sim"


@pytest.fixture
def number(tmp_path, monkeypatch):
    """A library of one function: write(n) makes it return n, and found() loads and calls it."""
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))
    source = tmp_path / "number.cpp"

    def write(value):
        source.write_text(f'extern "C" int number() {{ return {value} + MORE; }}\n')

    def found() -> int:
        return native.load_compiled.__wrapped__(source).number()

    monkeypatch.setenv("XNORFORGE_CXXFLAGS", "-DMORE=0")
    return write, found, tmp_path / "cache" / "compiled"


def test_a_library_is_compiled_once_and_anew_for_another_source_and_for_other_flags(number, monkeypatch):
    write, found, folder = number
    write(3)
    assert found() == 3
    (kept,) = folder.glob("*/*.so")
    stamp = kept.stat().st_mtime_ns
    assert found() == 3 and kept.stat().st_mtime_ns == stamp
    write(4)
    assert found() == 4
    monkeypatch.setenv("XNORFORGE_CXXFLAGS", "-DMORE=10")
    assert found() == 14
    assert len(list(folder.glob("*/*.so"))) == 3 and not list(folder.glob(".*.part"))


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_truncated_library_is_compiled_anew(number, share):
    """To load it would end the process."""
    write, found, folder = number
    write(7)
    path = native.compiled(folder.parent.parent / "number.cpp")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert found() == 7 and path.stat().st_size >= len(whole)


def test_a_file_that_the_compiler_rejects_is_named_with_its_message(number):
    write, found, _ = number
    write("nothing")
    with pytest.raises(UserError, match=r"number\.cpp: .*nothing"):
        found()


ENGINES = """
import runpy, sys
sys.path.insert(0, f"{folder}/..")

def parts(name):
    return runpy.run_path(f"{folder}/{name}.py")

assert parts("test_bits_fused")["wrong"]() == parts("test_bits_vectors")["wrong"](frames=2) == []
from xnorforge.hw.cycles import CycleModel
from xnorforge.sim import pauses
network = parts("random_networks")["RandomNetwork"]
for seed in range(12):
    ops = network(seed).ops
    model = CycleModel(ops)
    assert not model.run(20).deadlock and not model.run(3, pauses.in_every_stream(ops, 3), seed).deadlock
print("clean")
"""


def test_sanitizers_find_nothing_in_the_engines():
    """Addresses and undefined behaviour, of layers of all kinds and of random networks."""
    flags = "-O0 -fsanitize=address,undefined -fno-sanitize-recover=all -Wall -Wextra -Werror"
    runtime = subprocess.check_output([*native.compiler(), "-print-file-name=libasan.so"], text=True).strip()
    environment = os.environ | {"XNORFORGE_CXXFLAGS": flags, "LD_PRELOAD": runtime,
                                "ASAN_OPTIONS": "detect_leaks=0"}  # fmt: skip
    code = f"folder = {str(TESTS)!r}\n{ENGINES}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "clean\n", done.stderr
