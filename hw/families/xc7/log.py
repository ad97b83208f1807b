"""What nextpnr-xilinx prints, as it has no JSON report: critical path and clock; and where cells are."""

import json
import re
from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.hw.families._nextpnr_log import CLOCK, claimed_twice, overused, sites_used
from xnorforge.hw.routing import Hop, TimingPath

REPORT = "Info: Critical path report for clock "
STEP = re.compile(r"^Info: +[\d.]+ +([\d.]+) +(Source|Net|Setup) (\S+)", re.MULTILINE)  # its sum so far
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
    """The steps of a critical path: Source is a cell's output, Net a wire, Setup the register at the end.

    A step takes the time between two sums, as the steps printed with one decimal would not add up.
    """
    hops: list[Hop] = []
    before = 0.0
    for total, step, name in STEP.findall(report):
        kind = {"Net": "routing", "Setup": "setup"}.get(step, "logic" if hops else "clk-to-q")
        named = _plain(name)  # of a cell, with its pin
        ns, before = round(float(total) - before, 1), float(total)
        hops.append(Hop(kind, ns, named if kind == "routing" else named.rpartition(".")[0]))
    return TimingPath(tuple(hops))


def cell_places(written: Path) -> dict[str, str]:
    """The netlist of `--write`: {place ("SLICE_X0Y0/A6LUT", or a site): its cell}; may be empty."""
    if not written.is_file():
        return {}
    found = {}
    for module in json.loads(written.read_text())["modules"].values():
        for name, cell in module.get("cells", {}).items():
            place = str(cell.get("attributes", {}).get("NEXTPNR_BEL", ""))
            site = place.partition("/")[0]
            found[place if site.startswith("SLICE") else site] = _plain(name)
    return found


def _plain(name: str) -> str:
    """A cell's name without the backslashes of Yosys' own names, which no other tool's have."""
    return name.replace("\\", "").removeprefix("$flatten")
