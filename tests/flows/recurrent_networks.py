"""A GRU and an LSTM in Brevitas, unrolled over time, binary weights, gates and states behind quantisers."""

import brevitas.nn as qnn
import torch
from brevitas.quant import Int8ActPerTensorFixedPoint, Uint8ActPerTensorFixedPoint
from brevitas.quant.binary import SignedBinaryWeightPerTensorConst
from torch import nn

FEATURES, UNITS, STEPS, CLASSES = 6, 16, 8, 5


class Binary(SignedBinaryWeightPerTensorConst):
    scaling_const = 0.125


class Levels(Int8ActPerTensorFixedPoint):
    bit_width = 4


class Gate(Uint8ActPerTensorFixedPoint):
    bit_width = 3


def matrix(inputs: int, outputs: int) -> nn.Module:
    return qnn.QuantLinear(inputs, outputs, bias=False, weight_quant=Binary)


class Recurrent(nn.Module):
    """Matrices `x<gate>` and `h<gate>` for every gate, and those that `forward` of a subclass needs."""

    gates = ""

    def __init__(self):
        super().__init__()
        self.inputs = nn.ModuleDict({gate: matrix(FEATURES, UNITS) for gate in self.gates})
        self.states = nn.ModuleDict({gate: matrix(UNITS, UNITS) for gate in self.gates})
        self.opened = nn.ModuleDict({gate: qnn.QuantSigmoid(act_quant=Gate) for gate in self.gates})
        self.new, self.kept, self.cell = (
            qnn.QuantTanh(act_quant=Levels), qnn.QuantIdentity(act_quant=Levels),
            qnn.QuantIdentity(act_quant=Levels),
        )  # fmt: skip
        self.squashed = qnn.QuantTanh(act_quant=Levels)
        self.scores = matrix(UNITS, CLASSES)

    def gate(self, name: str, x, h):
        return self.opened[name](self.inputs[name](x) + self.states[name](h))

    def forward(self, x):
        states = (torch.zeros(len(x), UNITS),) * 2
        for step in range(STEPS):
            states = self.step(x[:, step * FEATURES : (step + 1) * FEATURES], *states)
        return self.scores(states[0])


class GRU(Recurrent):
    gates = "rzn"

    def step(self, x, h, _):
        r, z = self.gate("r", x, h), self.gate("z", x, h)
        n = self.new(self.inputs["n"](x) + r * self.states["n"](h))
        return self.kept(n - z * n + z * h), h


class LSTM(Recurrent):
    gates = "ifog"

    def step(self, x, h, c):
        i, f, o = (self.gate(name, x, h) for name in "ifo")
        c = self.cell(f * c + i * self.new(self.inputs["g"](x) + self.states["g"](h)))
        return self.kept(o * self.squashed(c)), c


def trained(kind: type[Recurrent], seed: int) -> nn.Module:
    """A network whose quantisers have seen some sequences."""
    torch.manual_seed(seed)
    network = kind().train()
    for _ in range(3):
        network(torch.randint(0, 256, (64, STEPS * FEATURES)).float())
    return network.eval()
