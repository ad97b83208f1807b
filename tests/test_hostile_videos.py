"""Videos and sequences that somebody else made: one sentence for each that cannot be read to its end."""

import os
import struct
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.demo import inputs

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import listing

FRAME = b"FRAME\n" + bytes(range(24))  # 4 x 4 pixels, of each colour difference 2 x 2


def raw(head: str = "W4 H4 F25:1", frames: bytes = FRAME * 3) -> bytes:
    """An uncompressed video (YUV4MPEG2), whose head is text."""
    return f"YUV4MPEG2 {head} Ip A1:1 C420jpeg\n".encode() + frames


def coded(form: str) -> bytes:
    """Ten frames as a container of FFmpeg's holds them."""
    with av.open(f"made.{form}", "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for at in range(10):
            picture = np.full((16, 32, 3), 20 * at, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    content = Path(f"made.{form}").read_bytes()
    Path(f"made.{form}").unlink()
    return content


def lasting(duration: float) -> bytes:
    """A Matroska file that says to last so many milliseconds."""
    content = coded("mkv")
    at = content.index(b"\x44\x89\x88") + 3  # element Duration, 8 bytes
    return content[:at] + struct.pack(">d", duration) + content[at + 8 :]


def sound() -> bytes:
    """A file with sound alone."""
    with wave.open("made.wav", "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(8000))
    content = Path("made.wav").read_bytes()
    Path("made.wav").unlink()
    return content


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, in which we are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder: Path, video: str, box: str | None = "1,1,2,2") -> str:
    """The sentence with which a video is refused, at once or while its frames are read."""
    before = listing(folder)
    with pytest.raises(UserError) as found:
        for _ in inputs.given(None, video, box, "track", True).frames():
            pass
    assert listing(folder) == before
    said = str(found.value)
    assert said.isprintable() and said.endswith(".") and len(said) < 1500, said
    return said


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:secret.y4m\n#EXT-X-ENDLIST\n"
SESSION = b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n"
MANIFEST = b'<?xml version="1.0"?><MPD><Period><BaseURL>http://127.0.0.1:9/x.mp4</BaseURL></Period></MPD>'
FILES = {
    "empty.mp4": lambda: b"",
    "text.mp4": lambda: b"hello",
    "text.txt": lambda: b"hello\n" * 200,
    "zeros.avi": lambda: bytes(5000),
    "ones.mkv": lambda: b"\xff" * 5000,
    "zip.mp4": lambda: b"PK\x03\x04" + bytes(500),
    "program.mp4": lambda: b"#!/bin/sh\ntouch owned\n",
    "sound.wav": sound,
    "subtitles.srt": lambda: b"1\n00:00:00,000 --> 00:00:01,000\n<script>alert(1)</script>\n",
    "list.m3u8": lambda: PLAYLIST,
    "list.mp4": lambda: PLAYLIST,
    "list.ffconcat": lambda: b"ffconcat version 1.0\nfile secret.y4m\n",
    "outside.ffconcat": lambda: b"ffconcat version 1.0\nfile /etc/passwd\n",
    "session.sdp": lambda: SESSION,
    "manifest.mpd": lambda: MANIFEST,
    "half.mp4": lambda: coded("mp4")[:600],
    "half.avi": lambda: (lambda whole: whole[: len(whole) // 2])(coded("avi")),
    "head.mkv": lambda: coded("mkv")[:100],
    "tail.mp4": lambda: coded("mp4")[-500:],
    "head.y4m": lambda: raw(frames=b""),
    "cut.y4m": lambda: raw(frames=FRAME[:10]),
    "no_size.y4m": lambda: raw("F25:1"),
    "no_columns.y4m": lambda: raw("W0 H4 F25:1"),
    "negative.y4m": lambda: raw("W-4 H4 F25:1"),
    "wide.y4m": lambda: raw("W60000 H60000 F25:1"),
    "wider.y4m": lambda: raw("W2147483647 H2147483647 F25:1"),
    "large.y4m": lambda: raw("W8192 H8192 F25:1"),
    "fast.y4m": lambda: raw("W4 H4 F2000000:1"),
    "slow.y4m": lambda: raw("W4 H4 F1:100000"),
    "long.mkv": lambda: lasting(1e13),
    "none.gif": lambda: b"GIF89a\xff\xff\xff\xff\0\0\0",
    "short.gif": lambda: b"GIF89a",
    "head.png": lambda: b"\x89PNG\r\n\x1a\n" + bytes(20),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_video_to_its_end(here, name):
    (here / "secret.y4m").write_bytes(raw())
    (here / name).write_bytes(FILES[name]())
    assert refused(here, name).startswith(f"{name}: ")


@pytest.mark.parametrize(
    "how", ["pipe.mp4", "endless.mp4", "loop.mp4", "gone.mp4", "http://127.0.0.1:9/x.mp4"]
)
def test_what_is_no_file_is_not_opened(here, how):
    if how == "pipe.mp4":
        os.mkfifo(how)
    elif how in ("endless.mp4", "loop.mp4"):
        (here / how).symlink_to("/dev/zero" if how == "endless.mp4" else how)
    refused(here, how)


@pytest.mark.parametrize(
    "name",
    ["a:b.y4m", "http:x.y4m", "a b.y4m", "a'b\"c.y4m", "`id`$(touch x);.y4m", "%d.y4m", "-i.y4m",
     "ü\u202e.y4m", "a\nb.y4m", "a|b&c.y4m", "concat:a.y4m", "x" * 250 + ".y4m"],
)  # fmt: skip
def test_videos_of_any_name_are_read(here, name):
    (here / name).write_bytes(raw())
    found = inputs.given(None, name, "1,1,2,2", "track", True)
    assert [frame.shape for frame in found.frames()] == [(4, 4, 3)] * 3
    assert listing(here) == {name}


@pytest.mark.parametrize("duration", [1e300, float("inf"), float("nan"), -5.0])
def test_a_length_that_is_none_is_taken_as_not_given(here, duration):
    (here / "v.mkv").write_bytes(lasting(duration))
    assert len(list(inputs.given(None, "v.mkv", "1,1,2,2", "track", True).frames())) == 10


BOXES = {
    "no line": "",
    "words": "a,b,c,d\n1,1,2,2",
    "three numbers": "1,1,2\n1,1,2",
    "too few": "1,1,2,2",
    "too many": "1,1,2,2\n" * 3,
    "ragged": "1,1,2,2\n1,1,2",
    "no area": "1,1,0,2\n1,1,2,2",
    "negative": "1,1,-2,2\n1,1,2,2",
    "elsewhere": "90,90,2,2\n1,1,2,2",
    "infinite": "1,1,inf,2\n1,1,2,2",
    "minus infinity": "-inf,1,2,2\n1,1,2,2",
    "hidden at first": "nan,nan,nan,nan\n1,1,2,2",
    "far away": "1e300,1e300,1e300,1e300\n1,1,2,2",
    "bytes": b"\xff\xfe",
    "5,000 digits": "9" * 5000 + ",1,2,2\n1,1,2,2",
    "a pickle": b"\x80\x04\x95.",
    "a pipe": None,
}


@pytest.mark.parametrize("case", BOXES)
def test_boxes_of_a_sequence_that_are_none(here, case):
    (here / "s").mkdir()
    for name in ("1.png", "2.png"):
        Image.new("RGB", (8, 8)).save(here / "s" / name)
    given = BOXES[case]
    if given is None:
        os.mkfifo(here / "s/groundtruth.txt")
    else:
        (here / "s/groundtruth.txt").write_bytes(given if isinstance(given, bytes) else given.encode())
    assert refused(here, "s", None).startswith("s")


FRAMES = {
    "no frame": {},
    "text": {"1.png": b"hello"},
    "an empty frame": {"1.png": b""},
    "a second that is cut": {"1.png": None, "2.png": b"\x89PNG\r\n\x1a\n"},
    "other files": {"1.txt": b"x"},
    "a program": {"1.png": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n"},
    "a second of another size": {"1.png": None, "2.bmp": "BMP"},
}


@pytest.mark.parametrize("case", FRAMES)
def test_frames_of_a_folder_that_are_none(here, case):
    (here / "s").mkdir()
    for name, content in FRAMES[case].items():
        if isinstance(content, bytes):
            (here / "s" / name).write_bytes(content)
        else:
            Image.new("RGB", (9, 9) if content else (8, 8)).save(here / "s" / name, content)
    assert refused(here, "s").startswith("s")
