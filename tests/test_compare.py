"""A comparison: every figure is that of an exported network; it is killed and continued like a run. What a
method costs: every figure is that of a build, and a build that fails leaves the others."""

import csv
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from xnorforge import __main__ as cli
from xnorforge.core import accuracy, plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError, UserError, several
from xnorforge.pipeline import calls, reads, record
from xnorforge.pipeline import run as run_stages
from xnorforge.pipeline.stages import STAGES as STAGES_OF_ALL
from xnorforge.pipeline.stages import path_of
from xnorforge.studies import builds, compare, compare_figures, costs, paired
from xnorforge.sw import networks
from xnorforge.sw.datasets import mnist as mnist_images
from xnorforge.sw.networks.base import Recipe
from xnorforge.sw.tasks import mnist
from xnorforge.sw.tasks.base import Images
from xnorforge.sw.training import train

NET, BOARD, BONN = "mnist-tfc", "pynq-z2", "bonn,nu=0.5"
METHODS, BOARDS = (", ".join(plugins.names(kind)) for kind in ("sw.methods", "hw.boards"))


def few_images(monkeypatch):
    """256 images to train on, 64 held out, 100 to test and 50 to export with."""
    images, labels = mnist_images.shipped()

    def part(first, last, words):
        return Images(images[first:last], labels[first:last], words)

    held_out, golden = part(256, 320, "64 held out"), part(800, 850, "50 golden images")
    monkeypatch.setattr(mnist.Task, "train_sets", lambda self: (part(0, 256, "256 images"), held_out))
    monkeypatch.setattr(mnist.Task, "golden", lambda self, count=None: golden)
    monkeypatch.setattr(mnist.Task, "test_sets", lambda self: [part(850, 950, "100 test images"), golden])
    recipe = Recipe(epochs=2, batch=64, lr=5e-3, warmup=4, arithmetic="float32")
    monkeypatch.setattr(networks, "recipe", lambda _: recipe)


def silent(text):
    """Takes a line and says nothing."""


def rows_of(folder, table="table"):
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Every test trains on few images."""
    few_images(monkeypatch)


def asked(tmp_path, **others):
    given = {"methods": f"ste {BONN}", "seeds": "0 3", "epochs": 1} | others
    return compare.compare_request(NET, out=tmp_path, **given)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A comparison of two methods with two seeds, killed in its second run and continued."""
    with pytest.MonkeyPatch.context() as patch:
        few_images(patch)
        this = asked(tmp_path_factory.mktemp("compare"))
        with patch.context() as once:
            once.setattr(compare, "export", killed_at(2))
            with pytest.raises(KeyboardInterrupt):
                compare.compare(this, say=silent)
        first = rows_of(this.folder)
        results = compare.compare(this, say=silent)
        yield this, first, results


def killed_at(which):
    """An export that a Ctrl-C ends at the given call."""
    calls, real = [], compare.export

    def export(*what):
        calls.append(what)
        if len(calls) == which:
            raise KeyboardInterrupt
        return real(*what)

    return export


def test_the_table_holds_what_cards_and_exports_say(done):
    this, _, results = done
    assert [(str(result.variant), result.seed) for result in results] == [
        ("ste", 0), ("bonn,nu=0.5", 0), ("ste", 3), ("bonn,nu=0.5", 3)
    ]  # fmt: skip
    rows = rows_of(this.folder)
    assert [row["stage"] for row in rows] == ["held out", "test", "exported"] * 4
    for row in rows:
        folder = this.folder / f"{row['variant']}-{row['seed']}"
        card, exported = read_json(folder / "card.json"), read_json(folder / "export.json")
        assert row["weights_sha256"] == card["weights"]["sha256"]
        assert int(row["operations"]) == card["complexity"]["operations"] == 922
        assert int(row["stored_bits"]) == card["complexity"]["stored_bits"] > 59008
        assert card["hyper"].get("nu", 0.5) == 0.5
        stated = {entry["set"]: entry for entry in card["accuracy"]}
        if row["stage"] == "held out":
            assert float(row["per_cent"]) == pytest.approx(100 * card["held_out_accuracy"], abs=0.00501)
        else:
            assert int(row["correct"]) == stated[row["set"]]["correct"]
        if row["stage"] == "exported":
            (entry,) = [entry for entry in exported["accuracy"] if entry["stage"] == "exported"]
            assert int(row["correct"]) == entry["correct"] and int(row["images"]) == entry["images"] == 50
            assert exported["checks"][0]["mismatches"] == 0


