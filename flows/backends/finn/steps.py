"""FINN's own build steps, run as far as they go without Vivado."""

import shutil
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_datatypes import InferDataTypes

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.flows.backends.finn import handover
from xnorforge.flows.backends.finn.folding import set_folding
from xnorforge.flows.finn_execution import lowered_names
from xnorforge.flows.finn_graph import operator_of

AMOUNTS = {"LUT": "lut", "BRAM_18K": "bram18", "URAM": "uram", "DSP": "dsp"}


@dataclass
class Made:
    """The result of FINN's steps on a lowered network.

    Attributes:
        graph: specialised and folded, with width converters and FIFOs.
        origin: {name of a FINN node: name of its lowered node}; converters and FIFOs are not in it.
        folding: {name of a node: {"PE", "SIMD"}}, FINN's folding file.
        estimates: {name of a node with an origin: {"cycles", "lut", "bram18", "uram", "dsp"}}, FINN's.
        between: totals without cycles of width converters and FIFOs, and how many `converters`, `fifos`.
    """

    graph: ModelWrapper
    origin: dict[str, str]
    folding: dict[str, dict[str, int]]
    estimates: dict[str, Record]
    between: Record

    def record(self, fold: Record) -> Record:
        """The estimates in the stage's record: per operator FINN's nodes and totals, the fold's, and overall.

        Args:
            fold: the record of the stage fold.
        """
        rows = {node: row["name"] for row in fold["operators"] for node in (*row["lowered"], row["name"])}
        parts: dict[str, list[str]] = {}
        for name, finn in self.origin.items():
            parts.setdefault(rows.get(operator_of(finn, rows), finn), []).append(name)
        ours = {row["name"]: row for row in fold["operators"]}
        operators = [
            {
                "name": name,
                "nodes": [{"name": one, **self.folding[one], **self.estimates[one]} for one in nodes],
                "ours": _ours(ours[name]) if name in ours else None,
                "finn": _together([self.estimates[one] for one in nodes]),
            }
            for name, nodes in parts.items()
        ]
        every = [*self.estimates.values(), self.between]
        slowest = max(self.estimates, key=lambda name: self.estimates[name]["cycles"])
        return {
            "operators": operators, "between": self.between,
            "estimate": {
                **{name: sum(one[name] for one in every) for name in AMOUNTS.values()},
                "cycles": self.estimates[slowest]["cycles"], "slowest": slowest,
                "kind": "FINN's estimates, not a count",
            },
            "ours": {**fold["estimate"], "cycles": fold["interval_bound"]},
        }  # fmt: skip


def run_steps(lowered: ModelWrapper, fold: Record, config: Record, folder: Path) -> Made:
    """Partition, specialise, apply our folding, estimate, and insert width converters and FIFOs.

    Args:
        lowered: consists of FINN nodes only.
        fold: the record of the stage fold.
        config: FINN's build configuration, as the user gets it.
        folder: for FINN's estimates, as `report/`, and its folding, as `folding_config.json`.

    Raises:
        UserError: one of FINN's steps fails; the text names the step and FINN's reason.
    """
    from finn.builder import build_dataflow_steps as finn
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from finn.transformation.fpgadataflow.insert_dwc import InsertDWC
    from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO

    with TemporaryDirectory(prefix="xnorforge-finn-build-") as inside, redirect_stdout(StringIO()):
        asked = DataflowBuildConfig.from_dict(config)
        asked.output_dir, asked.folding_config_file = inside, folder / handover.FOLDING
        model = lowered
        for name in ("step_create_dataflow_partition", "step_specialize_layers"):
            with named_step(name):
                model = getattr(finn, name)(model, asked)
        origin = lowered_names(model, lowered)
        artifacts.write_json(folder / handover.FOLDING, {"Defaults": {}} | set_folding(model, origin, fold))
        for name in ("step_apply_folding_config", "step_generate_estimate_reports"):
            with named_step(name):
                model = getattr(finn, name)(model, asked)
        folding = artifacts.read_json(folder / handover.FOLDING)
        del folding["Defaults"]
        part = asked._resolve_fpga_part()
        estimates = {node.name: _estimate(node, part) for node in model.graph.node}
        with named_step("InsertDWC and InsertFIFO"):
            whole = model.transform(InsertDWC()).transform(InsertFIFO(create_shallow_fifos=True))
            whole = whole.transform(finn.SpecializeLayers(part)).transform(GiveUniqueNodeNames())
            whole = whole.transform(InferDataTypes())
        shutil.copytree(Path(inside) / "report", folder / "report", ignore=_but_estimates)
    return Made(whole, origin, folding, estimates, _between(whole, origin, part))


@contextmanager
def named_step(step: str):
    """FINN's failure message, as a sentence.

    Raises:
        UserError: it fails.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # FINN's own, assertions and plain ones alike
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"finn: FINN's {step} failed ({said}); choose another FOLDING or build with BACKEND=rtl."
        ) from error


def _but_estimates(_folder: str, names: list[str]) -> list[str]:
    """Which of FINN's reports are kept: a file may contain names of folders of this machine."""
    return [name for name in names if not name.startswith(("estimate_", "op_and_param"))]


def _estimate(node, part: str) -> Record:
    inst = getCustomOp(node)
    return {"cycles": int(inst.get_exp_cycles()), **_amounts(inst, part)}


def _amounts(inst, part: str) -> dict[str, int]:
    found = inst.node_res_estimation(part)
    return {ours: round(found[theirs]) for theirs, ours in AMOUNTS.items()}


def _between(model: ModelWrapper, origin: dict[str, str], part: str) -> Record:
    """Width converters and FIFOs: their number and their totals."""
    nodes = [node for node in model.graph.node if node.name not in origin]
    counts = [sum(node.op_type.startswith(f"Streaming{kind}") for node in nodes) for kind in ("Data", "FIFO")]
    amounts = [_amounts(getCustomOp(node), part) for node in nodes]
    sums = {name: sum(one[name] for one in amounts) for name in AMOUNTS.values()}
    return {"converters": counts[0], "fifos": counts[1], **sums}


def _ours(row: Record) -> Record:
    names = ("lut", "bram36", "dsp")
    return {"op": row["op"], "cycles": row["cycles"], **{n: row["estimate"].get(n, 0.0) for n in names}}


def _together(rows: list[Record]) -> Record:
    """Several nodes of one operator work in parallel, so the slowest one counts."""
    sums = {name: sum(row[name] for row in rows) for name in AMOUNTS.values()}
    return {"cycles": max(row["cycles"] for row in rows), **sums}
