"""The whole pipeline on random graphs, and on the shapes of network that FINN's rewrites were tried on."""

import pytest
from pipeline import proven, seeds
from random_graphs import NestedSums, Products, RandomGraph


# With seeds 38, 69, 90 and 115 a converter's FIFO was once too short, or two converters had one name.
@pytest.mark.quick("2")
@pytest.mark.parametrize("seed", seeds(5, 250))
def test_rtl_of_a_random_graph_gives_the_scores_of_qonnx(tmp_path, seed):
    net = RandomGraph(seed)
    proven(net.model, net.pixels, seed, tmp_path)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(20))
def test_rtl_of_branches_within_branches_gives_the_scores_of_qonnx(tmp_path, seed):
    net = NestedSums(seed)
    proven(net.model, net.pixels, seed, tmp_path)


@pytest.mark.quick("2")
@pytest.mark.parametrize("seed", seeds(6, 60))
def test_rtl_of_products_gives_the_scores_of_qonnx(tmp_path, seed):
    net = Products(seed)
    proven(net.model, net.pixels, seed, tmp_path)


def test_the_random_graphs_of_the_quick_suite_have_every_part_among_them():
    parts = set().union(*(RandomGraph(seed).drawn for seed in range(20)))
    assert parts >= {
        "shortcut", "branches", "relu", "concatenation", "maximum of bits", "maximum of levels", "upsampling",
        "average",
        "depthwise", "dilation", "zero padding", "weights of several bits", "levels",
    }  # fmt: skip
    products = set().union(*(Products(seed).drawn for seed in range(6)))
    assert products >= {"bits times bits", "bits times levels", "levels times levels", "map times vector"}
