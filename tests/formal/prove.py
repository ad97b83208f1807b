"""Proofs of SystemVerilog modules with Yosys' SAT solver: `make formal` prints the rows of proofs.json.

A module is read with its checkers (XF_CHECK) and with its property file from this folder, which states what
its surroundings do, how soon it serves, and the invariants that an induction needs. What is proved: every
assertion of the module, of its instances and checkers, and of the property file, for all inputs."""

import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorforge.core.artifacts import processor_seconds
from xnorforge.hw.wrap import files_used

HERE = Path(__file__).parent
HW = HERE.parents[1] / "hw"
IN_ORDER = sorted(HW.rglob("*.sv"), key=lambda path: (path.stem != "xf_pkg", path))  # types come first
SOURCES = {path.stem: path.read_text() for path in IN_ORDER}
Fault = tuple[str, str, str]  # module, text, what stands there instead
MARK = "XF_RUN "

# Reads commands, one a line; "seen" connects what XF_SEEN names, "branches" prints the wires of `marked`.
YOSYS = """
import re, sys
from pyosys import libyosys as ys
design = ys.Design()
seen, inside = ys.IdString("\\\\seen"), ys.IdString("\\\\instance_seen")
for command in sys.stdin.read().splitlines():
    if command not in ("seen", "branches"):
        design.run_pass(command)
        continue
    # Yosys adds a block, genblk1, around an `else if` of a generate block.
    found = design.top_module().wires_.values()
    if command == "branches":
        names = {name for wire in found for name in re.findall(r"xf_branch_\\w+$", wire.name.str())}
        design.run_pass(" ".join(["log", *names]))
        continue
    wires = {re.sub(r"genblk\\d+[.]", "", wire.name.str()): wire for wire in found}
    for name, wire in wires.items():
        if wire.has_attribute(seen):
            path = f"{wire.get_string_attribute(inside)}.{wire.get_string_attribute(seen)}".strip(".")
            words = [one for one in wires if re.fullmatch(re.escape("\\\\" + path) + r"(\\[\\d+\\])?", one)]
            words.sort(key=lambda one: -int((re.findall(r"\\[(\\d+)\\]$", one) or [0])[0]))
            if sum(wires[one].width for one in words) == wire.width:  # else a fault removed it: any value
                names = ",".join(wires[one].name.str() for one in words)
                design.run_pass(f"connect -set {wire.name.str()} {names}")
"""
READ = f"read_verilog -sv -formal -DXF_CHECK -I{HW / 'rtl'} -I{HERE} -defer"
PREPARE = ["proc", "flatten -noscopeinfo", "opt_clean", "memory_map", "seen", "async2sync", "chformal -lower",
           "dffunmap", "setundef -undriven -anyseq", "opt -fast", "opt_clean"]  # fmt: skip


@dataclass(frozen=True)
class Proof:
    """One row: a module with parameters, how far it is proved, and three faults with which it must not be.

    `parameters`: a .mem file by its name in this folder. `properties`: text in place of a file of this
    folder. `steps`: with `bounded` the cycles from the start in which nothing fails; else the most steps of
    an induction, which holds for all time. `long`: over six seconds: `make test-full` alone proves it."""

    module: str
    parameters: dict[str, int | str]
    steps: int
    faults: Sequence[Fault]
    bounded: bool = False
    long: bool = False
    properties: str = ""

    @property
    def claim(self) -> str:
        """What `prove` must return for the module itself."""
        return "holds" if self.bounded else "holds for all time"

    @property
    def stated(self) -> str:
        """The text of the properties."""
        return self.properties or (HERE / f"{self.module}.svh").read_text()

    @property
    def elaborate(self) -> str:
        """The command of Yosys that elaborates the module, whose sources were read."""
        numbers = {key: value for key, value in self.parameters.items() if not str(value).endswith(".mem")}
        settings = " ".join(f"-chparam {key} {value}" for key, value in numbers.items())
        return f"hierarchy -check -top {self.module} {settings}"

    def __str__(self) -> str:
        parameters = {} if self.properties else self.parameters
        return " ".join([self.module, *(f"{key}={value}" for key, value in parameters.items())])


def modules(proof: Proof) -> list[str]:
    """The modules that a proof reads."""
    return files_used([proof.module, proof.stated], SOURCES)


def commands(proof: Proof, folder: Path, fault: Fault | None, run: int) -> list[str]:
    """Yosys commands for one run, whose changed sources lie in `folder`."""
    read = []
    files = {key: str(value) for key, value in proof.parameters.items() if str(value).endswith(".mem")}
    for name in modules(proof):
        text = SOURCES[name]
        if fault and fault[0] == name:
            assert text.count(fault[1]) == 1, f"{name} must have the text {fault[1]!r} once"
            text = text.replace(fault[1], fault[2], 1)
        if name == proof.module:
            behind = f'`include "formal.svh"\n{proof.stated}\nendmodule : {name}'
            text = text.replace(f"endmodule : {name}", behind)
            for key, file in files.items():
                text = text.replace(f'{key} = ""', f'{key} = "{HERE / file}"')
        path = folder / f"{name}_{run}.sv"
        path.write_text(text)
        read.append(f"{READ} {path.name}")
    prove = f"{'-tempinduct-baseonly ' * proof.bounded}-maxsteps {proof.steps}"
    return [f"log {MARK}{run}", "design -reset", *read, proof.elaborate, *PREPARE,
            f"sat -tempinduct -prove-asserts -set-assumes -show-inputs {prove}"]  # fmt: skip


