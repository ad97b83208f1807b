"""Operators side by side through Yosys: what they take, and the simulator of their cells.

`python tests/hw/mapped.py FAMILY` fits the factors of hw/parts.py to the recorded counts of a family, but
not to those of unseen seeds and chosen foldings (`measured.py`), and prints the errors."""

import importlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from op_examples import in_file
from op_examples.layers import drawn
from scipy.optimize import lsq_linear

from xnorforge.core import plugins
from xnorforge.flows.synth import cells
from xnorforge.hw import families
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.parts import ANY, Parts, factors_of
from xnorforge.hw.wrap import headers
from xnorforge.sim import cosim, device, netlist, verilate

HERE = Path(__file__).parent
FITTED = re.compile(r"\d|drawn")  # keys of the rows that factors may be fitted to
COUNTED = ("lut", "ff", "carry", "lut_ram", "bram36")
TESTS = [f"test_{name}" for name in ("streams_cells", "costs_alone", "graphs_cells", "join")]  # counted too
SIGNED = {"instance", "skid", "whole", "single", "memory", "ahead", "searched", "several", "wired",
          "lone row"}  # fmt: skip
EXACT, NEAR = 8, 0.15  # LUTs, and part of the count, within which an estimate has to be


@dataclass(frozen=True)
class Mapped:
    """A synthesis for a family: resources per operator; the netlist's folder, its lanes and memory files."""

    counted: list[dict]
    folder: Path
    lanes: list
    memories: dict[str, str]
    family: str

    def device(self, models=None) -> device.Device:
        """The cells as a simulator, of a part by AMD; `models` replaces our models of its blocks."""
        shared, ours, *files = netlist.sources(self.folder, self.family)
        header = device.ports_header("clk_i", self.lanes)
        given = "xf_bench", [shared, models or ours, *files], header
        program = verilate.compile_model(*given, defines=(), level="-O0")
        return device.Device(program, self.lanes, self.memories)


def as_estimated_and_as_contracted(op, folder: Path, lut: tuple[float, int], ff: tuple[float, int]) -> None:
    """Assert that an operator's cells compute what it does, at full rate and with stalls, and that LUTs and
    flip-flops are those estimated, within a part of the count or a few."""
    found, estimate = mapped([op], folder), op.estimate()
    for name, (part, few) in {"lut": lut, "ff": ff}.items():
        assert abs(estimate[name] - found.counted[0][name]) <= max(part * found.counted[0][name], few), name
    frames = op.random_inputs(seed=1, frames=5)
    for pace in (0.0, 0.4):
        [run] = cosim.attempt(found.device(), [frames], stall=pace, seed=3)
        np.testing.assert_array_equal(run.output, op.run(*frames))
    assert run.output.any()


def compare_sites(op, found: dict) -> None:
    """Assert that the cost model's flip-flops, carry cells and LUT sites of memory are within a twentieth of
    those counted, or within a few."""
    counted, given = found | {"lut_ram": cells.used(found, "lut_memory")}, op.estimate()
    for name, few in {"ff": 3, "carry": 1, "lut_ram": 4}.items():
        far = abs(given[name] - counted[name])
        assert far <= max(few, counted[name] / 20), f"{name}: {counted[name]} counted"


def laid(ops, folder: Path) -> tuple[list[Path], list, dict[str, str]]:
    """What `device.write_bench` returns, with memory files and headers beside it."""
    sources, lanes, memories = device.write_bench(ops, folder)
    for name, text in memories.items():
        (folder / name).write_text(text)
    for header in headers():
        shutil.copy(header, folder)
    return sources, lanes, memories


def equal_the_contract(bench, units, stall: float) -> None:
    """Assert that units side by side compute what their contracts do, at full rate in the same cycles."""
    frames = [unit.random_input(seed=index, frames=6) for index, unit in enumerate(units)]
    for unit, x, run in zip(units, frames, cosim.run(bench, frames, stall=stall, seed=3), strict=True):
        np.testing.assert_array_equal(run.output, unit.run(x), str(unit))
        if not stall:
            assert (run.interval, run.latency) == (unit.cycles(), unit.latency()), str(unit)


def mapped(ops, folder: Path, family: str = "xc7") -> Mapped:
    """Synthesise operators in one run."""
    sources, lanes, memories = laid(ops, folder)
    names = [f"lane_{index}" for index in range(len(ops))]
    job = {"family": family, "top": "xf_bench", "modules": [*names, "xf_bench"],
           "sources": list(map(str, sources))}  # fmt: skip
    job |= {"stubs": [], "defines": list(families.load(family).defines), "folder": "netlist"}
    (folder / "netlist").mkdir()
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "xnorforge.flows.yosys_job", "job.json"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    modules = json.loads((folder / "netlist" / "cells.json").read_text())["modules"]
    counted = [cells.resources(modules[f"\\{name}"]["num_cells_by_type"], family) for name in names]
    return Mapped(counted, folder / "netlist", lanes, memories, family)


