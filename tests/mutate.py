"""Change the code at one place and see which check fails: `make mutate`.

    python tests/mutate.py sv 200 [--seed 0] [--at 1/2]     or python 200, or c 60

A mutant swaps one operator, number or condition. Of SystemVerilog the proofs of tests/formal judge first.
Then, for all kinds, tests judge: the `NEAREST` files that reach the changed one over the fewest imports or
mentions. out/mutants/ has a file with the result of each, so an interrupted run goes on; `--at 1/2` does
every second mutant, for two runs at once. Tests run in a copy of the checkout; one that fails there without
a mutant judges none. Exit code 1: fewer than 95 % of the mutants were killed, without those of `EQUIVALENT`.
"""

import argparse
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PLACES = [str(ROOT / "tools"), str(ROOT / "tests/formal")]
sys.path[:0] = PLACES
import imports  # noqa: E402
import prove  # noqa: E402
from proofs import PROOFS  # noqa: E402

del sys.path[: len(PLACES)]

NEAREST = 6
HANGS = 900  # seconds after which a test counts as failed
KINDS = {
    "sv": ["hw/rtl/*.sv", "hw/ops/*/*.sv", "hw/shells/*/*.sv"],
    "python": ["flows/lower/*.py", "flows/fold/*.py", "flows/bind/*.py", "flows/backends/rtl.py",
               "hw/wrap.py", "hw/graph.py", "hw/routing.py", "sim/*.py", "sim/bits/*.py", "sim/cycles/*.py"],
    "c": ["hw/shells/dma/drivers/*.[ch]"],
}  # fmt: skip
SWAPS = {
    "==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">", "+": "-", "-": "+", "*": "+",
    "//": "*", "%": "*", "&": "|", "|": "&", "^": "|", "&&": "||", "||": "&&", "and": "or", "or": "and",
    "<<": ">>", ">>": "<<", "+=": "-=", "-=": "+=", "|=": "&=", "&=": "|=", "~": "", "!": "", "not": "",
    "min": "max", "max": "min", "any": "all", "all": "any", "True": "False", "False": "True", "'0": "'1",
    "'1": "'0", "1'b0": "1'b1", "1'b1": "1'b0", "break": "continue", "if (": "if (!", "return": "return 0 *",
}  # fmt: skip
# What none of the kinds changes: comments, texts, checkers, parameters that every user sets, messages.
SKIPPED = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"[^\"\n]*\"|'.'|^ *#[^\n]*|^ *`ifdef XF_CHECK.*?^ *`endif"
    r"|^ *`XF_\w+\(.*?\)\n(?= *\n| *`|endm)"
    r"|^ *parameter[^\n]*|^ *(?:input|output) [^\n]*|^ *(?:logic|localparam [\w ]*)(?:signed )? *\[[^=;]*"
    r"|^ *assign unused[^\n]*|\$error\(.*?\);",
    re.DOTALL | re.MULTILINE,
)
CODE = re.compile(
    r"(?<= )(?:==|!=|<=|>=|[-+*%&|^<>]|&&|\|\||<<|>>|[-+|&]=)(?= )|[~!](?=[\w(&|])|1'b[01]"
    r"|(?<![\w'])'[01](?!\w)|(?<!\$)\bif \(|(?<![\w.'])\d+(?![\w.'])"
)
ASSIGNED = re.compile(r"^\s*(if \(.*?\) |else |\w+: |default: |begin )*[\w.]+(\[[^=]*\])* $")
# Mutants that change nothing which anyone could see: {pattern of the line as changed: why}.
EQUIVALENT = {
    r"\((\w+) > 2\) \? \$clog2\(\1\) : 1": "$clog2(2) is 1",
    r"max\(2, AT_ONCE": "how many frames are computed at a time",
}


@dataclass(frozen=True)
class Mutant:
    """One change: `old`, from character `start` of the file on, becomes `new`."""

    file: str
    start: int
    old: str
    new: str
    line: str = ""  # as changed
    killer: str = ""  # what failed; "" if nothing did
    seconds: float = 0.0

    def applied(self) -> str:
        """The file's text with the change."""
        text = (ROOT / self.file).read_text()
        return text[: self.start] + self.new + text[self.start + len(self.old) :]


