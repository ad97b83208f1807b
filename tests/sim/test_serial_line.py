"""Requests over a serial line: frames and weights, in order at any pace, none behind a reset."""

import os
import pty
import re
import select
import shutil
import threading
import tty
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np
import pytest
from driving import generated
from PIL import Image

from xnorforge.core import plugins
from xnorforge.core.artifacts import read_json, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.hw import boards, graph
from xnorforge.hw.cycles.pauses import Stall
from xnorforge.hw.families import _nextpnr
from xnorforge.hw.loads import LoadChain, control_address_bits, load_chain
from xnorforge.hw.ops.base import HwOp, Stream
from xnorforge.hw.routing import TopPorts
from xnorforge.hw.shells import uart
from xnorforge.sim import cosim, serial_line, verilate
from xnorforge.sim.device import Device, Lane, Port, include_folders, patience, ports_header
from xnorforge.sim.loading import Loads
from xnorforge.sim.serial_board import SerialBoard
from xnorforge.sim.serial_line import beat_bytes, conversation, frame_integers
from xnorforge.sw.tasks.base import task_of

from ..hw.test_uart import HEAD
from ..refusals import says, stops

BYTE = Stream((1,), 1, 8)  # one byte per frame: a sequence of requests has no other unit
CLOCKS, SEED, RESETS = 5, 3, 50
MAKE = {name: plugins.load("hw.ops", name).Op.make for name in plugins.names("hw.ops")}
PACES = [0.0, 0.4, (0.1, 0.8), (0.8, 0.1)]

# What the generated top has behind its line, driven byte by byte.
BYTES = """
  logic clk, rst_n;
  assign clk = clk_i, rst_n = rst_ni;
{shell}
{accelerator}
  assign request = s_data_i, request_valid = s_valid_i, s_ready_o = request_ready, line_lost = 1'b0;
  assign m_data_o = answer, m_valid_o = answer_valid, answer_ready = m_ready_i;
"""
# The host's side of the line at the pins of the generated top, which is reset as it wakes.
LINE = """
  logic to_board, from_board, came, idle, awake;
  logic [7:0] got;
  logic [4:0] cycle_q;
  always_ff @(posedge clk_i) cycle_q <= !rst_ni ? '0 : awake ? cycle_q : cycle_q + 1'b1;
  assign awake = rst_ni & (&cycle_q);
  xf_uart_tx #(.Clocks({clocks})) u_host_tx (
    .clk_i, .rst_ni(awake), .s_data_i, .s_valid_i(s_valid_i & awake), .s_ready_o(idle), .line_o(to_board)
  );
  xf_board_top u_board (.clock(clk_i), .reset(~rst_ni), .rxd(to_board), .txd(from_board), .lost);
  xf_uart_rx #(.Clocks({clocks})) u_host_rx (
    .clk_i, .rst_ni(awake), .line_i(from_board), .data_o(got), .valid_o(came)
  );
  xf_fifo #(.Width(8), .Depth(64)) u_got (
    .clk_i, .rst_ni(awake), .s_data_i(got), .s_valid_i(came), .s_ready_o(), .m_data_o, .m_valid_o, .m_ready_i
  );
  assign s_ready_o = idle & awake;
"""
KNOWN = "\n  NothingLost_A: assert property (@(posedge clk_i) disable iff (!rst_ni) !lost);\nendmodule\n"


