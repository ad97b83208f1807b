"""A host at an accelerator's serial line: requests and answers (hw/shells/uart/xf_uart_requests.sv)."""

import numpy as np

from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.shells import uart
from xnorforge.sim.loading import Loads, writes_of


def beat_bytes(stream: Stream) -> int:
    """Bytes of a beat of a stream on an AXI-Stream port."""
    return -(-stream.width // 8)


def frame_integers(stream: Stream, data: np.ndarray) -> np.ndarray:
    """Bytes of whole frames, as they come over the line, as integers (N, *shape)."""
    beats = data.astype(np.uint8).reshape(-1, beat_bytes(stream))
    return stream.unpack(np.pad(beats, ((0, 0), (0, -beats.shape[1] % 4))).view("<u4"))


def conversation(ops: list[HwOp], frames: np.ndarray, loads: Loads = ()) -> list[tuple[bytes, int]]:
    """What a host sends for a sequence of frames, and of how many bytes each answer is.

    Args:
        frames: uint8 (N, C, H, W).
        loads: weights that are written before a frame, or behind the last.
    """
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    sent = source.pack(graph.enter(ops[0], frames)).view(np.uint8)[:, : beat_bytes(source)]
    sent = sent.reshape(len(frames), -1)  # bytes of each frame
    found: list[tuple[bytes, int]] = []
    for number in range(len(frames) + 1):
        for others in (others for place, others in loads if place == number):
            writes = writes_of(LoadChain(others))
            found += [(uart.write_request(*one), 1 + uart.CHECK) for one in writes]
        if number < len(frames):
            request = uart.frame_request(sent[number].tobytes())
            found.append((request, sink.beats * beat_bytes(sink) + uart.CHECK))
    return found
