"""Pictures from anywhere: each is read, or refused in one sentence, whatever its bytes are."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.sw.records import FORMATS, pixels, size_of

from ..refusals import contains

KINDS = "(it is truncated, or not one of PNG, JPEG, BMP, WEBP, PPM, GIF, TIFF, AVIF, DDS, ICO, JPEG2000, PCX"


def stored(kind: str) -> bytes:
    """A small picture of a kind."""
    colours = np.random.default_rng(2).integers(0, 256, (12, 20, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(colours).save(stream, kind)
    return stream.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_that_is_named_is_read(tmp_path, kind):
    path = tmp_path / "picture.png"  # its name says nothing
    path.write_bytes(stored(kind))
    assert pixels(path).shape == (12, 20, 3) and size_of(path) == (20, 12)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n%%EndComments\nshowpage\n%%EOF\n"


def test_postscript_under_another_name_starts_no_program(tmp_path, monkeypatch):
    """Pillow gives PostScript to Ghostscript; a file of somebody else's must not be a program that is run."""
    path, ran = tmp_path / "photo.png", tmp_path / "ran"
    path.write_bytes(POSTSCRIPT)
    with Image.open(path) as found:
        assert found.format == "EPS"  # what Pillow takes it for where nobody names the kinds
    (tmp_path / "gs").write_text(f"#!/bin/sh\ntouch {ran}\n")
    (tmp_path / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    for read in (pixels, size_of):
        with pytest.raises(UserError) as raised:
            read(path)
        contains(str(raised.value), f"{path}: ", KINDS, "download the file again")
    assert not ran.exists()


@pytest.mark.parametrize("size", [(20_000, 5_001), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_a_picture_of_too_many_pixels_is_refused_by_its_head(tmp_path, size):
    """A small file may state any size; 20,000 x 5,001 is more than is read, and less than Pillow refuses."""
    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with warnings.catch_warnings(), pytest.raises(UserError) as raised:
        warnings.simplefilter("error")
        pixels(path)
    contains(str(raised.value), f"{path}: ", "100,000,000 pixels", "smaller")


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.floats(0, 1, allow_subnormal=False), st.integers(0, 255)), max_size=6),
    kept=st.floats(0, 1, allow_subnormal=False),
    cut=st.booleans(),
)
def test_a_damaged_picture_is_read_or_refused_and_nothing_else(tmp_path_factory, kind, changes, kept, cut):
    content = bytearray(stored(kind))
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.png"
    path.write_bytes(content[: int(len(content) * kept)] if cut else content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd tags
        try:
            found = pixels(path, upright=True)
        except UserError as error:
            assert str(error).startswith(f"{path}: ")
        else:
            assert found.dtype == np.uint8 and found.ndim == 3 and found.shape[2] == 3
