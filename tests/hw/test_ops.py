"""Conformance: every operator found, every one of its examples, RTL against the contract in Python.

A bench of an operator holds every third of its examples, another, for `make test-full` alone, the rest."""

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.hw.cycles import CycleModel
from xnorforge.sim import cosim, device, verilate

FRAMES = 5


def examples(name):
    """The operator's examples; none where it does not load: one failing test, not the end of all others."""
    try:
        return examples_of(name)
    except Exception:
        return []


OPS = plugins.names("hw.ops")
EXAMPLES = {name: examples(name) for name in OPS}
each = pytest.mark.parametrize("name, index", [
    pytest.param(name, i, id=f"{name}-{i}", marks=[pytest.mark.full] * bool(i % 3))
    for name in OPS for i in range(len(EXAMPLES[name]))
])  # fmt: skip
every = pytest.mark.parametrize("name", OPS)
PACES = {"flowing": (0.0, 0.0), "both sides pause half the time": (0.5, 0.5), "slow sink": (0.1, 0.7)}
MORE = {"source pauses": (0.5, 0.0), "sink pauses": (0.0, 0.5), "both": (0.3, 0.3), "slow source": (0.7, 0.1)}


@pytest.fixture(scope="session")
def bench():
    """{example: its run or error} on an operator's bench, built and run at the first test that asks."""
    devices, runs = {}, {}

    def get(name, rest, pace, reset=False):
        ops = {index: op for index, op in enumerate(EXAMPLES[name]) if bool(index % 3) == rest}
        if (name, rest) not in devices:
            devices[name, rest] = device.bench([*ops.values()])
        if (name, rest, pace, reset) not in runs:
            frames = [op.random_inputs(seed=index, frames=FRAMES) for index, op in ops.items()]
            at = [op.cycles() * 3 // 2 + index for index, op in ops.items()] if reset else None
            given = {"reset_at": at, "probe": pace == "both sides pause half the time", "seed": 7}
            found = cosim.attempt(devices[name, rest], frames, stall=(PACES | MORE)[pace], **given)
            runs[name, rest, pace, reset] = dict(zip(ops, found, strict=True))
        return runs[name, rest, pace, reset]

    return get


def taken(bench, name, index, pace, reset=False):
    """An example's run, or its error."""
    run = bench(name, bool(index % 3), pace, reset)[index]
    if isinstance(run, Exception):
        raise run
    return run


def expected(name, index):
    op = EXAMPLES[name][index]
    return op.run_all(*op.random_inputs(seed=index, frames=FRAMES))


def same(run, name, index):
    for got, want in zip(run.outputs, expected(name, index), strict=True):
        np.testing.assert_array_equal(got, want)


@each
@pytest.mark.parametrize("pace", PACES)
def test_rtl_equals_the_contract_at_any_pace(bench, name, index, pace):
    same(taken(bench, name, index, pace), name, index)


@each
def test_frames_back_to_back_come_in_the_predicted_cycles(bench, name, index):
    run = taken(bench, name, index, "flowing")
    assert run.interval == EXAMPLES[name][index].cycles(), run.gaps
    latency = EXAMPLES[name][index].latency()
    assert latency is None or run.latency == latency


@every
@pytest.mark.quick("some-*", *(f"!*{pace}" for pace in MORE))
@pytest.mark.parametrize("pace", PACES | MORE)
@pytest.mark.parametrize("rest", [False, True], ids=["some", "others"])
def test_every_beat_of_an_operator_is_in_the_cycle_of_the_model(bench, name, rest, pace):
    beats, runs = 0, bench(name, rest, pace)
    for lane, index in enumerate(runs):
        op, run = EXAMPLES[name][index], taken(bench, name, index, pace)
        course = CycleModel([op]).run(FRAMES, (PACES | MORE)[pace], 7, lane)
        assert not course.deadlock
        for tensor, cycles in zip([*op.sources, *op.results], [*run.taken, *run.given], strict=True):
            np.testing.assert_array_equal(course.taken[tensor], cycles, err_msg=tensor)
            beats += len(cycles)
        if op.get_nodeattr_types().get("bodies"):
            continue  # buffers of a body are not in the model
        for path, fill in run.fills.items():
            assert "u_stamps" in path or course.operators[op.name].fill == fill <= (op.input_buffer() or fill)
    assert beats >= 2 * FRAMES * len(runs)


@each
def test_a_reset_in_mid_stream_leaves_nothing_behind(bench, name, index):
    run = taken(bench, name, index, "both sides pause half the time", reset=True)
    same(run, name, index)


@each
def test_an_output_beat_depends_on_no_beat_beyond_those_it_says_it_needs(name, index):
    op, rng = EXAMPLES[name][index], np.random.default_rng(index)
    inputs = op.random_inputs(seed=index, frames=1)
    [first, *_] = (stream.pack(x) for stream, x in zip(op.out_streams(), op.run_all(*inputs)))
    for beat in rng.integers(0, len(first), 3):
        others = op.random_inputs(seed=index + 500, frames=1)
        for port, (stream, x, other) in enumerate(zip(op.in_streams(), inputs, others)):
            kept, beats = op.needs(port)[beat], stream.pack(other)
            beats[:kept] = stream.pack(x)[:kept]
            others[port] = stream.unpack(beats)
        np.testing.assert_array_equal(op.out_streams()[0].pack(op.run_all(*others)[0])[beat], first[beat])


@every
@pytest.mark.quick("some-*")
@pytest.mark.parametrize("defines", [(), ("XF_SIM", "XF_CHECK")], ids=["plain", "checked"])
@pytest.mark.parametrize("step", [8, 1], ids=["some", "each"])
def test_the_modules_of_an_operator_are_free_of_warnings(tmp_path, name, defines, step):
    sources, _, _ = device.write_bench(EXAMPLES[name][::step], tmp_path)
    verilate.lint("xf_bench", sources, device.include_folders(), defines)


@every
def test_an_operator_has_at_least_twenty_examples_of_different_parameters(name):
    assert len(set(map(str, examples_of(name)))) >= 20
