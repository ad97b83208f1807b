"""Synthesis of every module of a design with Yosys; each result is cached by its inputs
(`content.py`) and the code that maps it.

Layers with memories or generated modules are mapped separately, under one common module name, so that equal
layers give equal netlists whatever their names. The top and the uncached layers without memories share one
process, because most of them take less time than its start. Each of them is cached separately.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from xnorforge.core import artifacts, cache, jobs
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import now_at, progress
from xnorforge.core.types import Record
from xnorforge.flows import yosys_job
from xnorforge.flows.backends.rtl import write_layer
from xnorforge.flows.synth import cells, content
from xnorforge.hw import families
from xnorforge.hw.loads import recorded_address_bits
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.wrap import headers, library

TOP = "xf_top"


@dataclass(frozen=True)
class Module:
    """A module whose netlist is needed.

    Attributes:
        name: in the design.
        files: the inputs of its synthesis; for a layer, under the name `content.NAME`.
        place: the folder of its cached result.
        alone: whether it is mapped separately.
    """

    name: str
    files: dict[str, str]
    place: Path
    alone: bool


@dataclass(frozen=True)
class Mapped:
    """A result: cells by type, and the netlist's text."""

    cells: dict[str, int]
    text: str


def modules(folder: Path, rtl: Record, family: str, layers: list[Record]) -> list[Module]:
    """The modules of these layers of `rtl/`, and of the top if the record names one."""
    own = []
    for layer in layers:
        files, alone = content.layer_files(folder, rtl, layer), bool(layer["memories"] or layer["generated"])
        own.append(Module(layer["module"], files, _place(files, layer_job(files, family)), alone))
    if "top" not in rtl:
        return own
    files = content.top_files(folder, rtl)
    job = _job(family, TOP, [TOP], list(files), [])
    return [*own, Module(TOP, files, _place(files, job), False)]


def _place(files: dict[str, str], job: Record) -> Path:
    given = [*yosys_job.script(job), version("pyosys"), *(text for one in files.items() for text in one)]
    makers = (yosys_job.__name__, f"{families.__name__}.{job['family']}.family")
    return cache.place_of("yosys", given, [Path(__file__), Path(content.__file__)], makers)


def map_all(folder: Path, rtl: Record, family: str, found: list[Module], parallel: int) -> dict[str, Mapped]:
    """Results of modules by name, from the cache or from Yosys, in at most `parallel` processes here.

    Raises:
        UserError: Yosys cannot map one of them.
    """
    missing = {one.place: one for one in found if not cache.undamaged(one.place)}
    alone = [one for one in missing.values() if one.alone or "top" not in rtl]
    alone.sort(key=lambda one: -sum(map(len, one.files.values())))  # longest first
    shared = [one for one in missing.values() if one not in alone]
    work: list[Callable[[], None]] = [lambda one=one: _map_alone(one, family) for one in alone]
    if shared:
        work.append(lambda: _map_shared(folder, rtl, family, shared))
    with jobs.pool(parallel) as pool, progress("synth: mapped", len(work), "parts") as advance:
        for _ in pool.map(lambda one: one(), work):
            advance()
    return {one.name: _kept(one) for one in found}


def layer_job(files: dict[str, str], family: str) -> Record:
    """The Yosys job of a separate layer; the caller sets `folder`, the destination of the result."""
    sources = [name for name in files if name.endswith(".sv")]
    return _job(family, content.NAME, [content.NAME], sources, [])


def _job(family: str, top: str, found: list[str], sources: list[str], stubs: list[str]) -> Record:
    return {
        "family": family, "top": top, "modules": found, "sources": sources, "stubs": stubs,
        "defines": list(families.load(family).defines), "folder": "",
    }  # fmt: skip


def _map_alone(one: Module, family: str) -> None:
    now_at(f"Yosys maps {one.name}")
    job = layer_job(one.files, family)
    cache.kept(one.place, lambda aside: jobs.carry_out(aside, _map_one, one.files, job, one.name))


def _map_one(aside: Path, files: dict[str, str], job: Record, called: str) -> None:
    with _written(files) as folder:
        counted, texts = run_yosys(folder, job, called)
    _write(aside, counted[content.NAME], texts[content.NAME])


