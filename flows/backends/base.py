"""What a back end is: how fold treats the matrices, which stages follow, and which report is written.

A back end is a file or folder `flows/backends/<name>` whose module binds a `Backend` to the name `BACKEND`.
"""

from dataclasses import dataclass
from typing import Literal

from xnorforge.core import plugins
from xnorforge.core.errors import unknown

Matrices = Literal["folded", "adders", "cheaper"]


@dataclass(frozen=True)
class Backend:
    """One way from a lowered network to hardware.

    Attributes:
        about: what it makes, in one line.
        matrices: what fold makes of a matrix: a "folded" unit, "adders" wherever da4ml builds them
            (distributed arithmetic), or of the two the "cheaper".
        stages: stages that follow fold, in their order; those that compare integers prove the design. A stage
            that the part's family cannot run (netlist, without models of its cells) is left out by the
            pipeline.
        needs: what it imports beside the core, one of core/extras.py, nothing for most; looked for
            before a build starts.
        report: form of the report: "design" with cycles and cells, "project" with what another tool is
            given, or "handover" with that tool's estimates beside ours.
    """

    about: str
    matrices: Matrices = "folded"
    stages: tuple[str, ...] = ("generate", "sim", "synth", "netlist")
    report: str = "design"
    needs: str = ""


def names() -> list[str]:
    """Back ends by name, sorted."""
    return plugins.names("flows.backends")


def load(name: str) -> Backend:
    """The declaration of one back end.

    Raises:
        UserError: no such back end; the text names those that exist and the nearest.
    """
    if name not in names():
        raise unknown("backend", name, names())
    return plugins.load("flows.backends", name).BACKEND
