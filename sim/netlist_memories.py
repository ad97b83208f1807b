"""Contents of the read-only memories of a mapped netlist, in block RAM or in LUTs, without a simulation.

`flows/yosys_job.py` keeps the ports of every `xf_rom…` in the flat netlist. What is between address and data
is evaluated for all addresses at once, each at rest and with the enable on, so that registers pass their
input. Cells of the 7 series and UltraScale+ are known; a memory of other cells or nets is not read.
"""

import re
from collections.abc import Mapping

import numpy as np

_CELL = re.compile(r"^  (\w+) (?:#\(\n(.*?)\n  \) )?\S+ +\(\n(.*?)\n  \);$", re.MULTILINE | re.DOTALL)
_GIVEN = re.compile(r"^    \.(\w+)\((.*?)\),?$", re.MULTILINE)
_WIRE = re.compile(r"^  wire (?:\[(\d+):0\] )?(\\?\S+?) ?;$", re.MULTILINE)
_ASSIGN = re.compile(r"^  assign (.*) = (.*);$", re.MULTILINE)
_BITS = re.compile(r"(\d+)'s?([bhd])([0-9a-fxz]+)|\\(\S+) |(\w+)(?:\[(\d+)(?::(\d+))?\])?")
_ENDS = re.compile(r"(.*\.(\w+))\.(en_i|addr_i|data_o)(?:\[(\d+)\])?")
_LUT = re.compile(r"LUT(\d)(_2)?$")
_RAM = re.compile(r"RAMB(18|36)E\d$")
# Outputs of both generations, such as DOPBDOP and DOUTPBDOUTP: (of port B, parity).
_HEADS = [(do, p, port) for do in ("DO", "DOUT") for p in ("", "P") for port in "AB"]
_RAM_OUTPUTS = {f"{do}{p}{port}{do}{p}": (port == "B", p == "P") for do, p, port in _HEADS}
# The input that a register or a shift register gives, and what forces it to 0 or to 1.
_REGISTERS = {
    "FDRE": ("D", "R", ""), "FDCE": ("D", "CLR", ""), "FDSE": ("D", "", "S"), "FDPE": ("D", "", "PRE"),
    "SRL16E": ("D", "", ""), "SRLC32E": ("D", "", ""), "BUF": ("I", "", ""),
}  # fmt: skip


class UnreadError(Exception):
    """A memory depends on a net or a cell that this module does not evaluate."""


