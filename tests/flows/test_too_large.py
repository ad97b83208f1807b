"""A design that synthesis finds too large: what the refusal advises was folded and fits."""

import re

import pytest

from xnorforge.flows.fold import fold
from xnorforge.flows.fold.too_large import too_large
from xnorforge.hw import boards

from ..refusals import says

BOARD = boards.load("pynq-z2")  # 53,200 LUT, 140 BRAM36


@pytest.fixture
def record(net):
    return fold(net, BOARD.name, net / "acc", interval=330)


def test_a_count_above_the_estimate_lowers_the_limit_by_that_ratio(net, record):
    """With one and a half times the capacity counted, two thirds of the estimate are allowed."""
    guess = record["estimate"]
    refused = too_large(net, BOARD, record, guess | {"lut": 79800})
    says(refused, f"pynq-z2: … 79,800 LUT … 53,200 … LUT={refused.retry['limits']['lut']}")
    again = fold(net, BOARD.name, net / "again", **refused.retry)
    assert again["estimate"]["lut"] <= 2 / 3 * guess["lut"]
    assert again["interval_bound"] <= refused.retry["interval"]


def test_a_folding_at_the_same_interval_is_advised_before_a_slower_one(net):
    """At 30,000 cycles the cheapest folding takes block RAM, of which the count is said to be too much."""
    record = fold(net, BOARD.name, net / "acc", interval=30000, spare="lut")
    counted = record["estimate"] | {"lut": 1.0, "bram36": 140.5}
    refused = too_large(net, BOARD, record, counted)
    says(refused, "pynq-z2: … 140.5 BRAM36 … 140 … BRAM=")
    assert refused.retry["interval"] == 30000


def test_what_no_limit_lowers_asks_for_a_board_on_which_it_folds(net, record):
    """Flip-flops have no limit, and no 7-series part here has 200,000."""
    refused = too_large(net, BOARD, record, record["estimate"] | {"ff": 200_000})
    assert not refused.retry
    name = re.search(r"BOARD=([\w-]+)", str(refused))
    assert name is not None
    other = boards.load(name[1])
    assert other.capacity["lut"] > BOARD.capacity["lut"] and other.family != BOARD.family
    fold(net, other.name, net / "other", interval=330)


def test_the_counts_choose_among_boards_of_the_same_family(net, record):
    """60,000 LUT and 110,000 flip-flops fit an XC7A100T, which is the smallest larger part of the family."""
    refused = too_large(net, BOARD, record, record["estimate"] | {"lut": 60_000, "ff": 110_000})
    says(refused, "pynq-z2: … 60,000 LUT and 110,000 FF … 53,200 and 106,400 … BOARD=arty-a7-100")
