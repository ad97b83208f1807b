"""The front of a network on a board, and the boards on which it fits: what points and rows claim, and that
their commands give them."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from op_examples.drawn import seeded

from xnorforge.core.plugins import names
from xnorforge.flows.fold import fold
from xnorforge.flows.fold.aims import Search
from xnorforge.flows.fold.fifo_sizing import frame_latency
from xnorforge.hw import boards
from xnorforge.hw.graph import in_a_row
from xnorforge.pipeline import run
from xnorforge.studies import explore as study
from xnorforge.studies import fit

from .flows.conftest import small
from .refusals import says

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
    by side of 4 rows, two rows per beat: the last of four beats leaves three after the first."""
    from xnorforge.hw.bind import OPS

    simd, pe, vectors, pixels = size
    unit = seeded(OPS["SignMvu"], 0, 8, 4, simd, pe, vectors, pixels=pixels)
    assert frame_latency(in_a_row([unit])) == unit.latency() + more


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return small(3).save(tmp_path_factory.mktemp("fit") / "small")


def test_a_row_is_what_a_build_folds_and_a_part_is_searched_once(net, monkeypatch, tmp_path):
    asked, meeting = Counter(), Search.meeting

    def counted(it, aim, *more):
        asked[str(it.board.capacity), it.board.clock_mhz, aim.interval] += 1
        return meeting(it, aim, *more)

    monkeypatch.setattr(Search, "meeting", counted)
    rows = {row["board"]: row for row in fit.fits_of(net)}
    assert set(rows) == set(names("hw.boards")) and set(asked.values()) == {1} and len(asked) < len(rows)
    for name in ("pynq-z2", "ulx3s"):
        record, row = fold(net, name, tmp_path / name), rows[name]
        bound, clock = record["interval_bound"], record["clock_mhz"]["value"]
        assert row["why"] == "" and (row["interval"], row["fps"]) == (bound, round(clock * 1e6 / bound))
        assert all(row[resource] == record["estimate"][resource] for resource in ("lut", "bram36"))


def test_what_is_too_fast_for_a_board_is_shown_at_the_rate_that_it_reaches(net):
    assert all(row.get("interval", 64) >= 64 and row["why"] for row in fit.fits_of(net, interval=16))
    for row in fit.fits_of(net, fps="100000"):
        assert "fps" not in row or (row["fps"] < 100_000) == row["why"].startswith("not in ")


def test_what_does_not_fit_is_said_with_what_it_needs(net, monkeypatch):
    every = [boards.load(name) for name in names("hw.boards")]
    tiny = {one.name: replace(one, capacity=one.capacity | {"lut": 300}) for one in every}
    monkeypatch.setattr(boards, "load", tiny.__getitem__)
    rows = fit.fits_of(net)
    for row in rows:
        says(row["why"], "with … it needs at least … LUT")
        assert "fps" not in row and row["lut_of"] == 300
    assert all(line.count("|") == 8 for line in fit.fit_table(rows).splitlines())


def test_the_verb_prints_a_table_or_one_object(net, here, monkeypatch, tmp_path, call):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mnist-cnn").symlink_to(net)
    monkeypatch.setattr(run, "run_stages", lambda *_, **__: [])
    monkeypatch.setattr("click.echo", lambda text, printed=(printed := []), **_: printed.append(text))
    code, err = call("fit", "mnist-cnn", "--json")
    found = json.loads(printed.pop())
    assert (code, found["schema"]) == (0, "xnorforge-fit-1") and "28 boards" in err[-1]
    assert {row["board"] for row in found["boards"]} == set(names("hw.boards"))
    assert call("fit", "mnist-cnn")[0] == 0 and len(printed.pop().splitlines()) == 2 + len(found["boards"])
