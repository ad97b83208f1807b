"""The package of an accelerator for other flows, behind the simulation of its RTL."""

from pathlib import Path

from xnorforge.core.errors import UserError
from xnorforge.pipeline import job, run, stages
from xnorforge.pipeline.request import Request


def package_rtl(
    asked: Request, out: Path | None, prefix: str | None, interface: str = "axis", heard: bool = False
) -> Path:
    """Build up to the simulation of the RTL and write the package; returns its folder.

    Args:
        out: replaced whole; None: `package` beside the RTL.
        prefix: what all modules begin with; None: the network's name.
        interface: of the top, "axis" or "plain".
        heard: as of `run.run_stages`.

    Raises:
        UserError: the back end writes no RTL, the prefix is none, the network cannot have the interface, or
            as of `run.run_stages`.
    """
    check_package(asked, prefix)
    run.run_stages(asked, "sim", heard=heard)
    return write_from(asked.acc, out, prefix, interface)


def check_package(asked: Request, prefix: str | None) -> None:
    """See that a package can be made; errors as of `package_rtl`, but for those of the stages."""
    from xnorforge.flows.package.sources import checked_prefix

    if prefix:
        checked_prefix(prefix)
    if "generate" not in stages.following(asked.backend):
        raise UserError(
            f"package: BACKEND={asked.backend} writes a project for another tool instead of RTL; give "
            "BACKEND=rtl."
        )


def write_from(acc: Path, out: Path | None, prefix: str | None, interface: str = "axis") -> Path:
    """Write the package of RTL that is there; arguments and errors as of `package_rtl`."""
    from xnorforge.flows.package import write_package

    out = out or acc / "package"
    reads = (*stages.left_by(acc, "fold", "generate"), (acc.parent / "golden.npz", "export"))
    with job.stage("package", out.parent, out / "package.json", reads):
        write_package(acc, out, prefix or None, interface)
    return out
