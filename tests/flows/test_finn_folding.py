"""FINN's folding files read as a folding of ours; what does not map is said, what means nothing refused."""

import json

import pytest

from xnorforge.flows.fold import fold

from ..refusals import refused as sentence
from ..refusals import says

# FINN's published folding of CNV with bits (Pynq-Z1): Xilinx/finn-examples at 087ad90,
# build/bnn-pynq/folding_config/cnv-w1a1_folding_config.json. (PE, SIMD) of MatrixVectorActivation_0 to _8,
# SIMD of ConvolutionInputGenerator_0 to _5.
MATRICES = [(16, 3), (32, 32), (16, 32), (16, 32), (4, 32), (1, 32), (1, 4), (1, 8), (5, 1)]
WINDOWS = [3, 32, 32, 32, 32, 32]
PUBLISHED = {
    "Defaults": {},
    "Thresholding_Batch_0": {"PE": 1, "ram_style": "distributed"},
    **{f"ConvolutionInputGenerator_{n}": {"SIMD": simd, "ram_style": "distributed"} for n,
        simd in enumerate(WINDOWS)},
    **{f"MatrixVectorActivation_{n}": {"PE": pe, "SIMD": simd, "ram_style": "auto"} for n,
        (pe, simd) in enumerate(MATRICES)},
    "LabelSelect_Batch_0": {"PE": 1},
}  # fmt: skip


def written(net, given):
    path = net / "theirs.json"
    path.write_text(json.dumps(given))
    return path


def folded(net, given, board="pynq-z2", **options):
    return fold(net, board, net / "acc", folding=written(net, given), **options)


def refused(net, given):
    return sentence(lambda: folded(net, given)).removeprefix(f"{net / 'theirs.json'}: ")


def cnv(chain):
    """CNV of FINN's examples: three pairs of unpadded convolutions, two pools, three dense layers."""
    chain.conv("conv0", 64).conv("conv1", 64).pool("pool1").conv("conv2", 128).conv("conv3", 128)
    chain.pool("pool3").conv("conv4", 256).conv("conv5", 256)
    return chain.dense("fc6", 512).dense("fc7", 512).dense("fc8", 10, raw=True)


def test_finn_s_published_folding_of_cnv_gives_its_pe_and_simd_here(chains, tmp_path):
    net = cnv(chains["Chain"]((32, 32, 3), images=1)).save(tmp_path / "cnv")
    record = folded(net, PUBLISHED, "pynq-z1")
    rows = {row["name"]: row for row in record["operators"]}
    names = [*(f"conv{n}" for n in range(6)), "fc6", "fc7", "fc8"]
    assert [(rows[name]["pe"], rows[name]["simd"]) for name in names] == MATRICES
    # The windows of conv5 are the whole image, which needs no operator here.
    assert [rows[f"conv{n}_window"]["simd"] for n in range(5)] == WINDOWS[:5]
    assert record["not_taken"] == [
        "PE of Thresholding_Batch_0 (not an operator here)",
        "SIMD of ConvolutionInputGenerator_5 (part of conv5 here)",
        "PE of LabelSelect_Batch_0 (not an operator here)",
        "ram_style of 7 nodes",
    ]
    # FINN's cycles of a matrix are vectors x MW / SIMD x MH / PE.
    assert rows["conv0"]["cycles"] == 30 * 30 * (27 // 3) * (64 // 16)
    assert rows["fc6"]["cycles"] == (256 // 4) * 512 == record["interval_bound"]


def test_windows_of_pools_count_where_a_file_names_pools(net):
    given = {"ConvolutionInputGenerator_rtl_0": {"SIMD": 3}, "ConvolutionInputGenerator_rtl_1": {"SIMD": 8},
             "ConvolutionInputGenerator_rtl_2": {"SIMD": 3}, "Pool_hls_0": {"PE": 3}}  # fmt: skip
    record = folded(net, given)
    rows = {row["name"]: row for row in record["operators"]}
    assert (rows["conv0_window"]["simd"], rows["conv1_window"]["simd"], rows["pool1"]["pe"]) == (3, 8, 3)
    assert record["not_taken"] == ["SIMD of ConvolutionInputGenerator_rtl_2 (part of pool1 here)"]


def test_thresholds_within_a_matrix_are_not_taken_and_said(net):
    given = {f"Thresholding_rtl_{n}": {"PE": 1, "depth_trigger_uram": 0} for n in range(3)}
    parts = enumerate(("conv0", "conv1", "fc0"))
    said = [f"PE of Thresholding_rtl_{n} (part of {name} here)" for n, name in parts]
    assert folded(net, {"Defaults": {}, **given})["not_taken"] == said


def test_a_pe_that_does_not_divide_is_answered_as_in_a_folding_of_ours(net):
    given = {"MVAU_hls_0": {"PE": 3, "SIMD": 3}}
    assert refused(net, given) == refused(net, {"conv0": {"pe": 3, "simd": 3}})


@pytest.mark.parametrize("given, text", [
    ({"MVAU_hls_4": {"PE": 1}}, "MVAU_hls_4 … 4 MVAU"), ({"Defaults": 7}, "Defaults … PE and SIMD"),
    ({"conv0": {"PE": 1}}, "conv0 … MVAU_hls_0"), ({"MVAU_0": {"PE": 0}}, "MVAU_0 has PE: 0; … positive"),
    ({"MVAU_0": {"PE": "8"}}, "MVAU_0 has PE: '8'; … integer"),
    ({"Defaults": {"PE": [2, ["MVAU_hls"]]}}, "Defaults … PE and SIMD"),
    ({"Defaults": {}, "MVAU_0": 3}, "MVAU_0 is 3 … PE and SIMD"),
])  # fmt: skip
def test_what_cannot_be_meant_is_one_sentence(net, given, text):
    says(refused(net, given), text)


def test_numbers_of_hls_and_rtl_of_one_type_are_finn_s_own(chains, tmp_path):
    """No layer of this network is RTL in FINN, so that MVAU_rtl_0 does not exist beside MVAU_hls_0."""
    import xnorforge.finn_plugin  # noqa: F401 - with our nodes, too, which are RTL

    net = chains["flat"](1).save(tmp_path / "flat")
    says(refused(net, {"MVAU_hls_1": {"PE": 2}, "MVAU_rtl_0": {"PE": 1}}), "MVAU_rtl_0 … 2 MVAU")
