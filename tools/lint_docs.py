"""Check the documents and every text a user reads: length, links, figures, phrases. Part of `make lint`.

    python tools/lint_docs.py [FOLDER]

Prints `file:line: what` for every finding, and exits with 1 if there is one; docs/guide/style.md has rules.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORDS, README_WORDS, MAKEFILE_LINES, VERSION_LINES, LINE = 24_000, 900, 60, 60, 160
COUNTED = ("README.md", "CONTRIBUTING.md", "docs/guide/*.md", "docs/methods/*.md", "examples/README.md")
PAGES = ("*.md", *(f"docs/{of}/*.md" for of in ("guide", "methods", "results")), "examples/*.md",
         ".github/**/*.md")  # fmt: skip
GENERATED = "docs/results/"  # its tables may be wide
CODE = ("src/xnorforge", "hw", "sw", "flows", "sim", "examples", "tools")
LITERALS = {".sv", ".svh", ".v", ".c", ".h", ".cpp", ".tcl"}
STANDARD = "longer|more|less|better|worse"  # after "is no"
PHRASES = {  # {what is refused: how to say it}
    rf"(?<!there )\b(?:is|are)\s+no\b(?!\s+(?:{STANDARD}))": "write 'is not a …' or 'must be …'",
    r"(?<!there )\b(?:is|are)\s+none\b": "write 'does not exist' or 'is not a …'",
    r"\bso\s+many\b": "name the number",
    r"\bthose\s+that\b": "name the thing",
    r"\bdear(?:er|est)?\b": "write 'expensive'",
}
FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1`*[ ]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`\n]*`")
LINK = re.compile(
    r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)|(?:src|srcset|href)=\"([^\"]+)\"|^\[[^\]]+\]:\s*(\S+)",
    re.MULTILINE,
)
RECORDS = ("builds.jsonl", "boards.jsonl")  # in docs/results
TABLE = re.compile(r"^\|.*$", re.MULTILINE)
FIGURE = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s+(?:LUT|FF|BRAM36|RAMB36|DSP|cycles|frames/s)\b")
# What a file must contain before it is worth parsing; a phrase may be cut by the quotes of joined literals.
CUT = r"[\s\"']*f?[\"']?"
SUSPECT = re.compile(
    rf"\b(?:is|are)\b{CUT}\bno(?:ne)?\b|\bso\b{CUT}\bmany\b|\bthose\b{CUT}\bthat\b|\bdear", re.IGNORECASE
)

Finding = tuple[Path, int, str]


def blanked(text: str, what: re.Pattern) -> str:
    """The text with spaces in place of what matches; lines stay where they are."""
    return what.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def pages(root: Path) -> list[Path]:
    """The Markdown pages of the project."""
    return sorted({path for pattern in PAGES for path in root.glob(pattern) if path.is_file()})


def words(text: str) -> int:
    """Words outside fenced blocks; HTML tags do not count."""
    return len(re.findall(r"\S*\w\S*", re.sub(r"<[^>]*>", " ", blanked(text, FENCE))))


def line_of(text: str, at: int) -> int:
    """The number of the line at a place of a text."""
    return text.count("\n", 0, at) + 1


def budgets(root: Path) -> Iterator[Finding]:
    """Words of all pages and of the README, lines of the Makefile and of every version of the changelog."""
    counts = {path: words(path.read_text()) for pattern in COUNTED for path in root.glob(pattern)}
    if sum(counts.values()) > WORDS:
        longest = ", ".join(
            f"{path.relative_to(root)} {count:,}"
            for path, count in sorted(counts.items(), key=lambda one: -one[1])[:5]
        )
        text = f"{sum(counts.values()):,} hand-written words, {WORDS:,} are allowed; the longest: {longest}"
        yield root / "docs", 1, text
    if counts.get(root / "README.md", 0) > README_WORDS:
        yield root / "README.md", 1, f"{counts[root / 'README.md']:,} words, {README_WORDS} are allowed"
    makefile, changelog = root / "Makefile", root / "CHANGELOG.md"
    if makefile.exists() and (lines := len(makefile.read_text().splitlines())) > MAKEFILE_LINES:
        yield makefile, MAKEFILE_LINES + 1, f"{lines} lines, {MAKEFILE_LINES} are allowed"
    if changelog.exists():
        text = changelog.read_text()
        heads = [found.start() for found in re.finditer(r"^## ", text, re.MULTILINE)]
        for head, after in zip(heads, [*heads[1:], len(text)], strict=True):
            if (lines := len(text[head:after].rstrip().splitlines())) > VERSION_LINES:
                what = f"{lines} lines for one version, {VERSION_LINES} are allowed"
                yield changelog, line_of(text, head), what


def long_lines(root: Path, page: Path, text: str) -> Iterator[Finding]:
    """Lines of prose that are too long."""
    generated = str(page.relative_to(root)).startswith(GENERATED)
    for number, line in enumerate(blanked(text, FENCE).splitlines(), 1):
        if len(line.rstrip()) > LINE and not (generated and line.startswith("|")):
            yield page, number, f"{len(line.rstrip())} characters, {LINE} are allowed in a line of prose"


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings as forges make them, and those of its HTML."""
    found: list[str] = []
    for head in re.findall(r"^#{1,6} +(.*?)[ #]*$", blanked(text, FENCE), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head)
        slug = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        found.append(f"{slug}-{found.count(slug)}" if slug in found else slug)
    return {*found, *re.findall(r"(?:id|name)=\"([^\"]+)\"", text)}