def result(text: str) -> str:
    """What one run of Yosys says: "fails", "holds for all time", or "holds" in the steps that were tried."""
    if "model found for base case: FAIL" in text:
        return "fails"
    if "Induction step proven: SUCCESS" in text:
        return "holds for all time"
    if "Reached maximum number of time steps" not in text:
        raise RuntimeError(f"Yosys gives no answer: {text[-2000:]}")
    return "holds"


def results(proof: Proof, faults: Sequence[Fault | None]) -> list[str]:
    """What Yosys says of the module with each of some faults, and where one is None, as it is."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        lines = [line for run, fault in enumerate(faults) for line in commands(proof, folder, fault, run)]
        parts = _answers(lines, folder)
    return [result(part) for part in parts]


def _answers(lines: list[str], folder: Path) -> list[str]:
    """What Yosys prints behind each command that logs MARK."""
    words = [sys.executable, "-c", YOSYS]
    done = subprocess.run(words, input="\n".join(lines), cwd=folder, capture_output=True, text=True)
    parts = re.split(rf"^{MARK}\d+$", done.stdout, flags=re.MULTILINE)[1:]
    if done.returncode or len(parts) != sum(line.startswith("log ") for line in lines):
        raise RuntimeError(f"Yosys ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return parts


def marked(name: str) -> tuple[str, dict[str, str]]:
    """A module's text with a wire in each branch of its generate blocks, also in the one that an `if` without
    `else` leaves out, and what they are called: {wire: branch}. What refuses parameters is no branch."""
    text, marks, labels = SOURCES[name], [], {}
    code = re.sub(r"//[^\n]*|\"[^\"\n]*\"", lambda found: " " * len(found[0]), text)
    for found in re.finditer(r"\bbegin : (gen_\w+)", code):
        depth, end = 1, found.end()
        while depth:
            word = re.compile(r"\b(begin|end)\b").search(code, end)
            depth, end = depth + (1 if word[0] == "begin" else -1), word.end()
        if code[found.end() :].lstrip().startswith("$error"):
            continue
        wire = f"xf_branch_{len(marks)}"
        labels[wire] = f"{name} {found[1]}"
        marks.append((found.end(), f" wire {wire};"))
        last = re.findall(r"\b(?:if|for|else)\b", code[: found.start()])[-1]
        if last == "if" and not re.match(r"\s*else\b", code[end:]):
            labels[f"{wire}_else"] = f"{name} without {found[1]}"
            marks.append((end, f" else begin : gen_left_out wire {wire}_else; end"))
    for at, mark in sorted(marks, reverse=True):
        text = text[:at] + mark + text[at:]
    return text, labels


def unproved(proofs: Sequence[Proof]) -> set[str]:
    """Branches of generate blocks of proved modules that no proof of the module elaborates."""
    texts = {proof.module: marked(proof.module) for proof in proofs}
    with TemporaryDirectory() as name:
        lines = []
        for run, proof in enumerate(proofs):
            for one in modules(proof):
                (Path(name) / f"{one}_{run}.sv").write_text(texts.get(one, [SOURCES[one]])[0])
            read = [f"{READ} {one}_{run}.sv" for one in modules(proof)]
            lines += ["design -reset", *read, proof.elaborate, f"log {MARK}{run}", "branches"]
        found = _answers(lines, Path(name))
    there = {(proof.module, wire) for proof, part in zip(proofs, found) for wire in part.split()}
    labels = {(one, wire): label for one, (_, all) in texts.items() for wire, label in all.items()}
    return {label for branch, label in labels.items() if branch not in there}


def prove(proof: Proof) -> tuple[str, list[str], float]:
    """(result of the module, results of its faults, seconds of processor time)."""
    begin = processor_seconds()
    first, *rest = results(proof, [None, *proof.faults])
    return first, rest, processor_seconds() - begin


def main(proofs: tuple[Proof, ...]) -> None:
    """Print a line per proof; exit code 1 if one does not hold or a fault is not found."""
    wrong, wide = 0, 2 + max(len(str(proof)) for proof in proofs)
    print(f"{'module':<{wide}}{'proved for':<16}{'faults found':<14}seconds")
    for proof in proofs:
        found, faults, seconds = prove(proof)
        right = found == proof.claim
        wrong += not right or proof.claim in faults
        extent = (f"{proof.steps} cycles" if proof.bounded else "all time") if right else found
        count = f"{len(faults) - faults.count(proof.claim)} of {len(faults)}"
        print(f"{proof!s:<{wide}}{extent:<16}{count:<14}{seconds:.1f}", flush=True)
    sys.exit(wrong != 0)
