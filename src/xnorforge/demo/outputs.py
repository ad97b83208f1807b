"""Drawings as files: a PNG for each picture; for a video an MP4."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image


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
def film(path: Path, rate: float) -> Iterator:
    """Yields `put(name, drawing)` for frames of an MP4 (H.264), all of the first's even size."""
    import av

    first = True
    with av.open(str(path), "w") as container:
        exact = Fraction(rate).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=exact, options={"crf": "20"})
        stream.pix_fmt = "yuv420p"

        def put(_name: str, drawing: np.ndarray) -> dict:
            nonlocal first
            if first:
                first = False
                stream.height, stream.width = (side // 2 * 2 for side in drawing.shape[:2])
            whole = np.full((stream.height, stream.width, 3), 255, np.uint8)
            tall, wide = (min(pair) for pair in zip(whole.shape, drawing.shape[:2]))
            whole[:tall, :wide] = drawing[:tall, :wide]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(whole, format="rgb24")))
            return {}

        yield put
        container.mux(stream.encode())
