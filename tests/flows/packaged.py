"""Small accelerators to package: folded, generated, with images beside them."""

import json
from pathlib import Path

import numpy as np
import onnx
from op_examples.drawn import seeded

from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold, folded_graph
from xnorforge.flows.package import write_package
from xnorforge.hw.ops.sign_mvu.op import SignMvu


def accelerator(chain, net: Path, board: str = "pynq-z2", interval: int = 4000) -> Path:
    """The folder of the accelerator of a `conftest.Chain` that is saved as `net`."""
    folder = chain.save(net)
    fold(folder, board, folder / "acc", interval=interval)
    generate(folder / "acc/folded.onnx", folder / "acc/rtl")
    return folder / "acc"


def alone(op, net: Path, board: str = "pynq-z2") -> Path:
    """The folder of an accelerator of one operator, saved as `net`; images are integers of its input."""
    acc = net / "acc"
    acc.mkdir(parents=True)
    onnx.save(folded_graph([op], "network"), acc / "folded.onnx")
    (acc / "fold.json").write_text(json.dumps({"stage": "fold", "net": net.name, "board": board}))
    generate(acc / "folded.onnx", acc / "rtl")
    np.savez(net / "golden.npz", images=op.random_input(seed=1, frames=3).reshape(3, -1))
    return acc


def loaded_sums() -> SignMvu:
    """Sums of a beat in and a beat out, whose weights are replaced over AXI4-Lite."""
    return seeded(SignMvu, 1, 8, 4, 8, 4, 1, raw=True, loadable=1)


def with_loads(folder: Path) -> Path:
    """Its package."""
    acc = alone(loaded_sums(), folder / "net")
    write_package(acc, acc / "package")
    return acc / "package"


def listed(package: Path) -> list[Path]:
    """The files of `rtl.f`."""
    return [package / line for line in (package / "rtl.f").read_text().split() if not line.startswith("+")]