def instance(name: str, key: str, family: str) -> HwOp:
    """The operator of a row: an example by its number, or a layer by its seed (`measured.py`), with memories
    as the family requires."""
    if key.isdigit():
        return instances(name)[key]
    op = drawn(name, int(key.split()[1]))
    if "rom_rows" in op.get_nodeattr_types():
        op.set_nodeattr("rom_rows", families.load(family).rom_rows)
    return op


@cache
def instances(name: str) -> dict[str, HwOp]:
    """The operators that are counted of a kind: its examples, and those of the tests, by number."""
    found = [*in_file(name)]
    for module in TESTS:
        given = importlib.import_module(module)
        for op in (*given.OPS, *getattr(given, "SIMPLE", ())):
            if op.priced_as == kind_of(name) and all(op is not one for one in found):
                found.append(op)
    return {str(number): op for number, op in enumerate(found)}


def kind_of(name: str) -> str:
    """Whose factors price the operators of a file of examples."""
    return in_file(name)[0].priced_as


def recorded(family: str) -> dict[str, dict[str, list[float]]]:
    """{operator: {instance: counts}} of a family: numbers of examples, others as in measured.py."""
    path = HERE / "counted" / f"{family}.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def record(family: str, found: dict[str, dict[str, list[float]]]) -> None:
    """Write what `recorded` reads."""
    write(HERE / "counted" / f"{family}.json", found)


def write(path: Path, table: dict) -> None:
    """A table as JSON, a line per operator."""
    lines = (f'"{name}":{json.dumps(row, separators=(",", ":"))}' for name, row in sorted(table.items()))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def counts(ops: list[HwOp], family: str) -> list[list[float]]:
    """What `COUNTED` names, of each; from one synthesis."""
    with tempfile.TemporaryDirectory() as folder:
        found = mapped(ops, Path(folder), family).counted
    rows = (one | {"lut_ram": cells.used(one, "lut_memory")} for one in found)
    return [[row[key] for key in COUNTED] for row in rows]


def fitted(points: list[tuple[Parts, dict]], family: str) -> dict[str, float]:
    """LUTs per amount, by least squares of errors relative to what is allowed; no negative ones, except
    those of amounts that an instance has or has not."""
    fabric = families.load(family).fabric
    rows = [parts.amounts(fabric) for parts, _ in points]
    names = sorted({name for row in rows for name, size in row.items() if size})
    sizes = np.array([[row.get(name, 0) for name in names] for row in rows], float)
    wanted = np.array([found["lut"] - parts.cells(fabric)["lut_ram"] for parts, found in points], float)
    weight = 1 / np.maximum(EXACT, NEAR * np.array([found["lut"] for _, found in points]))
    sizes, wanted = sizes * weight[:, None], wanted * weight
    tame = 1e-3 * np.diag(np.abs(sizes).max(0))  # of amounts that always come together, neither is huge
    least = [-np.inf if name in SIGNED else 0 for name in names]
    rows, ends = np.vstack([sizes, tame]), np.concatenate([wanted, np.zeros(len(names))])
    factors = lsq_linear(rows, ends, (least, np.inf)).x
    return {name: round(float(each), 3) for name, each in zip(names, factors) if abs(each) > 5e-4}


def fit(family: str) -> dict[str, dict[str, float]]:
    """The factors of all operators that were counted, and those of any operator; of no loop around others,
    of whose LUTs a count mostly consists."""
    table, alike = {}, []
    for name, rows in recorded(family).items():
        ops = {key: instance(name, key, family) for key in rows if FITTED.match(key)}
        ops = {key: op for key, op in ops.items() if op.priced_as == kind_of(name) and not op.inner}
        points = [(op.parts(), dict(zip(COUNTED, rows[key]))) for key, op in ops.items()]
        if points:
            table[kind_of(name)] = fitted(points, family)
        plain = set(Parts().skid(1).spare(1).adders(1).comparators(1).counters(2).gates(table=1).logic)
        alike += [point for point in points if set(point[0].logic) <= plain]
    return table | {ANY: fitted(alike, family)}


def main(family: str) -> None:
    """Fit and print, see the top."""
    place = plugins.place(families.KIND, family) / families.LUTS
    known = json.loads(place.read_text()) if place.is_file() else {}
    table = known | fit(family)
    if family != families.REFERENCE:
        table[families.RATIO] = {"": ratio(family)}
    write(place, table)
    families.luts.cache_clear()
    factors_of.cache_clear()
    import measured

    print(*measured.table_of(family), sep="\n")


def ratio(family: str) -> float:
    """LUTs of the operators that this family and the reference family have both counted."""
    ours, theirs = (
        {f"{name} {key}": row[0] for name, rows in recorded(one).items() for key, row in rows.items()}
        for one in (family, families.REFERENCE)
    )
    both = {key for key in ours.keys() & theirs.keys() if FITTED.match(key.split()[1])}
    return round(sum(ours[key] for key in both) / sum(theirs[key] for key in both), 3)


if __name__ == "__main__":
    main(*sys.argv[1:])
