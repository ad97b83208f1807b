"""A part of a frame: rows and columns of an image, or neighbours in a vector."""

import numpy as np

from xnorforge.core.errors import UserError
from xnorforge.hw.ops._grouped import Grouped
from xnorforge.hw.ops.base import Rtl, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Timing, some_given


class Crop(Grouped):
    """Pass the elements of a window of the frame, and drop the others.

        y[i, j, c] = x[first[0] + i, first[1] + j, c]    of a vector y[i] = x[first[0] + i]

    Shapes: `in_shape` (H, W, C) or (F,) to `out_shape`, which `first` plus it does not exceed, with as many
    channels. `pe` divides `group`: the channels, or of a vector any divisor of F, of `first` and of the
    result's length.

    Rate: one input beat per cycle. Latency: 1 cycle for a beat that is passed.

    Cost: a register and a counter or two."""

    module = "xf_crop"

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return super().get_nodeattr_types() | node_attributes(first=[])

    def window(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Rows and columns: of the frame, of the window's first element, of the window. A vector is one row.

        Raises:
            UserError: the window is not in the frame, or group does not divide it.
        """
        before, behind, first = (tuple(self.get_nodeattr(key)) for key in ("in_shape", "out_shape", "first"))
        group, image = self.get_nodeattr("group"), len(before) == 3
        whole, kept = (before[:2], behind[:2]) if image else ((1, *before), (1, *behind))
        start = first if image else (0, *first)
        if not (
            len(whole) == len(start) == len(kept) == 2
            and before[2:] == behind[2:]
            and all(f >= 0 and k > 0 and f + k <= w for f, k, w in zip(start, kept, whole))
        ):
            raise UserError(
                f"{self.name}: a window {behind} at {first} is not inside a frame {before}; move it."
            )
        for size in before[2:] if image else (*before, *first, *behind):
            check_divides(self.name, "group", group, "channels" if image else "elements", size)
        return whole, start, kept

    def passed(self) -> np.ndarray:
        """Whether each beat of a frame is passed, bool."""
        whole, (top, left), (rows, columns) = self.window()
        found, source = np.zeros(whole, bool), self.in_stream()
        found[top : top + rows, left : left + columns] = True
        elements = found.repeat(source.shape[-1], 1) if len(source.shape) == 3 else found
        return elements.reshape(-1, source.lanes)[:, 0]

    def execute_node(self, context: Tensors, _graph: object) -> None:
        x = self.taken(context)
        beats = x.reshape(len(x), -1, self.in_stream().lanes)
        context[self.onnx_node.output[0]] = beats[:, self.passed()].reshape(len(x), *self.out_stream().shape)

    def _beats(self) -> dict[str, int]:
        source = self.in_stream()
        per_column = source.shape[-1] if len(source.shape) == 3 else 1
        (rows, columns), (top, left), (tall, wide) = self.window()
        beats = [n * per_column // source.lanes for n in (columns, left, wide)]
        names = ("Rows", "Beats", "FirstRow", "FirstBeat", "KeptRows", "KeptBeats")
        return dict(zip(names, (rows, beats[0], top, beats[1], tall, beats[2])))

    def timing(self) -> Timing:
        """A register; some beats are dropped."""
        return some_given(self.passed(), 1)

    def rtl(self) -> Rtl:
        return self.module, {**self._beats(), "Width": self.in_stream().width}

    def parts(self) -> Parts:
        """Counters of beats and rows where a part of them is kept."""
        sizes, width = self._beats(), self.in_stream().width
        found = Parts().registers(width + 1).spare(width)
        rows = sizes["KeptRows"] < sizes["Rows"]
        if rows or sizes["KeptBeats"] < sizes["Beats"]:
            found.counters(sizes["Beats"], *[sizes["Rows"]] * rows)
        return found


Op = Crop
