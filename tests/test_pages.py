"""Pages do what they say: commands and programs run in order, in a fresh checkout with an empty home.
Programs of examples/ run in an empty folder with an empty home. The notebook docs/guide/own-pictures.ipynb:
its cells call what exists, and run offline; so does what docs/guide/python.md says about `xnorforge` from
Python. A trailing comment marks a command, or in its first line a program, that cannot run everywhere: `#
needs …` (a board, Vivado, the network, data, a file of yours) is parsed, `# minutes` runs with long tests."""

import ast
import inspect
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

import xnorforge
from xnorforge import api
from xnorforge.accelerator import Accelerator
from xnorforge.cli.main import cli
from xnorforge.core import cache
from xnorforge.core.artifacts import processor_seconds, read_json
from xnorforge.pipeline import options
from xnorforge.sw.datasets import mnist

from .documents import ROOT, Block, checkout, fences, marker, python, ran, without, write

FOLDERS = ("README.md", "docs/guide/*.md", "docs/methods/*.md")
PAGES = [path for of in FOLDERS for path in sorted(ROOT.glob(of))]
PARSED = [*PAGES, ROOT / "CONTRIBUTING.md"]  # tests/test_contributing.py runs its recipes
HEADS = re.findall(r"^([a-z][^:=\n]*):", (ROOT / "Makefile").read_text(), re.MULTILINE)
TARGETS = {word for head in HEADS for word in head.split() if re.fullmatch(r"[a-z-]+", word)}
TARGETS |= {f"clean_{verb.stage}" for verb in options.VERBS if verb.stage}
LEAVES = ("MAKE", "MFLAGS", "XNORFORGE", "XDG_", "PYTHON", "VIRTUAL_ENV")
TESTS = re.compile(r"make test\b")  # which these are part of
TRAINS = re.compile(r"(?:make|xnorforge) (?:train|train-float|compare)\b")
# A program that runs the Python blocks of a page one after the other, with their names in common.
DRIVER = """
import sys
names = {"__name__": "__main__"}
for path in map(str.strip, sys.stdin):
    exec(compile(open(path).read(), path, "exec"), names)
    print("\\0", flush=True)
"""


def name(page: Path) -> str:
    return str(page.relative_to(ROOT)) if page.is_relative_to(ROOT) else page.name


def commands(page: Path) -> list[tuple[int, str]]:
    """The commands of a page with the lines of their blocks."""
    blocks = [block for block in fences(page.read_text()) if block.kind == "sh"]
    return [(block.line, line) for block in blocks for line in block.commands()]


def spoken(page: Path) -> list[str]:
    """Commands between backticks in the text, those with a placeholder left out."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = re.findall(r"`((?:make|xnorforge) [^`\n]+)`", text)
    return [line for line in found if not re.search(r"[…<>\[\]|*]|\b[A-Z]{3,}(?![\w=])|_[A-Z]", line)]


def parse(line: str) -> None:
    """See that a command could be run: make's targets and variables, our verbs and options; else raise."""
    words = shlex.split(line, comments=True)
    while words:
        end = next((at for at, word in enumerate(words) if word in ("&&", "||", ";", "|")), len(words))
        one, words = words[:end], words[end + 1 :]
        while one and re.match(r"[A-Z_]+=", one[0]):
            one = one[1:]
        redirected = next((at for at, word in enumerate(one) if re.match(r"\d?[<>]", word)), len(one))
        one = one[:redirected]
        if one[:1] == ["make"]:
            parse_make(one[1:])
        elif one and (one[0].endswith("xnorforge") or one[1:3] == ["-m", "xnorforge"]):
            parse_verb(one[3:] if one[1:2] == ["-m"] else one[1:])