def run_requests(device: Device, ops: list[HwOp], frames: np.ndarray, loads: Loads = (), stall: Stall = 0.0,
                 seed: int = 0, waits: bool = True, reset_at: int | None = None) -> cosim.Run:  # fmt: skip
    """Run a sequence of `conversation` on a device with a stream of bytes in and one out.

    waits: the host reads the answer to a frame before it sends more; else it sends without a pause.
    reset_at: cycle of a reset, after which everything is sent again."""
    talk = conversation(ops, frames, loads)
    sent = np.frombuffer(b"".join(request for request, _ in talk), np.uint8)[:, None]
    starts, answers = (np.cumsum([0, *sizes]) for sizes in zip(*((len(one), size) for one, size in talk)))
    behind = [n for n, (request, _) in enumerate(talk[:-1], 1) if request[0] != uart.WRITE]
    gates = [(0, int(starts[n]), 0, int(answers[n])) for n in behind if waits]
    feed = cosim.Feed([sent], [int(answers[-1])], gates=gates)
    run = cosim.run(device, feed, stall=stall, seed=seed, reset_at=reset_at)
    came = [part.astype(np.uint8).tobytes() for part in np.split(run.output.ravel(), answers[1:-1])]
    wrong = [n for n, answer in enumerate(came) if answer != uart.with_check(answer[: -uart.CHECK])]
    if wrong:
        raise MismatchError(
            f"serial line: {len(wrong)} of {len(came)} answers have a wrong check; the first is {wrong[0]}."
        )
    writes = [n for n, (request, _) in enumerate(talk) if request[0] == uart.WRITE]
    refused = [n for n in writes if came[n][0] != uart.DONE]
    if refused:
        address = int.from_bytes(talk[refused[0]][0][1:5], "little")
        first = f"at address {address:#x} with answer {came[refused[0]][0]}"
        raise MismatchError(f"serial line: {len(refused)} writes were refused, the first {first}.")
    results = [answer[: -uart.CHECK] for answer, (request, _) in zip(came, talk) if request[0] != uart.WRITE]
    data = np.frombuffer(b"".join(results), np.uint8)
    return replace(run, outputs=[frame_integers(ops[-1].out_stream(), data)])


def correlator(image, kernel, rows, simd, pe, lanes):
    """Bytes of an image (H, W, C), `lanes` of them per beat, to bits, windows, correlation."""
    height, width, channels = image
    rng, length = np.random.default_rng(0), kernel[0] * kernel[1] * channels
    out = [height - kernel[0] + 1, width - kernel[1] + 1]
    sizes = {"mw": length, "mh": rows, "vectors": out[0] * out[1], "simd": simd, "pe": pe}
    return [
        MAKE["threshold"](arrays={"thresholds": np.full((channels, 1), 128)}, in_shape=list(image),
        in_bits=8, pe=lanes),
        MAKE["window"](ifm=list(image), kernel=list(kernel), simd=lanes),
        MAKE["width"](shape=[*out, length], in_lanes=lanes, out_lanes=simd),
        MAKE["sign_mvu"](
            arrays={"weights": rng.integers(0, 2, (length, rows))}, in_shape=[*out, length],
            out_shape=[*out, rows], loadable=1, **sizes
        ),
    ]  # fmt: skip


NETS = {
    "a byte a beat": lambda: correlator((5, 6, 2), (2, 3), rows=1, simd=4, pe=1, lanes=1),
    "three bytes in, three out": lambda: correlator((4, 5, 3), (3, 3), rows=3, simd=9, pe=3, lanes=3),
    "ten bytes in": lambda: correlator((3, 3, 10), (2, 2), rows=1, simd=40, pe=1, lanes=10),
    "a frame of one beat": lambda: correlator((1, 1, 5), (1, 1), rows=2, simd=5, pe=1, lanes=5),
    "no loads": lambda: correlator((4, 5, 3), (3, 3), rows=3, simd=9, pe=3, lanes=3)[:-1],
}


@dataclass
class Built:
    """A network, its generated RTL, and a device that is driven with bytes."""

    ops: list
    rtl: Path
    device: Device


def border_of(ops) -> TopPorts:
    source, sink = ops[0].in_stream(), ops[-1].out_stream()
    return TopPorts(beat_bytes(source), source.beats, beat_bytes(sink), control_address_bits(ops))


def requests_bench(ops) -> str:
    """The shell of the generated top without its line, with the accelerator."""
    shell = uart.shell_text(border_of(ops), CLOCKS, "was_lost")
    shell, removed = re.subn(r"  xf_uart_shell #.*?\);\n", "", shell, flags=re.DOTALL)
    assert removed == 1
    text = BYTES.format(shell=shell, accelerator=uart.accelerator_text(border_of(ops), "u_accelerator"))
    return f"{HEAD}  logic lost;\n{text}  assign lost = was_lost;\n"


