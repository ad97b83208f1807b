"""Files, requests and folders that are broken, or made to do harm: success, or one sentence with exit code 2;
nothing in a file is run, and nothing is left behind. Processes that read them end at their limits."""

import io
import json
import os
import re
import resource
import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import hostile_tables as tables
import numpy as np
import pytest
from hostile_files import ELEMENTS, MODELS, ODD_NAMES, QONNX, F, edited, in_a_row, node, plain, stored
from hostile_tables import ENTRANCES, NO_FILE, WAYS, Entrance, npy, npz, plugged, raw, spoil
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from test_report_page import Read

from xnorforge.core import limits
from xnorforge.core.errors import UserError
from xnorforge.demo import inputs
from xnorforge.flows.importing.stage import import_model, looked_at
from xnorforge.hw import boards
from xnorforge.pipeline.own_data import own_samples

from .documents import python
from .refusals import says, stops

SECONDS, MEGABYTES = 10, 512  # that an answer may take
DRAWS = 8  # of the fuzzer, for each file and seed
FILES = {key: entrance for key, entrance in ENTRANCES.items() if not key.endswith("/")}
FILES |= {name: ENTRANCES[f"{name.partition('/')[0]}/"] for name in (
    "pictures/a.png", "shown/a.png", "s/1.png", *(f"videos/v.{kind}" for kind in ("y4m", "mp4", "avi", "mkv"))
)}  # fmt: skip


def state(place: Path) -> dict[str, object]:
    """What is in a folder: the bytes of files, the kind of everything else."""
    found = {}
    for path in place.rglob("*"):
        name, kind = str(path.relative_to(place)), path.lstat()
        if not name.startswith("out/.cache") and "__pycache__" not in name:
            regular = stat.S_ISREG(kind.st_mode) and kind.st_size < 1 << 24
            found[name] = path.read_bytes() if regular else (kind.st_mode, kind.st_size)
    return found


def restore(place: Path, whole: dict[str, object]) -> None:
    """Make a folder what it was; folders, links and pipes of it are never damaged."""
    now = state(place)
    for name in sorted(now, reverse=True):
        if now[name] != whole.get(name):
            path = place / name
            path.rmdir() if stat.S_ISDIR(path.lstat().st_mode) else path.unlink()
    for name, content in whole.items():
        if isinstance(content, bytes) and now.get(name) != content:
            (place / name).write_bytes(content)


@pytest.fixture(scope="module")
def laid(built, tmp_path_factory):
    """Every file as it should be, and beside it a small network that is built."""
    place = tmp_path_factory.mktemp("hostile") / "place"
    shutil.copytree(built, place)
    tables.lay(place)
    return place, state(place)


@pytest.fixture
def place(laid, monkeypatch):
    """The folder of all files, in which we are; nothing large is made even where a check is missing."""
    restore(*laid)
    monkeypatch.chdir(laid[0])
    monkeypatch.setenv("XNORFORGE_MAX_ELEMENTS", str(ELEMENTS))
    monkeypatch.setenv("XNORFORGE_MAX_FILE_MB", "1")
    return laid[0]


@pytest.fixture
def tools(call, perform):
    return SimpleNamespace(call=call, perform=perform)


def answer(entrance: Entrance, file: str, tools) -> str:
    """The sentence that refuses a file, after which all is as before; "" where the file is taken."""
    entrance.sign()
    before, usage = state(Path()), resource.getrusage(resource.RUSAGE_SELF)
    code, said = entrance.read(file, tools)
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert used.ru_utime - usage.ru_utime < SECONDS and used.ru_maxrss - usage.ru_maxrss < MEGABYTES << 10
    if code == 0:
        return ""
    assert (code, len(said)) == (2, 1), said
    assert said[0].isprintable() and said[0].endswith((".", " …", "?")) and len(said[0]) < 1500, said
    assert state(Path()) == before
    return said[0]


def refused(entrance: Entrance, file: str, tools, start: str, words: str = "") -> None:
    said = answer(entrance, file, tools)
    assert said and said.startswith(start.split(" … ")[0]), said
    says(said, f"{start} … {words}")


@pytest.mark.parametrize("file", FILES)
def test_a_file_as_it_should_be_is_taken(place, tools, file):
    assert answer(FILES[file], file, tools) == ""


@pytest.mark.parametrize(
    ("key", "case"), [(key, case) for key, entry in ENTRANCES.items() for case in entry.cases],
    ids=lambda given: str(given)[:60].partition(" at 0x")[0],
)  # fmt: skip
def test_what_nobody_should_have_made_is_refused_in_one_sentence(place, tools, key, case):
    given = ENTRANCES[key].cases[case]
    given, words = given if isinstance(given, tuple) else (given, "")
    file = key + case if key.endswith("/") else key
    spoil(place / file, given)
    refused(ENTRANCES[key], file, tools, ENTRANCES[key].start, words)


