"""What needs what, read from the files: the imports of the package, and the tests that a change can break.

    python tools/imports.py REF    arguments of pytest, one per line, for what changed since a commit

A definition (a function, class or constant at the top of a Python file) needs those that it names, and a test
its fixtures; any other file is needed by what says its name, a page only by tests. Plug-ins are loaded by
name: tests that say one are meant, and of those that go through all of its kind the cases with its name. What
a build runs in processes of its own is not followed. `make test CHANGED=REF` runs what is printed.
"""

import ast
import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from xnorforge.core import networks, plugins
from xnorforge.core.cache import imported_names

ROOT = Path(__file__).parent.parent
FOLDERS = ("hw", "sw", "flows", "sim", "src")
CODE = set(json.loads((ROOT / "tools/caps.json").read_text())["suffixes"])
TEST = re.compile(r"tests/(?:.*/)?test_\w+\.py::test\w+")
# Kinds of plug-ins, and what else lists all of a kind, as what is lowered to operators.
KINDS = dict.fromkeys(plugins.KINDS.values(), "") | {
    "hw.ops": "hw/lowering/registry.py::EXAMPLES", "hw.families": "hw/families/__init__.py::names",
    networks.KIND: "sw/networks/__init__.py::names",
}  # fmt: skip
PLUGIN = re.compile(rf"({'|'.join(KINDS).replace('.', '/')})/(?!base\b)([a-z][\w-]*)")
STAGES = "src/xnorforge/pipeline/calls.py"  # functions that are called by the names of stages
WORD = re.compile(r"\w[\w./-]*\w")


def modules(*folders: str) -> dict[str, Path]:
    """Files of the package, and of other folders, by the names of their modules."""
    found = {}
    for folder in folders or FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / "src" if folder == "src" else ROOT).with_suffix("").parts
            parts = ("xnorforge", *parts) if folder in FOLDERS[:-1] else parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def at_import(body: list[ast.stmt], classes: bool = True) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported: those of conditions and attempts, of functions none."""
    for node in body:
        if isinstance(node, ast.If) and "__main__" in ast.unparse(node.test):
            continue
        yield node
        if isinstance(node, ast.If | ast.Try | ast.With) or (classes and isinstance(node, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody"):
                yield from at_import(getattr(node, part, []), classes)
            for handler in getattr(node, "handlers", []):
                yield from at_import(handler.body, classes)


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


class Module(NamedTuple):
    """A Python file, its package, what the names of its imports mean, and the statements that define each of
    the other names at its top, "" those that only run."""

    file: str
    package: str
    bound: dict[str, str]
    defined: dict[str, list[ast.stmt]]


def read_module(name: str, path: Path) -> Module:
    """What a file imports and defines."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    module = Module(str(path.relative_to(ROOT)), package, {}, defaultdict(list, {"": []}))
    for node in at_import(ast.parse(path.read_text()).body, classes=False):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module.bound.update(meanings([node], package))
            module.defined[""].append(node)  # `uses` takes what enters itself on import, `import a.b`
        elif not isinstance(node, ast.If | ast.Try | ast.With):
            assigns = isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign)
            stored = (one for one in (ast.walk(node) if assigns else ()) if isinstance(one, ast.Name))
            names = {one.id for one in stored if isinstance(one.ctx, ast.Store)} - module.bound.keys()
            for one in names or {getattr(node, "name", "")}:
                module.defined[one].append(node)
    return module


def meanings(nodes: Iterable[ast.AST], package: str) -> dict[str, str]:
    """{name: what it means, with dots} of the statements among some that import."""
    found = {}
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias, name in zip(node.names, imported_names([node], package), strict=True):
                top = isinstance(node, ast.Import) and not alias.asname
                found[alias.asname or alias.name.partition(".")[0]] = name.partition(".")[0] if top else name
    return found


