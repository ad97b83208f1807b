"""Stand-ins of Vivado's commands for Python's Tcl. They record every call, and refuse options and pins that
do not exist: of IPs by AMD's product guides (PG082, PG201, PG164, PG247), of modules by their Verilog.
"""

import re
import tkinter
from pathlib import Path

LISTED = Path(__file__).with_name("vivado_commands.txt").read_text().splitlines()
COMMANDS = {line.split()[0]: set(line.split()[1:]) for line in LISTED if not line.startswith("#")}
VERSIONS = ("2.1", "7.0", "10.0")  # of every IP in the catalog
# Pins of an IP, and its buses {name: (role, pin of its clock)}; those behind a parameter exist if it is 1.
PINS = {
    "processing_system7": ["FCLK_CLK0", "FCLK_RESET0_N"],
    "zynq_ultra_ps_e": ["pl_clk0", "pl_resetn0"],
    "proc_sys_reset": ["slowest_sync_clk", "ext_reset_in", "peripheral_aresetn", "interconnect_aresetn"],
    "smartconnect": ["aclk", "aresetn"],
}
BUSES = {
    "smartconnect": {"S00_AXI": "slave", "M00_AXI": "master"},
    "processing_system7": {"DDR": "master", "FIXED_IO": "master"},
}
BEHIND = {
    "PCW_USE_M_AXI_GP0": (["M_AXI_GP0_ACLK"], {"M_AXI_GP0": "master"}),
    "PCW_USE_S_AXI_HP0": (["S_AXI_HP0_ACLK"], {"S_AXI_HP0": "slave"}),
    "PCW_IRQ_F2P_INTR": (["IRQ_F2P"], {}),
    "PSU__USE__M_AXI_GP0": (["maxihpm0_fpd_aclk"], {"M_AXI_HPM0_FPD": "master"}),
    "PSU__USE__S_AXI_GP2": (["saxihp0_fpd_aclk"], {"S_AXI_HP0_FPD": "slave"}),
    "PSU__USE__IRQ0": (["pl_ps_irq0"], {}),
}
SEGMENTS = {"ps/S_AXI_HP0/HP0_DDR_LOWOCM": "S_AXI_HP0", "ps/SAXIGP2/HP0_DDR_LOW": "S_AXI_HP0_FPD"}
INFO = re.compile(
    r'X_INTERFACE_INFO = "\S+:(\w+):1\.0 (\w+) (\w+)" \*\)\s*(?:\(\*.*?\*\)\s*)?(\w+)\s+wire.*?(\w+),?$', re.M
)


def interfaces(verilog: str) -> list[tuple[str, str, str, str, str]]:
    """(kind, interface, role, direction, port) of each port with an attribute for a block design."""
    return INFO.findall(verilog)


def check_options(call: list[str]) -> None:
    """Every word of a call that looks like an option is one of that command, its value behind it."""
    name, *words = call
    while words:
        word = words.pop(0)
        if word.startswith("-") and name in COMMANDS:
            assert word in COMMANDS[name] or f"{word}=" in COMMANDS[name], call
            if f"{word}=" in COMMANDS[name]:
                assert words, call
                words.pop(0)


