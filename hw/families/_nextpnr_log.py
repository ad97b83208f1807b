"""A run of any nextpnr and what it prints: sites of the part, wires that several nets claim, why it stops."""

import re
from collections.abc import Sequence
from pathlib import Path

from xnorforge.core.errors import UserError, shortened
from xnorforge.hw import routing
from xnorforge.hw.routing import Tool, ToolFailed, ToolStopped

LOG = "nextpnr.log"
SITE = re.compile(r"^Info:\s+(\w+): +(\d+)/ *(\d+) +\d+%$", re.MULTILINE)
ITERATION = re.compile(r"^Info: +iter=(\d+) wires=\d+ overused=(\d+)", re.MULTILINE)
CLOCK = re.compile(r"^(?:Info|Warning): Max frequency for clock '(.+)': ([\d.]+) MHz", re.MULTILINE)
SLOW = re.compile(r"^ +(\S+) +\d+ [\d.]+ms$", re.MULTILINE)
UNROUTED = re.compile(r"[Ff]ailed to (?:find a route for|route) arc \S+ of net '?([^\s',]+)")
FULL = ("unable to place", "unable to find", "failed to place", "no bels remaining", "legal placement")
NAMED = 3  # nets that a message names


def call_nextpnr(
    tool: Tool, program: str, arguments: Sequence[str], folder: Path, seed: int, **environment: str
) -> str:
    """Run a nextpnr in a folder.

    Args:
        program, seed: for messages.

    Returns:
        What it said, which is also in the file `LOG` there.

    Raises:
        UserError: it ended with an error, and the text is `failure`'s; or it was stopped.
    """
    try:
        return routing.call(tool, arguments, folder, LOG, **environment)
    except ToolStopped as stopped:
        raise UserError(
            f"{program} (seed {seed}): {stopped.reason}{last_words(stopped.said)}; allow more (PNR_MINUTES=) "
            "or try other seeds (SEEDS=4,5,6) or a larger INTERVAL."
        ) from stopped
    except ToolFailed as failed:
        raise UserError(failure(program, failed.said, failed.reason, seed)) from failed


def sites_used(said: str) -> dict[str, tuple[int, int]]:
    """Sites used and available, those of which none is used left out."""
    return {name: (int(used), int(has)) for name, used, has in SITE.findall(said) if int(used)}


def claimed_twice(said: str) -> int:
    """How many wires several nets claim at the end of the routing that a log shows; 0 where it shows none."""
    iterations = ITERATION.findall(said)
    return int(iterations[-1][1]) if iterations else 0


def overused(program: str, said: str, seed: int) -> str:
    """One sentence: how many wires are left that several nets claim, and which nets were hardest."""
    last, wires = ITERATION.findall(said)[-1]
    nets = SLOW.findall(said)[:NAMED]
    hardest = f" (slowest to route: {', '.join(nets)})" if nets else ""
    return (
        f"{program} (seed {seed}) still has {int(wires):,} wires claimed by several nets after {last} "
        f"iterations{hardest}; try other seeds (SEEDS=4,5,6) or a larger INTERVAL."
    )


def last_words(said: str) -> str:
    """How far a run came, in a sentence: the clock and wires that it reported last, and its last line."""
    words = [f", with an estimate of {mhz} MHz" for _, mhz in CLOCK.findall(said)[-1:]]
    for count, wires in ITERATION.findall(said)[-1:]:
        words.append(f", {int(wires):,} wires claimed by several nets in iteration {count}")
    words += [f", and last said '{' '.join(line.split())}'" for line in said.splitlines()[-1:]]
    return "".join(words)


def failure(program: str, said: str, reason: str, seed: int) -> str:
    """One sentence for a run that ended with an error.

    Args:
        said: all it printed.
        reason: its own message, or how it ended.
    """
    if claimed_twice(said):
        return overused(program, said, seed)
    if nets := list(dict.fromkeys(net.rstrip(".") for net in UNROUTED.findall(said))):
        return (
            f"{program} (seed {seed}) found no route for {shortened(nets, NAMED)}; "
            "try other seeds (SEEDS=4,5,6) or a larger INTERVAL."
        )
    if any(words in reason.lower() for words in FULL):
        short = [
            f"{kind} {used:,} of {has:,}" for kind, (used, has) in sites_used(said).items() if used > has
        ]
        over = f" ({', '.join(short)})" if short else ""
        return (
            f"{program} (seed {seed}) cannot place the design: {reason}; "
            f"it does not fit the part after packing{over}; allow more cycles per frame (INTERVAL=)."
        )
    return (
        f"{program} (seed {seed}): {reason}; try other seeds (SEEDS=4,5,6) or another version of {program}."
    )
