"""Rules for a build in comparison with an earlier one: `[{"metric", "compare", "limit"}]` in a JSON file.

    metric   a figure, such as synth__lut__used (`xnorforge report --json` lists them), or <operator>.lut,
             .ff, .bram36, .dsp, .cycles; with * and ? for several
    compare  <=, <, >=, > or ==
    limit    a number, with which the new figure is compared; or a change in quotes, such as "+2 %" or
             "-0.005", which is first added to the old figure

A figure that the old build has and the new one lacks breaks a rule, except figures of an operator: operators
come and go with the folding, and the network's totals count them all. For a figure that only
the new build has, limits that are changes are ignored.
"""

import json
import operator
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.resources import files
from pathlib import Path

from xnorforge.core.errors import UserError, unknown

COMPARE = {"<=": operator.le, "<": operator.lt, ">=": operator.ge, ">": operator.gt, "==": operator.eq}
CHANGE = re.compile(r"([+-])(\d+(?:\.\d+)?)\s*(%?)")
ROUNDING = 1e-9  # relative to the old figure: 200 + 2 % is 204, despite float rounding


@dataclass(frozen=True)
class Rule:
    """One line of a file of rules.

    Attributes:
        metric, compare: as in the file.
        limit: a number, or the words of a change.
    """

    metric: str
    compare: str
    limit: float | str

    def __str__(self) -> str:
        return f"{self.compare} {self.limit if isinstance(self.limit, str) else f'{self.limit:g}'}"

    def bound(self, before: float | None) -> float | None:
        """What the new figure is compared with; None for a change of a figure that did not exist."""
        if not isinstance(self.limit, str):
            return self.limit
        found = CHANGE.fullmatch(self.limit)
        if before is None or found is None:
            return None
        sign, number, percent = found.groups()
        step = float(sign + number)
        return before + (before * step / 100 if percent else step)

    def about(self, name: str) -> bool:
        """Whether a figure of this name is meant."""
        return fnmatchcase(name, self.metric)

    def kept(self, before: float | None, now: float) -> bool:
        """Whether a figure keeps the rule."""
        bound = self.bound(before)
        if bound is None:
            return True
        if abs(now - bound) <= ROUNDING * max(abs(bound), 1):
            return "=" in self.compare
        return COMPARE[self.compare](now, bound)


def shipped_rules() -> list[Rule]:
    """The rules that apply if none are given."""
    return _rules(json.loads((files("xnorforge.history") / "rules.json").read_text()), "rules.json")


def read_rules(path: Path) -> list[Rule]:
    """The rules of a file; UserError, naming the first wrong one, if it is not a list of them."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"RULES: '{path}' cannot be read as JSON ({error}); {_EXAMPLE}.") from error
    return _rules(found, str(path))


_EXAMPLE = 'give a list such as [{"metric": "*.lut", "compare": "<=", "limit": "+2 %"}]'


def _rules(found, where: str) -> list[Rule]:
    if not isinstance(found, list) or not found:
        raise UserError(f"RULES: '{where}' does not contain a list of rules; {_EXAMPLE}.")
    return [_rule(one, f"{where}, rule {count}") for count, one in enumerate(found, 1)]


def _rule(given, where: str) -> Rule:
    if not isinstance(given, dict) or set(given) != {"metric", "compare", "limit"}:
        raise UserError(f"RULES: {where} must have exactly the keys metric, compare and limit; {_EXAMPLE}.")
    metric, compare, limit = given["metric"], given["compare"], given["limit"]
    if compare not in COMPARE:
        raise UserError(f"RULES: {where}: compare is {compare!r}; use one of {', '.join(COMPARE)}.")
    number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
    if not number and not (isinstance(limit, str) and CHANGE.fullmatch(limit)):
        raise UserError(
            f'RULES: {where}: limit is {limit!r}; give a number, or a change as "+2 %" or "-0.005".'
        )
    if not isinstance(metric, str):
        raise UserError(f"RULES: {where}: metric is {metric!r}; give the name of a figure.")
    return Rule(metric, compare, limit)


@dataclass(frozen=True)
class Broken:
    """A figure that breaks a rule; `now` is None if the new build lacks it."""

    name: str
    rule: Rule
    before: float | None
    now: float | None

    def __str__(self) -> str:
        was = "" if self.before is None else f", was {self.before:,g}"
        if self.before and self.now is not None:
            was += f" ({100 * (self.now / self.before - 1):+.1f} %)"
        has = "is missing" if self.now is None else f"is {self.now:,g}"
        return f"{self.name} {has}{was}, allowed {self.rule}"


def known_metrics(rules: list[Rule], names: set[str]) -> None:
    """UserError if a rule refers to no existing figure, so that any build would keep it."""
    for rule in rules:
        if not any(map(rule.about, names)):
            raise unknown("RULES", rule.metric, names)


def broken(rules: list[Rule], before: dict[str, float], now: dict[str, float]) -> list[Broken]:
    """The figures that break a rule, in the order of the rules.

    Args:
        before, now: all figures of both builds by name; names of operator figures contain a dot.
    """
    found = []
    for rule in rules:
        for name in sorted({*before, *now}):
            if not rule.about(name):
                continue
            old, new = before.get(name), now.get(name)
            if new is None:
                if "." not in name:
                    found.append(Broken(name, rule, old, None))
            elif not rule.kept(old, new):
                found.append(Broken(name, rule, old, new))
    return found
