"""A small database in Project X-Ray's form, with round numbers: five tiles in a row, one of each kind.

Every output of a slice reaches every input of its tile over a switch of 1 ns. Wires SHARED0 to SHARED3 run
through all tiles; a switch of 0.5 ns leads to them and one from them. No wire has a capacitance but LOADED,
behind a switch of 2,000 ohms, and the line LV0."""

import json
from itertools import pairwise
from pathlib import Path

LUT_PINS = [f"{letter}{index}" for letter in "ABCD" for index in range(1, 7)]
SLICE_IN = [*LUT_PINS, *(f"{x}X" for x in "ABCD"), "CE", "SR", "CLK", "CIN"]
SLICE_OUT = [*"ABCD", *(f"{x}MUX" for x in "ABCD"), *(f"{x}Q" for x in "ABCD"), "COUT"]
MEMORY_IN = ["AI", "BI", "CI", "DI", "WE"]
RAM_IN = ["ADDRARDADDR3", "DIADI0", "WEA0", "ENARDEN", "RSTRAMARSTRAM", "REGCEAREGCE"]
RAM_OUT = ["DOADO0", "DOBDO0"]
RAM36_IN, RAM36_OUT = ["ADDRARDADDRL3", "DIADI0", "WEAL0"], ["DOADO0"]
DSP_IN, DSP_OUT = ["A3", "B3"], ["P7"]
PROCESSOR_IN, PROCESSOR_OUT = ["MAXIGP0RDATA5"], ["MAXIGP0AWADDR5"]
TILES = {
    "CLBLL_L_X0Y0": [("SLICE_X0Y0", "SLICEL", "LL"), ("SLICE_X1Y0", "SLICEL", "L")],
    "CLBLM_L_X1Y0": [("SLICE_X2Y0", "SLICEM", "M"), ("SLICE_X3Y0", "SLICEL", "L")],
    "BRAM_L_X2Y0": [("RAMB18_X0Y0", "FIFO18E1", "F"), ("RAMB18_X0Y1", "RAMB18E1", "R"),
                    ("RAMB36_X0Y0", "RAMBFIFO36E1", "W")],
    "DSP_L_X3Y0": [("DSP48_X0Y0", "DSP48E1", "D"), ("DSP48_X0Y1", "DSP48E1", "E")],
    "PSS2_X4Y0": [("PS7_X0Y0", "PS7", "P")],
    "CLBLL_L_X0Y1": [("SLICE_X0Y1", "SLICEL", "LL"), ("SLICE_X1Y1", "SLICEL", "L")],
}  # fmt: skip
PINS = {"SLICEL": (SLICE_IN, SLICE_OUT), "SLICEM": ([*SLICE_IN, *MEMORY_IN], SLICE_OUT),
        "FIFO18E1": (RAM_IN, RAM_OUT), "RAMB18E1": (RAM_IN, RAM_OUT), "RAMBFIFO36E1": (RAM36_IN, RAM36_OUT),
        "DSP48E1": (DSP_IN, DSP_OUT), "PS7": (PROCESSOR_IN, PROCESSOR_OUT)}  # fmt: skip
SHARED = [f"SHARED{index}" for index in range(4)]


def _switch(source: str, sink: str, ns: float = 1.0, ohm: float = 0, ff: float = 0, isolates: bool = True):
    way = {"delay": ["0", "0", "0.001", str(ns)] if ns else None, "res": str(ohm), "in_cap": str(ff)}
    return {"src_wire": source, "dst_wire": sink, "is_directional": "1", "is_pseudo": "0",
            "is_pass_transistor": int(not isolates), "src_to_dst": way, "dst_to_src": way}  # fmt: skip