class Netlist:
    """The cells of a flat module, as `write_verilog -noattr` writes it.

    Attributes:
        memories: {instance path: name of the instance} of every memory in it.
    """

    def __init__(self, text: str):
        self._width = {name.lstrip("\\"): int(high or 0) + 1 for high, name in _WIRE.findall(text)}
        self._same: dict[str, str] = {}
        for left, right in _ASSIGN.findall(text):
            self._same.update(zip(self._bits(left), self._bits(right), strict=True))
        self._driver: dict[str, tuple[str, dict[str, str], dict[str, str], str, int]] = {}
        for kind, *written in _CELL.findall(text):
            given, ports = (dict(_GIVEN.findall(part)) for part in written)
            for port in ("O", "O5", "O6", "Q", "Q31", "DOUT_A", "DOUT_B", *_RAM_OUTPUTS):
                for place, net in enumerate(self._bits(ports.get(port, ""))):
                    self._driver[net] = kind, given, ports, port, place
        self._ports: dict[str, dict[str, dict[int, str]]] = {}  # of each memory, {port: {bit: net}}
        for name, width in self._width.items():
            for net in [name] if width == 1 else [f"{name}[{bit}]" for bit in range(width)]:
                if found := _ENDS.fullmatch(net):
                    own = self._ports.setdefault(found[1], {"en_i": {}, "addr_i": {}, "data_o": {}})
                    own[found[3]][int(found[4] or 0)] = net
        self.memories: dict[str, str] = {path: path.rpartition(".")[2] for path in self._ports}

    def width(self, path: str) -> int:
        """Bits of a word of a memory."""
        return len(self._ports[path]["data_o"])

    def possible(self, path: str, depth: int) -> np.ndarray:
        """Which addresses below `depth` the netlist can ask for: some of their bits may be tied."""
        bits = {bit: self._root(net) for bit, net in self._ports[path]["addr_i"].items()}
        tied = [(np.arange(depth) >> bit & 1) == int(net) for bit, net in bits.items() if net in ("0", "1")]
        return np.logical_and.reduce([np.ones(depth, bool), *tied])

    def words(self, path: str, depth: int, undefined: int = 0) -> np.ndarray:
        """The words of a memory at the addresses 0 to `depth` - 1, uint8 (depth, bits), lowest bit first.

        Args:
            path: of its instance, from `memories`.
            depth: how many addresses.
            undefined: what undefined bits of block RAMs are taken for, and what registers begin with.

        Raises:
            UnreadError: what is between address and data is not known here.
        """
        addresses, ports = np.arange(depth), self._ports[path]
        zeros, ones = np.zeros(depth, np.uint8), np.ones(depth, np.uint8)
        known: dict[str, np.ndarray] = {self._root(net): ones for net in ports["en_i"].values()}
        for bit, net in ports["addr_i"].items():
            known[self._root(net)] = (addresses >> bit & 1).astype(np.uint8)
        known |= {"0": zeros, "1": ones}
        known["x"] = known[str(undefined)]
        self._contents: dict[tuple[int, str], np.ndarray] = {}  # of block RAMs
        nets = [ports["data_o"][bit] for bit in sorted(ports["data_o"])]
        return np.stack([self._value(net, known) for net in nets], axis=1)

    def _root(self, net: str) -> str:
        while net in self._same:
            net = self._same[net]
        return net

    def _bits(self, text: str) -> list[str]:
        """The nets of an expression, lowest first; constants are "0", "1" and "x"."""
        found: list[str] = []
        for size, base, digits, escaped, name, high, low in _BITS.findall(text):
            if size:
                found = constant(int(size), base, digits) + found
            elif high:
                places = range(int(low or high), int(high) + 1)
                found = [f"{name}[{place}]" for place in places] + found
            else:
                whole = escaped or name
                width = self._width.get(whole, 1)
                found = ([whole] if width == 1 else [f"{whole}[{bit}]" for bit in range(width)]) + found
        return found

    def _value(self, net: str, known: dict[str, np.ndarray]) -> np.ndarray:
        """The values of a net for all addresses."""
        net = self._root(net)
        if net not in known:
            if net not in self._driver:
                raise UnreadError(net)
            known[net] = known["x"]  # a register without an enable of its own reads itself
            known[net] = self._cell(*self._driver[net], known)
        return known[net]

    def _cell(self, kind, given, ports, port, place, known) -> np.ndarray:
        def value(name: str) -> np.ndarray:
            found = self._value(self._bits(ports[name])[0], known)
            return found ^ (given.get(f"IS_{name}_INVERTED", "1'h0")[-1] == "1")

        if lut := _LUT.match(kind):
            table = np.array(parameter(given["INIT"], known), np.uint8)
            inputs = [value(f"I{k}") for k in range(5 if port == "O5" else int(lut[1]))]
            return table[sum(one.astype(np.int64) << k for k, one in enumerate(inputs))]
        if kind in _REGISTERS:
            source, clear, force = _REGISTERS[kind]
            found = value(source)
            found = found & (1 ^ value(clear)) if clear else found
            return found | value(force) if force else found
        if kind == "INV":
            return 1 ^ value("I")
        if kind.startswith("MUXF"):
            return np.where(value("S"), value("I1"), value("I0")).astype(np.uint8)
        if _RAM.match(kind):
            return self._ram(kind, given, ports, port, place, known)
        raise UnreadError(kind)

    def _ram(self, kind, given, ports, port, place, known) -> np.ndarray:
        """One output bit of a block RAM: words of 9 bits and their multiples have every ninth in INITP."""
        pins_of_b, parity = _RAM_OUTPUTS[port]
        widths = [int(given[f"READ_WIDTH_{one}"].rpartition("d")[2]) for one in "AB"]
        second = pins_of_b and widths[1] > 0
        width = widths[second]
        size = width if width < 9 else width // 9 * 8  # in INIT; a word's other bits are in INITP
        if pins_of_b and not second:  # the upper half of a word that both ports give
            place += (4 if parity else 32) if "36" in kind else (2 if parity else 16)
        step = width - size if parity else size
        if place >= step:
            raise UnreadError(port)
        head = "INITP_" if parity else "INIT_"
        if (id(given), head) not in self._contents:
            names = [f"{head}{number:02X}" for number in range(128) if f"{head}{number:02X}" in given]
            bits = [bit for name in names for bit in parameter(given[name], known)]
            self._contents[id(given), head] = np.array(bits, np.uint8)
        contents = self._contents[id(given), head]
        lines = self._bits(ports["ADDRBWRADDR" if second else "ADDRARDADDR"])
        lines = lines[size.bit_length() - 1 : 15 if "36" in kind else 14]
        address = sum(self._value(net, known).astype(np.int64) << k for k, net in enumerate(lines))
        return contents[address * step + place]


def parameter(text: str, known: Mapping[str, np.ndarray]) -> list[int]:
    """The bits of a parameter, lowest first."""
    ((size, base, digits, *_),) = _BITS.findall(text)
    return [int(known[bit][0]) for bit in constant(int(size), base, digits)]


def constant(size: int, base: str, digits: str) -> list[str]:
    """The bits of a Verilog number, lowest first: "0", "1", or "x" where it is undefined."""
    if base == "d":
        digits = f"{int(digits):b}"
    elif base == "h":
        digits = "".join("xxxx" if digit in "xz" else f"{int(digit, 16):04b}" for digit in digits)
    return [*digits.replace("z", "x")[::-1].ljust(size, "0")[:size]]
