"""What needs what, read from the files: the imports of the package, and the tests that a change can break.

    python tools/imports.py REF     arguments of pytest, one per line, for what changed since a commit

A Python file needs what it imports, also inside functions; any other file is needed by those that mention its
name, a page only by tests. Plug-ins are loaded by name: where only a plug-in changed, the tests with its name
are meant, also in the files that go through all of its kind. `make test CHANGED=REF` runs what is printed.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from xnorforge.core.cache import imported_names

ROOT = Path(__file__).parent.parent
FOLDERS = ("hw", "sw", "flows", "sim", "src")
MENTIONING = {".py", ".sv", ".svh", ".cpp", ".j2"}
TEST = re.compile(r"tests/(.*/)?test_\w+\.py$")
PLUGIN = re.compile(
    r"(hw/ops|hw/boards|hw/families|sw/methods|sw/tasks|sw/datasets|flows/backends)/([a-z]\w*|[a-z][\w-]*)"
)


def modules(*folders: str) -> dict[str, Path]:
    """Files of the package, and of other folders, by the names of their modules."""
    found = {}
    for folder in folders or FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / "src" if folder == "src" else ROOT).with_suffix("").parts
            parts = ("xnorforge", *parts) if folder in FOLDERS[:-1] else parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def at_import(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Statements that run when a module is imported: those of conditions and attempts, of functions none."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With | ast.ClassDef):
            for part in ("body", "orelse", "finalbody"):
                yield from at_import(getattr(node, part, []))
            for handler in getattr(node, "handlers", []):
                yield from at_import(handler.body)


def imported(text: str, module: str, is_package: bool, known: set[str], late: bool = False) -> set[str]:
    """Modules of `known` that a module imports: the deepest that each import names.

    Args:
        text, module, is_package: the file, its dotted name, and whether it is an `__init__.py`.
        late: also what functions import when they are called.
    """
    found, tree = set(), ast.parse(text)
    nodes = ast.walk(tree) if late else at_import(tree.body)
    for name in imported_names(nodes, module if is_package else module.rpartition(".")[0]):
        parts = name.split(".")
        ends = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
        found.update(filter(None, [next((end for end in ends if end in known), None)]))
    return found - {module}


def graph(paths: dict[str, Path], late: bool = False) -> dict[str, set[str]]:
    """{module: modules of `paths` that it imports}."""
    return {
        name: imported(path.read_text(), name, path.name == "__init__.py", set(paths), late)
        for name, path in paths.items()
    }


@cache
def project() -> tuple[dict[str, set[str]], dict[str, str]]:
    """{file: files that it imports} of Python files, and {file: its text} of files that mention others."""
    paths = modules(*FOLDERS, "tests", "tools", "examples")
    paths |= {path.stem: path for name, path in paths.items() if name.startswith(("tests.", "tools."))}
    files = {name: str(path.relative_to(ROOT)) for name, path in paths.items()}
    needs = {files[name]: {files[one] for one in found} for name, found in graph(paths, late=True).items()}
    listed = map(ROOT.joinpath, _git("ls-files", "-co", "--exclude-standard").splitlines())
    mentioning = [path for path in listed if path.suffix in MENTIONING and path.is_file()]
    return needs, {str(path.relative_to(ROOT)): path.read_text(errors="ignore") for path in mentioning}


def readers(changed: set[str]) -> set[str]:
    """The files that need one of some files, at any number of steps, and those files themselves."""
    (needs, texts), found, left = project(), set(changed), list(changed)
    while left:
        file = left.pop()
        new = {one for one, those in needs.items() if file in those}
        if said := _mention(file):
            tests = "tests/" if file.endswith(".md") else ""
            new |= {one for one, text in texts.items() if one.startswith(tests) and said.search(text)}
        left += new - found
        found |= new
    return found


def _mention(file: str) -> re.Pattern | None:
    """How others mention a file that they do not import."""
    path = Path(file)
    if path.suffix == ".py":
        return re.compile(rf'\btool\("{path.stem}"\)') if path.parts[0] == "tools" else None
    return re.compile(
        rf"(?<![\w.]){re.escape(path.stem if path.suffix in ('.sv', '.svh') else path.name)}(?!\w)"
    )


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return (
        done.stdout
        if done.returncode == 0
        else sys.exit("CHANGED: give 1, for all since the last commit, or a commit.")
    )


def selection(changed: set[str]) -> list[str]:
    """Arguments of pytest that run the tests which a change of these files can break."""
    reached, whole = readers(changed), readers({file for file in changed if not PLUGIN.match(file)})
    plugins = {found.groups() for found in map(PLUGIN.match, reached) if found}
    marks = {f'names("{kind.replace("/", ".")}")' for kind, _ in plugins}
    marks |= {"registry import EXAMPLES"} if 'names("hw.ops")' in marks else set()  # of what lowering makes
    tests = {file: text for file, text in project()[1].items() if TEST.match(file)}
    files = {file for file, text in tests.items() if file in reached or any(mark in text for mark in marks)}
    words = {form for _, name in plugins for form in (name, name.replace("_", ""))}
    words |= {Path(file).name for file in whole if TEST.match(file)}
    return [*sorted(files), *(["-k", " or ".join(sorted(words))] if plugins else [])]


if __name__ == "__main__":
    since = "HEAD" if sys.argv[1] == "1" else sys.argv[1]
    new = _git("ls-files", "-o", "--exclude-standard").splitlines()
    print(*selection({*_git("diff", "--name-only", since).splitlines(), *new}), sep="\n")
