"""Streams of packets in which beats are lost, doubled or torn, and what a receiver has to make of them."""

from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key")
Beat = tuple[int, bool, bool]  # data, whether a packet ends with it, whether bytes of it are missing


def damaged(draw: Callable[[], tuple[Key, list[int]]], faults: int, rng) -> tuple[list[Beat], list[Key]]:
    """A stream with one fault in each of `faults` of its frames, and the frames that arrive whole.

    Behind a lost mark comes a frame without a fault, as two faults can make two frames one that is whole.
    `draw` gives what stands for a frame in the result, and its beats; always as many. Whole are those with
    the marks on both sides of them."""
    stream: list[Beat] = []
    clean: list[Key] = []
    mark = True  # a packet ended right before this frame
    while faults or len(clean) < 2 or not mark:
        key, frame = draw()
        beats = [(data, k == len(frame) - 1, False) for k, data in enumerate(frame)]
        if not faults or not mark or rng.random() < 0.4:
            clean += [key] if mark else []
            mark = True
            stream += beats
            continue
        faults -= 1
        # Of a frame of one beat a lost or doubled one is no fault that anybody could see.
        kinds = ["lost", "doubled", "torn"] if len(beats) > 1 else ["torn"]
        at, kind = int(rng.integers(len(beats))), rng.choice(kinds)
        if kind == "torn":
            beats[at] = (*beats[at][:2], True)
        else:
            beats[at : at + 1] = [beats[at]] * (2 if kind == "doubled" else 0)
        if kind == "doubled" and at == len(frame) - 1:
            clean.append(key)  # only the beat behind its mark is wrong, a packet of one beat
        mark = beats[-1][1]
        stream += beats
    return stream, clean


def whole_packets(stream: list[Beat], beats: int) -> list[bool]:
    """For each packet of a stream whether it is a whole frame of so many beats."""
    found, count, torn = [], 0, False
    for _, last, missing in stream:
        count, torn = count + 1, torn or missing
        if last:
            found.append(count == beats and not torn)
            count, torn = 0, False
    return found
