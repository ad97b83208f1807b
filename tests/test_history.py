"""Two builds side by side: a planted change is found, named, and ends with exit code 1. The history of
builds: a whole line per build, whoever writes beside it, without a path of the machine."""

import copy
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from xnorforge.history import compare_builds, entries
from xnorforge.history.rules import Rule, broken, read_rules

from .refusals import refuses, says
from .reports import report

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPORT = report() | {
    "net": "mnist-tfc", "command": "make build NET=mnist-tfc METHOD=ste BOARD=pynq-z2",
    "accuracy": [{"stage": "trained", "set": "all", "images": 10000, "top1": 0.9},
        {"stage": "bit simulator", "set": "first", "images": 1000, "top1": 0.875}],
}  # fmt: skip


def built(out, found=REPORT):
    """A folder of a build in `out`."""
    acc = out / found["net"] / f"rtl-{found['board']}"
    acc.mkdir(parents=True)
    (acc / "report.json").write_text(json.dumps(found))
    return acc


def test_a_line_says_when_what_and_with_which_figures(tmp_path):
    line = entries.build_line(built(tmp_path), WHEN, tmp_path)
    assert line.pop("report")
    figures = line.pop("figures")
    assert all(name.count("__") == 2 and isinstance(value, int | float) for name, value in figures.items())
    assert (figures["synth__lut__used"], figures["sim__latency__cycles"]) == (1212, 22074)
    assert figures["bit_simulator__accuracy__top1"] == 0.875 and figures["sim__equality__mismatches"] == 0
    assert line == {
        "schema": "xnorforge-history-1", "when": "2026-03-01T12:00:00+00:00", "commit": "294d22e",
        "command": "make build NET=mnist-tfc METHOD=ste BOARD=pynq-z2", "folder": "mnist-tfc/rtl-pynq-z2",
        "network": "mnist-tfc", "method": "ste", "task": "mnist", "board": "pynq-z2", "backend": "rtl",
        "verdict": "PASS", "accuracy": {"name": "top-1", "value": 0.875, "images": 1000, "set": "first"},
        "operators": {"conv0": {"lut": 200}, "dense3": {"lut": 1000}, "top_k": {"lut": 12}},
    }  # fmt: skip


def test_a_project_for_another_tool_has_a_line_without_figures(tmp_path):
    plain = {key: value for key, value in REPORT.items() if key not in ("resources", "accuracy", "stages")}
    line = entries.build_line(built(tmp_path, plain | {"method": "imported"}), WHEN, tmp_path)
    assert (line["figures"], line["operators"], line["accuracy"], line["task"]) == ({}, {}, None, None)


@pytest.mark.parametrize("given, kept", [
    ("make build MODEL=net.onnx SCALE=1/255", "make build MODEL=net.onnx SCALE=1/255"),
    ("make build MODEL=net.onnx INPUT=float:/home/a/r.npz", "make build MODEL=net.onnx INPUT=float:r.npz"),
    ("make build IMAGES_FROM='/home/a/my photos/'", "make build IMAGES_FROM='my photos'"),
    ("make build IMAGES_FROM=photos/x LABELS=last", "make build IMAGES_FROM=photos/x LABELS=last"),
])  # fmt: skip
def test_a_command_keeps_no_absolute_path(given, kept):
    assert entries.without_paths(given) == kept


def test_a_build_outside_of_out_has_no_folder_in_its_line(tmp_path):
    line = entries.build_line(built(tmp_path / "elsewhere"), WHEN, tmp_path / "out")
    assert line["folder"] is None and str(tmp_path) not in json.dumps(line)


def test_lines_of_processes_side_by_side_are_whole(tmp_path):
    """Four processes write 40 lines of 100 kB each, far more than the kernel writes at once to a pipe."""
    program = (
        "import sys; from pathlib import Path; from xnorforge.history import entries\n"
        "for n in range(40):\n"
        "    line = {'schema': entries.SCHEMA, 'who': sys.argv[1], 'n': n, 'text': sys.argv[1] * 100_000}\n"
        "    entries.append_line(line, Path(sys.argv[2]))"
    )
    path = tmp_path / "history.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", program, who, path]) for who in "abcd"]
    assert [writer.wait() for writer in writers] == [0] * 4
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    for who in "abcd":
        assert [line["n"] for line in lines if line["who"] == who] == list(range(40))
    assert all(line["text"] == line["who"] * 100_000 for line in lines)


