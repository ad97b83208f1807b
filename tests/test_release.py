"""What tools/release.py takes from the files of the project, and what it refuses."""

import hashlib
import subprocess

import pytest

import xnorforge

from .documents import ROOT, tool
from .refusals import refuses

release = tool("release")
CHANGES = "# Log\n\n## Unreleased\n\n- a\n\n## 1.2.0 - 2030-01-02\n\n- b\n- c\n\n## 1.1.0 - 2030-01-01\n\n"


def test_notes_are_the_part_of_the_change_log_on_the_version():
    assert release.notes(CHANGES, "1.2.0") == "- b\n- c\n"
    assert release.notes((ROOT / "CHANGELOG.md").read_text(), xnorforge.__version__).startswith("### ")
    for version in ("1.1.0", "1.3.0", "1x2.0"):
        with refuses(f"CHANGELOG.md: … '## {version} - <date>' … first"):
            release.notes(CHANGES, version)


def test_a_tag_is_of_the_version():
    release.check_tag("v1.2.0", "1.2.0")
    for tag in ("1.2.0", "v1.2", "v1.2.0rc1"):
        with refuses(f"release: tag '{tag}' … 1.2.0 … v1.2.0"):
            release.check_tag(tag, "1.2.0")


def test_the_lines_that_run_from_the_wheel_are_those_of_the_readme():
    lines = release.readme_lines((ROOT / "README.md").read_text())
    compile(lines, "README.md", "exec")
    assert "import xnorforge as xf" in lines and "xf.build(" in lines and "```" not in lines


def test_checksums_are_what_sha256sum_checks(tmp_path):
    for name, text in (("b.whl", "two"), ("a.bit", "one"), (release.SUMS, "old")):
        (tmp_path / name).write_text(text)
    text = release.sums(tmp_path)
    assert text.splitlines()[0] == f"{hashlib.sha256(b'one').hexdigest()}  a.bit"
    (tmp_path / release.SUMS).write_text(text)
    done = subprocess.run(
        ["sha256sum", "--check", release.SUMS], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["a.bit: OK", "b.whl: OK"]


@pytest.mark.parametrize("words", [("false",), ("sh", "-c", "exit 3")])
def test_a_command_that_fails_is_one_sentence(words):
    with refuses(f"release: {words[0]} … exit code {3 if len(words) > 1 else 1}"):
        release.run(*words)