@pytest.mark.parametrize("file", FILES)
def test_what_is_no_such_file_at_all_is_refused(place, laid, tools, file):
    folder = file.startswith(("s/", "shown/", "videos/", "w/"))
    for way, given in WAYS.items():
        if way == "gone" and file in ("pictures/a.png", "s/1.png"):
            continue  # the others are enough
        spoil(place / file, given)
        refused(FILES[file], file, tools, "" if folder and way in NO_FILE else FILES[file].start)
        restore(*laid)


ODD_VALUES = (b"-1", b"0", b"1e308", b"nan", b"null", b"[]", b"{}", b"9" * 30, b'"x"', b"true", b"\xff", b"")


def swapped(rng, _file: str, content: bytes) -> bytes:
    """Two words or numbers that have changed places, or one that has become something else."""
    fields = list(re.finditer(rb"[^\s,:;='\"\[\]{}()]+", content)) or [re.match(b"", content)]
    one, other = sorted(rng.choice(len(fields), 2))
    first, last = fields[one], fields[other]
    if one == other or rng.random() < 0.5:
        return content[: first.start()] + ODD_VALUES[rng.integers(len(ODD_VALUES))] + content[first.end() :]
    between = content[first.end() : last.start()]
    return content[: first.start()] + last[0] + between + first[0] + content[last.end() :]


# What may be wrong with the graph of a file: `t` is a constant, `n` and `o` are operators, `k` is a number.
FAULTS = (
    "t.dims.append(k % 5 - 1)", "t.data_type = k", "n.op_type = o.op_type", "n.input.reverse()",
    "n.ClearField('attribute')", "g.node.remove(n)", "[setattr(entry, 'i', k - 2) for entry in n.attribute]",
)  # fmt: skip


def rearranged(rng, file: str, content: bytes) -> bytes:
    """A graph with a fault, or one of the table too, or arrays that do not fit; its form stays whole."""
    if file.endswith(".onnx"):
        t, n, o, k, fault = rng.integers((2, 5, 5, 24, len(FAULTS)))
        names = f"t, n, o, k = g.initializer[{t}], g.node[{n}], g.node[{o}], {k}"
        edits = (names, FAULTS[fault], rng.choice(list(MODELS)))
        return stored(edited("\n".join(edits[: rng.integers(2, 4)])))
    packed = file.endswith(".npz")
    arrays = dict(np.load(io.BytesIO(content))) if packed else load_tensors(content)
    one, other = (list(arrays)[rng.integers(len(arrays))] for _ in range(2))
    ways = [*(way for way in tables.OTHER.values() if way), np.ravel, np.atleast_3d, np.int8]
    with np.errstate(all="ignore"):
        arrays[one], arrays[other] = arrays[other], ways[rng.integers(len(ways))](arrays[one])
    arrays = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
    if not packed:
        return save_tensors(arrays)
    return npz({f"{name}.npy": npy(value) for name, value in arrays.items()})


def damaged(rng, file: str, content: bytes) -> bytes:
    """A file with one fault: cut, flipped bits, a part lost, doubled or overwritten, another type or size."""
    one, other = sorted(rng.integers(len(content) + 1, size=2))
    kind = rng.integers(6)
    if kind == 0:
        return content[:one]
    if kind == 1:
        flipped = bytearray(content)
        for at in rng.integers(len(content), size=rng.integers(1, 9)):
            flipped[at] ^= 1 << rng.integers(8)
        return bytes(flipped)
    if kind == 2:
        part = [b"", content[one:other] * 2, rng.bytes(other - one), bytes(other - one)][rng.integers(4)]
        return content[:one] + part + content[other:]
    packed = file.endswith((".npz", ".onnx", ".safetensors"))
    return (rearranged if packed and kind > 3 else swapped)(rng, file, content)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 20))])
@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("out/")])
def test_a_damaged_file_is_taken_or_refused_in_one_sentence(place, laid, tools, file, seed):
    """What a stage left is not drawn: the build makes it anew where it changed (pipeline/record.py)."""
    rng = np.random.default_rng([seed, *file.encode()])
    for _ in range(DRAWS):
        (place / file).write_bytes(damaged(rng, file, laid[1][file]))
        answer(FILES[file], file, tools)
        restore(*laid)


