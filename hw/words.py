"""Words of memories and tables: rows of their bits, and which of these differ."""

import numpy as np

from xnorforge.core.types import Ints


def different_columns(words: np.ndarray, equal: bool = False) -> int:
    """How many bits of words (words, bits) of 0 and 1 change; `equal` ones once each, or once in all."""
    columns = words[:, (words != words[:1]).any(0)]
    if equal:
        return columns.shape[1]
    packed = np.ascontiguousarray(np.packbits(columns, axis=0).T)
    return len({column.tobytes() for column in packed})


def unread(cut: int) -> int:
    """Low bits of a number that do not decide whether it is more than `cut`.

    >>> unread(7), unread(4), unread(5)
    (3, 0, 1)
    """
    return (~cut & cut + 1).bit_length() - 1


def bits_of(values: np.ndarray, bits: int) -> np.ndarray:
    """Rows of integers as rows of bits, of each the lowest first."""
    if bits == 1:
        return (values & 1).astype(np.uint8, copy=False)
    shifts = np.arange(bits, dtype=values.dtype)
    return (values[:, :, None] >> shifts & 1).astype(np.uint8).reshape(len(values), -1)


def binary(words: Ints, bits: int) -> np.ndarray:
    """Words of `bits` bits as rows of 0 and 1, the lowest first.

    >>> binary([1, 6], 3).tolist()
    [[1, 0, 0], [0, 1, 1]]
    """
    size = -(-bits // 8)
    rows = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8)
    return np.unpackbits(rows.reshape(-1, size), axis=1, bitorder="little")[:, :bits]
