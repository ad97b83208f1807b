"""Memories are read from a netlist's text: small ones, written by hand."""

import numpy as np
import pytest

from xnorforge.sim.netlist_memories import Netlist, UnreadError

# Two address bits, three bits of data: XOR, AND behind a register whose LUT has its enable, and 1.
LUTS = r"""module layer(clk_i, s_data_i, m_data_o);
  input clk_i;
  wire clk_i;
  input [2:0] s_data_i;
  wire [2:0] s_data_i;
  wire _00_;
  wire _01_;
  wire \u_op.u_rom.en_i ;
  wire \u_op.u_rom.addr_i[0] ;
  wire \u_op.u_rom.addr_i[1] ;
  wire \u_op.u_rom.data_o[0] ;
  wire \u_op.u_rom.data_o[1] ;
  wire \u_op.u_rom.data_o[2] ;
  LUT2 #(
    .INIT(4'h6)
  ) _10_ (
    .I0(\u_op.u_rom.addr_i[0] ),
    .I1(\u_op.u_rom.addr_i[1] ),
    .O(\u_op.u_rom.data_o[0] )
  );
  LUT4 #(
    .INIT(16'h88f0)
  ) _11_ (
    .I0(s_data_i[0]),
    .I1(s_data_i[1]),
    .I2(_00_),
    .I3(s_data_i[2]),
    .O(_01_)
  );
  FDRE #(
    .INIT(1'hx)
  ) _12_ (
    .C(clk_i),
    .CE(1'h1),
    .D(_01_),
    .Q(_00_),
    .R(1'h0)
  );
  assign \u_op.u_rom.en_i  = s_data_i[2];
  assign { \u_op.u_rom.addr_i[1] , \u_op.u_rom.addr_i[0]  } = s_data_i[1:0];
  assign \u_op.u_rom.data_o[1]  = _00_;
  assign \u_op.u_rom.data_o[2]  = 1'h1;
endmodule
"""


def block(width: int, address: str, contents: dict[str, str], data: str, more: str = "2'hx") -> str:
    """An 18 kbit block RAM with words of `width` bits, of which DOADO and DOPADOP give `data` and `more`."""
    given = "".join(f"    .{name}(256'b{bits}),\n" for name, bits in contents.items())
    return rf"""module layer(clk_i);
  input clk_i;
  wire clk_i;
  wire \u_op.u_rom.en_i ;
  wire \u_op.u_rom.addr_i ;
  wire \u_op.u_rom.data_o[0] ;
  wire \u_op.u_rom.data_o[1] ;
  RAMB18E1 #(
{given}    .RAM_MODE("TDP"),
    .READ_WIDTH_A(32'd{width}),
    .READ_WIDTH_B(32'd0)
  ) _10_ (
    .ADDRARDADDR({address}),
    .ADDRBWRADDR(14'h0000),
    .DOADO({data}),
    .DOBDO(16'hx),
    .DOPADOP({more})
  );
endmodule
"""


def test_luts_and_registers_are_evaluated_for_every_address():
    netlist = Netlist(LUTS)
    assert netlist.memories == {"u_op.u_rom": "u_rom"}
    wanted = [[0, 0, 1], [1, 0, 1], [1, 0, 1], [0, 1, 1]]
    for undefined in (0, 1):
        assert netlist.words("u_op.u_rom", 4, undefined).tolist() == wanted
    wrong = Netlist(LUTS.replace("4'h6", "4'h4"))
    assert wrong.words("u_op.u_rom", 4)[:, 0].tolist() == [0, 0, 1, 0]


def test_addresses_that_are_tied_are_not_asked_for():
    tied = LUTS.replace("= s_data_i[1:0];", "= { 1'h0, s_data_i[0] };")
    assert Netlist(tied).possible("u_op.u_rom", 4).tolist() == [True, True, False, False]
    assert Netlist(LUTS).possible("u_op.u_rom", 4).all()


@pytest.mark.parametrize(
    "text", [LUTS.replace("LUT2", "LUT2X"), LUTS.replace("{ \\u_op.u_rom.addr_i[1] ,", "{ _10_,")]
)
def test_a_memory_behind_an_unknown_cell_or_net_is_not_read(text):
    with pytest.raises(UnreadError):
        Netlist(text).words("u_op.u_rom", 4)


def test_words_of_a_block_ram_have_every_ninth_bit_apart():
    """UG473: of a word of 18 bits 16 are in INIT and two in INITP; of one of 2 bits both are in INIT."""
    low, high = r"\u_op.u_rom.data_o[0] ", r"\u_op.u_rom.data_o[1] "
    address = r"{ 9'h000, \u_op.u_rom.addr_i , 4'h0 }"
    contents = {"INITP_00": "x" * 252 + "0100", "INIT_00": "x" * 224 + "1" + "0" * 31}
    wires = {f"{{ 15'hx, {low} }}": [[0, 0], [0, 1]], f"{{ {low}, 15'hx }}": [[0, 0], [1, 1]]}
    for data, wanted in wires.items():
        netlist = Netlist(block(18, address, contents, data, f"{{ _02_, {high} }}"))
        np.testing.assert_array_equal(netlist.words("u_op.u_rom", 2), wanted)
    address = r"{ 12'h000, \u_op.u_rom.addr_i , 1'h0 }"
    pair = Netlist(block(2, address, {"INIT_00": "x" * 252 + "0110"}, f"{{ 14'hx, {high}, {low} }}"))
    np.testing.assert_array_equal(pair.words("u_op.u_rom", 2), [[0, 1], [1, 0]])


def test_an_ultra_ram_is_not_read():
    """It has no contents before a load."""
    text = block(9, "14'h0000", {}, r"{ \u_op.u_rom.data_o[1] , \u_op.u_rom.data_o[0]  }")
    netlist = Netlist(text.replace("RAMB18E1", "URAM288").replace("DOADO", "DOUT_A"))
    with pytest.raises(UnreadError):
        netlist.words("u_op.u_rom", 1)
