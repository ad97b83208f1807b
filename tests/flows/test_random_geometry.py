"""Random networks of every geometry (`random_geometry.py`): built exactly, or refused in one sentence."""

from collections import Counter

import pytest
from random_geometry import RandomGeometry, build, outcome

ALL = 400
SHARE = 0.95  # of the drawn networks that have to be built


def tally(seeds) -> Counter:
    """Outcomes of seeds, after a look at each: nothing is wrong, and a refusal is one sentence."""
    found: Counter = Counter()
    for seed in seeds:
        kind, said = outcome(seed)
        assert kind != "wrong", f"seed {seed}: {said}"
        sentence = said.endswith(".") and ";" in said and "\n" not in said
        assert kind == "built" or sentence, f"seed {seed}: {said}"
        found[kind] += 1
    return found


@pytest.mark.full
def test_nearly_all_random_geometries_are_built_and_none_is_wrong():
    assert tally(range(ALL))["built"] >= SHARE * ALL


@pytest.mark.quick("!140")
@pytest.mark.parametrize(
    "seed",
    # 140: a fork within a branch, whose FIFO counted in beats of the outer fork was too short.
    [0, 140, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(10, ALL, 10) if seed != 140)],
)
def test_rtl_of_a_random_geometry_gives_its_integers(tmp_path, seed):
    kind, _ = outcome(seed)
    if kind == "built":
        build(RandomGeometry(seed), seed, tmp_path, rtl=True)
