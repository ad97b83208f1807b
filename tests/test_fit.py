"""On which boards a network fits: what a row says, and that a part is searched once."""

import json
from collections import Counter
from dataclasses import replace

import pytest

from xnorforge.core.plugins import names
from xnorforge.flows.fold import fold
from xnorforge.flows.fold.aims import Search
from xnorforge.hw import boards
from xnorforge.pipeline import run
from xnorforge.studies import fit

from .flows.conftest import small
from .refusals import says


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


def test_the_verb_prints_a_table_or_one_object(net, monkeypatch, tmp_path, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mnist-cnn").symlink_to(net)
    monkeypatch.setattr(run, "run_stages", lambda *_, **__: [])
    monkeypatch.setattr("click.echo", lambda text, printed=(printed := []), **_: printed.append(text))
    code, err = call("fit", "mnist-cnn", "--json")
    found = json.loads(printed.pop())
    assert (code, found["schema"]) == (0, "xnorforge-fit-1") and "28 boards" in err[-1]
    assert {row["board"] for row in found["boards"]} == set(names("hw.boards"))
    assert call("fit", "mnist-cnn")[0] == 0 and len(printed.pop().splitlines()) == 2 + len(found["boards"])