def test_the_markdown_gives_mean_and_sample_deviation_and_says_what_they_are_of(done):
    this, _, _ = done
    text, rows = (this.folder / "table.md").read_text().split("## ")[0], rows_of(this.folder)
    for variant in ("ste", "bonn,nu=0.5"):
        values = [float(r["per_cent"]) for r in rows if r["variant"] == variant and r["stage"] == "exported"]
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {variant} |")]
        assert f"| {statistics.mean(values):.2f} ± {statistics.stdev(values):.2f} |" in line
        phases = r"train 1 \| " if variant == "ste" else r"kernel 1 \| kernel 0\.\d+; kernel 0\.\d+"
        assert re.search(rf"\| 0 3 \| {phases} \| 59,008 \| 59,008 \| 0 \| 922 \|", line)  # 59,008 / 64
    assert "- A: 64 held out; deployed network" in text
    assert "- C: 50 golden images; QONNX file, run by qonnx" in text
    assert "sample standard deviation over the seeds" in text
    assert "was run on 50 images: each of its scores equals the module's" in text
    assert this.command() in text


def test_differences_to_the_baseline_count_pairs_and_training(done):
    this, _, results = done
    below = (this.folder / "table.md").read_text().split("## Differences from ste")[1]
    rows = rows_of(this.folder)
    (line,) = [line for line in below.splitlines() if line.startswith("| bonn,nu=0.5 |")]
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells[3] == "2" and "| ste |" not in below
    spent = [(r["variant"], float(r["train_cpu_seconds"])) for r in rows]
    cost = {one: statistics.mean(cpu for name, cpu in spent if name == one) for one in ("ste", "bonn,nu=0.5")}
    assert float(cells[4]) == pytest.approx(cost["bonn,nu=0.5"] / cost["ste"], abs=0.006)
    assert all(0 < result.cpu_seconds < 600 for result in results)


def test_a_task_of_several_figures_has_a_table_of_all_of_them(tmp_path):
    """Differences 2 and 4 of two seeds: mean 3, 12.7062 to both sides."""

    def result(method, seed, first, second):
        row = {"stage": "test", "set": "40 frames", "figures": {"AUC": first, "AO": second}}
        top = {"stage": "held out", "set": "windows", "top1": 50.0}
        given = [top, row], 40, 1, None, "0", None, None, ""
        return compare_figures.Result(compare_figures.Variant(method), seed, *given)

    results = [result("ste", 0, 0.5, 0.3), result("ste", 1, 0.6, 0.3)]
    results += [result("bonn", 0, 0.52, 0.3), result("bonn", 1, 0.64, 0.2)]
    this = asked(tmp_path, seeds="0 1")
    this.folder.mkdir(parents=True)
    compare_figures.write_comparison(this, results)
    text = (this.folder / "table.md").read_text().split("## All figures, ")
    assert len(text) == 2, "held-out windows have one figure"
    assert text[1].splitlines()[:6] == [
        "test", "", "| method | AUC | AO |", "| --- | ---: | ---: |",
        "| ste | 55.00 ± 7.07 | 30.00 ± 0.00 |", "| bonn | 58.00 ± 8.49 | 25.00 ± 7.07 |",
    ]  # fmt: skip
    assert text[1].splitlines()[6].startswith("| bonn, above ste | +3.00 [-9.71, +15.71] | -5.00 [")


@pytest.mark.parametrize(("gaps", "mean", "low", "high"), [
    # 4.30265 / sqrt(3) = 2.48414 standard deviations with three pairs, 3.18245 / 2 with four.
    ([1.0, 2.0, 3.0], 2.0, -0.48414, 4.48414), ([-1.0, -1.0, -1.0, -3.0], -1.5, -3.09122, 0.09122),
    ([-5.0, -5.0], -5.0, -5.0, -5.0),
])  # fmt: skip
def test_a_paired_difference_by_hand(gaps, mean, low, high):
    """Seeds that only one of both has do not count."""
    others = {seed: 10.0 * seed for seed in range(9)}
    found = paired.gaps_from({"": {s: others[s] + gap for s, gap in enumerate(gaps)} | {11: 0.0}}, others)[""]
    assert (found.mean, found.low, found.high) == pytest.approx((mean, low, high), abs=1e-4)
    assert found.count == len(gaps)


