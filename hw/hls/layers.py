"""Our layers in hls4ml: one class for all, each a C++ function in `xf_pixels.h` and `xf_images.h`, which
share the loops over pixels and rows, and which several operators call.

hls4ml keeps its layers, passes and flows in global tables. `ours` adds our entries and removes them again, so
that other conversions in the same process get plain hls4ml.
"""

from contextlib import contextmanager
from pathlib import Path

import hls4ml
import numpy as np
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.model.flow.flow import flow_map, update_flow
from hls4ml.model.layers import Layer, layer_map, register_layer
from hls4ml.model.optimizer import OptimizerPass
from hls4ml.model.optimizer.optimizer import optimizer_map
from hls4ml.model.types import IntegerPrecisionType, Source, XnorPrecisionType
from numpy.typing import ArrayLike

HEADERS = sorted(Path(__file__).parent.glob("xf_*.h"))
IM2COL = "vivado:generate_conv_im2col"


class XfLayer(Layer):
    """A layer of `xf_pixels.h` or `xf_images.h`.

    Attributes:
        function: the function called, `xf_pixels`, `xf_pool`, …; `op`: what `xf_pixels` does to a pixel, a
            name in `xf_pixels.h` or the text of `struct op`.
        out_shape, bits, signed: the result, channels last.
        table: integers, any shape, or None. numbers: {member of the configuration: integer}.
    """

    def initialize(self):
        get = self.get_attr
        bit = (get("bits"), get("signed")) == (1, False)  # XNOR's type: -1 and +1 where it meets a weight
        kind = XnorPrecisionType() if bit else IntegerPrecisionType(get("bits"), get("signed"))
        self.add_output_variable(list(get("out_shape")), precision=kind)
        if get("table_data") is not None:
            table = get("table_data")
            bits = max(int(table.max()), -int(table.min()) - 1, 1).bit_length() + 1
            kind = IntegerPrecisionType(bits, True)
            self.add_weights_variable("table", "t{index}", precision=kind, data=table)


class XfConfig(LayerConfigTemplate):
    """The compile-time configuration of a layer's function."""

    def __init__(self):
        super().__init__(XfLayer)

    def format(self, node: Layer):
        weights = list(node.get_weights())
        # Signed: an unsigned one would make negative products unsigned.
        numbers = node.get_attr("numbers").items()
        lines = [
            f"static const {'int' if -(2**31) <= value < 2**31 else 'long long'} {name} = {value};"
            for name, value in numbers
        ]
        if weights:
            lines.append(f"static const int n_table = {weights[0].data_length};")
            lines.append(f"typedef {weights[0].type.name} table_t;")
        if node.get_attr("op"):
            op = node.get_attr("op")
            lines += op.split("\n") if "\n" in op else [f"typedef nnet::{op} op;"]
        return f"struct config{node.index} {{\n" + "".join(f"    {line}\n" for line in lines) + "};\n"


class XfCall(FunctionCallTemplate):
    """The call of a layer's function: streams or arrays in, result, table."""

    def __init__(self):
        super().__init__(XfLayer, include_header=[f"nnet_utils/{path.name}" for path in HEADERS])

    def format(self, node: Layer):
        sources = [node.get_input_variable(name) for name in node.inputs]
        result, config = node.get_output_variable(), f"config{node.index}"
        types = [*(source.type.name for source in sources), result.type.name, config]
        given = [*sources, result, *node.get_weights()]
        if node.get_attr("op"):  # of any number of streams, which come last
            types, given = [result.type.name, config], [result, *node.get_weights(), *sources]
        names = ", ".join(item.name for item in given)
        return f"nnet::{node.get_attr('function')}<{', '.join(types)}>({names});"


class LoopIm2col(OptimizerPass):
    """Copies the pixels under a kernel in a loop; hls4ml writes one statement per element of every window.

    Before:  if (partition == 0) { buffer[0][0] = data[0]; buffer[0][1] = data[1]; … }  if (partition == 1) …
    After:   buffer[0][k] = data[index of k in the window of this partition]            same elements
    Why:     one layer of cifar10-cnv_half has 28 x 28 windows of 288 elements: 225,792 statements
    """

    def match(self, node: Layer):
        io = node.model.config.get_config_value("IOType")
        return node.class_name in ("Conv2D", "PointwiseConv2D") and io == "io_parallel"

    def transform(self, _model, node: Layer):
        node.set_attr("line_buffer_codegen", Source(_FILL.format(index=node.index)))
        return False


_FILL = """template<class data_T, typename CONFIG_T>
class fill_buffer_{index} : public nnet::FillConv2DBuffer<data_T, CONFIG_T> {{
  public:
    static void fill_buffer(
        data_T data[CONFIG_T::in_height * CONFIG_T::in_width * CONFIG_T::n_chan],
        data_T buffer[CONFIG_T::n_pixels][CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan],
        const unsigned partition
    ) {{
        #pragma HLS INLINE
        for (unsigned p = 0; p < CONFIG_T::n_pixels; p++) {{
            #pragma HLS UNROLL
            const unsigned at = partition * CONFIG_T::n_pixels + p;
            const unsigned y = at / CONFIG_T::out_width * CONFIG_T::stride_height;
            const unsigned x = at % CONFIG_T::out_width * CONFIG_T::stride_width;
            for (unsigned k = 0; k < CONFIG_T::filt_height * CONFIG_T::filt_width * CONFIG_T::n_chan; k++) {{
                #pragma HLS UNROLL
                const unsigned ky = k / (CONFIG_T::filt_width * CONFIG_T::n_chan);
                const unsigned kx = k / CONFIG_T::n_chan % CONFIG_T::filt_width;
                buffer[p][k] =
                    data[((y + ky) * CONFIG_T::in_width + x + kx) * CONFIG_T::n_chan + k % CONFIG_T::n_chan];
            }}
        }}
    }}
}};
"""


@contextmanager
def ours():
    """Our layers in hls4ml, and no random stamp, until the context ends; then all is as it was before."""
    backend = hls4ml.backends.get_backend("Vitis")
    tables = (layer_map, optimizer_map, backend.custom_source)
    lists = [flow._optimizers for flow in flow_map.values() if hasattr(flow, "_optimizers")]
    before = [dict(table) for table in tables], [list(items) for items in lists]
    try:
        register_layer("XfLayer", XfLayer)
        backend.register_template(XfConfig)
        backend.register_template(XfCall)
        for path in HEADERS:
            backend.register_source(path)
        optimizer_map[IM2COL] = LoopIm2col()
        update_flow("vitis:write", remove_optimizers=["make_stamp"])
        yield backend
    finally:
        for table, entries in zip(tables, before[0]):
            table.clear()
            table.update(entries)
        for items, kept in zip(lists, before[1]):
            items[:] = kept


def table_values(values: ArrayLike) -> np.ndarray:
    """Values in the form that hls4ml requires for a table: float64, exact up to 2^53."""
    return np.asarray(values).astype(np.float64).ravel()
