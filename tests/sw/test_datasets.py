"""Data sets: what a publisher's layout says is what comes out, what is wrong is said in a sentence; pictures
from anywhere: each is read or refused, whatever its bytes are."""

import io
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xnorforge.core.errors import UserError
from xnorforge.sw import records
from xnorforge.sw.datasets import camvid, coco, penn_fudan, tracking, voc
from xnorforge.sw.datasets.base import Absent
from xnorforge.sw.metrics.segmentation import VOID
from xnorforge.sw.records import FORMATS, pixels, size_of

from ..refusals import contains, refused, stops
from . import data_sets as write
from .data_sets import real


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("layout", [write.penn_published, write.penn_packed])
def test_penn_fudan(root, layout):
    layout(root)
    train, test = penn_fudan.scenes("train"), penn_fudan.scenes("test")
    assert [item.name for item in train.items] == ["PennPed00000", "PennPed00001"] and len(test.items) == 34
    one = test.items[0]
    assert one.boxes.tolist() == [[2, 4, 10, 30]] and one.labels.tolist() == [0] and not one.ignore.any()
    assert one.image.shape == (30, 40, 3) and (one.image == 2).all() and one.mask.sum() == 30
    assert test.what == "the last 34 pictures by name of Penn-Fudan: 34 real pictures with 34 persons"
    assert one.truth.boxes is one.boxes


@pytest.mark.parametrize("layout", [write.camvid_published, write.camvid_packed])
def test_camvid(root, layout):
    layout(root)
    found = camvid.frames("test")
    assert [item.name for item in found.items] == ["a", "b"] and len(found.classes) == 11
    assert found.items[0].labels.tolist() == [[0, VOID], [3, 10]]
    assert found.items[0].image.shape == (2, 2, 3)
    assert found.what == "2 real frames of CamVid's test set, 11 classes"


LINES = {
    "groundtruth_xywh.csv": ["2.00,3.00,10.00,5.50"] * 3, "groundtruth_rect.txt": ["3\t4\t10\t5.5"] * 3,
    "groundtruth.txt": ["2,3,12,3,12,8.5,2,8.5"] * 3,
}  # fmt: skip


@pytest.mark.parametrize("annotation, place", [
    *((name, "img") for name in LINES), ("groundtruth.txt", "."), ("groundtruth.txt", "color"),
])  # fmt: skip
def test_sequences_in_each_layout(tmp_path, annotation, place):
    found = tracking.clip(write.sequence(tmp_path / "Box", annotation, LINES[annotation], place=place))
    assert found.boxes.tolist() == [[2, 3, 12, 8.5]] * 3 and found.visible.all() and found.size == (40, 30)
    assert [int(found.frame(k).mean()) for k in range(3)] == [0, 20, 40]


def test_got10k_says_where_the_object_is_hidden(tmp_path):
    one = write.sequence(
        tmp_path / "GOT-10k_Val_000001", "groundtruth.txt", ["2,3,10,5.5", "0,0,0,0", "2,3,10,5.5"], place="."
    )
    write.write(one / "cover.label", "8\n0\n3\n")
    write.write(tmp_path / "list.txt", "GOT-10k_Val_000001\n")
    found = tracking.sequences(tmp_path)
    assert found.items[0].visible.tolist() == [True, False, True]
    assert found.what == "1 real sequences with 3 frames: GOT-10k_Val_000001"


def test_a_line_of_nan_is_a_frame_without_the_object(tmp_path):
    lines = ["2,3,10,5", "NaN,NaN,NaN,NaN", "2,3,10,5"]
    found = tracking.clip(write.sequence(tmp_path / "Car", "groundtruth.txt", lines))
    assert found.visible.tolist() == [True, False, True]


def test_otb_boxes_that_belong_to_a_part_of_the_frames(tmp_path):
    one = write.sequence(tmp_path / "Freeman4", "groundtruth_rect.txt", ["3,4,10,5.5"] * 283, frames=285)
    assert len(tracking.clip(one).frames) == 283


def test_our_split_of_sequences(root):
    for name in (*tracking.SPLITS["train"], *tracking.SPLITS["test"]):
        write.sequence(root / "tracking" / name, "groundtruth_xywh.csv", LINES["groundtruth_xywh.csv"])
    assert [item.name for item in tracking.clips("test").items] == ["Crossing", "David", "Skiing", "bag"]
    what = "4 real sequences with 12 frames: DragonBaby, Diving, MotorRolling, ball1"
    assert tracking.clips("train").what == what


