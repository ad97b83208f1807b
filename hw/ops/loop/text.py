"""The module of a loop: its body's operators, connected, and the memories of its states around them."""

from xnorforge.hw.wrap import verilog_literal


def written(op) -> str:
    """The text; MODULE is the module's name. A parameter M<k><name> is the file of the body's operator k."""
    streams = op.state_streams()
    part, *states = op.body_inputs()
    source, sink, steps = op.in_stream(), op.out_stream(), op.get_nodeattr("steps")
    number, lines = _wires(op, {part: source} | dict(zip(states, streams.values())))
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
    lines += _body(op, number, "rst_ni", "'0")
    return _module(op, lines)


def written_whole(op) -> str:
    """As `written`, of a loop over whole frames."""
    ((made, stream),) = op.state_streams().items()
    (read,) = op.body_inputs()
    source, sink, store = op.in_stream(), op.out_stream(), op.store
    taken = op.read_as()[read]
    number, lines = _wires(op, {read: taken})
    n, m = number[read], number[made]
    kept = op.state()
    module, parameters = store.rtl()
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    lines += [
        f"logic [{kept.width - 1}:0] put_data, got_data;",
        "logic put_valid, put_ready, got_valid, got_ready, body_rst_n;", "logic [17:0] page;",
        f"xf_loop_frame #(.Steps({op.get_nodeattr('steps')}), .Beats({kept.beats}), "
        f".Lanes({kept.lanes}), .Signed({int(kept.signed)}), .InBits({source.bits}), .Bits({kept.bits}), "
        f".ReadBits({taken.bits}), .MadeBits({stream.bits}), .OutBits({sink.bits})) u_loop (",
        "  .clk_i, .rst_ni, .s_data_i, .s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i,",
        "  .body_rst_no(body_rst_n), .page_o(page), "
        f".body_data_o(data_{n}), .body_valid_o(valid_{n}), .body_ready_i(ready_{n}),",
        f"  .next_data_i(data_{m}), .next_valid_i(valid_{m}), .put_data_o(put_data),",
        "  .put_valid_o(put_valid), .put_ready_i(put_ready), .got_data_i(got_data),",
        "  .got_valid_i(got_valid), .got_ready_o(got_ready)",
        ");", f"assign ready_{m} = 1'b1;",
        f"{module} #({given}) u_store (",
        "  .clk_i, .rst_ni, .s_data_i(put_data), .s_valid_i(put_valid), .s_ready_o(put_ready),",
        "  .m_data_o(got_data), .m_valid_o(got_valid), .m_ready_i(got_ready)", ");",
        *_body(op, number, "body_rst_n", "{11'd0, page, 32'd0}"),
    ]  # fmt: skip
    if not any(one.has_load_port for one in op.inner):
        lines += ["logic unused;", "assign unused = ^page;"]
    return _module(op, lines)


def _wires(op, given: dict) -> tuple[dict[str, int], list[str]]:
    """A number for each tensor of the body, those of `given` first, and its wires."""
    every = given | {name: stream for one in op.inner for name, stream in zip(one.results, one.out_streams())}
    lines: list[str] = []
    for k, stream in enumerate(every.values()):
        lines += [f"logic [{stream.width - 1}:0] data_{k};", f"logic valid_{k}, ready_{k};"]
    return {name: k for k, name in enumerate(every)}, lines


def _body(op, number: dict[str, int], reset: str, load: str) -> list[str]:
    """The operators of the body, with a reset and what goes to those that have memories with pages."""
    lines: list[str] = []
    for k, one in enumerate(op.inner):
        module, parameters = one.rtl()
        given = [f".{key}({verilog_literal(value)})" for key, value in parameters.items()]
        given += [f".Load({one.first_load})"] if one.first_load else []
        given += [f".{key}(M{k}{key})" for key in one.memories()]
        wires, beside = one.beside(f"_{k}")
        others = f", .load_i({load})" if one.has_load_port else ""
        others += "".join(f", .{port}({wire})" for port, wire in wires.items())
        sides = [_together(number, names) for names in (one.sources, one.results)]
        (s_data, s_valid, s_ready), (m_data, m_valid, m_ready) = sides
        lines += [
            *beside, f"{module} #({', '.join(given)}) u_{k} (", f"  .clk_i, .rst_ni({reset}),",
            f"  .s_data_i({s_data}), .s_valid_i({s_valid}), .s_ready_o({s_ready}),",
            f"  .m_data_o({m_data}), .m_valid_o({m_valid}), .m_ready_i({m_ready}){others}", ");",
        ]  # fmt: skip
    return lines


def _module(op, lines: list[str]) -> str:
    """The module of these lines."""
    source, sink = op.in_stream(), op.out_stream()
    names = ", ".join(f'parameter {name} = ""' for name in op.memories())
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
