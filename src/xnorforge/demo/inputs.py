"""The pictures and videos that a user gives: each is checked before anything is built, and read one by one.

IMAGE=   a picture, or a folder of pictures of any sizes
VIDEO=   a video, a folder of frames sorted by name, or a sequence in a layout of docs/guide/tasks.md
CAMERA=  a camera (/dev/video0), or a video in its place, until Ctrl-C
BOX=     x,y,w,h in the first frame, for tasks that follow an object; an annotated sequence has its own
"""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xnorforge.core import extras, plugins
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.sw.datasets import tracking
from xnorforge.sw.records import pixels, size_of
from xnorforge.sw.tasks.base import Task, task_of

if TYPE_CHECKING:
    import av

SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".ppm", ".pgm", ".gif", ".tif", ".tiff", ".avif", ".dds",
    ".ico", ".jp2", ".pcx", ".qoi", ".sgi", ".tga",
)  # fmt: skip
RATE = 25.0  # frames per second of a folder of frames
RATES = (0.01, 1000.0)  # frames per second that a video may state
MOST_PIXELS = 1 << 25  # of a video's frame, several of which are in memory at once; 7,680 x 4,320 is allowed
MOST_FRAMES = 1_000_000  # counted in advance
TEXTS = {"hls", "dash", "concat", "tty"}  # text formats that FFmpeg reads as videos or lists of videos
LOST = 0.1, 0.5  # seconds by which pictures may be shorter than their stream says, and than the whole file


@dataclass(frozen=True)
class InputFrames:
    """Pictures, or the frames of a video, as input of a demonstration.

    Attributes:
        name: of the file or folder, without its suffix.
        names: of the pictures; for a video, one per frame that its header states.
        frames: reads them from the start, uint8 (H, W, 3) RGB, upright.
        rate: frames per second; None for single pictures.
        box: float (4,), x0, y0, x1, y1 in the first frame, if one was given or found.
        truth: of an annotated sequence, the boxes of all frames, (T, 4), and where they count, bool (T,).
        live: a camera: its frames end with Ctrl-C, and whoever waits for the drawings sees them at once.
    """

    name: str
    names: list[str]
    frames: Callable[[], Iterator[np.ndarray]]
    rate: float | None = None
    box: np.ndarray | None = None
    truth: tuple[np.ndarray, np.ndarray] | None = None
    live: bool = False


def network_of(exported: Record) -> str | None:
    """The network of a record export.json; None if it was imported from a file."""
    return None if exported["method"] == "imported" else exported["net"]


def demo_request(
    net: str | None, image: str | None, video: str | None, box: str | None, camera: str | None = None
) -> tuple[Task, InputFrames]:
    """A network's task and the requested pictures; UserError without a task, or see `given`."""
    if not net:
        raise UserError(
            "demo: an imported network has no task that defines the meaning of its scores, so nothing can be "
            f"drawn; set TASK= to one of {', '.join(plugins.names('sw.tasks'))}."
        )
    task = task_of(net)
    return task, given(image, video, box, net.partition("-")[0], task.follows, camera)


