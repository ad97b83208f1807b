"""Change the code at one place and see which check fails: `make mutate`.

    python tests/mutate.py [60] [--seed 0] [--seconds 120] [--whole] [--before COMMIT]
    python tests/mutate.py --proved [10] [--seed 0]

A mutant swaps one operator, number or condition, anywhere in hw, sw, flows, sim and src. Of SystemVerilog the
proofs of tests/formal judge first; then the tests that `tools/imports.py` names for its line, the nearest
first, until one fails or they took as many seconds of processor time. With `--whole` then all of `make test`
runs once with all survivors in place, and what failed again with fewer; with `--before` at last the suite of
another commit. out/mutants.jsonl keeps each result, so that an interrupted run goes on. Tests that fail
without a mutant judge none. Exit code 1: fewer than 85 % were found, without those of `EQUIVALENT`.

With `--proved` as many are drawn of each module that tests/formal proves, and its proofs alone judge;
what was not found is judged again once a proof has changed. Exit code 1: fewer than 95 %."""

import argparse
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tokenize
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parent.parent
PLACES = [str(ROOT / place) for place in ("tools", "tests/formal", "tests/hw")]
sys.path[:0] = PLACES
import imports  # noqa: E402
import prove  # noqa: E402
from proofs import PROOFS  # noqa: E402
from prove import processor_seconds  # noqa: E402

del sys.path[: len(PLACES)]

