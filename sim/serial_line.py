"""A host at the serial line of an accelerator: sequences of requests and their answers
(hw/shells/uart/xf_uart_requests.sv).
"""

from dataclasses import replace

import numpy as np

from xnorforge.core.errors import MismatchError
from xnorforge.hw import graph
from xnorforge.hw.cycles.pauses import Stall
from xnorforge.hw.ops._loads import LoadChain
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.shells import uart
from xnorforge.sim import cosim
from xnorforge.sim.device import Device
from xnorforge.sim.loading import Loads, writes_of

BYTE = Stream((1,), 1, 8)  # one byte per frame: a sequence of requests has no other unit


def beat_bytes(stream: Stream) -> int:
    """Bytes of a beat of a stream on an AXI-Stream port."""
    return -(-stream.width // 8)


def frame_bytes(stream: Stream, frames: np.ndarray) -> np.ndarray:
    """Integers (N, *shape) as they go over the line: uint8 (N, bytes of a frame)."""
    return stream.pack(frames).view(np.uint8)[:, : beat_bytes(stream)].reshape(len(frames), -1)


def frame_integers(stream: Stream, data: np.ndarray) -> np.ndarray:
    """Bytes of whole frames, as they come over the line, as integers (N, *shape)."""
    beats = data.astype(np.uint8).reshape(-1, beat_bytes(stream))
    padded = np.pad(beats, ((0, 0), (0, -beats.shape[1] % 4)))
    return stream.unpack(padded.view("<u4"))


def conversation(ops: list[HwOp], frames: np.ndarray, loads: Loads = ()) -> list[tuple[bytes, int]]:
    """What a host sends for a sequence of frames, and of how many bytes each answer is.

    Args:
        frames: uint8 (N, C, H, W).
        loads: weights that are written before a frame, or behind the last.
    """
    sink = ops[-1].out_stream()
    sent = frame_bytes(ops[0].in_stream(), graph.enter(ops[0], frames))
    found: list[tuple[bytes, int]] = []
    for number in range(len(frames) + 1):
        for others in (others for place, others in loads if place == number):
            writes = writes_of(LoadChain(others))
            found += [(uart.write_request(*one), 1 + uart.CHECK) for one in writes]
        if number < len(frames):
            request = uart.frame_request(sent[number].tobytes())
            found.append((request, sink.beats * beat_bytes(sink) + uart.CHECK))
    return found


def run_requests(
    device: Device,
    ops: list[HwOp],
    frames: np.ndarray,
    loads: Loads = (),
    stall: Stall = 0.0,
    seed: int = 0,
    waits: bool = True,
    reset_at: int | None = None,
) -> cosim.Run:
    """Run such a sequence on a device with a stream of bytes in and one out.

    Args:
        device: its ports carry `BYTE`s.
        waits: the host reads the answer to a frame before it sends more; else it sends without a pause.
        reset_at: cycle of a reset, after which everything is sent again.

    Returns:
        The run.

    Raises:
        MismatchError: a write is refused, a check is wrong, or the RTL hangs or breaks a rule.
    """
    talk = conversation(ops, frames, loads)
    sent = np.frombuffer(b"".join(request for request, _ in talk), np.uint8)[:, None]
    starts, answers = (np.cumsum([0, *sizes]) for sizes in zip(*((len(one), size) for one, size in talk)))
    behind = [n for n, (request, _) in enumerate(talk[:-1], 1) if request[0] != uart.WRITE]
    gates = [(0, int(starts[n]), 0, int(answers[n])) for n in behind if waits]
    feed = cosim.Feed([sent], [int(answers[-1])], gates=gates)
    run = cosim.run(device, feed, stall=stall, seed=seed, reset_at=reset_at)
    came = [part.astype(np.uint8).tobytes() for part in np.split(run.output.ravel(), answers[1:-1])]
    wrong = [n for n, answer in enumerate(came) if answer != uart.with_check(answer[: -uart.CHECK])]
    if wrong:
        raise MismatchError(
            f"serial line: {len(wrong)} of {len(came)} answers have a wrong check; the first is {wrong[0]}."
        )
    refused = [
        n for n, (request, _) in enumerate(talk) if request[0] == uart.WRITE and came[n][0] != uart.DONE
    ]
    if refused:
        address = int.from_bytes(talk[refused[0]][0][1:5], "little")
        raise MismatchError(
            f"serial line: {len(refused)} writes were refused, the first at address {address:#x} with "
            f"answer {came[refused[0]][0]}."
        )
    results = [answer[: -uart.CHECK] for answer, (request, _) in zip(came, talk) if request[0] != uart.WRITE]
    data = np.frombuffer(b"".join(results), np.uint8)
    return replace(run, outputs=[frame_integers(ops[-1].out_stream(), data)])
