"""Command lines, folders and files between the stages that are broken: one sentence, exit code 2."""

import os
import struct
import sys
import zlib
from hashlib import sha256
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import listing, plain, stored

DEEP = b"[" * 100_000


def spoilt(path: Path, how: str) -> None:
    """Break a file in one of the ways of `WAYS`."""
    content = path.read_bytes()
    path.unlink()
    if how == "a folder":
        path.mkdir()
    elif how == "a pipe":
        os.mkfifo(path)
    elif how == "endless":
        path.symlink_to("/dev/zero")
    elif how == "a link to itself":
        path.symlink_to(path.name)
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how != "gone":
        path.write_bytes(WAYS[how])


WAYS = {
    "gone": b"", "a folder": b"", "a pipe": b"", "endless": b"", "a link to itself": b"", "cut": b"",
    "empty": b"", "text": b"hello", "bytes": b"\xff\xfe\x00\x01", "a list": b"[]", "null": b"null",
    "a number": b"3", "deep": DEEP, "another record": b'{"stage": "x"}',
}  # fmt: skip
NET, ACC = "out/n", "out/n/acc"
LOWER = ("lower", {"approximate": False})
GENERATE = ("generate", {})
FOLD = (
    "fold",
    {"board": "pynq-z2", "backend": "rtl", "interval": None, "folding": None, "output": "scores"},
)
READ = {
    "out/n/export.json": LOWER,
    "out/n/model.onnx": LOWER,
    "out/n/golden.npz": LOWER,
    "out/n/lower.json": FOLD,
    "out/n/lowered.onnx": FOLD,
    "out/n/lowered.npz": FOLD,
    "out/n/acc/fold.json": GENERATE,
    "out/n/acc/folded.onnx": GENERATE,
}


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("file", READ)
def test_a_broken_file_of_an_earlier_stage_is_named(place, perform, file, how):
    spoilt(place / file, how)
    before = listing(place)
    stage, options = READ[file]
    code, said = perform(stage, NET, ACC, **options)
    assert (code, len(said)) == (2, 1)
    assert said[0].startswith(file), said
    assert listing(place) == before


FOLDINGS = {
    "a list": b"[]", "a number": b"3", "a word": b'"x"', "null": b"null", "nothing": b"",
    "cut": b'{"conv0":{',
    "an operator that is a list": b'{"conv0": []}', "an operator that is null": b'{"conv0": null}',
    "pe -1": b'{"conv0": {"pe": -1}}', "pe 0": b'{"conv0": {"pe": 0}}', "pe 3": b'{"conv0": {"pe": 3}}',
    "pe 1e308": b'{"conv0": {"pe": 1e308}}', "pe NaN": b'{"conv0": {"pe": NaN}}',
    "pe of 20 digits": b'{"conv0": {"pe": 99999999999999999999}}', "pe in words": b'{"conv0": {"pe": "2"}}',
    "pe true": b'{"conv0": {"pe": true}}', "an unknown operator": b'{"nope": {"pe": 1}}',
    "an unknown key": b'{"conv0": {"colour": 1}}', "depth 10^12": b'{"conv0": {"depth": 1000000000000}}',
    "an operator twice": b'{"conv0": {"pe": 1}, "conv0": {"pe": 5}}',
    "a number twice": b'{"conv0": {"pe": 1, "pe": 5}}', "pe in a list": b'{"conv0": {"pe": [1]}}',
    "pe in an object": b'{"conv0": {"pe": {"pe": 1}}}', "pe null": b'{"conv0": {"pe": null}}',
    "pe 1.0": b'{"conv0": {"pe": 1.0}}', "pe Infinity": b'{"conv0": {"pe": Infinity}}',
    "depth -1": b'{"conv0": {"depth": -1}}', "depth 0": b'{"conv0": {"depth": 0}}',
    "half a pair of code units": b'{"\\ud800": {"pe": 1}}', "a name without letters": b'{"": {"pe": 1}}',
    "a name that is a path": b'{"../../x": {"pe": 1}}',
    "a name of 5,000 letters": b'{"' + b"n" * 5000 + b'": {"pe": 1}}',
    "a name with a line break": b'{"a\\nb\\u001b[2J": {"pe": 1}}',
    "two objects": b'{} {}', "a comment": b'{} // x',
    "in UTF-16": '{"conv0": {"pe": 1}}'.encode("utf-16"),
    "simd 7": b'{"conv0": {"simd": 7}}', "bytes": b"\x00\xff", "deep": DEEP,
    "5,000 digits": b'{"conv0": {"pe": ' + b"9" * 5000 + b"}}",
}  # fmt: skip


