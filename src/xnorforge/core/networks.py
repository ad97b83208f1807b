"""Networks by name, and what their files and their tasks' declare, read without importing torch.

A network is a file `sw/networks/<task>_<network>.py`, called `<task>-<network>` on the command line. What is
read here is a literal at the top of a file: `INTERVAL = 1024` of a network, `USUAL = "cnn"` of a task.
"""

import ast
from functools import cache
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown

KIND = "sw.networks"


def names() -> list[str]:
    """The networks there are, `<task>-<network>` each, sorted: the values of NET."""
    return sorted(name.replace("_", "-", 1) for name in plugins.names(KIND))


def task_name(net: str) -> str:
    """The task of a network, by the network's name."""
    return net.partition("-")[0]


def plugin(net: str) -> str:
    """The name of a network's file, without its ending.

    Raises:
        UserError: no such network; the text names those that exist and the nearest.
    """
    if net not in names():
        raise unknown("NET", net, names())
    return net.replace("-", "_", 1)


def interval(name: str) -> int | None:
    """Cycles per frame that a folding aims at for a network; None: whatever the board says.

    Args:
        name: of a network, also with a method or a run behind it, as folders have them: mnist-tfc-bonn.
    """
    for net in names():
        if f"{name}-".startswith(f"{net}-"):
            return literal(plugins.place(KIND, plugin(net)), "INTERVAL")
    return None


def usual(task: str) -> str:
    """The network that a task's name alone stands for, `<task>-<network>`.

    Raises:
        UserError: no such task, or it names none.
    """
    place = plugins.place("sw.tasks", task)
    net = literal(place, "USUAL")
    if net is None:
        raise UserError(f'{place}: names no usual network; write USUAL = "<network>" into it, or give NET.')
    return f"{task}-{net}"


def takes_data(net: str) -> bool:
    """Whether a network is trained on pictures that the user gives (DATA), by its task's file."""
    return bool(literal(plugins.place("sw.tasks", task_name(net)), "DATA"))


@cache
def literal(path: Path, name: str):
    """The literal that a Python file assigns to a name at its top level; None where it assigns nothing.

    Raises:
        UserError: it assigns something else, or is no Python.
    """
    try:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
                return ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{path}: {name} is no plain value ({error}); write it as a number or text."
        ) from error
    return None
