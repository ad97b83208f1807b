"""What operators say of themselves to the engines (`HwOp`) is true of their contract, on all examples."""

from math import prod

import numpy as np
import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import SITES, HwOp
from xnorforge.hw.streams import value_range

OPS: dict[str, type[HwOp]] = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
TIGHT = "SumPool", "Upsample", "Crop"  # each result needs no beat that does not change it
EXAMPLES = {name: examples_of(cls) for name, cls in OPS.items()}


def those(condition) -> list:
    """Examples of which something is said, at least one operator's."""
    every = [(f"{name}-{i}", op) for name, examples in EXAMPLES.items() for i, op in enumerate(examples)]
    found = [pytest.param(op, id=name) for name, op in every if condition(op)]
    assert found
    return found


@pytest.mark.parametrize("op", those(lambda op: True))
def test_whole_numbers_of_sites_are_estimated_and_no_more_memory_than_luts(op):
    found = op.estimate()
    assert set(found) == {"lut", "bram36", "dsp", "uram", *SITES}
    assert all(found[name] == int(found[name]) and found[name] >= 0 for name in SITES)
    assert found["lut_ram"] <= found["lut"]


@pytest.mark.parametrize("op", those(lambda op: op.identity))
def test_an_identity_gives_its_input_on_every_output(op):
    [x] = op.random_inputs(1)
    results = op.run_all(x)
    assert len(results) == op.outputs == len(op.out_streams())
    for result in results:
        np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize("op", those(lambda op: getattr(op, "in_windows", None) is False))
def test_a_pool_makes_one_pixel_of_each_block_and_gives_it_with_the_last_of_them(op):
    (rows, columns), source, sink = op.get_nodeattr("kernel"), op.in_stream(), op.out_stream()
    height, width, channels = source.shape
    assert sink.shape == (height // rows, width // columns, channels)
    needs = op.needs().reshape(height // rows, width // columns, -1)
    beats = channels // source.lanes
    for y, x in np.ndindex(needs.shape[:2]):
        pixel = (y * rows + rows - 1) * width + x * columns + columns - 1
        assert pixel * beats < needs[y, x].min() and needs[y, x].max() <= (pixel + 1) * beats
    # An element outside of the block changes nothing of its pixel.
    inputs = op.random_input(1, frames=1)
    other = inputs.copy()
    other[:, rows:], other[:, :, columns:] = 0, 0
    np.testing.assert_array_equal(op.run(inputs)[:, 0, 0], op.run(other)[:, 0, 0])


@pytest.mark.parametrize("op", those(lambda op: op.matrix() is not None))
def test_a_matrix_is_the_product_that_is_computed(op):
    matrix, x = op.matrix(), op.random_input(2)
    sums = x.reshape(-1, len(matrix.weights)) @ matrix.weights + matrix.bias
    thresholds = op.arrays_of.get("thresholds")
    want = sums if thresholds is None else sums >= np.asarray(thresholds)
    np.testing.assert_array_equal(op.run(x).reshape(want.shape), want)
    assert prod(op.in_stream().shape) % len(matrix.weights) == 0


@pytest.mark.parametrize("cls", OPS.values(), ids=str)
def test_what_has_no_matrix_is_replaced_by_nothing(cls):
    """The other direction, for all matrices: tests/flows/test_fold.py."""
    plain = [examples[0] for examples in EXAMPLES.values() if examples[0].matrix() is None]
    assert plain and all(cls.instead_of(op) is None for op in plain)


@pytest.mark.parametrize("name", OPS)
def test_every_divisor_of_the_sizes_is_a_folding_where_it_goes_with_the_others_and_no_other_number(name):
    op = min(EXAMPLES[name], key=lambda op: prod(op.in_stream().shape))
    given = {a.name: op.get_nodeattr(a.name) for a in op.onnx_node.attribute}
    sizes = OPS[name].sizes(given)
    assert set(sizes) == set(OPS[name].extents)
    for key, size in sizes.items():
        for value in range(1, size + 2):
            made = OPS[name].make("dut", op.arrays_of, **given | {key: value})
            folding = {one: made.get_nodeattr(one) for one in sizes}
            if size % value or not OPS[name].together(given, folding):
                with pytest.raises(UserError, match=str(value)):
                    [made.in_streams(), made.out_streams(), made.rtl()]
            else:
                assert made.rtl() and [prod(s.shape) for s in made.in_streams()]


@pytest.mark.parametrize("op", those(lambda op: op.indices))
def test_indices_stand_behind_the_scores_and_answers_say_so_too(op):
    scores = op.random_input(3, frames=4)
    found = op.run(scores)
    rows = scores.reshape(len(scores), -1)
    np.testing.assert_array_equal(found[:, : -op.indices], rows)
    for row, chosen in zip(rows, found[:, -op.indices :]):
        left = list(range(len(row)))
        for index in chosen:
            assert index == min(left, key=lambda i, row=row: (-row[i], i))
            left.remove(index)
    np.testing.assert_array_equal(op.answers({"integers": scores}), found)


@pytest.mark.parametrize("op", those(lambda op: True))
def test_results_are_the_same_whatever_comes_behind_the_beats_that_they_need(op):
    """Frames have other beats from some place on; what needs one of them differs if it is `TIGHT`."""
    rng, sink = np.random.default_rng(0), op.out_stream()
    one = op.random_inputs(1, frames=1)
    wanted = op.run(*one).reshape(sink.beats, -1)
    for port, source in enumerate(op.in_streams()):
        needs, (low, high) = op.needs(port), value_range(source.bits, source.signed)
        assert needs.shape == (sink.beats,) and needs.min() >= 0 and needs.max() <= source.beats
        cuts = rng.permutation(np.unique(needs))[:32]
        for less in range(1 + (op.priced_as in TIGHT)):
            given = [np.repeat(x, len(cuts), 0) for x in one]
            beats = given[port].reshape(len(cuts), source.beats, -1)
            kept = np.arange(source.beats) < cuts[:, None] - less
            given[port] = np.where(kept[..., None], beats, low + high - beats).reshape(given[port].shape)
            found = op.run(*given).reshape(len(cuts), sink.beats, -1)
            for cut, results in zip(cuts, found, strict=True):
                same, once = results == wanted, op.priced_as == "Upsample"  # later rows are copies
                first = np.flatnonzero(needs == cut)[: 1 if once else None]
                assert not same[first].all(1).any() if less else same[needs <= cut].all()
