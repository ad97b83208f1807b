"""The streams of the top: their widths, and the number of frames in flight."""

from dataclasses import dataclass

from xnorforge.core.types import Record
from xnorforge.hw.ops.base import HwOp, Stream


@dataclass(frozen=True)
class TopStream:
    """One side of the top.

    Attributes:
        stream: the stream that it carries.
        core: bits of the port of xf_top, whole bytes.
        width: bits of the port of the top; bits above `core` are unused.
    """

    stream: Stream
    core: int
    width: int

    @property
    def beats(self) -> int:
        """Beats per frame."""
        return self.stream.beats

    @property
    def text(self) -> str:
        """A one-line description."""
        stream = self.stream
        signed = ", two's complement," if stream.signed else ""
        return (
            f"{list(stream.shape)} per frame, last axis fastest, {stream.lanes} element(s) of "
            f"{stream.bits} bit{signed} per beat from bit 0 up, {stream.beats} beats"
        )

    def record(self) -> Record:
        """The entry in package.json."""
        stream = self.stream
        return {
            "shape": list(stream.shape), "lanes": stream.lanes, "bits": stream.bits, "signed": stream.signed,
            "beats": stream.beats, "width": self.width,
        }  # fmt: skip


def top_stream(stream: Stream, plain: bool = False) -> TopStream:
    """The port for a stream: 8, 16, 32, 64, … bits, as common IPs have them, or the bits of a `plain` port.

    >>> top_stream(Stream((28, 28, 1), 3, 8)).width
    32
    """
    return TopStream(stream, stream.port_bits, stream.width if plain else stream.axis_bits)


def frames_in_flight(ops: list[HwOp]) -> int:
    """An upper bound on frames received but not answered without pauses: an operator holds a frame
    for at most its cycles and its latency, and one comes per interval of the slowest operator."""
    slowest = max(op.cycles() for op in ops)
    return -(-sum(op.cycles() + (op.latency() or 0) for op in ops) // slowest) + 2
