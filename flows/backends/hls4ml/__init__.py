"""The hls4ml back end: a folded network as a Vitis HLS project whose C++ computes the same integers.

hls_project/<io>/   the project: firmware, weights, scripts, and ten images with scores for its own test bench
hls.json            the record: checks, layers with reuse factors, and Vitis HLS's figures if installed
"""

import shutil
import subprocess
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import ToolMissing, UserError
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.backends.base import Backend
from xnorforge.flows.backends.hls4ml import emulate, vitis
from xnorforge.flows.backends.hls4ml.model import IO_TYPES, PROJECT, check_expressible, convert
from xnorforge.hw import boards, graph
from xnorforge.hw.any_width import whole_numbers
from xnorforge.hw.hls.layers import ours

BACKEND = Backend(
    about="a Vitis HLS project by hls4ml, emulated", stages=("hls",), report="project", needs="hls4ml"
)
BENCH = 10  # images in the project's own test bench


def write_and_emulate(acc: Path, net_dir: Path, out: Path | None = None, io=IO_TYPES, before=()) -> Record:
    """Convert, write, compile with g++, compare on the golden images, and synthesise if Vitis HLS is on PATH.

    Args:
        acc: folder with `folded.onnx` and `fold.json`.
        net_dir: folder of the network, with `golden.npz` and `lowered.npz`.
        out: folder for `hls.json` and `hls_project/`; `acc` if absent.
        io: hls4ml's forms, "io_parallel" (arrays) and "io_stream"; Vitis HLS synthesises the last one.
        before: earlier checks, for the record.

    Returns:
        The record, also in `hls.json`.

    Raises:
        UserError: hls4ml cannot express a node, or a tool fails.
        ToolMissing: g++ is not installed.
        MismatchError: the emulation differs from the folded graph.
    """
    acc, net_dir, out = Path(acc), Path(net_dir), Path(out or acc)
    if wrong := [kind for kind in io if kind not in IO_TYPES]:
        raise UserError(f"hls: io={wrong[0]} is not supported; use {' or '.join(IO_TYPES)}.")
    if shutil.which("g++") is None:
        raise ToolMissing("hls: g++, which compiles hls4ml's emulation, is missing; install the package g++.")
    ops, fold = graph.operators(acc / "folded.onnx"), artifacts.read_json(acc / "fold.json")
    check_expressible(ops, io)  # of every form, before one is compiled
    board = boards.of_folding(fold)
    with np.load(net_dir / "golden.npz") as golden, np.load(net_dir / "lowered.npz") as lowered:
        pixels, wanted = golden["images"], whole_numbers(lowered["integers"])
    checks, forms, times = [*before], {}, {}
    with artifacts.whole(out / "hls_project") as aside, artifacts.measured("hls4ml") as run:
        for kind in io:
            folder = aside / kind
            now_at(f"hls4ml's project with {kind}, compiled with g++")
            with ours(), redirect_stdout(StringIO()) as said:
                model, net = convert(ops, kind, board, folder)
                with artifacts.measured() as compiling:
                    _compiled(model, said)
                with artifacts.measured() as emulating:
                    checks.append(emulate.check_weights(model, net, folder))
                    checks.append(emulate.check_scores(model, net, ops, pixels, wanted))
                times[kind] = {"compile": _seconds(compiling), "emulate": _seconds(emulating)}
                forms[kind] = [_row(layer, net) for layer in model.get_layers()]
            _finish(folder, graph.enter(ops[0], pixels[:BENCH]), wanted[:BENCH])
        synthesis = vitis.run_vitis(aside / io[-1])
    record = {
        "stage": "hls", "checks": checks, "net": net_dir.name, "board": board.name,
        "part": board.part, "clock_mhz": board.clock_mhz, "project": "hls_project", "top": PROJECT,
        "layers": forms, **synthesis, "run": {**run, **times},
    }  # fmt: skip
    asked = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=True)
    record["run"]["tools"]["g++"] = asked.stdout.strip()
    artifacts.write_json(out / "hls.json", record)
    return record


def _compiled(model, said: StringIO) -> None:
    """Write the project and compile it; the output of g++ goes into `said`."""
    try:
        model.compile()
    except Exception as error:
        lines = said.getvalue().splitlines() or ["no message"]
        first = next((line for line in lines if "error:" in line), lines[-1])
        raise UserError(
            f"hls: g++ cannot compile the project ({first}); try another version of "
            "g++, or build with BACKEND=rtl."
        ) from error


def _seconds(spent: Record) -> Record:
    return {key: spent[key] for key in ("wall_s", "cpu_s")}


def _row(layer, net) -> Record:
    """One hls4ml layer in the record; `node` is the operator whose result it is, None for an inner layer."""
    op, _ = net.results.get(layer.name, (None, None))
    row = {"name": layer.name, "class": layer.class_name, "node": op and op.name}
    row["result"] = str(layer.get_output_variable().type.precision)
    if layer.name in net.weights:
        row |= {"reuse_factor": layer.get_attr("reuse_factor"), "weights": int(net.weights[layer.name].size)}
    return row


def _finish(folder: Path, inputs: np.ndarray, scores: np.ndarray) -> None:
    """Remove what is specific to this machine, and add the data of the test bench."""
    for library in folder.glob("firmware/*.so"):
        library.unlink()
    settings = folder / "hls4ml_config.yml"
    settings.write_text(settings.read_text().replace(str(folder), "."))
    for name, values in (("tb_input_features", inputs), ("tb_output_predictions", scores)):
        lines = (" ".join(map(str, row)) + "\n" for row in values.reshape(len(values), -1))
        (folder / "tb_data" / f"{name}.dat").write_text("".join(lines))
