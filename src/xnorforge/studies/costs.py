"""What a method costs in FPGA resources: one accelerator per variant of a comparison, all folded for the same
board and initiation interval.

It is built (`builds.py`) in the folder of the variant's run with the first seed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean, stdev

from xnorforge.core import accuracy
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.types import Record
from xnorforge.studies import builds
from xnorforge.studies.compare_figures import Request, Result, Variant

UNBUILT = "not built yet"


@dataclass(frozen=True)
class Cost:
    """One variant's accelerator, read from its records.

    Attributes:
        accuracy: row for the last set of images of the exported run: `stage`, `set`, and what `accuracy.main`
            reads.
        seeds: the figure for that set by seed of each finished run, in per cent.
        figures: what `builds.build_figures` found; empty without an accelerator.
        why: if it is missing, the reason in one sentence.
    """

    variant: Variant
    accuracy: Record
    sha256: str
    seeds: dict[int, float]
    figures: Record = field(default_factory=dict)
    why: str = ""

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return mean(self.seeds.values())

    @property
    def spread(self) -> float | None:
        """The sample standard deviation over the seeds; None for one seed."""
        return stdev(self.seeds.values()) if len(self.seeds) > 1 else None


def of(asked: Request, variant: Variant) -> builds.Build:
    """The accelerator of a variant."""
    return builds.Build(asked.run_folder(variant, asked.seeds[0]), asked.net, asked.built_for)


def build_variant(asked: Request, variant: Variant, jobs: int, say: Callable[[str], object]) -> None:
    """Build what is missing, and say what the accelerator costs; the errors are those of `builds.make`."""
    one = of(asked, variant)
    say(f"compare   {variant} on {builds.line(one, builds.make(one, jobs))}")


def collect(asked: Request, results: list[Result], failed: dict[Variant, Exception]) -> list[Cost]:
    """Costs of variants whose first run is finished, in order; `failed`: builds that went wrong."""
    costs = []
    for result in (result for result in results if result.seed == asked.seeds[0]):
        one = of(asked, result.variant)
        figures, why = {}, str(failed.get(result.variant, ""))
        if not why and not builds.finished(one):
            why = UNBUILT
        if not why:
            try:
                figures = builds.build_figures(one)
            except (UserError, MismatchError) as error:
                why = str(error)
        seeds = {one.seed: accuracy.main(one.sets[-1])[1] for one in results if one.variant == result.variant}
        costs.append(Cost(result.variant, result.sets[-1], result.sha256, seeds, figures, why))
    return costs
