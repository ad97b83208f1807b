"""The only module that starts FINN.

FINN (distribution `finn-plus`, import `finn`) runs here without Vivado: its settings and build folder point
into a temporary folder, so that it writes nothing into the user's home.
"""

import atexit
import logging
import os
import tempfile
from contextlib import contextmanager
from functools import cache

import numpy as np
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper


@cache
def start_finn() -> None:
    """Make FINN importable and silent; calls after the first do nothing."""
    folder = tempfile.TemporaryDirectory(prefix="xnorforge-finn-")
    atexit.register(folder.cleanup)
    os.environ["FINN_BUILD_DIR"] = folder.name
    os.environ["FINN_SETTINGS"] = os.path.join(folder.name, "settings.yaml")
    logging.getLogger("finn").setLevel(logging.ERROR)
    from finn.util.settings import initialize_dummy_settings

    initialize_dummy_settings()


def execute_with_finn(model: ModelWrapper, frame: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor of a lowered graph in FINN's and qonnx's own Python execution.

    Args:
        model: one input, hardware-abstraction nodes (not specialised ones, which need a simulator).
        frame: one input without batch, integers.
    """
    start_finn()
    name = model.graph.input[0].name
    given = {name: frame.astype(np.float32).reshape(model.get_tensor_shape(name))}
    with _without_range_check():
        return onnx_exec.execute_onnx(model, given, return_full_exec_context=True)


@contextmanager
def _without_range_check():
    """qonnx would compare every constant with its data type for every image, four fifths of the time.

    The lowering asserts the range of every tensor itself and compares all of them.
    """
    before = os.environ.get("SANITIZE_QUANT_TENSORS")
    os.environ["SANITIZE_QUANT_TENSORS"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["SANITIZE_QUANT_TENSORS"]
        else:
            os.environ["SANITIZE_QUANT_TENSORS"] = before
