"""The cycle model against the RTL of random networks: every beat of every stream, at full rate and with
random pauses at both ends and in every stream.
"""

import re

import numpy as np
import pytest

from xnorforge.hw.cycles import CycleModel
from xnorforge.sim import cosim, pauses

from .random_networks import RandomNetwork, bench_of

FRAMES = 4
PACES = [(0.0, 1), ((0.3, 0.3), 2), ((0.0, 0.7), 3), ((0.7, 0.1), 4), ("everywhere", 5)]


def compared(seeds, folder) -> int:
    """Beats of the networks of these seeds, each found in the cycle in which the RTL moves it."""
    networks = [RandomNetwork(seed).ops for seed in seeds]
    bench, beats = bench_of(networks, folder), 0
    models = [CycleModel(ops) for ops in networks]
    for pace, seed in PACES:
        inputs = [[ops[0].random_input(seed, FRAMES)] for ops in networks]
        stalls = [pauses.in_every_stream(ops, FRAMES) if pace == "everywhere" else pace for ops in networks]
        for lane, (model, run) in enumerate(zip(models, cosim.attempt(bench.device, inputs, stalls, seed))):
            assert isinstance(run, cosim.Run), (seeds[lane], run)
            course, want = model.run(FRAMES, stalls[lane], seed, lane), bench.beats(lane, run)
            assert set(course.taken) == set(want)
            end = max(want[networks[lane][-1].results[0]])  # a run of the RTL may end with its last score
            for tensor, cycles in want.items():
                message = f"network {seeds[lane]}, pauses {pace}, {tensor}"
                both = np.array(course.taken[tensor]), np.array(cycles)
                found, cycles = (given[given <= end] for given in both)
                np.testing.assert_array_equal(found, cycles, err_msg=message)
                beats += len(cycles)
            for path, fill in run.fills.items():
                if "u_stamps" in path:
                    continue  # of vectors at the same time, with which row each began
                name = re.search(r"\.u_layer_\d+_(\w+)\.", path)
                assert name and course.operators[name[1]].fill == fill, (seeds[lane], path)
    return beats


def test_every_beat_of_random_networks_is_in_the_cycle_of_the_rtl(tmp_path):
    assert compared(range(20), tmp_path) > 40_000


def test_frames_of_random_networks_that_are_left_out_are_those_that_would_have_been_moved():
    together = []
    for seed in range(40):
        model = CycleModel(RandomNetwork(seed).ops)
        known, moved = model.run(40), model.run(40, (1e-12, 0.0))
        assert (known.gaps, known.operators) == (moved.gaps, moved.operators), seed
        for tensor, cycles in moved.taken.items():
            np.testing.assert_array_equal(known.taken[tensor], cycles, err_msg=f"network {seed}, {tensor}")
        assert known.repeats, seed
        together += [repeat.together for repeat in known.repeats]
    assert max(together) > 1  # places of a matrix that goes round, of which the next frame has others


@pytest.mark.full
@pytest.mark.parametrize("start", range(1000, 1300, 30))
def test_every_beat_of_three_hundred_random_networks_is_in_the_cycle_of_the_rtl(start, tmp_path):
    assert compared(range(start, start + 30), tmp_path) > 60_000