@pytest.mark.parametrize("layout", ["{split}/{kind}", "{kind}/{split}"])
def test_coco128(root, layout):
    write.coco128(root, layout=layout)
    one, empty = coco.scenes_128("train2017").items
    np.testing.assert_allclose(one.boxes, [[15, 12, 25, 18]])
    assert one.labels.tolist() == [1] and len(empty.boxes) == 0


VOC = ("dog", 0, 3, 5, 12, 30), ("car", 1, 1, 1, 40, 30), ("dog", 0, 20, 1, 24, 8)


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2007", "VOC2012"])
def test_voc(root, place):
    """Pixels count from 1 and the last one is inside; what is difficult is ignored."""
    write.voc(root, *VOC, place=place)
    found = voc.scenes("trainval")
    one, empty = found.items
    assert one.boxes.tolist() == [[2, 4, 12, 30], [0, 0, 40, 30], [19, 0, 24, 8]] and not len(empty.boxes)
    assert found.classes == ("car", "dog") and one.labels.tolist() == [1, 0, 1]
    assert one.ignore.tolist() == [False, True, False] and one.image.shape == (30, 40, 3)
    assert found.what == f"trainval of {place[-7:]}: 2 real pictures, 3 boxes"


@pytest.mark.parametrize(("objects", "said"), [
    ([("dog", 0, 3, 5, 52, 30)], "000005.xml: box 1 of 1, x 2 to 52 and y 4 to 30, is not inside"),
    ([("dog", 0, 3, "five", 12, 30)], "000005.xml: is not an annotation in VOC's layout"),
    ([("<dog", 0, 3, 5, 12, 30)], "000005.xml: is not an annotation in VOC's layout"),
])  # fmt: skip
def test_an_annotation_of_voc_that_is_none_is_refused(root, objects, said):
    write.voc(root, *objects)
    refused(lambda: voc.scenes("trainval"), said)
    refused(lambda: voc.scenes("test"), "ImageSets/Main/test.txt: the annotation cannot be read")


SETS = {
    "Penn-Fudan: no folder penn_fudan/ or PennFudanPed/": lambda: penn_fudan.scenes("test"),
    "CamVid: no folder camvid/ or CamVid/": lambda: camvid.frames("test"),
    "tracking: no folder tracking/": lambda: tracking.clips("test"),
    "PASCAL VOC: no folder VOCdevkit/VOC2012/ or VOC2012/": lambda: voc.scenes("trainval"),
    "COCO128: no folder coco128/": lambda: coco.scenes_128("train2017"),
}


@pytest.mark.parametrize("beginning, read", SETS.items())
def test_an_absent_set_is_named_with_its_source_and_place(root, beginning, read):
    with pytest.raises(Absent) as error:
        read()
    contains(str(error.value), beginning, f"XNORFORGE_DATA ({root})", " from http", "docs/guide/tasks.md")


def test_without_a_place_for_data_this_is_said(monkeypatch):
    monkeypatch.delenv("XNORFORGE_DATA", raising=False)
    refused(lambda: camvid.frames("test"), "CamVid: ", "XNORFORGE_DATA (not set)", "http", kind=Absent)


@pytest.mark.parametrize("name", ["penn_fudan", "camvid", "tracking", "coco128"])
def test_a_folder_without_the_set_is_named(root, name):
    (root / name).mkdir()
    read = {"penn_fudan": penn_fudan.scenes, "camvid": camvid.frames}
    read |= {"tracking": tracking.clips, "coco128": coco.scenes_128}
    with pytest.raises(UserError, match=rf"{re.escape(str(root / name))}.*docs/guide/tasks\.md") as error:
        read[name]("train2017" if name == "coco128" else "test")
    assert not isinstance(error.value, Absent)


@pytest.mark.parametrize("read", [penn_fudan.scenes, camvid.frames, tracking.clips])
@pytest.mark.usefixtures("root")
def test_an_unknown_split_is_answered_with_those_there_are(read):
    stops(r"'tset' .*test, train.*'test'", read, "tset")


@pytest.mark.parametrize("corners, why", [
    ((3, 5, 45, 30), ["x 2 to 45 and y 4 to 30", "40 x 30 pixels"]),
    ((3, 5, 2, 30), ["x 2 to 2 and y 4 to 30", "no area"]),
    ((41, 5, 41, 30), ["x 40 to 41 and y 4 to 30", "40 x 30 pixels"]),
    ((-9, 5, 10, 30), ["x -10 to 10 and y 4 to 30", "40 x 30 pixels"]),
])  # fmt: skip
def test_a_box_out_of_its_picture_is_named(root, corners, why):
    write.penn_packed(root, corners=corners)
    where = f"{root}/penn_fudan/annotations.json, PennPed00000"
    refused(lambda: penn_fudan.scenes("test"), f"{where}: box 1 of 1, ", *why)


