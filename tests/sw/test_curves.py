"""The picture of a training shows all of its table, and equal tables give equal pictures."""

import re

import pytest

from xnorforge.core.errors import UserError
from xnorforge.sw.training import curves

TABLE = """epoch,phase,loss,held_out_accuracy,flipped 0.dot,flipped 2.dot
1,guide,2.3,0.1,0.0,0.0
2,rectify,1.5,0.4,0.1,0.2
3,rectify,1.25,0.55,0.2,0.25
"""


@pytest.fixture
def run(tmp_path):
    """A run folder with the curve of a training of two phases."""
    (tmp_path / "curve.csv").write_text(TABLE)
    return tmp_path


def drawn(run) -> str:
    """The picture of the run."""
    card = {"net": "mnist-tfc", "method": "rbcn", "seed": 4}
    curves.draw_run(curves.read_curve(run / curves.TABLE), card, run)
    return (run / curves.PICTURE).read_text()


def test_phases_layers_and_the_run_are_named(run):
    text = drawn(run)
    layers = "0.dot", "2.dot", "loss", "held-out accuracy"
    for words in ("mnist-tfc, rbcn, seed 4", "guide", "rectify", "epoch", *layers):
        assert f">{words}</text>" in text, words


def test_a_training_of_one_phase_has_no_marks(run):
    (run / "curve.csv").write_text(TABLE.replace("guide", "train").replace("rectify", "train"))
    assert ">train</text>" not in drawn(run)


def test_every_layer_has_a_line_also_where_a_legend_cannot_name_all(run):
    layers = [f"{at}.dot" for at in range(30)]
    head = ",".join(["epoch,phase,loss,held_out_accuracy", *(f"flipped {layer}" for layer in layers)])
    lines = [",".join([f"{epoch},train,1,0.5", *["0.1"] * 30]) for epoch in (1, 2)]
    (run / "curve.csv").write_text("\n".join([head, *lines, ""]))
    text = drawn(run)
    assert len(re.findall(r'id="flipped [0-9]+.dot"', text)) == 30
    assert ">30 layers: 0.dot</text>" in text and ">29.dot</text>" in text


def test_equal_tables_give_equal_bytes(run):
    assert drawn(run) == drawn(run)


@pytest.mark.parametrize(
    "text", ["", "epoch,phase\n1,train\n", TABLE.replace("0.4", "?"), TABLE + "4,rect"],
    ids=["empty", "columns", "value", "cut"]
)  # fmt: skip
def test_a_curve_that_cannot_be_read_is_one_sentence(run, text):
    (run / "curve.csv").write_text(text)
    with pytest.raises(UserError) as error:
        drawn(run)
    assert str(error.value).startswith(f"{run}/curve.csv: ") and "make train" in str(error.value)
