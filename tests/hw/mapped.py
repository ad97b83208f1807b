"""Operators side by side through Yosys: what they take, and the simulator of their cells.

`python tests/hw/mapped.py FAMILY [OPERATOR …]` counts examples of operators that are not yet in
`counted/FAMILY.json`, fits the factors of hw/parts.py to all that are, and prints the errors. A run that is
stopped goes on with the operators that are missing; without an operator it counts all.
"""

import importlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from op_examples import examples_of
from scipy.optimize import lsq_linear

from xnorforge.core import plugins
from xnorforge.flows.synth import cells
from xnorforge.hw import families
from xnorforge.hw.ops.base import SITES, HwOp
from xnorforge.hw.parts import ANY, RATIO, Parts, factors_of
from xnorforge.hw.wrap import headers
from xnorforge.sim import device, netlist, verilate

HERE = Path(__file__).parent
COUNTED = ("lut", "ff", "carry", "lut_ram", "bram36")
TESTS = ("test_streams_cells", "test_costs_alone", "test_graphs_cells")  # their OPS are counted too
SIGNED = {
    "instance",
    "skid",
    "whole",
    "single",
    "memory",
    "ahead",
    "searched",
    "several",
    "wired",
    "lone row",
}
MOST = 40, 700  # examples of an operator, and bits of the streams of one
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
        program = verilate.compile_model(
            "xf_bench", [shared, models or ours, *files], header, defines=(), level="-O0"
        )
        return device.Device(program, self.lanes, self.memories)


def site_errors(op, found: dict) -> dict[str, tuple[float, float]]:
    """Flip-flops, carry cells and LUT sites of memory: the cost model's less those counted, and these."""
    counted, given = found | {"lut_ram": cells.used(found, "lut_memory")}, op.estimate()
    return {name: (given[name] - counted[name], counted[name]) for name in SITES}


def compare_sites(op, found: dict) -> None:
    """Assert that the cost model is within a twentieth of the count of each of these, or within a few."""
    few = {"ff": 3, "carry": 1, "lut_ram": 4}
    for name, (error, counted) in site_errors(op, found).items():
        assert abs(error) <= max(few[name], counted / 20), f"{name}: {counted} counted, {error:+d}"


def mapped(ops, folder: Path, family: str = "xc7") -> Mapped:
    """Synthesise operators in one run."""
    sources, lanes, memories = device.write_bench(ops, folder)
    for name, text in memories.items():
        (folder / name).write_text(text)
    for header in headers():
        shutil.copy(header, folder)
    names = [f"lane_{index}" for index in range(len(ops))]
    job = {
        "family": family,
        "top": "xf_bench",
        "modules": [*names, "xf_bench"],
        "sources": list(map(str, sources)),
    }
    job |= {"stubs": [], "defines": list(families.load(family).defines), "folder": "netlist"}
    (folder / "netlist").mkdir()
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "xnorforge.flows.yosys_job", "job.json"]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    modules = json.loads((folder / "netlist" / "cells.json").read_text())["modules"]
    counted = [cells.resources(modules[f"\\{name}"]["num_cells_by_type"], family) for name in names]
    return Mapped(counted, folder / "netlist", lanes, memories, family)


def instances(name: str) -> dict[str, HwOp]:
    """The operators that are counted of a kind: its examples, and those of the tests, by number."""
    found = examples_of(name)
    for module in TESTS:
        given = importlib.import_module(module)
        for op in (*given.OPS, *getattr(given, "SIMPLE", ())):
            if type(op).__module__.endswith(f".{name}.op") and all(op is not one for one in found):
                found.append(op)
    return {str(number): op for number, op in enumerate(found)}


def recorded(family: str) -> dict[str, dict[str, dict[str, float]]]:
    """{operator: {number of an instance: counts}} of a family."""
    path = HERE / "counted" / f"{family}.json"
    rows = json.loads(path.read_text()) if path.is_file() else {}
    return {
        name: {number: dict(zip(COUNTED, row, strict=True)) for number, row in found.items()}
        for name, found in rows.items()
    }


