"""The contract."""

import numpy as np

from xnorforge.hw.ops._per_channel import PerChannel
from xnorforge.hw.parts import Parts


def absolute(x: np.ndarray) -> np.ndarray:
    """|x|: the one place that states the meaning, for `execute_node` and `lower.py`."""
    return abs(x)


class Absolute(PerChannel):
    """y = |x|: integers (…, C), signed or unsigned, to unsigned integers of as many bits."""

    module = "xf_absolute"
    ready_through = True  # s_ready_o follows m_ready_i within the cycle

    def out_stream(self):
        return self.stream(self.get_nodeattr("in_bits"), False)

    def execute_node(self, context, _graph):
        x = np.asarray(context[self.onnx_node.input[0]]).astype(np.int64).reshape(-1, *self.in_stream().shape)
        context[self.onnx_node.output[0]] = absolute(x).astype(np.float32)

    def latency(self) -> int:
        """One register."""
        return 1

    def rtl(self):
        source = self.in_stream()
        return self.module, {"Pe": source.lanes, "Bits": source.bits, "Signed": source.signed}

    def parts(self):
        """Registers, and a negation per lane."""
        source = self.in_stream()
        return Parts().registers(source.width + 1).adders(source.bits, count=source.lanes * source.signed)


Op = Absolute
