"""Row of the cycle model."""

from xnorforge.hw.ops._timing import Buffer, Stop, Timing, Work


def timing(op) -> Timing:
    """A row is read while it arrives and some times more, on the last time each beat makes room for one of
    the next row; where pixels are repeated too, that one comes in while a pixel is read for the last time.
    """
    pixels, beats, passes, copies = op.loops()
    depth = pixels * beats
    if depth == 1:
        return Timing([Work(passes * copies, needs=1, frees=1)], 1, Stop.SPARE, Buffer(1, 1, free=0))
    works = []
    for number in range(passes):
        arrives, leaves = number == 0, number == passes - 1
        for first in range(0, depth, beats):
            places = range(first + 1, first + beats + 1)
            repeats = copies - 1
            if arrives and repeats:
                works += [Work(needs=place) for place in places]
                repeats -= 1
            works.append(Work(steps=repeats * beats, frees=first if leaves else 0))
            for place in places:
                shuts = leaves and copies > 1 and place == places[-1] < depth
                works.append(Work(needs=place if arrives else 0, frees=place if leaves else 0, shuts=shuts))
    return Timing([work for work in works if work.steps], 1, Stop.READER, Buffer(depth, depth))
