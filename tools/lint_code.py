"""Check the code: dead definitions, complex functions, and the caps. Part of `make lint`.

    python tools/lint_code.py

Prints every finding, and exits with 1 if there is one: also what the lists below allow in vain.

The caps in tools/caps.json only go down, at every commit since `START`: lines of code outside tests/ and
below it, lines of more than 110 characters, and the processor seconds that `make test` took when
tests/durations.json was recorded.
All that git tracks counts, empty lines too; `suffixes` says what is code, and only gets longer.
"""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from radon.complexity import cc_visit
from vulture.core import Vulture

ROOT = Path(__file__).parent.parent
CAPS, DURATIONS = "tools/caps.json", "tests/durations.json"
# The commit before the first caps, and what they were at most.
START = "c0952f5cfee137f55b68a31324fd32fe8bbaa894"
FIRST = {"code": 88_808, "tests": 58_068, "wide": 506}
WIDE = 110  # characters
COMPLEX = 20  # radon's grade C ends here
FOLDERS = ("hw", "sw", "flows", "sim", "src", "tools", "examples")
# Decorators that call what they decorate.
REGISTRIES = "rule meaning emission example maker tidying takes arithmetic swap ending finishing looping"
# Definitions that no code of ours calls by name, {why: names}.
CALLED_ELSEWHERE = {
    "python, its http.server, click or jupyter": (
        "__getattr__ __init_subclass__ _repr_html_ format_options list_commands get_command format_commands "
        "do_GET log_message"
    ),
    "onnx, qonnx, torch, brevitas or hls4ml": (
        "infer_node_datatype verify_node get_node_index get_nodeattr_def initialize symbolic _check_input_dim"
    ),
    "FINN": "generate_hdl code_generation_ipi",
    "verbs by name": (
        "explore_verb fit_verb diff_verb explain_verb list_verb doctor_verb cache_verb import_verb "
        "demo_verb load_verb package_verb train_verb train_float_verb compare_verb"
    ),
    "stages by name, and imports": "overlay create_module",
    "templates of the report": "percent_bar device_rows",
    "users of the Python API and of boards": "load_bitstream interrupt fail template_file",
    "authors of operators, networks and tasks": ("in_a_row random_input simulate_bits lint effective"),
}
# Functions above radon's grade C, {file: names}.
BRANCHING = {
    "flows/clean_up.py": "_fold", "flows/finn_execution.py": "within_float32",
    "flows/fold/__init__.py": "fold", "flows/importing/modules.py": "load_weights",
    "hw/lowering/linear.py": "_matrix", "hw/ops/window/lower.py": "fused",
    "sim/bits/plans.py": "in_one_call", "sim/cosim.py": "attempt",
}  # fmt: skip


def sources() -> list[Path]:
    """The Python files outside tests, as git has them."""
    return [path for path in tracked() if path.parts[len(ROOT.parts)] in FOLDERS and path.suffix == ".py"]


def tracked() -> list[Path]:
    """All files that git tracks, or would with the next commit."""
    listed = _git("ls-files", "-co", "--exclude-standard").stdout.splitlines()
    return [path for path in map(ROOT.joinpath, listed) if path.is_file() and not path.is_symlink()]


def _git(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)


def dead(paths: list[Path]) -> Iterator[str]:
    """Functions, methods and classes that nothing outside tests names."""
    seeker = Vulture(ignore_decorators=["@registry.*", *(f"@{name}" for name in REGISTRIES.split())])
    seeker.scavenge(paths)
    kinds = ("function", "method", "class", "property")
    found = [one for one in seeker.get_unused_code() if one.typ in kinds]
    allowed = {name for names in CALLED_ELSEWHERE.values() for name in names.split()}
    for one in found:
        if one.name not in allowed:
            yield f"{one.filename}:{one.first_lineno}: {one.typ} {one.name} is not used: remove it"
    for name in sorted(allowed - {one.name for one in found}):
        yield f"{Path(__file__).name}: {name} is used or gone: take it off CALLED_ELSEWHERE"


def branching(paths: list[Path]) -> Iterator[str]:
    """Functions of a cyclomatic complexity above `COMPLEX`."""
    allowed = {(file, name) for file, names in BRANCHING.items() for name in names.split()}
    found = set()
    for path in paths:
        for block in cc_visit(path.read_text()):
            if block.complexity > COMPLEX and block.letter != "C":
                found.add(key := (str(path.relative_to(ROOT)), block.name))
                if key not in allowed:
                    yield f"{path}:{block.lineno}: {block.name}: complexity {block.complexity}, divide it"
    for file, name in sorted(allowed - found):
        yield f"{Path(__file__).name}: {file}: {name} is simple now: take it off BRANCHING"


def above(caps: dict, paths: list[Path]) -> Iterator[str]:
    """What is above its cap now."""
    found = Counter()
    for path in paths:
        if path.suffix in caps["suffixes"]:
            lines = path.read_text().splitlines()
            found["tests" if path.relative_to(ROOT).parts[0] == "tests" else "code"] += len(lines)
            found["wide"] += sum(len(line) > WIDE for line in lines)
    seconds = json.loads((ROOT / DURATIONS).read_text()) if (ROOT / DURATIONS).exists() else {}
    found["seconds"] = round(sum(seconds.values()))
    names = (str(path.relative_to(ROOT)) for path in paths)
    modules = {name for name in names if re.match(r"tests/(.*/)?test_\w+\.py$", name)}
    if seconds and (missing := modules - set(seconds)):
        yield f"{DURATIONS}: no seconds of {', '.join(sorted(missing))}: run make test RECORD=1"
    for name, count in found.items():
        if count > caps[name]:
            yield f"{CAPS}: {name}: {count:,}, and {caps[name]:,} are allowed: remove as much as you add"


def raised(before: dict, after: dict, commit: str) -> Iterator[str]:
    """What a commit allows that the commit before it did not."""
    for name, cap in before.items():
        new = after.get(name)
        if name == "suffixes" and (new is None or set(cap) - set(new)):
            yield f"{commit}: {CAPS}: {name} leaves out what counted"
        elif name != "suffixes" and (new is None or new > cap):
            yield f"{commit}: {CAPS}: {name} is raised from {cap:,} to {new}: caps only go down"


def history() -> Iterator[str]:
    """Every commit since `START` that raises a cap; they stay red."""
    if _git("merge-base", "--is-ancestor", START, "HEAD").returncode:
        if os.environ.get("CI"):
            yield f"{CAPS}: its history since {START[:8]} is not here: fetch all of it"
        return
    changed = _git("rev-list", "--full-history", f"{START}..HEAD", "--", CAPS).stdout.split()
    for commit, after in [*((commit, _caps(commit)) for commit in changed), ("now", _caps())]:
        parents = ["HEAD"] if commit == "now" else _git("rev-parse", f"{commit}^@").stdout.split()
        for before in map(_caps, parents):
            yield from raised(before or FIRST, after, commit[:8])


def _caps(commit: str | None = None) -> dict:
    """The caps of a commit, by default those in the checkout; {} where there is no such file."""
    if commit:
        return json.loads(_git("show", f"{commit}:{CAPS}").stdout or "{}")
    return json.loads((ROOT / CAPS).read_text())


if __name__ == "__main__":
    files = sources()
    findings = [*dead(files), *branching(files), *above(_caps(), tracked()), *history()]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(bool(findings))
