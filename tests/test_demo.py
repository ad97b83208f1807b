"""Demonstrations: networks of one or two layers whose answers can be said by hand, on pictures drawn for it;
and what is said of pictures, videos and boxes that cannot be used."""

import io
import shutil
import signal
import urllib.request
from contextlib import contextmanager

import av
import numpy as np
import pytest
from PIL import Image

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.demo import inputs, outputs, render
from xnorforge.hw import boards
from xnorforge.sim import examples
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.machine import Machine
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.draw.boxes import draw_truth
from xnorforge.sw.metrics.boxes import Truth
from xnorforge.sw.tasks import pedestrian
from xnorforge.sw.tasks.base import task_of

from .refusals import refuses, says, stops
from .sim.driving import write_folded

MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}


def windows(image, kernel, stride):
    """The operator, and the shape of what it gives."""
    out = [(side - kernel) // stride + 1 for side in image[:2]]
    made = MAKE["window"](ifm=image, kernel=[kernel] * 2, stride=[stride] * 2, bits=8 if image[2] == 3 else 1)
    return made, [*out, kernel * kernel * image[2]]


def matrix(bits, weights, shape, **arrays):
    """The operator behind windows of that shape, of elements of `bits` bits."""
    length, outputs = weights.shape
    sizes = {"mw": length, "mh": outputs, "vectors": shape[0] * shape[1], "simd": 1, "pe": 1}
    ends = {"in_shape": shape, "out_shape": [*shape[:2], outputs]}
    return MAKE["sign_mvu"](arrays={"weights": weights, **arrays}, in_bits=bits, **ends, **sizes)


def bright_cells():
    """160x128 to 20x16 x 5: the sum of a cell's 192 bytes, four differences of its even and odd columns."""
    window, shape = windows([128, 160, 3], 8, 8)
    even = np.arange(192) // 3 % 2
    weights = np.stack([np.ones(192, int), even, even, even, even], 1)
    # Surer than one half from a sum of 30,000 on, of 48,960; distances of 8 pixels.
    return [window, matrix(8, weights, shape)], np.full(5, 1e-3), [-30, *[np.log(0.5)] * 4]


def light_and_dark():
    """160x120 to 40x30 x 11: class 1 where it is light, class 0 where it is dark, the others say nothing."""
    window, shape = windows([120, 160, 3], 4, 4)
    weights = np.repeat((np.arange(48) % 2)[:, None], 11, 1)
    weights[:, 0], weights[:, 1] = 0, 1
    return [window, matrix(8, weights, shape)], np.full(11, 2.0**-7), [10, -20, *[0] * 9]


def block_signs():
    """128x128 to 32x32 x 16 bits, signs of random differences in cells of 4x4 pixels; to 24x24 x 16,
    majorities of random bits around; correlation with 8x8 of them. Sizes and steps are those of tinytrk."""
    rng = np.random.default_rng(0)
    window, shape = windows([128, 128, 3], 4, 4)
    cells = matrix(8, halves(rng, 48), shape, thresholds=np.zeros(16, int))
    wider, around = windows([32, 32, 16], 9, 1)
    features = matrix(1, halves(rng, 1296), around, thresholds=np.full(16, 648))
    again, windows_of_8 = windows([24, 24, 16], 8, 1)
    correlation = matrix(1, np.ones((1024, 1), int), windows_of_8)
    correlation.set_nodeattr("loadable", 1)
    return [window, cells, wider, features, again, correlation], [2.0], [-1024]


def halves(rng, length):
    """(length, 16) of as many 0 as 1."""
    return np.stack([rng.permutation(np.arange(length) % 2) for _ in range(16)], 1)


def colours():
    """32x32 RGB to three classes: bytes of one colour less the other two's, a hundred-thousandth each."""
    window, shape = windows([32, 32, 3], 32, 1)
    weights = (np.arange(3072)[:, None] % 3 == np.arange(3)).astype(int)
    return [window, matrix(8, weights, shape)], np.full(3, 1e-5), np.zeros(3)


NETS = {"pedestrian-tinyped": bright_cells, "segment-tinyseg": light_and_dark, "track-tinytrk": block_signs,
        "folder-small": colours}  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of such a network, with what the stages leave there."""
    kept = {}

    def get(net):
        if net not in kept:
            folder = tmp_path_factory.mktemp(net)
            acc, (ops, scale, bias) = folder / "rtl-pynq-z2", NETS[net]()
            acc.mkdir()
            write_folded(ops, acc)
            np.savez(folder / "lowered.npz", scale=np.array(scale, float), bias=np.array(bias, float))
            known = {"net": net, "method": "ste", "source": "by hand", "trained_on": "nothing",
                     "task": net.partition("-")[0],
                     "class_names": ["red", "green", "blue"] if net == "folder-small" else []}  # fmt: skip
            write_json(folder / "export.json", {"stage": "export", **known})
            write_json(acc / "fold.json", {"stage": "fold"})
            options = f'net = "{net}"\nboard = "pynq-z2"\nbackend = "rtl"\n'
            if net == "folder-small":
                for name in known["class_names"]:
                    for at in range(10):
                        save(picture((32, 32)), folder / "data" / name / f"{at}.png")
                options += f'data = "{folder / "data"}"\n'
            (acc / "build.toml").write_text(options)
            kept[net] = acc
        return kept[net]

    return get


@pytest.fixture
def call(command, monkeypatch):
    """Run a command line here, on networks built already: (exit code, last line of standard error)."""
    monkeypatch.setattr("xnorforge.pipeline.run.run_stages", lambda *_: [])

    def run(*words):
        code, _, said = command(*words)
        return code, said.splitlines()[-1]

    return run


def picture(size, white=(0, 0, 0, 0)):
    """Black, with a white box x0, y0, x1, y1; uint8 (H, W, 3)."""
    made = np.zeros((size[1], size[0], 3), np.uint8)
    made[white[1] : white[3], white[0] : white[2]] = 255
    return made


def save(made, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(made).save(path)
    return path


def video(path, frames, codec="libx264", rate=10, **options):
    """A video of frames uint8 (H, W, 3)."""
    with av.open(str(path), "w", container_options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "yuv420p"
        for frame in frames:
            given = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(given))
        container.mux(stream.encode())
    return path


def test_a_box_is_drawn_around_a_white_cell_of_a_picture_of_any_size(built, call, tmp_path):
    """640x400 at a quarter, 14 pixels from the top: cell column 10, row 6 is x 320 to 352, y 136 to 168."""
    save(picture((640, 400), (320, 136, 352, 168)), tmp_path / "in/a.png")
    save(picture((160, 128)), tmp_path / "in/b.jpg")
    acc = built("pedestrian-tinyped")
    code, said = call("demo", acc, "--image", tmp_path / "in", "-o", tmp_path / "out")
    assert code == 0 and said.endswith("/out/demo.json")
    record = read_json(tmp_path / "out/demo.json")
    [check] = record["checks"]
    assert (check["images"], check["mismatches"], check["integers"]) == (2, 0, 2 * 16 * 20 * 5)
    first, second = record["pictures"]
    [found] = first["found"]
    assert found["class"] == "person" and found["percent"] > 99
    np.testing.assert_allclose(found["box"], [304, 120, 368, 184], atol=0.5)
    assert second == {"picture": "b.jpg", "drawn": "b.png", "found": []}
    says(render.summary_of(first), "person … % at 304, 120, 368, 184")
    assert render.summary_of(second) == "nothing"
    drawn = np.asarray(Image.open(tmp_path / "out/a.png"))
    assert drawn.shape == (400, 640, 3)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "demo.json"]


class Board(BitSimulator):
    """Stands for a board on a serial line; tests/sim/test_serial_line.py has such a line."""

    def __init__(self, folded, port, baud):
        super().__init__(folded)
        self.where, self.frames, self.seconds, self.closed = (port, baud), 0, 0.0, False

    def close(self):
        self.closed = True

    def run(self, images, keep=(), block=1, workers=1):
        if not keep:
            self.frames, self.seconds = self.frames + len(images), self.seconds + len(images) / 8
        return super().run(images, keep, block, workers)


def test_a_board_computes_what_is_drawn(built, tmp_path, monkeypatch):
    save(picture((640, 400), (320, 136, 352, 168)), tmp_path / "in/a.png")
    save(picture((160, 128)), tmp_path / "in/b.png")
    acc = tmp_path / "net/rtl-ulx3s"
    shutil.copytree(built("pedestrian-tinyped").parent, acc.parent)
    (acc.parent / "rtl-pynq-z2").rename(acc)
    write_json(acc / "fold.json", {"stage": "fold", "board": "ulx3s"})
    opened = []

    def opened_board(*words):
        opened.append(Board(*words))
        return opened[-1]

    monkeypatch.setattr(render, "SerialBoard", opened_board)
    task, given = inputs.demo_request("pedestrian-tinyped", str(tmp_path / "in"), None, None)
    there = render.demo(acc, task, given, tmp_path / "there", port="/dev/ttyUSB7")
    here = render.demo(acc, task, given, tmp_path / "here")
    assert opened[0].where == ("/dev/ttyUSB7", boards.load("ulx3s").shell["baud"]) and opened[0].closed
    assert there["frames_per_s"] == 8 and "a board" in there["outputs"]
    assert there["pictures"] == here["pictures"] and there["checks"] == here["checks"]
    for name in ("a.png", "b.png"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()
    write_json(acc / "fold.json", {"stage": "fold", "board": "pynq-z2"})
    stops("PORT", render.demo, acc, task, given, tmp_path / "other", port="/dev/ttyUSB7")
    assert not (tmp_path / "other").exists()


def test_the_likeliest_classes_of_a_picture_stand_below_it_with_a_bar_each(built, call, tmp_path):
    """A green square in the middle of a wide red picture: 1024 pixels of 255 are a score of 2.6112 for green,
    and as much below 0 for the others; exp(2.6112) / (exp(2.6112) + 2 exp(-2.6112)) is 98.9 %."""
    wide = np.zeros((100, 300, 3), np.uint8)
    wide[:, :, 0] = 255
    wide[:, 100:200] = 0, 255, 0
    save(wide, tmp_path / "in/wide.png")
    save(wide[:, :100], tmp_path / "in/red.bmp")
    answer = call("demo", built("folder-small"), "--image", tmp_path / "in", "-o", tmp_path / "out")
    assert answer[0] == 0, answer
    record = read_json(tmp_path / "out/demo.json")
    assert record["checks"][0]["mismatches"] == 0 and record["checks"][0]["integers"] == 2 * 3
    red, green = record["pictures"]
    assert [row["class"] for row in red["likeliest"]] == ["red", "green", "blue"]  # of equal ones the first
    assert [row["class"] for row in green["likeliest"]] == ["green", "red", "blue"]
    assert [row["percent"] for row in green["likeliest"]] == [98.9, 0.5, 0.5]
    assert [row["score"] for row in green["likeliest"]] == [1e-5 * 261120, -1e-5 * 261120, -1e-5 * 261120]
    drawn = np.asarray(Image.open(tmp_path / "out/wide.png"))
    assert drawn.shape[1] == 600 and (drawn[100, 300] == (0, 255, 0)).all()


def test_an_example_is_what_the_last_picture_of_its_row_shows(built, tmp_path):
    acc, task = built("pedestrian-tinyped"), pedestrian.Task()
    rows = [picture((640, 400)), picture((640, 400), (320, 136, 352, 168))]
    task.examples = lambda: [("two", rows, None), ("none", rows[:1], None)]
    task.true_examples = lambda _names: [np.full((400, 640, 3), 128, np.uint8)] * 2
    drawn = examples.draw_examples(Machine.of(acc, task), "nothing", tmp_path / "examples")
    files = [(row["picture"], row["file"], row["true"]) for row in drawn]
    names = enumerate(("two", "none"), 1)
    assert files == [(name, f"examples/{n}.jpg", f"examples/{n}_true.jpg") for n, name in names]
    assert (np.asarray(Image.open(tmp_path / "examples/2_true.jpg")) == 128).all()
    assert [one["class"] for one in drawn[0]["found"]] == ["person"] and drawn[1]["found"] == []
    assert np.asarray(Image.open(tmp_path / "examples/1.jpg")).shape == (400, 640, 3)


def test_true_boxes_stand_where_they_are_and_those_that_count_for_nothing_are_left_out():
    places = np.array([[20.0, 30, 80, 90], [120, 20, 180, 80]])
    truth = Truth(places, np.array([0, 0]), np.array([False, True]))
    drawn = draw_truth(np.zeros((100, 480, 3), np.uint8), truth, ("person",))
    assert drawn[60, 18:24].any() and drawn[60, 76:82].any() and not drawn[40:80, 30:70].any()
    assert not drawn[:, 110:].any()


@pytest.mark.quick("!segment-tinyseg")
@pytest.mark.parametrize("net", ["pedestrian-tinyped", "segment-tinyseg", "track-tinytrk"])
def test_what_is_true_is_drawn_over_the_same_pictures(net, tmp_path, monkeypatch):
    """Far from boxes, and everywhere below a tint of one half, the picture is that of the example."""
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    task = task_of(net)
    drawn, shown = task.true_examples(("thing",)), task.examples()
    assert len(drawn) == len(shown)
    for truth, (_, pictures, _) in zip(drawn, shown):
        *_, last = pictures
        height, width = last.shape[:2]
        larger = truth.shape[1] // width  # small pictures are drawn larger, a legend below
        assert truth.shape[0] >= larger * height and truth.shape[1:] == (larger * width, 3)
        above = Image.fromarray(truth[: larger * height]).resize((width, height), Image.Resampling.BOX)
        away = np.abs(np.asarray(above).astype(int) - last).max(axis=2)
        assert away.any() and (away <= 140).mean() > 0.9


@pytest.mark.quick("!segment-tinyseg")
@pytest.mark.parametrize("net", ["pedestrian-tinyped", "segment-tinyseg", "track-tinytrk"])
def test_examples_are_taken_by_their_place_in_the_test_set(net, tmp_path, monkeypatch):
    monkeypatch.setenv("XNORFORGE_DATA", str(tmp_path))
    task = task_of(net)
    items, found = task.tested().items, task.examples()
    assert 1 < len(found) <= 4
    for (name, pictures, box), one in zip(found, items[:: len(items) // len(found)]):
        *_, last = pictures
        assert name.startswith(one.name) and (box is None) != task.follows
        np.testing.assert_array_equal(last, one.frame(39) if task.follows else one.image)


def test_masks_have_the_size_of_the_picture_and_their_colours_stand_in_the_legend(built, tmp_path):
    save(picture((800, 600), (0, 0, 400, 600)), tmp_path / "a.png")
    task, given = inputs.demo_request("segment-tinyseg", str(tmp_path / "a.png"), None, None)
    record = render.demo(built("segment-tinyseg"), task, given, tmp_path / "out")
    parts = record["pictures"][0]["percent_of_pixels"]
    assert parts["sky"] == pytest.approx(50, abs=3) and parts["sky"] + parts["building"] > 99
    drawn = np.asarray(Image.open(tmp_path / "out/a.png")).astype(int)
    assert drawn.shape[1] == 800 and drawn.shape[0] > 600
    light, dark = drawn[300, 370], drawn[300, 430]
    assert (drawn[:600, :370] == light).all() and (drawn[:600, 430:] == dark).all() and (light > dark).any()


def test_masks_of_an_accelerator_that_gives_labels_alone(built, tmp_path):
    """The same network with ArgMax behind it: dark cells are the sky, light ones a building."""
    acc = tmp_path / "net/rtl-pynq-z2"
    shutil.copytree(built("segment-tinyseg").parent, acc.parent)
    ops, *_ = light_and_dark()
    stream = ops[-1].out_stream()
    offset = np.array([10, -20, *[0] * 9]) * 2**7
    kind = {"in_shape": list(stream.shape), "in_bits": stream.bits, "in_signed": 1}
    last = MAKE["arg_max"](arrays={"offset": offset}, **kind)
    write_folded([*ops, last], acc)
    save(picture((800, 600), (0, 0, 400, 600)), tmp_path / "a.png")
    task, given = inputs.demo_request("segment-tinyseg", str(tmp_path / "a.png"), None, None)
    parts = render.demo(acc, task, given, tmp_path / "out")["pictures"][0]["percent_of_pixels"]
    assert parts["sky"] == pytest.approx(50, abs=3) and parts["building"] == pytest.approx(50, abs=3)


def test_a_patch_is_followed_from_a_learnt_template(built, tmp_path):
    """A made-up sequence, with the box of its annotation and with BOX: the same track, on the object."""
    [clip] = synthetic.clips(1, seed=3, frames=12).items
    x0, y0, x1, y1 = clip.boxes[0]
    for at in range(12):
        save(clip.frame(at), tmp_path / f"clip/{at + 1}.png")
    lines = [f"{a},{b},{c - a},{d - b}" for a, b, c, d in clip.boxes]
    (tmp_path / "clip/groundtruth.txt").write_text("\n".join(lines))
    acc, found = built("track-tinytrk"), []
    for box in (None, f"{x0},{y0},{x1 - x0},{y1 - y0}"):
        task, given = inputs.demo_request("track-tinytrk", None, str(tmp_path / "clip"), box)
        record = render.demo(acc, task, given, tmp_path / "out")
        found.append([row["box"] for row in record["pictures"]])
        assert record["checks"][0]["integers"] == 3 * 17 * 17 and not record["checks"][0]["mismatches"]
        assert record["files"] == ["clip.mp4"]
        sure = [row["confidence"] for row in record["pictures"]]
        assert sure[0] == 1 and all(0 <= one <= 1 for one in sure) and not record["pictures"][4]["lost"]
        known = record.get("success AUC")
        assert known is None if box else known > 0.6
    assert found[0] == found[1] and found[0][0] == clip.boxes[0].tolist()
    both = np.array([found[0], clip.boxes])
    centres, wanted = (both[..., :2] + both[..., 2:]) / 2
    assert np.abs(wanted - wanted[0]).max() > 10, "it moves"
    assert np.abs(centres - wanted).max() < 8
    with av.open(str(tmp_path / "out/clip.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 12 and frames[0].shape == (480, 640, 3)


def test_every_frame_of_a_video_is_drawn_where_nothing_is_followed(built, tmp_path):
    frames = [picture((320, 256), (16 * k, 96, 16 * k + 16, 112)) for k in range(5, 10)]
    path = video(tmp_path / "v.mp4", frames)
    task, given = inputs.demo_request("pedestrian-tinyped", None, str(path), None)
    rows = render.demo(built("pedestrian-tinyped"), task, given, tmp_path / "out")["pictures"]
    assert [row["picture"] for row in rows] == [f"frame {k}" for k in range(1, 6)]
    middles = [np.mean(np.reshape(row["found"][0]["box"], (2, 2)), 0) for row in rows]
    np.testing.assert_allclose(middles, [[16 * k + 8, 104] for k in range(5, 10)], atol=1)


def test_what_a_camera_sees_is_drawn_and_shown_at_once(built, call, tmp_path, monkeypatch):
    """A video in its place: its third drawing stops it, as Ctrl-C does, and a browser has the one before."""
    frames = [picture((320, 256), (16 * k, 96, 16 * k + 16, 112)) for k in range(5, 10)]
    path, seen, page = video(tmp_path / "v.mp4", frames), [], outputs.live_page

    @contextmanager
    def watched():
        with page() as (show, address):
            show(frames[0])
            with urllib.request.urlopen(address, timeout=20) as browser:
                kind = browser.headers["Content-Type"]
                assert kind == "multipart/x-mixed-replace; boundary=drawing"

                def look(drawing):
                    show(drawing)
                    lines = [browser.readline() for _ in range(4)]
                    jpeg = browser.read(int(lines[2].split()[1]))
                    browser.readline()
                    seen.append(np.asarray(Image.open(io.BytesIO(jpeg))))
                    if len(seen) == 3:
                        signal.raise_signal(signal.SIGINT)

                yield look, address

    monkeypatch.setattr(outputs, "live_page", watched)
    before = signal.getsignal(signal.SIGINT)
    code, _ = call("demo", built("pedestrian-tinyped"), "--camera", path, "-o", tmp_path / "out")
    assert code == 0 and signal.getsignal(signal.SIGINT) is before
    rows = read_json(tmp_path / "out/demo.json")["pictures"]
    assert [row["picture"] for row in rows] == ["frame 1", "frame 2", "frame 3"]
    middles = [np.mean(np.reshape(row["found"][0]["box"], (2, 2)), 0) for row in rows]
    np.testing.assert_allclose(middles, [[16 * k + 8, 104] for k in range(5, 8)], atol=1)
    with av.open(str(tmp_path / "out/v.mp4")) as film:
        drawn = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(drawn) == 3 and np.abs(drawn[1] - seen[2].astype(int)).mean() < 8  # the first page is a frame


def test_a_folder_of_frames_is_read_in_the_order_of_its_numbers_and_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    for number, grey in ((10, 30), (9, 20), (1, 10)):
        Image.new("RGB", (8, 4), (grey,) * 3).save(tmp_path / f"f{number}.png", exif=exif)
    (tmp_path / "._f1.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").touch()
    found = inputs.given(None, str(tmp_path), None, "pedestrian", False)
    assert found.names == ["f1.png", "f9.png", "f10.png"] and [
        int(frame.mean()) for frame in found.frames()
    ] == [10, 20, 30]
    assert {frame.shape for frame in found.frames()} == {(8, 4, 3)}


def test_a_video_is_turned_as_its_file_says(tmp_path):
    path = video(tmp_path / "v.mp4", [picture((64, 48), (0, 0, 20, 20))] * 3)
    content = path.read_bytes()
    turns = [65536, 0, 0, 0, 65536], [0, 65536, 0, -65536, 0]
    unit, rotated = (np.array(values, ">i4") for values in turns)
    at = content.index(b"tkhd") + 4 + 40
    assert content[at : at + 20] == unit.tobytes()
    path.write_bytes(content[:at] + rotated.tobytes() + content[at + 20 :])
    frame = next(inputs.given(None, str(path), None, "pedestrian", False).frames())
    assert frame.shape == (64, 48, 3) and frame[10, 38].min() > 200 and frame[10, 10].max() < 50, "clockwise"


def test_two_pictures_of_one_name_keep_their_suffixes(built, tmp_path):
    save(picture((160, 128)), tmp_path / "in/a.png")
    save(picture((160, 128)), tmp_path / "in/a.bmp")
    task, given = inputs.demo_request("pedestrian-tinyped", str(tmp_path / "in"), None, None)
    record = render.demo(built("pedestrian-tinyped"), task, given, tmp_path / "out")
    assert record["files"] == ["a.bmp.png", "a.png.png"]


def test_a_later_demonstration_replaces_an_earlier_one_and_nothing_else(built, call, tmp_path):
    acc = built("pedestrian-tinyped")
    for name in "ab":
        save(picture((160, 128)), tmp_path / f"{name}.png")
        assert call("demo", acc, "--image", tmp_path / f"{name}.png", "-o", tmp_path / "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["b.png", "demo.json"]
    (tmp_path / "out/mine.txt").touch()
    before = (tmp_path / "out/demo.json").read_bytes()
    code, said = call("demo", acc, "--image", tmp_path / "a.png", "-o", tmp_path / "out")
    assert code == 2
    says(said, f"{tmp_path}/out: … mine.txt")
    assert (tmp_path / "out/demo.json").read_bytes() == before and (tmp_path / "out/mine.txt").exists()


def test_a_wrong_integer_of_the_bit_simulator_is_found(built, call, tmp_path, monkeypatch):
    """One that differs from every operator's own meaning ends with exit code 1."""
    save(picture((160, 128)), tmp_path / "a.png")
    plain = render.Machine.__call__

    def wrong(self, frames, exemplar=None):
        answers = plain(self, frames, exemplar)
        self.kept[0][1][0, 3, 4, 2] += 1
        return answers

    monkeypatch.setattr(render.Machine, "__call__", wrong)
    given = "--image", tmp_path / "a.png", "-o", tmp_path / "out"
    code, said = call("demo", built("pedestrian-tinyped"), *given)
    assert code == 1 and said.startswith("demo: bit simulator = reference walk failed; the figures are in")


def cut(path, part):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])


