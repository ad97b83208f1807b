"""Every module with a handshake states what a neighbour may rely on; the statements catch broken copies."""

import re
from importlib.resources import files
from pathlib import Path

import pytest
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.sim import cosim, device

HW = Path(str(files("xnorforge.hw")))
MODULES = {path.stem: path for path in sorted(HW.glob("*/**/*.sv"))}
STREAMED = [name for name, path in MODULES.items() if re.search(r"\b[ms]\w*_?valid_[io]\b", path.read_text())]
# Their streams are those of so many xf_fifo, which state it.
PASSED_ON = {"xf_uart_shell": 1}
WRAPPED = {"xf_dma_weights": "xf_skid"}
INNER = {
    "xf_replay": "the unit around it stalls as a whole, so nothing of it is offered and not taken",
    "xf_through": "the module around it has the data, and asserts it",
}
# Output registers and frames in memory, which state it for the module around them, which counts the beats.
OUTPUTS = {"xf_frames", "xf_result", "xf_spare", "xf_stages"}


@pytest.mark.parametrize("name", STREAMED)
def test_a_module_with_a_handshake_asserts_stability_and_order_or_count(name):
    text = MODULES[name].read_text()
    if name in PASSED_ON:
        assert len(re.findall(r"xf_fifo #\(", text)) == PASSED_ON[name]
        return
    if name in WRAPPED:
        assert f"  {WRAPPED[name]} #(" in text
        return
    checked = r"xf_check_(order|beats) (#\(|u_)|  xf_stages #\(|XF_ASSERT_INSIDE\("
    assert name in OUTPUTS or re.search(checked, text)
    assert name in INNER or re.search(rf"`XF_ASSERT_STABLE\(\w*Held\w*_A|  ({'|'.join(OUTPUTS)}) #\(", text)
    assert "$stable" not in text, "it copies the data in every cycle; use XF_ASSERT_STABLE"


@pytest.mark.parametrize("name", ["clip", "da_mvu", "interact", "lookup", "requantise", "xnor_mvu"])
def test_a_generated_module_asserts_stability_and_count_or_is_a_body_that_does(name):
    for op in examples_of(name):
        for text in op.generated().values():
            if "_valid_" not in text:  # it has no handshake
                continue
            if "xf_interact #(" in text:  # whose handshake it passes on
                assert ".s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i," in text
                continue
            assert "xf_stages #(" in text and "$stable" not in text


@pytest.mark.parametrize("name", MODULES)
def test_assertions_are_named_and_checkers_stand_under_xf_check(name):
    text = MODULES[name].read_text()
    names = re.findall(r"`XF_ASSERT(?:_WHEN|_STABLE|_INSIDE)?\((\w+),", text)
    assert all(re.fullmatch(r"[A-Z]\w+_A", one) for one in names)
    outside = re.sub(r"`ifdef XF_CHECK.*?`endif", "", text, flags=re.DOTALL)
    assert not re.search(r"^ *xf_check_\w+ ", outside, re.MULTILINE)
    assert not re.search(r"\bassert\b", re.sub(r"//.*", "", outside)), "synthesis would see it; use XF_ASSERT"
    if names:
        assert '`include "xf_assert.svh"' in text


# What is broken: operator, its example, {module: [(text, in its place)]}, the assertions of which one has to
# fail first. The module "" is the one that the operator generates. Proved modules are broken by tests/formal.
BROKEN = {
    "data that changes while it waits": (
        "clip", 0, {"": [("if (go) begin", "begin")]}, "StagesStop_A HeldWhileStalled_A",
    ),
    "a beat that is lost": (
        "clip", 0,
        {"": [], "xf_stages": [("({valid_q, s_valid_i})", "({valid_q, s_valid_i & m_ready_i})")]},
        "NothingLost_A",
    ),
    "a beat that nobody sent": (
        "requantise", 0,
        {"": [], "xf_stages": [("({valid_q, s_valid_i})", "({valid_q, 1'b1})")]},
        "NothingLost_A u_beats.NotBeforeItsBeats_A",
    ),
    "a result that changes while it waits": (
        "da_mvu", 6, {"": [("    if (go) begin", "    begin")]}, "StagesStop_A HeldWhileStalled_A",
    ),
    "a row that is overwritten": (
        "upsample", 0, {"xf_upsample": [("s_ready_o  = !ahead_q || final_read", "s_ready_o  = 1'b1")]},
        "AtMostOneRowAhead_A u_beats.NothingLost_A ReadBehindWritten_A",
    ),
}  # fmt: skip


def broken(index: int):
    """The operator of a case on a changed copy of its modules."""
    name, example, changes, _ = list(BROKEN.values())[index]
    kind = plugins.load("hw.ops", name).Op
    op, texts = examples_of(kind)[example], {}
    made = op.rtl()[0] if "" in changes else ""
    changes = {module or made: pairs for module, pairs in changes.items()}
    for module, pairs in changes.items():
        text = op.generated()[f"{made}.sv"] if module == made else MODULES[module].read_text()
        for old, new in pairs:
            assert text.count(old) >= 1, f"{module} has no '{old}'"
            text = text.replace(old, new)
        for other in changes:
            text = re.sub(rf"\b{other}\b", f"{other}_{index}", text)
        texts[f"{module}_{index}.sv"] = text

    class Broken(kind):
        def rtl(self):
            module, parameters = super().rtl()
            return f"{module}_{index}", parameters

        def generated(self):
            return texts

    # The folder of its library files, and what its generated module is called by.
    Broken.__module__, Broken.__name__ = kind.__module__, kind.__name__
    return Broken(op.onnx_node, arrays_of=op.arrays_of)


@pytest.fixture(scope="module")
def runs():
    """Every broken operator, side by side, with pauses."""
    ops = [broken(index) for index in range(len(BROKEN))]
    inputs = [op.random_inputs(seed=index, frames=6) for index, op in enumerate(ops)]
    return cosim.attempt(device.bench(ops), inputs, stall=0.4, seed=5)


@pytest.mark.parametrize("index", range(len(BROKEN)), ids=list(BROKEN))
def test_a_broken_module_fails_its_assertion(runs, index):
    *_, wanted = list(BROKEN.values())[index]
    assert isinstance(runs[index], cosim.Fault), runs[index]
    said = re.sub(r"unnamedblk\d+\.", "", str(runs[index]))
    failed = re.search(r"assertion failed in \S*\.u_op\.(\S+)\.$", said)
    assert failed, runs[index]
    assert any(failed[1].endswith(name) for name in wanted.split()), failed[1]
