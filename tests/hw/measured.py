"""Estimates measured where no factor was fitted: on drawn layers, and on the foldings that are chosen.

`python tests/hw/measured.py FAMILY [OPERATOR …]` counts layers of `SEEDS` that `counted/FAMILY.json` lacks,
`… FAMILY NETWORK/METHOD@BOARD …` the operators that the search chooses for a network. Both estimate layers
anew. A run that is stopped goes on. Keys of rows: `unseen 103` and `drawn 3` are seeds of
op_examples/layers.py, `chosen NETWORK/METHOD@BOARD NAME` is an operator of a network."""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mapped import COUNTED, EXACT, NEAR, counts, instance, kind_of, record, recorded, write
from op_examples import PRICED_APART, in_file

from xnorforge.core import plugins
from xnorforge.flows.synth import cells
from xnorforge.hw import families, graph

KINDS = sorted(name for name in [*plugins.names("hw.ops"), *PRICED_APART] if in_file(name))
MEASURED = ("xc7", "ecp5", "ice40")
SEEDS = {"unseen": range(100, 102), "drawn": range(8)}  # factors may be fitted to `drawn`, never to `unseen`
MARKS = {"designs": "Designs", "chosen": "Chosen", "unseen": "Unseen", "": "Fitted"}
HEAD = ("counted", "far", "worst, LUT", "LUT", "FF", "carry", "LUT as memory", "BRAM36")
Row = tuple[dict[str, float], dict[str, float]]  # counted, estimated


def rounded(estimate: dict[str, float]) -> list[float]:
    """An estimate as it is recorded."""
    return [round(float(estimate[key]), 1) for key in COUNTED]


def count_layers(family: str, name: str) -> None:
    """Count what is missing of an operator: `drawn` only if no examples of it are counted."""
    rows = (found := recorded(family)).setdefault(name, {})
    marks = [mark for mark in SEEDS if mark == "unseen" or not any(map(str.isdigit, rows))]
    keys = [key for mark in marks for seed in SEEDS[mark] if (key := f"{mark} {seed}") not in rows]
    if keys:
        rows |= zip(keys, counts([instance(name, key, family) for key in keys], family), strict=True)
        record(family, found)
        print(f"{family} {name}: {len(keys)} counted", flush=True)


def count_chosen(family: str, asked: str) -> None:
    """Count the operators of the folding that the search chooses for `NETWORK/METHOD@BOARD[@INTERVAL]`."""
    found, (network, method, board, *interval) = recorded(family), re.split("[/@]", asked)
    if marked(family, f"chosen {asked} "):
        return
    with tempfile.TemporaryDirectory() as folder:
        words = ["--interval", *interval] if interval else []
        words += ["--method", method, "--board", board, "--jobs", "1", "--out", f"{folder}/{network}"]
        subprocess.run([sys.executable, "-m", "xnorforge", "synth", network, *words], check=True)
        ((fold, synth),) = zip(*(Path(folder).rglob(f"{name}.json") for name in ("fold", "synth")))
        ops = graph.operators(fold.with_name("folded.onnx"))
        fold, synth = (json.loads(path.read_text())["operators"] for path in (fold, synth))
    kinds = {kind_of(name): name for name in KINDS}
    for folded, op, one in zip(ops, fold, synth, strict=True):
        one["lut_ram"] = cells.used(one, "lut_memory")
        row = [*(one[key] for key in COUNTED), *rounded(op["estimate"])]
        found.setdefault(kinds[folded.priced_as], {})[f"chosen {asked} {op['name']}"] = row
    record(family, found)


def marked(family: str, mark: str) -> dict[str, dict[str, list[float]]]:
    """The rows of a mark by operator and key; "": examples that factors are fitted to."""
    key_of, rows_of = re.compile(mark or r"\d"), recorded(family).items()
    found = {name: {key: row for key, row in rows.items() if key_of.match(key)} for name, rows in rows_of}
    return {name: rows for name, rows in found.items() if rows}


def groups(family: str, mark: str = "") -> dict[str, list[Row]]:
    """What was counted and estimated, by operator; of "designs" what was chosen, by design."""
    found: dict[str, list[Row]] = {}
    for name, rows in marked(family, "chosen" if mark == "designs" else mark).items():
        for key, row in rows.items():
            own = dict(zip(COUNTED, row[len(COUNTED) :])) or instance(name, key, family).estimate(family)
            some = found.setdefault(key.split()[1] if mark == "designs" else name, [])
            some.append((dict(zip(COUNTED, row)), own))
    return dict(sorted(found.items()))


def summed(rows: list[Row]) -> tuple[int, int, float, dict[str, float]]:
    """Instances, those whose LUTs are far off, the worst, and the error of the sums."""
    off = [(found["lut"], given["lut"] - found["lut"]) for found, given in rows]
    far = sum(abs(error) > max(EXACT, NEAR * count) for count, error in off)
    parts = {}
    for key in COUNTED:
        count, estimate = (sum(one[key] for one in column) for column in zip(*rows))
        parts[key] = estimate / count - 1 if count else 0.0
    return len(rows), far, max((error for _, error in off), key=abs), parts


def errors(family: str, mark: str = "") -> dict[str, tuple[int, int, float, dict[str, float]]]:
    """`summed` per group."""
    return {name: summed(rows) for name, rows in groups(family, mark).items()}


def table_of(family: str, mark: str = "") -> list[str]:
    """The errors in Markdown, by operator with whose factors estimate it, or by design."""
    if not (found := groups(family, mark)):
        return []
    first = ["design"] if mark == "designs" else ["operator", "factors"]
    lines = [f"| {' | '.join([*first, *HEAD])} |", "|---" * len(first) + "|---:" * len(HEAD) + "|"]
    for name, rows in {**found, "all": [row for some in found.values() for row in some]}.items():
        many, far, worst, parts = summed(rows)
        whose = families.lender(family, kind_of(name)) or "own" if name in KINDS else ""
        shown = (f"{100 * parts[key]:+.1f} %" for key in COUNTED)
        cells = [*[name, whose][: len(first)], str(many), str(far), f"{worst:+.0f}", *shown]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def labels(family: str) -> dict[str, list[float]]:
    """By kind of operator, how estimates are off on unseen seeds: instances, far ones, error of the LUTs."""
    found = errors(family, "unseen").items()
    return {kind_of(name): [many, far, round(parts["lut"], 3)] for name, (many, far, _, parts) in found}


def main(family: str, *asked: str) -> None:
    """Count and estimate, see the top."""
    for one in asked or KINDS:
        (count_chosen if "@" in one else count_layers)(family, one)
    found = recorded(family)
    for name, rows in found.items():
        for key, row in rows.items():
            if key.split()[0] in SEEDS:
                row[len(COUNTED) :] = rounded(instance(name, key, family).estimate(family))
    record(family, found)
    write(plugins.place(families.KIND, family) / families.ERRORS, labels(family))


if __name__ == "__main__":
    main(*sys.argv[1:])
