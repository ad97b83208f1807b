"""The results of a comparison: one table and one plot."""

import shlex
import statistics
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core import accuracy
from xnorforge.core.artifacts import whole, write_csv
from xnorforge.core.types import Record
from xnorforge.pipeline.request import assignment
from xnorforge.plot.figures import as_svg, drawing
from xnorforge.plot.svg import colours, write_svg
from xnorforge.studies.paired import LEVEL, gaps_from

TRAINING = ("recipe", "init", "epochs")
# Of a card, and the heads of their columns.
COMPLEXITY = {
    "binary": "binary operations", "multi_bit": "multi-bit operations", "operations": "operations",
    "stored_bits": "stored bits",
}  # fmt: skip
BASELINE = "ste"  # what the others are compared with, if it is among them


@dataclass(frozen=True)
class Variant:
    """A method, and what differs from its defaults, `recipe`, `init` and `epochs` too, as "name=value"."""

    method: str
    settings: tuple[str, ...] = ()

    @property
    def hyper(self) -> dict[str, object]:
        """The hyper-parameters."""
        return {key: value for key, value in self._pairs.items() if key not in TRAINING}

    @property
    def training(self) -> dict[str, str]:
        """`recipe`, `init` and `epochs`, if given."""
        return {key: value for key, value in self._pairs.items() if key in TRAINING}

    @property
    def _pairs(self) -> dict[str, str]:
        return dict(map(assignment, self.settings))

    def __str__(self) -> str:
        return ",".join((self.method, *self.settings))


@dataclass(frozen=True)
class Request:
    """A comparison; with a board, also of what an accelerator of each method costs."""

    net: str
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    epochs: int
    threads: int = 1
    out: Path = Path("out/compare")
    board: str | None = None
    recipe: str = "ours"
    init: str | None = None

    def training(self, variant: Variant) -> dict[str, str]:
        """Recipe, epochs and start, if any, of a variant: its own where it names them."""
        start = {"init": self.init} if self.init else {}
        return {"recipe": self.recipe, "epochs": str(self.epochs)} | start | variant.training

    @property
    def built_for(self) -> str:
        """The board of a request that has one."""
        assert self.board is not None
        return self.board

    @property
    def folder(self) -> Path:
        """Where the tables go."""
        return self.out / self.net / str(self.epochs)

    def run_folder(self, variant: Variant, seed: int) -> Path:
        """Where a run goes."""
        return self.folder / f"{str(variant).replace('/', ':')}-{seed}"

    def command(self, jobs: int = 1) -> str:
        """The command line that makes the same table."""
        arguments = ["python", "-m", "xnorforge", "compare", self.net]
        arguments += ["--methods", " ".join(map(str, self.variants))]
        arguments += ["--seeds", " ".join(map(str, self.seeds)), "--epochs", str(self.epochs)]
        arguments += ["--recipe", self.recipe] if self.recipe != "ours" else []
        arguments += ["--init", self.init] if self.init else []
        arguments += ["--threads", str(self.threads)] if self.threads != 1 else []
        arguments += ["--jobs", str(jobs)] if jobs != 1 else []
        arguments += ["--board", self.board] if self.board else []
        return shlex.join([*arguments, "-o", str(self.out)])


@dataclass(frozen=True)
class Result:
    """A finished run, read from its folder.

    Attributes:
        sets: accuracy per set of images: `stage`, `set` (which images), and what `accuracy.main` reads.
        complexity: of the card: operations and stored bits (flows/lower/complexity.py); None if the card has
            none.
        seconds, cpu_seconds: of the epochs, wall and processor time (of all threads and processes); None
            if the checkpoint is missing or older than this measurement.
        phases: epochs of each phase.
        terms: largest share of each own term of the method in the task's gradient
            (sw/training/summands.py), over layers and epochs.
    """

    variant: Variant
    seed: int
    sets: list[Record]
    equal: int
    binary_weights: int
    complexity: Record | None
    sha256: str
    seconds: float | None
    cpu_seconds: float | None
    where: str
    phases: str = ""
    terms: str = ""


