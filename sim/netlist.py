"""The stage `netlist`: the mapped circuit, as Yosys cells, runs the golden images."""

import re
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core import cache as results
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.types import Record
from xnorforge.hw import families, graph
from xnorforge.hw.loads import load_chain
from xnorforge.sim import alone, compare, cosim, loading, memories
from xnorforge.sim.device import layers, network, optimisation

SEED = 1
DECLARED, INITIAL = re.compile(r"\breg (\[\S+\] )?(\w+) = (INIT\w*);"), r"reg \1\2; initial \2 = \3;"


def simulate_netlist(
    acc: Path, net_dir: Path, images: int = 2, progress: Callable[..., object] = lambda *_: None
) -> Record:
    """Check the netlist in `acc/netlist` on the first golden images and write `acc/netlist.json`.

    Every cell is an instance with a model: that of the family's `cells.v`, else Yosys' own of the installed
    pyosys. Registers and memories without an initial value start with noise.

    Args:
        acc: folder with `folded.onnx`, `rtl/`, `netlist/` and `synth.json`.
        net_dir: folder with `golden.npz` and `lowered.npz`.
        images: how many images, back to back without pauses.
        progress: called with a line for a person before each long step.

    Returns:
        The record: the checks, `cells` simulated, `cycles` of the last output beat.

    Raises:
        UserError: the netlist is of a family without cell models.
        MismatchError: the netlist does not run.
        ToolMissing: no C++ compiler, or no pyosys.
    """
    acc, net_dir = Path(acc), Path(net_dir)
    with artifacts.measured("verilator", "pyosys") as run:
        synth = artifacts.read_json(acc / "synth.json")
        ops = graph.operators(acc / "folded.onnx")
        progress("memories")
        contents, reach = memories.check_memories(acc / "rtl", ops, acc / "netlist")
        cells = sources(acc / "netlist", synth["family"])
        filled = [op for op in ops if not op.begins_empty]  # a layer alone has no host that fills it
        if some := alone.not_decoded(filled, reach, "compared"):
            progress(f"{len(some)} layers alone in the netlist")
            bench = layers(acc / "rtl", ops, some, cells)
            contents.append(alone.try_layers("netlist of layers = folded.onnx", bench, some, reach))
        expected = graph.answers(ops, np.load(net_dir / "lowered.npz"))
        pictures = np.load(net_dir / "golden.npz")["images"][:images]
        inputs = loading.behind_first_load(ops, graph.enter(ops[0], pictures))
        progress("building the netlist model")
        device = network(acc / "rtl", ops, sources=cells, level=optimisation(ops, len(pictures)))
        progress(f"netlist on {len(pictures):,} images")
        mapped = cosim.run(device, inputs, seed=SEED)
        device_rtl = network(acc / "rtl", ops, loaded=False, level=optimisation(ops))
        rtl = cosim.run(device_rtl, inputs, seed=SEED)
        changing = []
        if load_chain(ops):
            changing = loading.check_loading(device, ops, pictures, {"netlist with a load": 0.0}, SEED)[0]
    beats = mapped.cycles - mapped.first
    record = {
        "stage": "netlist",
        "checks": [
            compare.compare_arrays(
                "netlist = lowered", mapped.output, expected[: len(pictures)],
                "every output integer of the mapped cells",
            ),
            compare.compare_arrays(
                "netlist cycles = RTL cycles", beats, rtl.cycles - rtl.first, "cycle of every output beat"
            ),
            *changing, *contents,
        ],
        "reach": reach,
        "cells": sum(sum(one["cells"].values()) for one in [*synth["operators"], synth["top"]]),
        "cycles": int(beats.max()), "run": run,
    }  # fmt: skip
    artifacts.write_json(acc / "netlist.json", record)
    return record


def sources(netlist: Path, family: str) -> list[Path]:
    """Verilog of a netlist with the models of its cells; of two models of one cell the first counts.

    Raises:
        UserError: the family has no models here.
        ToolMissing: pyosys, which brings the models, is not installed.
    """
    if not families.load(family).simulation:
        raise UserError(
            f"netlist: the family {family} has no cell models; "
            f"use a board of the family {' or '.join(families.modelled())}."
        )
    if find_spec("pyosys") is None:
        raise ToolMissing(
            "netlist: the Python package pyosys (Yosys) is missing; "
            "run `make build`, which installs it, or reinstall xnorforge with pip."
        )
    rest = Path(str(files("pyosys"))) / "share" / families.load(family).simulation
    return [*families.models(family), *sorted(Path(netlist).glob("*.v")), _with_contents(rest)]


def _with_contents(models: Path) -> Path:
    """Yosys' models with first contents in `initial` blocks: Verilator sets declared values before
    it draws undefined bits, and would lose the others."""

    def make(aside: Path) -> None:
        (aside / models.name).write_text(DECLARED.sub(INITIAL, models.read_text()))

    return results.kept(results.place_of("cells", (DECLARED.pattern, INITIAL), [models]), make) / models.name
