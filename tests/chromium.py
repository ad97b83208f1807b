"""A headless Chromium for tests of pages, driven through its pipe (Chrome DevTools Protocol).

`CHROMIUM` names the program; else one of the usual names on PATH is taken."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome-headless-shell")
OPTIONS = ("--headless", "--no-sandbox", "--no-zygote", "--single-process", "--in-process-gpu",
           "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
           "--disable-dev-shm-usage", "--no-proxy-server", "--no-first-run", "--hide-scrollbars",
           "--disable-extensions", "--font-render-hinting=none", "--remote-debugging-pipe")  # fmt: skip


def program() -> str | None:
    """The browser, or None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One browser with one page; a context manager."""

    def __init__(self, path: str):
        self.home = tempfile.mkdtemp(prefix="xnorforge-chromium-")
        to_read, self.requests = os.pipe()
        self.answers, to_write = os.pipe()

        def ends() -> None:  # the protocol is spoken on descriptors 3 and 4
            kept = os.dup(to_read), os.dup(to_write)
            for descriptor, place in zip(kept, (3, 4)):
                os.dup2(descriptor, place)

        self.process = subprocess.Popen(
            [path, *OPTIONS, f"--user-data-dir={self.home}", "about:blank"],
            preexec_fn=ends, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read), os.close(to_write)
        self.number, self.buffer, self.session = 0, b"", None

    def __enter__(self) -> "Browser":
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.requests), os.close(self.answers)
        shutil.rmtree(self.home, ignore_errors=True)

    def call(self, method: str, **given) -> dict:
        """One command of the protocol; its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": given}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.requests, json.dumps(message).encode() + b"\0")
        found = self._message(lambda one: one.get("id") == self.number)
        if "error" in found:
            raise RuntimeError(f"{method}: {found['error']}")
        return found["result"]

    def _message(self, wanted) -> dict:
        while True:
            while b"\0" not in self.buffer:
                more = os.read(self.answers, 1 << 20)
                if not more:
                    raise RuntimeError("the browser has ended")
                self.buffer += more
            text, _, self.buffer = self.buffer.partition(b"\0")
            if wanted(found := json.loads(text)):
                return found

    def open(self, page: Path, width: int, dark: bool = False) -> None:
        """Show a page at a width in pixels, in the light or the dark scheme."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.call("Page.navigate", url=page.resolve().as_uri())
        self._message(lambda one: one.get("method") == "Page.loadEventFired")

    def evaluate(self, script: str):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"])
        return found["result"].get("value")

    def picture(self, width: int, height: int) -> bytes:
        """The top of the page as PNG."""
        given = {"format": "png", "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}
        return base64.b64decode(self.call("Page.captureScreenshot", **given)["data"])

    def pdf(self) -> bytes:
        """The page as it is printed, on the paper that it asks for."""
        given = {"preferCSSPageSize": True, "printBackground": True}
        return base64.b64decode(self.call("Page.printToPDF", **given)["data"])
