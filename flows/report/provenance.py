"""Provenance of a design: weights, command, artefacts with their hashes, and what varies from run to run."""

import platform
import shlex
import subprocess
from pathlib import Path

from xnorforge.core.artifacts import digest
from xnorforge.core.input_format import scale_words
from xnorforge.core.types import Record
from xnorforge.hw import boards, families, routing
from xnorforge.hw.boards import Board


def origin(export: Record) -> str:
    """Where the network comes from, in words."""
    source = export["source"]
    return source if isinstance(source, str) else f"{source['file']}, SHA-256 {source['sha256'][:16]}"


def command(export: Record, fold: Record, board: Board, backend: str) -> str:
    """The command that repeats the build, in the folder of the Makefile; without its FOLDING file."""
    if isinstance(export["source"], dict):
        given = export["input"]
        asked: dict[str, str] = {"MODEL": export["source"]["file"], **export.get("asked", {})}
        if "INPUT" not in asked and given.get("format", "uint8") == "uint8":
            asked["SCALE"] = scale_words(given["scale"], given.get("offset", 0.0))
        what = " ".join(f"{name}={shlex.quote(str(word))}" for name, word in asked.items())
    else:
        what = f"NET={export['net']} METHOD={export['method']}"
    aim = fold.get("aim") or {"fps": None, "limits": {}, "spare": None}
    usual = aim["fps"] or fold["interval"] == board.interval_for(export["net"])
    wanted = {"INTERVAL": None if usual else fold["interval"], "FPS": aim["fps"]}
    wanted |= {name.upper(): most for name, most in aim["limits"].items()}
    names = {"SPARE": "spare", "STREAM": "stream", "COUNT": "count", "LOOPS": "loops"}
    wanted |= {name: aim.get(key) for name, key in names.items() if aim.get(key) != "auto"}
    like, rate = aim.get("like"), aim.get("gb_per_s")
    wanted["MEMORY"] = rate and f"{rate:g}"
    wanted |= {"LOADABLE": int(fold.get("loadable", 0)), "LIKE": like and shlex.quote(",".join(like))}
    wanted["CLOCK"] = board.clock_mhz != boards.load(board.name).clock_mhz and f"{board.clock_mhz:.9g}MHz"
    aimed = "".join(f" {name}={word}" for name, word in wanted.items() if word)
    through = "" if backend == "rtl" else f" BACKEND={backend}"
    labels = " OUTPUT=labels" if fold["output"] == "labels" else ""
    return f"make build {what} BOARD={board.name}{through}{labels}{aimed}"


def netlist(board: Board) -> str:
    """One phrase: whether the netlist was simulated."""
    if board.simulates_netlists:
        return "simulated with the models of its cells"
    return f"not simulated: there are no models of the {board.family} cells"


def bitstream(board: Board, record: Record | None) -> str:
    """One sentence: the bitstream, or why it was not built and what would build it.

    Args:
        record: of the stage bitstream; None where it did not run.
    """
    if record:
        bit, mhz = record["bit"], record["clock"]["mhz"]
        return f"{bit['file']}, {bit['bytes']:,} bytes, for {record['part']} at {mhz:g} MHz"
    router = routing.load(board.family)
    if router is None or not board.shell:
        tool = families.load(board.family).vendor_tool
        other = f", {tool[1]} does" if tool else ""
        return f"not built: xnorforge has no place and route for this part{other}"
    lacking = router.missing(board)
    if lacking:
        return f"not built: {lacking[0].name} was not found; `make doctor` shows where to get it"
    return "not built: place and route was disabled (PNR=off)"


def product_files(acc: Path) -> list[Record]:
    """Products that are equal for equal inputs, with size and SHA-256; folders as one."""
    found = []
    for name, opens in {
        "../model.onnx": "Netron, qonnx", "../golden.npz": "numpy",
        "../lowered.onnx": "Netron, qonnx", "../rolled.onnx": "Netron, qonnx",
        "folded.onnx": "Netron, qonnx", "rtl": "any SystemVerilog tool; file list rtl.f",
        "hls_project": "Vitis HLS", "finn": "FINN+ and Vivado: its README.md",
        "netlist": "any Verilog tool with the family's cell models",
        "bitstream": "the board's loader: docs/guide/bitstream.md",
        "overlay": "its drivers in Python and C: docs/guide/board.md",
    }.items():  # fmt: skip
        path = acc / name
        inside = sorted(p for p in path.rglob("*") if p.is_file() and p.suffix != ".json")
        parts = inside if path.is_dir() else [path]
        if path.exists():
            size = sum(part.stat().st_size for part in parts)
            found.append({"file": name, "bytes": size, "sha256": digest(*parts), "opens_with": opens})
    return found


def run_facts(found: Record) -> Record:
    """What varies: times, memory, tools, machine, commit."""
    ran = {stage: record["run"] for stage, record in found.items() if "run" in record}
    tools = {name: given for one in ran.values() for name, given in one.get("tools", {}).items()}
    return {
        "stages": [
            {"stage": stage, **{key: one.get(key) for key in ("wall_s", "cpu_s", "peak_mb")}}
            for stage, one in ran.items()
        ],
        "tools": {"python": platform.python_version(), **dict(sorted(tools.items()))},
        "machine": f"{platform.machine()}, {platform.system()}",
        "commit": commit(),
    }


def commit() -> str | None:
    """The commit of the working tree, with `+` where tracked files differ; None outside of git."""
    try:
        command = ["git", "describe", "--always", "--dirty=+"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
