"""What a method costs: every figure is that of a build, and a build that fails leaves the others."""

import os
import subprocess

import pytest

from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.pipeline import reads, record
from xnorforge.pipeline import run as run_stages
from xnorforge.pipeline.stages import STAGES as STAGES_OF_ALL
from xnorforge.pipeline.stages import path_of
from xnorforge.studies import builds, compare, compare_figures, costs

from .comparisons import few_images, rows_of, silent

NET, BOARD = "mnist-tfc", "pynq-z2"
STAGES = ["lower", "fold", "generate", "sim", "synth", "netlist", "overlay", "report"]
FILES = ("costs.csv", "table.md", "pareto.svg")
LUT = {"ste": 1000, "bonn": 1250}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Records are kept beside where a build runs."""
    monkeypatch.chdir(tmp_path)


def asked(out, methods="ste bonn", board=BOARD):
    return compare.compare_request(NET, methods, seeds="3 0", epochs=1, board=board, out=out)


class Player:
    """Plays the stages: leaves the records that a stage would leave, with figures made up per method."""

    def __init__(self, fails=None):
        self.ran, self.fails = [], fails or {}

    def __call__(self, stage, asked, *_):
        method = asked.net_dir.name.rpartition("-")[0]
        self.ran.append((method, stage.name))
        if (method, stage.name) in self.fails:
            raise self.fails[method, stage.name]
        for name in stage.outputs:
            path = path_of(name, asked.net_dir, asked.acc)
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.suffix:
                path.mkdir(exist_ok=True)
            elif path.suffix != ".json":
                path.touch()
            else:
                write_json(path, {"stage": stage.name} | self.record(stage.name, asked, LUT[method]))
        earlier = [one.outputs[0] for one in STAGES_OF_ALL if one.name in stage.inputs]
        paths = [str(path_of(name, asked.net_dir, asked.acc)) for name in earlier]
        noted = [reads.Noted("read", path, *reads.digest_of(path)) for path in paths]
        record.write_record(stage, asked, noted, {})

    def record(self, name, asked, lut):
        if name == "fold":
            return {"interval": asked.interval}
        if name == "sim":
            names = ("RTL = lowered", "RTL stalled = lowered")
            counts = (asked.images, asked.stalled)
            checks = [{"name": name, "images": count} for name, count in zip(names, counts, strict=True)]
            return {"checks": checks, "interval": 1024, "interval_constant": True, "latency": 4124}
        if name == "synth":
            total = {"lut": lut, "ff": 398, "bram36": 1.5, "dsp": 2}
            said = "Yosys cells, before packing and routing"
            return {"part": "a part", "total": total, "stage_of_figures": said}
        if name == "report":
            rows = [{"stage": "sim", "mismatches": 0}]
            speed = {"value": 97656.2, "kind": "cycles simulated, clock target, not routed"}
            said = {"verdict": "PASS", "stages": rows, "audits": rows, "clock_mhz": {"value": 100.0},
                    "fps": speed}  # fmt: skip
            return said | {"source": read_json(asked.net_dir / "export.json")["source"]}
        return {}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two methods with two seeds, trained and exported, nothing built."""
    out = tmp_path_factory.mktemp("costs")
    with pytest.MonkeyPatch.context() as patch:
        few_images(patch)
        compare.compare(asked(out, board=None), say=silent)
        yield out


@pytest.fixture
def play(trained, tmp_path, monkeypatch):
    """Run the comparison on a copy of what was trained, its stages played by `Player`; what ran."""
    subprocess.run(["cp", "-r", f"{trained}/.", tmp_path], check=True)  # with links as they are, and quick

    def run(fails=None):
        player = Player(fails)
        monkeypatch.setattr(run_stages, "process", player)
        monkeypatch.setattr(compare_figures, "plot", lambda *_: None)  # tests/test_compare.py looks at it
        try:
            compare.compare(asked(tmp_path), say=silent)
        finally:
            run.ran = player.ran
        return asked(tmp_path).folder

    return run


def over_both_seeds(folder, variant):
    """The mean of two runs' accuracies, and their sample standard deviation, which is |a - b| / sqrt(2)."""
    rows = [read_json(folder / f"{variant}-{seed}" / "export.json")["accuracy"] for seed in (3, 0)]
    first, second = (next(row["top1"] for row in run if row["stage"] == "exported") for run in rows)
    return f"{(first + second) / 2:.2f} ± {abs(first - second) / 2**0.5:.2f}"


def test_table_and_rows_hold_what_the_records_say(play):
    folder = play()
    assert sorted(play.ran) == sorted((method, stage) for method in ("ste", "bonn") for stage in STAGES)
    for row in rows_of(folder, "costs"):
        run = folder / f"{row['variant']}-3"
        exported, sim = read_json(run / "export.json"), read_json(run / f"rtl-{BOARD}/sim.json")
        total = read_json(run / f"rtl-{BOARD}/synth.json")["total"]
        assert [float(row[name]) for name in total] == [*total.values()]
        assert [row["interval"], row["latency"]] == [str(sim[name]) for name in ("interval", "latency")]
        assert [row["images_flowing"], row["images_stalled"], row["mismatches"]] == ["10", "3", "0"]
        assert row["resources_stage"] == "Yosys cells, before packing and routing"
        assert row["cycles_stage"] == "RTL simulation"
        assert row["fps_stage"] == "cycles simulated, clock target, not routed"
        assert row["weights_sha256"] == read_json(run / "card.json")["weights"]["sha256"]
        (entry,) = [entry for entry in exported["accuracy"] if entry["stage"] == "exported"]
        assert float(row["per_cent"]) == entry["top1"]
        text = (folder / "table.md").read_text()
        counts = f"{total['lut']:,} | {total['lut'] / 1000:.3f} | 398 | 1.5 | 2 |"
        assert (row["seeds"], row["seed"]) == ("3 0", "3")
        start = f"| {row['variant']} | {over_both_seeds(folder, row['variant'])} | {counts}"
        assert f"{start} 1,024 | 4,124 | 97,656 | 0 mismatches: 10 images flowing, 3 stalled |" in text
    assert f"## Cost on {BOARD}" in text and "folded for 1,024 cycles per frame; part xc7z020clg400-1" in text
    assert text.startswith("# mnist-tfc: methods 2") and f"--board {BOARD}" in text


