"""The format of a network's input, from the request and from what its graph states."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.core.input_format import InputFormat, format_named, scale_words
from xnorforge.flows.importing.input_range import FEW, Found, annotated, describe_input, input_of
from xnorforge.flows.importing.samples import Samples, fixed_point_for, probe_pixels, rounding_error
from xnorforge.flows.qonnx_execution import qonnx_scores

WIDTHS = (8, 10, 12, 14, 16)  # of a fixed-point input, the narrowest that changes no class is taken


@dataclass(frozen=True)
class Wanted:
    """What a request says about the input; None means unspecified.

    Attributes:
        form: a value of INPUT.
        scale, offset: the values of SCALE; the network's input is scale * integer + offset.
        calibration: with `form` "float:…", floats as the network takes them, (N, *shape).
    """

    form: str | None = None
    scale: float | None = None
    offset: float = 0.0
    calibration: np.ndarray | None = None

    def words(self) -> dict[str, str]:
        """The request as make variables."""
        found = {"INPUT": self.form} if self.form else {}
        return found | ({"SCALE": scale_words(self.scale, self.offset)} if self.scale is not None else {})


def chosen_format(network: ModelWrapper, samples: Samples, wanted: Wanted, where: str | Path) -> Found:
    """The format of the input.

    Args:
        network: cleaned QONNX.
        where: the file, for messages.

    Raises:
        UserError: the calibration data do not fit the network, or the format given has its own scale.
    """
    shape = tuple(network.get_tensor_shape(input_of(network))[1:])
    if wanted.calibration is not None:
        return _calibrated(network, wanted, shape, where)
    form = format_named(wanted.form) if wanted.form else None
    if form and form.fixed_point:
        if wanted.scale is not None:
            raise UserError(
                f"SCALE: INPUT={wanted.form} is a fixed-point format and already defines the scale; leave "
                "SCALE out."
            )
        return Found(form, f"INPUT={wanted.form}")
    if wanted.scale is not None:
        given = Wanted(wanted.form, wanted.scale, wanted.offset).words()
        why = " ".join(f"{name}={value}" for name, value in given.items())
        stated = annotated(network)
        form = form or (stated.form if stated else InputFormat())
        return Found(replace(form, scale=wanted.scale, offset=wanted.offset), why)
    found = describe_input(network, probe_pixels(samples, shape, FEW), form)
    return replace(found, why=f"INPUT={wanted.form}; {found.why}") if form else found


def _calibrated(network: ModelWrapper, wanted: Wanted, shape, where) -> Found:
    """The narrowest fixed point for the calibration data that changes no class of them, at most 16 bits."""
    data = np.asarray(wanted.calibration)
    file = str(wanted.form).partition(":")[2]
    if wanted.scale is not None:
        raise UserError(f"SCALE: INPUT={wanted.form} chooses the scale from the data; leave SCALE out.")
    if not len(data) or np.prod(data.shape[1:]) != np.prod(shape):
        raise UserError(
            f"INPUT: {file} contains rows of {'x'.join(map(str, data.shape[1:]))} numbers, but {where} takes "
            f"{'x'.join(map(str, shape))}; give data of the network's own shape."
        )
    if not np.isfinite(data).all():
        raise UserError(f"INPUT: {file} contains numbers that are not finite; remove them.")
    data = data.astype(np.float32).reshape(-1, *shape)
    classes = classes_of(qonnx_scores(network, data))
    form, differ = fixed_point_for(data, WIDTHS[0]), 0
    for bits in WIDTHS:
        form = fixed_point_for(data, bits)
        read = form.values(form.nearest(data))
        differ = int((classes_of(qonnx_scores(network, read)) != classes).sum())
        if not differ:
            break
    error = rounding_error(form, data, form.nearest(data))["max_error"]
    why = (
        f"{file}: {float(data.min()):.4g} .. {float(data.max()):.4g}; {form.bits} bits, the fewest "
        f"from {WIDTHS[0]} to {WIDTHS[-1]} that change {'no class' if not differ else f'{differ} classes'} "
        f"of its {len(data):,} rows, with a rounding error of at most {error:.3g}"
    )
    return Found(form, why)


def classes_of(scores: np.ndarray) -> np.ndarray:
    """The index of the largest score, per image or cell; for a single score, its sign."""
    return scores.argmax(1) if scores.shape[1] > 1 else scores[:, 0] >= 0