def dead_links(root: Path, page: Path, text: str) -> Iterator[Finding]:
    """Links to files, folders or headings that do not exist; a link out of the checkout is the forge's."""
    hidden = blanked(blanked(text, FENCE), SPAN)
    for found in LINK.finditer(hidden):
        link = next(filter(None, found.groups()))
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if re.match(r"[a-z][a-z+.-]*:", link) or not target.is_relative_to(root):
            continue
        heads = anchors(target.read_text()) if target.suffix == ".md" and target.exists() else {anchor}
        if not target.exists():
            yield page, line_of(text, found.start()), f"dead link: {link}"
        elif anchor and anchor not in heads:
            what = f"dead link: {path or page.name} has no heading #{anchor}"
            yield page, line_of(text, found.start()), what


def unfounded(root: Path) -> Iterator[Finding]:
    """Records of a commit that is not in the history, and figures of README that no record has."""
    listed = subprocess.run(["git", "rev-list", "HEAD"], cwd=root, capture_output=True, text=True).stdout
    figures = set[str]()
    for path in filter(Path.exists, (root / "docs/results" / name for name in RECORDS)):
        for number, line in enumerate(map(json.loads, path.read_text().splitlines()), 1):
            values = line.get("figures", line).values()
            figures |= {f"{value:,.10g}" for value in values if isinstance(value, int | float)}
            if f"\n{line['commit']}" not in f"\n{listed}":
                yield path, number, f"commit {line['commit']} is not in the history: `results.py renew`"
    text = blanked(blanked((root / "README.md").read_text(), FENCE), TABLE)
    for found in FIGURE.finditer(text):
        if found[1] not in figures:
            yield root / "README.md", line_of(text, found.start()), f"no record has {found[0]}"


def phrases(path: Path, texts: list[tuple[int, str]]) -> Iterator[Finding]:
    """Refused phrases in (line, text) pairs."""
    for line, text in texts:
        for pattern, instead in PHRASES.items():
            for found in re.finditer(pattern, text, re.IGNORECASE):
                around = " ".join(text[max(0, found.start() - 30) : found.end() + 30].split())
                at = line + text.count("\n", 0, found.start())
                yield path, at, f"'{found[0]}' in '{around}': {instead}"


def literals(path: Path, text: str) -> list[tuple[int, str]]:
    """(line, text) of a program's string literals, docstrings left out; of a template, all of it."""
    if path.suffix == ".j2":
        return [(1, blanked(text, re.compile(r"\{#.*?#\}", re.DOTALL)))]
    if path.suffix != ".py":
        code = blanked(
            text, re.compile(r"/\*.*?\*/|^[ \t]*(?://|#(?!define))[^\n]*", re.DOTALL | re.MULTILINE)
        )
        return [
            (line_of(code, found.start()), found[1]) for found in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', code)
        ]
    tree, found = ast.parse(text), []
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body and isinstance(node.body[0], ast.Expr)
    }  # fmt: skip
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            found.append((node.lineno, "".join(parts)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
            found.append((node.lineno, node.value))
    return found


def texts_of_code(root: Path) -> Iterator[Finding]:
    """Refused phrases in what programs and templates say."""
    for folder in CODE:
        for path in sorted((root / folder).rglob("*")):
            skipped = path.name == Path(__file__).name or "shipped" in path.parts
            if path.suffix not in {".py", ".j2", *LITERALS} or skipped:
                continue
            if SUSPECT.search(text := path.read_text()):
                yield from phrases(path, literals(path, text))


def findings(root: Path = ROOT) -> list[Finding]:
    """Everything that is wrong."""
    root = root.resolve()
    found = [*budgets(root), *unfounded(root)]
    for page in pages(root):
        text = page.read_text()
        found += [*long_lines(root, page, text), *dead_links(root, page, text)]
        found += phrases(page, [(1, blanked(blanked(text, FENCE), SPAN))])
    return [*found, *texts_of_code(root)]


def main(root: Path = ROOT) -> int:
    """Print the findings; 1 where there are any."""
    found = findings(root)
    for path, line, what in found:
        print(f"{path.relative_to(root.resolve())}:{line}: {what}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
