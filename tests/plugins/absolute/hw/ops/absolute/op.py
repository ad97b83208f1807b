"""What it computes."""

from xnorforge.hw.beat import Beat
from xnorforge.hw.ir.values import Value, choose


class Absolute(Beat):
    """y = |x|: integers (…, C), signed or unsigned, to unsigned integers of as many bits."""

    what = "The absolute value."

    def out_stream(self):
        return self.stream(self.get_nodeattr("in_bits"), False)

    def expression(self, x: Value) -> Value:
        return choose(x >= 0, x, 0 - x)


Op = Absolute