def line_bench(ops, name="ulx3s") -> str:
    """The generated top of a board with a clock that needs no PLL, and a host at its line."""
    board = boards.load(name)
    board.shell["baud"] = round(board.clock_mhz * 1e6 / CLOCKS)
    clock = "  assign clk = clock;\n  assign locked = 1'b1;\n"
    line, low = LINE.format(clocks=CLOCKS), board.shell.get("low", ())
    line = line.replace(".reset(~rst_ni)", ".reset(rst_ni)") if "reset" in low else line
    if "lost" in low:
        line = line.replace(".lost);", ".lost(unlit));\n  logic unlit;\n  assign lost = ~unlit;")
    return _nextpnr.board_top(board, clock, border_of(ops)) + f"{HEAD}  logic lost;\n{line}"


def device_of(rtl: Path, ops, text: str) -> Device:
    """Build a bench around generated RTL."""
    bench, shell = rtl.parent / "xf_line.sv", uart.uart_sources()
    bench.write_text(text)
    own = [rtl / name for name in (rtl / "rtl.f").read_text().split() if name.endswith(".sv")]
    known = {path.name for path in own}
    ways = [(f"{s}_data_{i}", f"{s}_valid_{i}", f"{s}_ready_{o}") for s, i, o in ("sio", "moi")]
    ports = [Port(BYTE, *names, 8) for names in ways]
    lanes = [Lane("line", "rst_ni", ports[:1], ports[1:], patience(ops) + 1000 * CLOCKS)]
    sources = [*own, *(path for path in shell if path.name not in known), bench]
    header, options = ports_header("clk_i", lanes), {"defines": verilate.CHECKED, "level": "-O0"}
    program = verilate.compile_model("xf_line", sources, header, include_folders(), **options)
    return Device(program, lanes, folder=rtl)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A network by name, its requests driven as bytes; built at the first test that asks."""
    found = {}

    def get(name, bench=requests_bench) -> Built:
        if (name, bench) not in found:
            folder = tmp_path_factory.mktemp("net")
            ops = generated(NETS[name](), folder)
            device = device_of(folder / "rtl", ops, bench(ops) + KNOWN)
            found[name, bench] = Built(ops, folder / "rtl", device)
        return found[name, bench]

    return get


def sequence(ops, count: int, seed: int):
    """Random frames; weights are loaded before the first, before one in four and behind the last."""
    rng = np.random.default_rng(seed)
    frames = ops[0].random_input(seed, count).transpose(0, 3, 1, 2).astype(np.uint8)
    places = [0, *np.flatnonzero(rng.random(count) < 0.25).tolist(), count] if load_chain(ops) else []
    return frames, [(place, others_of(ops, rng)) for place in places]


def others_of(ops, rng):
    """The operators with random weights in the last one."""
    arrays = {"weights": rng.integers(0, 2, ops[-1].arrays_of["weights"].shape)}
    return [*ops[:-1], type(ops[-1])(ops[-1].onnx_node, arrays_of=arrays)]


def responses(ops, frames, loads=()):
    """What the contract says."""
    places, networks = zip(*[(0, ops), *loads, (len(frames), ops)])
    parts = zip(networks, places, places[1:])
    given = [(one, frames[at:end]) for one, at, end in parts if at < end]
    return np.concatenate([graph.execute(one, some)[one[-1].name] for one, some in given])


def test_requests_by_hand():
    """CRC-32 of the text 123456789 is 0xcbf43926 in every list of them."""
    assert uart.with_check(b"123456789") == b"123456789" + bytes.fromhex("2639f4cb")
    assert uart.frame_request(b"\x11\x22")[:-4] == b"\x00\x11\x22"
    assert uart.write_request(0x0C04, 0x11223344)[:-4] == bytes.fromhex("80 040c0000 44332211")


@pytest.mark.quick("no loads")
@pytest.mark.parametrize("name", NETS)
def test_answers_come_in_the_order_of_the_requests_though_the_host_never_waits(built, name):
    """Weights that are loaded: every answer is the contract's, at every pace."""
    net = built(name)
    for seed, stall in enumerate(PACES):
        frames, loads = sequence(net.ops, 30, seed)
        wanted = responses(net.ops, frames, loads)
        run = run_requests(net.device, net.ops, frames, loads, stall, seed, waits=False)
        np.testing.assert_array_equal(run.output, wanted)


