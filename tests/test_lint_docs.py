"""tools/lint_docs.py: every rule fires, and passes what it should pass."""

import pytest

from .documents import tool

lint = tool("lint_docs")


@pytest.fixture
def project(tmp_path):
    """A small project without findings; `put` adds files to it and returns what is found."""
    files = {
        "README.md": "# One\n\n[A page](docs/guide/a.md#the-end), [options](docs/reference/options.rst).\n",
        "CHANGELOG.md": "# Changes\n\n## 0.2.0\n\n- One.\n\n## 0.1.0\n\n- Another.\n",
        "Makefile": "all:\n\ttrue\n",
        "docs/reference/options.rst": "Options\n=======\n",
        "docs/guide/a.md": "# A\n\n## The end\n\nThe [home page](../../README.md), `so many` in code.\n",
        "src/xnorforge/a.py": '"""There are so many."""\n\nTEXT = "there is no such file"  # those that\n',
    }

    def put(**more):
        for name, text in (files | {name.replace("__", "/"): text for name, text in more.items()}).items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return [(str(path.relative_to(tmp_path)), line, what) for path, line, what in lint.findings(tmp_path)]

    return put


def put_one(project, name, text):
    return project(**{name.replace("/", "__"): text})


def test_a_project_without_faults_has_no_findings(project):
    assert project() == []


@pytest.mark.parametrize("name, text, line, says", [
    ("README.md", "word " * 901, 1, "901 words"), ("README.md", "of\n7,777 LUT\n", 2, "7,777 LUT"),
    ("docs/results/builds.jsonl", '{"commit": "0123abc"}\n', 1, "0123abc"),
    ("docs/guide/b.md", ("word " * 20 + "\n") * 1500, 1, "30,0"), ("Makefile", "all:\n" * 61, 61, "61 lines"),
    ("CHANGELOG.md", "# Changes\n\n## 0.2.0\n" + "- One.\n" * 60, 3, "61 lines"),
    ("docs/methods/b.md", "short\n" + "x" * 161 + "\n", 2, "161 characters"),
    ("docs/methods/b.md", "| a |\n|---|\n| " + "x" * 161 + " |\n", 3, "characters"),
    ("docs/methods/b.md", "one\n[b](missing.md)\n", 2, "missing.md"),
    ("docs/methods/b.md", "[b](../guide/a.md#the-start)\n", 1, "#the-start"),
    ("docs/methods/b.md", "![b](missing.png)\n", 1, "missing.png"),
    ("docs/methods/b.md", '<img src="missing.svg">\n', 1, "missing.svg"),
    ("CONTRIBUTING.md", "[b](docs/reference/nothing.md)\n", 1, "nothing.md"),
    ("docs/methods/b.md", "seven\nis no number\n", 2, "'is no'"),
    ("docs/methods/b.md", "These are\nnone of ours.\n", 1, "none"),
    ("docs/methods/b.md", "so many cycles\n", 1, "so many"),
    ("docs/methods/b.md", "Those that wait\n", 1, "Those that"),
    ("docs/methods/b.md", "a dear FIFO\n", 1, "dear"),
    ("hw/b.py", '\nraise Exception(f"{x} is "\n                "no folder")\n', 2, "'is no'"),
    ("flows/b.j2", "<p>\n{{ n }} are no layers</p>\n", 2, "'are no'"),
    ("hw/b.sv", 'initial\n  $error("N=%0d is none", N);\n', 2, "'is none'"),
    ("sim/b.cpp", '// those that\nputs("those that wait");\n', 2, "those that"),
    ("flows/b.tcl", '# so many\nputs "so many"\n', 2, "so many"),
    ("hw/b.h", 'const char *why = "is no frame";\n', 1, "'is no'"),
])  # fmt: skip
def test_a_rule_fires_where_the_fault_is(project, name, text, line, says):
    found = put_one(project, name, text)
    places = [(where, at) for where, at, what in found if says in what]
    assert places == [("docs" if "30,0" in says else name, line)], found
    assert len(found) == 1 or name == "README.md"  # a page without headings breaks links to it


@pytest.mark.parametrize("name, text", [
    ("README.md", "# One\n" + "word " * 20 + "\n```text\n" + "word " * 1000 + "\n```\n"),
    ("docs/methods/b.md", "```text\n" + "x" * 200 + " is no prose, [b](missing.md)\n```\n"),
    ("docs/results/b.md", "| a |\n|---|\n| " + "x" * 200 + " |\n"),
    ("CHANGELOG.md", "# Changes\n\n## 0.2.0\n" + "- One.\n" * 58 + "\n## 0.1.0\n" + "- One.\n" * 58),
    ("docs/methods/b.md", "There is no rule, there are none; it is no longer used and is no more.\n"),
    ("docs/methods/b.md", "[b](https://example.org/is) [c](../guide/a.md#a) [d](#here)\n\n## Here\n"),
    ("SECURITY.md", "[report](../../security/advisories/new)\n"),
    ("hw/b.py", "def f():\n    'This is no message.'\n    return 1  # so many\n"),
    ("hw/b.sv", '// This is none.\ninitial $error("N must be at least 1");\n'),
    ("flows/b.j2", "{#- those that #}<p>Text</p>\n"), ("tests/b.py", 'TEXT = "so many"\n'),
])  # fmt: skip
def test_a_rule_passes_what_is_fine(project, name, text):
    assert put_one(project, name, text) == []


def test_the_command_prints_places_and_fails(project, tmp_path, capsys):
    put_one(project, "hw/b.py", '\nTEXT = "so many"\n')
    assert lint.main(tmp_path) == 1
    assert capsys.readouterr().out.startswith("hw/b.py:2: ")
    (tmp_path / "hw/b.py").unlink()
    assert lint.main(tmp_path) == 0 and capsys.readouterr().out == ""