def test_boxes_out_of_their_pictures_are_named_in_every_layout(root):
    write.penn_published(root, bottom=50)
    refused(lambda: penn_fudan.scenes("test"), "PennPed00000.txt: box 1 of 1, x 2 to 10 and y 4 to 50")
    write.coco128(root, "0 0.9 0.5 0.5 0.5")
    assert "000000000009.txt: box 1 of 1, x 26 to 46" in refused(lambda: coco.scenes_128("train2017"))


def test_a_target_nowhere_in_its_frame_is_named_and_one_partly_there_is_kept(tmp_path):
    lines = ["-5,-5,10,10", "38,28,10,10", "41,3,10,5"]
    one = write.sequence(tmp_path / "Box", "groundtruth_xywh.csv", lines)
    refused(lambda: tracking.clip(one), "box 3 of 3, x 41 to 51 and y 3 to 8")
    write.write(one / "cover.label", "1 1 0")
    assert tracking.clip(one).boxes[:2].tolist() == [[-5, -5, 5, 5], [38, 28, 48, 38]]


@pytest.mark.parametrize("lines, why", [
    (["2,3,10,5"] * 2, "2 boxes for 3 frames"), (["2,3,10,5"] * 4, "4 boxes for 3 frames"),
    (["2,3,10,5"] * 2 + ["2,3,10"], "4 or 8 numbers"), (["2,3,ten,5"] * 3, "4 or 8 numbers"),
])  # fmt: skip
def test_a_sequence_that_ends_early_or_has_no_boxes_is_named(tmp_path, lines, why):
    one = write.sequence(tmp_path / "Box", "groundtruth_rect.txt", lines)
    refused(lambda: tracking.clip(one), f"{one}/groundtruth_rect.txt: ", why)


def test_a_cover_of_another_length_is_named(tmp_path):
    one = write.sequence(tmp_path / "Box", "groundtruth.txt", ["2,3,10,5"] * 3)
    for content, why in (("1 1", "2 lines for 3 frames"), ("1 1 x", "number on every line")):
        write.write(one / "cover.label", content)
        refused(lambda: tracking.clip(one), f"{one}/cover.label: ", why)


def test_a_sequence_without_frames_or_boxes_is_named(tmp_path):
    (tmp_path / "Box").mkdir()
    names = "groundtruth_xywh.csv, groundtruth_rect.txt or groundtruth.txt"
    refused(lambda: tracking.clip(tmp_path / "Box"), f"{tmp_path}/Box: ", names)
    write.write(tmp_path / "Box/groundtruth.txt", "1,2,3,4")
    refused(lambda: tracking.clip(tmp_path / "Box"), f"{tmp_path}/Box: ", "no frame (*.jpg)")
    (tmp_path / "empty").mkdir()
    refused(lambda: tracking.sequences(tmp_path / "empty"), f"{tmp_path}/empty: ", "no sequence")


NEITHER = "truncated, or not one of PNG, JPEG, BMP, WEBP, PPM, GIF, TIFF, AVIF, DDS, ICO, JPEG2000, PCX"


