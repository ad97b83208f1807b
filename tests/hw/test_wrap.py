"""The wrapper of an operator: without parameters; text and memory files depend on the operator only."""

import re

import numpy as np

from xnorforge.core import plugins
from xnorforge.hw.wrap import headers, library, wrapper

MVU = plugins.load("hw.ops", "sign_mvu").Op


def unit(simd=5, pe=2):
    rng = np.random.default_rng(0)
    arrays = {"weights": rng.integers(0, 2, (10, 4)), "thresholds": rng.integers(0, 12, 4)}
    shape = {"mw": 10, "mh": 4, "vectors": 3, "in_shape": [3, 10], "out_shape": [3, 4]}
    return MVU.make(arrays=arrays, simd=simd, pe=pe, **shape)


def test_the_module_has_the_given_name_and_the_ports_of_the_contract():
    text, _ = wrapper(unit(), "layer_00_x")
    assert re.search(r"^module layer_00_x \($", text, re.MULTILINE)
    assert text.rstrip().endswith("endmodule : layer_00_x")
    ports = re.findall(r"^  (input|output) +logic (\[\d+:0\])? *(\w+)", text, re.MULTILINE)
    assert ports == [
        ("input", "", "clk_i"), ("input", "", "rst_ni"),
        ("input", "[4:0]", "s_data_i"), ("input", "", "s_valid_i"), ("output", "", "s_ready_o"),
        ("output", "[1:0]", "m_data_o"), ("output", "", "m_valid_o"), ("input", "", "m_ready_i"),
    ]  # fmt: skip


def test_the_library_lists_each_existing_file_once_with_the_operators_own_last():
    paths = library([unit(), unit(simd=2)])
    names = [path.name for path in paths]
    assert len(set(names)) == len(names) and all(path.exists() for path in paths + headers())
    assert names.index("xf_mvu.sv") < names.index("xf_xnor_mvu_pixels.sv") and "xf_depthwise.sv" not in names


def test_the_header_states_the_folding_and_an_operator_without_parameters_has_no_list_of_them():
    text, _ = wrapper(unit(), "layer_00_x")
    # 3 * (10 / 5) * (4 / 2)
    assert "\n// Folding  simd 5; pe 2; " in text and "12 cycles per frame\n" in text
    lookup = plugins.load("hw.ops", "lookup").Op
    arrays = {"places": np.array([[0], [1]]), "tables": np.array([[0, 1], [1, 0]])}
    text, _ = wrapper(lookup.make(arrays=arrays, in_shape=[2], neurons=2), "layer_01_y")
    assert re.search(r"^  xf_lookup_\w+ u_op \($", text, re.MULTILINE) and "#(" not in text
