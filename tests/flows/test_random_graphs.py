"""The whole pipeline on random graphs."""

import numpy as np
import pytest
from graphs import compare, frames_of
from pipeline import bounds_of, proven, seeds, smallest
from random_graphs import Chain, NestedSums, Products, RandomGraph, still

from xnorforge.flows.lower import checks
from xnorforge.sim.bits import simulate_bits


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


# With seed 869 a sum that a later one scales was once built beside that one, which had taken it in.
@pytest.mark.quick("some")
@pytest.mark.parametrize("draws", [(*range(8), 869), range(1000)], ids=["some", "all"])
def test_what_never_changes_is_built_in_front_of_every_operator(draws):
    """`compare` holds every activation against qonnx, then the bit simulator the scores. None is refused."""
    for seed in draws:
        net = still((RandomGraph, NestedSums, Products, Chain)[seed % 4])(seed)
        integers = compare(net.model, net.pixels)
        ops = smallest(bounds_of(integers))
        wanted, found = checks.run_all(integers, frames_of(net.pixels)), simulate_bits(ops, net.pixels)
        found = found.reshape(len(wanted), -1)[:, : wanted[0].size]  # without the index of the class
        np.testing.assert_array_equal(found, wanted.reshape(len(wanted), -1), err_msg=f"seed {seed}")
