"""What to send to the accelerator and how to read its answer: shapes, bits, order of elements, scores."""

from collections.abc import Mapping

import numpy as np

from xnorforge.core.types import Record

ORDER = "row, column, channel; the channel fastest"


def entry(border: Record, given: Record) -> Record:
    """The input: raw integers of one frame.

    Args:
        border: `border.input` of rtl.json.
        given: `input` of export.json; the network's own input is element * scale + offset.
    """
    known = {name: given.get(name, default) for name, default in (("offset", 0.0), ("rounding", None))}
    return {**_port("s_axis_tdata", border), "order": ORDER, "scale": given["scale"], **known}


def exit_(border: Record, lowered: Mapping[str, np.ndarray], output: str) -> Record:
    """The output: `scores` integers, then `indices` places of the largest; score = scale * integer + bias per
    class, or per channel of a map. Of labels there are indices only, one per cell or vector.

    Args:
        border: `border.output` of rtl.json.
        lowered: lowered.npz.
        output: of fold.json.
    """
    scores = 0 if output == "labels" else int(np.prod(lowered["integers"].shape[1:]))
    return {
        **_port("m_axis_tdata", border), "scores": scores,
        "indices": int(np.prod(border["shape"])) - scores, "scale": lowered["scale"].tolist(),
        "bias": lowered["bias"].tolist(),
    }  # fmt: skip


def _port(name: str, border: Record) -> Record:
    kept = {key: border[key] for key in ("shape", "bits", "signed", "lanes", "beats")}
    return {"port": name, "port_bits": 8 * border["bytes"], **kept}