def test_a_line_begins_behind_one_that_a_full_disk_cut(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"schema": "xnorforge-history-1", "n": 0}\n{"schema": "xnorf')
    entries.append_line({"schema": entries.SCHEMA, "n": 1}, path)
    assert [line["n"] for line in entries.read_lines(path)] == [0, 1]


def test_builds_of_one_accelerator_agree_in_network_method_board_and_back_end():
    like = {"network": "n", "method": "ste", "board": "b", "backend": "rtl"}
    others = [like | {name: "other"} for name in like]
    kept = [like, like | {"commit": "c"}]
    assert entries.builds_like([kept[0], *others, kept[1]], like) == kept


def one_text(code_and_lines):
    code, lines = code_and_lines
    return code, "\n".join(lines)


@pytest.mark.parametrize("form", ["--json", "--markdown", None])
def test_five_per_cent_more_lut_in_one_operator_end_with_exit_code_1_and_its_name(leave, call, form):
    before, now = leave("a", report()), leave("b", report(conv0=210))
    code, said = one_text(call("diff", before, now, *filter(None, [form])))
    assert code == 1
    assert said == "diff: conv0.lut is 210, was 200 (+5.0 %), allowed <= +2 %."
    for words in ((now, before), (before, now, "--rules", "none")):
        assert one_text(call("diff", *words)) == (0, "")


def test_what_changed_is_listed_and_nothing_else(leave):
    before = compare_builds.load_build(str(leave("a", report())))
    now = compare_builds.load_build(str(leave("b", report(conv0=210) | {"fps": {"value": 12000.0}})))
    found = compare_builds.compared_builds(before, now, [])
    assert found.rows() == [("synth__lut__used", 1212, 1222), ("sim__throughput__fps", 12207.0, 12000.0),
                            ("conv0.lut", 200, 210)]  # fmt: skip
    assert compare_builds.diff_markdown(found).splitlines()[2:] == [
        "| figure | before | now | change |", "|---|--:|--:|--:|",
        "| synth__lut__used | 1,212 | 1,222 | +0.8 % |",
        "| sim__throughput__fps | 12,207 | 12,000 | -1.7 % |", "| conv0.lut | 200 | 210 | +5.0 % |",
    ]  # fmt: skip


def test_an_operator_may_come_and_go_and_a_figure_of_the_whole_may_not(leave):
    gone = report()
    gone["resources"]["per_operator"] = gone["resources"]["per_operator"][:2]
    gone["layers"] = gone["layers"][:2]
    gone["accuracy"] = []
    before, now = (compare_builds.load_build(str(leave(n, r))) for n, r in (("a", report()), ("b", gone)))
    assert [str(one) for one in compare_builds.compared_builds(before, now, None).broken] == [
        "bit_simulator__accuracy__top1 is missing, was 0.98, allowed >= -0.005"
    ]
    assert ("top_k.lut", 12, None) in compare_builds.compared_builds(before, now, []).rows()
    assert compare_builds.compared_builds(now, before, None).broken == []


@pytest.mark.parametrize("compare, limit, kept, not_kept", [
    ("<=", "+2 %", [204, 203, 0], [204.1, 205]), ("<=", "+0", [200, 199], [201]),
    ("<=", 204, [204], [204.1]), ("<", 204, [203], [204]), (">=", "-5 %", [190, 300], [189]),
    (">=", "-0.005", [199.995], [199.994]), (">", "+1", [202], [201]), ("==", 200, [200], [201, 199]),
])  # fmt: skip
def test_a_rule_holds_a_figure_that_was_200(compare, limit, kept, not_kept):
    rule = Rule("x", compare, limit)
    assert [broken([rule], {"x": 200}, {"x": value}) for value in kept] == [[]] * len(kept)
    assert [len(broken([rule], {"x": 200}, {"x": value})) for value in not_kept] == [1] * len(not_kept)


def test_a_new_figure_is_held_against_numbers_and_against_no_change():
    assert broken([Rule("a.lut", "<=", "+2 %")], {}, {"a.lut": 50}) == []
    assert len(broken([Rule("*.lut", "<=", 40)], {}, {"a.lut": 50})) == 1


@pytest.mark.parametrize("text, sentence", [
    ("{}", "rules.json … list"), ("[", "rules.json … JSON"),
    ('[{"metric": "x"}]', "rule 1 … metric, compare and limit"),
    ('[{"metric": "x", "compare": "=", "limit": 1}]', "rule 1: … '=' … <=, <"),
    ('[{"metric": "x", "compare": "<=", "limit": "2 %"}]', "rule 1: … '2 %' … number"),
    ('[{"metric": "x", "compare": "<=", "limit": true}]', "rule 1: … True"),
])  # fmt: skip
def test_a_wrong_rule_is_refused(tmp_path, text, sentence):
    (tmp_path / "rules.json").write_text(text)
    with refuses(sentence):
        read_rules(tmp_path / "rules.json")


def test_a_rule_about_no_figure_is_refused_with_the_near_name(leave, call, tmp_path):
    (tmp_path / "r.json").write_text('[{"metric": "synth__luts__used", "compare": "<=", "limit": "+2 %"}]')
    leave("a", report())
    code, said = one_text(call("diff", "out/a/rtl-pynq-z2", "out/a/rtl-pynq-z2", "--rules", "r.json"))
    assert code == 2
    says(said, "'synth__luts__used' … 'synth__lut__used'")


def test_what_is_no_build_is_refused_in_one_sentence(leave, call):
    acc = leave("a", report())
    code, lines = call("diff", "nowhere", acc)
    assert code == 2 and len(lines) == 1 and lines[0].startswith("diff: 'nowhere' ")
    (acc / "report.json").write_text("[]")
    assert call("diff", acc, acc)[0] == 2


def test_last_is_the_build_before_this_one(leave, call, capfd):
    for lut in range(200, 212):  # twelve builds in one folder, one LUT more each
        acc = leave("mnist-cnn", report(conv0=lut))
        entries.append_line(entries.build_line(acc, WHEN))
    build = compare_builds.load_build(str(acc))
    before = compare_builds.load_build("last", build)
    assert before.operators["conv0"] == {"lut": 210} and build.operators["conv0"]["lut"] == 211
    assert ("conv0.lut", 210, 211) in compare_builds.compared_builds(before, build, []).rows()
    assert call("diff", "last", acc)[0] == 0
    leave("mnist-cnn", copy.deepcopy(report()) | {"board": "pynq-z1"})
    code, lines = call("diff", "last", acc)
    assert code == 2 and "no earlier build of mnist-cnn for pynq-z1" in lines[0]


def test_a_base_needs_a_build_that_makes_a_report(leave, call):
    acc = leave("a", report())
    code, lines = call("build", "mnist-tfc", "--base", acc, "--until", "sim")
    assert code == 2 and len(lines) == 1
    says(lines[0], "BASE: … report … sim … BASE … UNTIL")