def _tile_type(kind: str, sites: list[tuple[str, str, str]]) -> dict:
    wires: dict[str, dict | None] = dict.fromkeys([*SHARED, "GND_WIRE", "VCC_WIRE"])
    wires |= {"LOADED": {"res": "500", "cap": "40"}, "LV0": {"res": "100", "cap": "30"}}
    pips, described, inputs, outputs = [], [], [], []
    for name, site, short in sites:
        into, out = ([f"{kind}_{short}_{pin}" for pin in pins] for pins in PINS[site])
        prefix = name.rpartition("_")[0]
        first = min(one[0] for one in sites if one[0].startswith(prefix))
        place = f"X{int(name[-3]) - int(first[-3])}Y{int(name[-1]) - int(first[-1])}"
        pins = {}
        for wire in into:
            pin = wire.rpartition("_")[2]
            ns = 0.5 if pin in ("A1", "B1", "C1", "D1") else 0
            pins[pin] = {"wire": wire, "cap": "0", "delay": ["0", "0", "0", str(ns)]}
        for wire in out:
            pins[wire.rpartition("_")[2]] = {"wire": wire, "res": "1000", "delay": ["0"] * 4}
        described.append({"name": place, "type": site, "prefix": prefix, "site_pins": pins})
        inputs, outputs = inputs + into, outputs + out
    wires |= dict.fromkeys([*inputs, *outputs])
    if kind.startswith("CLB"):
        pips += [_switch(source, sink) for source in outputs for sink in inputs]
        above = {wire: f"{wire}_N" for wire in outputs if wire.endswith("COUT")}
        wires |= dict.fromkeys(above.values())
        pips += [_switch(wire, up, 0, isolates=False) for wire, up in above.items()]
    for wire in SHARED:
        pips += [_switch(source, wire, 0.5) for source in outputs]
        pips += [_switch(wire, sink, 0.5) for sink in inputs]
    for wire in ("GND_WIRE", "VCC_WIRE"):
        pips += [_switch(wire, sink) for sink in inputs]
    for wire in ("LOADED", "LV0"):
        pips += [_switch(source, wire, 0.5, 2000, 10) for source in outputs]
        pips += [_switch(wire, sink, 0.5, 0, 20) for sink in inputs]
    return {"tile_type": kind, "wires": wires, "sites": described,
            "pips": {f"{kind}.{one['src_wire']}->>{one['dst_wire']}": one for one in pips}}  # fmt: skip


def write(folder: Path, device: str = "xc7z020") -> Path:
    """Write the database; its folder."""
    (folder / device).mkdir(parents=True)
    (folder / "timings").mkdir()
    grid = {}
    for name, sites in TILES.items():
        kind, _, place = name.rpartition("_X")
        x, _, y = place.partition("Y")
        grid[name] = {"type": kind, "grid_x": int(x), "grid_y": -int(y),
                      "sites": {site: form for site, form, _ in sites}}  # fmt: skip
        (folder / f"tile_type_{kind}.json").write_text(json.dumps(_tile_type(kind, sites)))
    (folder / device / "tilegrid.json").write_text(json.dumps(grid))
    row = [name.rpartition("_X")[0] for name in TILES][:5]
    wires = [[wire, wire] for wire in SHARED]
    joint = {"grid_deltas": [1, 0], "wire_pairs": wires}
    joints = [joint | {"tile_types": pair} for pair in pairwise(row)]
    up = [[f"CLBLL_L_{one}_COUT_N", f"CLBLL_L_{one}_CIN"] for one in ("LL", "L")]
    joints.append({"grid_deltas": [0, -1], "tile_types": ["CLBLL_L", "CLBLL_L"], "wire_pairs": up})
    (folder / device / "tileconn.json").write_text(json.dumps(joints))
    for kind, text in sdf().items():
        (folder / "timings" / f"{kind}.sdf").write_text(text)
    return folder


def _cell(model: str, instance: str, paths: dict[str, float], checks: dict[str, float] | None = None) -> str:
    lines = [f'(CELL (CELLTYPE "{model}")\n (INSTANCE {instance})']
    for name, ns in paths.items():
        source, sink = name.split(">")
        lines.append(f"  (IOPATH {source} {sink} (0.001::0.002)(0.003::{ns}))")
    for pin, ns in (checks or {}).items():
        lines.append(f"  (SETUP {pin} (posedge CLK) (-1.000::{ns}))")
    return "\n".join([*lines, ")"])


CARRY = {
    "CARRY4": {"S0>O0": 0.31, "S0>O1": 0.32, "S1>O1": 0.30, "S0>CO3": 0.33, "S1>CO1": 0.42,
               "CIN>O3": 0.34, "CIN>CO3": 0.35, "CIN>O0": 0.43, "CYINIT>O1": 0.36},
    "CARRY4_LFF": {"CIN>O3": 0.39}, "CARRY4_LBOTH": {"CIN>O3": 0.41},
    "CARRY4_O5": {"DI0>O1": 0.37}, "CARRY4_AX": {"DI0>O1": 0.38},
}  # fmt: skip