def given(
    image: str | None, video: str | None, box: str | None, task: str, follows: bool, camera: str | None = None
) -> InputFrames:
    """The input that IMAGE, VIDEO, CAMERA and BOX select.

    Args:
        task: its name, for messages.
        follows: it follows an object from a box in the first frame.

    Raises:
        UserError: none or several of the first three are given; the path does not exist, or the first picture
            cannot be read; the box is missing, malformed or outside the first frame.
    """
    kind = _kind_of({"IMAGE": image, "VIDEO": video, "CAMERA": camera})
    if box and not follows:
        raise UserError(f"BOX: TASK={task} finds its objects itself and takes no box; leave BOX out.")
    if image and follows:
        raise UserError(f"IMAGE: TASK={task} follows an object from frame to frame; use VIDEO= instead.")
    path = Path(image or video or camera or "")
    if not os.path.exists(path):  # pathlib raises an error for names that are too long
        raise UserError(
            f"{kind}: '{path}' does not exist; give the path of "
            f"{'a camera, such as /dev/video0' if camera else 'a file or a folder'}."
        )
    if not image:
        extras.require("av", "a video")
    if follows and not box and not tracking.annotation(path):
        raise UserError(
            f"BOX: not given, and {path} has no boxes in a layout of docs/guide/tasks.md; give the position "
            "of the object in the first frame as BOX=x,y,w,h, in pixels."
        )
    read = {"IMAGE": _pictures, "CAMERA": _camera, "VIDEO": _video}[kind]
    found = _sequence(path, follows and not box) if video and path.is_dir() else read(path)
    first = next(found.frames())
    return replace(found, box=_inside(box, first.shape[1::-1])) if box else found


def _kind_of(asked: dict[str, str | None]) -> str:
    """Which of the inputs is given; UserError unless it is one."""
    kinds = [kind for kind, path in asked.items() if path]
    if len(kinds) != 1:
        why = f"{' and '.join(kinds)} are given together" if kinds else "no input is given"
        raise UserError(
            f"demo: {why}; give either IMAGE=, a picture or a folder of pictures, VIDEO=, a video or a "
            "folder of frames, or CAMERA=, such as /dev/video0."
        )
    return kinds[0]


def _pictures(path: Path) -> InputFrames:
    files = _files(path) if path.is_dir() else [path]
    if not files:
        raise _empty(path)
    names = [file.name for file in files]
    return InputFrames(path.stem, names, lambda: (pixels(file, upright=True) for file in files))


def _sequence(folder: Path, needs_box: bool) -> InputFrames:
    """A folder of frames; if a box is needed, with the box of the annotation."""
    name = folder.resolve().name
    if needs_box:
        clip = tracking.clip(folder)
        if not clip.visible[0]:
            raise UserError(
                f"{folder}: its first frame does not show the object; give BOX=, or a folder that starts "
                "later."
            )
        names = [frame.name for frame in clip.frames]
        return InputFrames(
            name, names, lambda: (clip.frame(at) for at in range(len(names))), RATE, clip.boxes[0],
            (clip.boxes, clip.visible),
        )  # fmt: skip
    files = next(filter(None, (_files(folder / place) for place in ("img", "color", "."))), None)
    if files is None:
        raise _empty(folder)
    size = size_of(files[0])
    return InputFrames(
        name, [file.name for file in files], lambda: (pixels(file, size, upright=True) for file in files),
        RATE,
    )  # fmt: skip