def test_above_one_baseline_share_its_chance():
    """0 2 4 and 0 0 0: sample variances 4 and 0, mean 2; between seeds 2 var(0 1 2) = 2 and within 4 - 2, so
    2 * 4^2 / (2^2 + 2^2 / 1) = 4 degrees of freedom, and 2.77645 sqrt(2 / 3) = 2.26696. Seven variants that
    differ from one baseline by nothing else than its chance have S - 1, not 7 (S - 1)."""
    plain = {0: 1.0, 1: 3.0, 2: 2.0}
    found = paired.gaps_from({"a": {0: 1.0, 1: 5.0, 2: 6.0}, "b": dict(plain)}, plain)
    assert [found["a"].low, found["a"].high] == pytest.approx([2 - 2.26696, 2 + 2.26696], abs=1e-5)
    assert [found["b"].low, found["b"].high] == pytest.approx([-2.26696, 2.26696], abs=1e-5)
    found = paired.gaps_from({"a": {0: 1.0, 1: 5.0, 2: 6.0}, "b": dict(plain), "c": {1: 4.0}}, plain)
    assert str(found["c"]) == f"+1.00 [{1 - 3.92649:+.2f}, {1 + 3.92649:+.2f}]"  # 2.77645 sqrt(2): one seed
    assert paired.spread_of(np.array([[1.0, 4.0]] * 7)) == pytest.approx((4.5**0.5, 1.0))
    found = paired.gaps_from({"one": {0: 1.0}, "none": {1: 3.0}}, {0: 3.0})
    assert str(found["one"]) == "-2.00 [-]" and "none" not in found


def test_a_killed_comparison_goes_on_and_keeps_what_was_finished(done, monkeypatch):
    this, first, results = done
    assert first == rows_of(this.folder)[:3], "after one run, the table held its three rows"
    files = ("table.csv", "table.md", "compare.svg")
    before = [(this.folder / name).read_bytes() for name in files]

    def never(*_, **__):
        raise AssertionError("a finished run was made again")

    monkeypatch.setattr(train, "train", never)
    assert compare.compare(this, say=silent) == results
    assert before == [(this.folder / name).read_bytes() for name in files]
    text = (this.folder / "compare.svg").read_text()
    for result in results:
        assert f'id="{result.variant}, seed {result.seed}"' in text
    # error bars: two variants on three sets, if seeds differ
    assert 1 <= text.count('id="LineCollection_') <= 6


def test_runs_side_by_side_give_the_weights_of_runs_in_a_row(done, tmp_path, monkeypatch):
    """The processes are played by threads of this one, one at a time."""
    _, _, results = done
    turn, commands = threading.Lock(), []

    def process(command, env, check):
        assert command[:3] == [sys.executable, "-m", "xnorforge"] and env["XNORFORGE_LINES"] == "1"
        with turn, pytest.MonkeyPatch.context() as patch:
            commands.append(command[3])
            if command[3] == "export":  # which would start a process of its own, with all images
                net, _, method, _, weights, _, folder = command[4:]
                calls.export(Path(folder), Path(folder), net, method, weights, None, None)
                return subprocess.CompletedProcess(command, 0)
            patch.setattr(sys, "argv", ["xnorforge", *command[3:]])
            return subprocess.CompletedProcess(command, cli.main())

    monkeypatch.setattr(compare.subprocess, "run", process)
    apart = compare.compare(asked(tmp_path), jobs=2, say=silent)
    assert sorted(commands) == ["export"] * 4 + ["train"] * 4
    assert [result.sha256 for result in apart] == [result.sha256 for result in results]
    assert [result.sets for result in apart] == [result.sets for result in results]


def test_a_run_that_fails_is_named_and_the_others_are_in_the_table(tmp_path, monkeypatch):
    real = train.train

    def some(net, method, *others, **named):
        if method == "bonn":
            raise UserError("bonn: not today.")
        return real(net, method, *others, **named)

    monkeypatch.setattr(train, "train", some)
    this = asked(tmp_path, methods="bonn ste", seeds="0")
    with pytest.raises(UserError) as error:
        compare.compare(this, say=silent)
    assert str(error.value) == "compare: 1 of 2 runs failed (bonn seed 0), the first with: bonn: not today."
    assert {row["variant"] for row in rows_of(this.folder)} == {"ste"}


def test_without_epochs_the_recipes_are_taken_and_without_methods_all_of_them(tmp_path):
    this = compare.compare_request(NET, out=tmp_path)
    assert [str(variant) for variant in this.variants] == plugins.names("sw.methods")
    assert (this.epochs, this.seeds, this.folder) == (2, (0, 1, 2), tmp_path / NET / "2")


def test_the_command_in_the_table_asks_for_the_same(tmp_path, monkeypatch, command):
    this, caught = asked(tmp_path, threads=2, board="pynq-z2", init="out/float"), []
    monkeypatch.setattr(compare, "compare", lambda again, jobs, say: caught.append((again, jobs)))
    assert command(*shlex.split(this.command(jobs=3))[3:])[0] == 0
    assert caught == [(this, 3)]