@pytest.mark.parametrize("case", FOLDINGS)
def test_a_folding_that_is_none_is_refused(place, perform, case):
    (place / "f.json").write_bytes(FOLDINGS[case])
    before = listing(place)
    stage, options = FOLD
    code, said = perform(stage, NET, ACC, **{**options, "folding": "f.json"})
    assert (code, len(said)) == (2, 1)
    assert listing(place) == before


@pytest.mark.parametrize("how", ["a folder", "a pipe", "endless", "gone", "a link to itself"])
@pytest.mark.parametrize(
    "words",
    [
        ("export", "-o", "out/x", "--model"),
        ("build", "--dry-run", "--model"),
        ("fold", "mnist-tfc", "-o", "out/x", "--folding"),
    ],
)
def test_what_is_no_regular_file_is_not_read(place, call, how, words):
    (place / "given.onnx").write_bytes(stored(plain()))
    spoilt(place / "given.onnx", how)
    before = listing(place)
    code, said = call(*words, "given.onnx")
    assert (code, len(said)) == (2, 1)
    assert listing(place) == before


NAMES = [
    "a b",
    "a'b",
    'a"b',
    "a`id`b",
    "a$b",
    "a;b",
    "a\nb",
    "-rf",
    "a\\b",
    "%s",
    "a&b",
    "a|b",
    "a<b>",
    "*",
    "~",
    "x" * 240,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_model_whose_name_no_folder_of_out_can_have(place, call, name):
    (place / f"{name}.onnx").write_bytes(stored(plain()))
    code, said = call("build", "--model", f"./{name}.onnx")
    assert (code, len(said)) == (2, 1)
    assert "out/" in said[0]
    assert listing(place / "out") == {path for path in listing(place / "out") if path.startswith("n")}


@pytest.mark.full
def test_folders_of_any_name_are_built_in(place, call):
    odd = "out/a b'\"`id`$HOME;ü*"
    assert call("generate", "net.onnx", "--scale", "1", "-o", odd) == (0, [])
    assert call("fold", odd, "--scale", "1", "--interval", "4000") == (0, [])
    assert call("generate", f"{odd}/rtl-pynq-z2") == (0, [])
    made = {path.removesuffix(".json") for path in listing(place / "out/n") if path.startswith("acc/rtl/")}
    assert {path.replace("acc/", "rtl-pynq-z2/", 1) for path in made} <= {
        path.removesuffix(".json") for path in listing(place / odd)
    }


@pytest.mark.parametrize(
    "words",
    [
        ("export", "--model", "x" * 5000, "-o", "out/x"), ("build", "--model", "x" * 5000),
        ("export", "--model", "net.onnx", "--scale", "1", "-o", "out/" + "y" * 5000),
        ("export", "--model", "net.onnx", "--scale", "1", "-o", "net.onnx/x"),
        *(("export", "--model", "net.onnx", "--scale", scale, "-o", "out/x")
          for scale in ("nan", "inf", "-inf", "0", "-1", "1e-60", "1e400", "one")),
        *(("fold", "mnist-tfc", "--board", board, "-o", "out/x")
          for board in ("../x", "/etc", "a b", "pynq-z2/../pynq-z2", "$(id)", "x" * 3000, "a\nb")),
        *(("fold", "mnist-tfc", "--backend", name, "-o", "out/x") for name in ("../x", "a b")),
        ("fold", "out/n"), ("sim", "out/n/acc"), ("build", "out"),
        ("export", "../x", "-o", "out/x"), ("export", "mnist-tfc", "--weights", "nowhere", "-o", "out/x"),
        ("build", "--net", "../../etc"), ("build", "--method", "os"), ("build", "--output", "x"),
        ("demo", "--task", "pedestrian", "--image", "x" * 5000),
        ("demo", "--task", "pedestrian", "--image", "/dev/zero"),
        ("demo", "--task", "track", "--video", "/dev/zero", "--box", "1,1,2,2"),
    ],
    ids=lambda words: " ".join(words)[:60],
)  # fmt: skip
def test_requests_that_cannot_be_met(place, call, words):
    before = listing(place)
    code, said = call(*words)
    assert (code, len(said)) == (2, 1)
    assert said[0].isprintable()
    assert listing(place) == before


@pytest.mark.parametrize("name", ["FILE_MB", "NODES", "ELEMENTS", "MEMORY_MB", "SECONDS"])
@pytest.mark.parametrize("given", ["0", "-1", "1.5", "x", "9" * 30, "²"])
def test_a_limit_that_is_no_number(monkeypatch, name, given):
    from xnorforge.core.errors import UserError
    from xnorforge.core.limits import most

    monkeypatch.setenv(f"XNORFORGE_MAX_{name}", given)
    with pytest.raises(UserError, match=f"^XNORFORGE_MAX_{name}: "):
        most(name)


CARDS = {
    "a list": b"[]", "null": b"null", "empty": b"{}", "cut": b'{"a"', "deep": DEEP, "bytes": b"\xff",
    "weights in words": b'{"weights": "x"}', "no hash": b'{"weights": {}}',
    "another hash": b'{"weights": {"sha256": 3}}',
    "a file that is none": b'{"weights": {"sha256": "' + sha256(b"x").hexdigest().encode() + b'"}}',
}  # fmt: skip


@pytest.mark.parametrize("case", CARDS)
def test_weights_that_are_none(place, call, case):
    (place / "w").mkdir()
    (place / "w/card.json").write_bytes(CARDS[case])
    (place / "w/weights.safetensors").write_bytes(b"x")
    before = listing(place)
    code, said = call("export", "mnist-tfc", "--weights", "w", "-o", "out/x")
    assert (code, len(said)) == (2, 1)
    assert listing(place) == before


def picture(wide: int, tall: int) -> bytes:
    """A PNG that says to be of this size."""

    def part(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", wide, tall, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", head)
        + part(b"IDAT", zlib.compress(b"\0" * 9))
        + part(b"IEND", b"")
    )


