"""What plain hls4ml 1.3.0 makes of binary networks, one minimal network per fault; a test that fails says it
is mended.

Ours go around these faults (docs/guide/backends.md); where one is gone, so can be what goes around it.
"""

import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import hls4ml
import numpy as np
import pytest
from hls4ml.model.types import IntegerPrecisionType, XnorPrecisionType
from qonnx.core import onnx_exec
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.util.cleanup import cleanup_model

sys.path.insert(0, str(Path(__file__).parent))
from graphs import Graph
from hls4ml_nets import binary, mlp


def plain(model: ModelWrapper, folder, edit=None, precision="ap_fixed<24,12>"):
    """The documented way: configuration from the model, with a type for everything, then conversion."""
    with redirect_stdout(StringIO()):
        config = hls4ml.utils.config_from_onnx_model(
            model, granularity="name", backend="Vitis", default_precision=precision
        )
        if edit:
            edit(config["LayerName"])
        return hls4ml.converters.convert_from_onnx_model(
            model, output_dir=str(folder), backend="Vitis", io_type="io_parallel", hls_config=config
        )


def exact_types(layers):
    """The cure of fault 4: integers for what XNOR layers accumulate."""
    for name, layer in layers.items():
        if "MatMul" in name:
            layer["Precision"] = {"accum": "ap_int<8>", "result": "ap_int<8>"}


def layers(model, kind):
    return [layer for layer in model.get_layers() if layer.class_name == kind]


def test_the_plain_conversion_of_the_small_network_is_wrong_on_every_image(tmp_path):
    model, images = mlp()
    converted = plain(model, tmp_path)
    with redirect_stdout(StringIO()):
        converted.compile()
    got = converted.predict(images.astype(np.float32))
    name, out = model.graph.input[0].name, model.graph.output[0].name
    wanted = [onnx_exec.execute_onnx(model, {name: x[None].astype(np.float32)})[out][0] for x in images]
    assert len(images) == 64
    assert not (got == np.array(wanted)).all(axis=1).any()


def test_fault_1_weights_behind_a_merged_threshold_become_ones(tmp_path):
    model, _ = mlp()
    second = layers(plain(model, tmp_path), "Dense")[1]
    assert (second.get_weights("weight").data == 1).all()


def comparison(gamma, mean, folder, edit=None):
    """One dense layer, batch norm and sign behind a sign: the merged comparison and the weights of the
    matrix.
    """
    graph = binary(Graph((4,), 3).sign(), "MatMul", 4, 2)
    norm = np.full(2, gamma), np.zeros(2), np.full(2, mean), np.ones(2)
    graph.real("BatchNormalization", *norm, epsilon=0.0).sign()
    binary(graph, "MatMul", 2, 2)
    converted = plain(graph.model([2]), folder, edit)
    merged = layers(converted, "BatchNormalizationQuantizedTanh")[-1]
    return merged.get_weights("threshold").data, layers(converted, "Dense")[0].get_weights("weight").data


def test_fault_2_a_negative_gamma_loses_its_direction(tmp_path):
    rising, falling = (comparison(gamma, 1.0, tmp_path, exact_types) for gamma in (1.0, -1.0))
    np.testing.assert_array_equal(rising[0], falling[0])
    np.testing.assert_array_equal(rising[1], falling[1])


def test_fault_3_a_threshold_between_integers_is_rounded_down(tmp_path):
    thresholds, _ = comparison(1.0, 0.5, tmp_path, exact_types)
    assert thresholds.tolist() == [0, 0]  # a sum of 0 is below 0.5, and not below 0


def test_fault_4_xnor_layers_accumulate_in_the_default_type(tmp_path):
    graph = binary(Graph((64,), 3).sign(), "MatMul", 64, 2)
    [dense] = layers(plain(graph.model([2]), tmp_path, precision="ap_fixed<16,6>"), "Dense")
    kind = dense.get_attr("accum_t").precision
    assert isinstance(dense.get_weights("weight").type.precision, XnorPrecisionType)
    assert (kind.width, kind.integer) == (16, 6)  # -32 .. 32, and 64 matches may be counted


def image(channels, size, pads, folder, shift=False):
    """A convolution of a sign, channels last as hls4ml wants it; with `shift` a constant per channel is
    added.
    """
    graph = Graph((1, size, size), 3).sign()
    given = {"kernel_shape": [3, 3], "strides": [1, 1], "dilations": [1, 1], "group": 1, "pads": [pads] * 4}
    binary(graph, "Conv", channels, 1, 3, 3, **given)
    if shift:
        graph.real("Add", np.arange(1.0, channels + 1).reshape(1, channels, 1, 1))
    size += 2 * pads - 2
    last = graph.model([channels, size, size]).transform(
        ConvertToChannelsLastAndClean(make_input_channels_last=True)
    )
    return plain(cleanup_model(last), folder)


def test_fault_5_a_constant_per_channel_behind_a_convolution_is_spread_over_the_image_and_fails(tmp_path):
    with pytest.raises(ValueError, match="more dimensions than allowed"):
        image(2, 5, 0, tmp_path, shift=True)


