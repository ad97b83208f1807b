"""Neurons that are tables: A. T. L. Bacellar, Z. Susskind, M. Breternitz Jr., E. John, L. K. John, P. M. V.
Lima, F. M. G. França, "Differentiable Weightless Neural Networks", ICML 2024.

    tables   a neuron reads `fan_in` bits and answers with an entry of its table; entries and the bits that
             it reads are learned by extended finite differences
    scores   how many neurons of its group vote for a class, less those that vote against it

A table of six bits is one LUT of most FPGAs, whatever its entries are. docs/methods/dwn.md describes the
differences from the paper.
"""

from dataclasses import dataclass
from math import log2

import torch
import torch.nn.functional as F
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.sw.methods import base
from xnorforge.sw.nn import binary, building_blocks

MOST = 8  # bits that a table reads
LARGEST = 12  # score


def finite_differences(bits: int) -> torch.Tensor:
    """Return the extended finite differences as matrices D, (bits, 2^bits, 2^bits): of a table T, row a of
    T @ D[j] is the change of the answer with input j at the address a.

    D[j][k, a] = (-1)^(1 - k_j) / (H(k, a; j) + 1), H counts bits other than j in which k and a differ."""
    address = torch.arange(1 << bits)
    bit = (address[:, None] >> torch.arange(bits) & 1).float()  # (2^bits, bits)
    apart = (bit[:, None] - bit[None]).abs()  # (k, a, j)
    others = apart.sum(-1, keepdim=True) - apart
    return ((2 * bit[:, None] - 1) / (others + 1)).permute(2, 0, 1).contiguous()


class _Answer(torch.autograd.Function):
    """The entries that bits (neurons, k, N) choose of tables (neurons, 2^k) of -1 and +1."""

    @staticmethod
    def forward(ctx, read, table, slopes):
        neurons, entries = table.shape
        powers = 2.0 ** torch.arange(read.shape[1])[:, None]
        address = ((read * powers).sum(1) + (entries - 1)) / 2
        at = address.long() + torch.arange(neurons)[:, None] * entries
        ctx.save_for_backward(at, table, slopes)
        return table.flatten().take(at)

    @staticmethod
    def backward(ctx, *gradients):
        (gradient,), (at, table, slopes) = gradients, ctx.saved_tensors
        entries = torch.bincount(at.flatten(), gradient.flatten(), table.numel()).view_as(table)
        changes = [(table @ slope / 2).take(at).mul_(gradient) for slope in slopes]
        return torch.stack(changes, 1), entries.to(table.dtype), None


class _Read(torch.autograd.Function):
    """The bits (neurons, k, N) that are read of x (N, inputs); all preferences learn from their gradients."""

    @staticmethod
    def forward(ctx, x, preference, wires):
        ctx.save_for_backward(x, wires)
        ctx.learns = preference is not None and preference.requires_grad
        return x.t().contiguous().index_select(0, wires.flatten()).view(*wires.shape, -1)

    @staticmethod
    def backward(ctx, *gradients):
        gradient, (x, wires) = gradients[0].flatten(0, 1), ctx.saved_tensors
        into = None
        if ctx.needs_input_grad[0]:
            into = torch.zeros_like(x.t()).index_add_(0, wires.flatten(), gradient).t()
        return into, gradient @ x if ctx.learns else None, None


