"""What nextpnr-xilinx prints, as it has no JSON report: critical path and clock."""

import re

from xnorforge.core.errors import UserError
from xnorforge.hw.families._nextpnr_log import claimed_twice, overused, sites_used
from xnorforge.hw.routing import Hop, TimingPath

CLOCK = re.compile(r"^Info: Max frequency for clock '(.+)': ([\d.]+) MHz", re.MULTILINE)
REPORT = "Info: Critical path report for clock "
STEP = re.compile(r"^Info: +([\d.]+) +[\d.]+ +(Source|Net|Setup) (\S+)", re.MULTILINE)
PROGRAM = "nextpnr-xilinx"


def read(said: str, seed: int) -> tuple[float, dict[str, tuple[int, int]], TimingPath]:
    """Highest clock after routing in MHz, sites used and available, and the critical path of that clock.

    Raises:
        UserError: wires are left that two nets claim, or the log ends before the clock after routing.
    """
    if claimed_twice(said):
        raise UserError(overused(PROGRAM, said, seed))
    _, begun, report = said.rpartition(REPORT)
    clock = CLOCK.search(report) if begun else None
    if clock is None:
        raise UserError(
            f"the log of nextpnr-xilinx (seed {seed}) ends before the clock report after routing; "
            "the run was killed, or its version is not the one that docs/guide/bitstream.md names."
        )
    return float(clock[2]), sites_used(said), critical_path(report[: clock.start()])


def critical_path(report: str) -> TimingPath:
    """The steps of a critical path: Source is a cell's output, Net a wire, Setup the register at the end."""
    hops: list[Hop] = []
    for ns, step, name in STEP.findall(report):
        kind = {"Net": "routing", "Setup": "setup"}.get(step, "logic" if hops else "clk-to-q")
        # A cell is given with its pin; Yosys' own names have backslashes, which no other tool's have.
        plain = name.replace("\\", "").removeprefix("$flatten")
        hops.append(Hop(kind, float(ns), plain if kind == "routing" else plain.rpartition(".")[0]))
    return TimingPath(tuple(hops))
