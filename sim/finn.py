"""FINN's designs under Verilator: run as ours are, and through FINN's own interface `finn.xsi`.

FINN simulates with Vivado's kernel, whose functions are those of the module `finn.xsi`; `use_verilator` puts
Verilator behind them, so that FINN's `execute_onnx` and its nodes run RTL without Vivado.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core.types import Record
from xnorforge.hw.ops.base import Stream
from xnorforge.sim import cosim, verilate
from xnorforge.sim.device import Device, Lane, Port, ports_header

PATIENCE = 1_000_000  # cycles without a transfer, where FINN states none
_PORT = re.compile(
    r"^\s*(input|output)\s+(?:wire\s+|logic\s+)?\[\s*(\d+)\s*(-\s*1\s*)?:\s*0\s*\]\s*(\w+)_(tdata|TDATA)\b",
    re.MULTILINE,
)
_built: dict[str, Device] = {}  # by the file that stands for it


def device(
    top: str, sources: list[Path], streams: dict[str, Stream] | None = None,
    patience: int = PATIENCE, level: str = "",
) -> Device:  # fmt: skip
    """Build a module with FINN's ports.

    Args:
        top: name of the module, in a file `<top>.v` of `sources`.
        sources: Verilog files in reading order; memory files are found from the folder of the top.
        streams: what travels, by port, where it is not raw beats.
        patience: cycles without a transfer that only a hang explains.
        level: g++ optimisation of the code that runs each cycle.
    """
    own = next(path for path in sources if path.stem == top)
    sides: dict[str, list[Port]] = {"input": [], "output": []}
    for way, high, exact, name, role in _PORT.findall(own.read_text()):
        bits = int(high) + (not exact)
        stream = (streams or {}).get(name, Stream((1,), 1, bits))
        small = str.lower if role.islower() else str.upper
        valid, ready = (f"{name}_{small(one)}" for one in ("tvalid", "tready"))
        sides[way].append(Port(stream, f"{name}_{role}", valid, ready, bits))
    lanes = [Lane(top, "ap_rst_n", sides["input"], sides["output"], patience)]
    program = verilate.compile_model(
        top, sources, ports_header("ap_clk", lanes), sorted({path.parent for path in sources}),
        defines=("FINN_SIMULATION", "XF_SIM"), level=level,
    )  # fmt: skip
    return Device(program, lanes, folder=own.parent)


def design(folder: Path, top: str, source: Stream, sink: Stream, patience: int = PATIENCE) -> Device:
    """Build the design in a folder with `rtl.f`, of one stream in and one out."""
    listed = [line for line in (folder / "rtl.f").read_text().split() if line.endswith("v")]
    streams = {"s_axis_0": source, "m_axis_0": sink}
    return device(top, [folder / name for name in listed], streams, patience)


def compile_sim_obj(
    top_module_name: str, source_list: list[str], sim_out_dir: str, *_more: object, **_named: object
):
    """Build a module; returns the folder and a file in it that stands for the simulator."""
    folder, inside = Path(sim_out_dir), Path("xsim.dir") / f"{top_module_name}.so"
    sources = [path for path in map(Path, dict.fromkeys(map(str, source_list))) if path.name != "fifo.sv"]
    sources.sort(key=lambda path: "_pkg" not in path.name)
    (folder / inside).parent.mkdir(parents=True, exist_ok=True)
    (folder / inside).touch()
    _built[str(folder / inside)] = device(top_module_name, sources)
    return folder, inside


def load_sim_obj(sim_out_dir: str, out_so_relative_path: str, *_more: object, **_named: object) -> Device:
    """The built simulator."""
    return _built[str(Path(sim_out_dir) / out_so_relative_path)]


def rtlsim_multi_io(
    sim: Device, io_dict: Record, num_out_values: int | dict[str, int], sname: str = "_V_V",
    liveness_threshold=PATIENCE, **_named: object,
) -> int:  # fmt: skip
    """Send beats, whole numbers, into every port and wait for as many out of each; returns the cycles."""
    [lane] = sim.lanes
    counts: Any = num_out_values
    if not isinstance(counts, dict):
        counts = dict.fromkeys(io_dict["outputs"], counts)
    sides = (lane.sources, lane.sinks)
    ends = [{port.data.rpartition("_")[0].removesuffix(sname): port for port in side} for side in sides]
    inputs = [np.array(io_dict["inputs"][name], object).reshape(-1, 1) for name in ends[0]]
    patient = replace(sim, lanes=[replace(lane, patience=max(PATIENCE, liveness_threshold))])
    run = cosim.run(patient, cosim.Feed(inputs, [int(counts[name]) for name in ends[1]]))
    for name, beats in zip(ends[1], run.outputs, strict=True):
        io_dict["outputs"][name] = [int(beat) for beat in beats.reshape(-1)]
    return int(max(cycles[-1] for cycles in run.given)) + 1


def use_verilator() -> None:
    """Put Verilator behind `finn.xsi`, in place of Vivado."""
    import finn.xsi

    for function in (compile_sim_obj, load_sim_obj, rtlsim_multi_io):
        setattr(finn.xsi, function.__name__, function)
    finn.xsi.reset_rtlsim = finn.xsi.close_rtlsim = lambda *_given, **_named: None
