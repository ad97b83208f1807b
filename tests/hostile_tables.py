"""Every file that a verb reads, who reads it, and what nobody should put there: {what is wrong: what stands
there, or (that, words of the one sentence that refuses it)}."""

import io
import json
import os
import pickle
import re
import shutil
import struct
import sys
import wave
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
import torch
from hostile_files import BYTES, INPUT, MODELS, WHOLE_FILE, edited, stored
from PIL import Image
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.demo import inputs
from xnorforge.flows.importing.modules import load_weights
from xnorforge.flows.importing.stage import import_model
from xnorforge.pipeline.own_data import calibration_rows, own_samples
from xnorforge.sw import zoo

Given = bytes | str | Callable[[Path], bytes | None]  # content, or what makes it of the path
IMAGES = np.random.default_rng(0).integers(0, 256, (3, *INPUT[1:])).astype(np.uint8)
SHAPE = (1, 2, 2)
DEEP = b"[" * 100_000
AGAIN = "export it again with brevitas export_qonnx"
NET, ACC = "out/n", "out/n/acc"
FOLD = {"board": "pynq-z2", "backend": "rtl", "interval": None, "folding": None, "output": "scores"}
STAGES = {"lower": {}, "fold": FOLD, "generate": {}}


class Harm:
    """Makes a folder `owned` when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


class Entrance(NamedTuple):
    """Who reads a file, how the sentence about it starts, what is wrong with it, and what goes with it."""

    read: Callable  # (file, tools): exit code and lines of standard error
    start: str
    cases: dict
    sign: Callable[[], object] = lambda: None


def inside(read: Callable[[str], object]) -> Callable:
    """A function that reads a file, as a command line would answer."""

    def answer(file: str, _tools) -> tuple[int, list[str]]:
        try:
            read(file)
        except UserError as error:
            return 2, [str(error)]
        return 0, []

    return answer


def stage(name: str, **more) -> Callable:
    return lambda file, tools: tools.perform(name, NET, ACC, **STAGES[name] | more)


def asking(*words: str) -> Callable:
    """A command line whose last word is the file."""
    return lambda file, tools: tools.call(*words, file)


@contextmanager
def plugged(folder: str = "mine") -> Iterator[None]:
    """A folder of plug-ins into which this process looks."""
    seen = (plugins.roots, plugins.folders, plugins.places, plugins.load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XNORFORGE_PLUGINS", folder)
        for package in (import_module("xnorforge.hw.boards"), import_module("xnorforge.hw.families")):
            patch.setattr(package, "__path__", [*package.__path__])
        for one in seen:
            one.cache_clear()
        try:
            yield
        finally:
            for name in [name for name in sys.modules if name.startswith("xnorforge.hw.families.own")]:
                del sys.modules[name]
            for one in seen:
                one.cache_clear()


def with_board(name: str, folder: str = "mine") -> Callable:
    def read(file: str, tools) -> tuple[int, list[str]]:
        with plugged(folder.format(file)):
            return tools.call("build", "--net", "mnist-tfc", "--dry-run", "--board", name)

    return read


def each(*cases: Given | tuple[Given, str]) -> dict:
    """Cases that need no name beside what stands there."""
    return {f"{at}: {one!r}"[:60]: one for at, one in enumerate(cases)}


def spoil(path: Path, given: Given) -> None:
    """Put something else where a file may be."""
    content = given(path) if callable(given) else given
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def link(to: str | None = None) -> Callable[[Path], None]:
    """A link; to itself where nothing is named."""
    return lambda path: (path.unlink(missing_ok=True), path.symlink_to(to or path.name))[-1]


def pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


NO_FILE = {"gone": lambda path: path.unlink(missing_ok=True), "a folder": folder, "a pipe": pipe,
           "endless": link("/dev/zero"), "a link to itself": link()}  # fmt: skip
WAYS = NO_FILE | {
    "cut": lambda path: path.read_bytes()[: path.stat().st_size // 2], "empty": b"", "text": b"hello",
    "bytes": b"\xff\xfe\x00\x01",
    "a list": b"[]", "null": b"null", "a number": b"3", "an object": b'{"title": "x"}', "deep": DEEP,
    "a pickle": pickle.dumps(Harm()), "a zip archive": b"PK\x03\x04" + bytes(100), "zeros": bytes(5000),
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(64), "a link elsewhere": link("/etc/passwd"),
    # Ghostscript would run this one.
    "a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n(owned) (w) file closefile\nshowpage\n",
}  # fmt: skip


def packed(save: Callable, *given, **more) -> bytes:
    """What a function of (file, …) saves."""
    file = io.BytesIO()
    save(file, *given, **more)
    return file.getvalue()


def npy(array) -> bytes:
    return packed(np.save, array, allow_pickle=True)


def headed(shape: str, kind: str = "<i8", data: bytes = b"", header: str = "") -> bytes:
    """An .npy file of that header."""
    text = (header or f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}").encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def npz(members: dict[str, bytes]) -> bytes:
    """An .npz file of members as they are, packed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def images(shape=(3, *SHAPE), kind: object = np.uint8, labels=None) -> bytes:
    """Packed images, and labels if there are any."""
    more = {} if labels is None else {"labels.npy": npy(labels)}
    return npz({"images.npy": npy(np.zeros(shape, kind)), **more})


