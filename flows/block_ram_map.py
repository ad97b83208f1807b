"""Block RAMs mapped as by Yosys, but with their contents inserted into the cells here.

Yosys' own map computes the parameters of every block bit by bit, which takes most of the synthesis time of a
layer with many weights. The netlist is the same, byte for byte (tests/flows/test_synth.py).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

NAME = "block_rams.v"
WORD = 256  # bits of a parameter with contents
ONE_BLOCK = 36 * 1024  # bits; the contents that two blocks share are left to Yosys
_INCLUDE = re.compile(r'^`include "(.*)"$', re.MULTILINE)
_CONTENTS = re.compile(r"`PARAMS_INIT_(\d+)\s+`PARAMS_INITP_\1\s+")


def without_contents(name: str) -> str:
    """A map from Yosys' shared folder, without the contents of single blocks."""
    found = find_spec("pyosys")  # not imported: yosys_job.py decides through which path that is done
    assert found is not None and found.origin is not None
    path = Path(found.origin).parent / "share" / name
    whole = _INCLUDE.sub(lambda one: (path.parent / one[1]).read_text(), path.read_text())
    return _CONTENTS.sub("", whole)


@contextmanager
def contents_aside(design) -> Iterator[None]:
    """Remove the contents of block RAMs while a design is mapped, then insert them into the cells:
    eight bits of each word of nine into the parameters INIT_xx, the ninth into INITP_xx."""
    from pyosys.libyosys import Const, IdString

    init, found = IdString("\\INIT"), []
    for module in design.all_selected_modules():
        for cell in module.selected_cells():
            if cell.type.str().startswith("$__XILINX_BLOCKRAM_") and cell.getParam(init).size() <= ONE_BLOCK:
                found.append((module.name, cell.name, cell.getParam(init).as_string()[::-1]))
                cell.unsetParam(init)
    yield
    for module, name, bits in found:
        cell = design.module(module).cell(name)
        data = "".join(bits[start : start + 8] for start in range(0, len(bits), 9))
        for head, part in (("INIT", data), ("INITP", bits[8::9])):
            for start in range(0, len(part), WORD):
                word = Const.from_string(part[start : start + WORD][::-1])
                cell.setParam(IdString(f"\\{head}_{start // WORD:02X}"), word)
