"""A network on several devices: cut into parts, each of which is built as a network of its own."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from xnorforge.accelerator import Accelerator
from xnorforge.core.artifacts import check, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.flows import cutting
from xnorforge.flows.importing.model_file import loaded
from xnorforge.hw import boards
from xnorforge.pipeline.request import Request


@dataclass(frozen=True)
class Part:
    """One device.

    Attributes:
        folder: of its network; `model` of a build.
        figures: of its build: interval_bound in cycles per frame, lut, bram36, dsp and what else is known.
        link: what it hands on: tensor, bits per frame and the cycles that the link needs; None for the last.
    """

    folder: Path
    figures: Record
    link: Record | None


def build_parts(
    asked: Request, devices: int, link: int, folder: Path, run: Callable[[Request, str], Any], until: str
) -> list[Part]:
    """Cut the exported network of a request and build every part for its board, on the integers that the part
    before it returns; the last one's scores are compared with the network's.

    Args:
        asked: the whole network; `model.onnx` and `golden.npz` are there.
        link: bits that pass between two devices in a cycle.
        folder: the parts are its folders part1, part2, …
        run: runs the stages of a request up to one.
        until: the last stage of each part: "fold", or a later one.

    Raises:
        UserError: the network cannot be cut so, or a part does not fit the board.
        MismatchError: a part differs from its network, or the chain from the whole.
    """
    network = cutting.Network(loaded(asked.net_dir / "model.onnx"))
    cycles = asked.interval or boards.load(asked.board).interval_for(asked.net)
    places = network.best(devices, link, cycles)
    with np.load(asked.net_dir / "golden.npz") as golden:
        count = min(asked.images, len(golden["images"]))
        values, wanted = golden["images"][:count], golden["scores"][:count]
    found = list[Part]()
    for at, model in enumerate(network.cut(places)):
        home = folder / f"part{at + 1}"
        home.mkdir(parents=True, exist_ok=True)
        onnx.save(model, home / "network.onnx")
        np.savez(home / "images.npz", images=values)
        part = replace(
            asked, net="", task=None, weights=None, data=None, labels=None, begin="export", interval=cycles,
            model=str(home / "network.onnx"), images_from=str(home / "images.npz"), folder=home, place=None,
        )  # fmt: skip
        run(part, until)
        accelerator = Accelerator(part.net_dir, part.acc, part)
        values = np.asarray(accelerator.scores(values), np.float32)
        place = places[at] if at < len(places) else None
        passed = place and {**asdict(place), "cycles": -(-place.frame_bits // link)}
        found.append(Part(home, accelerator.figures, passed))
    with np.load(found[-1].folder / "lowered.npz") as lowered:
        step = float(np.min(lowered["scale"]))
    wrong = int((np.abs(values - wanted) > step / 2).sum())
    record = check("chain = network", count, wrong, wanted.size, "scores of the last part")
    write_json(folder / "chain.json", {"checks": [record], "parts": [_row(part) for part in found]})
    if wrong:
        raise MismatchError(
            f"cut: {wrong:,} of {wanted.size:,} scores of the chain differ; see {folder}/chain.json."
        )
    return found


def _row(part: Part) -> Record:
    return {"folder": part.folder.name, "figures": part.figures, "link": part.link}


def chain_interval(parts: list[Part]) -> int:
    """Cycles per frame of the chain: the slowest part or link."""
    links = [part.link["cycles"] for part in parts if part.link]
    return max(*(part.figures["interval_bound"] for part in parts), *links)


def chain_table(parts: list[Part], clock_mhz: float) -> str:
    """The parts as a table, and what the chain does."""
    rows = []
    for part in parts:
        of, link = part.figures, part.link
        passed = f"{link['elements'] * link['bits']:,} bits, {link['cycles']:,} cycles" if link else "–"
        numbers = f"{of['interval_bound']:,} | {of['lut']:,.0f} | {of['bram36']:g} | {of['dsp']:g}"
        rows.append(f"| {part.folder.name} | {numbers} | {passed} |")
    cycles = chain_interval(parts)
    head = "| part | cycles per frame | LUT | BRAM36 | DSP | link |\n|---|---:|---:|---:|---:|---|"
    speed = f"{cycles:,} cycles per frame, {1e6 * clock_mhz / cycles:,.0f} frames/s"
    return "\n".join([head, *rows, "", speed])
