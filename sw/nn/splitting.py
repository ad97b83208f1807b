"""Networks with branches, made from plain ones, so that every network is described only once
(`sw/networks/`).

A group is a run of consecutive modules that are replaced by K branches; `Shape` says how many. Their
replacements are in `sw/nn/branches.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw.nn import binary, stream
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.nn.branches import (
    EIGHTH,
    Affine1d,
    Group,
    MeanAffine2d,
    Numbers,
    Rectified1d,
    Rectified2d,
    Streams,
    Sum,
    Summand,
)
from xnorforge.sw.nn.building_blocks import (
    FRACTION,
    Affine2d,
    Block,
    MultiRate,
    Network,
    added_in,
    length_of,
)

# A gate in eighths adds three fraction bits, and so does a learned weight of a branch: of float32's 24 bits
# +-32 are left.
GATED_FRACTION, GATED_AND_LEARNED_FRACTION = 10, 7


@dataclass(frozen=True)
class Shape:
    """How a network is split.

    Attributes:
        bases: K, the number of branches or parallel weights, at least 1.
        decomposition: "lbd": each layer is a sum; otherwise groups of one block ("v1"), two ("v2") or all
            ("v3").
        learned: learn the weight of each branch; otherwise all are equal.
        gate: "none": branches read the aggregate; "scalar" or "per_branch": they read a learned mixture of
            the aggregate and their own output.
        relu: ReLU before each norm of a chain.
        rates: dilation of each branch, a multiple of that of the plain layer; empty for 1.
        atrous: layers of several rates keep them; otherwise all rates are 1.
    """

    bases: int = 3
    decomposition: str = "v1"
    learned: bool = False
    gate: str = "none"
    relu: bool = False
    rates: tuple[int, ...] = ()
    atrous: bool = True


def structured(network: Network, shape: Shape) -> Network:
    """Return a plain network with its inner parts split into branches.

    Layers on pixels, 8-bit heads and correlations stay plain, and so do dense layers of networks with
    convolutions. In a network without convolutions, all dense layers but the first and the last are split.

    Args:
        network: the result of `networks.build`; parts that stay plain are reused.

    Raises:
        UserError: rates that the branches or convolutions cannot have.
    """
    splitter = Splitter(shape)
    splitter.names = {id(part): name for name, part in network.named_children()}
    parts = list(splitter.parts(list(network)))
    made = Network(*parts)
    made.places = [getattr(part, "places", [splitter.names.get(id(part), "")])[0] for part in parts]
    return made


def grouped(network: nn.Sequential, shape: Shape) -> bool:
    """Put groups in place of the residual parts of a stream (`sw/nn/stream.py`), two in a block; each stands
    in the place of its first part, and the places of the others are empty. All branches share the weights of
    a shortcut. Returns whether there are such parts.

    Raises:
        UserError: rates that the branches cannot have.
    """
    splitter, parts = Splitter(shape), dict(network.named_children())
    places = [name for name, part in parts.items() if isinstance(part, stream.Residual)]
    size = {"v1": 2, "v2": 4}.get(shape.decomposition, max(1, len(places)))
    for at in range(0, len(places), size):
        names, gated = places[at : at + size], at + size < len(places) and shape.gate != "none"
        branches = [
            nn.Sequential(*(splitter.another(branch, parts[name]) for name in names))
            for branch in splitter.bases()
        ]
        numbers = splitter.numbers(gated and shape.bases > 1)
        network.set_submodule(names[0], Streams(branches, *numbers, names))
        for name in names[1:]:
            network.set_submodule(name, nn.Identity())
    return bool(places)


class Splitter:
    """Makes the parts of a structured network."""

    def __init__(self, shape: Shape):
        self.shape = shape
        self.names: dict[int, str] = {}  # of the parts of a plain network
        if shape.rates and (len(shape.rates) != shape.bases or shape.decomposition == "lbd"):
            raise UserError(
                f"group_net: {len(shape.rates)} dilations for bases={shape.bases}, "
                f"decomposition={shape.decomposition}; give one per base, and decomposition v1, v2 or "
                "v3."
            )

    def parts(self, plain: list[nn.Module]) -> Iterator[nn.Module]:
        """Yield the parts of a network, plain ones and groups."""
        run: list[AnyModule] = []
        split = [part for part in plain if _is_convolution(part)] or [
            p for p in plain if isinstance(p, Block)
        ][1:]
        for part in [*plain, None]:
            if any(part is one for one in split):
                run.append(part)
                continue
            if run:
                yield from self.groups(run)
                run = []
            if part is not None:
                yield part

    def groups(self, run: list[AnyModule]) -> Iterator[nn.Module]:
        """Yield a run of parts as sums or groups."""
        if self.shape.decomposition == "lbd":
            yield from map(self.summed, run)
            return
        blocks = _blocks(run)
        size = {"v1": 1, "v2": 2, "v3": len(blocks)}[self.shape.decomposition]
        cut = [[p for block in blocks[at : at + size] for p in block] for at in range(0, len(blocks), size)]
        for at, group in enumerate(cut):
            gated = at + 1 < len(cut) and self.shape.gate != "none" and self.shape.bases > 1
            yield self.chain(group, gated)

    def numbers(self, gated: bool) -> tuple[Numbers | None, Numbers | None]:
        """Return the weights of the branches in their sum, and the gates, of a group."""
        bases = self.shape.bases
        shares = Numbers([1.0] * bases, EIGHTH, False) if self.shape.learned else None
        count = {"scalar": 1, "per_branch": bases}.get(self.shape.gate, 0)
        return shares, Numbers([0.5] * count, EIGHTH, True) if gated else None

    def chain(self, blocks: list[Block], gated: bool) -> Group:
        """Return K copies of the blocks, the last one without pool and sign."""
        branches = [
            nn.Sequential(*map(self.block(at), blocks[:-1]), self.open(at, blocks[-1])) for at in self.bases()
        ]
        found = Group(branches, *self.numbers(gated), blocks[-1].pool, binary.sign_layer())
        found.places = [self.names[id(block)] for block in blocks]
        return found

    def bases(self) -> range:
        """Return the indices of the branches."""
        return range(self.shape.bases)

    def block(self, branch: int):
        """Return a function that copies a block for a branch, with its own weights."""

        def copied(block: Block) -> Block:
            pad, dot = self.layer(branch, block)
            new = Block(*_sizes(block), pool=block.pool)
            new.pad, new.dot = pad, dot
            return self.rectified(new)

        return copied

    def rectified(self, block: AnyModule) -> AnyModule:
        """Return the block; its norm follows a ReLU if so chosen."""
        if self.shape.relu:
            kind = Rectified2d if isinstance(block.norm, nn.BatchNorm2d) else Rectified1d
            block.norm = kind(block.norm.num_features)
        return block

    def open(self, branch: int, block: AnyModule) -> Summand:
        """Return the block without pool and sign."""
        pad, dot = self.layer(branch, block)
        fraction = GATED_AND_LEARNED_FRACTION if self.shape.learned else GATED_FRACTION
        sizes = block.norm.num_features, length_of(dot), FRACTION if self.shape.gate == "none" else fraction
        kind = Affine2d if isinstance(block.norm, nn.BatchNorm2d) else Affine1d
        norm = MeanAffine2d(*sizes, self.shape.bases) if self.shape.bases > 1 else kind(*sizes)
        return Summand(pad, dot, self.shape.relu, norm)

    def another(self, branch: int, part: AnyModule) -> nn.Module:
        """Return the residual part of a stream for a branch, with its own weights but for the shortcut."""
        conv, rate = part.added.conv, self.shape.rates[branch] if self.shape.rates else 1
        sizes = conv.in_channels, conv.out_channels, conv.stride[0]
        return stream.Residual(*sizes, wider=lambda *_: part.shortcut, rate=rate)

    def layer(self, branch: int, part: AnyModule) -> tuple[nn.Module, AnyModule]:
        """Return padding and a new layer of the sizes of a part's layer, with the dilation of the branch.

        For a layer of several rates and the same number of branches, each branch has one of the rates (binary
        parallel atrous convolution)."""
        inputs, outputs, kernel = _sizes(part)
        if kernel is None:
            return nn.Identity(), binary.linear(inputs, outputs)
        pad, like, wider = part.pad, part.dot, self.shape.rates[branch] if self.shape.rates else 1
        if isinstance(like, MultiRate):
            first: AnyModule = like.pads[0]
            each = first.padding[0] // like.rates[0]
            rates = tuple(rate * wider if self.shape.atrous else wider for rate in like.rates)
            if len(rates) != self.shape.bases or self.shape.decomposition == "lbd":
                return nn.Identity(), MultiRate(inputs, outputs, kernel, each, rates)
            rate = rates[branch]
            return nn.ConstantPad2d(each * rate, -1.0), binary.conv(inputs, outputs, kernel, dilation=rate)
        if wider > 1 and isinstance(pad, nn.Identity):
            raise UserError(
                f"group_net: dilation {wider} on a convolution without padding makes the map of one branch "
                "smaller than the others; use a network with padding, such as segment-tinyseg, or "
                "dilations=none."
            )
        if wider > 1:
            pad = nn.ConstantPad2d(wider * pad.padding[0], -1.0)
        return pad, binary.conv(
            inputs, outputs, kernel, stride=like.stride, dilation=wider * like.dilation[0]
        )

    def summed(self, part: AnyModule) -> nn.Module:
        """Return the part with a sum of K layers in place of one, or in place of each of its rates."""
        added = [self.layer(0, part)[1] for _ in self.bases()]
        if isinstance(part.dot, MultiRate):
            dot = added[0]
            dot.dots = nn.ModuleList(self.sum_of(rate) for rate in zip(*(one.dots for one in added)))
        else:
            dot = self.sum_of(added)
        part.dot = dot
        return self.rectified(part)

    def sum_of(self, layers: Sequence[AnyModule]) -> AnyModule:
        """Return K layers as one."""
        return Sum(list(layers), self.shape.learned)


def _is_convolution(part) -> bool:
    normed = isinstance(part, Block) and isinstance(part.norm, nn.BatchNorm2d)
    return normed and not getattr(part, "pixels", False)


def _sizes(part) -> tuple[int, int, int | None]:
    """Return inputs, outputs and kernel; the kernel is None for a dense layer."""
    outputs, inputs, *kernel = added_in(part.dot)[0].weight.shape
    return inputs, outputs, kernel[0] if kernel else None


def _blocks(run: list[AnyModule]) -> list[list[AnyModule]]:
    """Split a run into blocks: up to a pool in a chain, with each layer of several rates on its own; two
    layers if there are no pools."""
    if isinstance(run[0].norm, nn.BatchNorm1d):
        return [run[at : at + 2] for at in range(0, len(run), 2)]
    blocks: list[list[AnyModule]] = [[]]
    for part in run:
        rates = isinstance(part.dot, MultiRate)
        if rates and blocks[-1]:
            blocks.append([])
        blocks[-1].append(part)
        if part.pool > 1 or rates:
            blocks.append([])
    return [block for block in blocks if block]
