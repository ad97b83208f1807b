"""One cache for all that takes long to make: a result is as it was made, by the code that is there now."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xnorforge.core import cache
from xnorforge.pipeline import reads

from .documents import ROOT, copied, python

MAKERS = "xnorforge.flows.yosys_job", "xnorforge.hw.families.xc7.family"
BUILD = """
import json, sys
from pathlib import Path
from xnorforge.core import cache
from xnorforge.flows.synth import mapping
text = "module xf_layer (input logic a_i, b_i, output logic y_o); assign y_o = a_i ^ b_i; endmodule"
files = {"xf_layer.sv": text}
module = mapping.Module("one", files, mapping._place(files, mapping.layer_job(files, "xc7")), True)
mapped = mapping.map_all(Path("."), {}, "xc7", [module], 1)["one"]
assert mapped.cells == {"LUT2": 1} and "module one(" in mapped.text, mapped
print(json.dumps([str(module.place), *map(str, cache.sources_of(*sys.argv[1:]))]))
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path / "cache"))


def mapped(folder: Path) -> subprocess.CompletedProcess:
    """Map an exclusive or with the package in `folder`, in its cache."""
    return python("-c", BUILD, *MAKERS, cwd=folder, PYTHONPATH=str(folder / "src"))


DAMAGE = {
    "truncated": lambda place: (place / "a/b").write_bytes(b"1"),
    "altered": lambda place: (place / "a/b").write_bytes(b"x2"),
    "missing": lambda place: (place / "a/b").unlink(),
    "one too many": lambda place: (place / "c").write_text(""),
    "no digests": lambda place: (place / cache.SUMS).unlink(),
    "damaged digests": lambda place: (place / cache.SUMS).write_text("{"),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_result_is_made_again_and_one_line_says_so(how, capfd):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "a").mkdir()
        (folder / "a/b").write_bytes(b"12")

    place = cache.place_of("things", ["one"], [])
    for _ in range(2):
        assert (cache.kept(place, make) / "a/b").read_bytes() == b"12" and len(made) == 1
    DAMAGE[how](place)
    capfd.readouterr()
    assert (cache.kept(place, make) / "a/b").read_bytes() == b"12" and len(made) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("cache ") and str(place) in line
    assert cache.undamaged(place) and not (place / "c").exists()


def test_nothing_is_kept_of_what_failed():
    place = cache.place_of("things", ["one"], [])
    with pytest.raises(ZeroDivisionError):
        cache.kept(place, lambda folder: (folder / "half").write_text(str(1 // 0)))
    assert not place.exists() and [path.suffix for path in place.parent.iterdir()] == [".lock"]


def test_a_key_is_of_all_that_is_given(tmp_path):
    file = tmp_path / "file"
    keys = []
    for kind, given, content, makers in (
        ("a", ["1", "2"], "x", []), ("b", ["1", "2"], "x", []), ("a", ["12"], "x", []),
        ("a", ["1", "2"], "y", []), ("a", ["1", "2"], "x", MAKERS), ("a", ["2", "1"], "x", []),
    ):  # fmt: skip
        file.write_text(content)
        keys.append(cache.place_of(kind, given, [file], makers))
    assert len(set(keys)) == len(keys)


def test_two_processes_make_a_result_once(tmp_path):
    """The second waits for the first."""
    code = (
        "import time\nfrom pathlib import Path\nfrom xnorforge.core import cache\n"
        "def make(folder):\n"
        "    with open('made', 'a') as file: file.write('once ')\n"
        "    time.sleep(1)\n"
        "    (folder / 'result').write_text('whole')\n"
        "print((cache.kept(cache.place_of('things', [], []), make) / 'result').read_text())\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [one.communicate()[0] for one in started] == ["whole\n"] * 2
    assert (tmp_path / "made").read_text() == "once "


def test_the_code_of_a_result_is_all_that_its_process_runs(tmp_path):
    """A synthesis in a process that notes what it reads: its modules, without those of `core`."""
    text = "module a (input logic a_i, output logic y_o); assign y_o = ~a_i; endmodule\n"
    (tmp_path / "a.sv").write_text(text)
    job = {"family": "xc7", "top": "a", "modules": ["a"], "sources": ["a.sv"], "stubs": [], "defines": []}
    (tmp_path / "job.json").write_text(json.dumps(job | {"folder": str(tmp_path)}))
    environment = os.environ | {reads.VARIABLE: str(tmp_path / "noted")}
    command = [sys.executable, "-m", MAKERS[0], "job.json"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    ours = (path for path in ROOT.glob("*") if path.name in ("hw", "flows", "sim", "sw"))
    within = tuple(f"{os.path.realpath(path)}/" for path in ours)
    lines = [one for one in reads.lines(tmp_path / "noted") if one.kind in ("read", "module")]
    noted = {os.path.realpath(one.what) for one in lines}
    run = {path for path in noted if path.startswith(within)}
    assert len(run) > 5 and run <= {os.path.realpath(path) for path in cache.sources_of(*MAKERS)}


def test_a_change_of_any_code_that_makes_a_result_makes_it_anew(tmp_path):
    """A copy of the package, whose first line of a file fails, one file after the other."""
    copied(tmp_path, "shipped", "*.npz")
    place, *files = json.loads(mapped(tmp_path).stdout)
    assert json.loads(mapped(tmp_path).stdout)[0] == place and len(list(Path(place).parent.glob("*/"))) == 1
    assert {Path(file).name for file in files} >= {"block_ram_map.py", "yosys_job.py", "family.py"}
    for file in map(Path, files):
        text = file.read_text()
        file.write_text(f"raise RuntimeError('not from the cache')\n{text}")
        done = mapped(tmp_path)
        assert done.returncode and "not from the cache" in done.stderr, file
        file.write_text(text)
    assert json.loads(mapped(tmp_path).stdout)[0] == place


def test_the_least_recently_used_goes_and_nothing_used_within_an_hour(monkeypatch, call):
    def kept(name: str, hours: float) -> Path:
        place = cache.place_of("kind", [name], [])
        cache.kept(place, lambda aside: (aside / "a").write_bytes(bytes(1 << 20)))
        os.utime(place / cache.SUMS, (time.time() - 3600 * hours,) * 2)
        return place

    old, older, used, new = kept("old", 2), kept("older", 3), kept("used", 9), kept("new", 0.9)
    assert cache.undamaged(used)  # which is a use
    assert 1 << 20 <= cache.shrink(7 << 19) < 3 << 20
    assert [place.exists() for place in (older, used, new)] == [False, True, True]
    assert cache.shrink(0) and [place.exists() for place in (old, used, new)] == [False, True, True]
    printed = []
    monkeypatch.setattr("click.echo", lambda text, **_: printed.append(text))
    assert call("cache", "prune", "--json")[0] == 0 and (found := json.loads(printed[0]))
    assert 2 << 20 < found["kinds"]["kind"] == found["bytes"] < found["limit"]