class Vivado:
    """Executes scripts.

    Attributes:
        calls: the calls of Vivado's commands, each with its words, in order.
        pins, buses: of the block design, {"cell/name": …}; `buses` with their roles.
        nets, links: connected pairs of pins, and of buses.
    """

    def __init__(self, given=(), without=()):
        self.tcl, self.calls = tkinter.Tcl(), []
        self.pins, self.buses, self.cells = set(), {}, {}
        self.nets, self.links = [], []
        self.given = {
            "get_ipdefs": lambda words: " ".join(words[-1].replace("*", one) for one in VERSIONS),
            "make_wrapper": lambda words: "/made/overlay_wrapper.v",
            "get_property": lambda words: "100%" if words[0] == "PROGRESS" else "",
        } | dict(given)  # fmt: skip
        self.tcl.eval("namespace eval ipx {}")
        for name in {*COMMANDS} - {*without}:
            self.tcl.createcommand(name, self._stand_in(name))
        self.tcl.eval(
            "rename file tcl_file\n"
            "proc file {verb args} {\n"
            "  if {$verb eq {copy}} { return [file_copy {*}$args] }\n"
            "  return [tcl_file $verb {*}$args]\n}"
        )
        self.tcl.createcommand("file_copy", self._stand_in("file copy"))

    def source(self, script: Path) -> "Vivado":
        """Execute a script."""
        self.tcl.eval(f"source {{{script}}}")
        return self

    def named(self, name: str) -> list[list[str]]:
        """The calls of one command."""
        return [call[1:] for call in self.calls if call[0] == name]

    def _stand_in(self, name):
        def called(*given):
            words = [*map(str, given)]
            self.calls.append([name, *words])
            check_options([name, *words])
            if name in self.given:
                return self.given[name](words)
            own = getattr(self, f"_{name}", None)
            return own(words) if own else f"<{' '.join([name, *words])}>"

        return called

    def _create_bd_cell(self, words):
        kind, cell = words[words.index("-type") + 1], words[-1]
        if kind == "ip":
            name = words[words.index("-vlnv") + 1].split(":")[2]
            self.cells[cell] = name
            self.pins |= {f"{cell}/{pin}" for pin in PINS[name]}
            self.buses |= {f"{cell}/{bus}": role for bus, role in BUSES.get(name, {}).items()}
            return
        module = words[words.index("-reference") + 1]
        paths = [path for call in self.named("add_files") for path in self.tcl.splitlist(call[-1])]
        [file] = [path for path in paths if Path(path).name == f"{module}.v"]
        self.cells[cell] = module
        for bus_kind, bus, role, way, port in interfaces(Path(file).read_text()):
            if bus_kind == "aximm" and role == "AWVALID":
                self.buses[f"{cell}/{bus}"] = {"output": "master", "input": "slave"}[way]
            elif bus_kind != "aximm":
                self.pins.add(f"{cell}/{port}")

    def _get_bd_cells(self, words):
        assert words[-1] in self.cells, words
        return words[-1]

    def _set_property(self, words):
        if words[0] == "-dict" and words[-1] in self.cells:
            pairs = self.tcl.splitlist(words[1])
            for name, value in zip(pairs[::2], pairs[1::2]):
                pins, buses = BEHIND.get(name.removeprefix("CONFIG."), ([], {}))
                if value == "1":
                    self.pins |= {f"{words[-1]}/{pin}" for pin in pins}
                    self.buses |= {f"{words[-1]}/{bus}": role for bus, role in buses.items()}

    def _get_bd_pins(self, words):
        assert words[-1] in self.pins, f"no pin {words[-1]}"
        return words[-1]

    def _create_bd_port(self, words):
        self.pins.add(words[-1])

    def _get_bd_ports(self, words):
        assert words[-1] in self.pins, f"no port {words[-1]}"
        return words[-1]

    def _get_bd_intf_pins(self, words):
        assert words[-1] in self.buses, f"no interface {words[-1]}"
        return words[-1]

    def _get_bd_addr_spaces(self, words):
        assert words[-1] == "ps/Data" or self.buses.get(words[-1]) == "master", words
        return words[-1]

    def _get_bd_addr_segs(self, words):
        cell, bus, block = words[-1].split("/")
        own = self.buses.get(f"ps/{SEGMENTS.get(words[-1])}") == "slave"
        assert own or (self.buses.get(f"{cell}/{bus}") == "slave" and block == "reg0"), words
        return words[-1]

    def _connect_bd_net(self, words):
        self.nets.append(tuple(words))

    def _connect_bd_intf_net(self, words):
        assert [self.buses[word] for word in words] == ["master", "slave"], words
        self.links.append(tuple(words))
