"""Random folded networks of small operators, and one bench that holds many of them."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from draws import Draws

from xnorforge.flows.backends import rtl
from xnorforge.hw import graph
from xnorforge.hw.cycles import CycleModel
from xnorforge.hw.ops.base import HwOp, numbered
from xnorforge.hw.ops.fifo.op import Fifo
from xnorforge.hw.ops.fork.op import Fork
from xnorforge.hw.ops.join.op import Join
from xnorforge.hw.ops.max_pool.op import MaxPool
from xnorforge.hw.ops.reorder.op import Reorder, reorder_of
from xnorforge.hw.ops.sign_mvu.op import SignMvu
from xnorforge.hw.ops.threshold.op import Threshold
from xnorforge.hw.ops.top_k.op import TopK
from xnorforge.hw.ops.width.op import Width
from xnorforge.hw.ops.window.op import Window
from xnorforge.hw.wrap import headers, library
from xnorforge.sim import device, verilate


class RandomNetwork(Draws):
    """A random network: a picture of bits, some stages, scores. `ops`: in the order of a folded graph."""

    def __init__(self, seed: int):
        self.rng = np.random.default_rng(seed)
        (self.others,) = self.rng.spawn(1)  # for what came later, so that networks stay those they were
        self.ops: list[HwOp] = []
        side, channels = self.pick(4, 5, 6, 7), self.pick(2, 4, 6)
        self.shape, self.bits, self.signed = (side, side, channels), 1, 0
        self.tensor, self.lanes = "x", self.divisor(channels)
        self.fifo()
        for _ in range(self.pick(1, 2, 3)):
            stages = [self.fifo, self.convolution, self.bypass, self.repeated]
            stages += [self.pool] if min(self.shape[:2]) >= 4 else []
            self.pick(*stages)()
        self.scores()

    def divisor(self, number: int) -> int:
        return self.pick(*(one for one in range(1, number + 1) if number % one == 0))

    def add(self, operator: type[HwOp], arrays=None, /, **attributes) -> HwOp:
        """One more operator, which reads what the last one gives."""
        op = operator.make(f"{operator.__name__.lower()}_{len(self.ops)}", arrays, **attributes)
        op.onnx_node.input[0] = self.tensor
        self.ops.append(op)
        stream = op.out_stream()
        self.tensor, self.shape, self.lanes = op.results[0], stream.shape, stream.lanes
        self.bits, self.signed = stream.bits, int(stream.signed)
        return op

    def width(self, lanes: int) -> None:
        """Convert to so many lanes, over one lane where neither divides the other."""
        if self.lanes % lanes and lanes % self.lanes:
            self.width(1)
        if self.lanes != lanes:
            stream = {"bits": self.bits, "signed": self.signed, "gap": self.pick(0, 1)}
            self.add(Width, shape=list(self.shape), in_lanes=self.lanes, out_lanes=lanes, **stream)

    def fifo(self, depth: int = 0) -> None:
        stream = {"bits": self.bits, "signed": self.signed, "lanes": self.lanes}
        kind = self.pick("auto", "lut", "block")
        depth = depth or self.pick(1, 2, 3, 4, 7, 20)
        self.add(Fifo, shape=list(self.shape), depth=depth, kind=kind, **stream)

    def matrix(self, results: int, thresholds: bool = True) -> None:
        *places, length = self.shape
        simd, pe, vectors = self.divisor(length), self.divisor(results), int(np.prod(places))
        several = [one for one in range(2, results + 1) if vectors % one == 0]
        pixels = int(self.others.choice([1, 1, *several]))
        if pixels > 1:
            simd, pe = length, results
        self.width(simd)
        arrays = {"weights": self.rng.integers(0, 2, (length, results))}
        if thresholds:
            arrays["thresholds"] = self.rng.integers(0, length + 2, results)
        self.add(SignMvu, arrays, mw=length, mh=results, simd=simd, pe=pe, vectors=vectors, pixels=pixels,
                 in_shape=list(self.shape), out_shape=[*places, results])  # fmt: skip

    def convolution(self, same: bool = False) -> None:
        """A window of 3 x 3 or 2 x 2 and its matrix."""
        channels, kernel = self.shape[2], 3 if same or min(self.shape[:2]) < 3 else self.pick(2, 3)
        pad = 1 if same or min(self.shape[:2]) < 4 else self.pick(0, 1)
        simd = self.divisor(channels)
        self.width(simd)
        self.add(Window, ifm=list(self.shape), kernel=[kernel] * 2, pads=[pad] * 4, simd=simd,
                 stride=[1 if same else self.pick(1, 2)] * 2)  # fmt: skip
        self.matrix(channels if same else self.pick(2, 3, 4, 8))

    def pool(self) -> None:
        pe = self.divisor(self.shape[2])
        self.width(pe)
        self.add(MaxPool, ifm=list(self.shape), kernel=[2, 2], stride=[2, 2], pe=pe)

    def repeated(self) -> None:
        """Rows or columns twice, of small pictures."""
        if np.prod(self.shape) > 128:
            return self.pool()
        places = np.arange(np.prod(self.shape)).reshape(self.shape).repeat(2, axis=self.pick(0, 1))
        attributes, arrays = reorder_of(self.shape, places)
        self.add(Reorder, arrays, **attributes, pe=self.lanes)
        return None

    def bypass(self) -> None:
        """A convolution and a FIFO around it, added; its depth drawn, but enough that nothing deadlocks."""
        shape, channels = self.shape, self.shape[2]
        fork = self.add(Fork, in_shape=list(shape), readers=2, pe=self.lanes)
        lanes, (self.tensor, around) = self.lanes, fork.results
        self.convolution(same=True)
        self.width(lanes)
        main, self.tensor = self.tensor, around
        self.fifo(self.pick(3, 9, 30, int(np.prod(shape))))
        fifo = self.ops[-1]
        join = self.add(Join, {"multipliers": np.ones((2, channels), np.int64)}, in_shape=list(shape),
                        in_bits=[1, 1], in_signed=[0, 0], pe=lanes, out_bits=3, out_signed=1)  # fmt: skip
        join.onnx_node.input[1], join.onnx_node.input[0] = fifo.results[0], main
        while CycleModel(self.ops).run(3).deadlock:
            fifo.set_nodeattr("depth", 2 * fifo.get_nodeattr("depth"))
        thresholds = {"thresholds": self.rng.integers(0, 3, (channels, 1))}
        self.add(Threshold, thresholds, in_shape=list(shape), pe=lanes, in_bits=3, in_signed=1)

    def scores(self) -> None:
        """A dense layer, now and then with the largest scores behind it."""
        self.shape = (int(np.prod(self.shape)),)
        self.matrix(self.pick(1, 3, 4), thresholds=False)
        if self.pick(0, 1):
            self.width(1)
            self.add(TopK, n=self.shape[0], k=1, in_bits=self.bits)


@dataclass(frozen=True)
class Bench:
    """Networks side by side, each on a lane of its own; `called`: per network {stream of its top: tensor}."""

    networks: list[list[HwOp]]
    device: device.Device
    called: list[dict[str, str]]

    def beats(self, network: int, run) -> dict[str, list[int]]:
        """{tensor: cycle of every beat} of the last run."""
        ops, called = self.networks[network], self.called[network]
        found: dict[str, list[int]] = {ops[0].sources[0]: run.taken[0].tolist()}
        for line in (self.device.folder / f"beats_{network}.txt").read_text().splitlines():
            name, cycle = line.split()
            found.setdefault(called[name], []).append(int(cycle))
        return found


def watched(text: str, ops: list[HwOp], modules: list[str], file: str) -> tuple[str, dict[str, str]]:
    """A top that also writes the cycles of all inner beats to a file; {stream in the file: tensor}."""
    called, end = {}, text[text.rindex("endmodule") :]
    lines = ["  integer file;", "  longint cycle_q;", f'  initial file = $fopen("{file}", "w");']
    lines += ["  always_ff @(posedge aclk) begin", "    cycle_q <= aresetn ? cycle_q + 1 : 0;"]
    for op, module in zip(ops, modules):
        for tensor, name in zip(op.results, numbered(module.removeprefix("layer"), op.outputs)):
            called[name] = tensor
            moved = f"aresetn && valid{name} && ready{name}"
            lines.append(f'    if ({moved}) $fdisplay(file, "{name} %0d", cycle_q);')
    return text.replace(end, "\n".join([*lines, "  end", end])), called


def bench_of(networks: list[list[HwOp]], folder: Path) -> Bench:
    """Write the tops of networks and a bench that holds them, and build it."""
    lanes, cells, ports, sources, called = [], [], ["  input logic clk_i"], {}, []
    for number, ops in enumerate(networks):
        for path in [*library(ops), *headers()]:
            shutil.copy(path, folder)
            sources |= {path.name: None} if path.suffix == ".sv" else {}
        layers = [rtl.write_layer(folder, 100 * number + index, op) for index, op in enumerate(ops)]
        modules = [layer["module"] for layer in layers]
        text = rtl.top(ops, modules).replace("xf_top", f"net_{number}")
        text, names = watched(text, ops, modules, f"beats_{number}.txt")
        called.append(names)
        (folder / f"net_{number}.sv").write_text(text)
        sources |= {layer["file"]: None for layer in layers} | {f"net_{number}.sv": None}
        name, pairs = f"lane_{number}", [f".aclk(clk_i), .aresetn(lane_{number}_rst_ni)"]
        ports.append(f"  input logic {name}_rst_ni")
        found = []
        for side, stream, (data, back) in (
            ("s", ops[0].in_stream(), ("input", "output")),
            ("m", ops[-1].out_stream(), ("output", "input")),
        ):
            wide = -(-stream.width // 8) * 8
            roles = {"tdata": data, "tvalid": data, "tready": back} | ({"tlast": data} if side == "m" else {})
            wires = [f"{name}_{side}_{role}" for role in roles]
            for wire, (role, way) in zip(wires, roles.items()):
                bits = f"[{wide - 1}:0] " if role == "tdata" else ""
                ports.append(f"  {way} logic {bits}{wire}")
                pairs.append(f".{side}_axis_{role}({wire})")
            found.append(device.Port(stream, *wires[:3], wide, wires[3] if side == "m" else None))
        pause = (f"{name}_pause", len(graph.inner_tensors(ops)))
        ports.append(f"  input logic [{pause[1] - 1}:0] {pause[0]}")
        pairs.append(f".pause_i({pause[0]})")
        cells.append(f"  net_{number} u_{name} ({', '.join(pairs)});\n")
        ends = (found[:1], found[1:])
        lanes.append(device.Lane(name, f"{name}_rst_ni", *ends, device.patience(ops), pause=pause))
    head, body = ",\n".join(ports), "".join(cells)
    (folder / "xf_bench.sv").write_text(f"module xf_bench (\n{head}\n);\n{body}endmodule : xf_bench\n")
    files = [folder / file for file in [*sources, "xf_bench.sv"]]
    program = verilate.compile_model(
        "xf_bench", files, device.ports_header("clk_i", lanes), [folder], ("XF_SIM", "XF_PAUSE"),
        level="-O0",
    )  # fmt: skip
    return Bench(networks, device.Device(program, lanes, folder=folder), called)
