"""What nextpnr-xilinx prints, as it has no JSON report: sites, overuse of wires, critical path, clock."""

import re

from xnorforge.core.errors import UserError
from xnorforge.hw.routing import Hop, TimingPath

SITE = re.compile(r"^Info:\s+(\w+): +(\d+)/ *(\d+) +\d+%$", re.MULTILINE)
ITERATION = re.compile(r"^Info: +iter=(\d+) wires=\d+ overused=(\d+)", re.MULTILINE)
SLOW = re.compile(r"^ +(\S+) +\d+ [\d.]+ms$", re.MULTILINE)
CLOCK = re.compile(r"^Info: Max frequency for clock '(.+)': ([\d.]+) MHz", re.MULTILINE)
REPORT = "Info: Critical path report for clock "
STEP = re.compile(r"^Info: +([\d.]+) +[\d.]+ +(Source|Net|Setup) (\S+)", re.MULTILINE)
NAMED = 3  # nets that a message names


def read(said: str, seed: int) -> tuple[float, dict[str, tuple[int, int]], TimingPath]:
    """Highest clock after routing in MHz, sites used and available, and the critical path of that clock.

    Raises:
        UserError: wires are left that two nets claim, or the log ends before the clock after routing.
    """
    iterations = ITERATION.findall(said)
    if iterations and int(iterations[-1][1]):
        raise UserError(overused(said, seed))
    _, begun, report = said.rpartition(REPORT)
    clock = CLOCK.search(report) if begun else None
    if clock is None:
        raise UserError(
            f"the log of nextpnr-xilinx (seed {seed}) ends before the clock after routing; "
            "it was ended from outside, or is of another version than docs/bitstream.md names."
        )
    return float(clock[2]), sites_used(said), critical_path(report[: clock.start()])


def sites_used(said: str) -> dict[str, tuple[int, int]]:
    """Sites used and available, those of which none is used left out."""
    return {name: (int(used), int(has)) for name, used, has in SITE.findall(said) if int(used)}


def critical_path(report: str) -> TimingPath:
    """The steps of a critical path: Source is a cell's output, Net a wire, Setup the register at the end."""
    hops: list[Hop] = []
    for ns, step, name in STEP.findall(report):
        kind = {"Net": "routing", "Setup": "setup"}.get(step, "logic" if hops else "clk-to-q")
        # A cell is given with its pin; Yosys' own names have backslashes, which no other tool's have.
        plain = name.replace("\\", "").removeprefix("$flatten")
        hops.append(Hop(kind, float(ns), plain if kind == "routing" else plain.rpartition(".")[0]))
    return TimingPath(tuple(hops))


def overused(said: str, seed: int) -> str:
    """One sentence: how many wires are left that several nets claim, and which nets were hardest."""
    last, wires = ITERATION.findall(said)[-1]
    nets = SLOW.findall(said)[:NAMED]
    hardest = f" (slowest to route: {', '.join(nets)})" if nets else ""
    return (
        f"nextpnr-xilinx (seed {seed}) leaves {int(wires):,} wires that several nets claim after {last} "
        f"iterations{hardest}; give other seeds (SEEDS=4,5,6), or a larger INTERVAL."
    )


def failure(said: str, reason: str, seed: int) -> str:
    """One sentence for a run that ended with an error.

    Args:
        said: all it printed.
        reason: its own message, or how it ended.
    """
    iterations = ITERATION.findall(said)
    if iterations and int(iterations[-1][1]):
        return overused(said, seed)
    if "Unable to place" in reason or "unable to find" in reason.lower():
        return (
            f"nextpnr-xilinx (seed {seed}) cannot place the design: {reason}; "
            "it does not fit the part after packing, so ask for more cycles per frame (INTERVAL=)."
        )
    return (
        f"nextpnr-xilinx (seed {seed}): {reason}; give other seeds (SEEDS=4,5,6), or another of its versions."
    )
