"""The project's own files: one version everywhere, and templates and workflows that a forge can read;
docs/guide/environment.md has every environment variable that the package reads, and no other."""

import os
import re
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

import xnorforge
from xnorforge.cli import doctor
from xnorforge.core import environment, limits
from xnorforge.pipeline import stages

from .conftest import of_the_night
from .documents import ROOT, checkout, ran

VERSION = xnorforge.__version__
LICENCE = "Apache-2.0"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEMPLATES = ROOT / ".github/ISSUE_TEMPLATE"
FORMS = sorted(set(TEMPLATES.glob("*.yml")) - {TEMPLATES / "config.yml"})
# Of the schema of issue forms; a markdown element has no label.
FIELDS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def read_yaml(path: Path) -> dict:
    """A file of YAML 1.1, in which the key `on` is the truth value."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load(path.read_text()).items()}


def releases() -> list[tuple[str, str]]:
    """(version, date) of the change log, in its order."""
    return re.findall(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_change_log_ends_at_this_version():
    found = releases()
    assert found[0][0] == VERSION
    numbers = [tuple(map(int, version.split("."))) for version, _ in found]
    assert numbers == sorted(set(numbers), reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for _, date in found)


def test_the_citation_is_of_this_version_and_its_date():
    found = read_yaml(ROOT / "CITATION.cff")
    assert (found["cff-version"], found["title"], found["license"]) == ("1.2.0", "xnorforge", LICENCE)
    assert (found["version"], str(found["date-released"])) == releases()[0]
    assert found["message"] and all(author["name"] for author in found["authors"])


def test_no_other_file_states_a_version_of_its_own():
    """pyproject.toml reads `VERSION`; a page that names a wheel names this one, or any."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" not in project["project"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "xnorforge.core.VERSION"}
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs/guide").glob("*.md"), *(ROOT / "examples").glob("*")]
    wheels = [re.findall(r"xnorforge-(\d[\w.]*)-py3", page.read_text()) for page in pages if page.is_file()]
    assert {wheel for found in wheels for wheel in found} <= {VERSION}


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_an_issue_form_has_what_the_forge_requires(path):
    form = read_yaml(path)
    assert form["name"] and form["description"] and form["body"]
    assert all(field["type"] in FIELDS for field in form["body"])
    asked = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in asked}) == len(asked)
    assert all(field["attributes"]["label"] for field in asked)
    assert any(field.get("validations", {}).get("required") for field in asked)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_limits_its_jobs_and_calls_what_is_there(path):
    flow = read_yaml(path)
    assert flow["on"] and flow["permissions"] == {"contents": "read"}
    for job in flow["jobs"].values():
        called = job.get("uses", "")
        assert called or (job["runs-on"] and job["timeout-minutes"] and job["steps"])
        steps = job.get("steps", [])
        for used in filter(None, [called, *(step.get("uses", "") for step in steps)]):
            ours = used.startswith("./") and (ROOT / used).is_file()
            assert ours or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", used)
        # What others write reaches a script as a variable, never as a part of the script.
        assert not any("${{" in step.get("run", "") for step in steps)


def steps(name: str, job: str) -> list[dict]:
    return read_yaml(ROOT / f".github/workflows/{name}.yml")["jobs"][job]["steps"]


def test_continuous_integration_runs_the_tests_and_builds_the_site():
    assert "make docs" in [step.get("run") for step in steps("ci", "docs")]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    said = (ROOT / ".ci/run").read_text()
    made = re.findall(r"^(?:exec )?(make .*)$", said, re.MULTILINE)
    assert made == ["make lint", "make build NET=mnist-tfc BOARD=pynq-z2", "make test"]
    assert not re.search(r"\b(apt|pip|curl)\b", said), "nothing that is not declared is needed"
    assert "schedule" in read_yaml(ROOT / ".github/workflows/nightly.yml")["on"]


@pytest.mark.parametrize(("name", "command"), [("ci", ".ci/run"), ("nightly", "make test-full")])
def test_tests_run_on_the_newest_python_that_is_allowed_with_the_whole_history(name, command):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = f"3.{int(project['requires-python'].rpartition('.')[2]) - 1}"
    fetched, python, tested = steps(name, "test")
    assert fetched["with"]["fetch-depth"] == 0 and python["with"]["python-version"] == newest
    assert (tested["run"], tested["env"]["PYTHON"]) == (command, f"python{newest}")


def test_the_inputs_of_the_difference_are_those_that_its_script_reads():
    flow = read_yaml(ROOT / ".github/workflows/diff.yml")
    given = flow["on"]["workflow_call"]["inputs"]
    read = re.findall(r"\$\{\{ inputs\.(\w+) \}\}", (ROOT / ".github/workflows/diff.yml").read_text())
    assert sorted(given) == sorted(read)
    assert all(one["description"] and one["type"] == "string" and "default" in one for one in given.values())
    caller = read_yaml(ROOT / ".github/workflows/ci.yml")["jobs"]["diff"]
    assert set(caller["with"]) <= set(given)


