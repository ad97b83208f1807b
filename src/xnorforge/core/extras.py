"""Packages that not every installation has, and the extra of xnorforge that brings each.

A build from a trained network to its report needs none of them. pyproject.toml declares the extras, and a
checkout's lock holds all of them.
"""

from importlib.util import find_spec

from xnorforge.core.errors import ToolMissing

EXTRA_OF = {
    "av": "demo",
    "hls4ml": "hls4ml",
    "da4ml": "da4ml",
    "finn": "finn",
    "matplotlib": "explore",
    "sklearn": "digits",
}  # {name in an import: extra}


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported."""
    return find_spec(package) is not None


def package_missing(package: str, what: str) -> ToolMissing:
    """The sentence for a package that is not installed.

    Args:
        package: as an import names it; what a back end of yours needs may be none of `EXTRA_OF`.
        what: what needs it, as "a video".

    >>> str(package_missing("av", "a video"))
    "av: is not installed, and a video needs it; `pip install 'xnorforge[demo]'` brings it."
    """
    wanted = f"'xnorforge[{EXTRA_OF[package]}]'" if package in EXTRA_OF else package
    return ToolMissing(f"{package}: is not installed, and {what} needs it; `pip install {wanted}` brings it.")


def require(package: str, what: str) -> None:
    """See that a package is there, before any work is done that it would end.

    Raises:
        ToolMissing: it is not; see `package_missing`.
    """
    if not is_installed(package):
        raise package_missing(package, what)