def record(family: str, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """Write what `recorded` reads."""
    rows = {name: {number: [*row.values()] for number, row in rows.items()} for name, rows in found.items()}
    write(HERE / "counted" / f"{family}.json", rows)


def write(path: Path, table: dict) -> None:
    """A table as JSON, a line per operator."""
    lines = (f'"{name}":{json.dumps(row, separators=(",", ":"))}' for name, row in sorted(table.items()))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def own_logic(name: str) -> bool:
    """Whether an operator is no loop around others, of whose LUTs a count would mostly consist."""
    return not examples_of(name)[0].inner


def count(family: str, name: str) -> dict[str, dict[str, float]]:
    """Counts of some instances of an operator, those of the tests first, of all sizes up to `MOST`."""

    def bits(op):
        return sum(stream.width for stream in (*op.in_streams(), *op.out_streams()))

    ops = {number: op for number, op in instances(name).items() if bits(op) <= MOST[1]}
    chosen = dict(list(ops.items())[:: -(-len(ops) // MOST[0])])
    with tempfile.TemporaryDirectory() as folder:
        found = mapped([*chosen.values()], Path(folder), family).counted
    rows = (one | {"lut_ram": cells.used(one, "lut_memory")} for one in found)
    return {number: {key: row[key] for key in COUNTED} for number, row in zip(chosen, rows, strict=True)}


def fitted(points: list[tuple[Parts, dict]], family: str) -> dict[str, float]:
    """LUTs per amount, by least squares of errors relative to what is allowed; no negative ones, except
    those of amounts that an instance has or has not.
    """
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
    """The factors of all operators that were counted, and those of any operator."""
    table, alike = {}, []
    for name, found in recorded(family).items():
        ops = instances(name)
        points = [(ops[number].parts(), row) for number, row in found.items()]
        table[type(next(iter(ops.values()))).__name__] = fitted(points, family)
        plain = set(Parts().skid(1).spare(1).adders(1).comparators(1).counters(2).gates(table=1).logic)
        alike += [point for point in points if set(point[0].logic) <= plain]
    return table | {ANY: fitted(alike, family)}


def errors(family: str) -> list[tuple[str, int, int, float, dict[str, float]]]:
    """Per operator: instances, those whose LUTs are far off, the worst, and the error of the sums."""
    lines = []
    for name, found in recorded(family).items():
        ops = instances(name)
        given = {number: ops[number].estimate(family) for number in found}
        off = {number: given[number]["lut"] - row["lut"] for number, row in found.items()}
        far = [number for number, row in found.items() if abs(off[number]) > max(EXACT, NEAR * row["lut"])]
        sums = {key: sum(given[number][key] - row[key] for number, row in found.items()) for key in COUNTED}
        totals = {key: sum(row[key] for row in found.values()) for key in COUNTED}
        parts = {key: sums[key] / totals[key] if totals[key] else 0.0 for key in COUNTED}
        lines.append((name, len(found), len(far), max(off.values(), key=abs), parts))
    return lines


def main(family: str, *names: str) -> None:
    """Count, fit and print, see the top."""
    for name in names or filter(own_logic, plugins.names("hw.ops")):
        if name not in (found := recorded(family)):
            found[name] = count(family, name)
            record(family, found)
            print(f"{name}: {len(found[name])} counted", flush=True)
    place = plugins.place(families.KIND, family) / families.LUTS
    known = json.loads(place.read_text()) if place.is_file() else {}
    table = known | fit(family)
    if family != families.REFERENCE:
        table[RATIO] = {"": ratio(family)}
    write(place, table)
    families.luts.cache_clear()
    factors_of.cache_clear()
    for line in table_of(family):
        print(line)


def ratio(family: str) -> float:
    """LUTs of the operators that this family and the reference family have both counted."""
    ours, theirs = recorded(family), recorded(families.REFERENCE)
    both = [(name, number) for name in ours for number in ours[name].keys() & theirs.get(name, {}).keys()]
    own, other = (sum(of[name][number]["lut"] for name, number in both) for of in (ours, theirs))
    return round(own / other, 3)


def table_of(family: str) -> list[str]:
    """The errors in Markdown."""
    lines = [
        f"| operator, {family} | counted | far | worst, LUT | LUT | FF | carry | LUT as memory | BRAM36 |"
    ]
    lines.append("|---|" + "---:|" * 8)
    for name, many, far, worst, parts in errors(family):
        shown = " | ".join(f"{100 * parts[key]:+.1f} %" for key in COUNTED)
        lines.append(f"| {name} | {many} | {far} | {worst:+.0f} | {shown} |")
    return lines


if __name__ == "__main__":
    main(*sys.argv[1:])
