"""The streams of the top: widths that other people's IPs have, and how many frames are inside at once."""

from dataclasses import dataclass

from xnorforge.hw.ops.base import HwOp, Stream


@dataclass(frozen=True)
class TopStream:
    """One side of the top.

    Attributes:
        stream: what travels.
        core: bits of the port of xf_top, whole bytes.
        width: bits of the port of the top: 8, 16, 32, 64, …; those above `core` carry nothing.
    """

    stream: Stream
    core: int
    width: int

    @property
    def beats(self) -> int:
        """Of a frame."""
        return self.stream.beats

    @property
    def text(self) -> str:
        """One line for a reader."""
        stream = self.stream
        signed = ", two's complement," if stream.signed else ""
        return (
            f"{list(stream.shape)} per frame, last axis fastest, {stream.lanes} element(s) of "
            f"{stream.bits} bit{signed} per beat from bit 0 up, {stream.beats} beats"
        )

    def record(self) -> dict:
        """For package.json."""
        stream = self.stream
        return {
            "shape": list(stream.shape), "lanes": stream.lanes, "bits": stream.bits, "signed": stream.signed,
            "beats": stream.beats, "width": self.width,
        }  # fmt: skip


def top_stream(stream: Stream) -> TopStream:
    """The port for a stream.

    >>> top_stream(Stream((28, 28, 1), 3, 8)).width
    32
    """
    core = -(-stream.width // 8) * 8
    return TopStream(stream, core, 1 << (core - 1).bit_length())


def frames_in_flight(ops: list[HwOp]) -> int:
    """Frames that are whole and not answered where neither side pauses, or more: no operator holds one for
    longer than its cycles and its latency, and a new one comes with every interval of the slowest.
    """
    slowest = max(op.cycles() for op in ops)
    return -(-sum(op.cycles() + (op.latency() or 0) for op in ops) // slowest) + 2