def _map_shared(folder: Path, rtl: Record, family: str, shared: list[Module]) -> None:
    """The top, whether cached or not, together with layers; the other layers stay black boxes."""
    names = {one.name for one in shared}
    layers = [layer for layer in rtl["layers"] if layer["module"] in names]
    stubs = [layer for layer in rtl["layers"] if layer["module"] not in names]
    sources = [*rtl["library"], *(layer["file"] for layer in layers), rtl["top"]]
    found = [*(layer["module"] for layer in layers), TOP]
    job = _job(family, TOP, found, sources, [one["file"] for one in stubs])
    job["own"] = recorded_address_bits(rtl) > 0
    now_at(f"Yosys maps {TOP} and {len(layers)} small layers")
    files = {name: (folder / name).read_text() for name in (*rtl["headers"], *job["sources"], *job["stubs"])}
    with tempfile.TemporaryDirectory() as made:
        jobs.carry_out(Path(made), _map_several, files, job)
        for one in shared:
            cache.kept(one.place, partial(_copy, Path(made) / one.name))


def _copy(there: Path, here: Path) -> None:
    shutil.copytree(there, here, dirs_exist_ok=True)


def _map_several(aside: Path, files: dict[str, str], job: Record) -> None:
    with _written(files) as folder:
        counted, texts = run_yosys(folder, job, ", ".join(job["modules"]))
    for name in job["modules"]:
        text = texts[name] if name == TOP else content.module_renamed(texts[name], name)
        (aside / name).mkdir()
        _write(aside / name, counted[name], text)


@contextmanager
def _written(files: dict[str, str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        for file, text in files.items():
            (Path(name) / file).write_text(text)
        yield Path(name)


def run_yosys(folder: Path, job: Record, called: str) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """One Yosys process in `folder`: cells by type and the netlist's text, of every module of the job.

    Raises:
        UserError: Yosys fails; the text names the module as `called`.
    """
    with tempfile.TemporaryDirectory() as results, tempfile.NamedTemporaryFile("w", suffix=".json") as stated:
        json.dump({**job, "folder": results}, stated)
        stated.flush()
        command = [sys.executable, "-m", "xnorforge.flows.yosys_job", stated.name]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = (done.stdout + done.stderr).splitlines()
            said = [line for line in lines if "ERROR" in line] or ["no message"]
            what = re.sub(rf"\b{content.NAME}\b", called, said[0].strip())
            raise UserError(f"synth: Yosys cannot map {called} for the family {job['family']}: {what}")
        counted = artifacts.read_json(Path(results) / "cells.json")["modules"]
        kinds = {name: counted[f"\\{name}"]["num_cells_by_type"] for name in job["modules"]}
        texts = {name: (Path(results) / f"{name}.v").read_text() for name in job["modules"]}
        return {name: dict(sorted(own.items())) for name, own in kinds.items()}, texts


def _write(aside: Path, cells: dict[str, int], text: str) -> None:
    (aside / "netlist.v").write_text(text)
    artifacts.write_json(aside / "cells.json", cells)


def _kept(one: Module) -> Mapped:
    text = (one.place / "netlist.v").read_text()
    if one.name != TOP:
        text = content.module_renamed(text, content.NAME, one.name)
    return Mapped(artifacts.read_json(one.place / "cells.json"), text)


def count(ops: list[HwOp], family: str, parallel: int = 2) -> list[Record]:
    """Resources of operators, synthesised one by one, each as a layer of `synth.json`, and cached likewise.

    Raises:
        ToolMissing: pyosys is not installed.
    """
    check_yosys()
    with jobs.pool(parallel) as pool:
        return list(pool.map(lambda op: _alone(op, family), ops))


def _alone(op: HwOp, family: str) -> Record:
    with tempfile.TemporaryDirectory() as name:
        folder, own, common = Path(name), library([op]), headers()
        for path in [*own, *common]:
            shutil.copyfile(path, folder / path.name)
        layer = write_layer(folder, 0, op)
        rtl = {"library": [path.name for path in own], "headers": [path.name for path in common]}
        found = modules(folder, rtl, family, [layer])
        return own_cells(map_all(folder, rtl, family, found, 1)[layer["module"]].cells, [], family)


def check_yosys() -> None:
    """Raise ToolMissing if pyosys is not installed."""
    if find_spec("pyosys") is None:
        raise ToolMissing(
            "synth: the Python package pyosys (Yosys) is missing; "
            "run `make build`, which installs it, or reinstall xnorforge with pip."
        )


def own_cells(counted: dict[str, int], layers: list[str], family: str) -> Record:
    """Cells and resources of a module without its instantiated layers."""
    own = {kind: count for kind, count in counted.items() if kind not in layers}
    return {"cells": own, **cells.resources(own, family)}