def test_a_value_may_hold_commas(monkeypatch):
    monkeypatch.setattr(compare.base, "create", lambda method, hyper: hyper)
    this = compare.variant("group_net,bases=3,dilations=1,2,3,relu=false")
    assert this == compare_figures.Variant("group_net", ("bases=3", "dilations=1,2,3", "relu=false"))
    assert str(this) == "group_net,bases=3,dilations=1,2,3,relu=false"


def test_a_number_has_its_noun():
    said = [several(number, noun) for number in (0, 1, 12327) for noun in ("run", "mismatch")]
    assert said == ["0 runs", "0 mismatches", "1 run", "1 mismatch", "12,327 runs", "12,327 mismatches"]


def test_the_spread_of_one_value_is_a_dash():
    assert accuracy.spread([50.0]) == "50.00 ± -"
    assert accuracy.spread([1.0, 3.0]) == "2.00 ± 1.41"


@pytest.mark.parametrize("words, parts", [
    (["--methods", "ste bon"], ["METHOD: ", "'bon'", METHODS, "'bonn'?"]),
    (["--methods", "bonn,kernl=1"], ["bonn", "'kernl'", "anywhere, band, feature, kernel", "'kernel'?"]),
    (["--methods", "bonn,nu=x"], ["bonn", "nu", "'x'", "number"]),
    (["--methods", "bonn,nu"], ["'nu'", "NAME=VALUE", "kernel=1e-7"]),
    (["--methods", "ste ste"], ["METHODS: ", "'ste'", "twice"]),
    (["--board", "pynq-z3"], ["BOARD: ", "'pynq-z3'", BOARDS, "'pynq-z2'?"]),
    (["--seeds", "0 one"], ["SEEDS: ", "'0 one'", 'SEEDS="0 1 2"']),
    (["--seeds", "1 1"], ["SEEDS: ", "'1'", "twice"]),
], ids=["method", "hyper-parameter", "value", "no-value", "method-twice", "board", "seed",
        "seed-twice"])  # fmt: skip
def test_a_slip_is_one_sentence_before_anything_is_trained(tmp_path, command, words, parts):
    code, _, said = command("compare", NET, *words, "-o", tmp_path / "out")
    assert code == 2 and said.count("\n") == 1 and all(part in said for part in parts), said
    assert not (tmp_path / "out").exists()


def test_a_variant_may_say_its_recipe_and_where_it_starts(tmp_path):
    """They are no hyper-parameters; a slash in a folder's name would make two of it."""
    found = compare.variant("bonn,nu=0.5,recipe=paper,init=out/first")
    assert found.hyper == {"nu": "0.5"} and found.training == {"recipe": "paper", "init": "out/first"}
    asked = compare.compare_request(NET, "bonn,recipe=paper,init=out/first", "0", 3, out=tmp_path)
    folder = asked.run_folder(asked.variants[0], 0)
    assert folder == asked.folder / "bonn,recipe=paper,init=out:first-0"
    assert compare.recipe_of_variant(asked, found).optimiser == "sgd"
    with pytest.raises(UserError, match=r"RECIPE: 'papre' .*paper"):
        compare.compare_request(NET, "bonn,recipe=papre")


def test_one_recipe_for_all_that_name_none(tmp_path):
    asked = compare.compare_request(
        NET, "ste,epochs=1 bonn,recipe=paper", recipe="ours,images=100", init="a", out=tmp_path
    )
    ste, bonn = (compare.recipe_of_variant(asked, variant) for variant in asked.variants)
    assert (ste.images, ste.optimiser, bonn.images, bonn.optimiser) == (100, "adam", 0, "sgd")
    assert (ste.epochs, bonn.epochs) == (1, 2) and "--recipe ours,images=100" in asked.command()
    assert [asked.training(one)["init"] for one in asked.variants] == ["a", "a"]


def test_a_run_by_another_recipe_or_start_is_not_taken_for_a_finished_one(done):
    this, _, _ = done
    variant, seed = this.variants[0], this.seeds[0]
    assert compare.run_finished(this, variant, seed)
    path = this.run_folder(variant, seed) / "card.json"
    before = path.read_text()
    card = json.loads(before)
    for change in ({"recipe": card["recipe"] | {"optimiser": "sgd"}}, {"init": "out/first: mnist-tfc"}):
        path.write_text(json.dumps(card | change))
        assert not compare.run_finished(this, variant, seed)
    path.write_text(before)
    assert compare.run_finished(this, variant, seed)


STAGES = ["lower", "fold", "generate", "sim", "synth", "netlist", "overlay", "report"]
FILES = ("costs.csv", "table.md", "pareto.svg")
LUT = {"ste": 1000, BONN: 1250}


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


