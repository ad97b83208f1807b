"""The table of estimates beside counts: what is equal, and one operator that is planted far off."""

import json

from xnorforge.flows.fold import fold
from xnorforge.hw import graph

from ..documents import tool

estimate_table = tool("estimates").estimate_table


def test_an_operator_that_is_far_off_is_counted_and_named_with_both_figures(chains, tmp_path):
    acc = tmp_path / "small" / "acc"
    fold(chains["small"](3).save(tmp_path / "small"), "pynq-z2", acc, interval=1000)
    ops = graph.operators(acc / "folded.onnx")
    rows = [{"name": op.name, "srl": 0, **op.estimate()} for op in ops]
    windows = [place for place, op in enumerate(ops) if type(op).__name__ == "Window"]
    flip_flops = rows[windows[0]]["ff"]
    rows[windows[0]]["ff"] = 2 * flip_flops
    (acc / "synth.json").write_text(json.dumps({"operators": rows}))
    design, *kinds = [
        line
        for line in estimate_table([acc])
        if line and not line.startswith(("|---", "| design", "| operator"))
    ]
    total = sum(op.estimate()["ff"] for op in ops)
    assert f"| {total:,}, {total + flip_flops:,} ({total / (total + flip_flops) - 1:+.1%}) |" in design
    assert {line.split(",")[0].strip("| ") for line in kinds} == {type(op).__name__ for op in ops}
    (window,) = [line for line in kinds if line.startswith(f"| Window, {len(windows)} |")]
    assert window.split(" | ")[2] == f"1: {flip_flops} for {2 * flip_flops}"
    far = [cell for line in kinds for cell in line.strip("| ").split(" | ")[1:] if not cell.startswith("0: ")]
    assert far == [f"1: {flip_flops} for {2 * flip_flops}"]
