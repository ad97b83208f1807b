"""Two builds side by side: a planted change is found, named, and ends with exit code 1."""

import copy
from datetime import UTC, datetime

import pytest
from reports import report

from xnorforge.history import compare_builds, entries
from xnorforge.history.rules import Rule, broken, read_rules

from .refusals import refuses, says


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
    assert found.rows() == [
        ("synth__lut__used", 1212, 1222), ("sim__throughput__fps", 12207.0, 12000.0), ("conv0.lut", 200, 210),
    ]  # fmt: skip
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


def remember(acc):
    """A line of the history for the build in a folder."""
    entries.append_line(entries.build_line(acc, datetime(2026, 3, 1, tzinfo=UTC)))


def test_last_is_the_build_before_this_one(leave, call, capfd):
    for lut in range(200, 212):  # twelve builds in one folder, one LUT more each
        acc = leave("mnist-cnn", report(conv0=lut))
        remember(acc)
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
