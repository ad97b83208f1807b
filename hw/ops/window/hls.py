"""The operator as layers of hls4ml."""

from dataclasses import replace

from xnorforge.hw.hls.net import Kernel, Net, Wire, refused, without_window
from xnorforge.hw.ops.base import HwOp


def rule(net: Net, op: HwOp, sources: list[Wire]) -> list[Wire]:
    """Pads are a layer, dilation does not exist, the rest waits for its matrix."""
    (height, width, channels), dilations = op.get_nodeattr("ifm"), op.dilations()
    source = net.shaped(without_window(op, sources[0]), (height, width, channels))
    if dilations != [(1, 1)]:
        said = " and ".join(str(list(dilation)) for dilation in dilations)
        raise refused(op, f"has dilation={said}", "hls4ml's Conv2D supports only [1, 1]")
    top, left, bottom, right = op.get_nodeattr("pads")
    if max(top, left, bottom, right):
        sizes = {"height": height, "width": width, "n_chan": channels, "top": top, "left": left}
        sizes |= {"out_height": height + top + bottom, "out_width": width + left + right}
        shape, kind = (sizes["out_height"], sizes["out_width"], channels), (source.bits, source.signed)
        source = net.xf("pad", "xf_pad", [source], shape, *kind, **sizes, value=op.get_nodeattr("pad_value"))
    kernel, stride = op.get_nodeattr("kernel"), op.get_nodeattr("stride")
    return [replace(source, window=Kernel(op.name, tuple(kernel), tuple(stride)))]
