"""tools/lint_code.py: dead definitions, branching, what is above a cap, and raised caps are found."""

import json

import pytest

from .documents import ROOT, ran, tool

lint = tool("lint_code")


def test_a_dead_definition_and_a_complex_function_are_found(tmp_path, monkeypatch):
    many = "".join(f"    if x == {n}:\n        return {n + 1}\n" for n in range(25))
    text = f"def gone(): pass\n\n@rule('Add')\ndef kept(): pass\n\ndef many(x):\n{many}\nmany(2)\n"
    (tmp_path / "one.py").write_text(text)
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    monkeypatch.setattr(lint, "CALLED_ELSEWHERE", {"templates": "drawn"})
    monkeypatch.setattr(lint, "BRANCHING", {"one.py": "gone"})
    paths = [tmp_path / "one.py"]
    unused, stale = lint.dead(paths)
    assert "one.py:1" in unused and "drawn" in stale
    complex_one, simple = lint.branching(paths)
    assert "many" in complex_one and "26" in complex_one and "gone" in simple


def test_the_sources_are_the_python_outside_tests():
    paths = {str(path.relative_to(ROOT)) for path in lint.sources()}
    assert {"hw/ops/base.py", "src/xnorforge/api.py", "tools/lint_code.py"} <= paths
    assert not any(path.startswith(("tests/", ".venv/", "src/xnorforge/hw/")) for path in paths)


CAPS = {"code": 3, "tests": 2, "wide": 0, "seconds": 9, "suffixes": [".py", ".c"]}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository whose first commit is `START`; `commit(caps, files)` adds one."""
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    monkeypatch.setattr(lint, "FIRST", {name: CAPS[name] for name in ("code", "tests", "wide")})

    def git(*words):
        settings = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = ran(["git", *settings, *words], cwd=tmp_path, check=True)
        return done.stdout.strip()

    def commit(caps=None, **files):
        for folder in ("tools", "tests"):
            (tmp_path / folder).mkdir(exist_ok=True)
        for name, value in (({lint.CAPS: json.dumps(caps)} if caps else {}) | files).items():
            (tmp_path / name).write_text(value)
        git("add", "-A")
        git("commit", "-q", "--allow-empty", "-m", "one")
        return git("rev-parse", "HEAD")

    git("init", "-q")
    monkeypatch.setattr(lint, "START", commit())
    return commit


def test_caps_only_go_down_and_a_raised_one_stays_red(project):
    project(CAPS)
    project(CAPS | {"code": 2, "suffixes": [".py", ".c", ".sv"]})
    assert list(lint.history()) == []
    for change in ({"code": 3}, {"suffixes": [".py", ".c"]}, {"wide": 1}):
        project(CAPS | {"code": 2, "suffixes": [".py", ".c", ".sv"]} | change)
        project(CAPS | {"code": 2, "suffixes": [".py", ".c", ".sv"]})
    assert [line.split()[2] for line in lint.history()] == ["wide", "suffixes", "code"]


def test_the_first_caps_and_those_not_yet_in_a_commit_are_held_too(project, tmp_path):
    project(CAPS | {"tests": 3})
    [line] = lint.history()
    assert "tests is raised from 2 to 3" in line
    (tmp_path / lint.CAPS).write_text(json.dumps(CAPS | {"tests": 4}))
    assert any("now" in line for line in lint.history())


def test_without_history_ci_is_red(project, monkeypatch):
    project(CAPS)
    monkeypatch.setattr(lint, "START", "0" * 40)
    monkeypatch.setenv("CI", "true")
    assert len(list(lint.history())) == 1
    monkeypatch.delenv("CI")
    assert list(lint.history()) == []


def test_lines_wide_lines_and_seconds_above_their_caps_are_found(project, tmp_path):
    files = {"a.py": "x\n" * 4, "tests/b.c": "y\n\ny\n", "tests/test_d.py": "#" * 111, "d.txt": "z\n" * 99}
    seconds = {lint.DURATIONS: json.dumps({"tests/test_c.py": 9.2, "tests/test_b.py": 0.4})}
    project(CAPS, **files, **seconds)
    said = {line.split(": ")[1]: line for line in lint.above(CAPS, lint.tracked())}
    assert set(said) == {"code", "tests", "wide", "seconds", "no seconds of tests/test_d.py"}
    assert "4" in said["code"] and "10" in said["seconds"]
