"""Shipping a run: its weights, and a card with all runs that differ in the seed alone."""

import json
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from xnorforge.core.errors import UserError
from xnorforge.sw import zoo

from .documents import tool

ship_run = tool("ship").ship_run

SHIPPED = Path(str(files("xnorforge.sw") / "shipped"))


@pytest.fixture
def runs(tmp_path):
    """Three runs whose cards say seeds 0 to 2 and, of the first set of images, 90, 92 and 97 per cent."""
    found = []
    for seed, top1 in enumerate((90.0, 92.0, 97.0)):
        folder = tmp_path / f"ste-{seed}"
        shutil.copytree(SHIPPED / "mnist-tfc-ste", folder)
        card = json.loads((folder / "card.json").read_text())
        first, *others = card["accuracy"]
        rows = [{**first, "top1": top1}, *others]
        (folder / "card.json").write_text(json.dumps({**card, "seed": seed, "accuracy": rows}))
        (folder / "curve.csv").write_text(
            "epoch,phase,loss,held_out_accuracy\n1,train,1,0.5\n2,train,1,0.6\n"
        )
        found.append(folder)
    return found


def test_the_card_states_every_run_and_the_network_loads(runs, tmp_path):
    folder = ship_run(runs, tmp_path / "shelf")
    assert folder.name == "mnist-tfc-ste"
    card = json.loads((folder / "card.json").read_text())
    assert [one["seed"] for one in card["seeds"]] == [0, 1, 2]
    assert [one["accuracy"][0]["top1"] for one in card["seeds"]] == [90.0, 92.0, 97.0]
    assert {path.name for path in folder.iterdir()} == {"card.json", "weights.safetensors"}
    assert zoo.load("mnist-tfc", "ste", folder)[1]["training"]["seed"] == 0


def test_runs_that_differ_in_more_than_the_seed_are_none(runs, tmp_path):
    card = json.loads((runs[1] / "card.json").read_text())
    recipe = {**card["recipe"], "epochs": 3}
    (runs[1] / "card.json").write_text(json.dumps({**card, "recipe": recipe}))
    with pytest.raises(UserError, match=r"ste-1: its recipe .* only in the seed"):
        ship_run(runs, tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()


def test_a_seed_counts_once(runs, tmp_path):
    with pytest.raises(UserError, match=r"the seeds \[0, 0\].*give each seed once"):
        ship_run([runs[0], runs[0]], tmp_path / "shelf")


def test_every_card_with_several_seeds_begins_with_its_own():
    for path in SHIPPED.glob("*/card.json"):
        card = json.loads(path.read_text())
        if runs := card.get("seeds"):
            assert len({run["seed"] for run in runs}) == len(runs) > 1
            assert runs[0] == {"seed": card["seed"], "accuracy": card["accuracy"]}


def with_column(runs, name: str, values: list[float]) -> None:
    """Give each curve a column whose last rows are the values."""
    for run in runs:
        head, *rows = (run / "curve.csv").read_text().splitlines()
        cells = [0.0] * (len(rows) - len(values)) + values
        lines = [f"{head},{name}", *(f"{row},{cell}" for row, cell in zip(rows, cells, strict=True))]
        (run / "curve.csv").write_text("\n".join(lines) + "\n")


def test_a_term_that_does_nothing_is_not_shipped(runs, tmp_path):
    with_column(runs, "share kernel 1.dot", [2e-4, 9.9e-4])
    with_column(runs, "share other 1.dot", [0.5, 0.0])
    with pytest.raises(UserError, match=r"kernel .* 0\.00099 .* 1\.dot.* larger weight"):
        ship_run(runs, tmp_path / "shelf")
    assert not (tmp_path / "shelf").exists()
    with_column(runs, "share kernel 2.dot", [0.0, 1e-3])  # one layer is enough
    assert ship_run(runs, tmp_path / "shelf").is_dir()


def test_edges_that_move_no_sum_are_not_shipped(runs, tmp_path):
    with_column(runs, "moved 1", [0.0, 0.0])
    with pytest.raises(UserError, match=r"no edge .* dead zone"):
        ship_run(runs, tmp_path / "shelf")
    with_column(runs, "moved 2", [0.0, 0.01])
    assert ship_run(runs, tmp_path / "shelf").is_dir()
