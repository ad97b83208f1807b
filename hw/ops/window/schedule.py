"""When rows are written and read: how many must fit so that neither side ever waits."""

from dataclasses import dataclass, replace
from functools import cache


@dataclass(frozen=True)
class Rows:
    """A window seen by whole rows; times in pixels, which take one cycle per beat on either side.

    Attributes:
        height: image rows per frame.
        write: time to write one image row.
        read: time to read all windows of one output row.
        need: per output row, how many image rows of the frame it needs.
        freed: per output row, how many image rows of the frame are over after it; the last is `height`.
    """

    height: int
    write: int
    read: int
    need: tuple[int, ...]
    freed: tuple[int, ...]

    @property
    def interval(self) -> int:
        """Time per frame where the ring is large enough: the slower side's own."""
        return max(self.height * self.write, len(self.need) * self.read)

    @property
    def evenly(self) -> "Rows":
        """The same window between neighbours that take a whole frame's time each, in units of which a frame
        has any number: all image rows come at an even pace, and all output rows are fetched at one."""
        return replace(self, write=len(self.need), read=self.height)

    def suffices(self, ring: int, patience: int = 200) -> bool:
        """Whether a ring of this many rows keeps the interval.

        Every row is given the earliest time at which it may start when frame f does not start before f *
        interval: a row is written after the row before it and once the row that had its place is freed; an
            output row is read
        after the one before it and once the rows it needs are written. Times that repeat from frame to frame,
        shifted by the interval, are a schedule without end; times that grow for ever are a ring too small."""
        before = None
        written: list[int] = []
        freed: list[tuple[int, int]] = [(0, 0)]  # (image rows over, from when on)
        place = write_end = read_end = 0
        for frame in range(patience):
            start, times = frame * self.interval, []
            read_end = max(read_end, start)
            for need, over in zip(self.need, self.freed):
                while len(written) < frame * self.height + need:
                    while freed[place][0] < len(written) + 1 - ring:
                        place += 1
                        if place == len(freed):
                            return False  # the row it waits for needs this one
                    write_end = max(write_end, freed[place][1]) + self.write
                    written.append(write_end)
                read_end = max(read_end, written[frame * self.height + need - 1]) + self.read
                freed.append((frame * self.height + over, read_end))
                times += [read_end - start, write_end - start]
            if times == before:
                return True
            before = times
        return False


@cache
def ring(rows: Rows) -> int:
    """Smallest number of rows with which neither a window nor busy neighbours ever wait."""
    size = 1
    while not (rows.suffices(size) and rows.evenly.suffices(size)):
        size += 1
    return size
