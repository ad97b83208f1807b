"""The AXI4-Lite slave: all orders and paces of five channels, streams of a driver that checks handshakes."""

import numpy as np
import pytest

from xnorforge.hw.ops.base import Stream
from xnorforge.hw.wrap import library
from xnorforge.sim import cosim, device, verilate

VALUES = [0x58464331, 64, 0xFFFFFFFF]
BITS = 8  # of an address: registers below 0x80, writes from there on
REFUSED = 0b00111  # of the 32 words that can be written
OKAY, SLVERR = 0, 2
# What waits for what: nothing; each word of data for its address; each address for its data.
ORDERS = {"any": ("1", "1"), "address first": ("1", "w_q < aw_q"), "data first": ("aw_q < w_q", "1")}


def bench() -> str:
    """A slave per order, `<order>_axi_*`; it writes as the stream `<order>_load_*` {data, address}."""
    ports, cells = ["  input logic clk_i"], []
    for n, (may_aw, may_w) in enumerate(ORDERS.values()):
        for way, bits, names in (
            ("input", 1, "rst_ni axi_awvalid axi_wvalid axi_bready axi_arvalid axi_rready load_ready"),
            ("output", 1, "axi_awready axi_wready axi_bvalid axi_arready axi_rvalid load_valid"),
            ("input", BITS, "axi_awaddr axi_araddr"), ("input", 32, "axi_wdata"), ("input", 4, "axi_wstrb"),
            ("output", 2, "axi_bresp axi_rresp"), ("output", 32, "axi_rdata"), ("output", 37, "load_data"),
        ):  # fmt: skip
            ports += [f"  {way} logic [{bits - 1}:0] o{n}_{name}" for name in names.split()]
        cells.append(f"""
  if (1) begin : gen_{n}
    logic awready, wready, may_aw, may_w;
    logic [15:0] aw_q, w_q;  // taken
    assign may_aw = {may_aw}, may_w = {may_w};
    assign o{n}_axi_awready = awready & may_aw, o{n}_axi_wready = wready & may_w;
    always_ff @(posedge clk_i) begin
      aw_q <= o{n}_rst_ni ? aw_q + 16'(o{n}_axi_awvalid & o{n}_axi_awready) : '0;
      w_q <= o{n}_rst_ni ? w_q + 16'(o{n}_axi_wvalid & o{n}_axi_wready) : '0;
    end
    xf_axi_lite #(.AddrW({BITS}), .Count({len(VALUES)})) u (
      .clk_i, .rst_ni(o{n}_rst_ni), .values_i({{{", ".join(f"32'd{v}" for v in reversed(VALUES))}}}),
      .awaddr_i(o{n}_axi_awaddr), .awvalid_i(o{n}_axi_awvalid & may_aw), .awready_o(awready),
      .wdata_i(o{n}_axi_wdata), .wstrb_i(o{n}_axi_wstrb), .wvalid_i(o{n}_axi_wvalid & may_w), \
.wready_o(wready),
      .bresp_o(o{n}_axi_bresp), .bvalid_o(o{n}_axi_bvalid), .bready_i(o{n}_axi_bready),
      .araddr_i(o{n}_axi_araddr), .arvalid_i(o{n}_axi_arvalid), .arready_o(o{n}_axi_arready),
      .rdata_o(o{n}_axi_rdata), .rresp_o(o{n}_axi_rresp), .rvalid_o(o{n}_axi_rvalid), \
.rready_i(o{n}_axi_rready),
      .load_addr_o(o{n}_load_data[4:0]), .load_data_o(o{n}_load_data[36:5]), .load_valid_o(o{n}_load_valid),
      .load_ready_i(o{n}_load_ready), .load_error_i(o{n}_load_data[4:0] == {REFUSED})
    );
  end
""")
    head = ",\n".join(ports)
    return f"module bench (\n{head}\n);\n{''.join(cells)}endmodule : bench\n"


@pytest.fixture(scope="module")
def slaves(tmp_path_factory):
    """The built bench, a lane per order."""
    lanes = []
    for n, order in enumerate(ORDERS):
        sources, sinks = device.axi_lite(f"o{n}_axi", BITS)
        names = (f"o{n}_load_{role}" for role in ("data", "valid", "ready"))
        sinks.append(device.Port(Stream((1,), 1, 37), *names, 37))
        lanes.append(device.Lane(order, f"o{n}_rst_ni", sources, sinks, 200))
    file = tmp_path_factory.mktemp("axi") / "bench.sv"
    file.write_text(bench())
    options = {"defines": verilate.CHECKED, "level": "-O0"}
    header = device.ports_header("clk_i", lanes)
    given = [*library([]), file], header, device.include_folders()
    return device.Device(verilate.compile_model("bench", *given, **options), lanes)


def answers(writes, reads):
    """What a slave answers to writes (address, data, strobe) and to reads, and the words it writes."""
    good = [address >= 128 and strobe == 15 for address, _, strobe in writes]
    loads = [data << 5 | (address % 128) // 4 for (address, data, strobe), ok in zip(writes, good) if ok]
    b = [OKAY if ok and address // 4 % 32 != REFUSED else SLVERR for (address, _, _), ok in zip(writes, good)]
    words = [VALUES[address // 4] if address // 4 < len(VALUES) else None for address in reads]
    return b, [(word or 0, SLVERR if word is None else OKAY) for word in words], loads


def traffic(seed: int, count=120):
    """Writes and reads anywhere, one write in four with a part of its bytes."""
    rng = np.random.default_rng(seed)
    strobes = np.where(rng.random(count) < 0.25, rng.integers(0, 16, count), 15)
    drawn = rng.integers(64, 256, count), rng.integers(0, 2**32, count), strobes
    writes = list(zip(*(each.tolist() for each in drawn)))
    return writes, rng.choice([*range(16), *rng.integers(0, 256, 8)], count).tolist()


def feed(writes, reads):
    def column(values):
        return np.array(values, np.int64).reshape(-1, 1)

    address, data, strobe = zip(*writes)
    _, _, loads = answers(writes, reads)
    inputs = [column(address), column(data), column(reads)]
    return cosim.Feed(inputs, [len(writes), len(reads), len(loads)], {1: np.array(strobe)})


@pytest.mark.parametrize("stall", [0.0, 0.5, (0.1, 0.8), (0.8, 0.1)], ids=str)
@pytest.mark.parametrize("reset", [None, 77], ids=["", "reset in mid-stream"])
def test_every_access_is_answered_once_in_its_turn_and_right(slaves, stall, reset):
    given = [traffic(seed) for seed in range(len(ORDERS))]
    runs = cosim.run(slaves, [feed(*one) for one in given], stall=stall, seed=4, probe=True, reset_at=reset)
    for run, (writes, reads) in zip(runs, given, strict=True):
        b, r, loads = answers(writes, reads)
        found_b, found_r, found_loads = (x.ravel().tolist() for x in run.outputs)
        assert found_b == b and 0 < b.count(OKAY) < len(b)
        assert list(zip(found_r, run.more[1].tolist())) == r and {resp for _, resp in r} == {OKAY, SLVERR}
        assert found_loads == loads


def test_a_write_takes_two_cycles(slaves):
    writes = [(128, value, 15) for value in range(20)]
    run = cosim.run(slaves, [feed(writes, [0])] * len(ORDERS), seed=1)[0]
    assert set(np.diff(run.cycles.ravel())) == {2}
