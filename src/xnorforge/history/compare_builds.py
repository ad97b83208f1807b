"""Comparison of two builds: what changed per figure and per operator, and whether the rules are kept."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core.artifacts import digest, read_json
from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.history import entries
from xnorforge.history.rules import Broken, Rule, broken, known_metrics, shipped_rules

LAST = "last"
OF_OPERATOR = ("lut", "ff", "bram36", "dsp")


@dataclass(frozen=True)
class Build:
    """The figures of one build.

    Attributes:
        name: as the user gave it.
        like: network, method, board and back end, as in a line of the history.
        figures: of the whole design, see `entries.figures_of`.
        operators: {operator: {"lut": …}}.
        report: the beginning of its report's SHA-256.
    """

    name: str
    like: Record
    figures: dict[str, float]
    operators: dict[str, dict[str, float]]
    report: str

    def flat(self) -> dict[str, float]:
        """All figures by name; an operator's have names such as `conv1.lut`."""
        own = {f"{name}.{key}": value for name, row in self.operators.items() for key, value in row.items()}
        return self.figures | own


def load_build(given: str, beside: Build | None = None) -> Build:
    """A build by its folder, by its report.json, or by the word `last`: the last build before `beside` in the
    history with the same network, method, board and back end.

    Raises:
        UserError: there is no report, or no such build.
    """
    if given == LAST and beside is not None and not Path(LAST).exists():
        return _last(beside)
    path = Path(given)
    path = path / "report.json" if path.is_dir() else path
    try:
        report = read_json(path)
        figures = entries.figures_of(report)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"diff: '{given}' has no readable report; give the folder of a build, such as "
            f"out/mnist-cnn/rtl-pynq-z2, its report.json, or the word {LAST} instead of the first build."
        ) from error
    operators = {
        row["name"]: {key: row[key] for key in OF_OPERATOR}
        for row in report.get("resources", {}).get("per_operator", [])
    }
    for row in report.get("layers", []) if operators else ():
        operators[row["name"]]["cycles"] = row["cycles"]
    like = entries.build_identity(report, path.resolve().parent)
    return Build(given, like, figures, operators, digest(path)[:16])


def _last(beside: Build) -> Build:
    lines = entries.builds_like(entries.read_lines(), beside.like)
    own = [index for index, line in enumerate(lines) if line["report"] == beside.report]
    earlier = lines[: own[-1]] if own else lines
    if not earlier:
        raise UserError(
            f"diff: {entries.FILE} has no earlier build of {beside.like['network']} for "
            f"{beside.like['board']}; give the folder of a build instead of {LAST}."
        )
    line = earlier[-1]
    return Build(f"{LAST} ({line['when']})", beside.like, line["figures"], line["operators"], line["report"])


@dataclass(frozen=True)
class Difference:
    """Two builds, the rules, and the broken rules."""

    before: Build
    now: Build
    rules: list[Rule]
    broken: list[Broken]

    def rows(self) -> list[tuple[str, float | None, float | None]]:
        """(figure, before, now) of everything that changed, the whole design first; a share changes with its
        figure and is left out.

        If one build is a line of the history, only operator figures that both builds have are compared."""
        before, now = self.before.flat(), self.now.flat()
        names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
        counted = [name for name in names if not name.endswith("__share") and self._both_know(name)]
        counted.sort(key=lambda name: "." in name)
        return [(name, before.get(name), now.get(name)) for name in counted]

    def _both_know(self, name: str) -> bool:
        kind = name.rpartition(".")[2]
        rows = (build.operators.values() for build in (self.before, self.now))
        return "." not in name or all(any(kind in row for row in build) for build in rows)


def compared_builds(before: Build, now: Build, rules: list[Rule] | None) -> Difference:
    """Compare `now` with `before`.

    Args:
        rules: None: the built-in rules, restricted to figures that these builds have.

    Raises:
        UserError: a rule refers to a figure that neither build has.
    """
    old, new = before.flat(), now.flat()
    names = {*old, *new}
    if rules is None:
        rules = [rule for rule in shipped_rules() if any(map(rule.about, names))]
    known_metrics(rules, names)
    return Difference(before, now, rules, broken(rules, old, new))


def diff_text(found: Difference) -> str:
    """The changes, for a terminal."""
    rows = [_cells(*row) for row in found.rows()]
    head = [("figure", "before", "now", "change")]
    widths = [max(len(row[i]) for row in head + rows) for i in range(4)]
    table = [
        f"  {row[0]:<{widths[0]}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:]))
        for row in head + rows
    ]
    return "\n".join(
        [
            f"{found.before.name} -> {found.now.name}", *(table if rows else ["  no figure changed"]),
            *(f"  broken: {one}" for one in found.broken), f"  {_verdict(found)}",
        ]
    )  # fmt: skip


def diff_markdown(found: Difference) -> str:
    """The changes, for a pull request."""
    rows = [_cells(*row) for row in found.rows()]
    listed = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    table = f"| figure | before | now | change |\n|---|--:|--:|--:|\n{listed}"
    lines = [
        f"**{_verdict(found)}**: `{found.before.name}` → `{found.now.name}`",
        *(["\n".join(f"- broken: {one}" for one in found.broken)] if found.broken else []),
        table if rows else "No figure changed.",
    ]
    return "\n\n".join(lines)


def diff_object(found: Difference) -> Record:
    """The changes, for a program."""
    keys = ("metric", "before", "now", "compare", "limit")
    rows = [(one.name, one.before, one.now, one.rule) for one in found.broken]
    return {
        "schema": "xnorforge-diff-1", "verdict": "FAIL" if found.broken else "PASS",
        "before": found.before.name, "now": found.now.name,
        "changed": [{"metric": name, "before": old, "now": new} for name, old, new in found.rows()],
        "broken": [dict(zip(keys, (*row, rule.compare, rule.limit))) for *row, rule in rows],
    }  # fmt: skip


FORMS: dict[str, Callable[[Difference], str]] = {"text": diff_text, "markdown": diff_markdown}


def _verdict(found: Difference) -> str:
    if not found.rules:
        return "no rules"
    count = f"{len(found.rules)} rule{'s' if len(found.rules) > 1 else ''}"
    return f"FAIL, {len(found.broken)} broken of {count}" if found.broken else f"PASS, {count} kept"


def _cells(name: str, old: float | None, new: float | None) -> tuple[str, str, str, str]:
    def written(value: float | None) -> str:
        return "---" if value is None else f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"

    change = "new" if old is None else "gone" if new is None else f"{new - old:+,g}"
    if old and new is not None:
        change = f"{100 * (new / old - 1):+.1f} %"
    return name, written(old), written(new), change