@pytest.mark.quick("three bytes in, three out")
@pytest.mark.parametrize("name", NETS)
def test_frames_and_weights_go_through_the_line_at_the_pins(built, name):
    net = built(name, line_bench)
    frames, loads = sequence(net.ops, 6, SEED)
    for stall in (0.0, (0.9, 0.5)):
        run = run_requests(net.device, net.ops, frames, loads, stall, SEED)
        np.testing.assert_array_equal(run.output, responses(net.ops, frames, loads))


@pytest.mark.full
def test_a_reset_of_the_board_within_a_write_or_a_frame_leaves_nothing_of_it(built):
    """Cut at random cycles, half of them while the first weights are written, half behind, mostly in frames,
    and sent again: each answer behind the reset must be right."""
    net, rng = built("three bytes in, three out", line_bench), np.random.default_rng(SEED)
    frames, loads = sequence(net.ops, 8, SEED)
    wanted = responses(net.ops, frames, loads)
    talk = conversation(net.ops, frames, loads)
    writes = sum(len(request) for request, _ in takewhile(lambda one: one[0][0] == uart.WRITE, talk))
    last = int(run_requests(net.device, net.ops, frames, loads, seed=SEED).cycles.max())
    behind = writes * 10 * CLOCKS
    for cut in [*rng.integers(2, behind, RESETS // 2), *rng.integers(behind, last, RESETS - RESETS // 2)]:
        run = run_requests(net.device, net.ops, frames, loads, seed=SEED, reset_at=int(cut))
        np.testing.assert_array_equal(run.output, wanted)


def answer(device: Device, sent: bytes, size: int) -> bytes:
    """What a host gets that reads so many bytes; b"" if they do not come, or more do."""
    with suppress(MismatchError):
        feed = cosim.Feed([np.frombuffer(sent, np.uint8)[:, None]], [size])
        return cosim.run(device, feed, seed=SEED).output.astype(np.uint8).tobytes()
    return b""


def inverted(sent: bytes, bit: int) -> bytes:
    return (int.from_bytes(sent, "little") ^ 1 << bit).to_bytes(len(sent), "little")


@contextmanager
def port_of(device: Device, talk: list[tuple[bytes, int]], damage=lambda sent, came: (sent, came)):
    """A serial port behind which the simulated board answers requests of the same size one by one; `damage`
    changes a request as it arrives, or its answer."""
    (request, size), (board, host) = talk[0], pty.openpty()
    tty.setraw(board)

    ended = threading.Event()

    def serve():
        waiting = b""
        while not ended.is_set():
            if select.select([board], [], [], 0.05)[0]:
                waiting += os.read(board, 4096)
            while len(waiting) >= len(request):
                sent, _ = damage(waiting[: len(request)], b"")
                waiting = waiting[len(request) :]
                os.write(board, damage(sent, answer(device, sent, size))[1])

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(host)
    finally:
        ended.set()
        thread.join()  # before another pair takes these numbers
        os.close(host)
        os.close(board)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """An accelerator of 8x8 digits, random signs; scikit-learn's last 100 in a folder; their scores."""
    folder, rng = tmp_path_factory.mktemp("digits"), np.random.default_rng(SEED)
    acc, signs = folder / "rtl", rng.choice([-1, 1], (64, 10))
    sizes = {"mw": 64, "mh": 10, "vectors": 1, "simd": 1, "pe": 1, "in_shape": [1, 1, 64]}
    scores = MAKE["sign_mvu"](arrays={"weights": signs > 0}, out_shape=[1, 1, 10], in_bits=8, **sizes)
    acc.mkdir()
    generated([MAKE["window"](ifm=[8, 8, 1], kernel=[8, 8], bits=8), scores], acc)
    np.savez(folder / "lowered.npz", scale=np.ones(10), bias=np.zeros(10))
    known = {"net": "digits-cnn", "method": "ste", "source": "by hand", "trained_on": "nothing"}
    write_json(folder / "export.json", {"stage": "export", **known})
    (acc / "build.toml").write_text('net = "digits-cnn"\nboard = "ulx3s"\nbackend = "rtl"\n')
    (folder / "in").mkdir()
    images = task_of("digits-cnn").golden().images[-100:]
    for at, image in enumerate(images):
        Image.fromarray(image[0]).save(folder / "in" / f"{at}.png")
    return acc, folder / "in", images.reshape(100, 64).astype(int) @ signs


@pytest.mark.quick("ulx3s")
@pytest.mark.parametrize("board", ["ulx3s", "icebreaker", "tangnano20k"])
def test_the_verb_draws_what_the_pins_answer_to_100_pictures_and_notices_a_flipped_bit(
    digits, board, tmp_path, monkeypatch, command
):
    """Through the pins of each board's top, with its polarities of reset and LED."""
    monkeypatch.setattr("xnorforge.pipeline.run.run_stages", lambda *_: [])
    acc, pictures, wanted = digits
    write_json(acc / "fold.json", {"stage": "fold", "board": board})
    ops = graph.operators(acc / "folded.onnx")
    text = line_bench(ops, board) + KNOWN.replace(" !lost", " 1'b1")
    device = device_of(shutil.copytree(acc / "rtl", tmp_path / "net/rtl"), ops, text)
    talk = conversation(ops, np.zeros((1, 1, 8, 8), np.uint8))

    def demo(*damage):
        with port_of(device, talk, *damage) as port:
            code, _, said = command("demo", acc, "--image", pictures, "--port", port, "-o", tmp_path / "out")
            return code, said.splitlines()[-1], port

    code, said, port = demo(lambda sent, came: (sent, inverted(came, 11)) if came else (sent, came))
    assert code == 2 and not (tmp_path / "out").exists()
    says(said, f"{port}: the check … wrong … reset")
    code, said, port = demo(lambda sent, came: (sent if came else inverted(sent, 11), came))
    assert code == 2 and not (tmp_path / "out").exists()
    says(said, f"{port}: … of {talk[0][1]} bytes … reset")
    assert demo()[0] == 0
    record = read_json(tmp_path / "out/demo.json")
    assert "a board" in record["outputs"] and record["frames_per_s"] > 0
    assert [row["picture"] for row in record["pictures"]] == [f"{at}.png" for at in range(100)]
    for row, scores in zip(record["pictures"], wanted):
        assert all(one["score"] == scores[int(one["class"])] for one in row["likeliest"])
        assert row["likeliest"][0]["score"] == scores.max()


def test_a_port_that_is_no_serial_line_is_refused(built, tmp_path):
    net = built("no loads")
    (tmp_path / "file").write_text("")
    before = os.listdir("/proc/self/fd")
    for port in (tmp_path / "none", tmp_path / "file"):
        stops(f"PORT: {port} … serial line … /dev/ttyUSB0", SerialBoard, net.ops, port, 1_000_000)
    assert os.listdir("/proc/self/fd") == before
    stops("PORT: … 123,456 baud … shell.baud", SerialBoard, net.ops, "/dev/null", 123_456)


DISTURBED = """
  logic [15:0] flip_q;   // first byte: which direction; second: which bit time, from the first start bit on
  logic [1:0]  heads_q;
  logic [15:0] time_q;
  logic        started_q, head, now;
  assign head = heads_q != 2'd2;
  assign now  = started_q && time_q / {clocks} == 16'(flip_q[15:8]);
  always_ff @(posedge clk_i) begin
    if (!awake) begin
      heads_q   <= '0;
      started_q <= 1'b0;
      time_q    <= '0;
    end else begin
      if (head && s_valid_i) begin
        flip_q  <= {{s_data_i, flip_q[15:8]}};
        heads_q <= heads_q + 1'b1;
      end
      if (!head && !(flip_q[0] ? from_device : from_host)) started_q <= 1'b1;
      if (started_q) time_q <= time_q + 1'b1;
    end
  end
  assign to_board   = from_host ^ (now && !flip_q[0]);
  assign from_board = from_device ^ (now && flip_q[0]);
"""


def disturbed_bench(ops) -> str:
    """`line_bench` with a line of which one bit time is inverted, as two bytes ahead of the requests say."""
    text = line_bench(ops)
    for old, new in (
        ("  logic to_board, from_board,", "  logic to_board, from_board, from_host, from_device,"),
        (".s_valid_i(s_valid_i & awake), .s_ready_o(idle), .line_o(to_board)",
         ".s_valid_i(s_valid_i & awake & ~head), .s_ready_o(idle), .line_o(from_host)"),
        (".txd(from_board)", ".txd(from_device)"),
        ("assign s_ready_o = idle & awake;", "assign s_ready_o = (idle | head) & awake;"),
    ):  # fmt: skip
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text + DISTURBED.format(clocks=CLOCKS)


def test_no_wrong_result_is_taken_for_a_right_one_whatever_bit_of_the_line_is_inverted(tmp_path, built):
    """Start, data and stop bits of a frame and of its answer, one after the other."""
    net = built("a frame of one beat")
    device = device_of(net.rtl, net.ops, disturbed_bench(net.ops) + "\nendmodule\n")
    frames, _ = sequence(net.ops, 1, SEED)
    [(frame, size)] = conversation(net.ops, frames)
    right = answer(device, b"\0\xff" + frame, size)
    assert right and right == uart.with_check(right[: -uart.CHECK])
    for direction, count in enumerate((len(frame), size)):
        wrong = 0
        for bit in range(10 * count + count // CLOCKS):
            got = answer(device, bytes([direction, bit]) + frame, size)
            assert got == right or got != uart.with_check(got[: -uart.CHECK]), (direction, bit)
            wrong += got != right
        assert wrong >= 8 * count


def test_writes_that_are_refused_say_so_and_change_nothing(built):
    """Registers, the lower half, addresses that differ from a word's above, words outside a load."""
    net = built("three bytes in, three out")
    chain = LoadChain(others_of(net.ops, np.random.default_rng(SEED)))
    frames, _ = sequence(net.ops, 3, SEED)
    far = [(address | 1 << bit, word) for address, word in chain.writes for bit in (chain.address_bits, 31)]
    far += [(chain.control | 1 << bit, 0) for bit in (chain.address_bits, 31)]
    sent = [uart.write_request(*one) for one in (*far, (0, 1), (4, 1), *chain.writes)]
    talk = conversation(net.ops, frames)
    asked = b"".join(request for request, _ in talk)
    feed = [np.frombuffer(part, np.uint8)[:, None] for part in (b"".join(sent) + asked, asked)]
    size = sum(answer for _, answer in talk)
    refused = uart.with_check(b"\2") * len(sent)
    run = cosim.run(net.device, cosim.Feed(feed[:1], [len(refused) + size]), seed=SEED)
    found = run.output.ravel()
    assert found[: len(refused)].astype(np.uint8).tobytes() == refused
    plain = run_requests(net.device, net.ops, frames, seed=SEED)
    np.testing.assert_array_equal(plain.output, responses(net.ops, frames))
    again = cosim.run(net.device, cosim.Feed(feed[1:], [size]))
    np.testing.assert_array_equal(found[len(refused) :], again.output.ravel())


def test_a_write_that_is_refused_stops_a_sequence_in_one_sentence(built, monkeypatch):
    net = built("a byte a beat")
    frames, loads = sequence(net.ops, 2, SEED)
    monkeypatch.setattr(serial_line, "writes_of", lambda _: [(0x10000, 1)])
    with pytest.raises(MismatchError, match=rf"^serial line: {len(loads)} writes .*\b0x10000\b.*\b2\.$"):
        run_requests(net.device, net.ops, frames, loads)


@pytest.mark.parametrize(
    "parameters", [{}, {"InBytes": 3, "InBeats": 9, "OutBytes": 2}, {"InBytes": 20, "AddrW": 32}]
)
def test_the_requests_pass_lint_without_a_warning(tmp_path, parameters):
    [path] = [path for path in uart.uart_sources() if path.stem == "xf_uart_requests"]
    text, copy = path.read_text(), tmp_path / path.name
    for name, value in parameters.items():
        text = re.sub(rf"(\b{name} +=) 1\d*,", rf"\1 {value},", text)
    copy.write_text(text)
    verilate.lint(path.stem, [copy], include_folders())