@pytest.mark.full
def test_the_difference_of_two_builds_is_written_as_a_comment(tmp_path):
    """The scripts of the workflow's two steps, on two checkouts of this tree."""
    for side in ("base", "head"):
        checkout(tmp_path / side)
    job = read_yaml(ROOT / ".github/workflows/diff.yml")["jobs"]["build"]
    given = {"NETWORK": "mnist-tfc", "MODEL": "", "BOARD": "pynq-z2", "RULES": "", "REQUIREMENT": ""}
    given |= {"OPTIONS": "--images 4 --stalled 2 --pnr off", "PIP_EXTRA_INDEX_URL": ""}
    given["XNORFORGE_CACHE"] = str(tmp_path / "cache")
    assert set(given) == set(job["env"])
    folders: dict[str, str] = {}
    for step in (step for step in job["steps"] if "run" in step):
        output = tmp_path / f"{step['id']}.txt"
        own = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
        environment = os.environ | given | own | {key.upper(): value for key, value in folders.items()}
        done = ran(["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        folders |= dict(line.split("=", 1) for line in output.read_text().splitlines())
    assert folders == {side: f"{side}/out/mnist-tfc/rtl-pynq-z2" for side in ("base", "head")} | {"code": "0"}
    comment = (tmp_path / "diff.md").read_text()
    assert comment.startswith("<!-- xnorforge diff mnist-tfc pynq-z2 -->\n") and "PASS" in comment
    assert (tmp_path / "summary.md").read_text() == comment


@pytest.mark.parametrize("many", [1, 5, 30, 70])
def test_in_fourteen_nights_every_full_test_has_its_turn(many):
    def item(name, mark):
        node = SimpleNamespace(nodeid=f"test_a[{name}]", callspec=SimpleNamespace(id=name))
        node.get_closest_marker = lambda asked: asked == mark or None
        return node

    items = [*(item(str(k), "full") for k in range(many)), item("quick", ""), item("today", "full")]
    nights = [[one.callspec.id for one in of_the_night(items, night)] for night in range(7, 21)]
    assert all(one[-2:] == ["quick", "today"] and len(one) <= 2 + -(-many // 14) for one in nights)
    assert sorted(name for one in nights for name in one[:-2]) == sorted(map(str, range(many)))


READ = re.compile(
    r"(?:os\.environ|environment)(?:\.get\(|\[)\\?(f?\"\w+|[\w.]+)(?!.*\] = )"
    r"|(\"?[\w.]+\"?) (?:not )?in os\.environ(?![.\[])"
)


def names_read():
    """Names of all variables that files of the package read, those of stages included."""
    found = {name for stage in stages.STAGES for name in stage.environment}
    folders = [ROOT / "src/xnorforge", *(ROOT / of for of in ("hw", "sw", "flows", "sim"))]
    for path in (path for folder in folders for of in ("py", "ipynb") for path in folder.rglob(f"*.{of}")):
        for given in (one[1] or one[2] for one in READ.finditer(path.read_text())):
            name = given.removeprefix("f").strip('"')
            if given.startswith("f"):
                found |= {f"{name}{each}" for each in limits.USUAL}
            elif given.startswith('"'):
                found.add(name)
            elif given.isupper():  # a constant of its module, or one that it imports
                of = path.relative_to(ROOT / "src/xnorforge" if "src" in path.parts else ROOT).with_suffix("")
                found.add(vars(import_module(".".join(["xnorforge", *of.parts])))[given])
    return found


def test_every_variable_that_the_package_reads_is_declared_and_no_other():
    assert names_read() == {*environment.VARIABLES, *environment.INNER}


def test_the_page_has_the_rows_of_the_declaration():
    page = (ROOT / "docs/guide/environment.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", page, re.MULTILINE) == [*environment.VARIABLES.items()]
    for name, usual in limits.USUAL.items():
        assert re.search(rf"\b{usual:,}$", environment.VARIABLES[f"XNORFORGE_MAX_{name}"])


def test_the_doctor_shows_what_is_set_and_names_what_nothing_reads(monkeypatch, tmp_path):
    monkeypatch.setenv("XNORFORGE_CACHE", str(tmp_path))
    monkeypatch.setenv("XNORFORGE_CAHCE", str(tmp_path))
    [item] = [one for one in doctor.examine(tmp_path) if one.name == "environment"]
    assert "XNORFORGE_CACHE" in item.found and "XNORFORGE_CAHCE" in item.cure and not item.required
