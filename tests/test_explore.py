"""The front of a network on a board: what its points claim, and that their commands give them."""

import json

import pytest
from op_examples.drawn import seeded

from xnorforge.flows.fold import fold
from xnorforge.flows.fold.fifo_sizing import frame_latency
from xnorforge.hw.graph import in_a_row
from xnorforge.studies import explore as study

from .flows.conftest import small

COMMAND = "make build MODEL=small.onnx BOARD=pynq-z2"


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """The front of a small network, within 60 % of the LUTs and 4 block RAMs."""
    net = small(3).save(tmp_path_factory.mktemp("explored") / "small")
    wanted = study.Wanted(net, "pynq-z2", limits={"lut": "60%", "bram": "4"}, interval=3000)
    return wanted, study.explore(wanted, COMMAND)


def test_no_point_beats_another_and_all_keep_the_limits(explored):
    _, points = explored
    assert len(points) >= 12
    names = ("interval", "latency", "lut", "bram36", "dsp")
    for one in points:
        assert one.figures["lut"] <= 0.6 * 53200 and one.figures["bram36"] <= 4
        assert one.figures["fps"] == round(1e8 / one.figures["interval"])
        for other in points:
            assert one is other or any(one.figures[name] < other.figures[name] for name in names)
    assert min(one.figures["interval"] for one in points) == 64  # conv0_window: a pixel of 8 x 8 per cycle


def test_the_folding_of_a_point_gives_its_figures(explored):
    wanted, points = explored
    for point in (points[0], points[len(points) // 2], points[-1]):
        file = wanted.out / f"{point.name}.json"
        assert json.loads(file.read_text()) == point.folding
        record = fold(wanted.net_dir, "pynq-z2", wanted.accelerator(point), folding=file)
        assert record["interval_bound"] == point.figures["interval"]
        for name in ("lut", "bram36", "dsp"):
            assert record["estimate"][name] == point.figures[name]


def test_the_table_names_every_point_and_its_command(explored):
    wanted, points = explored
    text = (wanted.out / "front.md").read_text()
    for point in points:
        assert f"| {point.name} | {point.figures['fps']:,} |" in text
        assert f"{COMMAND} FOLDING={wanted.out / point.name}.json" in text


@pytest.mark.parametrize("size, more", [((1, 1, 1, 1), 3 * 8), ((8, 2, 2, 2), 3)], ids=["one", "two"])
def test_the_latency_of_a_matrix_is_the_arrival_of_its_vectors_and_its_passes_or_beats(size, more):
    """A vector of 8 beats: the first of 4 passes ends with the last, the others take 8 each. Two vectors side
    by side of 4 rows, two rows per beat: the last of four beats leaves three after the first.
    """
    from xnorforge.flows.bind import OPS

    simd, pe, vectors, pixels = size
    unit = seeded(OPS["XnorMvu"], 0, 8, 4, simd, pe, vectors, pixels=pixels)
    assert frame_latency(in_a_row([unit])) == unit.latency() + more