class Lookup(nn.Module):
    """Neurons that are tables: bits to bits.

    Attributes:
        dot: has the entries as its binary weights, entry a of neuron n at n 2^k + a.
        wires: the inputs that a neuron reads, (neurons, k), for the lowest bit of an address first.
        preference: for every bit of an address that of all inputs, (neurons k, inputs); None if `wires` stay.
    """

    wires: torch.Tensor
    dot: binary.AnyModule

    def __init__(self, inputs: int, outputs: int, fan_in: int, learned: bool):
        super().__init__()
        self.inputs, self.slopes = inputs, finite_differences(fan_in)
        self.dot = binary.linear(1, outputs << fan_in)
        nn.init.uniform_(self.dot.weight, -1, 1)
        self.register_buffer("wires", torch.randint(inputs, (outputs, fan_in)))
        self.preference = nn.Parameter(torch.rand(outputs * fan_in, inputs)) if learned else None

    def forward(self, x):
        if self.dot.weight_quant.export_mode:
            return self._looked_up(x)
        if self.preference is not None and self.preference.requires_grad:
            self.read_preferred()
        table = binary.quantiser(self.dot).quantised(self.dot.weight).view(len(self.wires), -1)
        return _Answer.apply(_Read.apply(x, self.preference, self.wires), table, self.slopes).t()

    def read_preferred(self) -> None:
        """Read the inputs of the largest preferences."""
        assert self.preference is not None
        self.wires.copy_(self.preference.detach().argmax(1).view_as(self.wires))

    def _looked_up(self, x):
        """The same in operators of ONNX: the address is a sum of bits, and all tables are one."""
        neurons, bits = self.wires.shape
        reads = torch.arange(self.inputs)[:, None, None] == self.wires
        powers = 2.0 ** torch.arange(bits)
        first = (torch.arange(neurons) << bits) + ((1 << bits) - 1) / 2
        at = x @ (reads * powers / 2).sum(-1) + first
        return F.embedding(at.long(), self.dot.weight_quant(self.dot.weight).value).squeeze(-1)

    def store_deployed(self) -> None:
        """Settle the inputs, and forget the preferences."""
        if self.preference is not None and self.preference.requires_grad:
            self.read_preferred()
        self.preference = None


class Votes(nn.Module):
    """Scores: the sum of each class's neurons, times 2^k so that the largest is about `LARGEST`."""

    groups: torch.Tensor

    def __init__(self, inputs: int, classes: int):
        super().__init__()
        members = torch.arange(inputs) * classes // inputs
        self.register_buffer("groups", F.one_hot(members, classes).float(), persistent=False)
        self.scale = 2.0 ** round(log2(LARGEST * classes / inputs))

    def forward(self, x):
        return x @ self.groups * self.scale


@dataclass
class Method(base.Method):
    """Dense layers of bits are tables; all others train straight through."""

    fan_in: int = 6  #: inputs that a neuron reads
    search_share: float = 0.5  #: share of the epochs before the inputs are settled

    def __post_init__(self):
        if not 1 <= self.fan_in <= MOST:
            raise UserError(
                f"dwn: fan_in={self.fan_in} is not a size of a table that is built; give 1 to {MOST}."
            )
        if not 0 <= self.search_share < 1:
            raise UserError(
                f"dwn: search_share={self.search_share} leaves no epoch with settled inputs; give 0 or more, "
                "below 1."
            )

    def adapted(self, network, _shape):  # noqa: ARG002
        raise UserError(
            f"dwn: {self.net} is not made of the parts of sw/nn/building_blocks.py, of which dense ones can "
            "be tables; use one that is, such as NET=mnist-lut_large."
        )

    def build(self, net):
        self.net = net
        return super().build(net)

    def structured(self, network):
        tables = False
        for name, part in list(network.named_children()):
            if isinstance(part, building_blocks.Block):
                tables = isinstance(part.dot, nn.Linear) and not part.pixels
                if tables:
                    sizes = part.dot.in_features, part.dot.out_features, self.fan_in
                    setattr(network, name, Lookup(*sizes, self.search_share > 0))
            elif isinstance(part, building_blocks.Scores) and tables:
                setattr(network, name, Votes(part.dot.in_features, part.dot.out_features))
        return network

    def phases(self, recipe):
        search = min(round(recipe.epochs * self.search_share), recipe.epochs - 1)
        settled = base.Phase("train", recipe.epochs - search, recipe.lr)
        return [base.Phase("search", search, recipe.lr), settled] if search else [settled]

    def begin(self, run):
        """Settle the inputs when the second phase begins."""
        for part in run.network.modules():
            if isinstance(part, Lookup) and part.preference is not None:
                part.read_preferred()
                part.preference.requires_grad_(run.phase.name == "search")