SUFFIXES = {".py", ".sv", ".svh", ".c", ".h", ".cpp"}
DURATIONS = ROOT / "tests/durations.json"  # processor seconds of test modules
BATCH = 20  # seconds that the tests of one call of pytest should take
PYTEST = ["-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", "-m"]
HANGS = 3600  # seconds after which tests count as failed
RECORD, PROVED = ROOT / "out/mutants.jsonl", ROOT / "out/proved.jsonl"
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
# Nor what no proof has: refused parameters, which tests/hw/test_parameters.py tries; what simulators count.
UNPROVED = re.compile(
    SKIPPED.pattern + r"|^[^\n]*begin : gen_bad_|^ *`ifdef XF_SIM.*?^ *`endif", SKIPPED.flags
)
CODE = re.compile(
    r"(?<= )(?:==|!=|<=|>=|[-+*%&|^<>]|&&|\|\||<<|>>|[-+|&]=)(?= )|[~!](?=[\w(&|])|1'b[01]"
    r"|(?<![\w'])'[01](?!\w)|(?<!\$)\bif \(|(?<![\w.'])\d+(?![\w.'])"
)
ASSIGNED = re.compile(
    r"^\s*((?:always_ff @|if |for )\(.*?\) +|else +|\w+: |default: |begin )*([\w.]+(\[[^=]*\])*|\{.*\}) +$"
)
# Mutants that change nothing which anyone could see: {pattern of the line as changed: why}.
EQUIVALENT = {
    r"\(([\w -]+) > 2\) \? \$clog2\(\1\) : 1": "$clog2(2) is 1",
    r"Depth >= 128|!2\*\*BeatW == Beats|!Choice <=": "another attribute or circuit, the same values",
    r"to_border <= 10'|left_q\) <= Burst|left_q\) < 32'": "the length is the same on both sides",
    r"ReachW \+ 2 \+ Right > Group": "the maximum of two numbers that are equal there",
    r"if \(Slot > Word\)|if \(!?Slot >=? Bytes\)": "one word, or none of spare bytes, is the same in both",
    r"= \(9\*Bytes\)'|k <= (Bits|Stages); k": "bits and stages that are not there",
    r"max\(2, AT_ONCE": "how many frames are computed at a time",
    r'return 0 \* (""|\[\]|\(\))$': "nothing, any number of times",
    r"Pages >= 1\) begin : gen_constant": "it only names `unused`",
    r"\) exit\(4\);": "any exit code but 0 is a failure", r"\.unsure = -2": "only the sign counts",
    r"np\.empty\(0\), np\.empty\(1\)": "nobody reads the labels of sequences",
    r"torch\.rand\(len\(at\), 6,": "other random numbers",
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One change: `old`, from character `start` of the file on, becomes `new`."""

    file: str
    start: int
    old: str
    new: str
    line: str = ""  # as changed
    number: int = 0  # of the line
    killer: str = ""  # what failed; "" if nothing did
    judges: tuple[str, ...] = ()  # who looked; the last one saw it, if any did
    seconds: float = 0.0  # of processor time

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is known by, also where lines above it changed."""
        return self.file, self.line, self.old, self.new

    def applied(self) -> str:
        """The file's text with the change."""
        text = (ROOT / self.file).read_text()
        return text[: self.start] + self.new + text[self.start + len(self.old) :]

    def applied_to(self, text: str) -> str:
        """The file in another version with the change: at its place, or in the only line that is alike."""
        now, wrong = (ROOT / self.file).read_text(), self.applied()
        if text[: self.start + len(self.old)] == now[: self.start + len(self.old)]:
            return text[: self.start] + self.new + text[self.start + len(self.old) :]
        before, after = (whole.splitlines(keepends=True)[self.number - 1] for whole in (now, wrong))
        return text.replace(before, after) if text.count(before) == 1 else text


def changed(old: str) -> str:
    """What stands in place of a token."""
    return SWAPS.get(old) or (str(int(old) + 1) if old.isdigit() else SWAPS[old])


def places(file: str, skipped: re.Pattern = SKIPPED) -> Iterator[tuple[int, str]]:
    """(start, token) of all that can be changed in a file."""
    text = (ROOT / file).read_text()
    if not file.endswith(".py"):
        code = skipped.sub(lambda found: re.sub(r"[^\n]", "\0", found[0]), text)
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


def draw(
    count: int, seed: int, within: Iterable[str] = imports.FOLDERS, skipped: re.Pattern = SKIPPED
) -> list[Mutant]:
    """`count` mutants, each place as likely as every other; Python that does not compile is none."""
    listed = subprocess.run(["git", "ls-files", *within], cwd=ROOT, capture_output=True, text=True)
    files = [file for file in listed.stdout.splitlines() if Path(file).suffix in SUFFIXES]
    found = [(file, *place) for file in files if "/xf_check_" not in file for place in places(file, skipped)]
    mutants = []
    for file, start, old in random.Random(seed).sample(found, len(found)):
        mutant = Mutant(file, start, old, changed(old))
        text = mutant.applied()
        try:
            if file.endswith(".py"):
                compile(text, file, "exec")
        except SyntaxError:
            continue
        before, line = text[:start].rpartition("\n")[::2]
        line = (line + text[start:]).partition("\n")[0].strip()
        mutants.append(replace(mutant, line=line, number=before.count("\n") + bool(before) + 1))
        if len(mutants) == count:
            break
    return mutants


def proved_wrong(mutant: Mutant, around: bool = True) -> str:
    """The first proof of its module, or `around` it, that fails with a mutant, or ""."""
    name, text = Path(mutant.file).stem, (ROOT / mutant.file).read_text()
    for proof in sorted(PROOFS, key=lambda proof: proof.module != name):
        if proof.module == name or (around and name in prove.modules(proof)):
            try:
                [found] = prove.results(proof, [(name, text, mutant.applied())])
            except RuntimeError:  # parameters that it refuses, for one
                found = ""
            if found != proof.claim:
                return f"make formal, {proof}"
    return ""


def batches(file: str, number: int) -> Iterator[list[str]]:
    """Arguments of pytest, call by call, for a change of one line: nearest modules first, then quickest."""
    chosen = imports.choose(imports.checkout().definitions(file, range(number, number + 1)))
    spent = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    steps = dict[str, int]()
    for test, count in (chosen.partly | chosen.whole).items():
        if not test.startswith(("tests/formal/", "tests/test_mutate.py")):
            module = test.partition("::")[0]
            steps[module] = min(count, steps.get(module, count))
    batch, seconds = set[str](), 0.0
    for module in sorted(steps, key=lambda module: (steps[module], spent.get(module, 0), module)):
        batch.add(module)
        seconds += spent.get(module, 0) + 1
        if seconds > BATCH:
            yield chosen.within(batch).arguments()
            batch, seconds = set(), 0.0
    if batch:
        yield chosen.within(batch).arguments()


def failed(words: list[str], copy: Path, without: Iterable[str], first: bool = True) -> list[str]:
    """The first test that fails in `copy`, or all; "pytest" and all `words` if pytest names none."""
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    pytest = ["timeout", str(HANGS), sys.executable, *PYTEST, "not full"]
    words = [*["-x"][:first], *words, *(f"--deselect={one}" for one in without)]
    done = subprocess.run([*pytest, *words], cwd=copy, env=environment, capture_output=True, text=True)
    if done.returncode in (0, 4, 5):  # 4, 5: there are no such tests
        return []
    found = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - |$)", done.stdout, re.MULTILINE)
    return found or [" ".join(["pytest", *words])]


