"""Drawings as files: a PNG for each picture; for a video an MP4."""

import io
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread

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


PART = b"--drawing\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"


@contextmanager
def live_page() -> Iterator:
    """Yields `show(drawing)` and the address at which a browser of this machine sees the drawings."""
    fresh, last = Condition(), [b""]

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with one drawing after another."""
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=drawing")
            self.end_headers()
            shown = b""
            with suppress(OSError):  # the browser has gone
                while True:
                    with fresh:
                        fresh.wait_for(lambda shown=shown: last[0] is not shown)
                        shown = last[0]
                    self.wfile.write(PART % (len(shown), shown))

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing of requests."""

    def show(drawing: np.ndarray) -> None:
        file = io.BytesIO()
        Image.fromarray(drawing).save(file, "JPEG")
        with fresh:
            last[0] = file.getvalue()
            fresh.notify_all()

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.daemon_threads, server.block_on_close = True, False
        Thread(target=server.serve_forever, daemon=True).start()
        yield show, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
