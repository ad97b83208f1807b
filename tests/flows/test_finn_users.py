"""FINN's own build of its own networks with our nodes by one import: RTL gives what its graph gives."""

import numpy as np
import pytest
import torch
from brevitas.export import export_qonnx
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.general import GiveUniqueNodeNames
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.insert_topk import InsertTopK
from qonnx.util.cleanup import cleanup_model

from xnorforge.flows.finn_execution import start_finn_builder
from xnorforge.sim import finn as simulator

from .test_bnn_pynq import as_trained

start_finn_builder()

from finn.builder.build_dataflow import build_dataflow_cfg  # noqa: E402
from finn.builder.build_dataflow_config import DataflowBuildConfig  # noqa: E402
from finn.core.onnx_exec import execute_onnx  # noqa: E402
from finn.transformation.fpgadataflow.insert_dwc import InsertDWC  # noqa: E402
from finn.transformation.fpgadataflow.insert_fifo import InsertFIFO  # noqa: E402
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers  # noqa: E402

import xnorforge.finn_plugin  # noqa: E402, F401
from xnorforge.flows.backends.finn import stitch  # noqa: E402

PART = "xc7z020clg400-1"
FRONT = [
    f"step_{name}"
    for name in ("qonnx_to_finn", "tidy_up", "streamline", "convert_to_hw", "create_dataflow_partition")
]
BACK = [
    f"step_{name}"
    for name in (
        "specialize_layers", "target_fps_parallelization", "apply_folding_config", "minimize_bit_width",
        "generate_estimate_reports",
    )
]  # fmt: skip


@pytest.mark.full
@pytest.mark.parametrize(("name", "fps", "units"), [("tfc_1w1a", 100_000, 4), ("cnv_1w1a", 3_000, 9)])
def test_finn_s_flow_with_our_nodes_ends_in_rtl_of_finn_s_labels(name, fps, units, tmp_path, monkeypatch):
    monkeypatch.setenv("XILINX_VIVADO", "none")  # FINN notes its version at the end
    network = as_trained(name).eval()
    export_qonnx(network, torch.zeros(1, *network.input_shape), str(tmp_path / "net.onnx"))
    model = cleanup_model(ModelWrapper(str(tmp_path / "net.onnx")))
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    model.transform(InsertTopK(k=1)).transform(InferShapes()).save(str(tmp_path / "in.onnx"))
    found = []

    def keep(graph, _cfg):
        found.append(ModelWrapper(graph.model, make_deepcopy=True))
        return graph

    cfg = DataflowBuildConfig(output_dir=str(tmp_path / "out"), synth_clk_period_ns=10.0, fpga_part=PART,
                              target_fps=fps, mvau_wwidth_max=1000, steps=[*FRONT, keep, *BACK, keep],
                              generate_outputs=[], save_intermediate_models=False)  # fmt: skip
    assert build_dataflow_cfg(str(tmp_path / "in.onnx"), cfg) == 0
    plain, folded = found
    kinds = [node.op_type for node in folded.graph.node]
    assert kinds.count("XnorMVAU_rtl") == units and not any(kind.endswith("_hls") for kind in kinds)
    rtl = folded.transform(InsertDWC()).transform(InsertFIFO(create_shallow_fifos=True))
    rtl = rtl.transform(SpecializeLayers(PART)).transform(GiveUniqueNodeNames())
    rtl = stitch.write_design(rtl, PART, 10.0, tmp_path / "rtl")
    simulator.use_verilator()
    source, rng, labels = plain.graph.input[0].name, np.random.default_rng(0), []
    for _ in range(20):
        x = rng.integers(0, 256, plain.get_tensor_shape(source)).astype(np.float32)
        wanted, got = (next(iter(execute_onnx(one, {source: x}).values())) for one in (plain, rtl))
        labels.append(wanted.item())
        assert got.item() == wanted.item()
    assert len(set(labels)) > 1
