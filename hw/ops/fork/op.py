"""One stream to several readers."""

from xnorforge.hw.ops.base import HwOp, Rtl, Stream, Tensors, node_attributes
from xnorforge.hw.parts import Parts
from xnorforge.hw.streams import check_divides
from xnorforge.hw.timing import Stop, Timing, beat_for_beat


class Fork(HwOp):
    """Send every beat of a stream to each of `readers` readers.

    Each reader takes beats at its own pace, but none is more than one beat ahead of the others. A reader that
    has to run further ahead needs a FIFO after its output.

    Rate: one beat per cycle. Latency: 1 cycle.

    Cost: one register per bit of a beat, and one flag per reader."""

    module = "xf_fork"
    ready_through = True
    identity = True

    def get_nodeattr_types(self) -> dict[str, tuple[object, ...]]:
        return node_attributes(in_shape=[], readers=int, pe=1, bits=1, signed=0)

    @property
    def outputs(self) -> int:
        """Readers."""
        return self.get_nodeattr("readers")

    def in_stream(self) -> Stream:
        shape, pe = tuple(self.get_nodeattr("in_shape")), self.get_nodeattr("pe")
        check_divides(self.name, "pe", pe, "channels", shape[-1])
        return Stream(shape, pe, self.get_nodeattr("bits"), bool(self.get_nodeattr("signed")))

    def out_streams(self) -> list[Stream]:
        return [self.in_stream()] * self.outputs

    def execute_node(self, context: Tensors, _graph: object) -> None:
        for tensor in self.onnx_node.output:
            context[tensor] = context[self.onnx_node.input[0]]

    def timing(self) -> Timing:
        """One register, whose beat stays until the last reader has it."""
        return beat_for_beat(1, Stop.READER)

    def rtl(self) -> Rtl:
        return self.module, {"Width": self.in_stream().width, "Outputs": self.outputs}

    def parts(self) -> Parts:
        return Parts(outputs=self.outputs).registers(self.in_stream().width + self.outputs)


Op = Fork