def changed(old: str) -> str:
    """What stands in place of a token."""
    return SWAPS.get(old) or (str(int(old) + 1) if old.isdigit() else SWAPS[old])


def places(file: str) -> Iterator[tuple[int, str]]:
    """(start, token) of all that can be changed in a file."""
    text = (ROOT / file).read_text()
    if not file.endswith(".py"):
        code = SKIPPED.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
        for found in CODE.finditer(code):
            before = code[code.rfind("\n", 0, found.start()) + 1 : found.start()]
            if not (found[0] == "<=" and ASSIGNED.match(before)) and "\0" not in before.strip(" "):
                yield found.start(), found[0]
        return
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        noted = "|" in token.line and (
            token.line.lstrip().startswith("def ") or re.search(r"\w: |->", token.line)
        )
        spread = f" {token.string} " == token.line[max(token.start[1] - 1, 0) : token.end[1] + 1]
        if noted or (token.string == "*" and not spread):
            continue
        if token.string in SWAPS or token.string.isdigit():
            yield starts[token.start[0] - 1] + token.start[1], token.string


def draw(kind: str, count: int, seed: int) -> list[Mutant]:
    """`count` mutants, each place as likely as every other; Python that does not compile is none."""
    files = sorted({str(path.relative_to(ROOT)) for glob in KINDS[kind] for path in ROOT.glob(glob)})
    found = [(file, *place) for file in files if "/xf_check_" not in file for place in places(file)]
    mutants = []
    for file, start, old in random.Random(seed).sample(found, len(found)):
        mutant = Mutant(file, start, old, changed(old))
        text = mutant.applied()
        try:
            if kind == "python":
                compile(text, file, "exec")
        except SyntaxError:
            continue
        line = text[text.rfind("\n", 0, start) + 1 :].split("\n", 1)[0].strip()
        mutants.append(replace(mutant, line=line))
        if len(mutants) == count:
            break
    return mutants


def proved_wrong(mutant: Mutant) -> str:
    """The first proof that fails with a mutant, or "". One that cannot be read is left to the tests."""
    name, text = Path(mutant.file).stem, (ROOT / mutant.file).read_text()
    for proof in PROOFS:
        if name in prove.modules(proof):
            try:
                [found] = prove.results(proof, [(name, text, mutant.applied())])
            except RuntimeError:
                continue
            if found == "fails":
                return f"make formal, {proof}"
    return ""


def nearest(file: str) -> list[list[str]]:
    """Arguments of pytest, one call after the other: tests one step away from a file, two steps away, …"""
    needs, texts = imports.project()
    seen, last, calls = {file}, {file}, []

    def near(test: str) -> tuple[float, int, str]:
        """First those that are named after the file or its folders, then those that import little."""
        named = re.findall(r"[a-z0-9]+", Path(test).stem)
        shared = set(re.findall(r"[a-z0-9]+", file)) & set(named)
        return -len(shared) / len(named), len(needs.get(test, ())), test

    operator = re.match(r"hw/ops/(\w+)/", file)
    if operator:
        calls.append(["tests/hw/test_ops.py", "tests/sim/test_bits.py", "-k", operator[1]])
    for _ in range(4):
        users = {one for one, those in needs.items() if those & last}
        for one in last:
            if said := imports._mention(one):
                users |= {other for other, text in texts.items() if said.search(text)}
        last, seen = users - seen, seen | users
        tests = sorted((one for one in last if imports.TEST.match(one)), key=near)
        operators = sorted({found[1] for one in last if (found := re.match(r"hw/ops/([a-z]\w*)/", one))})
        if operators and file.startswith("hw/rtl"):
            calls.append(["tests/hw/test_ops.py", "-k", " or ".join(operators[:4])])
        calls += [[one] for one in tests if not one.startswith(("tests/formal/", "tests/test_mutate"))]
    return calls


