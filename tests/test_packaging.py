"""The wheel carries all that the four folders hold, and works where no checkout is near."""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("hw", "sw", "flows", "sim")
AWAY = shutil.ignore_patterns(
    ".git", ".venv", "out", "build", "data-cache", "__pycache__", "*.egg-info", "*.part", ".*cache"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of a copy of this tree, so that building it leaves nothing behind here."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in (*FOLDERS, "src"):
        shutil.copytree(ROOT / name, folder / "tree" / name, ignore=AWAY)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "tree")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        folder,
        folder / "tree",
    ]
    subprocess.run(command, check=True, capture_output=True)
    [path] = folder.glob("*.whl")
    return path


def test_every_file_of_the_four_folders_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    assert len(tracked) > 50
    assert [name for name in tracked if f"xnorforge/{name}" not in inside] == []


@pytest.mark.parametrize(
    "kind",
    ["hw/rtl/*.sv", "hw/ops/*/*.sv", "hw/boards/*/board.toml", "sw/shipped/*/*.safetensors", "sw/data/*.npz"],
)
def test_the_wheel_has_rtl_boards_weights_and_images(wheel, kind):
    inside = [
        Path(name).relative_to("xnorforge")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("xnorforge/")
    ]
    wanted = {path.relative_to(ROOT) for path in ROOT.glob(kind)}
    assert wanted and wanted <= set(inside)


def test_an_installed_wheel_lists_its_plug_ins_from_another_folder(wheel, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    python = tmp_path / "env/bin/python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-compile",
        wheel,
    ]
    subprocess.run(install, check=True, capture_output=True)
    # The dependencies lie in this environment: a path alone, so that its editable xnorforge is not taken
    # along.
    libraries = sysconfig.get_path("purelib", vars={"base": tmp_path / "env", "platbase": tmp_path / "env"})
    (Path(libraries) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    elsewhere = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}

    def run(*words):
        return subprocess.run(
            [python, *words], cwd=tmp_path, env=elsewhere, capture_output=True, text=True, check=True
        ).stdout

    assert run("-c", "import xnorforge; print(xnorforge.__file__)").startswith(str(tmp_path))
    listed = dict(line.split(maxsplit=1) for line in run("-m", "xnorforge", "list").splitlines())
    assert "mnist-cnn" in listed["nets"].split()
    assert "ste" in listed["methods"].split()
    assert "pynq-z2" in listed["boards"].split()
    assert "xnor_mvu" in listed["operators"].split()


def test_the_lock_pins_every_package_exactly():
    lines = [
        line
        for line in (ROOT / "requirements.lock").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert all(len(line.split("==")) == 2 and " " not in line for line in lines)
    names = [line.split("==")[0] for line in lines]
    assert sorted(names) == names and len(set(names)) == len(names)


def test_nothing_is_installed_that_the_lock_does_not_name():
    if (ROOT / ".venv").is_symlink() or not (ROOT / ".venv/installed").exists():
        pytest.skip("this environment was not made from the lock")
    from importlib.metadata import distributions

    lock = {
        line.split("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line
    }
    here = {
        found.metadata["Name"].lower().replace("_", "-").replace(".", "-")
        for found in distributions(path=[sysconfig.get_path("purelib")])
    }
    # A torch for CUDA brings these; the CPU build brings nothing.
    cuda = {name for name in here if name.startswith(("nvidia-", "cuda-", "triton"))}
    assert here - lock - cuda == {"pip", "xnorforge"}
