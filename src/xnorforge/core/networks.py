"""Networks by name, and what their files and the files of their tasks declare, read without importing torch.

A network is a file `sw/networks/<task>_<network>.py`, called `<task>-<network>` on the command line, or a
module of the user's own, `<task>-<FILE.py:NAME>`. This module reads literals at the top of a file:
`INTERVAL = 1024` of a network, `USUAL = "cnn"` of a task.
"""

import ast
from functools import cache
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown

KIND = "sw.networks"
MEMORY = "memory"  # in place of a task: the module, and its images, are objects of this process


def names() -> list[str]:
    """The available networks, each `<task>-<network>`, sorted: the values of NET."""
    return sorted(name.replace("_", "-", 1) for name in plugins.names(KIND))


def task_name(net: str) -> str:
    """The task of a network, by the network's name."""
    return net.partition("-")[0]


def is_given(net: str) -> bool:
    """Whether a name stands for a module of the user's own: in a Python file, or in memory."""
    return ".py" in net.partition("-")[2] or net.startswith(f"{MEMORY}-")


def folder_name(net: str) -> str:
    """What the folder of a network in out/ is called: its name, or that of the class of a user's module."""
    if not is_given(net):
        return net
    file, _, name = net.partition("-")[2].partition(":")
    return name or Path(file).stem


def plugin(net: str) -> str:
    """The name of a network's file, without suffix; UserError, with all names, if there is none."""
    if net not in names():
        raise unknown("NET", net, names())
    return net.replace("-", "_", 1)


def interval(name: str) -> int | None:
    """Cycles per frame that a folding aims at for a network; None: the board's default.

    Args:
        name: of a network, optionally followed by a method or a run, as in folder names: mnist-tfc-bonn.
    """
    for net in names():
        if f"{name}-".startswith(f"{net}-"):
            return literal(plugins.place(KIND, plugin(net)), "INTERVAL")
    return None


def usual(task: str) -> str:
    """The network <task>-<network> that a task means; UserError if there is none, or no task."""
    place = plugins.place("sw.tasks", task)
    net = literal(place, "USUAL")
    if net is None:
        raise UserError(
            f'{place}: does not state a usual network; add USUAL = "<network>" to it, or set NET.'
        )
    return f"{task}-{net}"


def takes_data(net: str) -> bool:
    """Whether a network is trained on the user's own pictures (DATA), according to its task's file."""
    return bool(literal(plugins.place("sw.tasks", task_name(net)), "DATA"))


def generated(net: str) -> bool:
    """Whether a network without trained weights has generated ones, according to its file."""
    return net in names() and bool(literal(plugins.place(KIND, plugin(net)), "GENERATED"))


@cache
def literal(path: Path, name: str):
    """The literal that a Python file assigns to a name at its top level; None if there is no assignment.

    Raises:
        UserError: it assigns something else, or the file is not valid Python.
    """
    try:
        for node in plugins.parsed(path).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
                return ast.literal_eval(node.value)
    except (SyntaxError, ValueError) as error:
        raise UserError(
            f"{path}: {name} is not a plain value ({error}); write it as a number or text."
        ) from error
    return None
