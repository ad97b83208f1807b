"""Stimuli of the test bench, beats of real images, and their results, beats of those by the bit models."""

from pathlib import Path

import numpy as np

from xnorforge.hw import graph
from xnorforge.hw.ops.base import HwOp, Stream

FRAMES = 3


def beats(ops: list[HwOp], golden: Path, prefix: str, width: int, out_width: int) -> dict[str, str]:
    """The two memory files of the test bench, {path in the package: hex words, one per beat}.

    Args:
        ops: the operators of the folded network, whose `execute_node` computes the results.
        golden: golden.npz, whose first images are sent; if there are fewer than FRAMES, they repeat.
        width, out_width: bits of the ports.
    """
    with np.load(golden) as stored:
        images = np.resize(stored["images"][:FRAMES], (FRAMES, *stored["images"].shape[1:]))
    answers = graph.execute(ops, images)[ops[-1].name]
    return {
        f"sim/{prefix}_beats.mem": _hex_words(ops[0].in_stream(), graph.enter(ops[0], images), width),
        f"sim/{prefix}_answers.mem": _hex_words(ops[-1].out_stream(), answers, out_width),
    }


def _hex_words(stream: Stream, values: np.ndarray, width: int) -> str:
    """Frames (N, *shape) as the beats of a stream."""
    words = stream.pack(values)
    numbers = (int.from_bytes(word.astype("<u4").tobytes(), "little") for word in words)
    return "".join(f"{number:0{-(-width // 4)}x}\n" for number in numbers)
