"""Images and labels that somebody else made, IMAGES_FROM, LABELS and INPUT=float: one sentence for each that
cannot be used, and nothing that lies in a file is run."""

import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.pipeline.own_data import calibration_rows, own_samples

SHAPE = (1, 2, 2)


class Harm:
    """Makes a file `owned` when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("owned",)


def npy(array) -> bytes:
    """An array as an .npy file."""
    np.save("made.npy", array, allow_pickle=True)
    content = Path("made.npy").read_bytes()
    Path("made.npy").unlink()
    return content


def headed(header: str, data: bytes = b"") -> bytes:
    """An .npy file of that header."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def npz(**members: bytes) -> bytes:
    """An .npz file of members as they are, packed."""
    with zipfile.ZipFile("made.npz", "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("__", "."), content)
    content = Path("made.npz").read_bytes()
    Path("made.npz").unlink()
    return content


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder in which we are, with images that are as they should be; files of 1 MB are read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XNORFORGE_MAX_FILE_MB", "1")
    np.savez("good.npz", images=np.zeros((3, *SHAPE), np.uint8))
    (tmp_path / "pictures").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.new("L", (2, 2)).save(tmp_path / "pictures" / name)
    return tmp_path


def refused(folder: Path, images_from: str, labels: str | None = None, shape=SHAPE) -> str:
    """The sentence; nothing is made, and nothing that lies in a file is run."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError) as found:
        own_samples(images_from, labels, shape)
    assert sorted(folder.rglob("*")) == before
    said = str(found.value)
    assert said.isprintable() and said.endswith((".", " …")) and len(said) < 1500
    return said


LABELS = {
    "empty": b"",
    "blank lines": b"\n\n\n",
    "words": b"cat\ndog\ncat",
    "cut": b"0\n1\n",
    "too many": b"0\n1\n2\n3",
    "a fraction": b"0\n1.5\n2",
    "two signs": b"0\n--5\n1",
    "a plus": b"+1\n0\n1",
    "an exponent": b"1e3\n0\n1",
    "a power": "0\n²\n1".encode(),
    "digits of another script": "٣\n0\n1".encode(),
    "20 digits": b"0\n" + b"9" * 20 + b"\n1",
    "5,000 digits": b"0\n" + b"9" * 5000 + b"\n1",
    "beyond a float": b"0\n1\n9007199254740995",
    "NaN": b"nan\n0\n1",
    "bytes": b"\xff\xfe0\n1\n2",
    "zeros": b"0\x001\x002",
    "names": b"a.png,0\nb.png,1\nc.png,2",
    "an escape sequence": b"\x1b[2J\n0\n1",
    "a pickle": pickle.dumps([0, 1, 2]),
    "a quote": b'"0"\n"1"\n"2"',
    "a command": b"$(touch x)\n`id`\n;",
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_in_lines_that_are_none(here, case):
    (here / "l.txt").write_bytes(LABELS[case])
    said = refused(here, "good.npz", "l.txt")
    assert said.startswith("LABELS: ") and "'l.txt'" in said


NAMED = {
    "a name that is missing": "a.png,0\nb.png,1",
    "a name twice": "a.png,0\nb.png,1\nc.png,2\na.png,5",
    "a path out of the folder": "../pictures/a.png,0\nb.png,1\nc.png,2",
    "no label": "a.png,\nb.png,1\nc.png,2",
    "a word": "a.png,cat\nb.png,1\nc.png,2",
    "one line without a name": "a.png,0\n1\nc.png,2",
}


@pytest.mark.parametrize("case", NAMED)
def test_labels_by_name_that_are_none(here, case):
    (here / "l.csv").write_text(NAMED[case])
    said = refused(here, "pictures", "l.csv")
    assert said.startswith("LABELS: ") and "'l.csv'" in said


ARRAYS = {
    "an empty file": lambda: b"",
    "text": lambda: b"0\n1\n2",
    "floats that are not whole": lambda: npy(np.array([0, 0.5, 1])),
    "NaN": lambda: npy(np.array([0, np.nan, 1])),
    "infinity": lambda: npy(np.array([0, np.inf, 1])),
    "beyond 64 bits": lambda: npy(np.array([0, 1e300, 1])),
    "unsigned beyond 63 bits": lambda: npy(np.array([0, 2**64 - 1, 1], np.uint64)),
    "one number": lambda: npy(np.array(3)),
    "a table": lambda: npy(np.zeros((3, 2), int)),
    "no numbers": lambda: npy(np.zeros(0, int)),
    "words": lambda: npy(np.array(["0", "1", "2"])),
    "dates": lambda: npy(np.array(["2020", "2021", "2022"], "M8[Y]")),
    "complex numbers": lambda: npy(np.zeros(3, complex)),
    "records": lambda: npy(np.zeros(3, [("a", int)])),
    "objects": lambda: npy(np.array([Harm(), 1, 2], object)),
    "a pickle": lambda: pickle.dumps(Harm()),
    "a header that is cut": lambda: npy(np.zeros(3, int))[:40],
    "numbers that are cut": lambda: npy(np.zeros(3, int))[:-1],
    "a shape of 10^15": lambda: headed("{'descr': '<i8', 'fortran_order': False, 'shape': (10**15,)}"),
    "a shape of 2^60": lambda: headed(
        f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({1 << 60},)}}", bytes(64)
    ),
    "a negative shape": lambda: headed("{'descr': '<i8', 'fortran_order': False, 'shape': (-3,)}", bytes(24)),
    "a header that is code": lambda: headed("__import__('os').mkdir('owned')", bytes(24)),
    "a header that is deep": lambda: headed("[" * 9000, bytes(24)),
    "a type that is none": lambda: headed(
        "{'descr': '<q9', 'fortran_order': False, 'shape': (3,)}", bytes(27)
    ),
}


@pytest.mark.parametrize("form", ["npy", "npz"])
@pytest.mark.parametrize("case", ARRAYS)
def test_arrays_of_labels_that_are_none(here, case, form):
    content = ARRAYS[case]()
    (here / f"l.{form}").write_bytes(content if form == "npy" else npz(labels__npy=content))
    assert f"LABELS: 'l.{form}' " in refused(here, "good.npz", f"l.{form}")


def image(shape=(3, 1, 2, 2), kind=np.uint8):
    return npy(np.zeros(shape, kind))


PACKED = {
    "no arrays": (lambda: npz(), "'images'"),
    "a member that is no array": (lambda: npz(images=b"hello", x__txt=b"x"), "'images'"),
    "objects": (lambda: npz(images__npy=npy(np.array([Harm()], object))), "i.npz"),
    "another shape": (lambda: npz(images__npy=image((3, 3, 3))), "3x3"),
    "no images": (lambda: npz(images__npy=image((0, 1, 2, 2))), "0 images"),
    "one image": (lambda: npz(images__npy=image((1, 1, 2, 2))), "1 image"),
    "words": (lambda: npz(images__npy=npy(np.full((3, 4), "x"))), "'images'"),
    "complex numbers": (lambda: npz(images__npy=image(kind=complex)), "'images'"),
    "names that are paths": (lambda: npz(**{"../../x.npy": b"x", "/etc/y": b"y"}), "i.npz"),
    "a bomb": (lambda: npz(images__npy=image((1 << 22, 1, 2, 2))), "16 MB"),
    "two bombs": (
        lambda: npz(**{f"m{at}": bytes(600_000) for at in range(2)}),
        "1 MB",
    ),
    "cut": (lambda: npz(images__npy=image())[:-30], "i.npz"),
    "a directory that is cut": (lambda: npz(images__npy=image())[:-5], "i.npz"),
    "a member changed": (
        lambda: (lambda whole: whole[:60] + b"\xff\xff\xff" + whole[63:])(npz(images__npy=image())),
        "i.npz",
    ),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(64), "i.npz"),
    "labels that are objects": (
        lambda: npz(images__npy=image(), labels__npy=npy(np.array([Harm()] * 3, object))),
        "i.npz",
    ),
    "labels of NaN": (
        lambda: npz(images__npy=image(), labels__npy=npy(np.full(3, np.nan))),
        "LABELS: ",
    ),
    "too few labels": (
        lambda: npz(images__npy=image(), labels__npy=npy(np.zeros(2, int))),
        "2 labels",
    ),
}


@pytest.mark.parametrize("case", PACKED)
def test_packed_images_that_are_none(here, case):
    make, words = PACKED[case]
    (here / "i.npz").write_bytes(make())
    said = refused(here, "i.npz")
    assert any(word in said for word in words.split("|")), said


@pytest.mark.parametrize("case", ["objects", "a bomb", "cut", "no arrays"])
def test_calibrations_that_are_none(here, case):
    (here / "c.npz").write_bytes(PACKED[case][0]())
    with pytest.raises(UserError, match=r"^INPUT: 'c\.npz' "):
        calibration_rows(Path("c.npz"))


ROWS = {
    "empty": b"",
    "one row": b"1,2,3,4",
    "words": b"a,b,c,d\n1,2,x,4\n1,2,3,4",
    "ragged": b"1,2,3,4\n1,2,3\n1,2,3,4",
    "bytes": b"\xff\xfe1,2",
    "a field of 200,000 letters": b"1,2,3," + b"4" * 200_000 + b"\n1,2,3,4",
    "an open quote": b'1,2,3,4\n"1,2,3,4\n',
    "a formula": b"=cmd|'/C calc'!A0,2,3,4\n=1,2,3,4\n1,2,3,4\n",
    "zeros": b"1,2,3,\x004\n1,2,3,4",
    "long": b"1,2,3,4\n" * 200_000,
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_are_none(here, case):
    (here / "r.csv").write_bytes(ROWS[case])
    assert refused(here, "r.csv").startswith("IMAGES_FROM: ")


def picture(kind: str) -> bytes:
    """A picture in memory, as a file of that format."""
    Image.new("I;16" if kind == "deep" else "L", (2, 2)).save("made", "PNG" if kind == "deep" else kind)
    content = Path("made").read_bytes()
    Path("made").unlink()
    return content


def large(wide: int, tall: int) -> bytes:
    """The head of a BMP that says to be of this size."""
    return (
        b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 60, 0, 0, 54, 40, wide, tall, 1, 24, 0, 0, 0, 0, 0, 0)
        + bytes(9)
    )


PICTURES = {
    "empty.png": lambda: b"",
    "text.png": lambda: b"hello",
    "cut.png": lambda: picture("PNG")[:43],
    # Ghostscript would run this one.
    "program.png": lambda: (
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 2 2\n(owned) (w) file closefile\nshowpage\n"
    ),
    "pdf.png": lambda: b"%PDF-1.4\n",
    "svg.png": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "other.bmp": lambda: large(3, 2),
    "wide.bmp": lambda: large(2**31 - 1, 2**31 - 1),
    "short.bmp": lambda: large(2, 2),
    "upside.bmp": lambda: large(2, -(2**31)),
    "deep.png": lambda: picture("deep"),
    "many.gif": lambda: b"GIF89a\xff\xff\xff\xff\x00\x00\x00" + bytes(30),
    "loop.tif": lambda: b"II*\0\x08\0\0\0" + b"\xff" * 60,
    "im.png": lambda: picture("IM"),
    "long\n\x1b[2J.png": lambda: b"x",
    "q'\"`$(id).png": lambda: b"x",
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_folder_with_a_picture_that_is_none(here, name):
    (here / "pictures" / name).write_bytes(PICTURES[name]())
    assert refused(here, "pictures").startswith("IMAGES_FROM: 'pictures/")


@pytest.mark.parametrize("how", ["pipe.png", "folder.png", "endless.png", "loop.png"])
def test_a_folder_with_what_is_no_picture(here, how):
    path = here / "pictures" / how
    if how == "pipe.png":
        os.mkfifo(path)
    elif how == "folder.png":
        (here / "pictures/class").mkdir()
        (here / "pictures/class" / how).mkdir()
    else:
        path.symlink_to("/dev/zero" if how == "endless.png" else how)
    assert refused(here, "pictures").startswith("IMAGES_FROM: 'pictures")


@pytest.mark.parametrize("ending", ["npz", "csv"])
def test_data_in_a_pipe_are_not_waited_for(here, ending):
    os.mkfifo(here / f"p.{ending}")
    said = refused(here, f"p.{ending}")
    assert said.startswith(f"IMAGES_FROM: 'p.{ending}' ") and "regular file" in said
    assert "LABELS: 'p." in refused(here, "good.npz", f"p.{ending}")


def test_labels_that_are_whole_are_taken_as_they_are(here):
    (here / "l.txt").write_text("0\n-1\n9007199254740992\n")
    assert own_samples("good.npz", "l.txt", SHAPE).labels.tolist() == [0, -1, 2**53]
    np.savez("l.npz", np.array([2.0, -1.0, 0.0]))
    assert own_samples("good.npz", "l.npz", SHAPE).labels.tolist() == [2, -1, 0]
    (here / "n.csv").write_text("b.png,1\na.png,7\nc.png,-1\na.png,7\nz.png,3\n")
    assert own_samples("pictures", "n.csv", SHAPE).labels.tolist() == [7, 1, -1]
