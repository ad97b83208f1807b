"""Handwritten digits bundled with scikit-learn, 8x8 grey: nothing is downloaded.

E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998: 1,797 pictures of thirteen
writers, where each pixel is the count 0..16 of ink in a cell of 4x4.
"""

import numpy as np

from xnorforge.core import extras

SOURCE = "https://archive.ics.uci.edu/dataset/80"


def images() -> tuple[np.ndarray, np.ndarray]:
    """All 1,797 in the published order: uint8 (N, 1, 8, 8), where 16 becomes 255, and labels int64 (N,)."""
    extras.require("sklearn", "the data set digits")
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.rint(found.images * (255 / 16)).astype(np.uint8)[:, None], found.target.astype(np.int64)