PICTURES = {
    "empty.png": b"", "text.png": b"hello", "postscript.png": b"%!PS-Adobe-3.0\n",
    "zip.png": b"PK\3\4" + bytes(30),
    "wide.png": picture(100_000, 100_000), "widest.png": picture(2**31 - 1, 2**31 - 1),
    "no_rows.png": picture(5, 0),
    "cut.png": picture(64, 64), "head.png": picture(8, 8)[:20], "g.gif": b"GIF89a" + bytes(20),
    "t.tif": b"II*\0" + bytes(50), "s.png": b"<svg/>", "w.webp": b"RIFF" + bytes(40),
    "b.bmp": b"BM" + bytes(60),
    "p.ppm": b"P6 999999 999999 255\n", "q.ppm": b"P6 10 10 255\nabc",
    "j.jpg": b"\xff\xd8\xff\xe0" + bytes(99),
}  # fmt: skip


@pytest.mark.parametrize("name", [*PICTURES, "pipe.png"])
def test_pictures_that_are_none(place, call, name):
    if name in PICTURES:
        (place / name).write_bytes(PICTURES[name])
    else:
        os.mkfifo(place / name)
    before = listing(place)
    code, said = call("demo", "--task", "pedestrian", "--image", name)
    assert (code, len(said)) == (2, 1)
    assert name in said[0]
    assert listing(place) == before
