"""Borders and pools of every kind: against qonnx, against numbers counted by hand, and in hardware."""

import numpy as np
import pytest
from graphs import Graph, compare, lowered
from pipeline import bounds_of, proven

PIXELS = np.random.default_rng(5).integers(0, 256, (4, 3, 6, 5))


def later(value):
    """A case for the full suite."""
    return pytest.param(value, marks=pytest.mark.full)


def start(kind="bits"):
    """3 x 6 x 5 elements: -1 and +1, levels from 0, levels around a zero-point, pixels around zero or a
    number far between two, or channels of several middles."""
    graph = Graph((3, 6, 5), seed=1)
    if kind == "far":
        return graph.real("Sub", 123.456)
    if kind == "middle":
        return graph.real("Sub", 127.5).real("Mul", 1 / 128)
    if kind == "middles":
        return graph.real("Sub", np.reshape([127.5, 90.25, 300.0], (3, 1, 1)))
    graph.real("Sub", np.reshape([100.0, 127.0, 150.0], (3, 1, 1)))
    if kind == "bits":
        return graph.sign()
    return graph.quant(32.0, 3, zero={"levels": 0.0, "zero-point": 2.5}[kind], signed=0)


def padded(graph, value, *pads):
    """Behind a Pad of a constant."""
    top, left, bottom, right = pads
    return graph.node("Pad", np.array([0, 0, top, left, 0, 0, bottom, right]), np.float32(value))


def operators(model):
    """Names of the operators that a network is bound to."""
    return [one.op for one in bounds_of(lowered(model))]


