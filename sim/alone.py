"""Layers alone, on inputs at the edges of their constants: for constants that no memory holds as they are.

Of a row with a threshold T the inputs give the sums T and T - 1, four times each. An element that adds to one
and misses in the other shows every wrong bit of its weight. A function of one channel gets the numbers at its
constants and beside them, all else random ones. How many bits that reaches is counted with the contract.
"""

from itertools import product
from math import prod

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.types import Record
from xnorforge.hw.any_width import INT64_BITS, whole_numbers
from xnorforge.hw.ops.base import HwOp, Matrix
from xnorforge.hw.streams import value_range
from xnorforge.sim import compare, cosim
from xnorforge.sim.device import Device

SEED = 3
MOST_CYCLES = 200_000  # per layer
GRID = 256  # numbers of a channel besides those at its constants
MOST_FLIPS = 128  # executions of the contract per array
FRAMES = 64  # of random numbers
PAIRS = 2  # of vectors per row, and as many mirrored


def not_decoded(ops: list[HwOp], rows: list[Record], *also: str) -> list[HwOp]:
    """The layers to try: those of which some bits were not decoded, or, as the row says, `also` reached."""
    ways = ("decoded", *also)
    open_ = {row["layer"] for row in rows if sum(row[way] for way in ways) < row["bits"]}
    named = [op for op in ops if any(name in open_ for name, _ in with_inner(op))]
    return [op for op in named if not op.outside and narrow(op)]


def with_inner(op: HwOp) -> list[tuple[str, HwOp]]:
    """An operator and those that it consists of, each with the name of its row."""
    return [(op.name, op), *((f"{op.name}: {one.name}", one) for one in op.inner)]


def narrow(op: HwOp) -> bool:
    """Whether all its numbers are NumPy's."""
    wide = any(stream.bits >= INT64_BITS for stream in (*op.in_streams(), *op.out_streams()))
    own = all(element_bits(np.asarray(x)) < INT64_BITS for x in op.arrays_of.values())
    return not wide and own and all(map(narrow, op.inner))


def of_channels(op: HwOp) -> bool:
    """Whether it is a function of each number with constants per channel."""
    shape, own = op.in_stream().shape, constants(op).values()
    return bool(own) and shape == op.out_stream().shape and all(len(x) == shape[-1] for x in own)


def try_layers(name: str, device: Device, ops: list[HwOp], rows: list[Record]) -> Record:
    """The check of layers on a bench of `ops`; `simulated` of their rows
    (`memories.check_memories`) becomes the share of their bits that it reached."""
    inputs, row_of = [inputs_of(op) for op in ops], {row["layer"]: row for row in rows}
    wrong = frames = integers = 0
    for op, given, run in zip(ops, inputs, cosim.attempt(device, inputs, seed=SEED), strict=True):
        if isinstance(run, MismatchError):
            raise run
        for got, wanted in zip(run.outputs, op.run_all(*given), strict=True):
            wrong += compare.frames_unequal(got, wanted)
            frames, integers = frames + len(wanted), integers + wanted.size
        for number, (unit, _) in enumerate(with_inner(op)):
            row = row_of.get(unit)
            if row and not (op.inner and row["decoded"] + row["compared"] == row["bits"]):
                row["simulated"] = round(share_reached(op, given, number) * row["bits"])
    names = ", ".join(op.name for op in ops)
    return artifacts.check(name, frames, wrong, integers, f"{names} alone, at the edges of their constants")


