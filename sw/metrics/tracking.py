"""Figures of single-object tracking: one-pass evaluation of OTB, average overlap of GOT-10k, and VOT's
figures with resets.

A sequence is an array with one value per frame, overlap or error; nan marks a frame that does not count.
Boxes are float (T, 4): x0, y0, x1, y1 in pixels. The first frame, whose box the tracker is given, counts in
OTB's figures and not in the others, as in their tools.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

OVERLAPS = np.linspace(0, 1, 21)
ERRORS = np.arange(51)  # pixels
SKIPPED = 5  # frames from a loss to the next start
BURN_IN = 10  # frames from a start on whose overlap does not count
SPAN = 100  # frames, of `reliability`


def overlap(
    predicted: np.ndarray,
    truth: np.ndarray,
    size: tuple[int, int] | None = None,
    visible: np.ndarray | None = None,
) -> np.ndarray:
    """Return intersection over union per frame, (T,), 0 to 1.

    Args:
        predicted, truth: boxes (T, 4).
        size: (width, height) of the picture, into which both are moved first, as GOT-10k's toolkit does: a
            corner beyond the left or upper border moves onto it with the box's width and height, then these
            are cut at the right and lower border. None, as in OTB: no change.
        visible: bool (T,); frames without the target become nan. None: all frames have it.
    """
    if size is not None:
        predicted, truth = (_into(boxes, np.asarray(size)) for boxes in (predicted, truth))
    sides = np.minimum(predicted[:, 2:], truth[:, 2:]) - np.maximum(predicted[:, :2], truth[:, :2])
    shared = np.maximum(sides, 0).prod(1)
    union = sum((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (predicted, truth)) - shared
    found = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found if visible is None else np.where(visible, found, np.nan)


def centre_error(predicted: np.ndarray, truth: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Distance of the boxes' centres per frame, (T,), pixels; `visible` as in `overlap`."""
    away = (predicted[:, :2] + predicted[:, 2:] - truth[:, :2] - truth[:, 2:]) / 2
    found = np.hypot(away[:, 0], away[:, 1])
    return found if visible is None else np.where(visible, found, np.nan)


def success_curve(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Return the share of frames with an overlap above 0, 0.05 … 1, (21,), the mean over sequences.

    Y. Wu, J. Lim, M.-H. Yang, "Object Tracking Benchmark", TPAMI 2015. The last value is always 0."""
    return np.mean([(_kept(one)[:, None] > OVERLAPS).mean(0) for one in sequences], 0)


def success(sequences: Sequence[np.ndarray]) -> float:
    """Return the area under the success curve, its mean: 0 to 20/21, the value of a perfect tracker."""
    return float(success_curve(sequences).mean())


def precision_curve(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """Share of frames with a centre error up to 0, 1 … 50 pixels, (51,), mean over sequences."""
    return np.mean([(_kept(one)[:, None] <= ERRORS).mean(0) for one in sequences], 0)


def precision(sequences: Sequence[np.ndarray], within: int = 20) -> float:
    """Share of frames with a centre error of at most `within` pixels, mean over sequences, 0 to 1."""
    return float(precision_curve(sequences)[within])


def average_overlap(sequences: Sequence[np.ndarray]) -> float:
    """Return AO: the mean overlap over the frames of all sequences together, without first frames, 0 to 1.

    L. Huang, X. Zhao, K. Huang, "GOT-10k", TPAMI 2021, as in its toolkit; its server averages over classes.
    """
    return float(_later(sequences).mean())


def success_rate(sequences: Sequence[np.ndarray], above: float = 0.5) -> float:
    """SR: share of frames with an overlap above `above`, pooled as in `average_overlap`, 0 to 1."""
    return float((_later(sequences) > above).mean())


def reset_overlap(
    follow: Callable[[int], Iterable[np.ndarray]], truth: np.ndarray, visible: np.ndarray
) -> np.ndarray:
    """Return the overlap per frame, (T,), of a tracker that is restarted when it has lost the object.

    The value is 0 where the object is lost (no overlap at all). It is nan in the first 10 frames after each
    start, up to the restart 5 frames after a loss, and where the target is hidden.

    M. Kristan et al., "A Novel Performance Evaluation Methodology for Single-Target Trackers", TPAMI 2016, as
    in VOT's toolkit; a restart waits until the target is visible.

    Args:
        follow: maps the index of a frame to the boxes from there to the last frame, the first being the true
            one.
        truth: boxes (T, 4).
        visible: bool (T,).
    """
    found, start = np.full(len(truth), np.nan), 0
    while start < len(truth):
        for frame, box in enumerate(follow(start), start):
            here = overlap(box[None], truth[frame : frame + 1])[0]
            if visible[frame] and (here == 0 or frame >= start + BURN_IN):
                found[frame] = here
            if found[frame] == 0:
                break
        else:
            break
        start = next((at for at in range(frame + SKIPPED, len(truth)) if visible[at]), len(truth))
    return found


def accuracy_with_resets(sequences: Sequence[np.ndarray]) -> float:
    """Return VOT's accuracy: the mean of `reset_overlap` over all frames of all sequences in which it counts
    and the object is not lost, 0 to 1; 0 if there are none."""
    frames = np.concatenate(sequences)
    return float(frames[frames > 0].mean()) if (frames > 0).any() else 0.0


def reliability(sequences: Sequence[np.ndarray]) -> float:
    """Return VOT's reliability: exp(-100 losses / frames) of `reset_overlap`, the chance that an object is
    still followed after 100 frames at this rate of losses, 0 to 1."""
    frames = np.concatenate(sequences)
    return float(np.exp(-SPAN * (frames == 0).sum() / len(frames)))


def _into(boxes, size) -> np.ndarray:
    corner = np.clip(boxes[:, :2], 0, size)
    return np.hstack([corner, np.minimum(corner + boxes[:, 2:] - boxes[:, :2], size)])


def _kept(sequence) -> np.ndarray:
    return sequence[~np.isnan(sequence)]


def _later(sequences) -> np.ndarray:
    return np.concatenate([_kept(one[1:]) for one in sequences])