def write_comparison(asked: Request, results: list[Result], jobs: int = 1, below: str = "") -> None:
    """table.csv (a row per run and set), table.md (a row per variant, and `below`), compare.svg."""
    rows = [
        {
            "variant": str(result.variant), "seed": result.seed, "init": "",
            **asked.training(result.variant), "phases": result.phases, "own_terms": result.terms,
            "stage": row["stage"], "set": row["set"],
            "images": row.get("images"), "correct": row.get("correct"),
            "measure": accuracy.main(row)[0], "per_cent": accuracy.main(row)[1],
            "binary_weights": result.binary_weights,
            **{name: (result.complexity or {}).get(name) for name in COMPLEXITY},
            "train_seconds": result.seconds, "train_cpu_seconds": result.cpu_seconds,
            "machine": result.where, "weights_sha256": result.sha256,
        }
        for result in results
        for row in result.sets
    ]  # fmt: skip
    write_csv(asked.folder / "table.csv", rows)
    with whole(asked.folder / "table.md") as aside:
        tables = [as_markdown(asked, results, jobs), _differences_as_markdown(results)]
        for key in _sets(results):  # of several figures each variant's, and its difference from the baseline
            if any(len(_figures(run, key)) > 1 for run in results):
                tables.append(_figures_as_markdown(_by_variant(results), key))
        aside.write_text("".join(tables) + below)
    plot(asked, results, jobs)


def as_markdown(asked: Request, results: list[Result], jobs: int = 1) -> str:
    """The table for people: a row per variant, and below it what the figures are."""
    sets = _sets(results)
    letters = {key: chr(ord("A") + at) for at, key in enumerate(sets)}
    head = [f"{letter}: {stage}" for (stage, _), letter in letters.items()]
    lines = [
        ["method", *head, "seeds", "epochs", "own terms", "binary weights", *COMPLEXITY.values(), "training"]
    ]
    lines.append(["---", *["---:"] * len(head), *["---"] * 3, *["---:"] * (2 + len(COMPLEXITY))])
    for variant, runs in _by_variant(results).items():
        accuracies = [accuracy.spread(list(_values(runs, key).values())) for key in sets]
        counted = runs[0].complexity
        sizes = [f"{runs[0].binary_weights:,}"]
        sizes += [f"{counted[name]:,}" if counted else "-" for name in COMPLEXITY]
        seeds = " ".join(str(run.seed) for run in runs)
        acted = [runs[0].phases, "; ".join(dict.fromkeys(run.terms for run in runs if run.terms))]
        lines.append([variant, *accuracies, seeds, *acted, *sizes, _time(_mean_cost(runs))])
    deployed = "deployed network"
    stages = {"held out": deployed, "test": deployed, "exported": "QONNX file, run by qonnx"}
    which = "\n".join(f"- {letter}: {images}; {stages[stage]}" for (stage, images), letter in letters.items())
    machines = " and ".join(sorted({run.where for run in results if run.where}))
    return f"""# {asked.net}: methods {len(_by_variant(results))}, epochs {asked.epochs}

{_table(lines)}

{accuracy.main(results[0].sets[-1])[0]} in per cent, mean ± sample standard deviation over the seeds ("-" \
with one seed).

{which}
- Every exported network was run on {min(run.equal for run in results):,} images: each of its scores equals \
the module's.
- No image of a test set influenced a choice. All runs have the same recipe and number of epochs, but for \
what a name says; each method divides the epochs among its phases.
- Own terms: the largest share of a method's own loss in the task's gradient, over layers and epochs, by \
seed; of edges the share of sums that they move, and by how many deviations.
- Operations: multiply-accumulates per image, 64 binary ones count as one multi-bit one. Stored bits: \
weights and all other constants of the accelerator; a binary weight is one bit. Both of the run with the \
first seed; the cards have them per layer.
- Training: processor time of the epochs, mean over the seeds{f"; {machines}" if machines else ""}; \
parallel runs: {jobs}. Wall time is in `table.csv`.
- Each run is a row of `table.csv`, with the SHA-256 of its weights. To repeat: `{asked.command(jobs)}`
"""


def _differences_as_markdown(results: list[Result]) -> str:
    """The second table: each variant minus the baseline, seed by seed; "" without such pairs."""
    groups, sets = _by_variant(results), _sets(results)
    if BASELINE not in groups or len(groups) < 2:
        return ""
    plain = groups.pop(BASELINE)
    cost = _mean_cost(plain)
    gaps = [
        gaps_from({name: _values(runs, key) for name, runs in groups.items()}, _values(plain, key))
        for key in sets
    ]
    letters = [f"{chr(ord('A') + at)}: {stage}" for at, (stage, _) in enumerate(sets)]
    lines = [["method", *letters, "pairs", f"training, {BASELINE} = 1"]]
    lines.append(["---", *["---:"] * (len(letters) + 2)])
    for variant, runs in groups.items():
        found = [gap.get(variant) for gap in gaps]
        own = _mean_cost(runs)
        ratio = f"{own / cost:.2f}" if own and cost else "-"
        pairs = str(max((one.count for one in found if one), default=0))
        lines.append([variant, *("-" if one is None else str(one) for one in found), pairs, ratio])
    return f"""
## Differences from {BASELINE}

{_table(lines)}

- Percentage points above {BASELINE}: the mean difference between runs with the same seed and, in brackets, \
its {LEVEL:.0%} interval ("-" with one pair), by the spread of all methods' differences, in which chance in \
{BASELINE}'s own runs is counted once. An interval that contains 0 shows no significant difference.
- Training: processor time, mean over the seeds, as a multiple of {BASELINE}'s.
"""