def sdf() -> dict[str, str]:
    """Times of the cells: {kind of tile: SDF}."""
    slices, memory = [], []
    for side in ("SLICEL", "SLICEM"):
        own = [
            _cell("REG_INIT_FF", side, {"CLK>Q": 0.40}, {"DIN": 0.05, "CE": 0.07}),
            _cell("REG_INIT_FF_QH", side, {}, {"SR": 0.09}), _cell("REG_INIT_FF_QL", side, {}, {"SR": 0.11}),
            _cell("FF_INIT", side, {"CLK>Q": 0.60}, {"DIN": 0.06, "CE": 0.08}),
            _cell("FF_INIT_QH", side, {}, {"SR": 0.13}), _cell("FF_INIT_QL", side, {}, {"SR": 0.12}),
            _cell("SELMUX2_1", f"{side}/F7AMUX", {"0>OUT": 0.21, "1>OUT": 0.22, "S0>OUT": 0.23}),
            _cell("SELMUX2_1", f"{side}/F7BMUX", {"0>OUT": 0.24, "1>OUT": 0.25, "S0>OUT": 0.26}),
            _cell("SELMUX2_1", f"{side}/F8MUX", {"0>OUT": 0.27, "1>OUT": 0.28, "S0>OUT": 0.29}),
            *(_cell(model, side, paths) for model, paths in CARRY.items()),
        ]  # fmt: skip
        for letter in "ABCD":
            for size, base in ((6, 0.10), (5, 0.20)):
                paths = {f"A{pin}>O{size}": round(base + pin / 1000, 3) for pin in range(1, size + 1)}
                model = f"LUT{size}" if side == "SLICEL" else f"LUT_OR_MEM{size}LRAM"
                written = {"DI1": 0.45, "DI2": 0.46} if side == "SLICEM" else {}
                paths |= {f"CLK>O{size}": 0.90} if written else {}
                own.append(_cell(model, f"{side}/{letter}{size}LUT", paths, written))
        (slices if side == "SLICEL" else memory).extend(own)
    ports = {"WA1": 0.51, "WA6": 0.56, "WA7": 0.57, "WE": 0.58}
    memory += [_cell(f"LUT_OR_MEM{size}LRAM", "SLICEM", {}, ports) for size in (5, 6)]
    unit, mode = "RAMBFIFO36E1", "EN_ECC_READ_FALSE"
    ram = [
        _cell(unit, unit, {}, {"ADDRAU": 0.61, "ADDRA15L": 0.60, "WEAU": 0.62}),
        _cell(f"{unit}_ISFIFO_FALSE", unit, {}, {"ENARDENU": 0.63, "RSTRAMAU": 0.64}),
        _cell(f"{unit}_ISFIFO_TRUE", unit, {}, {"ENARDENL": 0.99}),
        _cell(f"{unit}_DOA_REG_U_1", unit, {}, {"REGCEAL": 0.65}),
        *(_cell(f"{unit}RAM_MODE_WRITE_MODE_U_{short}_{mode}", unit, {}, {"DIADIU": ns})
          for short, ns in (("NC", 0.66), ("RF", 0.67), ("WF", 0.68))),
        *(_cell(f"{unit}RAM_MODE_U_DO{port}_REG_U_{kept}_{mode}", unit, {f"CLKARDCLKU>DO{port}DOU": ns})
          for port in "AB" for kept, ns in ((0, 2.5), (1, 0.8))),
    ]  # fmt: skip
    dsp = [
        _cell("DSP48E1_AREG_0_A_INPUT_DIRECT_MREG_0_PREG_1_USE_DPORT_FALSE", "DSP48E1", {}, {"A": 4.0}),
        _cell("DSP48E1_AREG_1_A_INPUT_DIRECT", "DSP48E1", {}, {"A": 0.3}),
        _cell("DSP48E1_PREG_1", "DSP48E1", {"CLK>P": 0.35}),
        _cell("DSP48E1_MREG_1_PREG_0", "DSP48E1", {"CLK>P": 1.5}),
        _cell("DSP48E1_MREG_0_PREG_0", "DSP48E1", {"CLK>P": 4.5}),
    ]
    processor = [_cell("PS7", "PS7", {"MAXIGP0ACLK>MAXIGP0AWADDR": 1.4}, {"MAXIGP0RDATA": 0.55})]
    joined = {"CLBLL_L": slices, "CLBLM_L": slices + memory, "BRAM_L": ram, "DSP_L": dsp, "PSS2": processor}
    return {kind: "(DELAYFILE\n" + "\n".join(cells) + "\n)\n" for kind, cells in joined.items()}
