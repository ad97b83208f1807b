"""Weights that a host replaces while frames flow: a load's traffic, and what frames around it return."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np

from xnorforge.core.artifacts import check
from xnorforge.core.errors import MismatchError
from xnorforge.core.types import Record
from xnorforge.hw import graph
from xnorforge.hw.loads import LoadChain, load_chain, weights_file
from xnorforge.hw.ops.base import HwOp
from xnorforge.sim import compare, cosim
from xnorforge.sim.bits import BitSimulator
from xnorforge.sim.device import Device

FRAMES = 6  # that a check sends
FULL = 15  # byte enables of a word of 32 bits
Loads: TypeAlias = Sequence[tuple[int, list[HwOp]]]  # before which frame, the operators with other weights


def rolled(ops: list[HwOp]) -> list[HwOp]:
    """A network of the same structure whose weights moved by a channel, or by an element of a single one."""

    def moved(op: HwOp) -> HwOp:
        arrays = {
            name: np.roll(values, 1, 0 if name == "thresholds" or values.shape[-1] == 1 else -1)
            for name, values in op.arrays_of.items()
        }
        return type(op)(op.onnx_node, arrays_of=arrays)

    return [moved(op) if op.first_load else op for op in ops]


def learnt(ops: list[HwOp], run: Callable[..., dict[str, np.ndarray]], frame: np.ndarray) -> list[HwOp]:
    """The network with another template, the weights that are last on the chain: the features of a frame's
    first window, for all rows.

    Args:
        run: as `BitSimulator.run` of this network.
        frame: uint8 (1, C, H, W).
    """
    template = [op for op in ops if op.first_load][-1]
    before = next(op.name for op in ops if template.sources[0] in op.results)
    mw, mh = template.arrays_of["weights"].shape
    features = run(frame, [before])[before].reshape(-1, mw)[0]
    arrays = template.arrays_of | {"weights": np.repeat(features[:, None], mh, axis=1)}
    return [type(op)(op.onnx_node, arrays_of=arrays) if op is template else op for op in ops]


def template_file(acc: Path, frame: np.ndarray) -> bytes:
    """The weights file of the accelerator in `acc` with the template of a frame's first window, for
    `load` of the drivers; `frame` as of `learnt`."""
    simulator, own = BitSimulator(acc / "folded.onnx"), (acc / "rtl" / "weights.bin").read_bytes()
    _, low, high, _, count, *_ = np.frombuffer(own, "<u4", 8).tolist()
    chain = LoadChain(learnt(simulator.ops, simulator.run, frame))
    return weights_file(low | high << 32, chain, own[32 + 8 * count :])


def writes_of(chain: LoadChain) -> list[tuple[int, int]]:
    """A load as writes (byte address, 32 bits) on s_axi_ctrl: its beginning, the words, its end."""
    return [(chain.control, 0), *chain.writes, (chain.control, chain.id)]


def first_load(ops: list[HwOp]) -> list[tuple[int, int]]:
    """The writes without which a network takes no frame: none, or a whole load."""
    chain = load_chain(ops)
    return writes_of(chain) if chain and chain.begins_empty else []


def behind_first_load(ops: list[HwOp], frames: np.ndarray) -> np.ndarray | cosim.Feed:
    """Frames (N, *shape) back to back, with `first_load` before them where there is one."""
    writes = first_load(ops)
    return _feed(frames, writes) if writes else frames


def load_feed(ops: list[HwOp], frames: np.ndarray, writes: list[tuple[int, int]], after: int) -> cosim.Feed:
    """Frames back to back, and two loads: `first_load` at once, `writes` when `after` frames have left;
    the last frame enters when all writes are answered, so that at least one has the new weights."""
    begin = first_load(ops)
    writes = [*begin, *writes]
    last = (len(frames) - 1) * ops[0].in_stream().beats
    gates = [(1, len(begin), 0, after * ops[-1].out_stream().beats), (0, last, 1, len(writes))]
    return _feed(graph.enter(ops[0], frames), writes, gates)


def feed_in_turn(ops: list[HwOp], frames: np.ndarray, loads: Loads) -> cosim.Feed:
    """Frames (N, *shape), and loads between them, each when the frames before it have left; the
    next ones wait for its end."""
    writes, gates = first_load(ops), list[cosim.Gate]()
    for frame, others in loads:
        gates.append((1, len(writes), 0, frame * ops[-1].out_stream().beats))
        writes = [*writes, *writes_of(LoadChain(others))]
        gates.append((0, frame * ops[0].in_stream().beats, 1, len(writes)))
    return _feed(frames, writes, gates)


def _feed(frames: np.ndarray, writes: list[tuple[int, int]], gates: Iterable[cosim.Gate] = ()) -> cosim.Feed:
    """Frames as the first operator takes them, and writes on s_axi_ctrl."""
    places, words = np.array(writes, np.int64).reshape(-1, 2).T[:, :, None]
    inputs = [frames, places, words, np.zeros((0, 1))]
    return cosim.Feed(inputs, [len(frames), len(writes), 0], {2: np.full(len(writes), FULL)}, [*gates])


def first_new(got: np.ndarray, old: np.ndarray, new: np.ndarray) -> int:
    """How many frames the old weights answered, the new ones all others.

    Raises:
        MismatchError: a frame is neither, or frames of both are mixed.
    """
    count = next((k for k in range(len(got)) if (got[k] != old[k]).any()), len(got))
    compare.equal("xf_top", "RTL behind a load", got[count:], new[count:])
    return count


def check_loading(
    device: Device, ops: list[HwOp], pictures: np.ndarray, runs: Record, seed: int
) -> tuple[list[Record], int]:
    """The checks that `xf_top` answers every frame wholly with its old or its new weights, and the cycles of
    the load in the first run.

    Args:
        pictures: uint8 (N, C, H, W), of which `FRAMES` are sent in turn.
        runs: {name: chance of a pause}, a check each.

    Raises:
        MismatchError: a frame is mixed, or a write is refused.
    """
    others, found, pictures = rolled(ops), [], pictures[np.arange(FRAMES) % len(pictures)]
    old, new = (next(reversed(BitSimulator(some).run(pictures).values())) for some in (ops, others))
    writes, lasted, begin = writes_of(LoadChain(others)), [], len(first_load(ops))
    for name, stall in runs.items():
        run = cosim.run(device, load_feed(ops, pictures, writes, len(pictures) // 3), stall, seed)
        if refused := int(run.outputs[1].astype(bool).sum()):
            raise MismatchError(f"xf_top: AXI4-Lite refused {refused} of {begin + len(writes)} writes.")
        count = first_new(run.output, old, new)
        lasted.append(int(run.given[1][-1] - run.given[1][begin]))
        what = f"{count} frames of the old weights, then {len(pictures) - count} of the new; "
        what += f"{len(writes):,} writes in {lasted[-1]:,} cycles; pauses {stall or 'none'}"
        found.append(check(f"{name} = bit simulator", len(pictures), 0, old.size, what))
    return found, lasted[0]
