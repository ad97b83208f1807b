"""An operator as a module without parameters, for the top, the operator bench and the netlist."""

import inspect
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from xnorforge.hw.ops.base import HwOp

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
_DEFINED = re.compile(r"^\s*(?:module|package|interface)\s+(?:automatic\s+)?(\w+)", re.MULTILINE)
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def wrapper(op: HwOp, module: str) -> tuple[str, dict[str, str]]:
    """Write the module `module` that instantiates `op` with its parameters and memory files.

    The instance is called `u_op`; the ports are those of every operator (docs/guide/operators.md), and its
    own `side_ports`.

    Returns:
        The SystemVerilog text, and the memory files {`<module>_<parameter>.mem`: hex words, one per line}.
    """
    sources, sinks = op.in_streams(), op.out_streams()
    name, parameters = op.rtl()
    memories = {key: (f"{module}_{key}.mem", *words) for key, words in op.memories().items()}
    given = [f".{key}({verilog_literal(value)})" for key, value in parameters.items()]
    given += [f".Load({op.first_load})"] if op.first_load else []
    given += [f'.{key}("{file}")' for key, (file, _, _) in memories.items()]
    assigned = ",\n    ".join(given)
    side = op.side_ports()
    more = "".join(
        f",\n  {'output' if alone is None else 'input '} logic [{bits - 1}:0] {port}"
        for port, (bits, alone) in side.items()
    )
    passed = "".join(f",\n    .{port}" for port in side)
    passed += ",\n    .load_i('0)" if op.has_load_port and not op.first_load else ""
    text = f"""{SPDX}//
// {op.name}: {type(op).__name__}, {_shapes(sources)} to {_shapes(sinks)}, generated.

module {module} (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic [{sum(stream.width for stream in sources) - 1}:0] s_data_i,
  input  logic {_each(sources)}s_valid_i,
  output logic {_each(sources)}s_ready_o,
  output logic [{sum(stream.width for stream in sinks) - 1}:0] m_data_o,
  output logic {_each(sinks)}m_valid_o,
  input  logic {_each(sinks)}m_ready_i{more}
);

  {name} #(
    {assigned}
  ) u_op (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i{passed}
  );

endmodule : {module}
"""
    return text, {file: _hex(bits, words) for file, bits, words in memories.values()}


def verilog_literal(value: int | str | tuple[int, int]) -> str:
    """A parameter: a name, a number, or (bits, number) where it is wider than the 32 bits of a plain one."""
    if isinstance(value, str):
        return value
    return f"{value[0]}'d{value[1]}" if isinstance(value, tuple) else str(int(value))


def _each(streams) -> str:
    """The range of a port with one bit per stream."""
    return f"[{len(streams) - 1}:0] " if len(streams) > 1 else ""


def _shapes(streams) -> str:
    return " and ".join(str(stream.shape) for stream in streams)


def library(ops: Iterable[HwOp]) -> list[Path]:
    """The SystemVerilog files that the operators need, in reading order: packages, shared modules, the ops'
    own.
    """
    shared = sorted(
        _found(files("xnorforge.hw") / "rtl", ".sv"), key=lambda path: (not path.stem.endswith("_pkg"), path)
    )
    folders = {Path(inspect.getfile(type(one))).parent for op in ops for one in (op, *op.inner)}
    return shared + [path for folder in sorted(folders) for path in _found(folder, ".sv")]


def files_used(texts: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """Names of those files of `known` ({file: text}) that texts refer to, directly or not, in its order."""
    uses = _uses(tuple(known.items()))
    place = {word: name for name, (defined, _) in uses.items() for word in defined}
    place |= {Path(name).stem: name for name in known}
    found: set[str] = set()
    waiting = [set(_WORD.findall(bare(text))) for text in texts]
    while waiting:
        named = {place[word] for word in waiting.pop() if word in place} - found
        found |= named
        waiting += [uses[name][1] for name in named]
    return [name for name in known if name in found]


@lru_cache(1)
def _uses(files: tuple[tuple[str, str], ...]) -> dict[str, tuple[list[str], set[str]]]:
    """For each file, what it defines and all its words; computed once per layer of a design."""
    plain = {name: bare(text) for name, text in files}
    return {name: (_DEFINED.findall(text), set(_WORD.findall(text))) for name, text in plain.items()}


def bare(text: str) -> str:
    """SystemVerilog without comments and empty lines."""
    lines = (line.rstrip() for line in _COMMENT.sub("", text).splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def headers() -> list[Path]:
    """The files that the library includes; the tools need their folder in the include path."""
    return _found(files("xnorforge.hw") / "rtl", ".svh")


def _found(folder, suffix: str) -> list[Path]:
    return sorted(Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(suffix))


def _hex(bits: int, words) -> str:
    digits = -(-bits // 4)
    return "".join(f"{int(word):0{digits}x}\n" for word in words)
