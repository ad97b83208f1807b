"""Optional packages, and the extra of xnorforge that installs each.

A build from a trained network to its report needs none of them. pyproject.toml declares the extras, and a
checkout's lock file contains all of them.
"""

from importlib.util import find_spec

from xnorforge.core.errors import ToolMissing

EXTRA_OF = {
    "av": "demo",
    "distributed": "cluster",
    "hls4ml": "hls4ml",
    "finn": "finn",
    "sklearn": "digits",
}  # {name in an import: extra}


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not imported."""
    return find_spec(package) is not None


def package_missing(package: str, what: str) -> ToolMissing:
    """The error for a package that is not installed.

    Args:
        package: its import name; a back end in a plug-in may need a package that is not in `EXTRA_OF`.
        what: the feature that needs it, such as "a video".

    >>> str(package_missing("av", "a video"))
    "av: is not installed, but a video needs it; install it with `pip install 'xnorforge[demo]'`."
    """
    wanted = f"'xnorforge[{EXTRA_OF[package]}]'" if package in EXTRA_OF else package
    return ToolMissing(
        f"{package}: is not installed, but {what} needs it; install it with `pip install {wanted}`."
    )


def require(package: str, what: str) -> None:
    """Raise ToolMissing (see `package_missing`) before work that would fail without a package."""
    if not is_installed(package):
        raise package_missing(package, what)
