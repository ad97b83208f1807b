"""The integer graph against the exact network (`exact.py`): every tensor, every weight, every threshold.

On a few images, and on random levels in front of every layer, each tensor of the file is computed exactly and
compared with A n + B of the integer graph, as fractions. Random levels differ from zero in one of the frames,
so that no weight is multiplied by zero only, whatever the images activate.

The graph that is built was rearranged (`tidy.py`): each of its sums must be k n + c of the sum that was
compared, per channel. With k and c, its levels are tried on both sides of every threshold, against the file's
operations in float32 on the exact sum. Those of a narrowed sum (`narrowing.py`) are tried on numbers whose
exact sums lie next to the thresholds.
"""

from fractions import Fraction
from math import gcd, prod

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.core.indexed_model import indexed
from xnorforge.core.types import Record
from xnorforge.hw.any_width import drawn, plus, times, weighted_sum, whole_numbers
from xnorforge.hw.lowering.evaluation import evaluate
from xnorforge.hw.lowering.exact import UNIT, Exact, on_one_unit
from xnorforge.hw.lowering.values import Leaf, Node, Value, common_grid
from xnorforge.hw.lowering.views import usual_view
from xnorforge.hw.lowering.walk import Lowered

from .exact import Network

AVOIDING_ZERO = (True, True, False)  # of each frame of random levels
EDGES, DRAWS = 1 << 19, (4, 64)  # random sums of all thresholds, and of one at least and at most
AT_ONCE = 1 << 24  # elements of all tensors of a batch
CLOSE = 8 * UNIT  # of what qonnx computes in one float32 operation, relative to the largest number