def parse_make(words: list[str]) -> None:
    variables = options.variables()
    targets = [word for word in words if "=" not in word and not word.startswith("-")]
    verbs = {verb.name for verb in options.VERBS}
    assert set(targets) <= verbs | TARGETS, f"no target {set(targets) - verbs - TARGETS}"
    for variable, _, value in (word.partition("=") for word in words if "=" in word):
        if variable in ("PYTHON", "CHANGED", "EVERY") or variable.startswith("XNORFORGE_"):
            continue
        assert variable in variables, f"no variable {variable}"
        if isinstance(found := variables[variable], options.Option):
            found.read(value)


def parse_verb(words: list[str]) -> None:
    if words in (["--help"], ["-h"], ["--version"]):
        return
    command = cli.get_command(None, words[0])  # type: ignore[arg-type]
    assert command is not None, f"no verb {words[0]}"
    if not {"--help", "-h"} & set(words):
        command.make_context(words[0], words[1:])


@pytest.mark.parametrize("page", PARSED, ids=name)
def test_make_and_the_command_line_take_what_a_page_says(page):
    wrong = []
    shown = [line for _, line in commands(page) if line.strip()]
    for line in [*shown, *spoken(page)]:
        try:
            parse(line)
        except (Exception, SystemExit) as error:
            if line in shown or not isinstance(error, click.MissingParameter):  # text that names a verb
                wrong.append(f"{line}: {type(error).__name__} {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("page", PARSED, ids=name)
def test_programs_compile_and_no_block_hides(page):
    """A prompt in a block of commands would be run, and a block of another language would not."""
    for block in fences(page.read_text()):
        place = f"{name(page)}:{block.line}"
        if block.kind == "python" and not block.path.endswith(".j2"):
            compile(block.text, f"{page}:{block.line}", "exec")
        if block.kind == "sh":
            assert not re.search(r"^\s*[$>%] ", block.text, re.MULTILINE), f"{place}: a prompt"
        assert block.kind not in ("bash", "shell", "console", "py"), f"{place}: use sh or python"


def shortened(line: str) -> str:
    """A training command with as few epochs as it takes."""
    if not TRAINS.search(line):
        return line
    line = line.split(" #")[0].rstrip()
    few = 2 if re.search(r"ci_bcnn|layer_priority|group_net|rbcn|bonn", line) or "compare" in line else 1
    if " EPOCHS=" in line or " --epochs" in line:
        return re.sub(r"(EPOCHS=|--epochs[ =])\d+", rf"\g<1>{few}", line)
    return f"{line} EPOCHS={few}" if "make " in line else f"{line} --epochs {few}"


def environment(folder: Path, home: Path) -> dict[str, str]:
    """An empty home, and the commands of this checkout; only the caches, keyed by content, are shared."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(LEAVES)}
    # Of this environment only programs are taken, as the placers of the extras; python is the checkout's.
    path = os.pathsep.join([str(folder / ".venv/bin"), f"{sys.prefix}/bin", kept["PATH"]])
    return kept | {"HOME": str(home), "PATH": path, "XNORFORGE_CACHE": str(cache.cache_dir())}


class Reader:
    """Somebody who types a page into a fresh checkout."""

    def __init__(self, page: Path, folder: Path, home: Path, long: bool):
        self.page, self.folder, self.long = page, folder, long
        self.env = environment(folder, home)
        self.program: subprocess.Popen | None = None
        self.errors = home.parent / "errors"

    def runs(self, mark: str) -> bool:
        """Whether what has this marker is run."""
        return not mark.startswith("needs") and (self.long or mark != "minutes")

    def failed(self, line: int, what: str, said: str) -> None:
        pytest.fail(f"{name(self.page)}:{line}: {what}\n{said[-4000:]}", pytrace=False)

    def type(self, block: Block) -> None:
        """The commands of a block, in one shell."""
        lines = [line for line in block.commands() if self.runs(marker(line)) and not TESTS.match(line)]
        lines = [shortened(line) if self.long else line for line in lines]
        script = "\n".join(f"printf '%s\\n' {shlex.quote(f'@@ {line}')}\n{line}" for line in lines)
        words = ["bash", "-euo", "pipefail", "-c", script]
        done = subprocess.run(words, cwd=self.folder, env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
        if done.returncode:
            commands = re.findall(r"^@@ (.*)$", done.stdout, re.MULTILINE) or [script]
            self.failed(block.line, commands[-1], f"exit code {done.returncode}\n{done.stdout}")

    def execute(self, block: Block) -> None:
        """A program, with the names of those before it."""
        if not self.runs(block.mark):
            return
        if self.program is None:
            self.program = subprocess.Popen(
                [self.folder / ".venv/bin/python", "-c", DRIVER], cwd=self.folder, env=self.env, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors.open("w"),
            )  # fmt: skip
        assert self.program.stdin and self.program.stdout
        path = self.errors.with_name(f"block{block.line}.py")
        path.write_text(re.sub(r"epochs=\d+", "epochs=1", block.text) if self.long else block.text)
        self.program.stdin.write(f"{path}\n")
        self.program.stdin.flush()
        said = ""
        while not said.endswith("\0\n") and (line := self.program.stdout.readline()):
            said += line
        if not said.endswith("\0\n"):
            self.program.wait()
            self.failed(block.line, "a program fails", said + self.errors.read_text())

    def close(self) -> None:
        if self.program is not None:
            assert self.program.stdin
            self.program.stdin.close()
            self.program.wait()


def follow(page: Path, reader: Reader) -> None:
    """A page from its top to its end."""
    try:
        for block in fences(page.read_text()):
            if block.path:
                write([block], reader.folder)
            elif block.kind == "sh":
                reader.type(block)
            elif block.kind == "python":
                reader.execute(block)
    finally:
        reader.close()


def read(page: Path, folder: Path, long: bool) -> None:
    """Follow a page in a checkout of its own, if it has anything to run."""
    reader = Reader(page, folder / "xnorforge", folder / "home", long)
    found = fences(page.read_text())
    lines = [line for block in found if block.kind == "sh" for line in block.commands()]
    marks = [marker(line) for line in lines if line.strip()]
    marks += [block.mark for block in found if block.kind == "python" and not block.path]
    if not any(map(reader.runs, marks)):
        return
    (folder / "home").mkdir()
    checkout(reader.folder)
    began, before = time.monotonic(), os.times()
    try:
        follow(page, reader)
    finally:
        after = os.times()
        used = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"{name(page)}: {time.monotonic() - began:.0f} s wall time, {used:.0f} s of processor time")
    shutil.rmtree(reader.folder)


# The others take half a minute each, and more.
QUICK = ["README", "bitstream", "exactness", "glossary", "operators", "package", "react", "report", "style"]
USUAL = [
    pytest.param(page, marks=[pytest.mark.full] * (page.stem not in QUICK), id=name(page)) for page in PAGES
]


@pytest.mark.parametrize("page", USUAL)
def test_a_page_runs_from_its_top_to_its_end(page, tmp_path):
    read(page, tmp_path, long=False)


LONG = [page for page in PAGES if "# minutes" in page.read_text()]


@pytest.mark.full
@pytest.mark.parametrize("page", LONG, ids=name)
def test_a_page_runs_with_the_commands_that_take_minutes(page, tmp_path):
    read(page, tmp_path, long=True)


NOTEBOOK = ROOT / "docs/guide/own-pictures.ipynb"
CELLS = json.loads(NOTEBOOK.read_text())["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]
MINUTES = 15  # of processor time
NOWHERE = "http://127.0.0.1:9"  # a proxy that does not exist: any request to the network fails


def test_the_notebook_has_cells_that_parse_and_no_outputs():
    assert len(CODE) >= 8 and len(CELLS) - len(CODE) >= 5
    for code in CODE:
        ast.parse(code)
    left = [cell for cell in CELLS if cell.get("outputs") or cell.get("execution_count")]
    assert not left, "clear the outputs before it is committed"


def test_it_calls_only_public_functions_with_arguments_that_they_take():
    used = set()
    for node in ast.walk(ast.parse("\n".join(CODE))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("xf", "acc"):
            used.add(ast.unparse(node))
            assert node.attr in xnorforge.PUBLIC or hasattr(Accelerator, node.attr), ast.unparse(node)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("xf.", "acc.")):
            where, name = ast.unparse(node.func).split(".")
            called = getattr(xnorforge if where == "xf" else Accelerator, name)
            known = {*inspect.signature(called).parameters, *(api.OPTIONS if name == "build" else ())}
            assert {keyword.arg for keyword in node.keywords} <= known, ast.unparse(node)
    assert {"xf.train", "xf.build", "acc.predict", "acc.report", "acc.package"} <= used


def test_it_imports_nothing_beyond_the_core_and_the_kernel():
    found = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).partition(".")[0]
        for node in ast.walk(ast.parse("\n".join(CODE)))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert found == {"IPython", "PIL", "math", "numpy", "pathlib", "xnorforge"}


def test_links_of_the_notebook_lead_somewhere():
    text = "".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", text)
    assert len(links) >= 4 and all((NOTEBOOK.parent / link).exists() for link in links)


@pytest.mark.full
def test_it_runs_from_nothing_within_its_time(tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    for name in list(os.environ):
        if name.startswith(("XNORFORGE", "JUPYTER", "MAKE")) or name == "MFLAGS":
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    place = tmp_path / "work"
    place.mkdir()
    shutil.copy2(NOTEBOOK, place)
    notebook = nbformat.read(place / NOTEBOOK.name, as_version=4)
    before = processor_seconds()
    client = NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(place)}})
    client.execute()
    minutes = (processor_seconds() - before) / 60
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = "".join(out.get("text", "") for cell in cells for out in cell.outputs)
    print(f"{text}\n{minutes:.1f} minutes of processor time")
    right, of = map(int, re.findall(r"(\d+) of (\d+) new drawings are classified correctly", text)[0])
    assert of == 100 and right >= 60  # by chance 20
    assert "PASS  folder-small on" in text
    pictures = [out for cell in notebook.cells for out in cell.get("outputs", []) if "data" in out]
    assert sum("image/png" in out.data for out in pictures) == 2
    assert (place / "out/folder-small-shapes/rtl-pynq-z2/package/package.json").exists()
    assert not any((tmp_path / "home").rglob("xnorforge*")), "something was fetched into the home"
    assert 0 < minutes <= MINUTES


PAGE = (ROOT / "docs/guide/python.md").read_text()


def test_a_shipped_network_gets_as_many_digits_right_as_its_card_says(here, stages_here):
    acc = xnorforge.build("mnist-tfc", until="fold")
    images, labels = mnist.shipped()
    stated = read_json(ROOT / "sw/shipped/mnist-tfc-ste/card.json")["accuracy"]
    [row] = [row for row in stated if row["images"] == len(images)]
    assert int((acc.predict(images) == labels).sum()) == row["correct"]
    assert acc.input_shape == images.shape[1:] and acc.class_names == [str(digit) for digit in range(10)]
    assert acc.scores(images[:2]).shape == (2, 10) and acc.figures["interval_bound"] > 0


def test_the_page_names_every_public_function_and_only_calls_that_exist():
    named = set(re.findall(r"\b(xf|acc)\.([a-z]\w*)", PAGE))
    assert {name for where, name in named if where == "xf"} == set(xnorforge.PUBLIC) - {"Accelerator"}
    for where, name in named:
        assert inspect.getdoc(getattr(xnorforge if where == "xf" else Accelerator, name)), name


@pytest.mark.parametrize("words, where, given, remedy", [
    (["net.py:Nett", "--shape", "1x12x12"], "net.py", "'Nett'", "Net?"),
    (["net.py", "--shape", "12xa"], "SHAPE", "'12xa'", "3x32x32"), (["net.py"], "SHAPE", "''", "3x32x32"),
])  # fmt: skip
def test_what_is_no_network_or_shape_is_refused(call, words, where, given, remedy, tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    monkeypatch.chdir(tmp_path / "own")
    (tmp_path / "own/net.py").write_text("import torch\n\n\nclass Net(torch.nn.Module): ...\n")
    code, said = call("import", *words)
    assert code == 2 and said[-1].startswith(f"{where}: ") and given in said[-1] and remedy in said[-1]
    assert not (tmp_path / "own/out").exists()


PACKAGE = Path(__file__).parent.parent / "src" / "xnorforge"
FLOOR = 0.85


@pytest.mark.full
def test_most_exported_symbols_have_a_known_type(tmp_path):
    """As basedpyright --verifytypes counts: a symbol is known if every part of its type is stated. It wants
    folders and no links, and finds torch and onnx by the first python on PATH."""
    shutil.copytree(PACKAGE, tmp_path / "xnorforge", ignore=shutil.ignore_patterns("__pycache__"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["-m", "basedpyright", "--verifytypes", "xnorforge", "--ignoreexternal", "--outputjson"]
    said = python(*words, cwd=tmp_path, PYTHONPATH=str(tmp_path), PATH=path)  # ends with 1 if one is unknown
    counts = json.loads(said.stdout)["typeCompleteness"]["exportedSymbolCounts"]
    assert sum(counts.values()) > 5000, counts
    assert counts["withKnownType"] >= FLOOR * sum(counts.values()), counts


EXAMPLES = ROOT / "examples"
MOST_LINES = 70


@pytest.fixture
def output_of(tmp_path):
    """Runs an example; returns what it prints."""

    def run(name: str, *words: str) -> str:
        home = tmp_path / "home"
        home.mkdir()
        kept = without("XNORFORGE_") | {"HOME": str(home)}
        done = ran([sys.executable, EXAMPLES / f"{name}.py", *words], tmp_path, kept)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        return done.stdout

    return run


def test_every_example_is_short_and_on_the_page():
    programs = sorted(EXAMPLES.glob("*.py"))
    assert [path.name for path in programs] == ["drive_accelerator.py", "own_network.py"]
    page = (EXAMPLES / "README.md").read_text()
    for path in programs:
        assert len(path.read_text().splitlines()) <= MOST_LINES, path.name
        assert f"]({path.name})" in page and f"/python examples/{path.name}" in page


def test_the_notebook_folds_predicts_and_shows_it(tmp_path, monkeypatch):
    """Its cells as a browser's machine runs them, from the installed package on."""
    import nbformat
    from nbclient import NotebookClient

    page = EXAMPLES / "first_build.ipynb"
    assert f"]({page.name})" in (EXAMPLES / "README.md").read_text()
    notebook = nbformat.read(page, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells), "clear the outputs first"
    monkeypatch.setenv("HOME", str(tmp_path))
    NotebookClient(notebook, timeout=None, resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = "".join(out.get("text", "") for cell in cells for out in cell.outputs)
    assert "943 of 1000 digits" in text  # of the card of the weights
    assert re.search(r"^fold      [\d,]+ cycles per frame .* frames/s", text, re.MULTILINE)
    shown = [out.data for cell in cells for out in cell.outputs if "data" in out]
    assert "mnist-tfc" in shown[0]["text/plain"] and "image/png" in shown[-1]


def test_a_network_of_ones_own_predicts_as_in_pytorch(output_of):
    said = output_of("own_network")
    assert "accelerator of Stripes in out/Stripes/rtl-pynq-z2" in said
    right, equal = map(float, re.search(r"accuracy ([\d.]+)%, as PyTorch ([\d.]+)%", said).groups())
    assert right > 80 and equal == 100


def test_the_driver_gets_the_scores_of_the_bit_simulator_from_the_simulated_rtl(output_of):
    said = output_of("drive_accelerator")
    assert "bit simulator: 94.3% of 1,000 digits" in said  # 943 are correct by the card of the weights
    frames, cycles = re.search(r"(\d+) frames in ([\d,]+) cycles", said).groups()
    interval = int(re.search(r"interval: (\d+) cycles per frame", said)[1])
    assert int(cycles.replace(",", "")) >= int(frames) * interval
    assert said.endswith("scores of hardware and software are equal\n")