@pytest.fixture(scope="module")
def wrong(tmp_path_factory):
    """A folder with what cannot be used, and what can."""
    root = tmp_path_factory.mktemp("wrong")
    rng = np.random.default_rng(0)
    for name in ("ok.png", "frames/1.png", "frames/2.png", "late/1.png", "late/2.png"):
        save(rng.integers(0, 256, (48, 64, 3), np.uint8), root / name)
    cut(root / "late/2.png", 0.5)
    (root / "nothing").mkdir()
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(30)]
    cut(video(root / "half.mkv", noise), 0.5)
    cut(video(root / "fast.mp4", noise, movflags="faststart"), 0.5)
    return root


PED, TRK = "pedestrian-tinyped", "track-tinytrk"


@pytest.mark.parametrize("net, words, answer", [
    (PED, [], "demo: … IMAGE= … VIDEO="),
    (PED, ["--image", "ok.png", "--video", "frames"], "demo: IMAGE and VIDEO … IMAGE= … VIDEO="),
    (PED, ["--video", "frames", "--camera", "ok.png"], "demo: VIDEO and CAMERA … CAMERA="),
    (PED, ["--camera", "none.mp4"], "CAMERA: '{root}/none.mp4' does not exist … /dev/video0"),
    (PED, ["--camera", "frames"], "CAMERA: {root}/frames … /dev/video0"),
    (TRK, ["--camera", "fast.mp4"], "BOX: … {root}/fast.mp4 … BOX=x,y,w,h"),
    (PED, ["--image", "none.png"], "IMAGE: '{root}/none.png' does not exist"),
    (PED, ["--video", "none.mp4"], "VIDEO: '{root}/none.mp4' does not exist"),
    (PED, ["--image", "nothing"], "{root}/nothing: … (.jpg, .jpeg, .png, .webp, … folder"),
    (PED, ["--video", "nothing"], "{root}/nothing: … (.jpg, .jpeg, .png, .webp, … folder"),
    (PED, ["--image", "late"], "{root}/late/2.png: … PNG, JPEG, BMP, … again"),
    (PED, ["--video", "half.mkv"], "{root}/half.mkv: … frame … cut it there"),
    (PED, ["--video", "fast.mp4"], "{root}/fast.mp4: … frame … cut it there"),
    (PED, ["--image", "ok.png", "--box", "1,2,3,4"], "BOX: TASK=pedestrian … leave BOX out"),
    (TRK, ["--image", "ok.png"], "IMAGE: TASK=track … VIDEO="),
    (TRK, ["--video", "frames"], "BOX: … {root}/frames … BOX=x,y,w,h"),
    (TRK, ["--video", "fast.mp4"], "BOX: … {root}/fast.mp4 … BOX=x,y,w,h"),
    (TRK, ["--video", "frames", "--box", "1,2,3"], "BOX: '1,2,3' … x,y,w,h … first frame"),
    (TRK, ["--video", "frames", "--box", "1,2,3,nan"], "BOX: '1,2,3,nan' … x,y,w,h … first frame"),
    (TRK, ["--video", "frames", "--box", "60,2,10,20"], "BOX: … 64 x 48 … x 60 to 70, y 2 to 22"),
    (TRK, ["--video", "frames", "--box", "6,2,10,0"], "BOX: … 64 x 48 … x 6 to 16, y 2 to 2 … area"),
])  # fmt: skip
def test_what_cannot_be_shown_is_told_and_leaves_nothing(built, call, wrong, tmp_path, net, words, answer):
    """Other pictures, videos and boxes are in hostile_tables.py: SHOWN, VIDEOS, FRAMES and BOXES."""
    words = [wrong / word if "." in word or word.isalpha() else word for word in words]
    (tmp_path / "kept").touch()
    code, said = call("demo", built(net), *words, "-o", tmp_path / "out")
    assert code == 2
    says(said, answer.format(root=wrong))
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_network_from_a_file_is_refused_as_nobody_says_what_its_scores_mean(wrong):
    net = inputs.network_of({"net": "mnist-cnn", "method": "imported"})
    with refuses(f"demo: … TASK= … {', '.join(plugins.names('sw.tasks'))}"):
        inputs.demo_request(net, str(wrong / "ok.png"), None, None)