def failed(words: list[str], copy: Path, without: Iterable[str]) -> str:
    """The first test that fails in `copy`, or all `words` if pytest names none, or ""."""
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    # fmt: off
    pytest = ["timeout", str(HANGS), sys.executable, "-m", "pytest", "-x", "-q", "-n0",
              "-p", "no:cacheprovider", "-m", "not full", *(f"--deselect={one}" for one in without)]
    # fmt: on
    done = subprocess.run([*pytest, *words], cwd=copy, env=environment, capture_output=True, text=True)
    if done.returncode in (0, 4, 5):  # 4, 5: there are no such tests
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - |$)", done.stdout, re.MULTILINE)
    return found[1] if found else " ".join(words)


def tested_wrong(mutant: Mutant, copy: Path, fails: dict[str, bool]) -> str:
    """The first of the nearest tests that fails in a copy of the checkout, or "".

    `fails` collects which tests fail in the copy as it is: they judge nothing.
    """
    path = copy / mutant.file
    before = path.read_text()
    try:
        for words in nearest(mutant.file)[:NEAREST]:
            while True:
                path.write_text(mutant.applied())
                found = failed(words, copy, [one for one, wrong in fails.items() if wrong])
                if not found:
                    break
                path.write_text(before)
                if found not in fails:
                    fails[found] = bool(failed([found] if "::" in found else words, copy, ()))
                if not fails[found]:
                    return found
                if "::" not in found:
                    break
    finally:
        path.write_text(before)
    return ""


def copied(folder: Path) -> Path:
    """A copy of the checkout, as git has it, that uses this environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for file in filter(
        lambda file: (ROOT / file).is_file() or (ROOT / file).is_symlink(), listed.stdout.splitlines()
    ):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file, follow_symlinks=False)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def judged(mutants: list[Mutant], record: Path) -> Iterator[Mutant]:
    """The mutants with what killed them; those that the file `record` has are taken from it."""
    record.parent.mkdir(parents=True, exist_ok=True)
    known, fails = {}, {}
    for line in record.read_text().splitlines() if record.exists() else ():
        one = Mutant(**json.loads(line))
        known[one.file, one.line, one.old, one.new] = one
    with TemporaryDirectory() as folder:
        copy = copied(Path(folder))
        for mutant in mutants:
            key = (mutant.file, mutant.line, mutant.old, mutant.new)
            if key not in known:
                begin = time.monotonic()
                killer = proved_wrong(mutant) or tested_wrong(mutant, copy, fails)
                known[key] = replace(mutant, killer=killer, seconds=round(time.monotonic() - begin, 1))
                with record.open("a") as file:
                    file.write(json.dumps(asdict(known[key])) + "\n")
            yield known[key]
    for test in (test for test, wrong in fails.items() if wrong):
        print(f"{test} fails without a mutant and judged none")


def main() -> None:
    """Print each survivor and the count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--at", default="1/1", help="which part of how many")
    asked = parser.parse_args()
    part, parts = map(int, asked.at.split("/"))
    record = ROOT / "out/mutants" / f"{asked.kind}.jsonl"
    total, killed, equal, seconds = 0, 0, 0, 0.0
    for mutant in judged(draw(asked.kind, asked.count, asked.seed)[part - 1 :: parts], record):
        reason = next((why for line, why in EQUIVALENT.items() if re.search(line, mutant.line)), "")
        total, killed, seconds = total + 1, killed + bool(mutant.killer), seconds + mutant.seconds
        equal += bool(reason and not mutant.killer)
        if not mutant.killer:
            number = mutant.applied()[: mutant.start].count("\n") + 1
            print(f"{mutant.file}:{number}: {mutant.line}  ({reason or 'not found'})", flush=True)
    print(f"{asked.kind}: {killed} of {total} killed, {equal} equivalent, {seconds:.0f} s")
    sys.exit(killed < 0.95 * (total - equal))


if __name__ == "__main__":
    main()
