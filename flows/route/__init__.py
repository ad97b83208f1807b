"""Place and route: the counted and verified netlist, inside a shell, becomes a bitstream with a clock.

The family's `route.py` runs the tools (hw/routing.py); this package knows no family. Each seed's run is
cached by the content of its netlist, so a request for more seeds runs only the new ones.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from xnorforge.core import artifacts, cache, jobs
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import now_at, say
from xnorforge.core.types import Ints, Record
from xnorforge.flows import vivado
from xnorforge.flows.route import netlist_job, paths
from xnorforge.flows.route.shells import RoutedShell, shell_of
from xnorforge.flows.synth.cells import of_design, resources
from xnorforge.hw import boards, families, routing
from xnorforge.hw.boards import Board
from xnorforge.hw.routing import Hop, LateNet, Routed, Router, TimingPath

NETLIST, RESULT, FAILED = "netlist.json", "routed.json", "failed.txt"
LOGS = "bitstream-logs"  # folder of what the tools said in runs that failed
WORST = 5  # paths kept in the record


def fastest_of(runs: Mapping[int, tuple[Path, Routed]]) -> int:
    """The seed with the highest clock, upper bounds last; `runs` has folder and result of each."""
    return max(runs, key=lambda seed: (not runs[seed][1].bound, runs[seed][1].mhz))


def place_and_route(
    acc: Path, net_dir: Path, seeds: Ints = (1, 2, 3), parallel: int = 2, minutes: float | None = None
) -> Record:
    """Route `acc/netlist` once per seed; write `acc/bitstream/` with the fastest, and `acc/bitstream.json`.

    The bitstream runs at the clock that the folding was planned for, if the board's PLL can make it, else at
    that of the board's file.

    Args:
        acc: folder of one board's accelerator, with `synth.json`, `netlist/` and `rtl/rtl.json`.
        net_dir: folder of the network; named in the record.
        seeds: of the placement, each a run.
        parallel: number of parallel runs here.
        minutes: after which a program is stopped; None: never.

    Returns:
        The record: `clock` (MHz: of the bitstream, whether routes met it, requested, and the least, median
        and best of the seeds), `seeds` (a row each), `used` (sites of the part, of the fastest),
        `critical_paths` (slowest first, by operator), `slowest_nets` (of each seed, the nets that arrive last
        at a register), `arrivals` (of the fastest), `timing` (source of delays), `shell`, `bit`, `checks`.

    Raises:
        UserError: the family cannot be routed, a tool fails, or every seed misses the board's clock.
        ToolMissing: a tool is not found.
    """
    acc = Path(acc)
    synth, rtl = (artifacts.read_json(acc / name) for name in ("synth.json", "rtl/rtl.json"))
    board = boards.load(synth["board"])
    router = _router(board)
    planned = artifacts.read_json(acc / "fold.json").get("clock_mhz", {}).get("value", board.clock_mhz)
    if router.makes(board, planned):
        board = replace(board, clock_mhz=planned)
    with artifacts.measured("pyosys") as run:
        netlist, shell, given, around = joined(acc, rtl["border"], board, router)
        lines = [*shell.texts.values(), *router.identity(board)]
        with jobs.pool(parallel) as pool:
            found = pool.map(
                lambda seed: _kept(netlist, lines, router, board, seed, acc / LOGS, minutes), seeds
            )
            runs = dict(zip(seeds, found))
    best = fastest_of(runs)
    layers = {layer["module"]: layer["node"] for layer in rtl["layers"]}
    shown = [(path, seed, layers, shell.instance) for seed, (_, one) in runs.items() for path in one.paths]
    slowest = sorted((paths.row(*one) for one in shown), key=lambda row: -row["ns"])[:WORST]
    nets = [
        paths.net_row(net, seed, layers, shell.instance)
        for seed, (_, one) in runs.items()
        for net in one.late
    ]
    folder, fastest = runs[best]
    mhz = board.clock_mhz
    if router.host_sets_clock(board):
        mhz = vivado.settable(min(fastest.mhz, mhz))
    if fastest.mhz < board.clock_mhz:
        text = missed(board, fastest, list(runs), layers, shell.instance)
        if fastest.mhz < mhz:
            raise UserError(text)
        say(f"{text} The bitstream is for {mhz:g} MHz, which the driver sets.")
    if fastest.bound:
        say(
            f"bitstream: {fastest.mhz:.1f} MHz is an upper bound, so {mhz:g} MHz may not be met; "
            "docs/guide/bitstream.md says which delays are left out."
        )
    clock = {"kind": fastest.kind, "mhz": mhz, "met": not fastest.bound, "asked": board.clock_mhz}
    clock |= _spread([one.mhz for _, one in runs.values()])
    shutil.rmtree(acc / LOGS, ignore_errors=True)
    counted = Counter(of_design(synth))
    wrong = len(dict(given.items() ^ counted.items()))  # kinds
    what = "cells handed to place and route against the counted cells"
    with artifacts.whole(acc / "bitstream") as aside:
        aside.mkdir()
        shutil.copyfile(folder / fastest.bit, aside / fastest.bit)
        for name, text in shell.texts.items():
            (aside / name).write_text(text)
        for path in shell.sources:
            shutil.copyfile(path, aside / path.name)
    record = {
        "stage": "bitstream",
        "checks": [
            artifacts.check("placed = counted cells", 0, wrong, counted.total(), what),
            *router.checks(json.loads(netlist), folder, fastest),
        ],
        "net": Path(net_dir).name, "board": board.name, "part": board.part,
        "program": router.program, "timing": fastest.timing or router.timing, "shell": shell.about,
        "counted": {
            "accelerator": _resources(given, board.family),
            "shell": _resources(around, board.family),
        },
        "netlist": artifacts.netlist_digest(acc), "clock": clock,
        "seeds": [
            {"seed": seed, "mhz": round(one.mhz, 2), "ns": round(1e3 / one.mhz, 3)}
            for seed, (_, one) in runs.items()
        ],
        "fastest": best,
        "used": {kind: {"used": has[0], "available": has[1]} for kind, has in fastest.used.items()},
        "critical_paths": slowest, "slowest_nets": nets, "arrivals": list(fastest.arrivals),
        "bit": {
            "file": f"bitstream/{fastest.bit}",
            "bytes": (acc / "bitstream" / fastest.bit).stat().st_size,
            "sha256": artifacts.sha256(acc / "bitstream" / fastest.bit),
        },
        "run": run | {"routes_cpu_s": [one.cpu_s for _, one in runs.values()]},
    }  # fmt: skip
    artifacts.write_json(acc / "bitstream.json", record)
    return record


def _spread(figures: Sequence[float]) -> dict[str, float]:
    """Least, median and most of what the seeds gave."""
    picks = {"least": min, "median": median, "best": max}
    return {name: round(pick(figures), 2) for name, pick in picks.items()}


def _resources(cells: Mapping[str, int], family: str) -> dict[str, float]:
    """LUTs, registers and block RAMs of cells before packing; pads, clock buffers and processor left out."""
    known = families.load(family).cells
    used = resources({kind: count for kind, count in cells.items() if kind in known}, family)
    return {name: used[name] for name in ("lut", "ff", "bram36")}


def _router(board: Board) -> Router:
    router = routing.load(board.family)
    if router is None or not board.shell:
        raise UserError(
            f"bitstream: place and route does not support {board.name} ({board.part}); "
            f"choose a board of one of the families {', '.join(routing.routers())}."
        )
    lacking = router.missing(board)
    if lacking:
        raise ToolMissing(f"bitstream: {routing.lacking(lacking)}")
    return router


def joined(
    acc: Path, border: Mapping[str, Any], board: Board, router: Router
) -> tuple[bytes, RoutedShell, Counter[str], Counter[str]]:
    """Put the netlist of `acc` into a shell, or take the result from the cache.

    Args:
        border: of `rtl.json`: bytes of a beat and beats of a frame, in and out.

    Returns:
        The whole design as Yosys' JSON (bytes), in the form that the router takes; the shell; the
        accelerator's cells in it and the shell's by kind, before the router changes the form of any.

    Raises:
        UserError: Yosys cannot read the netlist, or the board's shell cannot serve the accelerator.
    """
    shell = shell_of(acc, border, board, router)
    netlist = sorted((acc / "netlist").glob("*.v"))
    job = {
        "family": board.family, "sources": [*(path.name for path in shell.sources), *shell.texts],
        "ports": "mapped_xf_top.v", "netlist": [f"mapped_{path.name}" for path in netlist],
        "out": NETLIST,
    }  # fmt: skip
    copied = [*shell.sources, *shell.included, *netlist]
    stated = [
        *netlist_job.script(job), version("pyosys"), *shell.texts.values(),
        *(path.name for path in copied),
    ]  # fmt: skip

    def make(aside: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for name, text in shell.texts.items():
                (folder / name).write_text(text)
            for path in copied:
                shutil.copyfile(path, folder / (f"mapped_{path.name}" if path in netlist else path.name))
            _yosys(folder, job)
            shutil.copyfile(folder / NETLIST, aside / NETLIST)

    makers = [netlist_job.__name__, _makers(board)]
    place = cache.place_of("joined", stated, [*copied, Path(__file__)], makers)
    kept = cache.kept(place, make)
    design = json.loads((kept / NETLIST).read_text())
    cells = design["modules"][routing.TOP]["cells"]
    given, around = Counter[str](), Counter[str]()
    for name, cell in cells.items():
        (given if name.startswith(f"{shell.instance}.") else around)[cell["type"]] += 1
    return json.dumps(router.adapted(design)).encode(), shell, given, around


def _yosys(folder: Path, job: Record) -> None:
    now_at("Yosys joins shell and netlist")
    (folder / "job.json").write_text(json.dumps(job))
    command = [sys.executable, "-m", "xnorforge.flows.route.netlist_job", "job.json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
        raise UserError(
            f"bitstream: Yosys cannot join shell and netlist ({(said or ['no message'])[0]}); build it again."
        )


def _makers(board: Board) -> str:
    """The module that places and routes, for the key of its results."""
    return f"xnorforge.{routing.KIND}.{board.family}.{routing.PART}"


def _kept(
    netlist: bytes, lines: Sequence[str], router: Router, board: Board, seed: int, logs: Path,
    minutes: float | None,
) -> tuple[Path, Routed]:  # fmt: skip
    """The run of one seed and its output folder, from the cache or from the tools.

    Raises:
        UserError: the run failed; its logs then are in `logs`.
    """
    now_at(f"{router.program} on seed {seed}")

    def make(aside: Path) -> None:
        jobs.carry_out(aside, _route, netlist, board, seed, minutes)
        if (failed := aside / FAILED).exists():
            text = failed.read_text()
            for log in sorted(aside.glob("*.log")):
                logs.mkdir(exist_ok=True)
                text += f" (log: {shutil.copyfile(log, logs / f'seed{seed}-{log.name}')})"
            raise UserError(text)

    place = cache.place_of("route", [*lines, str(seed), netlist.decode()], [Path(__file__)], [_makers(board)])
    kept = cache.kept(place, make)
    found = artifacts.read_json(kept / RESULT)
    made = [TimingPath(tuple(Hop(**hop) for hop in path["hops"])) for path in found["paths"]]
    one = Routed(**found | {"paths": made, "late": [LateNet(**net) for net in found["late"]]})
    say(f"bitstream   seed {seed}: {one.mhz:.1f} MHz {one.kind} by {router.program}")
    return kept, one


def _route(aside: Path, netlist: bytes, board: Board, seed: int, minutes: float | None) -> None:
    """One run, wherever jobs run; a failure is left as a file beside the logs."""
    (aside / NETLIST).write_bytes(netlist)
    routing.MINUTES.set(minutes)
    begun = artifacts.processor_seconds()
    try:
        routed = _router(board).run(aside, board, seed)
    except UserError as error:
        (aside / FAILED).write_text(f"bitstream: {str(error).removeprefix('bitstream: ')}")
        return
    (aside / NETLIST).unlink()
    (aside / routing.PLACED).unlink(missing_ok=True)  # long, by the wires of every net
    took = round(artifacts.processor_seconds() - begun, 1)
    (aside / RESULT).write_text(json.dumps(asdict(replace(routed, cpu_s=took))))


def missed(board: Board, best: Routed, seeds: Ints, layers: Mapping[str, str], instance: str) -> str:
    """One sentence: by how much the board's clock is missed, where, and what would help."""
    short = 1e3 / best.mhz - 1e3 / board.clock_mhz
    runs = f"the best of {len(seeds)} seeds" if len(seeds) > 1 else f"seed {seeds[0]}"
    text = f"bitstream: {runs} reaches {best.mhz:.1f} MHz, but {board.name} runs at {board.clock_mhz:g} MHz"
    if not best.paths:
        return f"{text}, missed by {short:.2f} ns; use more seeds (SEEDS=), or a larger INTERVAL."
    row = paths.row(best.paths[0], 0, layers, instance)
    where = " → ".join(row["operators"])
    text += f", missed by {short:.2f} ns in {where} ({row['routing_ns']:.1f} of {row['ns']:.1f} ns in wires)"
    if "shell" in row["operators"]:
        return f"{text}; no folding changes the shell: use more seeds (SEEDS=), or a slower clock (CLOCK=)."
    if len(row["operators"]) > 1:
        last = row["operators"][-1]
        cut = f'FOLDING= with {{"{last}": {{"depth": 2}}}}'
        return f"{text}; a FIFO before one of them breaks the path ({cut})."
    return f"{text}; reduce pe or simd there (FOLDING=), or use a larger INTERVAL."
