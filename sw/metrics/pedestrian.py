"""Miss rate against false alarms, the usual measure of pedestrian detection.

P. Dollár, C. Wojek, B. Schiele, P. Perona, "Pedestrian Detection: An Evaluation of the State of the Art",
TPAMI 2012, section 3, with the toolbox's `bbGt` and `bbEval`. A picture is an Outcome of `boxes.match`.
"""

import numpy as np

from xnorforge.sw.metrics.boxes import Outcome, pooled

# False alarms per picture at which the miss rate is read: nine, evenly spaced on a logarithmic axis from 0.01
# to 1.
FPPI = 10.0 ** (np.arange(-8, 1) / 4)


def curve(outcomes: list[Outcome]) -> tuple[np.ndarray, np.ndarray]:
    """Return the curve as the score threshold passes one detection after the other.

    Returns:
        fppi: (n,), false alarms per picture, ascending.
        miss: (n,), share of persons not found, 0 to 1, descending; nan if there is no person to find.
    """
    hit, positives = pooled(outcomes)
    return np.cumsum(~hit) / len(outcomes), 1 - np.cumsum(hit) / (positives or np.nan)


def miss_rates(outcomes: list[Outcome], fppi=FPPI) -> np.ndarray:
    """Return the miss rate, 0 to 1, at false alarms per picture: of the last point up to each, else 1."""
    at, miss = curve(outcomes)
    positives = sum(one.positives for one in outcomes)
    return np.append(1.0 if positives else np.nan, miss)[np.searchsorted(at, fppi, side="right")]


def lamr(outcomes: list[Outcome]) -> float:
    """Return the log-average miss rate, 0 to 1, lower is better: the geometric mean at the nine FPPI.

    A miss rate of 0 counts as 1e-10, as in the toolbox. With few pictures it is coarse: with fewer than 100
    the lowest points allow no false alarm at all. nan if no picture has a person to find."""
    return float(np.exp(np.log(np.maximum(miss_rates(outcomes), 1e-10)).mean()))