def copied(done, folder):
    """Leave a copy of what was trained in a folder, with links as they are, and quick."""
    subprocess.run(["cp", "-rp", f"{done[0].folder.parents[1]}/.", folder], check=True)


@pytest.fixture
def play(done, here, monkeypatch):
    """Run the comparison on a copy of what was trained, its stages played by `Player`; what ran."""
    copied(done, here)

    def run(fails=None):
        player = Player(fails)
        monkeypatch.setattr(run_stages, "process", player)
        monkeypatch.setattr(compare_figures, "plot", lambda *_: None)  # which others above look at
        try:
            compare.compare(asked(here, board=BOARD), say=silent)
        finally:
            run.ran = player.ran
        return asked(here).folder

    return run


def over_both_seeds(folder, variant):
    """The mean of two runs' accuracies, and their sample standard deviation, which is |a - b| / sqrt(2)."""
    rows = [read_json(folder / f"{variant}-{seed}" / "export.json")["accuracy"] for seed in (0, 3)]
    first, second = (next(row["top1"] for row in run if row["stage"] == "exported") for run in rows)
    return f"{(first + second) / 2:.2f} ± {abs(first - second) / 2**0.5:.2f}"


def test_table_and_rows_hold_what_the_records_say(play):
    folder = play()
    assert sorted(play.ran) == sorted((method, stage) for method in LUT for stage in STAGES)
    for row in rows_of(folder, "costs"):
        run = folder / f"{row['variant']}-0"
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
        assert (row["seeds"], row["seed"]) == ("0 3", "0")
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
        play({(BONN, "sim"): MismatchError("sim: conv0 differs.")})
    failed = f"1 of 2 builds failed ({BONN} on {BOARD})"
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
        play({(BONN, "synth"): KeyboardInterrupt()})
    ste, bonn = rows_of(asked(tmp_path).folder, "costs")
    assert (ste["lut"], bonn["why"]) == ("1000", costs.UNBUILT)
    play()
    assert [stage for method, stage in play.ran if method == BONN][-3:] == ["synth", "netlist", "report"]
    assert ("ste", "lower") not in play.ran and (BONN, "lower") not in play.ran


def test_a_new_export_is_built_again_and_another_interval_is_folded_again(play):
    folder = play()
    exported = folder / "ste-0" / "export.json"
    os.utime(exported)
    play()
    assert play.ran == []  # a date changes nothing
    write_json(exported, read_json(exported) | {"method": "another"})
    fold = folder / f"{BONN}-0" / f"rtl-{BOARD}" / "fold.json"
    write_json(fold, read_json(fold) | {"interval": 77})
    play()
    assert {stage for method, stage in play.ran if method == "ste"} >= {
        "lower", "fold", "sim", "netlist", "report",
    }  # fmt: skip
    # Its content is the same again.
    assert [stage for method, stage in play.ran if method == BONN] == ["fold"]


@pytest.mark.parametrize("change, said", [
    ({"source": "others"}, "other weights (others)"), ({"audits": [{"mismatches": 4}]}, "PASS"),
    ({"verdict": "FAIL"}, "FAIL"),
], ids=["weights", "mismatches", "verdict"])  # fmt: skip
def test_a_report_that_proves_nothing_gives_no_figures(play, change, said):
    one = builds.Build(play() / f"{BONN}-0", NET, BOARD)
    assert builds.build_figures(one)["lut"] == 1250
    write_json(one.acc / "report.json", read_json(one.acc / "report.json") | change)
    with pytest.raises((UserError, MismatchError)) as error:
        builds.build_figures(one)
    assert str(error.value).startswith(f"{one.acc}: ") and said in str(error.value)


def test_a_stage_that_fails_ends_with_its_own_sentence(tmp_path):
    with pytest.raises(UserError, match=rf"^lower: {tmp_path}/export\.json: .*`make build`"):
        builds.make(builds.Build(tmp_path, NET, BOARD))


@pytest.mark.full
def test_two_methods_in_gates(done, here):
    """Real builds: the trained networks in RTL, 10 images flowing and 3 stalled, without a difference."""
    copied(done, here)
    this = asked(here, board=BOARD)
    compare.compare(this, say=silent)
    rows = rows_of(this.folder, "costs")
    assert [row["variant"] for row in rows] == [*LUT]
    for row in rows:
        assert row["mismatches"] == "0" and int(row["lut"]) > 100 and int(row["interval"]) == 1024
        acc = costs.of(this, compare_figures.Variant(row["variant"])).acc
        assert read_json(acc / "fold.json")["interval"] == 1024
