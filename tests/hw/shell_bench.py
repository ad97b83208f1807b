"""Accelerators to stand behind the shell: each answers a frame with beats that depend on every byte of it.

Beats of 8 bytes and more whose last is all ones have an answer whose tlast is wrong."""

import re
import sys
from pathlib import Path

from documents import ran

from xnorforge.hw.shells import dma
from xnorforge.sim import verilate

# bytes of a beat, beats of a frame; in, then out
FORMS = [
    (dma.FrameLayout(1, 13), dma.FrameLayout(2, 5)),  # two words in, two out, the last of both in part
    (dma.FrameLayout(3, 7), dma.FrameLayout(4, 3)),
    (dma.FrameLayout(8, 40), dma.FrameLayout(1, 9)),  # bursts of 16, 16 and 8
    (dma.FrameLayout(17, 3), dma.FrameLayout(9, 2)),  # slots of several words
    (dma.FrameLayout(2, 300), dma.FrameLayout(8, 150)),
]
HASH = 0x0123456789ABCDEF
MIX, STEP, WRAP = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 2**64

STAND_IN = """
module stand_in_{n} (
  input  logic aclk, input logic aresetn,
  input  logic [{bits_in}-1:0] s_axis_tdata, input logic s_axis_tvalid, output logic s_axis_tready,
  output logic [{bits_out}-1:0] m_axis_tdata, output logic m_axis_tvalid, input logic m_axis_tready,
  output logic m_axis_tlast
);
  logic [{chunks}*64-1:0] beat;
  logic [63:0] mixed, next, sum_q, value_q;
  int unsigned in_q, out_q;
  logic full_q, last, odd_q;  // odd_q: the last beat of the frame was all ones
  assign beat = ({chunks}*64)'(s_axis_tdata);
  always_comb begin
    mixed = '0;
    for (int c = 0; c < {chunks}; c++) mixed ^= beat[64*c +: 64];
  end
  assign next = (sum_q + mixed) * 64'h{mix:016x} + 64'd1;
  assign last = in_q == {beats_in} - 1;
  assign s_axis_tready = !(last && full_q);
  assign m_axis_tvalid = full_q;
  assign m_axis_tlast = (out_q == {beats_out} - 1) ^ (odd_q && out_q == 0);
  for (genvar b = 0; b < {bits_out}; b += 8) assign m_axis_tdata[b +: 8] = value_q[b % 64 +: 8];
  always_ff @(posedge aclk) begin
    if (s_axis_tvalid && s_axis_tready) begin
      in_q <= last ? 0 : in_q + 1;
      sum_q <= last ? 64'd0 : next;
      if (last) begin
        value_q <= next;
        full_q <= 1'b1;
        odd_q <= {bits_in} >= 64 && &s_axis_tdata;
      end
    end
    if (m_axis_tvalid && m_axis_tready) begin
      out_q <= (out_q == {beats_out} - 1) ? 0 : out_q + 1;
      if (out_q == {beats_out} - 1) full_q <= 1'b0;
      else value_q <= value_q + 64'h{step:016x};
    end
    if (!aresetn) {{in_q, out_q, full_q, sum_q}} <= '0;
  end
endmodule
"""


def stand_in(n: int) -> str:
    """The accelerator of form n, module stand_in_<n>."""
    into, out = FORMS[n]
    return STAND_IN.format(n=n, bits_in=8 * into.bytes, bits_out=8 * out.bytes, chunks=-(-into.bytes // 8),
                           beats_in=into.beats, beats_out=out.beats, mix=MIX, step=STEP)  # fmt: skip


def answer(n: int, frame: bytes) -> bytes:
    """What form n makes of a frame in memory: the slots of its answer, without what fills the last word."""
    into, out = FORMS[n]
    total = 0
    for start in range(0, into.beats * into.slot, into.slot):
        beat = frame[start : start + into.bytes]
        mixed = 0
        for c in range(0, into.bytes, 8):
            mixed ^= int.from_bytes(beat[c : c + 8], "little")
        total = ((total + mixed) * MIX + 1) % WRAP
    slots = []
    for k in range(out.beats):
        value = ((total + k * STEP) % WRAP).to_bytes(8, "little")
        slots.append(bytes(value[b % 8] for b in range(out.bytes)).ljust(out.slot, b"\0"))
    return b"".join(slots)


def systems() -> str:
    """A bench of all forms, each in its shell; the ports of form n begin with n<n>_."""
    texts, ports, cells = [], ["  input logic aclk", "  input logic aresetn"], []
    for n, (into, out) in enumerate(FORMS):
        text = dma.system(into, out, HASH + n).replace("xf_system", f"system_{n}")
        text = text.replace("xf_top ", f"stand_in_{n} ")
        head = text.split(f"module system_{n} (\n")[1].split("\n);")[0]
        names = re.findall(r"(\w+),?$", head, re.MULTILINE)
        pairs, shared = zip(head.splitlines(), names), ("aclk", "aresetn")
        own = [(line, name) for line, name in pairs if name not in shared]
        ports += [re.sub(r"(\w+),?$", rf"n{n}_\1", line) for line, _ in own]
        wired = ", ".join(f".{name}(n{n}_{name})" for _, name in own)
        texts += [stand_in(n), text]
        cells.append(f"  system_{n} u_{n} (.aclk, .aresetn, {wired});\n")
    head = ",\n".join(ports)
    return f"{''.join(texts)}\nmodule shell_bench (\n{head}\n);\n{''.join(cells)}endmodule\n"


def build(folder: Path, form: verilate.Form) -> Path:
    """The bench as a simulator of a form, assertions on."""
    file = folder / "shell_bench.sv"
    file.write_text(systems())
    seen = folder / "ports.vlt"  # what VPI reaches: the ports of the bench
    seen.write_text('`verilator_config\npublic_flat_rw -module "shell_bench" -var "*"\n')
    files = dma.shell_sources()
    includes = sorted({path.parent for path in files if path.parent.name == "rtl"})
    sources = [seen, *files, file]
    options = {"defines": verilate.CHECKED, "level": "-O0", "form": form}
    return verilate.compile_model("shell_bench", sources, "", includes, **options)


def executed_by_yosys(*commands: str) -> None:
    """Hold that Yosys ends these without an error."""
    text = f"from pyosys import libyosys as y\nd = y.Design()\nfor p in {commands!r}: y.run_pass(p, d)"
    done = ran([sys.executable, "-c", text])
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
