"""Limits on the resources that a foreign file may use: variables of the environment; MB are 2^20 bytes.

A file may be small and ask for much: memory, time, or a division by zero inside a library. The stage that
runs such a file is a process with limits that the kernel keeps; what becomes of it is one sentence here.
"""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from xnorforge.core.errors import UserError

NO_MEMORY = 3  # exit code of a process whose memory ran out

# {name after XNORFORGE_MAX_: the limit if that is not set}; or what half of the machine's memory holds
USUAL = {
    "FILE_MB": 512, "NODES": 20_000, "PORTS": 100, "ELEMENTS": 1 << 27, "MEMORY_MB": 2048, "SECONDS": 3600,
    "CACHE_MB": 5000,
}  # fmt: skip


def most(name: str) -> int:
    """A limit, from XNORFORGE_MAX_<name> if set; UserError if that is not a positive integer."""
    given = os.environ.get(f"XNORFORGE_MAX_{name}", "")
    if not given:
        half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 21
        return max(USUAL[name], {"MEMORY_MB": half, "ELEMENTS": half << 15}.get(name, 0))  # 32 bytes each
    if not whole_number(given) or int(given) == 0:
        raise UserError(
            f"XNORFORGE_MAX_{name}: '{given}' is not a positive integer; give one, such as {USUAL[name]}."
        )
    return int(given)


def whole_number(text: str) -> bool:
    """Whether a text is a whole number that fits 64 bits, in plain digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


@contextmanager
def within_limits() -> Iterator[None]:
    """From now on this process has the memory and processor time of the limits; without memory it exits."""
    limits = {
        resource.RLIMIT_DATA: most("MEMORY_MB") << 20, resource.RLIMIT_CPU: most("SECONDS"),
        resource.RLIMIT_CORE: 0,
    }  # fmt: skip
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard < 0 else min(limit, hard), hard))
    try:
        yield
    except MemoryError:
        sys.exit(NO_MEMORY)


def broken_limit(code: int, what: str) -> str:
    """The sentence on a process that ran `what` within limits, by its exit code; "" if it spoke."""
    if code == -signal.SIGXCPU:
        return (
            f"{what}: running it takes more than {most('SECONDS'):,} s of processor time; give a smaller "
            "network, or raise XNORFORGE_MAX_SECONDS."
        )
    if code in (NO_MEMORY, -signal.SIGKILL):
        return (
            f"{what}: running it takes more than {most('MEMORY_MB'):,} MB of memory; give a smaller network, "
            "or raise XNORFORGE_MAX_MEMORY_MB."
        )
    if code < 0 and code != -signal.SIGINT:
        return (
            f"{what}: a library that runs it was ended by {signal.Signals(-code).name}; "
            "check the file with onnx.checker, and export it again."
        )
    return ""
