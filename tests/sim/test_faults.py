"""Single bit faults in the constants of an accelerator: how many the checks find that read them back.

    python tests/sim/test_faults.py ACC COUNT SEED

draws faults in `ACC/rtl/*.mem`, and in the INIT parameters of the cells that the memories of `ACC/netlist`
consist of. A fault that changes no bit at any address in use is none: LUTs have entries that nothing selects.
Layers whose memories became other logic are tried alone by another check, and get no fault in the netlist.
"""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from xnorforge.core.artifacts import read_json
from xnorforge.hw import graph
from xnorforge.sim import memories
from xnorforge.sim.netlist_memories import Netlist


class Layer:
    """A layer with memories, its files and its netlist."""

    def __init__(self, acc: Path, record: dict, op):
        rtl = acc / "rtl"
        sources = "".join(path.read_text() for path in rtl.glob("xf_*.sv"))
        self.instances = {name: file for file, name in memories._FILE.findall(sources)}
        self.op, self.made = op, op.memories()
        self.given, files = memories.instantiated((rtl / record["file"]).read_text())
        self.texts = {name: (rtl / file).read_text() for name, file in files.items()}
        self.netlist = Netlist((acc / "netlist" / f"{record['module']}.v").read_text())
        self.right = self.contents()
        self.sites = self.of_memories()

    @property
    def bits(self) -> int:
        """Of all memories."""
        return sum(width * len(words) for width, words in self.made.values())

    def contents(self) -> dict[str, np.ndarray]:
        """Of the netlist's memories."""
        return memories.mapped_contents(self.netlist, self.instances, self.made)

    def wrong(self, contents: dict[str, np.ndarray], whole: bool = False) -> int:
        """Numbers and bits that the check finds, of files or of the netlist's memories."""
        return sum(
            memories.wrong_numbers(self.op, name, self.made[name], found, self.given, whole)[1]
            for name, found in contents.items()
        )

    def of_memories(self) -> list[tuple[dict, str, int]]:
        """Each defined digit in an INIT parameter of their cells: parameters, name, place."""
        own, evaluate = {}, self.netlist._cell

        def seen(kind, given, *rest):
            own[id(given)] = given
            return evaluate(kind, given, *rest)

        with mock.patch.object(self.netlist, "_cell", seen):
            self.contents()
        return [
            (given, name, at)
            for given in own.values()
            for name, value in given.items()
            if name.startswith("INIT") and name not in ("INIT_A", "INIT_B") and "'" in value
            for at in range(value.index("'") + 2, len(value))
            if value[at] != "x"
        ]


def inverted(digit: str, base: str, rng) -> str:
    """A digit with one bit turned."""
    return f"{int(digit, 16) ^ (1 << int(rng.integers(4 if base == 'h' else 1))):x}"


def campaign(acc: Path, count: int, seed: int) -> dict[str, int]:
    """`count` faults in the RTL's files and as many in the netlist: found, and those without effect."""
    rng, tally = np.random.default_rng(seed), {"rtl": 0, "netlist": 0, "none": 0}
    pairs = zip(read_json(acc / "rtl" / "rtl.json")["layers"], graph.operators(acc / "folded.onnx"))
    layers = [Layer(acc, record, op) for record, op in pairs if record["memories"]]
    bits = np.array([layer.bits for layer in layers])
    read = bits * [bool(layer.sites) for layer in layers]
    shares = zip(layers, *(rng.multinomial(count, part / part.sum()) for part in (bits, read)))
    for layer, share, in_netlist in shares:
        names = [*layer.texts]
        sizes = np.array([layer.made[name][0] * len(layer.made[name][1]) for name in names])
        for number in rng.choice(len(names), share, p=sizes / sizes.sum()):
            width, words = layer.made[names[number]]
            lines = layer.texts[names[number]].splitlines()
            at, bit = rng.integers(len(words)), int(rng.integers(width))
            lines[at] = f"{int(lines[at], 16) ^ 1 << bit:x}"
            wrong = {names[number]: memories.of_file("\n".join(lines), width)}
            tally["rtl"] += layer.wrong(wrong, whole=True) > 0
        done = 0
        while done < in_netlist:
            given, name, at = layer.sites[rng.integers(len(layer.sites))]
            right = given[name]
            given[name] = (
                f"{right[:at]}{inverted(right[at], right[right.index(chr(39)) + 1], rng)}{right[at + 1 :]}"
            )
            found = layer.contents()
            given[name] = right
            if all((x == layer.right[key]).all() for key, x in found.items()):
                tally["none"] += 1
                continue
            done += 1
            tally["netlist"] += layer.wrong(found) > 0
    return tally


@pytest.mark.full
def test_all_faults_in_the_constants_of_rtl_and_netlist_are_found(tmp_path):
    from test_netlist import accelerator

    tally = campaign(accelerator(tmp_path, "pynq-z2"), 200, 1)
    assert (tally["rtl"], tally["netlist"]) == (200, 200)


if __name__ == "__main__":
    print(campaign(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