def dotted(node: ast.AST) -> list[str]:
    """The parts of a name with dots; the first is "" where it is no name that has the attributes."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else ["", *reversed(parts)]


def quoted(name: str) -> str:
    """How a name is noted that counts only where it is all of a string."""
    return f"'{name.replace('_', '-')}'"


class Checkout:
    """What definitions, files and plug-ins need: `needs`, and `users`, the same the other way round.

    A definition is called as pytest calls a test, FILE::NAME; FILE:: is what only runs at import."""

    def __init__(self):
        paths = modules(*FOLDERS, "tests", "tools", "examples")
        self.known = {name: read_module(name, path) for name, path in paths.items()}
        apart = {
            path.stem: self.known[name] for name, path in paths.items() if name[:6] in ("tests.", "tools.")
        }
        self.known = apart | self.known
        self.files = {module.file: module for module in self.known.values()}
        self.needs, self.users = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
        self.named, self.plugins = defaultdict[str, set[str]](set), set[str]()
        listed = _git("ls-files", "-co", "--exclude-standard").splitlines()
        texts = [file for file in listed if (ROOT / file).is_file()]
        for file in texts:
            self._name(file, Path(file))
        for file in texts:
            if Path(file).suffix in CODE - {".py"}:
                text = re.sub(r"//.*", "", (ROOT / file).read_text(errors="ignore"))
                self.needs[file] |= self.said(text, file)
        for module in self.files.values():
            self._enter(module)
        for user, found in self.needs.items():
            for one in found - {user}:
                self.users[one].add(user)

    def _name(self, file: str, path: Path) -> None:
        """Note what texts call a file and its plug-in; in quotes, strings that say this and no more."""
        names = {file, path.stem if path.suffix in (".sv", ".svh") else file}
        if path.suffix != ".py":
            names.add(path.name)
        if path.suffix == ".j2" or file.startswith(("tools/", "src/xnorforge/cli/")):
            names |= {quoted(path.name.partition(".")[0]), path.stem if "." in path.stem else file}
        for name in names:
            self.named[name].add(file)
        for stage in self.files[file].defined if file == STAGES else ():
            self.named[quoted(stage)].add(f"{file}::{stage}")
        if plugin := PLUGIN.match(file):
            self.plugins.add(plugin[0])
            self.needs[plugin[0]] |= self.definitions(file)
            self.named[quoted(plugin[2])].add(plugin[0])

    def _enter(self, module: Module) -> None:
        """Note what the definitions of a module need."""
        used, body, tests = set[str](), f"{module.file}::", module.file.startswith("tests/")
        for name, nodes in module.defined.items():
            walked = [*ast.walk(ast.Module(nodes, []))]
            self.needs[body + name] |= self.uses(module, walked)
            self.needs[module.file].add(body + name)
            used |= {one.id for one in walked if isinstance(one, ast.Name)}
        for name, node in ((name, nodes[-1]) for name, nodes in module.defined.items() if name):
            if tests and isinstance(node, ast.FunctionDef):
                self.needs[body + name] |= self._fixtures(module, node)
            elif name not in used:  # what a decorator of the project enters somewhere
                heads = [dotted(getattr(one, "func", one))[:1] for one in getattr(node, "decorator_list", ())]
                if any(one in module.defined or self.meant(module.bound.get(one, "")) for [one] in heads):
                    self.needs[body].add(body + name)
        # what is imported so that it enters itself somewhere, or is a name of a plug-in
        for meant in (meant for name, meant in module.bound.items() if name not in used):
            if meant in self.known or PLUGIN.match(module.file):
                self.needs[body] |= self.meant(meant)

    def _fixtures(self, module: Module, test: ast.FunctionDef) -> set[str]:
        """The fixtures of a test or of a fixture, and what its module runs."""
        found = {f"{module.file}::"} if test.name.startswith("test") else set()
        marks = [one for one in test.decorator_list if "usefixtures" in ast.unparse(one)]
        names = [one.value for mark in marks for one in ast.walk(mark) if isinstance(one, ast.Constant)]
        for name in [*names, *(one.arg for one in test.args.args)]:
            if name in module.bound:
                found |= self.meant(module.bound[name])
            elif name in module.defined:
                found.add(f"{module.file}::{name}")
            else:
                above = (self.files.get(f"{folder}/conftest.py") for folder in Path(module.file).parents)
                found |= {f"{one.file}::{name}" for one in above if one and name in one.defined}
        return found

    def said(self, text: str, user: str) -> set[str]:
        """What a text in a file names: pages, plug-ins and files of tests only in tests, no test module, and
        as a whole also a template beside the file."""
        words = {form for word in WORD.findall(text) for form in (word, word.rpartition("/")[2])}
        found = set().union(*(self.named[word] for word in words if word in self.named))
        whole = self.named.get(quoted(text), set())
        if user.startswith("tests/"):
            return {one for one in found | whole if not re.search(r"/test_\w+\.py$", one)}
        beside = {one for one in whole if one.endswith(".j2") and Path(one).parent == Path(user).parent}
        return beside | {one for one in found if not one.startswith("tests/") and not one.endswith(".md")}

    def meant(self, name: str) -> set[str]:
        """The definitions that a name with dots means; of a module, all of them."""
        parts = name.split(".")
        for size in range(len(parts), 0, -1):
            module, rest = self.known.get(".".join(parts[:size])), parts[size:]
            if module is None:
                continue
            if not rest:
                return {module.file}
            if rest[0] in module.defined:
                return {f"{module.file}::{rest[0]}", f"{module.file}::"}
            if module.bound.get(rest[0], name) != name:
                return self.meant(".".join([module.bound[rest[0]], *rest[1:]]))
            late = "__getattr__" in module.defined and not rest[0].startswith("__")
            return {f"{module.file}::{'__getattr__' if late else ''}"}
        return set()

    def uses(self, module: Module, walked: list[ast.AST]) -> set[str]:
        """What statements of a module need, `walked` with all of their parts."""
        bound = module.bound | meanings(walked, module.package)
        # Docstrings, and parts of names with dots.
        within = {id(one.value) for one in walked if isinstance(one, ast.Expr)}
        within |= {id(one.value) for one in walked if isinstance(one, ast.Attribute) and dotted(one)[0]}
        return set().union(*(self._use(module, bound, one) for one in walked if id(one) not in within))

    def _use(self, module: Module, bound: dict[str, str], node: ast.AST) -> set[str]:
        """What a part of a statement needs, where names have the meanings `bound`."""
        if isinstance(node, ast.Attribute | ast.Name):
            head, *rest = dotted(node)
            if head in bound:
                return self.meant(".".join([bound[head], *rest]))
            return {f"{module.file}::{head}"} if head and head in module.defined else set()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return self.said(node.value, module.file)
        if isinstance(node, ast.Import):
            return set().union(*(self.meant(one.name) for one in node.names if "." in one.name))
        if isinstance(node, ast.Call) and dotted(node.func)[-1] in ("names", "parts", "places"):
            return KINDS.keys() & {getattr(given, "value", "") for given in node.args}
        return set()

    def reach(self, changed: Iterable[str], within: str = "") -> dict[str, int]:
        """{what needs one of some at any number of steps: the least number}, and those themselves."""
        steps = dict.fromkeys(changed, 0)
        waiting = list(steps)
        for one in waiting:
            new = [user for user in self.users[one] if user not in steps and user.startswith(within)]
            steps |= dict.fromkeys(new, steps[one] + 1)
            waiting += new
        return steps

    def has_cases(self, test: str) -> bool:
        """Whether a test is parametrised."""
        file, _, name = test.partition("::")
        return "parametrize" in " ".join(map(ast.unparse, self.files[file].defined[name][-1].decorator_list))

    def definitions(self, file: str, lines: range | None = None) -> set[str]:
        """What a change of some lines of a file changes; without lines, or between definitions, all of it."""
        module = self.files.get(file, Module(file, "", {}, {}))
        every = {f"{file}::{name}": nodes for name, nodes in module.defined.items()}
        within = set()
        for key, nodes in every.items() if lines else ():
            for node in nodes:
                first = min(one.lineno for one in (node, *getattr(node, "decorator_list", ())))
                if first < lines.stop and lines.start <= (node.end_lineno or first):
                    within.add(key)
        return within or {file, *every}


class Chosen(NamedTuple):
    """Tests with the number of steps from each to what changed: those that run as a whole, and those of which
    the cases run whose names have one of some words."""

    whole: dict[str, int]
    partly: dict[str, int]
    words: set[str]

    def arguments(self) -> list[str]:
        """What pytest is given, the nearest first: files where all of their tests are meant, else tests."""
        steps, words = self.partly | self.whole, []
        nearest = sorted(steps, key=lambda test: (steps[test], test))
        for file in dict.fromkeys(test.partition("::")[0] for test in nearest):
            own = [test for test in nearest if test.startswith(f"{file}::")]
            every = [name for name in checkout().files[file].defined if name.startswith("test_")]
            words += own if len(own) < len(every) else [file]
        if not self.partly:
            return words
        names = {test.rpartition(":")[2] for test in self.partly}
        alike = {one.rpartition(":")[2] for one in self.whole if any(name in one for name in names)}
        cases = f"not ({' or '.join(sorted(names))}) or {' or '.join(sorted(self.words | alike))}"
        return [*words, "-k", cases]

    def within(self, files: set[str]) -> "Chosen":
        """Those of some files."""
        whole, partly = (
            {one: at for one, at in tests.items() if one.partition("::")[0] in files} for tests in self[:2]
        )
        return Chosen(whole, partly, self.words)

    def has(self, case: str) -> bool:
        """Whether a case runs, by its name in pytest."""
        test = case.partition("[")[0]
        return test in self.whole or (
            test in self.partly and any(word in case.lower() for word in self.words)
        )


def choose(changed: Iterable[str]) -> Chosen:
    """The tests that a change of these definitions, or of files as a whole, can break."""
    needs = checkout()
    steps = needs.reach({one for file in changed for one in needs.definitions(file)})
    whole, partly, words = {one: count for one, count in steps.items() if TEST.fullmatch(one)}, {}, set()
    for kind, listing in KINDS.items():
        every = {one for one in needs.plugins if one.startswith(f"{kind.replace('.', '/')}/")}
        if not (reached := every & steps.keys()):
            continue
        least = min(steps[one] for one in reached)
        for test, count in needs.reach({kind, listing}, within="tests/").items():
            if TEST.fullmatch(test):
                cases = reached != every and (kind not in needs.needs[test] or needs.has_cases(test))
                (partly if cases else whole).setdefault(test, least + count)
        names = {one.rpartition("/")[2] for one in reached}
        words |= {
            name.replace("_", by, n) for name in names for by, n in (("_", 0), ("", -1), ("-", -1), ("-", 1))
        }
    return Chosen(whole, {test: count for test, count in partly.items() if test not in whole}, words)


@cache
def checkout() -> Checkout:
    """The graph of this checkout, read once."""
    return Checkout()


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit("CHANGED: give 1, for all since the last commit, or a commit.")
    return done.stdout


def changed_since(commit: str) -> set[str]:
    """Definitions that changed since a commit, and files that are new, gone or not Python."""
    files = _git("ls-files", "-o", "--exclude-standard").splitlines()
    changed = _git("diff", "--name-only", commit).splitlines()
    found, file = {*files, *(one for one in changed if one not in checkout().files)}, ""
    for line in _git("diff", "-U0", "--no-color", "--no-ext-diff", commit, "--", "*.py").splitlines():
        if line.startswith("+++ "):
            file = line[6:]
        elif hunk := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first, count = int(hunk[1]), max(int(hunk[2] or 1), 1)
            found |= checkout().definitions(file, range(first, first + count)) if file in changed else set()
    return found


if __name__ == "__main__":
    since = "HEAD" if sys.argv[1] == "1" else sys.argv[1]
    print(*choose(changed_since(since)).arguments(), sep="\n")