def test_pictures_that_cannot_be_read_are_named(root):
    write.penn_packed(root)
    one = penn_fudan.scenes("test").items[0]
    whole = one.source.read_bytes()
    cases = {b"": "(the file is empty)"}
    cases |= dict.fromkeys((whole[: len(whole) // 2], b"<html>not found</html>"), NEITHER)
    for content, why in cases.items():
        one.source.write_bytes(content)
        refused(lambda: one.image, f"{one.source}: ", why, "download the file again")
    one.source.unlink()
    refused(lambda: one.image, f"{one.source}: ", "missing", "unpack the data set again")


def test_a_picture_of_another_size_is_named(root):
    write.penn_packed(root)
    one = penn_fudan.scenes("test").items[0]
    write.picture(one.source, (20, 10))
    refused(lambda: one.image, f"{one.source}: ", "20 x 10 pixels", "40 x 30", "same release")


def test_labels_of_another_size_or_kind_are_named(root):
    write.camvid_packed(root)
    one = camvid.frames("test").items[0]
    write.numbers(one.truth, np.zeros((3, 2)))
    refused(lambda: one.labels, "a.png: ", "2 x 3 pixels", "2 x 2")
    write.numbers(one.truth, [[0, 12], [3, 40]])
    refused(lambda: one.labels, "a.png: ", "label 40", "0 to 10", "11 for void")
    write.picture(one.truth, (2, 2))
    refused(lambda: one.labels, "a.png: ", "mode RGB", "one byte per pixel")


def test_pictures_of_a_kind_that_is_not_taken_are_named(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 4), 40000, np.uint16)).save(path)
    refused(lambda: pixels(path), f"{path}: ", "(mode I;16)", "8 bits")
    write.picture(path)
    monkeypatch.setattr(records, "MOST_PIXELS", 1000)
    refused(lambda: pixels(path), f"{path}: ", "1,000 pixels", "smaller")


def test_a_picture_is_turned_as_its_camera_noted_if_asked(tmp_path):
    """Exif's orientation 6: the first row of pixels is the right side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    assert (pixels(tmp_path / "a.png") == stored).all()
    assert (pixels(tmp_path / "a.png", upright=True)[:, 1] == stored[0]).all()


def test_numbers_in_the_names_of_frames_count_as_numbers():
    names = ["b1.png", "a10.png", "a9.png", "a9b.png", "10.png", "9.png"]
    assert [path.name for path in tracking.in_order(map(Path, names))] == [
        "9.png", "10.png", "a9.png", "a9b.png", "a10.png", "b1.png",
    ]  # fmt: skip


def test_a_frame_without_labels_is_named(root):
    write.camvid_packed(root)
    (root / "camvid/test/labels/b.png").unlink()
    refused(lambda: camvid.frames("test"), f"{root}/camvid/test: 'b' ", "no labels", "unpack")
    (root / "camvid/test/images/b.jpg").rename(root / "camvid/test/labels/c.jpg")
    refused(lambda: camvid.frames("test"), f"{root}/camvid/test: 'c' ", "no picture")


@pytest.mark.parametrize("content", ["{", "[1, 2]", '{"a": {"width": 3}}', '{"a": 3}'])
def test_a_damaged_table_of_boxes_is_named(root, content):
    write.write(root / "penn_fudan/annotations.json", content)
    refused(lambda: penn_fudan.scenes("test"), "annotations.json: ", "layout of docs/guide/tasks.md (")


@pytest.mark.parametrize("line", [f"{box} 0.5 0.5 0.5" for box in ("0", "a 0.5", "2 0.5", "0.5 0.5")])
def test_a_line_that_is_no_box_is_named(root, line):
    write.coco128(root, line)
    refused(lambda: coco.scenes_128("train2017"), "000000000009.txt: line 1 ", "class below 2", f"'{line}'")


def test_other_damaged_annotations_are_named(root):
    write.penn_published(root)
    write.write(root / "PennFudanPed/Annotation/PennPed00000.txt", "<html>")
    refused(lambda: penn_fudan.scenes("test"), "PennPed00000.txt: ", "no picture size")


def test_the_real_pedestrians_are_as_published():
    train, test = (real(penn_fudan.scenes, split) for split in ("train", "test"))
    assert len(train.items) == 136 and sum(len(item.boxes) for item in train.items + test.items) == 423
    assert [test.items[i].name for i in (0, -1)] == ["PennPed00063", "PennPed00096"]
    assert sum(len(item.boxes) for item in test.items) == 69
    one = test.items[5]
    persons = [np.argwhere(one.mask == k + 1) for k in range(len(one.boxes))]
    around = [[*at.min(0)[::-1], *(at.max(0)[::-1] + 1)] for at in persons]
    np.testing.assert_allclose(one.boxes, around, atol=2, err_msg="boxes fit the masks")


def test_the_real_frames_are_as_published():
    assert [len(real(camvid.frames, split).items) for split in ("train", "val", "test")] == [367, 101, 233]
    one = real(camvid.frames, "test").items[0]
    assert one.image.shape == (360, 480, 3) and one.labels.shape == (360, 480)


def test_the_real_sequences_have_864_frames_to_score():
    items = real(tracking.clips, "test").items
    assert sum(len(item.frames) - 1 for item in items) == 864 and all(item.visible.all() for item in items)


def test_the_real_objects_are_as_published():
    sets = [real(coco.scenes_128, split).items for split in ("train2017", "val2017")]
    assert [sum(len(item.boxes) for item in items) for items in sets] == [929, 898]


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
