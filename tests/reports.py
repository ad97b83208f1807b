"""Reports of builds that were never made, for tests of what reads reports."""

RESOURCES = ("lut", "lut_logic", "lut_ram", "srl", "ff", "carry", "muxf", "ramb36", "ramb18", "bram36", "dsp",
             "uram")  # fmt: skip
OPERATORS = {"conv0": (200, 90), "dense3": (1000, 300), "top_k": (12, 8)}


def report(**changed_luts):
    """A report of three operators, of which some have other LUT."""
    rows = []
    for name, (lut, ff) in OPERATORS.items():
        given = {"name": name, "lut": changed_luts.get(name, lut), "ff": ff}
        rows.append(dict.fromkeys(RESOURCES, 0) | given)
    total = {key: sum(row[key] for row in rows) for key in RESOURCES}
    top, estimate = dict.fromkeys(RESOURCES, 0), {"lut": 1, "bram36": 0}
    given = {"share": {}, "estimate": estimate, "top": top, "per_operator": rows}
    cycles = {"interval_bound": 8192, "interval_simulated": 8192, "interval_shell": 98, "latency": 22074}
    return {
        "net": "mnist-cnn", "method": "ste", "board": "pynq-z2", "verdict": "PASS",
        "command": "make build NET=mnist-cnn", "run": {"commit": "294d22e"},
        "resources": total | given, "layers": [{"name": name, "cycles": 8192} for name in OPERATORS],
        "cycles": cycles,
        "fps": {"value": 12207.0}, "routed": None, "stages": [{"stage": "sim", "mismatches": 0}],
        "accuracy": [{"stage": "bit simulator", "set": "all", "images": 1000, "top1": 0.98}],
    }  # fmt: skip