@pytest.mark.parametrize("groups", [1, later(3)])
@pytest.mark.parametrize("border", [0.0, 1.0, -1.0, 0.3125, "zeros of the convolution"])
@pytest.mark.parametrize("kind", ["bits", "levels", "zero-point", "middle", "middles"])
def test_a_convolution_in_any_border_equals_qonnx(kind, border, groups):
    graph, pads = start(kind), [2, 0, 1, 3]
    given = {"kernel_shape": [3, 2], "dilations": [1, 2], "strides": [1, 2], "group": groups}
    if border == "zeros of the convolution":
        given["pads"] = pads
    else:
        padded(graph, border, *pads)
    graph.node("Conv", graph.weights(6, 3 // groups, 3, 2), **given)
    if "middle" in kind:
        graph.quant(2.0**-7 if kind == "middle" else 0.25, 15)
    compare(graph.model((6, 7, 3)), PIXELS)


@pytest.mark.parametrize("how", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("op", ["Conv", "MaxPool", "AveragePool"])
def test_pads_that_follow_from_the_image_equal_qonnx(op, stride, how):
    graph, given = start("levels"), {"kernel_shape": [3, 2], "strides": [stride] * 2, "auto_pad": how}
    graph.node(op, *([graph.weights(3, 3, 3, 2)] if op == "Conv" else []), **given)
    ends = zip((6, 5), (3, 2))
    size = [(side - k) // stride + 1 if how == "VALID" else -(-side // stride) for side, k in ends]
    compare(graph.quant(0.25, 8).model((3, *size)), PIXELS)


def test_a_border_of_zeros_around_the_middle_of_pixels_counted_by_hand():
    graph = Graph((1, 1, 2)).real("Sub", 127.5)
    graph.node("Conv", np.ones((1, 1, 1, 3), np.float32), pads=[0, 1, 0, 1]).quant(0.5, 12)
    pixels = np.array([[[[10, 200]]], [[[255, 0]]]])
    found = compare(graph.model((1, 1, 2)), pixels)
    # 10 + 200 - 255 is -45: the integer is twice the sum of pixels, and 255 for the one tap beyond the image,
    # of three times 127.5 that are taken away everywhere.
    [place] = [node for node in found.nodes if node.op == "ByPlace"]
    assert place.at["factors"].tolist() == [[2, 2]] and place.at["table"].ravel().tolist() == [255, 255]
    assert found.run(pixels.transpose(0, 2, 3, 1))[place.out].ravel().tolist() == [675, 675, 765, 765]


def test_a_border_far_between_two_integers_takes_the_bits_that_it_needs():
    graph = start("far").node("Conv", Graph((1,)).weights(5, 3, 3, 3), pads=[1, 1, 1, 1])
    graph.real("Add", 0.37).quant(2.0, 8)
    found = compare(graph.model((5, 6, 5)), PIXELS)
    [place] = [node for node in found.nodes if node.op == "ByPlace"]
    assert found.leaves[place.out].bits > 30


def test_convolutions_of_bits_in_a_border_of_zeros_are_those_that_the_convolution_makes_itself():
    inside = start().node("Conv", Graph((1,)).weights(4, 3, 3, 3), pads=[1, 1, 1, 1]).model((4, 6, 5))
    outside = padded(start(), 0.0, 1, 1, 1, 1).node("Conv", Graph((1,)).weights(4, 3, 3, 3)).model((4, 6, 5))
    assert operators(inside) == operators(outside) == ["Threshold", "Window", "SignMvu", "Border"]


@pytest.mark.parametrize("kind", ["bits", "levels", "zero-point", "middle", "middles"])
@pytest.mark.parametrize("pads", [[0, 0, 0, 0], [1, 0, 1, 1], [0, 1, 0, 0]])
@pytest.mark.parametrize("included", [0, 1])
def test_averages_equal_qonnx_whatever_of_the_border_counts(kind, pads, included):
    size = {"kernel_shape": [2, 2], "strides": [1, 2], "pads": pads}
    graph = start(kind).node("AveragePool", **size, count_include_pad=included)
    size = 3, 6 + pads[0] + pads[2] - 1, (5 + pads[1] + pads[3] - 2) // 2 + 1
    compare(graph.real("Add", 0.25).quant(0.25, 4).model(size), PIXELS)


def test_an_average_of_the_pixels_that_there_are_counted_by_hand():
    # One row of 3, kernel 3, a pixel of border on both sides: sums of 2, 3 and 2 pixels.
    graph = Graph((1, 1, 3)).node("AveragePool", kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    found = compare(graph.quant(1.0, 8, signed=0).model((1, 1, 3)), np.array([[[[10, 20, 60]]]]))
    [place] = [node.out for node in found.nodes if node.op == "ByPlace"]
    tensors = found.run(np.array([[[[10], [20], [60]]]]))
    assert tensors[place].ravel().tolist() == [3 * 30, 2 * 90, 3 * 80]
    assert tensors[found.output.single[0]].ravel().tolist() == [15, 30, 40]


@pytest.mark.parametrize("flipped", ["rising", "falling", "both"])
@pytest.mark.parametrize("read", ["bits", "sums", later("levels of sums")])
@pytest.mark.parametrize("given", [
    {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]},
    {"kernel_shape": [2, 3], "strides": [1, 1]},
    {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 0, 0, 1]},
    {"kernel_shape": [3, 2], "strides": [1, 2], "dilations": [2, 1]},
    {"kernel_shape": [2, 2], "strides": [3, 3]}, {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1},
], ids=lambda given: " ".join(f"{key}={value}" for key, value in given.items()))  # fmt: skip
def test_maxima_of_any_windows_equal_qonnx_and_no_border_wins(given, read, flipped):
    graph, signs = start(), {"rising": [1, 1, 1], "falling": [-1, -1, -1], "both": [1, -1, -1]}[flipped]
    if read != "bits":
        graph.node("Conv", graph.rng.integers(-3, 4, (3, 3, 1, 1)).astype(np.float32))
    graph.real("Mul", np.reshape(signs, (3, 1, 1))).real("Sub", 4.5 * (read != "bits"))
    graph.node("MaxPool", **given)
    if read == "levels of sums":
        graph.quant(2.0, 3)
    sizes = {"dilations": (3, 2, 2), "ceil_mode": (3, 3, 3)}
    size = next((sizes[key] for key in given if key in sizes), None) or (
        3, *((side + sum(given.get("pads", [0] * 4)[axis::2]) - given["kernel_shape"][axis])
             // given["strides"][axis] + 1 for axis, side in enumerate((6, 5)))
    )  # fmt: skip
    model = graph.model(size)
    compare(model, PIXELS)
    assert operators(model)  # each of them is built


def test_the_pool_of_a_resnets_stem_is_a_window_and_an_or():
    graph = start().node("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    assert operators(graph.model((3, 3, 3))) == ["Threshold", "Window", "MaxPool"]


def test_a_border_in_front_of_anything_is_built():
    graph = padded(start(), 1.0, 2, 0, 3, 1)
    start_of_both = graph.at
    graph.node("Conv", graph.weights(3, 3, 1, 1))
    graph.real("Add", inputs=[graph.at, start_of_both])
    assert operators(graph.model((3, 11, 6))).count("Surround") == 1


def wide_sums(bits: int):
    """Sums of about so many bits, three channels."""
    graph = Graph((3, 6, 5), seed=2)
    return graph.real("Conv", graph.rng.integers(-(2 ** (bits - 9)), 2 ** (bits - 9) + 1, (3, 3, 1, 1)))


@pytest.mark.parametrize("quantiser", ["sign", "levels", "levels of falling sums"])
@pytest.mark.parametrize("op", ["Conv", "AveragePool"])
@pytest.mark.parametrize("seed", [0, later(1), later(2)])
def test_a_border_far_between_two_integers_is_exact_in_front_of_a_quantiser(op, quantiser, seed):
    """Pixels less the mean of ImageNet, over its deviation, in float32; in the border zeros."""
    graph, rng = Graph((3, 6, 5), seed=1), np.random.default_rng(seed)
    mean, deviation = (np.reshape(x, (3, 1, 1)) for x in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    graph.real("Mul", 1 / 255).real("Sub", mean)
    graph.real("Div", deviation if op == "AveragePool" else 0.226)
    if op == "Conv":
        graph.real("Conv", rng.integers(-7, 8, (3, 3, 3, 3)), pads=[1, 1, 1, 1])
    else:
        graph.node(op, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1)
    gain = rng.uniform(0.05, 1, (3, 1, 1)) * (-1 if "falling" in quantiser else 1)
    graph.real("Mul", gain).real("Add", rng.normal(0, 0.3, (3, 1, 1)))
    graph.sign() if quantiser == "sign" else graph.quant(0.25, 3)
    model = graph.model((3, 6, 5))
    found = compare(model, PIXELS)
    assert [node.op for node in found.nodes].count("ByPlace") == 1
    assert "Border" in operators(model)


def test_sums_of_more_bits_than_a_narrow_unit_takes_go_to_a_wider_one_or_by_digits():
    own_kernels, all_channels = np.ones((3, 1, 1, 1)), np.ones((3, 3, 1, 1))
    assert operators(wide_sums(13).real("Conv", own_kernels, group=3).model((3, 6, 5)))[1] == "IntMvu"
    assert operators(wide_sums(13).real("Conv", all_channels).model((3, 6, 5)))[1] == "IntMvu"
    sums = wide_sums(15).node("AveragePool", kernel_shape=[2, 2]).real("Conv", own_kernels, group=3)
    assert "Digit" in operators(sums.model((3, 5, 4)))  # of 17 bits
    assert operators(wide_sums(18).model((3, 6, 5)))[0] == "IntMvu"  # weights of 10 bits


@pytest.mark.parametrize("name", ["averages", later("maxima"), later("borders")])
def test_rtl_of_borders_and_pools_gives_the_scores_of_qonnx(tmp_path, name):
    graph = start("zero-point" if name == "averages" else "bits")
    if name == "averages":
        graph.node("AveragePool", kernel_shape=[3, 3], strides=[1, 2], pads=[1, 1, 1, 1])
        graph.node("AveragePool", kernel_shape=[2, 2], pads=[1, 0, 0, 1], count_include_pad=1).quant(0.5, 2)
    elif name == "maxima":
        graph.real("Mul", np.reshape([1.0, -1.0, 1.0], (3, 1, 1)))
        graph.node("MaxPool", kernel_shape=[3, 2], strides=[1, 2], pads=[1, 1, 1, 0])
        graph.node("Conv", graph.weights(4, 3, 2, 2)).sign()
        graph.node("MaxPool", kernel_shape=[3, 2], pads=[1, 0, 1, 1])
    else:
        graph.node("Conv", graph.weights(3, 3, 1, 1), pads=[2, 0, 1, 1]).quant(1.0, 3, zero=2.5, signed=0)
        graph.node("Conv", graph.weights(4, 3, 3, 2), pads=[1, 1, 1, 0], strides=[2, 1])
    sizes = {"averages": (3, 6, 3), "maxima": (4, 5, 2), "borders": (4, 5, 6)}
    proven(graph.model(sizes[name]), PIXELS, 1, tmp_path)