def _figures_as_markdown(groups: dict[str, list[Result]], key: tuple[str, str]) -> str:
    stage, images = key
    every = [run for runs in groups.values() for run in runs]
    names = list(dict.fromkeys(name for run in every for name in _figures(run, key)))
    found = {
        variant: [{run.seed: 100 * _figures(run, key)[name] for run in runs} for name in names]
        for variant, runs in groups.items()
    }
    lines = [["method", *names], ["---", *["---:"] * len(names)]]
    for variant, columns in found.items():
        lines.append([variant, *(accuracy.spread([*values.values()]) for values in columns)])
    plain = found.pop(BASELINE, [])
    gaps = [gaps_from({one: found[one][at] for one in found}, column) for at, column in enumerate(plain)]
    lines += [
        [f"{one}, above {BASELINE}", *(str(gap.get(one, "-")) for gap in gaps)] for one in found if gaps
    ]
    words = f"- In per cent, of {images}; spread and intervals as above."
    return f"\n## All figures, {stage}\n\n{_table(lines)}\n\n{words}\n"


def _figures(run: Result, key: tuple[str, str]) -> dict[str, float]:
    return next((row.get("figures", {}) for row in run.sets if (row["stage"], row["set"]) == key), {})


def _table(lines: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _mean_cost(runs: list[Result]) -> float | None:
    times = [run.cpu_seconds for run in runs if run.cpu_seconds is not None]
    return statistics.mean(times) if times else None


def plot(asked: Request, results: list[Result], jobs: int = 1) -> None:
    """A panel per set of images, per variant a dot for each seed, the mean and the deviation."""
    sets, groups = _sets(results), _by_variant(results)
    figure = accuracy.main(results[0].sets[-1])[0]
    seeds = " ".join(map(str, asked.seeds))
    caption = (
        f"Epochs {asked.epochs}, seeds {seeds}. A dot per seed; bar: mean; error bar: sample standard "
        f"deviation.\n{'; '.join(map(': '.join, sets))}.\n{asked.command(jobs)}"
    )
    about, width = f"{asked.net}: {figure} by method", max(300, 70 + 60 * len(groups)) * len(sets)
    with drawing(width, 330, 1, len(sets), about, caption, sharey=True) as (picture, axes):
        for (stage, images), axis in zip(sets, axes, strict=True):
            axis.set_title(stage)
            axis.set_xticks(range(len(groups)), list(groups), rotation=35, ha="right")
            for place, runs in enumerate(groups.values()):
                values = _values(runs, (stage, images))
                mean = statistics.mean(values.values())
                spread = statistics.stdev(values.values()) if len(values) > 1 else 0.0
                axis.plot((place - 0.3, place + 0.3), (mean, mean), color=colours()["ink"])
                axis.errorbar(place, mean, spread or None, color=colours()["mark"], capsize=4)
                axis.annotate(f"{mean:.1f}", (place + 0.3, mean), (2, 2), textcoords="offset points")
                # Seeds are drawn next to each other in their order, so that equal accuracies stay visible.
                for seed, value in values.items():
                    x = place + 0.12 * (asked.seeds.index(seed) - (len(asked.seeds) - 1) / 2)
                    axis.plot(x, value, "o", color=colours()["s0"], gid=f"{runs[0].variant}, seed {seed}")
        axes[0].set_ylabel(f"{figure} in %")
        write_svg(asked.folder / "compare.svg", as_svg(picture, about))


def _by_variant(results: list[Result]) -> dict[str, list[Result]]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(str(result.variant), []).append(result)
    return groups


def _sets(results: list[Result]) -> list[tuple[str, str]]:
    """(stage, which images) of every set, in order."""
    return list(dict.fromkeys((row["stage"], row["set"]) for result in results for row in result.sets))


def _values(runs: list[Result], key: tuple[str, str]) -> dict[int, float]:
    """Accuracy on one set, per cent, by seed."""
    return {
        run.seed: accuracy.main(row)[1]
        for run in runs
        for row in run.sets
        if (row["stage"], row["set"]) == key
    }


def _time(mean: float | None) -> str:
    if mean is None or mean < 600:
        return "-" if mean is None else f"{mean:.0f} s"
    return f"{mean / 60:.0f} min" if mean < 36000 else f"{mean / 3600:.1f} h"