def test_labels_that_are_whole_are_taken_as_they_are(place):
    (place / "l.txt").write_text("0\n-1\n9007199254740992\n")
    assert own_samples("i.npz", "l.txt", tables.SHAPE).labels.tolist() == [0, -1, 2**53]
    np.savez("l.npz", np.array([2.0, -1.0, 0.0]))
    assert own_samples("i.npz", "l.npz", tables.SHAPE).labels.tolist() == [2, -1, 0]
    (place / "l.csv").write_text("b.png,1\na.png,7\nc.png,-1\na.png,7\nz.png,3\n")
    assert own_samples("pictures", "l.csv", tables.SHAPE).labels.tolist() == [7, 1, -1]


@pytest.mark.parametrize("case", ODD_NAMES)
def test_names_of_any_characters_change_nothing(place, case):
    """Names of tensors and nodes stay in the file, and the order of nodes changes no score."""
    odd, made = ODD_NAMES[case], {"new/model.onnx", "new/golden.npz", "new/export.json"}
    given = {name: f"{odd}{at}" if at else odd for at, name in enumerate(("x", "t1", "w", "one", "y", "n3"))}
    before = {"new", *made, *state(place)}
    found = []
    reverse = edited("n = [*g.node]; del g.node[:]; g.node.extend(n[::-1])")
    for model in (plain(), plain(names=given), reverse):
        (place / "m/m.onnx").write_bytes(stored(model))
        import_model("m/m.onnx", tables.IMAGES, np.full(3, -1), "new")
        found.append([(place / name).read_bytes() for name in sorted(made) if not name.endswith("json")])
    assert found[0] == found[1] and found[0][0] == found[2][0] and set(state(place)) == before


@pytest.mark.parametrize(
    ("text", "kind"),
    [("baud = 9600", "uart"), ('kind = "uart"\nbaud = 9600', "uart"), ('kind = "dma"', "dma")],
)  # fmt: skip
def test_the_kind_of_a_board_s_shell(place, text, kind):
    spoil(place / "mine/hw/boards/mine/board.toml", tables.shell(f'{text}\npins = {{irq = "R14"}}'))
    with plugged():
        assert boards.load("mine").shell_kind == kind


@pytest.mark.parametrize("name", [
    "a:b.y4m", "http:x.y4m", "a b.y4m", "a'b\"c.y4m", "`id`$(touch x);.y4m", "%d.y4m", "-i.y4m",
    "ü\u202e.y4m", "a\nb.y4m", "a|b&c.y4m", "concat:a.y4m", "x" * 250 + ".y4m",
])  # fmt: skip
def test_videos_of_any_name_are_read(place, name):
    (place / name).write_bytes(raw())
    before = state(place)
    found = inputs.given(None, name, "1,1,2,2", "track", True)
    assert [frame.shape for frame in found.frames()] == [(4, 4, 3)] * 3 and state(place) == before


@pytest.mark.parametrize("duration", [1e300, float("inf"), float("nan"), -5.0])
def test_a_length_that_is_none_is_taken_as_not_given(place, duration):
    (place / "v.mkv").write_bytes(tables.lasting(duration))
    assert len(list(inputs.given(None, "v.mkv", "1,1,2,2", "track", True).frames())) == 10


@pytest.mark.parametrize("read, given, start", [
    *tables.REQUESTS, *(pytest.param(*one, marks=pytest.mark.full) for one in tables.LONG_REQUESTS),
], ids=lambda given: str(given)[:60].partition(" at 0x")[0])  # fmt: skip
def test_requests_that_cannot_be_met(place, tools, read, given, start):
    refused(Entrance(read, "", {}), given, tools, start)


@pytest.mark.parametrize("name", ["FILE_MB", "NODES", "PORTS", "ELEMENTS", "MEMORY_MB", "SECONDS"])
@pytest.mark.parametrize("given", ["0", "-1", "1.5", "x", "9" * 30, "²"])
def test_a_limit_that_is_no_number(monkeypatch, name, given):
    monkeypatch.setenv(f"XNORFORGE_MAX_{name}", given)
    stops(f"^XNORFORGE_MAX_{name}: ", limits.most, name)


HOG = """
import ctypes, numpy, os, signal, sys
def memory(*_): return [numpy.ones(1 << 24) for _ in range(100)]
def ends(*_, number): os.kill(os.getpid(), number)
def spins(*_):
    while True: pass
def refuses(*_):
    from xnorforge.core.errors import UserError
    raise UserError("m: no; yes.")
def works(*_): print("a word", file=sys.stderr)
"""