def picture(kind: str = "PNG", mode: str = "L", size=(2, 2)) -> bytes:
    return packed(lambda file: Image.new(mode, size).save(file, kind))


def patched(content: bytes, at: int, form: str, *values: float) -> bytes:
    """Bytes in which numbers stand at a place."""
    part = struct.pack(form, *values)
    return content[:at] + part + content[at + len(part) :]


def bmp(wide: int, tall: int) -> bytes:
    """A BMP that says to be of this size."""
    return patched(picture("BMP", "RGB"), 18, "<ii", wide, tall)


def png(wide: int, tall: int) -> bytes:
    """A PNG that says to be of this size."""
    content = patched(picture(mode="RGB"), 16, ">II", wide, tall)
    return patched(content, 29, ">I", zlib.crc32(content[12:29]))


FRAME = b"FRAME\n" + bytes(range(24))  # 4 x 4 pixels, of each colour difference 2 x 2


def raw(head: str = "W4 H4 F25:1", frames: bytes = FRAME * 3) -> bytes:
    """An uncompressed video (YUV4MPEG2), whose head is text."""
    return f"YUV4MPEG2 {head} Ip A1:1 C420jpeg\n".encode() + frames


def coded(form: str) -> bytes:
    """Ten frames as a container of FFmpeg's holds them."""
    file = io.BytesIO()
    with av.open(file, "w", form) as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for at in range(10):
            shown = np.full((16, 32, 3), 20 * at, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(shown, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def lasting(milliseconds: float) -> bytes:
    """A Matroska file that says to last so long."""
    content = coded("matroska")
    return patched(content, content.index(b"\x44\x89\x88") + 3, ">d", milliseconds)  # element Duration


def sound() -> bytes:
    """A file with sound alone."""
    file = io.BytesIO()
    with wave.open(file, "wb") as audio:
        audio.setnchannels(1), audio.setsampwidth(2), audio.setframerate(8000)
        audio.writeframes(bytes(8000))
    return file.getvalue()


def box(given: str | None = "1,1,2,2", video: str = "{}") -> Callable:
    """The frames of a video, which is a file asked for as {}, behind a box."""
    return inside(lambda file: list(inputs.given(None, video.format(file), given, "track", True).frames()))


def carded(**other) -> Callable[[Path], str]:
    """A card with other entries."""
    return lambda path: json.dumps(json.loads(path.read_text()) | other)


def sign() -> None:
    """Let the card say that the weights are what they are."""
    card, weights = Path("w/card.json"), Path("w/weights.safetensors")
    if weights.is_file() and not weights.is_symlink() and weights.stat().st_size < 1 << 24:
        card.write_text(carded(weights={"sha256": sha256(weights.read_bytes()).hexdigest()})(card))


def tensors(header: dict, data: bytes = bytes(8)) -> bytes:
    """A safetensors file of that header."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(kind: str, shape: list[int], start: int = 0) -> bytes:
    return tensors({"x": {"dtype": kind, "shape": shape, "data_offsets": [start, start + 8]}})


OTHER = {
    "gone": None, "twice": None, "float16": lambda value: value.astype(np.float16),
    "NaN": lambda value: np.full(value.shape, np.nan, np.float32), "none": lambda value: value.ravel()[:0],
    "infinite": lambda value: np.full(value.shape, np.inf, np.float32),
    "longer": lambda value: np.resize(value, value.size + 7),
    "boolean": lambda value: np.ones(value.shape, bool),
    "signed": lambda value: value.astype(np.int64), "double": lambda value: value.astype(np.float64),
    "large": lambda value: np.full(value.shape, 1 << 40, np.uint64),
}  # fmt: skip
OF = {"bits": ("signed", "large"), "plain": ("double", "large")}


def other_tensor(kind: str, how: str) -> Callable[[Path], bytes]:
    """Weights of which one tensor (packed bits or plain numbers) is not what it should be."""

    def change(path: Path) -> bytes:
        found = load_tensors(path.read_bytes())
        name = next(name for name in sorted(found) if name.endswith(".bits") == (kind == "bits"))
        value = found[name]
        if how == "gone":
            del found[name]
        else:
            changed = OTHER[how]
            found[name if changed else f"{name}.x"] = changed(value) if changed else value
        return save_tensors({name: np.ascontiguousarray(value) for name, value in found.items()})

    return change


def saved(given) -> bytes:
    return packed(lambda file: torch.save(given, file))


def instead(name: str, text: str) -> Callable[[Path], str]:
    """A board in which something else stands in place of a line."""

    def change(path: Path) -> str:
        board, count = re.subn(rf"(?m)^{re.escape(name)}( = .*)?$", lambda _: text, path.read_text())
        assert count == 1
        return board

    return change


def shell(text: str) -> Callable[[Path], str]:
    return lambda path: f"{path.read_text()}[shell]\n{text}\n"


BOARD = """title = "Mine"
part = "xc7z020clg400-1"
family = "xc7"
interval = 1024
[clock]
mhz = 100.0
kind = "target, not routed"
[capacity]
lut = 53200
ff = 106400
bram36 = 140
dsp = 220
[links]
board = "https://example.org/mine"
"""
FIELDS = {
    **{f"{name}: {text[:40]}": (instead(name, text), words) for name, text, words in [
        *((name, "", field) for name, field in {
            "title": "title", "part": "part", "family": "family", "interval": "interval", "mhz": "clock.mhz",
            "kind": "clock.kind", "dsp": "capacity = "}.items()),
        *((name, f"{name} = {value}", f"{field} = ") for name, field, values in [
            ("title", "title", ['3', '""', '"\\u001b[2J"', '"a\\nb"', '"\\u202egnp"', f'"{"x" * 5000}"',
                                '[]']),
            ("part", "part", ['7', '"$(touch x)"', '"xc7; exec x"', '"a\\"b"', '"`id`"', '"-x"', '"a]b["']),
            ("family", "family", ['7', '[]']),
            ("interval", "interval", ['0', '-1', '1.5', '"8"', 'true', f'{10**30}', 'nan']),
            ("mhz", "clock.mhz", ['0', '-1', 'nan', 'inf', '"100"', 'true', '1e9', '2026-01-01',
                                  f'{10**400}']),
            ("kind", "clock.kind", ['3', '"a\\u0000b"']),
            ("lut", "capacity", ['0', '-5', '1.5', '"many"', 'nan', f'{10**20}', 'true', '{}']),
            ("board", "links", ['3', '"javascript:alert(1)"', '"https://x\\"><script>"',
                                '"file:///etc/passwd"']),
        ] for value in values),
        ("family", 'family = "xc8"', "'xc8'"), ("family", 'family = "../xc7"', "'../xc7'"),
        ("dsp", "trellis = 3\ndsp = 2", "capacity.trellis"), ("[clock]", "clock = 3\n[other]", "clock.mhz"),
        ("title", 'colour = 3\ntitle = "x"', "colour"), ("mhz", "volts = 3\nmhz = 9.0", "clock.volts"),
        ("title", 'title = "x"\ntitle = "y"', "title"),
    ]},
    **{f"low = {value}": (shell(f'baud = 9\nlow = {value}\n[shell.pins]\nrxd = "A1"'), "shell = ")
       for value in ('"rxd"', '["txd"]', '[3]', '[["rxd"]]')},
    **{f"a shell of {text}": (shell(text), "shell = … kind (uart or dma)")
       for text in (
           "pins = {}", 'kind = "uart"\npins = {}', 'kind = "pcie"\nbaud = 9600\npins = {}',
           'kind = ["dma"]\npins = {}', 'kind = "dma"\nbaud = 0\npins = {}', 'kind = "dma"',
           'kind = "dma"\npins = {irq = "R14; exec x"}', 'kind = "dma"\nvolts = 3\npins = {}')},
    "long": b"#" * (1 << 17), "a number of 5,000 digits": b"interval = " + b"9" * 5000,
    "a date that is none": b"title = 2026-13-45", "a deep list": b"a = " + DEEP,
}  # fmt: skip
FAMILIES = each(
    ("def f(:", "SyntaxError"), ("\0", "null bytes"), ("1 / 0", "ZeroDivisionError"),
    (lambda path: shutil.rmtree(path.parent) or path.parent.mkdir(), "ModuleNotFoundError"),
    ("import nothing_of_this_name", "ModuleNotFoundError"), ("x = 3", "NoneType"), ("FAMILY = 3", "int"),
    ('raise ValueError("a\\nTraceback\\x1b[2J")', "ValueError"), ('FAMILY = {"synth": "s"}', "dict"),
    ('from xnorforge.hw.families import Family\nFAMILY = Family("synth")', "TypeError"),
)  # fmt: skip
FOLDINGS = each(
    *(f'{{"conv0": {text}}}' for text in (
        "[]", "null", '{"pe": 1, "pe": 5}', '{"colour": 1}', '{"depth": 1000000000000}', '{"depth": -1}',
        '{"depth": 0}', '{"simd": 7}', '{"pe": 1}, "conv0": {"pe": 5}', *(f'{{"pe": {value}}}' for value in (
            "-1", "0", "3", "1e308", "NaN", "9" * 20, "9" * 5000, '"2"', "true", "[1]", '{"pe": 1}', "null",
            "1.0", "Infinity")))),
    *(f'{{"{name}": {{"pe": 1}}}}'
      for name in ("nope", "\\ud800", "", "../../x", "n" * 5000, "a\\nb\\u001b[2J")),
    '"x"', "{} {}", "{} // x", '{"conv0":{', '{"conv0": {"pe": 1}}'.encode("utf-16"),
)  # fmt: skip
LABELS = each("\n\n\n", "cat\ndog\ncat", "0\n1\n", "0\n1\n2\n3", "0\n1.5\n2", "0\n--5\n1", "+1\n0\n1",
              "1e3\n0\n1", "0\n²\n1", "٣\n0\n1", f"0\n{'9' * 20}\n1", f"0\n{'9' * 5000}\n1",
              "0\n1\n9007199254740995", "nan\n0\n1", b"\xff\xfe0\n1\n2", "0\x001\x002", "\x1b[2J\n0\n1",
              "a.png,0\nb.png,1\nc.png,2", '"0"\n"1"\n"2"', "$(touch x)\n`id`\n;")  # fmt: skip
NAMED = each(
    ("a.png,0\nb.png,1", "'c.png' … name,label"), "a.png,0\nb.png,1\nc.png,2\na.png,5",
    "../pictures/a.png,0\nb.png,1\nc.png,2", "a.png,\nb.png,1\nc.png,2", "a.png,cat\nb.png,1\nc.png,2",
    "a.png,0\n1\nc.png,2",
)  # fmt: skip
ARRAYS = {
    **{f"of {str(values)[:40]}": npy(values) for values in (
        np.array([0, 0.5, 1]), np.array([0, np.nan, 1]), np.array([0, np.inf, 1]), np.array([0, 1e300, 1]),
        np.array([0, 2**64 - 1, 1], np.uint64), np.array(3), np.zeros((3, 2), int), np.zeros(0, int),
        np.array(["0", "1", "2"]), np.array(["2020", "2021", "2022"], "M8[Y]"), np.zeros(3, complex),
        np.zeros(3, [("a", int)]), np.array([1, 2], object))},
    "text": b"0\n1\n2", "nothing": b"", "a pickle": pickle.dumps(Harm()),
    "objects": npy(np.array([Harm(), 1, 2], object)),
    "a header that is cut": npy(np.zeros(3, int))[:40], "numbers that are cut": npy(np.zeros(3, int))[:-1],
    "a shape of 10^15": headed("(10**15,)"), "a shape of 2^60": headed(f"({1 << 60},)", data=bytes(64)),
    "a negative shape": headed("(-3,)", data=bytes(24)),
    "a header that is code": headed("", data=bytes(24), header="__import__('os').mkdir('owned')"),
    "a header that is deep": headed("", data=bytes(24), header="[" * 9000),
    "a type that is none": headed("(3,)", "<q9", bytes(27)),
}  # fmt: skip
PACKED = {
    "no arrays": (npz({}), "'images'"), "cut a little": (images()[:-30], ""),
    "objects": (npz({"images.npy": npy(np.array([Harm()], object))}), ""),
    "a bomb": (images((1 << 22, *SHAPE)), "16 MB"),
    "a member that is no array": (npz({"images": b"hello", "x.txt": b"x"}), "'images'"),
    "another shape": (images((3, 3, 3)), "3x3"), "no images": (images((0, *SHAPE)), "0 images"),
    "one image": (images((1, *SHAPE)), "1 image"), "complex numbers": (images(kind=complex), "'images'"),
    "words": (npz({"images.npy": npy(np.full((3, 4), "x"))}), "'images'"),
    "names that are paths": npz({"../../x.npy": b"x", "/etc/y": b"y"}),
    "two bombs": (npz({f"m{at}": bytes(600_000) for at in range(2)}), "1 MB"),
    "a directory that is cut": images()[:-5],
    "a member changed": images()[:60] + b"\xff\xff\xff" + images()[63:],
    "labels that are objects": images(labels=np.array([Harm()] * 3, object)),
    "labels of NaN": (images(labels=np.full(3, np.nan)), "LABELS: "),
    "too few labels": (images(labels=np.zeros(2, int)), "2 labels"),
    "channels last": (images((3, 2, 2, 1)), "2x2x1 … 1x2x2 (channels first)"),
    "no array of numbers": (npz({"a.npy": npy(np.zeros((2, 4))), "b.npy": npy(np.zeros(2))}),
                            "'images' … a, b"),
    "labels that are fractions": (images(labels=np.full(3, 0.5)), "LABELS: 'i.npz' … whole numbers"),
    "labels of another number": (images(labels=np.zeros(4)), "4 labels … 3 images … one label per image"),
}  # fmt: skip
ROWS = each(
    "1,2,3,4", "a,b,c,d\n1,2,x,4\n1,2,3,4", "1,2,3,4\n1,2,3\n1,2,3,4", b"\xff\xfe1,2",
    f"1,2,3,{'4' * 200_000}\n1,2,3,4", '1,2,3,4\n"1,2,3,4\n', "1,2,3,4\n" * 200_000,
    "=cmd|'/C calc'!A0,2,3,4\n=1,2,3,4\n1,2,3,4\n", "1,2,3,\x004\n1,2,3,4",
    ("1,1,1,1,1\n1,1,1,1,1", "line 1 of 'r.csv' … 5 columns … 4 … LABELS=last"),
    ("1,2,3,one\n", "'one' … line 1 of 'r.csv'"),
)  # fmt: skip
PICTURES = {
    "text.png": (b"hello", "/text.png' … picture"), "cut.png": picture()[:43], "pdf.png": b"%PDF-1.4\n",
    "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "short.bmp": bmp(2, 2)[:-4],
    "other.bmp": (bmp(3, 2), "/other.bmp' … 3 x 2 … 2 x 2"),
    "wide.bmp": bmp(2**31 - 1, 2**31 - 1), "upside.bmp": bmp(2, -(2**31)),
    "deep.png": picture(mode="I;16"), "many.gif": b"GIF89a" + b"\xff" * 4 + bytes(33),
    "loop.tif": b"II*\0\x08\0\0\0" + b"\xff" * 60, "im.png": picture("IM"), "long\n\x1b[2J.png": b"x",
    "q'\"`$(id).png": b"x",
}  # fmt: skip
SHOWN = {
    "wide.png": png(100_000, 100_000), "widest.png": png(2**31 - 1, 2**31 - 1), "no_rows.png": png(5, 0),
    "cut.png": (png(64, 64), "PNG, JPEG, BMP, … again"), "none.png": (b"", "empty … again"),
    "head.png": png(8, 8)[:20], "g.gif": b"GIF89a" + bytes(20),
    "t.tif": b"II*\0" + bytes(50), "s.png": b"<svg/>", "w.webp": b"RIFF" + bytes(40),
    "b.bmp": b"BM" + bytes(60), "p.ppm": b"P6 999999 999999 255\n", "q.ppm": b"P6 10 10 255\nabc",
    "j.jpg": b"\xff\xd8\xff\xe0" + bytes(99),
}  # fmt: skip
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:v.y4m\n#EXT-X-ENDLIST\n"
VIDEOS = {
    "text.txt": b"hello\n" * 200, "ones.mkv": (b"\xff" * 5000, "invalid data … frames as a folder"),
    "shell.mp4": b"#!/bin/sh\ntouch owned\n",
    "sound.wav": sound(), "list.m3u8": PLAYLIST, "list.mp4": PLAYLIST, "short.gif": b"GIF89a",
    "subtitles.srt": b"1\n00:00:00,000 --> 00:00:01,000\n<script>alert(1)</script>\n",
    "list.ffconcat": b"ffconcat version 1.0\nfile v.y4m\n",
    "outside.ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n",
    "manifest.mpd":
        b'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:9/x.mp4</BaseURL></Period></MPD>',
    "head.mkv": coded("matroska")[:100], "end.mp4": coded("mp4")[-500:], "long.mkv": lasting(1e13),
    "none.gif": b"GIF89a\xff\xff\xff\xff\0\0\0", "head.y4m": raw(frames=b""),
    "cut.y4m": raw(frames=FRAME[:10]), "no_size.y4m": raw("F25:1"),
    **{f"{head.replace(' ', '_')}.y4m".replace(":", "_"): raw(head) for head in (
        "W0 H4 F25:1", "W-4 H4 F25:1", "W60000 H60000 F25:1", "W2147483647 H2147483647 F25:1",
        "W8192 H8192 F25:1", "W4 H4 F2000000:1", "W4 H4 F1:100000")},
}  # fmt: skip
BOXES = each(
    "a,b,c,d\n1,1,2,2", "1,1,2\n1,1,2", ("1,1,2,2", "1 box … 2 frames"), "1,1,2,2\n" * 3,
    ("nan,nan,nan,nan\n1,1,2,2", "first frame … BOX="), "1,1,2,2\n1,1,2", "9" * 5000 + ",1,2,2\n1,1,2,2",
    ("1,1,2,2\n90,90,2,2.5", "groundtruth.txt: box 2 of 2, x 90 to 92 and y 90 to 92.5"),
    *(f"{first}\n1,1,2,2" for first in (
        "1,1,0,2", "1,1,-2,2", "90,90,2,2", "1,1,inf,2", "-inf,1,2,2", "1e300,1e300,1e300,1e300")),
)  # fmt: skip
FRAMES = {
    "0.png": (b"hello", "PNG, JPEG, BMP, … again"), "00.png": (b"", "empty … again"),
    "3.png": b"\x89PNG\r\n\x1a\n", "3.bmp": (picture("BMP", "RGB", (9, 9)), "3.bmp: … 9 x 9 … 8 x 8 … set"),
    "000.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n",
}  # fmt: skip
FIGURES = {"set": "x", "images": 3, "correct": 1, "top1": 1.0}
CARDS = {
    "an empty object": b"{}",
    "weights of a terabyte, of which the disk holds none": (
        lambda path: os.truncate(path.with_name("weights.safetensors"), 1 << 40), " 1 MB"),
    **{f"weights {given}": carded(weights=given) for given in ("x", {}, {"sha256": 3})},
    **{f"{key} {str(value)[:30]!r}": carded(**{key: value}) for key, values in {
        "net": (None, 3, "mnist-cnn", "../../x", "\x1b[2J\nTraceback", "n" * 5000),
        "method": (None, "bonn"), "hyper": ([], "x", {"colour": 1}), "data": ([],),
        "accuracy": (None, [3], *([FIGURES | more] for more in (
            {"correct": "a", "top1": "b"}, {"images": float("inf")})),
            [{"set": "x", "images": 1}], [{"images": 3, "correct": 1, "top1": 1.0}],
            [{"set": "x", "images": 3, "figures": {}}]),
    }.items() for value in values},
}  # fmt: skip
TENSORS = {
    "all but a byte": lambda path: path.read_bytes()[:-1],
    "a byte more": lambda path: path.read_bytes() + b"x",
    "a header of 2^63 bytes": lambda path: b"\xff" * 8 + path.read_bytes()[8:],
    "a header that is no JSON": struct.pack("<Q", 20) + b"{" * 20,
    "a header that is deep": struct.pack("<Q", 50_000) + DEEP[:50_000], "no tensors": tensors({}, b""),
    "a type that is none": tensor("Q9", [1]), "half floats of Google": tensor("BF16", [4]),
    "a shape of 2^60": tensor("U8", [1 << 60]), "places behind the end": tensor("U8", [8], 1 << 40),
    "a negative place": tensor("U8", [8], -8),
    **{f"{kind}, {how}": other_tensor(kind, how) for kind in OF for how in (*list(OTHER)[:8], *OF[kind])},
}  # fmt: skip
STATES = each(*map(saved, (
    Harm(), nn.Linear(3, 2), {"weight": torch.zeros(2, 3), "bias": Harm()}, {1: torch.zeros(3)},
    nn.Linear(4, 2).state_dict(), {"a\n\x1b[2J": torch.zeros(1)}, [1, 2], torch.zeros(3), {},
    {"weight": "x", "bias": "y"}, {"weight": None, "bias": None})))  # fmt: skip


def own(images_from: str, labels: str | None = None) -> Callable:
    """Samples of a user, of which one file is asked for as {}."""
    return inside(
        lambda file: own_samples(images_from.format(file), labels and labels.format(file), SHAPE)
    )  # fmt: skip


# {a file, or the folder of files that its cases name: who reads it and what is wrong with it}
ENTRANCES = {
    "m/m.onnx": Entrance(inside(lambda file: import_model(file, IMAGES, np.full(3, -1), "new")), "", {
        what: (content, f"m.onnx: not an ONNX model … {AGAIN}") for what, content in BYTES.items()
    } | {edit: (stored(edited(edit)), words) for edit, words in MODELS.items()}),
    **{f"out/n/{file}": Entrance(stage(name), f"out/n/{file}", {"another record": b'{"stage": "x"}'})
       for name, read in {"lower": ("export.json", "model.onnx", "golden.npz"),
                          "fold": ("lower.json", "lowered.onnx", "lowered.npz"),
                          "generate": ("acc/fold.json", "acc/folded.onnx")}.items() for file in read},
    "f.json": Entrance(stage("fold", folding="f.json"), "", FOLDINGS),
    "l.txt": Entrance(own("i.npz", "{}"), "LABELS: … 'l.txt'", LABELS),
    "l.csv": Entrance(own("pictures", "{}"), "LABELS: … 'l.csv'", NAMED),
    "l.npy": Entrance(own("i.npz", "{}"), "LABELS: 'l.npy' ", ARRAYS),
    "l.npz": Entrance(own("i.npz", "{}"), "LABELS: 'l.npz' ", {
        what: npz({"labels.npy": content}) for what, content in ARRAYS.items()}),
    "i.npz": Entrance(own("{}"), "", PACKED),
    "c.npz": Entrance(inside(lambda file: calibration_rows(Path(file))), "INPUT: 'c.npz' ", {
        what: PACKED[what][0] for what in list(PACKED)[:4]}),
    "r.csv": Entrance(own("{}"), "IMAGES_FROM: ", ROWS),
    "pictures/": Entrance(own("pictures"), "IMAGES_FROM: 'pictures", PICTURES),
    "shown/": Entrance(inside(
        lambda file: list(inputs.given(file, None, None, "pedestrian", False).frames())), "shown/", SHOWN),
    "videos/": Entrance(box(), "videos/", VIDEOS),
    "s/": Entrance(box(video="s"), "s", FRAMES),
    "s/groundtruth.txt": Entrance(box(None, "s"), "s", BOXES),
    "w/card.json": Entrance(inside(lambda file: zoo.load("mnist-tfc", "ste", Path("w"))), "w", CARDS),
    "w/weights.safetensors": Entrance(inside(
        lambda file: zoo.load("mnist-tfc", "ste", Path("w"))), "w/weights.safetensors: ", TENSORS, sign),
    "s.pt": Entrance(inside(lambda file: load_weights(nn.Linear(3, 2), Path(file))), "s.pt: ", STATES),
    "mine/hw/boards/mine/board.toml": Entrance(
        with_board("mine"), " … mine/hw/boards/mine/board.toml: ", FIELDS),
    "mine/hw/families/own/family.py": Entrance(with_board("owned"), "", FAMILIES),
    "./": Entrance(asking("build", "--model"), "", {f"{name}.onnx": (WHOLE_FILE, "out/") for name in (
        "a b", "a'b", 'a"b', "a`id`b", "a$b", "a;b", "a\nb", "-rf", "a\\b", "%s", "a&b", "a|b", "a<b>", "*",
        "~", "x" * 240)}),
    **{f"{kind}/": Entrance(asking(*words), "", NO_FILE) for kind, words in {
        "exported": ("export", "-o", "out/x", "--model"), "built": ("build", "--dry-run", "--model"),
        "folded": ("fold", "mnist-tfc", "-o", "out/x", "--folding"),
        "image": ("demo", "--task", "pedestrian", "--image"),
        "video": ("demo", "--task", "track", "--box", "1,1,2,2", "--video"),
        "images": ("export", "--model", "net.onnx", "--scale", "1", "-o", "out/x", "--images-from"),
    }.items()},
}  # fmt: skip
NEW, SCALED = ("-o", "out/x"), ("export", "--model", "net.onnx", "--scale")
# [(who reads it, what is asked for, how the sentence that refuses it starts)]
REQUESTS = [
    (own("{}"), "none", "IMAGES_FROM: 'none' … (.png, "), (own("{}"), "one", "IMAGES_FROM: 'one' … 1 image"),
    (own("i.npz", "{}"), "last", "LABELS: 'last' … .csv"),
    *((box(), video, "") for video in ("none", "w", "gone", "http://127.0.0.1:9/x.mp4")),
    *((with_board("mine", "{}"), given, "XNORFORGE_PLUGINS: '") for given in (
        "nowhere", "a file", "m/pipe", "x" * 5000, "mine:nowhere", "$(touch x)", "a\nb\x1b[2J")),
    *((asking(*words[:-1]), words[-1], "") for words in (
        ("export", *NEW, "--model", "x" * 5000), ("build", "--model", "x" * 5000),
        (*SCALED, "1", "-o", "out/" + "y" * 5000), (*SCALED, "1", "-o", "net.onnx/x"),
        *((*SCALED[:3], *NEW, "--scale", scale)
          for scale in ("nan", "inf", "-inf", "0", "-1", "1e400", "one")),
        *(("fold", "mnist-tfc", *NEW, "--board", board)
          for board in ("../x", "/etc", "a b", "pynq-z2/../pynq-z2", "$(id)", "x" * 3000, "a\nb")),
        *(("fold", "mnist-tfc", *NEW, "--backend", name) for name in ("../x", "a b")),
        ("fold", "out/n"), ("sim", ACC), ("build", "out"), ("export", *NEW, "../x"),
        ("build", "--net", "../../etc"), ("build", "--method", "os"), ("build", "--output", "x"),
        ("demo", "--task", "pedestrian", "--image", "x" * 5000))),
]  # fmt: skip
LONG_REQUESTS = [
    (asking("export", "mnist-tfc", *NEW, "--weights"), "nowhere", ""),
    (asking("export", "mnist-tfc", *NEW, "--weights"), "carded", ""),
    (asking(*SCALED[:3], *NEW, "--scale"), "1e-60", ""),
]


def lay(place: Path) -> None:
    """Put every file there as it should be."""
    shipped = Path(str(files("xnorforge.sw"))) / "shipped/mnist-tfc-ste"
    good = {
        "m/m.onnx": WHOLE_FILE, "m/short": b"abc", "secret": bytes(720), "f.json": b'{"conv0": {"pe": 1}}',
        "one/a.png": picture(), "carded/card.json": b"[]",
        "l.txt": b"0\n-1\n2\n", "l.csv": b"b.png,1\na.png,7\nc.png,-1\n",
        "l.npy": npy(np.array([2.0, -1, 0])),
        "l.npz": npz({"labels.npy": npy(np.array([1, 0, 2]))}), "i.npz": images(labels=np.arange(3)),
        "c.npz": images(), "r.csv": b"1,2,3,4\n-5,6,7,8\n", "s/groundtruth.txt": b"1,1,2,2\n2,2,2,2\n",
        **{f"pictures/{name}.png": picture() for name in "abc"},
        **{f"s/{at}.png": picture(mode="RGB", size=(8, 8)) for at in (1, 2)},
        "shown/a.png": picture(mode="RGB", size=(40, 80)), "videos/v.y4m": raw(),
        "videos/v.mp4": coded("mp4"), "videos/v.avi": coded("avi"), "videos/v.mkv": coded("matroska"),
        **{f"w/{name}": (shipped / name).read_bytes() for name in ("card.json", "weights.safetensors")},
        "s.pt": saved(nn.Linear(3, 2).state_dict()), "a file": b"",
        "mine/hw/boards/mine/board.toml": BOARD.encode(),
        "mine/hw/boards/owned/board.toml": BOARD.replace('"xc7"', '"own"').encode(),
        "mine/hw/families/own/family.py": b"from xnorforge.hw.families.xc7.family import FAMILY\n",
    }  # fmt: skip
    for name, content in good.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)
    for name in ("m/folder", "none", *(key for key in ENTRANCES if key.endswith("/"))):
        (place / name).mkdir(parents=True, exist_ok=True)
    (place / "m/link").symlink_to("/etc/passwd")
    pipe(place / "m/pipe")
