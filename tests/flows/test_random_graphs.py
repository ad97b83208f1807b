"""The whole pipeline on random graphs."""

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
