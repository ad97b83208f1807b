"""The tables of docs/results and of README, made from records.

    python tools/results.py                    write them anew
    python tools/results.py renew [PATTERN]    first run the commands of builds and boards, those with PATTERN
    python tools/results.py memory FOLDER      first record frames/s over GB/s of an accelerator

`renew` also takes README's picture, with Chromium. What out/ has of this commit is not made again: a run that
was stopped goes on.

Records: comparisons (docs/results/equal), builds (docs/results/builds.jsonl, lines in the form of
out/history.jsonl), boards (docs/results/boards.jsonl, lines of tools/boards.py), weights from a memory
(docs/results/memory.jsonl), cards of the shipped networks (sw/shipped/*/card.json),
counts of operators (tests/hw/counted), networks with a frame per cycle (docs/results/front.jsonl) and
published figures of other tools (docs/results/peers.toml, docs/results/nanoseconds.toml).
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from xnorforge.core.accuracy import wilson
from xnorforge.core.artifacts import digest
from xnorforge.flows.fold import interval_with
from xnorforge.flows.report.provenance import commit
from xnorforge.history import entries
from xnorforge.hw.graph import operators
from xnorforge.hw.memory import bytes_per_frame
from xnorforge.sw.tasks.track import STILL

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "tests/hw"), str(ROOT / "tests")]
import chromium  # noqa: E402
import measured  # noqa: E402

RESULTS = ROOT / "docs/results"
BUILDS, PEERS = RESULTS / "builds.jsonl", RESULTS / "peers.toml"
BOARDS, EQUAL = RESULTS / "boards.jsonl", RESULTS / "equal.md"
MEMORY, RATES = RESULTS / "memory.jsonl", (0.25, 0.5, 0.75, 1.0, 2.0, 4.0)  # GB/s
FRONT, FAST = RESULTS / "front.jsonl", RESULTS / "nanoseconds.toml"
PICTURE, PICTURED = ROOT / "docs/report.png", "mnist-cnn"  # the report of this network
MADE = "<!-- made by tools/results.py from records; edits are lost -->"
PLAIN = ("NET", "METHOD", "BOARD", "IMAGES", "STALLED")  # options that do not change what is compared


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A table in Markdown; columns after the first are right-aligned where they hold numbers only."""
    numbers = [all(isinstance(row[at], (int, float)) for row in rows) for at in range(len(head))]
    rule = ["---:" if number else "---" for number in numbers]
    cells = [[f"{cell:,}" if isinstance(cell, (int, float)) else str(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *cells])


def builds() -> list[dict]:
    """The records of builds, in the order of their commands."""
    return sorted(entries.read_lines(BUILDS), key=lambda line: line["command"])


def renew(pattern: str = "") -> None:
    """Build what the commands with a pattern build, and record what it takes now."""
    import boards

    at, lines = str(commit()), {line["command"]: line for line in builds()}
    if "+" in at:
        sys.exit("renew: tracked files differ from their commit, which a record names; commit them first.")
    asked = [command for command in lines if pattern in command]
    for command in asked:
        if last(command).get("commit") != at:
            subprocess.run(command.split(), cwd=ROOT, check=True)
    for net in sorted({line["net"] for line in lines_of(BOARDS)}):
        names = [line["board"] for line in lines_of(BOARDS) if pattern in f"NET={net} BOARD={line['board']}"]
        if names:
            boards.main(net, *names)
    for command in asked:  # after all builds: a changed record would make theirs differ from the commit
        lines[command] |= last(command)
        if lines[command]["network"] == PICTURED:
            take_picture(ROOT / "out" / lines[command]["folder"] / "report.html")
            lines[command]["picture"] = digest(PICTURE)
    BUILDS.write_text("".join(f"{json.dumps(lines[command])}\n" for command in sorted(lines)))


def last(command: str) -> dict:
    """The last line of a command in out/history.jsonl, without its operators; empty if there is none."""
    found = [line for line in entries.read_lines(ROOT / entries.FILE) if line["command"] == command]
    return {name: value for name, value in found[-1].items() if name != "operators"} if found else {}


def take_picture(report: Path) -> None:
    """Take README's picture: the top of a report."""
    if (browser := chromium.program()) is None:
        sys.exit("renew: there is no Chromium for README's picture: set CHROMIUM or put one on PATH.")
    with chromium.Browser(browser) as opened:
        opened.open(report, 1100)
        PICTURE.write_bytes(opened.picture(1100, 690))


def percent(accuracy: dict | None) -> str:
    """Accuracy with the number of images it was measured on."""
    if not accuracy or accuracy["value"] is None:
        return "not known"
    return f"{accuracy['name']} {100 * accuracy['value']:.2f} %, {accuracy['images']:,} images"


def record_memory(folder: str) -> None:
    """Record the cycles per frame of an accelerator with memories of each rate, by the cycle model."""
    made = json.loads((Path(folder) / "fold.json").read_text())
    ops, clock = operators(Path(folder) / "folded.onnx"), made["clock_mhz"]["value"]
    line = {name: made[name] for name in ("net", "board", "interval", "interval_bound", "estimate")}
    line |= {"mhz": clock, "bytes": bytes_per_frame(ops), "commit": str(commit())}
    line["cycles"] = {rate: interval_with(ops, rate, clock) for rate in RATES}
    lines = {tuple(one.values())[:3]: one for one in (*lines_of(MEMORY), line)}
    MEMORY.write_text("".join(f"{json.dumps(lines[key])}\n" for key in sorted(lines)))


MEMORY_WORDS = """
Weights that do not fit the part are read with every frame through the shell's port of 8 bytes per cycle
([weights from a memory](../guide/speed-and-area.md#weights-from-a-memory-outside-the-part)). Frames per
second are those of the cycle model with a memory of each rate, refreshes and turns of the readers included,
at the board's clock, a target; in the stage `sim` it equals the RTL beat for beat. LUT, BRAM36 and DSP are
those of the cost model. Made by `make fold NET=… BOARD=… MEMORY=…` and `tools/results.py memory FOLDER`.
"""


def memory_page() -> str:
    """Frames per second over the rate of a memory outside the part."""
    rows = [
        [line["net"], line["board"], *(line["estimate"][name] for name in ("lut", "bram36", "dsp")),
         round(line["bytes"] / 1e6, 2), *(round(line["mhz"] * 1e6 / cycles, 1) for cycles in
         (line["interval"], line["interval_bound"], *line["cycles"].values()))]
        for line in lines_of(MEMORY)
    ]  # fmt: skip
    head = ["network", "board", "LUT", "BRAM36", "DSP", "MB per frame", "frames/s asked", "without a limit"]
    head += [f"{rate:g} GB/s" for rate in RATES]
    return "\n".join(["# Frames per second over GB/s", "", MADE, MEMORY_WORDS, table(head, rows), ""])


def builds_page() -> str:
    """Every recorded build: what it takes, how fast it is, how it was made."""
    rows, made = [], []
    for line in builds():
        figures = line["figures"]
        rows.append([
            f"{line['network']}, {line['method']}", line["board"],
            figures["sim__interval__cycles"], round(figures["sim__throughput__fps"]),
            figures["sim__latency__cycles"], figures["synth__lut__used"], figures["synth__ff__used"],
            figures["synth__bram36__used"], figures["synth__dsp__used"], percent(line["accuracy"]),
            sum(value for name, value in figures.items() if name.endswith("__mismatches")),
        ])  # fmt: skip
        made.append(f"- {line['when'][:10]}, commit {line['commit'][:7]}: `{line['command']}`")
    head = [
        "network, method", "board", "cycles per frame", "frames/s", "latency, cycles", "LUT", "FF", "BRAM36",
        "DSP", "accuracy, bit simulator", "mismatches",
    ]  # fmt: skip
    return "\n".join([
        "# Builds", "", MADE, "",
        "Cycles are those of the RTL in Verilator. Frames per second are these cycles at the board's clock, "
        "which is a target: nothing was placed here.",
        "LUT, FF, BRAM36 and DSP are Yosys cells before packing and routing, without a shell.",
        "Mismatches are summed over all comparisons of the build, from the exported network to the netlist.",
        "", table(head, rows), "", "## How they were made", "", *made, "",
    ])  # fmt: skip


def boards_page() -> str:
    """One network on every board: what it takes, and the clock that was routed."""
    rows = [
        [
            line["board"], line["part"], line["net"],
            *(line.get(key, "") for key in ("interval", "lut", "ff", "bram36", "dsp")),
            f"{line['mhz']:.1f}" if "mhz" in line else line["refused"],
            round(line["mhz"] * 1e6 / line["interval"]) if "mhz" in line else "",
            ", ".join(f"{mhz:.1f}" for mhz in line.get("seeds", ())), line.get("path", ""),
            round(line["cpu_s"]) if "cpu_s" in line else "",
        ]
        for line in lines_of(BOARDS)
    ]  # fmt: skip
    head = ["board", "part", "network", "cycles per frame", "LUT", "FF", "BRAM36", "DSP", "routed, MHz",
            "frames/s", "seeds", "slowest path", "a route, s"]  # fmt: skip
    return "\n".join([
        "# Boards", "", MADE, "",
        "Counts are Yosys cells without a shell. The clock, with the shell, is the median of the seeds, of",
        "one where none are listed; see [reading the clock](../guide/bitstream.md#reading-the-clock). The",
        "slowest path is by operators, the time of a route that of one processor, in the median. Nothing was",
        "measured on a board.",
        "Made by `tools/boards.py NET`.", "", table(head, rows), "",
    ])  # fmt: skip


ESTIMATES_WORDS = f"""
Counts are Yosys cells before packing and routing; see
[how good the estimates are](../guide/speed-and-area.md#how-good-the-estimates-are). Far: more than
{measured.NEAR:.0%} and {measured.EXACT} LUTs off; then the worst instance, and errors of sums. *Fitted* are
instances that factors were fitted to, *unseen* layers drawn by seeds, which nothing is fitted to, *chosen*
what the search chose for the networks under *designs*, which are sums of operators, FIFOs and converters
included, without the wires between them. Factors are own or borrowed: of a family, or of xc7 times a ratio.
"""


def estimates_page() -> str:
    """Estimates of the folding next to counts: of every recorded build, and of counted operators."""
    rows = []
    for line in builds():
        figures, row = line["figures"], [line["command"].removeprefix("make build ")]
        for name in ("lut", "bram36"):
            guess, count = figures[f"fold__{name}__estimate"], figures[f"synth__{name}__used"]
            row += [guess, count, f"{100 * (guess / count - 1):+.1f} %"]
        rows.append(row)
    head = ["build", "LUT, estimate", "LUT", "error", "BRAM36, estimate", "BRAM36", "error"]
    parts = ["# Estimates against counts", "", MADE, ESTIMATES_WORDS, "## Builds", "", table(head, rows), ""]
    for family in measured.MEASURED:
        for mark, title in measured.MARKS.items():
            if rows := measured.table_of(family, mark):
                parts += [f"## {title} on {family}", "", *rows, ""]
    return "\n".join(parts)


def cards() -> list[dict]:
    """The cards of the shipped networks, by network and method."""
    found = [json.loads(path.read_text()) for path in sorted((ROOT / "sw/shipped").glob("*/card.json"))]
    return sorted(found, key=lambda card: (card["net"], card["method"] != "ste", card["method"]))


def accuracy_page() -> str:
    """The accuracy of every shipped network on every set of images."""
    rows = []
    for card in cards():
        for row in card["accuracy"]:
            figures = {"top-1": row["top1"]} if "top1" in row else row["figures"]
            text = ", ".join(f"{name} {value:.2f} %" if name == "top-1" else f"{name} {value:.3f}"
                             for name, value in figures.items())  # fmt: skip
            rows.append([
                card["net"], card["method"], row["set"], row["images"], text, card["recipe"]["epochs"],
                card["seed"], card["weights"]["bytes"],
            ])  # fmt: skip
    head = ["network", "method", "images", "number", "result", "epochs", "seed", "weights, bytes"]
    return "\n".join([
        "# Accuracy of the shipped networks", "", MADE, "",
        "One run per row, with its seed: a difference of a point or less is within the spread of seeds.",
        "Epochs are those of the last run; `init` in the card says where it started. The cards with all "
        "hyper-parameters are `sw/shipped/*/card.json`.",
        "", table(head, rows), "", *tracks(), "",
    ])  # fmt: skip


def tracks() -> list[str]:
    """Sequences that a tracker has never seen, beside a box that never moves."""
    runs = [json.loads(path.read_text()) for path in sorted((RESULTS / "runs").glob("track-*/card.json"))]
    rows = [
        [name, card["method"], round(figures["success AUC"], 3), round(figures[STILL], 3),
         card["data"]["trained_on"].split(" and ")[0]]
        for card in [*cards(), *runs]
        for row in card["accuracy"]
        for name, figures in row.get("sequences", {}).items()
    ]  # fmt: skip
    head = ["sequence", "method", "success AUC", "of a box that never moves", "sequences trained on"]
    return ["## Tracking, by sequence", "", "No sequence is tested by a network that was trained on it.", "",
            table(head, rows)]  # fmt: skip


def equal() -> str:
    """The page of comparisons by equal budgets with its tables, which `xnorforge compare` made, anew."""
    parts = []
    for path in sorted((RESULTS / "equal").glob("*.md")):
        text = path.read_text()
        tables = re.findall(r"^(?:\|.*\n)+", text, re.MULTILINE)
        sets = re.findall(r"^- [A-Z]: .*\n", text, re.MULTILINE)
        picture = f"![Accuracy by method, a dot per seed](equal/{path.stem}.svg)"
        parts += [f"## {path.stem}", "", *tables[:2], "".join(sets), picture, ""]
    return between(EQUAL, "\n".join(parts))


def between(page: Path, made: str) -> str:
    """A page with what its marks enclose made anew."""
    marks = re.compile(r"(<!-- comparison[^>]*-->\n).*?(<!-- end -->)", re.DOTALL)
    return marks.sub(lambda found: f"{found[1]}{made}\n{found[2]}", page.read_text())


def lines_of(path: Path) -> list[dict]:
    """The records of a file, one JSON object a line; none if there is no file."""
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


def comparison() -> str:
    """CNV-W1A1 by this project and by others, a row per source."""
    rows: list[list[Any]] = []
    for line in builds():
        if line["network"] == "cifar10-cnv" and line["method"] == "ste" and line["board"] == "pynq-z2":
            figures = line["figures"]
            words = line["command"].split()[2:]
            options = " ".join(word for word in words if word.partition("=")[0] not in PLAIN)
            rows.append([
                f"**xnorforge**{f', `{options}`' if options else ''}", f"{figures['synth__lut__used']:,}",
                f"{figures['synth__bram36__used']:g} RAMB36", f"{figures['sim__interval__cycles']:,}",
                f"{100 * line['accuracy']['value']:.1f} %", "Yosys, before packing", "without shell, pynq-z2",
                f"commit {line['commit'][:7]}",
            ])  # fmt: skip
    sources = []
    rows.sort(key=lambda row: -int(row[3].replace(",", "")))
    for peer in tomllib.loads(PEERS.read_text())["peer"]:
        rows.append([
            peer["name"], f"{peer['lut']:,}", *(peer.get(key, "n/a") for key in ("bram", "cycles", "exact")),
            f"{peer['tool']}, {peer['stage']}", f"{peer['shell']}, {peer['part']}", f"[{peer['cited']}]",
        ])  # fmt: skip
        sources.append(f"[{peer['cited']}]: {peer['source']}")
    head = ["CNV-W1A1 for CIFAR-10", "LUT", "block RAM", "cycles per frame", "top-1, 1,000 test images",
            "tool, stage", "shell, part", "source"]  # fmt: skip
    return "\n".join([table(head, rows), "", *sources])


def front() -> list[dict]:
    """The records of networks with a frame per cycle, by part and accuracy."""
    return sorted(lines_of(FRONT), key=lambda line: (line["part"], line["correct"]))


def interval(correct: int, images: int) -> str:
    """The 95 % interval of a share in percent."""
    low, high = (100 * end for end in wilson(correct, images))
    return f"{low:.2f} to {high:.2f} %"


FRONT_WORDS = """
MNIST, all 10,000 test images. The 784 pixels of 8 bits enter in one cycle and the index of the class leaves.
LUT and FF are Yosys cells of the whole network with a plain port, encoder included, mapped flat
([a result in nanoseconds](../guide/nanoseconds.md)); an ECP5 was routed between registers. ns is the
latency at the routed clock. Networks of `dwn` were scored on these images once, at the end; one of 100
neurons, left out here, had 89.24 %.
"""
PUBLISHED_WORDS = """
Figures of others, collected for comparison and not measured here; links lead to the networks' papers. The
last column says whether input encoding is counted.
"""


def front_page() -> str:
    """Networks with a frame per cycle beside published ones."""
    rows, others = [], []
    for line in front():
        clock = line.get("mhz")
        rows.append([
            f"{line['net']}, {line['method']}", f"{100 * line['correct'] / line['images']:.2f} %",
            interval(line["correct"], line["images"]),
            line["part"], line["lut"], line["ff"], line["latency"],
            f"{clock:.1f}" if clock else "not routed",
            f"{1e3 * line['latency'] / clock:.1f}" if clock else "not known",
        ])  # fmt: skip
    for peer in tomllib.loads(FAST.read_text())["peer"]:
        known = {key: peer.get(key, "not known") for key in ("accuracy", "lut", "ns", "part", "encoder")}
        name = f"[{peer['name']}]({peer['source']})" if "source" in peer else peer["name"]
        others.append([name, peer["task"], *(f"{x:,}" if isinstance(x, int) else x for x in known.values())])
    head = ["network, method", "accuracy", "95 % interval", "part", "LUT", "FF", "cycles"]
    head += ["MHz, routed", "ns"]
    made = sorted({f"- `{line['command']}`" for line in front()})
    return "\n".join([
        "# A frame per cycle", "", MADE, FRONT_WORDS, table(head, rows), "", "Trainings:", "", *made, "",
        "## Published", PUBLISHED_WORDS,
        table(["network", "task", "accuracy, %", "LUT", "ns", "part", "encoder"], others), "",
    ])  # fmt: skip


def pages() -> dict[Path, str]:
    """Every file that is made, and its text."""
    made = {"builds": builds_page(), "boards": boards_page(), "estimates": estimates_page()}
    made["memory"] = memory_page()
    made |= {"accuracy": accuracy_page(), "nanoseconds": front_page()}
    written = {EQUAL: equal(), ROOT / "README.md": between(ROOT / "README.md", comparison())}
    return {RESULTS / f"{name}.md": text for name, text in made.items()} | written


def main(words: list[str]) -> None:
    """Write the tables."""
    if words[:1] == ["renew"]:
        renew(*words[1:])
    for folder in words[1:] if words[:1] == ["memory"] else ():
        record_memory(folder)
    for path, text in pages().items():
        path.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