def inputs_of(op: HwOp, cycles: int = 0) -> list[np.ndarray]:
    """Frames (N, *shape) for each input stream, no more than `MOST_CYCLES` allow, of `cycles`."""
    rng = np.random.default_rng(SEED)
    most = max(2, MOST_CYCLES // (cycles or op.cycles()))
    source, found = op.in_stream(), constants(op)
    matrix = op.matrix() or ("bias" in found and Matrix(found["weights"], found["bias"], 1))
    if matrix and "thresholds" in found:
        rows = at_thresholds(op, matrix, rng)
    elif op.inputs == 1 and of_channels(op):
        rows = at_steps(op)
    else:
        return [frames[:most] for frames in op.random_inputs(SEED, FRAMES)]
    places = prod(source.shape) // rows.shape[1]
    frames = np.resize(rows, (-(-len(rows) // places), places, rows.shape[1]))
    return [frames[:most].reshape(-1, *source.shape)]


def at_thresholds(op: HwOp, matrix: Matrix, rng: np.random.Generator) -> np.ndarray:
    """Vectors whose sums are a row's threshold and, in the next, one less, or as near as can be."""
    low, high = value_range(op.in_stream().bits, op.in_stream().signed)
    size = len(matrix.weights)
    found = [np.full(size, low), np.full(size, high)]
    for row, threshold in enumerate(op.integers("thresholds")):
        column = matrix.weights[:, row]
        drawn = [rng.integers(low, high + 1, size) for _ in range(PAIRS)]
        for x in [*drawn, *(low + high - x for x in drawn)]:
            for wanted in (threshold, threshold - 1):
                x = x.copy()
                for k in [*rng.permutation(size), *rng.permutation(size)]:
                    missing = int(wanted - matrix.bias[row] - column @ x)
                    if not missing:
                        break
                    if column[k]:
                        step = int(np.fix(missing / column[k]))
                        x[k] = np.clip(x[k] + step, low, high)
                found.append(x)
    return np.stack(found)


def at_steps(op: HwOp) -> np.ndarray:
    """Rows of numbers, one per channel: a grid, and what lies at the channel's constants and beside them."""
    source, each = op.in_stream(), (-1, 0, 1)
    channels, (low, high) = source.shape[-1], value_range(source.bits, source.signed)
    grid = np.linspace(low, high, GRID).astype(np.int64)[:, None].repeat(channels, axis=1)
    own = np.concatenate([x.reshape(channels, -1).T for x in constants(op).values()])
    near = [own * sign // part + step for sign in (1, -1) for part in (1, 2) for step in each]
    return np.clip(np.concatenate([grid, *near]), low, high)


def share_reached(op: HwOp, inputs: list[np.ndarray], unit: int = 0) -> float:
    """The share of the bits of the constants of one of `units` of which each, inverted, changes an output.

    Of arrays with more than `MOST_FLIPS` bits so many are drawn. Of +1 and -1 the sign is inverted. Bits that
    change nothing at the edges of the other function either, as of thresholds out of reach, do not count."""
    right, rng, shares = op.run(*inputs), np.random.default_rng(SEED), []
    one, most = with_inner(op)[unit][1], MOST_FLIPS // (4 if op.inner else 1)
    for key, values in constants(one).items():
        signs = set(np.unique(values).tolist()) <= {-1, 1}
        tried = [*product(np.ndindex(values.shape), range(element_bits(values)))]
        seen = []
        for number in rng.permutation(len(tried))[:most]:
            place, bit = tried[number]
            other = values.copy()
            other[place] = -other[place] if signs else other[place] ^ (1 << bit)
            wrong = type(one)(one.onnx_node, arrays_of=one.arrays_of | {key: other})
            try:
                found = bool((_with(op, unit, wrong).run(*inputs) != right).any())
                edges = [] if found or one.inner else inputs_of(wrong, one.cycles())
            except UserError:  # such an array cannot be
                continue
            if not edges or (wrong.run(*edges) != one.run(*edges)).any():
                seen.append(found)
        shares += [(len(tried), np.mean(seen))] if seen else []
    return sum(count * share for count, share in shares) / max(1, sum(count for count, _ in shares))


def _with(op: HwOp, unit: int, other: HwOp) -> HwOp:
    """The operator with another in place of one of `units`."""
    if not unit:
        return other
    found = type(op)(op.onnx_node, arrays_of=op.arrays_of)
    found.inner = [other if k == unit else one for k, one in enumerate(op.inner, 1)]
    return found


def constants(op: HwOp) -> dict[str, np.ndarray]:
    """The constant arrays, integers, without those that only say how a result is made."""
    return {key: whole_numbers(x) for key, x in op.arrays_of.items() if key != "adders"}


def element_bits(values: np.ndarray) -> int:
    """Bits of a number of an array: of two's complement where one is negative, one of +1 and -1."""
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    sign = low < 0 and not set(np.unique(values).tolist()) <= {-1, 1}
    return max(1, high.bit_length(), (-low - 1).bit_length()) + sign
