"""The larger of two streams."""

import numpy as np

from xnorforge.hw.parts import Parts
from xnorforge.hw.per_channel import PerChannel
from xnorforge.hw.timing import Stop, Timing, Work


class Maximum(PerChannel):
    """y = max(a, b), element by element: integers (…, C) of two streams of one width, and of that width."""

    module = "xf_maximum"
    inputs = 2

    def in_streams(self):
        return [self.in_stream(), self.in_stream()]

    def out_stream(self):
        return self.in_stream()

    def execute_node(self, context, _graph):
        shape = (-1, *self.in_stream().shape)
        a, b = (np.asarray(context[tensor]).astype(np.int64).reshape(shape) for tensor in self.sources)
        context[self.onnx_node.output[0]] = np.maximum(a, b).astype(np.float32)

    def timing(self):
        """A beat of both at once."""
        return Timing([Work(takes=(0, 1))], 1, Stop.READER)

    def rtl(self):
        source = self.in_stream()
        return self.module, {"Pe": source.lanes, "Bits": source.bits, "Signed": source.signed}

    def parts(self):
        source = self.in_stream()
        found = Parts(chosen_bits=source.width).registers(source.width + 1)
        return found.comparators(source.bits, source.lanes)


Op = Maximum