def test_fault_6_zero_padding_of_bits_is_minus_one(tmp_path):
    [conv] = layers(image(1, 3, 1, tmp_path), "Conv2D")
    assert isinstance(conv.get_input_variable().type.precision, XnorPrecisionType)
    first = conv.get_attr("line_buffer_codegen").code.split("buffer[0][0] =")[1].split(";")[0]
    assert first.strip() == "0"  # the corner lies outside; a bit of 0 is -1


def test_fault_7_a_scale_of_a_third_is_cut_to_the_fraction_of_its_type(tmp_path):
    graph = binary(Graph((4,), 3).sign(), "MatMul", 4, 2)
    graph.real("BatchNormalization", np.full(2, 1 / 3), np.zeros(2), np.zeros(2), np.ones(2), epsilon=0.0)
    converted = plain(graph.model([2]), tmp_path)
    with redirect_stdout(StringIO()):
        converted.write()
    [norm] = layers(converted, "BatchNormalization")
    scale = norm.get_weights("scale")
    assert scale.type.precision.fractional == 12
    written = np.array((tmp_path / "firmware/weights" / f"{scale.name}.txt").read_text().split(","), float)
    rounded = np.floor(written * 2**12) / 2**12
    assert 0 < abs(rounded - 1 / 3).max() < 2**-12


def test_fault_8_two_signed_bits_are_ternary_where_minus_two_counts_as_one():
    product = hls4ml.backends.get_backend("Vitis").product_type
    assert product(IntegerPrecisionType(8), IntegerPrecisionType(2)) == "weight_ternary"
    header = Path(hls4ml.__file__).parent / "templates/vivado/nnet_utils/nnet_mult.h"
    cases = header.read_text().split("class weight_ternary")[1].split("};")[0]
    assert [line.strip() for line in cases.splitlines() if "return" in line or "if (" in line] == [
        "if (w == 0)", "return 0;", "else if (w == -1)", "return -a;", "return a; // if(w == 1)",
    ]  # fmt: skip


def convolved(folder, io, kernel, stride, reuse):
    """A Conv2D of 6 x 6 pixels of 8 bits from hls4ml's own layer list: what it gives, and what it should
    give.
    """
    rng, (kh, kw), (sy, sx) = np.random.default_rng(0), kernel, stride
    weights, x = rng.integers(-3, 4, (kh, kw, 1, 4)), rng.integers(0, 256, (2, 6, 6, 1))
    out = (6 - kh) // sy + 1, (6 - kw) // sx + 1
    sizes = {"in_height": 6, "in_width": 6, "n_chan": 1, "n_filt": 4, "filt_height": kh, "filt_width": kw}
    sizes |= {"out_height": out[0], "out_width": out[1], "stride_height": sy, "stride_width": sx}
    sizes |= dict.fromkeys(("pad_top", "pad_bottom", "pad_left", "pad_right"), 0)
    conv = {
        "class_name": "Conv2D",
        "name": "conv",
        "data_format": "channels_last",
        "weight_data": weights.astype(float),
    }
    rows = [
        {"class_name": "InputLayer", "name": "x", "input_shape": [6, 6, 1]},
        conv | sizes | {"bias_data": None},
    ]
    config = hls4ml.utils.config.create_config(str(folder), "conv", "Vitis", io_type=io)
    config["HLSConfig"] = {"Model": {"Precision": "ap_int<20>", "ReuseFactor": reuse, "Strategy": "Resource"}}
    with redirect_stdout(StringIO()):
        model = hls4ml.model.graph.ModelGraph.from_layer_list(config, rows)
        model.compile()
    windows = np.lib.stride_tricks.sliding_window_view(x[..., 0], kernel, (1, 2))[:, ::sy, ::sx]
    wanted = np.einsum("nyxij,ijk->nyxk", windows, weights[:, :, 0])
    return model.predict(x.astype(float)).reshape(wanted.shape), wanted


@pytest.mark.full
def test_faults_10_and_11_a_convolution_of_arrays_reads_too_far_and_one_of_streams_leaves_out_the_rows(
    tmp_path,
):
    for name, io, kernel, stride, reuse, right in (
        ("factor within", "io_parallel", (3, 3), (1, 1), 9, True),
        ("factor beyond", "io_parallel", (3, 3), (1, 1), 18, False),
        ("columns", "io_stream", (1, 2), (1, 2), 2, True),
        ("rows", "io_stream", (1, 2), (2, 2), 2, False),
    ):
        got, wanted = convolved(tmp_path / name.replace(" ", "_"), io, kernel, stride, reuse)
        assert np.array_equal(got, wanted) == right, name


def test_fault_12_a_batch_norm_without_effect_leaves_its_sign_unmerged(tmp_path):
    graph = binary(Graph((4,), 3).sign(), "MatMul", 4, 2)
    graph.real("BatchNormalization", np.ones(2), np.zeros(2), np.zeros(2), np.ones(2), epsilon=0.0).sign()
    binary(graph, "MatMul", 2, 2)
    assert not layers(plain(graph.model([2]), tmp_path), "BatchNormalizationQuantizedTanh")
