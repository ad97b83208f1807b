"""Frames through two packaged networks in one design, by cocotbext-axi's models; for test_clients.py."""

import itertools
import json
import os
import random

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiStreamBus, AxiStreamSink, AxiStreamSource


@cocotb.test()
async def every_frame_has_its_answer(dut):
    rng = random.Random(1)
    Clock(dut.aclk, 10, "step").start()
    dut.aresetn.value = 0
    ends = []
    for prefix, (frames, answers) in json.loads(os.environ["FRAMES"]).items():
        buses = (AxiStreamBus.from_prefix(dut, f"{prefix}_{side}_axis") for side in "sm")
        ends_of = zip((AxiStreamSource, AxiStreamSink), buses)
        source, sink = (end(bus, dut.aclk, dut.aresetn, reset_active_level=False) for end, bus in ends_of)
        for end in source, sink:
            end.set_pause_generator(rng.random() < 0.2 for _ in itertools.count())
        ends.append((source, sink, frames, answers))
    await ClockCycles(dut.aclk, 5)
    dut.aresetn.value = 1
    for source, _, frames, _ in ends:
        for frame in frames:
            source.send_nowait(bytes.fromhex(frame))
    for _, sink, _, answers in ends:
        for answer in answers:
            got = await sink.recv(compact=False)
            assert bytes(got.tdata).hex() == answer and not got.tuser[-1]
