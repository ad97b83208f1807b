"""What tests of the drivers share: a small network, the Python driver on its overlay, C programs."""

import ctypes
import os
import shutil
import subprocess
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import pytest

from xnorforge.core import plugins
from xnorforge.core.artifacts import write_json
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import folded_graph
from xnorforge.hw import graph, memory
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator, Device

SCALE, BIAS = np.array([0.5, 0.25, 1.0, 2.0]), np.array([1.0, -1.0, 0.0, 8.0])


@contextmanager
def simulations(library: Path, rtl: Path, **always):
    """Open simulations with options of SimBus, beside those of all; they are closed at the end."""
    opened = []

    def opener(**options):
        opened.append(Device("sim", library, rtl, **always, **options))
        return opened[-1]

    yield opener
    for bus in opened:
        bus.close()


def as_ddr(bus, gb_per_s: float, clock_mhz: float, latency_ns: float = 200.0) -> None:
    """Let a simulated memory behave like DDR3: `gb_per_s` shared by reads and writes, `latency_ns` to the
    first word of a burst, and refreshes as the memory model has them."""
    times = latency_ns / 1e3, memory.BETWEEN, memory.REFRESH
    latency, every, busy = (round(time * clock_mhz) for time in times)
    words = min(4.0, 1e3 * gb_per_s / clock_mhz / 8)
    numbers = [ctypes.c_uint64(one) for one in (latency, every, busy, round(words * 2**20))]
    bus.library.xf_sim_timing(ctypes.c_void_p(bus.system), *numbers)


def words_read(bus) -> int:
    """Words of 8 bytes that an accelerator has read from the memory of a simulation."""
    call = bus.library.xf_sim_words_read
    call.restype = ctypes.c_uint64
    return call(ctypes.c_void_p(bus.system))


def write_folded(ops, folder: Path) -> None:
    """Operators, one behind the other, as the file of a folded network; named by their kind and place."""
    row = deepcopy(ops)
    for place, op in enumerate(row):
        op.onnx_node.name, op.onnx_node.output[0] = f"{type(op).__name__.lower()}_{place}", f"t{place}"
    onnx.save(folded_graph(graph.in_a_row(row), "chain"), folder / "folded.onnx")


def generated(ops, folder: Path) -> list:
    """The operators as that file in `folder` has them, and their RTL in `folder`/rtl."""
    write_folded(ops, folder)
    generate(folder / "folded.onnx", folder / "rtl")
    return graph.operators(folder / "folded.onnx")


def small_network(net: Path) -> Path:
    """A network's folder as the stages leave it before the overlay; that of its accelerator.
    Bytes 4 x 4 x 3, three per beat, to four signed sums and the index of the largest."""
    rng = np.random.default_rng(0)
    make = {name: plugins.load("hw.ops", name).Op.make for name in ("sign_mvu", "top_k")}
    weights = {"weights": rng.integers(0, 2, (48, 4))}
    sums = make["sign_mvu"](arrays=weights, mw=48, mh=4, simd=3, in_shape=[4, 4, 3], out_shape=[4], in_bits=8)
    stream = sums.out_stream()
    largest = make["top_k"](n=4, in_bits=stream.bits, in_signed=int(stream.signed))
    images = rng.integers(0, 256, (20, 3, 4, 4)).astype(np.uint8)
    scores = SCALE * sums.run(graph.enter(sums, images))[:, :4] + BIAS
    return folder_of_network(net, [sums, largest], images, scores)


def folder_of_network(net: Path, ops, images, scores, scale=SCALE, bias=BIAS) -> Path:
    """As `small_network`, of other operators that take bytes, and their scores on images."""
    acc = net / "acc"
    acc.mkdir()
    generated(ops, acc)
    values = {"lo": 0, "hi": 255, "scale": 0.5, "offset": -1.0}
    write_json(acc / "fold.json", {"board": "pynq-z2"})
    write_json(net / "export.json", {"net": "small", "input": values})
    np.savez(net / "lowered.npz", scale=scale, bias=bias)
    np.savez(net / "golden.npz", images=images, scores=scores)
    return acc


def accelerator(acc: Path, bus, **options) -> Accelerator:
    """The Python driver of the overlay in `acc`."""
    return Accelerator(acc / "overlay" / "overlay.json", bus, **options)


def printed(name: str, acc: Path, library: Path, folder: Path, pixels, *words) -> list[str]:
    """What a C program beside this one prints of its pixels: the C driver, C99, -Werror, the shell."""
    compiler = os.environ.get("CC") or "gcc"
    if shutil.which(compiler) is None:
        pytest.skip(f"no C compiler {compiler}")
    own, flags = acc / "overlay", ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    sources = [own / "xf_driver.c", Path(__file__).parent / name]
    linked = [library, f"-Wl,-rpath,{library.parent}", "-o", folder / "program"]
    subprocess.run([compiler, *flags, "-O1", f"-I{own}", *sources, *linked], check=True)
    given, text = [folder / "program", acc / "rtl", *words], " ".join(map(str, np.ravel(pixels).tolist()))
    done = subprocess.run(given, input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def bit_file(data: bytes) -> bytes:
    """A .bit by its format: 13 bytes, fields a to d with 16-bit lengths, e with a 32-bit one."""
    fields = b"".join(key + len(text).to_bytes(2, "big") + text for key, text in (
        (b"a", b"net;UserID=0\0"), (b"b", b"7z020clg400\0"), (b"c", b"2026/01/01\0"), (b"d", b"00:00:00\0"),
    ))  # fmt: skip
    head = bytes.fromhex("0009 0ff00ff00ff00ff000 0001")
    return head + fields + b"e" + len(data).to_bytes(4, "big") + data
