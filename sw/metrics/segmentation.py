"""Mean intersection over union of classes, over all pixels of a set (VOC's segmentation measure).

A picture is its confusion matrix; the set's is their sum (`sum(matrices)`).
"""

import numpy as np

VOID = 255  # true label of a pixel that counts for nothing


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Return int64 (classes, classes): pixels by true (row) and predicted class (column), no VOID truth.

    Args:
        predicted: int, any shape, 0 .. classes - 1 wherever the truth is not VOID.
        truth: int, the same shape, 0 .. classes - 1 or VOID.

    Raises:
        ValueError: another shape, or a label out of range.
    """
    predicted, truth = np.asarray(predicted), np.asarray(truth)
    if predicted.shape != truth.shape:
        raise ValueError(
            f"confusion: predicted has the shape {predicted.shape}, but truth has {truth.shape}; they must "
            "be equal"
        )
    kept = truth != VOID
    rows, columns = truth[kept].astype(np.int64), predicted[kept].astype(np.int64)
    if len(rows) and not (min(rows.min(), columns.min()) >= 0 and max(rows.max(), columns.max()) < classes):
        raise ValueError(f"confusion: labels must be 0 to {classes - 1}, or {VOID} in the truth")
    return np.bincount(rows * classes + columns, minlength=classes**2).reshape(classes, classes)


def class_iou(matrix: np.ndarray) -> np.ndarray:
    """TP / (TP + FP + FN) per class (classes,), 0 to 1; nan for one neither true nor predicted."""
    hits = np.diag(matrix)
    union = matrix.sum(0) + matrix.sum(1) - hits
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


def mean_iou(matrix: np.ndarray) -> float:
    """Return the mean over the classes that are true or predicted, 0 to 1; nan if no pixel counts."""
    values = class_iou(matrix)
    return float(values[~np.isnan(values)].mean()) if matrix.any() else float("nan")


def pixel_accuracy(matrix: np.ndarray) -> float:
    """Return the share of pixels with the right class, 0 to 1; nan if no pixel counts."""
    return float(np.diag(matrix).sum() / (matrix.sum() or np.nan))