def is_exact(graph: Lowered, model: ModelWrapper, frames: np.ndarray, seed: int = 0) -> Record:
    """Compare a tidied graph with its network.

    Args:
        frames: integers (N, H, W, C) of the first images; random ones follow them.

    Raises:
        MismatchError: a tensor, a weight or a threshold is not that of the file.
    """
    rng = np.random.default_rng(seed)
    leaf = next(iter(graph.leaves.values()))
    numbers = sum(prod(one.shape) for one in graph.leaves.values())
    random = [np.zeros((1, *leaf.shape), np.int64)] * len(AVOIDING_ZERO)
    frames = np.concatenate([frames, *random])
    size, compared = max(1, AT_ONCE // numbers), 0
    avoiding: list[bool | None] = [None] * (len(frames) - len(random)) + list(AVOIDING_ZERO)
    links = Links(graph)
    for start in range(0, len(frames), size):
        run = Comparison(graph, model, frames[start : start + size], avoiding[start : start + size], rng)
        links.add(run)
        compared += run.compared
    tried = links.check_levels()
    what = f"every tensor of the file in exact arithmetic, {tried:,} edges of thresholds"
    return check("lowered = exact network", len(frames), 0, compared + tried, what)


class Comparison:
    """One batch of frames through the network and the walk's graph.

    Attributes:
        tensors: {leaf: integers}, levels of random frames in place of those that were computed.
        levels: {leaf: integers} of quantisers as they were computed.
        compared: number of elements compared.
    """

    def __init__(self, built: Lowered, model: ModelWrapper, frames: np.ndarray, avoiding, rng):
        self.graph = graph = built.walked or built
        self.makers, self.rng, self.same = graph.makers, rng, built.same
        self.avoiding, self.compared = avoiding, 0
        self.first: str = next(iter(graph.leaves))
        self.tensors = {self.first: frames.astype(np.int64)}
        self.levels: dict[str, np.ndarray] = {}
        network = self.network = indexed(model)
        name = network.graph.input[0].name
        value = graph.values[name]
        self.values = graph.values | {network.graph.output[0].name: built.output}
        self._draw(value)
        shape = (len(frames), *network.get_tensor_shape(name)[1:])
        Network(network, len(frames)).run(self._of_value(value, shape), self._judged)
        for node in graph.nodes:
            self._leaf(node.out)

    def _leaf(self, name: str) -> None:
        """Compute a leaf and what it needs; without recursion, as a graph may be 20,000 nodes deep."""
        waiting = [name]
        while waiting:
            node = self.makers.get(waiting[-1])
            if node is None or node.out in self.tensors:
                waiting.pop()
                continue
            missing = [one for one in node.inputs if one not in self.tensors]
            waiting += missing
            if not missing:
                self.tensors[waiting.pop()] = self.graph.run_node(node, self.tensors)

    def _judged(self, node, name: str, x: Exact, ends, known: bool) -> Exact:
        """Compare a tensor of the file with its value, and give its readers exact numbers."""
        value = self.values.get(name)
        if value is None or value.terms is None or prod(value.shape) != prod(x.numbers.shape[1:]):
            return x
        if value.view is not None and value.view.size != prod(value.shape):
            return x
        for leaf in value.terms:
            self._leaf(leaf)
        wanted = self._of_value(value, x.numbers.shape)
        self.compared += x.numbers.size
        if known:
            (one, other), _ = on_one_unit(x, wanted)
            differ = one != other
        else:
            low, high = ends or (x.floats(), x.floats())
            got, near = wanted.floats(), CLOSE * max(x.largest, wanted.largest)
            differ = (got < low - near) | (got > high + near)
        if differ.any():
            place = tuple(np.argwhere(differ)[0].tolist())
            raise MismatchError(
                f"lower: {node.name} ({node.op_type}), element {list(place[1:])} of frame {place[0]}, is "
                f"{x.floats()[place]:.9g} in the file, computed exactly, and {wanted.floats()[place]:.9g} in "
                f"the integer graph; {int(differ.sum()):,} of {differ.size:,} differ."
            )
        if name in self.graph.activations and value.single[0] not in self.levels:
            maker = self.makers.get(value.single[0])
            if maker is not None and maker.quantises is not None:
                self.levels[maker.out] = self.tensors[maker.out].copy()
                if not self._passed_by(name, maker):
                    self._draw(value)
                return self._of_value(value, x.numbers.shape)
        return x if known else wanted

    def _passed_by(self, name: str, maker: Node) -> bool:
        """Whether a reader of levels was computed from the sum before them, as the sign of a sign is."""
        for node in self.network.find_consumers(name):
            value = self.values.get(node.output[0])
            leaf = value.start[0] if value is not None and value.base else ""
            other = self.makers.get(leaf, maker)
            again = other is not maker and other.quantises is not None and other.inputs == maker.inputs
            if leaf in maker.inputs or again:
                return True
        return False

    def _draw(self, value: Value) -> None:
        """Random levels in the random frames; in some, a level beside it for that of value 0."""
        (name, a), b = value.single, value.offset
        leaf, tensor = self.graph.leaves[name], self.tensors[name]
        low, high = int(leaf.lo.min()), int(leaf.hi.max())
        zeros = [-y / x if x else Fraction(low - 1) for x, y in zip(a, b)]
        zero = np.array([low - 1 if z.denominator > 1 else int(z) for z in zeros], object)
        for frame, avoid in enumerate(self.avoiding):
            if avoid is None:
                continue
            found = np.clip(drawn(self.rng, low, high + 1, leaf.shape), leaf.lo, leaf.hi)
            if avoid:
                beside = np.where(zero < leaf.hi, found + 1, found - 1)
                found = np.where(found == zero, np.clip(beside, leaf.lo, leaf.hi), found)
            tensor[frame] = found[..., self.same[name]] if name in self.same else found

    def _of_value(self, value: Value, shape) -> Exact:
        """A value's numbers in the file's layout."""
        rows = [value.offset, *value.coefficients.values()]
        unit = common_grid({x for row in rows for x in row}) or Fraction(1)
        offset, *factors = (whole_numbers(np.array([int(x / unit) for x in row], object)) for row in rows)
        terms = [self.tensors[leaf] for leaf in value.coefficients]
        numbers = weighted_sum([*terms, np.ones(value.channels, np.int64)], [*factors, offset])
        view = usual_view(value.leaf) if value.view is None else value.view
        return Exact(numbers.reshape(shape[0], -1)[:, view.reshape(-1)].reshape(shape), unit).rounded()


class Links:
    """What the sums of the graph that is built are of the walk's: k n + c per channel."""

    def __init__(self, built: Lowered):
        self.walked, self.built = built.walked or built, built
        self.pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self._activations = {value.single[0] for value in self.walked.activations.values()}
        made = self.walked.makers
        self.makers: tuple[dict[str, Node], dict[str, Node]] = made, built.makers
        self.moved: set[str] = set()  # leaves that have levels where the walk has sums
        for node in built.nodes:
            known = node.out in made and made[node.out].quantises is not None
            before = node.quantises is not None or all(name in self.moved for name in node.inputs)
            if before and not known and node.out not in self._activations:
                self.moved.add(node.out)

    def add(self, run: Comparison) -> None:
        """Run the graph that is built on the frames of a comparison, from the same levels."""
        tensors = {run.first: run.tensors[run.first]}
        self.pairs.setdefault(run.first, []).append((tensors[run.first], tensors[run.first]))
        for node in self.built.nodes:
            found = tensors[node.out] = self.built.run_node(node, tensors)
            if node.out not in run.tensors or node.out in self.moved or node.out in self.built.narrowed:
                continue
            kept = self.built.kept.get(node.out, slice(None))
            wanted = run.tensors[node.out][..., kept]
            if node.out in run.levels or node.out in self._activations:
                before = run.levels.get(node.out, run.tensors[node.out])[..., kept]
                if (found != before).any():
                    place = tuple(np.argwhere(found != before)[0].tolist())
                    raise MismatchError(
                        f"lower: {node.name}, element {list(place[1:])} of frame {place[0]}, is "
                        f"{found[place]} in the built graph and {before[place]} before it was rearranged."
                    )
                tensors[node.out] = wanted
            self.pairs.setdefault(node.out, []).append((wanted, tensors[node.out]))

    def link(self, leaf: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """p, q, r (channels,) with q found = p wanted + r; p = 0 where a channel has one integer only.

        Only multiples are allowed: a sum may have been negated, or multiplied or divided by an integer. One
        that several operators became (`op` is another) may also have had the factor 0."""
        sides = zip(*self.pairs[leaf])
        wanted, found = (np.concatenate([x.reshape(-1, x.shape[-1]) for x in side]) for side in sides)
        columns = np.arange(wanted.shape[1])
        first, last = wanted.argmin(0), wanted.argmax(0)
        low, below = (x[first, columns].astype(object) for x in (wanted, found))
        q, p = (x[last, columns] - start for x, start in ((wanted, low), (found, below)))
        common = np.array([gcd(int(a), int(b)) or 1 for a, b in zip(p, q)], object)
        p, q = p // common, np.maximum(q // common, 1)
        r = below * q - p * low
        p, q, r = map(whole_numbers, (p, q, r))
        fused = len({getattr(made.get(leaf), "op", None) for made in self.makers}) > 1
        constant = (wanted == wanted[0]).all(0)
        differ = (times(found, q) != plus(times(wanted, p), r)).any(0) & ~(constant & fused)
        differ |= ~constant & (abs(p) != 1) & ((q != 1) | (p == 0))
        if differ.any():
            channel = int(differ.argmax())
            raise MismatchError(
                f"lower: {leaf}, channel {channel}: the integers of the graph that is built do not follow "
                "those before it was rearranged."
            )
        return p, q, r

    def check_levels(self) -> int:
        """Compare all leaves, the output, and the levels around every threshold.

        Returns:
            Number of integers tried.
        """
        links = {leaf: self.link(leaf) for leaf in self.pairs}
        wanted, found = zip(*self.pairs[self.built.output.single[0]])
        if any((one != other).any() for one, other in zip(wanted, found)):
            raise MismatchError("lower: the scores changed when the graph was rearranged.")
        for node in self.built.nodes:  # a search passes by numbers that lie behind a larger one
            steps = node.at.get("thresholds", np.zeros((1, 1)))
            for channel, at in np.argwhere(steps[:, 1:] < steps[:, :-1])[:1]:
                raise MismatchError(
                    f"lower: {node.name}, channel {channel}: threshold {at + 1} is {steps[channel, at + 1]}, "
                    f"less than the one before it, {steps[channel, at]}."
                )
        quantisers = [node for node in self.built.nodes if node.quantises is not None]
        return sum(self._check_quantiser(node, links) for node in quantisers)

    def _check_quantiser(self, node: Node, links: Record) -> int:
        """Levels on both sides of every threshold: the file's operations and the operator."""
        if node.inputs[0] in self.built.narrowed:
            return self._check_sums(node, links)
        return self._check_edges(node, *links[node.inputs[0]])

    def _check_sums(self, node: Node, links: Record) -> int:
        """The same behind a narrowed sum, for numbers whose exact sums lie next to the thresholds."""
        levels, name = node.quantises, node.inputs[0]
        assert levels is not None
        walked, built = (made[name] for made in self.makers)
        factors = walked.at["multipliers"].astype(object)
        edges = times(levels.thresholds, levels.direction[:, None]).astype(object)
        numbers = next_to(edges, factors, [self.walked.leaves[one] for one in walked.inputs])
        sums = whole_numbers((numbers * factors[:, :, None]).sum(0))
        wanted = levels.level(evaluate(levels.value, sums))
        tried, given = np.ones_like(wanted, bool), {}
        for one, row in zip(walked.inputs, numbers):
            p, q, r = (x.astype(object)[:, None] for x in links[one])
            given[one] = whole_numbers((row * p + r) // q).T
            tried &= (p != 0) & ((row * p + r) % q == 0)
        found = self.built.run_node(node, {name: self.built.run_node(built, given)}).T
        return _count_equal(node, tried, found, wanted, "where the sum before it was narrowed was", sums)

    def _check_edges(self, node: Node, p: np.ndarray, q: np.ndarray, r: np.ndarray) -> int:
        levels, leaf = node.quantises, self.built.leaves[node.inputs[0]]
        assert levels is not None
        every = times(levels.thresholds, levels.direction[:, None])
        kept = self.built.kept.get(node.out, np.arange(len(every)))
        channels, count = len(kept), len(kept) // leaf.channels
        p, q, r, low, high = (np.tile(x, count)[:, None] for x in (p, q, r, leaf.lo, leaf.hi))
        centre = plus(times(every[kept], p), r) // q
        there = np.clip(np.concatenate([centre - 1, centre, centre + 1], 1), low, high)
        # Between two integers of the walk, the level is that of the first one in the direction of comparison.
        up = levels.direction[kept, None]
        back, divisor = plus(times(there, q), -r) * up, np.where(p == 0, 1, p)
        tried = (back % divisor == 0) & (p != 0) | (p > 0)
        numbers = np.zeros((len(every), there.shape[1]), back.dtype)
        numbers[kept] = back // divisor * up
        wanted = levels.level(evaluate(levels.value, whole_numbers(numbers)))[kept]
        rows = there.reshape(count, leaf.channels, -1).transpose(0, 2, 1).reshape(-1, leaf.channels)
        found = self.built.run_node(node, {node.inputs[0]: rows})
        found = found.reshape(count, -1, leaf.channels).transpose(0, 2, 1).reshape(channels, -1)
        return _count_equal(node, tried, found, wanted, "at the integer", there)


def _count_equal(node: Node, tried, found, wanted, where: str, integers: np.ndarray) -> int:
    """How many levels were tried, none of which differs."""
    wrong = np.argwhere(tried & (found != wanted))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise MismatchError(
            f"lower: {node.name}, channel {at[0]}: level {found[at]} {where} {integers[at]}, and "
            f"{wanted[at]} by the file's operations; {len(wrong):,} of {int(tried.sum()):,} differ."
        )
    return int(tried.sum())


def next_to(edges: np.ndarray, factors: np.ndarray, inputs: list[Leaf], seed: int = 0) -> np.ndarray:
    """Of random numbers, those whose sums are nearest to each edge: below, at, and above it.

    Args:
        edges: integers (channels, any). factors: integers (inputs, channels).
        inputs: leaves, with the ranges of the numbers.

    Returns:
        numbers (inputs, channels, 3 per edge).
    """
    rng, columns = np.random.default_rng(seed), np.arange(len(edges))
    draws = int(np.clip(EDGES // edges.size, *DRAWS))
    lo, hi = (np.array([getattr(one, end) for one in inputs], object) for end in ("lo", "hi"))
    every = lo[..., None, None], hi[..., None, None]
    shape = (*edges.shape, draws)
    numbers = np.array([drawn(rng, int(x.min()), int(y.max()) + 1, shape) for x, y in zip(lo, hi)], object)
    numbers, edges, size = np.clip(numbers, *every), edges[..., None], factors[..., None, None]
    last = ((hi - lo) * (factors != 0)).argmax(0)  # it follows from the others and the edge
    numbers[last, columns] = 0
    own = size[last, columns]
    nearest = (edges - (numbers * size).sum(0)) // np.where(own == 0, 1, own)
    found = np.concatenate([numbers] * 3, -1)
    nearest = np.concatenate([nearest - 1, nearest, nearest + 1], -1)
    found[last, columns] = np.clip(nearest, *(end[last, columns] for end in every))
    off = (found * size).sum(0) - edges
    most = abs(off).max() + 1
    sides = (np.where(side, abs(off), most).argmin(-1) for side in (off < 0, off == 0, off > 0))
    picked = np.take_along_axis(found, np.stack([*sides], -1)[None], -1)
    return picked.reshape(len(inputs), len(columns), -1)
