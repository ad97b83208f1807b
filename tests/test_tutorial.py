"""What the tutorial, the README and the pages of docs tell a reader to type exists; the tutorial is run."""

import os
import re
import shlex
import subprocess
import sys

import pytest

from .documents import ROOT, blocks, checkout, write

TUTORIAL = blocks((ROOT / "docs/tutorial.md").read_text())
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OUTER = {
    name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MFLAGS"
}


def typed() -> set[str]:
    """Every make command of the pages: lines that stand apart, and `make …` within the text."""
    found = set()
    for page in PAGES:
        text = page.read_text()
        lines = re.findall(r"^(?: {4}(?:\$ )?)?((?:[A-Z_]+=\S+ )*make [^\n`]*)$", text, re.MULTILINE)
        lines += re.findall(r"`((?:[A-Z_]+=\S+ )*make [^`]+)`", text)
        for line in lines:
            line = re.split(r" {2,}| # ", line)[0].strip()
            if not set("…<>[]|") & set(line):  # a placeholder for something of the reader's
                found.add(line)
    return found


def test_there_are_commands_in_the_tutorial_and_on_the_pages():
    assert sum(block.kind == "sh" for block in TUTORIAL) >= 6
    assert {"make doctor", "make build BOARD=pynq-z2", "make train NET=mnist-cnn EPOCHS=30 SEED=0"} <= typed()


@pytest.mark.parametrize("line", sorted(typed()))
def test_make_knows_every_target_and_variable_of_the_pages(line):
    words = [word for word in shlex.split(line) if word != "make"]
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, env=OUTER, capture_output=True, text=True)
    assert done.returncode == 0, f"{line}: {done.stderr}"


def verbs() -> set[str]:
    """Words behind `python -m xnorforge` on the pages."""
    text = "".join(page.read_text() for page in PAGES)
    return set(re.findall(r"python -m xnorforge ([a-z]+)", text))


def test_the_command_line_has_every_verb_of_the_pages():
    done = subprocess.run(
        [sys.executable, "-m", "xnorforge", "--help"], capture_output=True, text=True, check=True
    )
    there = set(re.findall(r"^  ([a-z-]+) ", done.stdout, re.MULTILINE))
    assert verbs() and verbs() <= there


def test_links_between_pages_lead_somewhere():
    wrong = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            path, _, heading = link.partition("#")
            target = page.parent / path if path else page
            if "://" in link:
                continue
            heads = [re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-")
                     for head in re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
                     ] if heading and target.exists() else [heading]  # fmt: skip
            if not target.exists() or heading not in heads:
                wrong.append(f"{page.relative_to(ROOT)}: {link}")
    assert not wrong


@pytest.mark.full
def test_every_command_of_the_tutorial_runs_in_its_order(tmp_path):
    folder = checkout(tmp_path / "xnorforge")
    said = ""
    for block in TUTORIAL:
        if block.kind != "sh":
            write([block], folder)
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=folder,
            env=OUTER,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{block.text}\n{done.stdout[-2000:]}{done.stderr[-3000:]}"
        said += done.stdout + done.stderr
    # One build of the smallest network and two with other foldings, one of a network of one's own (again with
    # waveforms), one for a board of one's own.
    assert re.findall(r"^PASS  (\S+) on", said, re.MULTILINE) == [
        *["mnist-tfc"] * 3, "my_net", "mnist-tfc",
    ]  # fmt: skip
    acc = folder / "out/my_net/rtl-pynq-z2"
    [waves] = set(acc.glob("waves.*")) - {acc / "waves.gtkw"}  # .fst where the lz4 header is installed
    assert waves.stat().st_size > 10_000 and (acc / "waves.gtkw").exists()
    assert "A board with an XC7Z010" in (folder / "out/mnist-tfc/rtl-small-zynq/report.md").read_text()