def test_a_finished_build_is_not_built_again(play):
    folder = play()
    first = [(folder / name).read_bytes() for name in FILES]
    play()
    assert play.ran == []
    assert first == [(folder / name).read_bytes() for name in FILES]


def test_a_build_that_fails_leaves_the_others_and_its_sentence(play, tmp_path):
    sentence = f"fold: {BOARD}: the design takes 99,999 LUT by the cost model and the part has 53,200."
    with pytest.raises(UserError) as error:
        play({("ste", "fold"): UserError(sentence)})
    assert str(error.value) == f"compare: 1 of 2 builds failed (ste on {BOARD}), the first with: {sentence}"
    folder = asked(tmp_path).folder
    ste, bonn = rows_of(folder, "costs")
    assert (ste["lut"], ste["why"]) == ("", sentence)
    assert (bonn["lut"], bonn["why"]) == ("1250", "")
    text = (folder / "table.md").read_text()
    figure = over_both_seeds(folder, "ste")
    assert f"| ste | {figure} | - | - | - | - | - | - | - | {sentence} |" in text
    assert "| ste = 1 |" not in text
    assert "bonn" in (folder / "pareto.svg").read_text()


def test_a_difference_in_hardware_is_a_failed_check(play):
    with pytest.raises(MismatchError) as error:
        play({("bonn", "sim"): MismatchError("sim: conv0 differs.")})
    failed = f"1 of 2 builds failed (bonn on {BOARD})"
    assert str(error.value) == f"compare: {failed}, the first with: sim: conv0 differs."


def test_where_nothing_could_be_built_there_is_a_table_and_no_plot(play, tmp_path):
    with pytest.raises(UserError):
        play({(method, "lower"): UserError("lower: not today.") for method in LUT})
    folder = asked(tmp_path).folder
    assert [row["why"] for row in rows_of(folder, "costs")] == ["lower: not today."] * 2
    assert (folder / "table.md").read_text().count("| lower: not today. |") == 2
    assert not (folder / "pareto.svg").exists()


def test_a_killed_build_goes_on_at_its_stage(play, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        play({("bonn", "synth"): KeyboardInterrupt()})
    ste, bonn = rows_of(asked(tmp_path).folder, "costs")
    assert (ste["lut"], bonn["why"]) == ("1000", costs.UNBUILT)
    play()
    assert [stage for method, stage in play.ran if method == "bonn"][-3:] == ["synth", "netlist", "report"]
    assert ("ste", "lower") not in play.ran and ("bonn", "lower") not in play.ran


def test_a_new_export_is_built_again_and_another_interval_is_folded_again(play):
    folder = play()
    exported = folder / "ste-3" / "export.json"
    os.utime(exported)
    play()
    assert play.ran == []  # a date changes nothing
    write_json(exported, read_json(exported) | {"method": "another"})
    fold = folder / "bonn-3" / f"rtl-{BOARD}" / "fold.json"
    write_json(fold, read_json(fold) | {"interval": 77})
    play()
    assert {stage for method, stage in play.ran if method == "ste"} >= {
        "lower", "fold", "sim", "netlist", "report",
    }  # fmt: skip
    # Its content is the same again.
    assert [stage for method, stage in play.ran if method == "bonn"] == ["fold"]


@pytest.mark.parametrize("change, said", [
    ({"source": "others"}, "other weights (others)"), ({"audits": [{"mismatches": 4}]}, "PASS"),
    ({"verdict": "FAIL"}, "FAIL"),
], ids=["weights", "mismatches", "verdict"])  # fmt: skip
def test_a_report_that_proves_nothing_gives_no_figures(play, change, said):
    one = builds.Build(play() / "bonn-3", NET, BOARD)
    assert builds.build_figures(one)["lut"] == 1250
    write_json(one.acc / "report.json", read_json(one.acc / "report.json") | change)
    with pytest.raises((UserError, MismatchError)) as error:
        builds.build_figures(one)
    assert str(error.value).startswith(f"{one.acc}: ") and said in str(error.value)


def test_a_stage_that_fails_ends_with_its_own_sentence(tmp_path):
    with pytest.raises(UserError, match=rf"^lower: {tmp_path}/export\.json: .*`make build`"):
        builds.make(builds.Build(tmp_path, NET, BOARD))


@pytest.mark.full
def test_two_methods_in_gates(trained, tmp_path):
    """Real builds: the trained networks in RTL, 10 images flowing and 3 stalled, without a difference."""
    subprocess.run(["cp", "-rp", f"{trained}/.", tmp_path], check=True)
    this = asked(tmp_path)
    compare.compare(this, say=silent)
    rows = rows_of(this.folder, "costs")
    assert [row["variant"] for row in rows] == ["ste", "bonn"]
    for row in rows:
        assert row["mismatches"] == "0" and int(row["lut"]) > 100 and int(row["interval"]) == 1024
        acc = costs.of(this, compare_figures.Variant(row["variant"])).acc
        assert read_json(acc / "fold.json")["interval"] == 1024