def tested_wrong(mutant: Mutant, folder: Path, calls: Iterable[list[str]], fails: dict, seconds=1e9) -> str:
    """The first test that fails in a copy of the checkout, or "", also when the seconds are spent; `fails`
    collects which tests fail in the copy as it is: they judge nothing."""
    end = processor_seconds() + seconds
    for words in calls:
        while processor_seconds() < end:
            with changed_files([mutant], folder):
                found = failed(words, folder, [test for at, test in fails if fails[at, test]])
            for test in found:
                if (folder, test) not in fails:
                    fails[folder, test] = bool(failed([test] if "::" in test else words, folder, ()))
                if not fails[folder, test]:
                    return test
            if "::" not in "".join(found):
                break
    return ""


@contextmanager
def changed_files(mutants: Iterable[Mutant], folder: Path) -> Iterator[None]:
    """A copy of the checkout with mutants in place."""
    there = [mutant for mutant in mutants if (folder / mutant.file).exists()]
    before = {folder / mutant.file: (folder / mutant.file).read_text() for mutant in there}
    try:
        for mutant in sorted(there, key=lambda mutant: -mutant.start):
            path = folder / mutant.file
            path.write_text(mutant.applied_to(path.read_text()))
        yield
    finally:
        for path, text in before.items():
            path.write_text(text)


def found_together(mutants: list[Mutant], folder: Path, fails: dict) -> list[str]:
    """The test of the whole suite that fails with each mutant, or "". It runs once with all of them in place;
    of a test that fails, halves of them are tried until one is left, and what failed runs again without it.
    """
    left, killers = list(range(len(mutants))), [""] * len(mutants)

    def failing(words: list[str], which: list[int]) -> list[str]:
        with changed_files([mutants[at] for at in which], folder):
            return failed(words, folder, (), first=False)

    tests = failing(["-n2", "--dist", "loadscope"], left) if left else []
    fails |= {(folder, test): True for test in (failing(tests, []) if tests else ())}
    while tests := [test for test in tests if (folder, test) not in fails]:
        suspects = left
        while len(suspects) > 1:
            half = suspects[: len(suspects) // 2]
            suspects = half if failing(tests[:1], half) else suspects[len(half) :]
        if suspects and failing(tests[:1], suspects):
            killers[suspects[0]] = tests[0]
            left = [at for at in left if at != suspects[0]]
            tests = failing(tests, left)
        else:  # only several together
            tests = tests[1:]
    return killers


def copied(folder: Path, commit: str = "") -> Path:
    """A copy of the checkout, or of a commit, that uses this environment."""
    subprocess.run(["git", "clone", "-q", "--shared", ROOT, folder], check=True)
    if commit:
        subprocess.run(["git", "checkout", "-q", commit], cwd=folder, check=True)
    listed = [["diff", "--name-only", "HEAD"], ["ls-files", "-o", "--exclude-standard"]]
    for words in [] if commit else listed:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True)
        for file in done.stdout.splitlines():
            (folder / file).unlink(missing_ok=True)
            if (ROOT / file).exists():
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, folder / file, follow_symlinks=False)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    return folder


def recorded(record: Path) -> dict[tuple, Mutant]:
    """What a record has of each mutant, at last."""
    record.parent.mkdir(parents=True, exist_ok=True)
    lines = record.read_text().splitlines() if record.exists() else ()
    return {one.key: one for one in (Mutant(**json.loads(line)) for line in lines)}


def noted(one: Mutant, judge: str, killer: str, took: float = 0.0, record: Path = RECORD) -> Mutant:
    """A mutant with what a judge found, as it now stands in the record."""
    one = replace(one, killer=killer, judges=(*one.judges, judge), seconds=round(one.seconds + took, 1))
    with record.open("a") as file:
        file.write(json.dumps(asdict(one)) + "\n")
    return one


