"""One operator as a module without parameters: what the top, the operator bench and the netlist instantiate."""

import sys
from importlib.resources import files
from pathlib import Path

from xnorforge.hw.ops.base import HwOp

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def wrapper(op: HwOp, module: str) -> tuple[str, dict[str, str]]:
    """Write the module `module` that instantiates `op` with its parameters and memory files.

    The instance is called `u_op`; the ports are those of every operator (docs/architecture.md).

    Returns:
        The SystemVerilog text, and the memory files {`<module>_<parameter>.mem`: hex words, one per line}.
    """
    source, sink = op.in_stream(), op.out_stream()
    name, parameters = op.rtl()
    memories = {key: (f"{module}_{key}.mem", *words) for key, words in op.memories().items()}
    given = [f".{key}({int(value)})" for key, value in parameters.items()]
    given += [f'.{key}("{file}")' for key, (file, _, _) in memories.items()]
    assigned = ",\n    ".join(given)
    text = f"""{SPDX}//
// {op.name}: {type(op).__name__}, {source.shape} to {sink.shape}, generated.

module {module} (
  input  logic clk_i,
  input  logic rst_ni,
  input  logic [{source.width - 1}:0] s_data_i,
  input  logic s_valid_i,
  output logic s_ready_o,
  output logic [{sink.width - 1}:0] m_data_o,
  output logic m_valid_o,
  input  logic m_ready_i
);

  {name} #(
    {assigned}
  ) u_op (
    .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i
  );

endmodule : {module}
"""
    return text, {file: _hex(bits, words) for file, bits, words in memories.values()}


def library(ops) -> list[Path]:
    """The SystemVerilog files that the operators need, in reading order: packages, shared modules, the ops' own."""
    shared = sorted(
        _found(files("xnorforge.hw") / "rtl", ".sv"), key=lambda path: (not path.stem.endswith("_pkg"), path)
    )
    folders = {Path(sys.modules[type(op).__module__].__file__).parent for op in ops}
    return shared + [path for folder in sorted(folders) for path in _found(folder, ".sv")]


def headers() -> list[Path]:
    """The files that the library includes; the tools need their folder in the include path."""
    return _found(files("xnorforge.hw") / "rtl", ".svh")


def _found(folder, suffix: str) -> list[Path]:
    return sorted(Path(str(entry)) for entry in folder.iterdir() if entry.name.endswith(suffix))


def _hex(bits: int, words) -> str:
    digits = -(-bits // 4)
    return "".join(f"{int(word):0{digits}x}\n" for word in words)
