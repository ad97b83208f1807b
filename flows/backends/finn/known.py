"""What FINN supports: its nodes, and AMD parts."""

from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.flows.finn_execution import start_finn, within_float32
from xnorforge.flows.finn_graph import FINN
from xnorforge.hw.boards import Board

ENDS = ("", "_hls", "_rtl")


def check_board(board: Board) -> None:
    """Check that the board has an AMD part, the only kind that FINN supports.

    Raises:
        UserError: the board has another part.
    """
    if not board.part.startswith("xc"):
        raise UserError(
            f"finn: {board.name} has the part {board.part}, but FINN supports only AMD parts; choose another "
            "BOARD, or build with BACKEND=rtl."
        )


def check_nodes(lowered: ModelWrapper) -> None:
    """Check that FINN has hardware for every node of a lowered network and that float32 can hold its numbers.

    Raises:
        UserError: it does not; the text names the first such node and counts the others.
    """
    strange = unknown_nodes(lowered)
    if strange:
        first, others = strange[0], strange[1:]
        kinds = ", ".join(dict.fromkeys(node.op_type for node in strange))
        more = f" and {len(others):,} more nodes ({kinds})" if others else ""
        raise UserError(
            f"finn: FINN does not support {first.name} ({first.op_type}){more}; build with BACKEND=rtl or "
            "BACKEND=hls4ml."
        )
    wide = within_float32(lowered)[1]
    if wide:
        raise UserError(
            f"finn: {wide[0]} has numbers that exceed the float32 of FINN's execution, so its results cannot "
            f"be checked ({len(wide):,} such nodes); build with BACKEND=rtl."
        )


def unknown_nodes(lowered: ModelWrapper) -> list:
    """The nodes of a lowered network for which FINN has neither HLS nor RTL, in order."""
    start_finn()
    from finn.custom_op.fpgadataflow.hls import custom_op as hls
    from finn.custom_op.fpgadataflow.rtl import custom_op as rtl

    names = {*hls, *rtl}
    return [
        node
        for node in lowered.graph.node
        if not node.domain.startswith(FINN) or names.isdisjoint(f"{node.op_type}{end}" for end in ENDS)
    ]


def check_rtl(model: ModelWrapper) -> None:
    """Check that every node of FINN's specialised graph is RTL, FINN's or ours.

    Raises:
        UserError: one is HLS; the text names the first and counts the others.
    """
    hls = [node for node in model.graph.node if node.op_type.endswith("_hls")]
    if hls:
        raise UserError(
            f"finn: neither FINN nor xnorforge has RTL for {hls[0].name}, which writes {hls[0].output[0]} "
            f"({len(hls):,} such nodes); build with BACKEND=rtl or BACKEND=hls4ml."
        )
