"""The trade-off curve: a point per network of a run, its figures those of its build."""

import csv

import pytest

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.studies import builds, tradeoff

STEPS = """phase,layers,names,ratio_fp32,ratio_deployed,bits,held_out_accuracy,deployed_accuracy
float,0,,1.0,4.0,800,0.9,0.5
step 1,1,dense3,1.5,5.0,640,0.88,0.88
step 2,2,dense3 dense2,20.0,25.0,128,0.8,0.8
polish,2,dense3 dense2,20.0,25.0,128,0.84,
"""
NAMES = ["prefix_00", "prefix_01", "prefix_02", "polished"]
LUT = dict(zip(NAMES, (9900, 9000, 3000, 2900), strict=True))


@pytest.fixture
def run(tmp_path):
    """The folder of a training run with two prefixes."""
    folder = tmp_path / "a-run"
    for number, name in enumerate(("prefix_00", "prefix_01", "prefix_02", ".")):
        card = {"net": "mnist-tfc", "method": "layer_priority", "weights": {"sha256": str(number) * 64}}
        write_json(folder / name / "card.json", card)
        (folder / name / "weights.safetensors").touch()
    (folder / "tradeoff.csv").write_text(STEPS)
    return folder


@pytest.fixture
def played(monkeypatch):
    """Exports leave a record, builds their figures; what ran is listed."""
    ran = []

    def export(build):
        assert (build.net, build.method) == ("mnist-tfc", "layer_priority")
        sha = read_json(build.weights / "card.json")["weights"]["sha256"]
        row = {"stage": "exported", "set": "test images", "images": 200, "correct": 150, "top1": 75.0}
        ran.append(build.run.name)
        return {"source": f"own training, weights SHA-256 {sha[:16]}", "accuracy": [row]}

    def make(build, _jobs):
        if played.fails.get(build.run.name):
            raise played.fails[build.run.name]
        counts = {
            "lut": LUT[build.run.name],
            "ff": 1,
            "bram36": 1.5,
            "dsp": 2,
            "interval": build.interval,
            "fps": 97656.2,
        }
        return counts | {"images_flowing": 10, "images_stalled": 3, "mismatches": 0}

    def played(run, out, **more):
        ran.clear()
        tradeoff.tradeoff(run, "pynq-z2", more.get("interval"), out, say=lambda _: None)
        return list(ran)

    played.fails = {}
    monkeypatch.setattr(builds, "export_run", export)
    monkeypatch.setattr(builds, "make", make)
    return played


def lines(out):
    with (out / "pynq-z2.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_prefix_and_the_last_network_is_a_row(run, played, tmp_path):
    assert played(run, tmp_path / "out") == NAMES
    rows = lines(tmp_path / "out")
    assert [row["prefix"] for row in rows] == NAMES
    assert [row["ratio_deployed"] for row in rows] == ["4.0", "5.0", "25.0", "25.0"]
    assert [int(row["lut"]) for row in rows] == [*LUT.values()]
    assert {row["interval"] for row in rows} == {"1024"} and {row["per_cent"] for row in rows} == {"75.0"}
    text = (tmp_path / "out/pynq-z2.md").read_text()
    assert (
        "| 1 | 1.50 | 5.00 | 75.00 % | 9,000 | 1 | 1.5 | 2 | 1,024 | 97,656 "
        "| 0 mismatches: 10 images flowing, 3 stalled |" in text
    )
    assert "| 2, polished | 20.00 | 25.00 | 75.00 % | 2,900 |" in text
    drawn = (tmp_path / "out/pynq-z2.svg").read_text()
    assert "prefix_02: LUT 3,000" in drawn and "the part: 53,200 LUT" in drawn and ">polished</text>" in drawn


def test_the_same_figures_draw_the_same_bytes(run, played, tmp_path):
    played(run, tmp_path / "out")
    first = (tmp_path / "out/pynq-z2.svg").read_bytes()
    played(run, tmp_path / "out")
    assert (tmp_path / "out/pynq-z2.svg").read_bytes() == first


def test_a_point_that_fails_leaves_the_others_and_its_sentence(run, played, tmp_path):
    played.fails = {"prefix_01": UserError("fold: too large.")}
    with pytest.raises(UserError) as error:
        played(run, tmp_path / "out")
    assert str(error.value) == "tradeoff: 1 of 4 builds failed (prefix_01), the first with: fold: too large."
    assert [row["why"] for row in lines(tmp_path / "out")] == ["", "fold: too large.", "", ""]
    played.fails = {"polished": MismatchError("sim: conv0 differs.")}
    with pytest.raises(MismatchError):
        played(run, tmp_path / "out")


def test_a_folder_that_is_no_such_run_is_refused(run, tmp_path):
    for spoil, said in (
        (run / "tradeoff.csv", "layer_priority"),
        (run / "prefix_02/weights.safetensors", None),
    ):
        spoil.unlink()
        if said is None:
            continue
        with pytest.raises(UserError, match=said):
            tradeoff.found(run)
        spoil.write_text(STEPS)
    assert [point.name for point in tradeoff.found(run)[0]] == ["prefix_00", "prefix_01", "polished"]
    with pytest.raises(UserError, match=r"^BOARD: 'pynq' .*pynq-z2"):
        tradeoff.tradeoff(run, "pynq", None, tmp_path)
