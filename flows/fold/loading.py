"""Networks whose weights a host replaces: what can be loaded, and widths that hold several trainings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.hw.bind import Bound, bind_folder
from xnorforge.hw.bind.network import is_width, widest


def as_loadable(bounds: list[Bound]) -> list[Bound]:
    """The graph with `loadable` set where an operator has it.

    Raises:
        UserError: no operator has it.
    """
    found = [
        replace(one, attributes=one.attributes | {"loadable": 1})
        if "loadable" in one.make_alone().declared
        else one
        for one in bounds
    ]
    if all(a is b for a, b in zip(found, bounds)):
        raise UserError("fold: no operator of this network has weights that can be loaded; use LOADABLE=0.")
    return found


def widened(bounds: list[Bound], like: Sequence[str], output: str) -> list[Bound]:
    """The graph with the widths that also hold the numbers of other trainings of the network.

    With the same options each of them, widened by the others, becomes the same hardware.

    Args:
        bounds: of this training.
        like: folders of the others, with `lowered.onnx`.
        output: as of `fold`.

    Raises:
        UserError: a folder has no lowered network, or one that differs in more than numbers and widths.
    """
    found = [_with_widths(one) for one in bounds]
    for folder in like:
        if not (Path(folder) / "lowered.onnx").exists():
            raise UserError(
                f"fold: LIKE={folder} has no lowered.onnx; give the folder of a network, or build that first."
            )
        other = [_with_widths(one) for one in bind_folder(Path(folder), output)]
        differ = next((a.name for a, b in zip(found, other) if _form(a) != _form(b)), None)
        if differ or len(found) != len(other):
            raise UserError(
                f"fold: LIKE={folder} must be a training of this network, but in its graph "
                f"{differ or 'the number of operators'} differs in more than numbers; give another folder."
            )
        found = [replace(a, attributes=_both(a.attributes, b.attributes)) for a, b in zip(found, other)]
    return found if like else bounds


def _with_widths(one: Bound) -> Bound:
    """With the widths that follow from its constants as attributes."""
    return replace(one, attributes=one.attributes | one.make_alone().constant_widths())


def _form(bound: Bound) -> tuple:
    """All but constants and widths."""
    attributes = {key: value for key, value in bound.attributes.items() if not is_width(key)}
    return bound.op, bound.name, attributes, {key: x.shape for key, x in bound.arrays.items()}


def _both(some: dict, others: dict) -> dict:
    """The attributes, each width the larger one."""
    return some | {key: widest(some[key], others[key]) for key in some if is_width(key)}
