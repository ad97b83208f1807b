"""What a back end defines: which stages follow fold, and which report is written.

A back end is a file or folder `flows/backends/<name>` whose module binds a `Backend` to the name `BACKEND`.
"""

from dataclasses import dataclass

from xnorforge.core import plugins
from xnorforge.core.errors import unknown


@dataclass(frozen=True)
class Backend:
    """One way from a lowered network to hardware.

    Attributes:
        about: what it produces, in one line.
        stages: stages after fold, in order; stages that compare integers verify the design. The pipeline
            skips a stage that the part's family cannot run (netlist, without models of its cells).
        needs: optional package that it imports, one of core/extras.py, if any; checked before a build.
        report: form of the report: "design" with cycles and cells, "project" with the input of another tool,
            or "handover" with that tool's estimates next to ours.
    """

    about: str
    stages: tuple[str, ...] = ("generate", "sim", "synth", "netlist")
    report: str = "design"
    needs: str = ""


def names() -> list[str]:
    """Back ends by name, sorted."""
    return plugins.names("flows.backends")


def load(name: str) -> Backend:
    """The declaration of one back end.

    Raises:
        UserError: no such back end; the text lists the existing ones and the nearest match.
    """
    if name not in names():
        raise unknown("backend", name, names())
    return plugins.load("flows.backends", name).BACKEND
