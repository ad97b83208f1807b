"""What twice the speed costs: the folding for half the initiation interval, by the cost models."""

from math import inf
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.flows.report import provenance
from xnorforge.hw.boards import Board


def twice_the_speed(acc: Path, found: dict[str, dict], board: Board, bound: int) -> dict:
    """The cost of half the interval, from the search that folds a network for an interval and nothing else.

    The limits and the folding file of this build do not apply, and FIFOs are not shrunk by the cycle model.

    Args:
        acc: folder of the accelerator.
        found: the records of the stages.
        bound: interval of this build, by its folding.

    Returns:
        {"interval", "fps", "lut", "bram36", "dsp", "fits", "command", "why"}; where no folding was found, the
        amounts are None and `why` says what prevents it.
    """
    interval, fold = max(bound // 2, 1), found["fold"]
    row = {
        "interval": interval,
        "fps": round(board.clock_mhz * 1e6 / interval, 1),
        **dict.fromkeys(("lut", "bram36", "dsp", "fits"), None),
        "command": provenance.command(
            found["export"],
            found["lower"],
            {**fold, "interval": interval, "aim": None},
            board,
            fold["backend"],
        ),
        "why": None,
    }
    try:
        return row | _amounts(acc.parent, fold, board, interval)
    except UserError as error:
        return row | {"why": str(error)}


def _amounts(net_dir: Path, fold: dict, board: Board, interval: int) -> dict:
    """LUT, BRAM36 and DSP at an interval, and whether the part has them.

    Raises:
        UserError: no folding is fast enough.
    """
    from xnorforge.flows.backends import base  # these load what a report of other tools does not need
    from xnorforge.flows.bind import bind_folder
    from xnorforge.flows.fold import of_family, with_fifos
    from xnorforge.flows.fold.aims import Search, amounts_of
    from xnorforge.flows.fold.options import RESOURCES
    from xnorforge.flows.fold.search import NO_LIMIT

    if base.load(fold["backend"]).matrices != "folded":
        raise UserError(
            f"BACKEND={fold['backend']} chooses between folded units and adders only after synthesis."
        )
    if not (net_dir / "lowered.onnx").exists():
        raise UserError("lowered.onnx is missing.")
    bounds = bind_folder(net_dir, fold["output"])
    search = Search(bounds, board, finish=lambda ops: with_fifos(of_family(ops, board), {}), adders=True)
    ops = search.within(interval, {**NO_LIMIT, "latency": inf})
    if ops is None:
        raise UserError(
            f"{search.slowest_name}: it needs {search.fastest:,} cycles per frame at its widest folding."
        )
    amounts = {name: round(amount, 1) for name, amount in amounts_of(ops).items()}
    return amounts | {"fits": all(amounts[name] <= board.capacity[name] for name in RESOURCES)}