def judged(mutants: list[Mutant], seconds: float, whole: bool, commit: str) -> list[Mutant]:
    """The mutants with what found them; what the record has is taken from it."""
    known, fails, done = recorded(RECORD), {}, []
    with TemporaryDirectory() as top:
        copies = {name: copied(Path(top) / f"at-{name}", name) for name in {"", commit}}
        for one in mutants:
            seen = known.get(one.key, one)
            one, begin = replace(seen, start=one.start, number=one.number), processor_seconds()
            if not one.judges:
                calls = batches(one.file, one.number)
                killer = proved_wrong(one) or tested_wrong(one, copies[""], calls, fails, seconds)
                one = noted(one, "selection", killer, processor_seconds() - begin)
            done.append(one)
        for judge, folder in [("make test", copies[""])] * whole + [(commit, copies[commit])] * bool(commit):
            left = [at for at, one in enumerate(done) if not one.killer and judge not in one.judges]
            killers = found_together([done[at] for at in left], folder, fails)
            for at, killer in zip(left, killers, strict=True):
                done[at] = noted(done[at], judge, killer)
    for _, test in (at for at, wrong in fails.items() if wrong):
        print(f"{test} fails without a mutant and judged none")
    return done


def unchanged(mutant: Mutant) -> str:
    """Why nobody could see a mutant, or ""."""
    return next((why for line, why in EQUIVALENT.items() if re.search(line, mutant.line)), "")


def of_proofs(count: int, seed: int) -> None:
    """Print of how many mutants of each module one of its proofs fails, and those of which none does."""
    files = {path.stem: str(path.relative_to(ROOT)) for path in prove.IN_ORDER}
    texts = [repr(PROOFS), *(path.read_text() for path in sorted(prove.HERE.glob("*.svh")))]
    judge, known = f"proofs {zlib.crc32(''.join(texts).encode()):08x}", recorded(PROVED)
    tried = caught = 0
    for name in dict.fromkeys(proof.module for proof in PROOFS):
        missed, drawn = [], [one for one in draw(count, seed, [files[name]], UNPROVED) if not unchanged(one)]
        for one in drawn:
            before = known.get(one.key, one)
            if not before.killer and judge not in before.judges:
                before = noted(one, judge, proved_wrong(one, around=False), record=PROVED)
            if not before.killer:
                missed.append(f"\n  {one.file}:{one.number}: {one.line}")
        print(f"{name:<18}{len(drawn) - len(missed)} of {len(drawn)}{''.join(missed)}", flush=True)
        tried, caught = tried + len(drawn), caught + len(drawn) - len(missed)
    print(f"{caught} of {tried} found: {caught / tried:.1%}")
    sys.exit(caught < 0.95 * tried)


def main() -> None:
    """Print each mutant that was not found, and the count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int, nargs="?", default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=120, help="of processor time for the selected tests")
    parser.add_argument("--whole", action="store_true", help="try survivors with all of make test")
    parser.add_argument("--before", default="", metavar="COMMIT", help="and with the suite of a commit")
    parser.add_argument("--proved", type=int, metavar="COUNT", nargs="?", const=10, help="of each module")
    asked = parser.parse_args()
    if asked.proved:
        of_proofs(asked.proved, asked.seed)
    found, equal = Counter[str](), 0
    mutants = draw(asked.count, asked.seed)
    for mutant in judged(mutants, asked.seconds, asked.whole, asked.before):
        reason = unchanged(mutant)
        if mutant.killer:
            found[mutant.judges[-1]] += 1
        if not mutant.killer or mutant.judges[-1] != "selection":
            seen = mutant.killer or reason or "not found"
            print(f"{mutant.file}:{mutant.number}: {mutant.line}  ({seen})", flush=True)
        equal += bool(reason and not mutant.killer)
    own = found.total() - found[asked.before]
    print(f"{own} of {len(mutants)} found, {equal} change nothing; by {dict(found)}")
    sys.exit(own < 0.85 * (len(mutants) - equal))


if __name__ == "__main__":
    main()