def _files(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted by name with numbers in numeric order."""
    return tracking.in_order(path for path in folder.glob("[!.]*") if path.suffix.lower() in SUFFIXES)


def _empty(folder: Path) -> UserError:
    return UserError(f"{folder}: contains no pictures ({', '.join(SUFFIXES)}); give a folder with some.")


def _camera(path: Path) -> InputFrames:
    if not (path.is_char_device() or path.is_file()):
        raise UserError(f"CAMERA: {path} is neither a camera nor a video; give one, such as /dev/video0.")
    return replace(_video(path), names=[], frames=lambda: until_interrupted(_decoded(path)), live=True)


def until_interrupted(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass frames on; Ctrl-C ends them and is no error."""
    asked = list[int]()
    before = signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        for frame in frames:
            yield frame
            if asked:
                return
    finally:
        signal.signal(signal.SIGINT, before)


def _video(path: Path) -> InputFrames:
    if not (path.is_file() or path.is_char_device()):
        raise UserError(f"{path}: is not a regular file; give a video.")
    import av

    with _opened(path) as container:
        rate = float(container.streams.video[0].average_rate or RATE)
        if not RATES[0] <= rate <= RATES[1]:
            raise UserError(
                f"{path}: states a rate of {rate:g} frames per second; give a video with {RATES[0]:g} to "
                f"{RATES[1]:,.0f}, or its frames as a folder."
            )
        count = min(round(rate * (container.duration or 0) / av.time_base), MOST_FRAMES)
    return InputFrames(path.stem, [f"frame {at + 1}" for at in range(count)], lambda: _decoded(path), rate)


def _opened(path: Path):
    import av

    try:
        # In "a:b.mp4" without "file:", "a" would be a protocol.
        kind, place = ("v4l2", str(path)) if path.is_char_device() else (None, f"file:{path}")
        container = av.open(place, format=kind, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise UserError(
            f"{path}: not a readable video or camera ({_why(error)}); fetch the file again, or give its "
            "frames as a folder."
        ) from error
    if not container.streams.video:
        container.close()
        raise UserError(f"{path}: contains no video stream; give a video.")
    if TEXTS.intersection(container.format.name.split(",")):
        container.close()
        raise UserError(
            f"{path}: is a text file ({container.format.name}), not a video; give the video itself."
        )
    shown = container.streams.video[0].codec_context
    if shown is None:
        container.close()
        raise UserError(f"{path}: FFmpeg cannot read its codec; give its frames as a folder.")
    _small_enough(path, shown.width, shown.height)
    return container


def _small_enough(path: Path, width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise UserError(
            f"{path}: has frames of {width} x {height} pixels, but at most {MOST_PIXELS:,} pixels are "
            "allowed; scale it down."
        )


def _decoded(path: Path) -> Iterator[np.ndarray]:
    """A video's frames, upright; UserError if unreadable, or shorter than it states."""
    import av

    with _opened(path) as container:
        stream, start, end, count = container.streams.video[0], None, 0.0, 0
        stream.thread_type = "AUTO"
        try:
            for frame in container.decode(stream):
                count += 1
                _small_enough(path, frame.width, frame.height)
                if frame.time is not None:  # a bare stream, without a container, has no times
                    start = frame.time if start is None else start
                    lasts = frame.duration * (frame.time_base or 0) or 1 / (stream.average_rate or RATE)
                    end = frame.time + float(lasts)
                yield np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
        except (av.FFmpegError, OSError) as error:
            raise UserError(
                f"{path}: cannot be read after frame {count} ({_why(error)}); fetch the file again or cut "
                "it there."
            ) from error
        if not count:
            raise UserError(f"{path}: contains no frames; give a video with at least one.")
        said, lost = (container.duration or 0) / av.time_base, LOST[1]
        if stream.duration and stream.time_base:
            said, lost = stream.duration * stream.time_base, LOST[0]
        if start is not None and end - start < said - lost:
            raise UserError(
                f"{path}: ends after {end - start:.1f} s, frame {count}, but states a length of "
                f"{float(said):.1f} s; fetch the file again or cut it there."
            )


def _why(error: "av.FFmpegError | OSError") -> str:
    return (error.strerror or type(error).__name__).lower()


def _inside(text: str, size: tuple[int, int]) -> np.ndarray:
    """x,y,w,h as corners."""
    try:
        x, y, wide, tall = map(float, text.split(","))
        if not all(map(isfinite, (x, y, wide, tall))):
            raise ValueError
    except ValueError:
        raise UserError(
            f"BOX: '{text}' is not x,y,w,h; give the object's left, top, width and height in the first "
            "frame, in pixels."
        ) from None
    if min(wide, tall) <= 0 or min(x, y) < 0 or x + wide > size[0] or y + tall > size[1]:
        why = "has no area" if min(wide, tall) <= 0 else "is not inside it"
        raise UserError(
            f"BOX: the first frame has {size[0]} x {size[1]} pixels, and the box x {x:g} to {x + wide:g}, "
            f"y {y:g} to {y + tall:g} {why}; give x,y,w,h in pixels of the frame."
        )
    return np.array([x, y, x + wide, y + tall])
