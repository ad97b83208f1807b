"""Limits on the resources that a foreign file may use; each is an environment variable.

XNORFORGE_MAX_FILE_MB      a file with its external data, in MB (2^20 bytes)
XNORFORGE_MAX_NODES        operators of a network after constant folding
XNORFORGE_MAX_ELEMENTS     elements of a tensor, and of all tensors of one frame together
XNORFORGE_MAX_MEMORY_MB    memory of the process that runs the file, in MB
XNORFORGE_MAX_SECONDS      processor time of that process
"""

import os

from xnorforge.core.errors import UserError

# {name after XNORFORGE_MAX_: the limit if the variable is not set}
USUAL = {"FILE_MB": 512, "NODES": 20_000, "ELEMENTS": 1 << 27, "MEMORY_MB": 2048, "SECONDS": 3600}


def most(name: str) -> int:
    """A limit, from the variable XNORFORGE_MAX_<name> if it is set.

    Raises:
        UserError: the variable is not a positive integer.
    """
    given = os.environ.get(f"XNORFORGE_MAX_{name}", "")
    if not given:
        return USUAL[name]
    if not whole_number(given) or int(given) == 0:
        raise UserError(
            f"XNORFORGE_MAX_{name}: '{given}' is not a positive integer; give one, such as {USUAL[name]}."
        )
    return int(given)


def whole_number(text: str) -> bool:
    """Whether a text is a whole number that fits 64 bits, in plain digits."""
    return text.isascii() and text.isdecimal() and len(text) <= 18
