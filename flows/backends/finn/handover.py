"""The folder for a machine with Vivado: FINN's configuration, its folding, the model, images to check.

The steps begin at the partition, because the lowered network already consists of FINN's nodes. FINN's passes
that narrow accumulators are left out: they mistake match counts for sums of -1 and +1, and the widths are
already exact (tests/flows/test_other_projects.py).
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows.finn_execution import start_finn
from xnorforge.hw.boards import Board

CONFIG, FOLDING, MODEL = "dataflow_build_config.json", "folding_config.json", "model.onnx"
BUILD = "build.py"
COMMAND = f"python {BUILD}"
SCRIPT = f'''"""FINN's build with the RTL nodes of xnorforge in place of FINN's HLS."""

import xnorforge.finn_plugin  # noqa: F401
from finn.builder.build_dataflow import build_dataflow_cfg
from finn.builder.build_dataflow_config import DataflowBuildConfig

build_dataflow_cfg("{MODEL}", DataflowBuildConfig.construct_from("{CONFIG}"))
'''
CHECKED = 5  # images that FINN simulates in the stitched design
HERE = (
    "step_create_dataflow_partition", "step_specialize_layers", "step_apply_folding_config",
    "step_generate_estimate_reports",
)  # fmt: skip
THERE = (
    "step_generate_hardware", "step_create_stitched_ip", "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
)  # fmt: skip
ON_A_BOARD = ("step_synthesize_bitfile", "step_make_driver", "step_deployment_package")


def build_config(board: Board) -> Record:
    """FINN's configuration for a board: a bitstream if FINN supports the board, else a stitched IP."""
    start_finn()
    from finn.util.basic import pynq_part_map

    alike = [name for name, part in pynq_part_map.items() if part == board.part]
    known = next((name for name in alike if name.lower().startswith(board.name)), None)
    outputs = ["estimate_reports", "stitched_ip", "rtlsim_performance", "out_of_context_synth"]
    target: dict = {"fpga_part": board.part}
    if known:
        outputs += ["bitfile", "pynq_driver", "deployment_package"]
        target = {"board": known, "shell_flow_type": "vivado_zynq"}
    return {
        "output_dir": "build", "steps": [*HERE, *THERE, *(ON_A_BOARD if known else ())],
        "synth_clk_period_ns": 1000 / board.clock_mhz, **target, "folding_config_file": FOLDING,
        "generate_outputs": outputs, "standalone_thresholds": True, "minimize_bit_width": False,
        "verify_steps": ["stitched_ip_rtlsim"], "verify_input_npy": "input.npy",
        "verify_expected_output_npy": "expected_output.npy",
    }  # fmt: skip


def write_build(
    folder: Path, net: str, model: ModelWrapper, config: Record, made, frames: np.ndarray,
    integers: np.ndarray,
) -> None:  # fmt: skip
    """Fill the folder; FINN's folding and estimates are already in it.

    Args:
        net: its name; model: the input of FINN.
        made: `steps.Made`.
        frames: golden images as the accelerator takes them, (N, *shape); integers: its results for them.
    """
    model.save(str(folder / MODEL))
    artifacts.write_json(folder / CONFIG, config)
    (folder / BUILD).write_text(SCRIPT)
    out_shape = made.graph.get_tensor_shape(made.graph.graph.output[0].name)
    in_shape = made.graph.get_tensor_shape(made.graph.graph.input[0].name)
    for name, values, shape in (("input", frames, in_shape), ("expected_output", integers, out_shape)):
        if values[:1].size != np.prod(shape):
            raise UserError(
                f"finn: {name} has frames of {values[:1].size} numbers, but FINN's graph expects {shape}; "
                "build with BACKEND=rtl."
            )
        np.save(folder / f"{name}.npy", values[:CHECKED].astype(np.float32).reshape(-1, *shape[1:]))
    (folder / "README.md").write_text(_readme(net, config))


def _readme(net: str, config: Record) -> str:
    target, release = config.get("board") or config["fpga_part"], version("finn-plus")
    return f"""# {net} for {target}: a FINN build

`rtl/` is the design that was simulated; its top is `finn_design`, and `rtl.f` lists its files.

For a bitstream by FINN, on a machine with Vivado, FINN+ (PyPI `finn-plus`; {release} wrote this folder)
and xnorforge, run in this folder:

    {COMMAND}

| file | content |
|---|---|
| `{MODEL}` | the network on integers, channels last, made of FINN's nodes |
| `{CONFIG}` | FINN's configuration; FINN writes its results to `build/` |
| `{FOLDING}` | PE and SIMD of every node |
| `{BUILD}` | FINN's build, with our RTL where FINN has HLS alone |
| `input.npy`, `expected_output.npy` | images and their integer results, with which FINN checks the design |
| `report/` | FINN's estimates, computed without Vivado |

The output is the integer scores; the host selects the largest.
"""
