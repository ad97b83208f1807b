"""The only module that starts FINN.

FINN (distribution `finn-plus`, import `finn`) runs here without Vivado: its settings and build folder are in
a temporary folder, so that it writes nothing into the user's home.
"""

import atexit
import inspect
import logging
import os
import tempfile
from functools import cache

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.util.basic import qonnx_make_model

from xnorforge.core.errors import ToolMissing
from xnorforge.core.indexed_model import IndexedModel, indexed
from xnorforge.flows.qonnx_execution import execution_of
from xnorforge.hw.any_width import FLOAT32_BITS


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


class VivadoSimulator:
    """Stands for Vivado's simulator, which FINN's build steps import but do not use here."""

    def __init__(self, *_given: object, **_named: object):
        raise ToolMissing(
            "finn: this step of FINN needs Vivado's simulator; run it where Vivado is installed."
        )


@cache
def start_finn_builder() -> None:
    """Make FINN's build steps (`finn.builder`) importable without Vivado, at the first call."""
    start_finn()
    replace_vivado_simulator()


def replace_vivado_simulator() -> None:
    """Put the placeholder where FINN's build steps import Vivado's simulator and nothing else stands."""
    import finn.xsi

    for name in finn.xsi._LAZY_NAMES - set(dir(finn.xsi)):
        setattr(finn.xsi, name, VivadoSimulator)


def lowered_names(made: ModelWrapper, lowered: ModelWrapper) -> dict[str, str]:
    """{name of FINN's node: name of the lowered node that it is made from}, by their common tensors."""
    of = {node.output[0]: node.name for node in lowered.graph.node}
    return {node.name: of[node.output[0]] for node in made.graph.node}


def specialised_names(model: ModelWrapper, part: str) -> dict[str, str]:
    """{name that FINN gives a node once it is HLS or RTL for a part: its name in a lowered graph},
    also for our nodes in FINN's registry; nodes that FINN does not have are left out."""
    start_finn()
    from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
    from qonnx.transformation.general import GiveUniqueNodeNames

    class FinnsOwn(SpecializeLayers):
        apply = inspect.unwrap(SpecializeLayers.apply)

    return lowered_names(model.transform(FinnsOwn(part)).transform(GiveUniqueNodeNames()), model)


def within_float32(model: ModelWrapper) -> tuple[ModelWrapper, list[str]]:
    """The part of a lowered graph whose tensors fit float32, what it reads from the rest as further
    inputs, and the names of the nodes that are left out."""

    def fits(tensor: str) -> bool:
        kind = model.get_tensor_datatype(tensor)
        return not kind.is_integer() or kind.bitwidth() <= FLOAT32_BITS + kind.signed()

    model = indexed(model)
    kept = [node for node in model.graph.node if all(map(fits, (*node.input, *node.output)))]
    if len(kept) == len(model.graph.node):
        return model, []
    constants = {one.name for one in model.graph.initializer}
    of_kept = {name for node in kept for name in node.input}
    made = dict.fromkeys(tensor for node in kept for tensor in node.output)
    read = dict.fromkeys(tensor for node in kept for tensor in node.input if tensor not in constants)
    ends = [tensor for tensor in made if tensor not in read]
    infos = {one.name: one for one in (*model.graph.value_info, *model.graph.input, *model.graph.output)}
    body = helper.make_graph(
        kept, "part", [infos[tensor] for tensor in read if tensor not in made],
        [infos[tensor] for tensor in ends],
        initializer=[one for one in model.graph.initializer if one.name in of_kept],
        value_info=[infos[tensor] for tensor in made if tensor in read],
    )  # fmt: skip
    part = ModelWrapper(qonnx_make_model(body, producer_name="xnorforge"))
    for tensor in (*made, *read, *(name for node in kept for name in node.input if name in constants)):
        part.set_tensor_datatype(tensor, model.get_tensor_datatype(tensor))
    left = {node.name for node in model.graph.node} - {node.name for node in kept}
    return IndexedModel(part), [node.name for node in model.graph.node if node.name in left]


def execute_with_finn(model: ModelWrapper, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Every tensor of a lowered graph in FINN's and qonnx's own Python execution.

    Args:
        model: hardware-abstraction nodes (not specialised ones, which need a simulator).
        given: by input, integers without batch that fit float32.
    """
    start_finn()
    given = {name: x.astype(np.float32).reshape(model.get_tensor_shape(name)) for name, x in given.items()}
    # The check of every constant's range per image takes 80 % of the time; lowering checks them.
    return execution_of(model).tensors(given, 1, ranges=False)
