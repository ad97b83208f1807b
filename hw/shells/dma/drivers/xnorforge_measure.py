"""Measure a network on its board: frames per second, latency, and power where the board reports it.

    python xnorforge_measure.py --device pynq            # or --device linux --registers /dev/uio0 --base 0

Run it in the folder of an overlay, where it writes measured.json. Copy that file next to the build's
report.html, and `xnorforge report` shows the figures.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

try:
    from xnorforge.core.errors import UserError
    from xnorforge.hw.shells.dma.drivers.xnorforge_driver import (
        BASE,
        GP_IDENTITY,
        Accelerator,
        Device,
        SimBus,
    )
except ImportError:  # on a board, beside the driver
    from xnorforge_driver import BASE, GP_IDENTITY, Accelerator, Device, SimBus, UserError  # type: ignore

SAMPLE = 0.01  # seconds between two looks at the power sensors


def sensors(root="/") -> dict[str, Path]:
    """The power sensors of the kernel's hwmon, by name; each file holds microwatts."""
    found = {}
    for path in sorted((Path(root) / "sys/class/hwmon").glob("hwmon*/power*_input")):
        label = path.with_name(path.name.replace("_input", "_label"))
        chip = path.with_name("name")
        parts = [one.read_text().strip() for one in (chip, label) if one.exists()]
        found[" ".join(parts) or f"{path.parent.name} {path.name}"] = path
    return found


class Power:
    """Mean power of every sensor over a `with` block: `watts`, {sensor: W}."""

    def __init__(self, root="/"):
        self.files, self.seen = sensors(root), dict[str, list[float]]()
        self.stop, self.thread = threading.Event(), threading.Thread(target=self._watch)

    def _watch(self) -> None:
        while True:
            for name, path in self.files.items():
                self.seen.setdefault(name, []).append(int(path.read_text()) / 1e6)
            if self.stop.wait(SAMPLE):
                return

    def __enter__(self) -> Power:
        self.thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop.set()
        self.thread.join()

    @property
    def watts(self) -> dict[str, float]:
        return {name: round(mean(values), 4) for name, values in self.seen.items()}


def measure(network: Accelerator, images, frames: int = 1000, singles: int = 100, root="/") -> dict[str, Any]:
    """What a run of frames in batches and runs of single frames take, packing on the host included.

    Args:
        network: open.
        images: as `predict` takes them, one or more; they are repeated.
        frames: in batches.
        singles: one by one, each started when the one before is read.
        root: where sys/ lies.

    Returns:
        The content of measured.json (docs/guide/board.md). In simulation the host's time says nothing about a
        board, so that only cycles are given.
    """
    simulated = isinstance(network.bus, SimBus)
    integers = network.integers(images)
    many = integers[np.arange(frames) % len(integers)]
    with Power(root) as idle:
        time.sleep(0 if simulated else 1.0)
    network.reset()
    with Power(root) as busy:
        start = time.perf_counter()
        network.run(many)
        seconds = time.perf_counter() - start
    cycles, each = network.counters()["cycles"], []
    for turn in range(singles):
        start = time.perf_counter()
        network.run(many[turn % frames : turn % frames + 1])
        each.append(1e6 * (time.perf_counter() - start))
    return {
        "net": network.about["net"],
        "hash": network.about["hash"],
        "kind": "simulated" if simulated else "measured",
        "frames": frames,
        "batch": network.batch,
        "cycles_per_frame": round(cycles / frames, 1),
        "frames_per_s": None if simulated else round(frames / seconds, 1),
        "latency_us": None if simulated or not each else {
            "median": round(median(each), 1), "least": round(min(each), 1), "most": round(max(each), 1)},
        "power_w": {name: {"idle": idle.watts[name], "busy": watts} for name, watts in busy.watts.items()},
    }  # fmt: skip


def main(argv=None) -> int:
    """The command line; 2 after an error, which is one sentence."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--device", choices=("pynq", "linux", "sim"), required=True)
    words.add_argument("--bitstream", help="with --device pynq: bitstream to load first")
    words.add_argument("--registers", default="/dev/mem", help="with --device linux: /dev/uio… or /dev/mem")
    words.add_argument("--base", type=lambda text: int(text, 0), help="register address")
    words.add_argument("--library", help="with --device sim: the verilated shell")
    words.add_argument("--frames", type=int, default=1000)
    words.add_argument("--singles", type=int, default=100, help="frames to run one by one, for the latency")
    words.add_argument("--batch", type=int, default=64)
    words.add_argument("-o", "--out", type=Path, default=Path("measured.json"))
    asked = words.parse_args(argv)
    try:
        if asked.frames < 1 or asked.singles < 0:
            raise UserError("measure: --frames must be at least 1, --singles at least 0.")
        network = Accelerator("overlay.json", _device(asked), batch=asked.batch)
        with np.load("examples.npz") as given:
            found = measure(network, given["images"], asked.frames, asked.singles)
    except UserError as error:
        print(error)
        return 2
    text = json.dumps({**found, "device": asked.device}, indent=1) + "\n"
    asked.out.write_text(text)
    print(text, end="")
    return 0


def _device(asked):
    if asked.device == "sim":
        return Device("sim", asked.library, "../rtl")
    shell = json.loads(Path("overlay.json").read_text())["shell"]
    base = shell.get("base", BASE) if asked.base is None else asked.base
    if asked.device == "linux":
        memory = None if shell["id"] == GP_IDENTITY else "udmabuf0"
        return Device("linux", asked.registers, base, memory)
    return Device("pynq", asked.bitstream, base)


if __name__ == "__main__":
    raise SystemExit(main())
