"""The module of a loop: its body's operators, connected, and the memories of its states around them."""

from xnorforge.hw.wrap import verilog_literal


def written(op) -> str:
    """The text; MODULE is the module's name. A parameter M<k><name> is the file of the body's operator k."""
    streams, files = op.state_streams(), op.memories()
    part, *states = op.body_inputs()
    source, sink, steps = op.in_stream(), op.out_stream(), op.get_nodeattr("steps")
    number: dict[str, int] = {}
    lines: list[str] = []
    every = {part: source} | dict(zip(states, streams.values()))
    every |= {name: stream for one in op.inner for name, stream in zip(one.results, one.out_streams())}
    for k, (name, stream) in enumerate(every.items()):
        number[name] = k
        lines += [f"logic [{stream.width - 1}:0] data_{k};", f"logic valid_{k}, ready_{k};"]
    count = len(states)
    lines += [
        "logic start, run, first, second, pull;", f"logic [{count - 1}:0] held;",
        f"xf_loop #(.Steps({steps}), .PartBeats({source.beats // steps}), .PartWidth({source.width}), "
        f".States({count}), .Beats({sink.beats}), .Width({sink.width})) u_loop (",
        "  .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,",
        "  .part_data_o(data_0), .part_valid_o(valid_0), .part_ready_i(ready_0),",
        "  .start_o(start), .run_o(run), .first_o(first), .second_o(second), .held_i(held),",
        "  .word_i(data_1), .pull_o(pull)", ");",
    ]  # fmt: skip
    for k, (name, made, first) in enumerate(zip(states, streams, op.starts(1))):
        stream, n, m = streams[made], number[name], number[made]
        pull = "1'b0" if k else "pull"
        words = [sum(int(limb) << 32 * j for j, limb in enumerate(row)) for row in stream.pack(first)]
        value = sum(word << stream.width * place for place, word in enumerate(words))
        lines += [
            f"xf_loop_state #(.Beats({stream.beats}), .Width({stream.width}), "
            f".Start({verilog_literal((stream.beats * stream.width, value))})) u_state_{k} (",
            "  .clk_i, .rst_ni, .start_i(start), .run_i(run), .first_i(first), .second_i(second),",
            f"  .data_o(data_{n}), .valid_o(valid_{n}), .ready_i(ready_{n}), .next_data_i(data_{m}),",
            f"  .next_valid_i(valid_{m}), .held_o(held[{k}]), .pull_i({pull})",
            ");", f"assign ready_{m} = 1'b1;",
        ]  # fmt: skip
    for k, one in enumerate(op.inner):
        module, parameters = one.rtl()
        given = [f".{key}({verilog_literal(value)})" for key, value in parameters.items()]
        given += [f".{key}(M{k}{key})" for key in one.memories()]
        constants = ", .load_i('0)" if one.has_load_port else ""
        sides = [_together(number, names) for names in (one.sources, one.results)]
        (s_data, s_valid, s_ready), (m_data, m_valid, m_ready) = sides
        lines += [
            f"{module} #({', '.join(given)}) u_{k} (", "  .clk_i, .rst_ni,",
            f"  .s_data_i({s_data}), .s_valid_i({s_valid}), .s_ready_o({s_ready}),",
            f"  .m_data_o({m_data}), .m_valid_o({m_valid}), .m_ready_i({m_ready}){constants}", ");",
        ]  # fmt: skip
    names = ", ".join(f'parameter {name} = ""' for name in files)
    head = f"module MODULE {f'#({names}) ' if names else ''}("
    ports = [
        "input  logic clk_i,", "input  logic rst_ni,",
        f"input  logic [{source.width - 1}:0] s_data_i,", "input  logic s_valid_i,",
        "output logic s_ready_o,",
        f"output logic [{sink.width - 1}:0] m_data_o,", "output logic m_valid_o,", "input  logic m_ready_i",
    ]  # fmt: skip
    body = "".join(f"  {line}\n" for line in lines)
    return (
        "// SPDX-License-Identifier: Apache-2.0\n//\n// A loop and its body, generated.\n\n"
        + f"{head}\n" + "".join(f"  {port}\n" for port in ports) + f");\n\n{body}\nendmodule : MODULE\n"
    )  # fmt: skip


def _together(number: dict[str, int], names: list[str]) -> list[str]:
    """Data, valid and ready of tensors as one port each, the first in the lowest bits."""
    columns = [[f"{kind}_{number[name]}" for name in reversed(names)] for kind in ("data", "valid", "ready")]
    return [column[0] if len(column) == 1 else f"{{{', '.join(column)}}}" for column in columns]