@pytest.mark.parametrize("function, options, words", [
    ("memory", {}, r"^net\.onnx: .*500 MB .*XNORFORGE_MAX_MEMORY_MB"),
    ("spins", {}, r"^net\.onnx: .*2 s .*XNORFORGE_MAX_SECONDS"),
    ("ends", {"number": 8}, r"^net\.onnx: .*SIGFPE"), ("ends", {"number": 11}, "SIGSEGV"),
    ("ends", {"number": 9}, "500 MB"), ("refuses", {}, r"^m: no; yes\.$"), ("works", {}, "^a word$"),
])  # fmt: skip
def test_a_process_that_needs_too_much_ends_in_one_sentence(tmp_path, monkeypatch, function, options, words):
    (tmp_path / "hog.py").write_text(HOG)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("XNORFORGE_MAX_MEMORY_MB", "500")
    monkeypatch.setenv("XNORFORGE_MAX_SECONDS", "2")
    task = dict.fromkeys(("net_dir", "acc", "folder"), str(tmp_path / "net")) | {
        "name": "hog", "call": f"hog:{function}", "result": None, "reads": [], "limited": "net.onnx",
        "options": options,
    }  # fmt: skip
    done = python("-m", "xnorforge.pipeline.job", str(os.getpid()), json.dumps(task))
    broken = limits.broken_limit(done.returncode, "net.onnx")
    assert re.search(words, broken or done.stderr.splitlines()[-1])
    assert (done.returncode, broken) == (0, "") or function != "works"


def step(op, *more):
    return lambda start, end: [node(op, [start, *more], [end])]


def residual(start, end):
    sign = node("BipolarQuant", [start, "one"], [f"b{end}"], domain=QONNX)
    return [sign, node("Add", [start, f"b{end}"], [end])]


@pytest.mark.parametrize(("count", "block"), [
    (20_000, step("Mul", "c")), (20_000, step("Add", "c")), (20_000, step("Relu")), (90_000, step("Relu")),
    (12_000, residual),
])  # fmt: skip
def test_long_graphs_are_refused_before_a_quadratic_step(tmp_path, count, block):
    model = in_a_row(count, block, c=F(1.1))
    (tmp_path / "m.onnx").write_bytes(stored(model))
    words = rf"has {len(model.graph.node):,} operators, .* or raise XNORFORGE_MAX_NODES\.$"
    with pytest.raises(UserError, match=words):
        looked_at(tmp_path / "m.onnx")


@pytest.mark.parametrize("op", ["Identity", "Dropout"])
def test_operators_that_change_nothing_are_passed_by(tmp_path, op):
    (tmp_path / "m.onnx").write_bytes(stored(in_a_row(20_000, step(op))))
    left = [node.op_type for node in looked_at(tmp_path / "m.onnx").graph.node]
    assert left == ["BipolarQuant", "BipolarQuant", "Conv", "BipolarQuant"]


ODD_FOLDER, ODD_OUT = "a'\" b;`id`$(touch x)#ü", "out/a b'\"`id`$HOME;ü*"
ODD = {"x": '"><script>alert(1)</script>', "t1": "$(touch x)", "t2": "`id`", "t3": "*/ // (* keep *)",
       "y": "endmodule", "w": "a b;rm -rf", "one": "module", "n0": "a\nb\x1b[2J\nTraceback",
       "n2": "\u202eevil", "n3": "../../x", "n4": "n" * 5000}  # fmt: skip


@pytest.mark.full
def test_a_network_of_hostile_names_is_built_to_its_report_in_a_hostile_folder(tmp_path):
    """Names of tensors and nodes are in no product; the folder's own name is no command to a tool."""
    folder = tmp_path / ODD_FOLDER
    folder.mkdir()
    (folder / "m.onnx").write_bytes(stored(plain(names=ODD)))
    words = ("--model", "m.onnx", "--scale", "1", "--images", "2", "--stalled", "1", "--waves", "-o", ODD_OUT)
    done = python("-m", "xnorforge", "build", *words, cwd=folder)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {ODD_FOLDER}
    assert {path.name for path in folder.iterdir()} == {"m.onnx", "out"}
    acc = folder / ODD_OUT / "rtl-pynq-z2"
    record = json.loads((acc / "report.json").read_text())
    assert record["verdict"] == "PASS" and "netlist" in {row["stage"] for row in record["stages"]}
    Read(acc / "report.html")  # refuses links, frames and attributes that run
    assert re.findall("<script[^>]*>", (acc / "report.html").read_text()) == ["<script>"]  # its own
    long = [name for name in ODD.values() if len(name) > 9 and name not in ODD_FOLDER]
    for path in (folder / "out").rglob("*"):
        if path.is_file() and path.suffix != ".npz":
            content = path.read_bytes().decode(errors="replace")
            assert not [name for name in long if name in content], path
    modules = r"^\s*module\s+(?:automatic\s+)?(\S+?)[\s(#;]"
    for path in (acc / "rtl").glob("*.sv"):
        for name in re.findall(modules, path.read_text(), re.MULTILINE):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name), (path, name)
