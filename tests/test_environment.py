"""docs/guide/environment.md has every environment variable that the package reads, and no other."""

import re
from importlib import import_module

from xnorforge.cli import doctor
from xnorforge.core import environment, limits
from xnorforge.pipeline import stages

from .documents import ROOT

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
