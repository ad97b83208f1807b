"""Proofs of SystemVerilog modules with Yosys' SAT solver: `make formal` prints the rows of proofs.py.

A module is read with its checkers (XF_CHECK) and with its property file from this folder, which states what
its surroundings do, how soon it serves, and the invariants that an induction needs. What is proved: every
assertion of the module, of its instances and checkers, and of the property file, for all inputs.
"""

import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from xnorforge.hw.wrap import files_used

HERE = Path(__file__).parent
HW = HERE.parents[1] / "hw"
IN_ORDER = sorted(HW.rglob("*.sv"), key=lambda path: (path.stem != "xf_pkg", path))  # types come first
SOURCES = {path.stem: path.read_text() for path in IN_ORDER}
Fault = tuple[str, str, str]  # module, text, what stands there instead
MARK = "XF_RUN "

# Reads commands, one a line; "seen" connects what XF_SEEN names.
YOSYS = """
import re, sys
from pyosys import libyosys as ys
design = ys.Design()
seen, inside = ys.IdString("\\\\seen"), ys.IdString("\\\\instance_seen")
for command in sys.stdin.read().splitlines():
    if command != "seen":
        design.run_pass(command)
        continue
    # Yosys adds a block, genblk1, around an `else if` of a generate block.
    found = design.top_module().wires_.values()
    wires = {re.sub(r"genblk\\d+[.]", "", wire.name.str()): wire for wire in found}
    for name, wire in wires.items():
        if wire.has_attribute(seen):
            path = f"{wire.get_string_attribute(inside)}.{wire.get_string_attribute(seen)}".strip(".")
            words = [one for one in wires if re.fullmatch(re.escape("\\\\" + path) + r"(\\[\\d+\\])?", one)]
            words.sort(key=lambda one: -int((re.findall(r"\\[(\\d+)\\]$", one) or [0])[0]))
            assert sum(wires[one].width for one in words) == wire.width, f"{name} must be as wide as {words}"
            names = ",".join(wires[one].name.str() for one in words)
            design.run_pass(f"connect -set {wire.name.str()} {names}")
"""
PREPARE = [
    "proc", "flatten -noscopeinfo", "opt_clean", "memory_map", "seen", "async2sync", "chformal -lower",
    "dffunmap", "setundef -undriven -anyseq", "opt -fast", "opt_clean",
]  # fmt: skip


@dataclass(frozen=True)
class Proof:
    """One row: a module with parameters, how far it is proved, and three faults with which it must not be.

    `parameters`: a .mem file by its name in this folder. `steps`: with `bounded` the cycles from the start in
    which nothing fails; else the most steps of an induction, which holds for all time.
    """

    module: str
    parameters: dict[str, int | str]
    steps: int
    faults: tuple[Fault, ...]
    bounded: bool = False

    @property
    def claim(self) -> str:
        """What `prove` must return for the module itself."""
        return "holds" if self.bounded else "holds for all time"

    def __str__(self) -> str:
        return " ".join([self.module, *(f"{key}={value}" for key, value in self.parameters.items())])


def modules(proof: Proof) -> list[str]:
    """The modules that a proof reads."""
    return files_used([proof.module, (HERE / f"{proof.module}.svh").read_text()], SOURCES)


def commands(proof: Proof, folder: Path, fault: Fault | None, run: int) -> list[str]:
    """Yosys commands for one run, whose changed sources lie in `folder`."""
    read = []
    files = {key: str(value) for key, value in proof.parameters.items() if str(value).endswith(".mem")}
    properties = (HERE / f"{proof.module}.svh").read_text()
    for name in modules(proof):
        text = SOURCES[name]
        if fault and fault[0] == name:
            assert text.count(fault[1]) == 1, f"{name} must have the text {fault[1]!r} once"
            text = text.replace(fault[1], fault[2], 1)
        if name == proof.module:
            text = text.replace(f"endmodule : {name}", f"{properties}\nendmodule : {name}")
            for key, file in files.items():
                text = text.replace(f'{key} = ""', f'{key} = "{HERE / file}"')
        path = folder / f"{name}_{run}.sv"
        path.write_text(text)
        read.append(f"read_verilog -sv -formal -DXF_CHECK -I{HW / 'rtl'} -I{HERE} -defer {path.name}")
    settings = " ".join(
        f"-chparam {key} {value}" for key, value in proof.parameters.items() if key not in files
    )
    prove = f"{'-tempinduct-baseonly ' * proof.bounded}-maxsteps {proof.steps}"
    return [
        f"log {MARK}{run}", "design -reset", *read,
        f"hierarchy -check -top {proof.module} {settings}", *PREPARE,
        f"sat -tempinduct -prove-asserts -set-assumes -show-inputs {prove}",
    ]  # fmt: skip


def processor_seconds() -> float:
    """Processor time of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
        done = subprocess.run(
            [sys.executable, "-c", YOSYS], input="\n".join(lines), cwd=folder, capture_output=True, text=True
        )
    parts = re.split(rf"^{MARK}\d+$", done.stdout, flags=re.MULTILINE)[1:]
    if done.returncode or len(parts) != len(faults):
        raise RuntimeError(
            f"{proof}: Yosys ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}"
        )
    return [result(part) for part in parts]


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
