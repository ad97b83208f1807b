"""Drawings as files: a PNG for each picture; for a video an MP4 and, if requested, a small GIF."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

SIDE, FRAMES = 360, 80  # of a GIF, which compresses badly: longer side in pixels, and most frames


@contextmanager
def album(folder: Path, names: list[str]) -> Iterator:
    """Yields `put(name, drawing)`, which writes a PNG named like the picture and returns its name as `drawn`.
    The picture's suffix is kept only if the names would otherwise collide."""
    stems = Counter(Path(name).stem for name in names)

    def put(name: str, drawing: np.ndarray) -> dict:
        stem = Path(name).stem
        file = f"{stem if stems[stem] == 1 else name}.png"
        Image.fromarray(drawing).save(folder / file)
        return {"drawn": file}

    yield put


@contextmanager
def film(path: Path, rate: float, gif: bool) -> Iterator:
    """Yields `put(name, drawing)` for the frames of `path`, an MP4 (H.264); with `gif`, also writes a GIF
    next to it.

    All frames get the size of the first, less one if that is odd.
    """
    import av

    few, step, count = [], 1, 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(1001), options={"crf": "20"}
        )
        stream.pix_fmt = "yuv420p"

        def put(_name: str, drawing: np.ndarray) -> dict:
            nonlocal few, step, count
            if not count:
                stream.height, stream.width = (side // 2 * 2 for side in drawing.shape[:2])
            whole = np.full((stream.height, stream.width, 3), 255, np.uint8)
            tall, wide = (min(pair) for pair in zip(whole.shape, drawing.shape[:2]))
            whole[:tall, :wide] = drawing[:tall, :wide]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
            if gif and count % step == 0:
                small = Image.fromarray(whole)
                small.thumbnail((SIDE, SIDE))
                few.append(small.quantize(128, Image.Quantize.FASTOCTREE))  # other methods take a second each
                if len(few) > FRAMES:
                    few, step = few[::2], 2 * step
            count += 1
            return {}

        yield put
        container.mux(stream.encode())
    if gif:
        few[0].save(
            path.with_suffix(".gif"),
            save_all=True,
            append_images=few[1:],
            duration=1000 * step / rate,
            loop=0,
        )
