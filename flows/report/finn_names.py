"""The figures of a report under FINN's file names and keys, so that scripts written for FINN's `report/`
folder run.

Only what is known here is filled in. One definition differs: FINN divides images by the whole run, pipeline
fill included; here `stable_throughput[images/s]` is the steady state and `throughput[images/s]` is left out.
"""


def files(record: dict) -> dict[str, dict]:
    """{file name: content} from the record of report.json."""
    layers, cycles, mhz = record["layers"], record["cycles"], record["clock_mhz"]["value"]
    path = sum(layer["cycles"] for layer in layers)
    resources = {
        layer["name"]: _resources(layer["lut_estimate"], layer["bram36_estimate"]) for layer in layers
    }
    estimate = record["resources"]["estimate"]
    fifos = [row for row in record["streams"] if row["kind"] == "FIFO"]
    sizes = {row["name"]: row["depth"] * row["width"] for row in fifos}
    return {
        "estimate_layer_cycles.json": {layer["name"]: layer["cycles"] for layer in layers},
        "estimate_layer_resources.json": {
            **resources,
            "total": _resources(estimate["lut"], estimate["bram36"]),
        },
        "estimate_network_performance.json": {
            "critical_path_cycles": path,
            "max_cycles": cycles["interval_bound"],
            "max_cycles_node_name": cycles["bottleneck"][0],
            "estimated_throughput_fps": mhz * 1e6 / cycles["interval_bound"],
            "estimated_latency_ns": path * 1e3 / mhz,
        },
        "rtlsim_performance.json": {
            "fclk[mhz]": mhz,
            "latency_cycles": cycles["latency"],
            "stable_throughput[images/s]": record["fps"]["value"],
        },
        "fifo_sizing.json": {
            "fifo_depths": {row["name"]: row["depth"] for row in fifos},
            "fifo_sizes": sizes,
            "total_fifo_size_kiB": sum(sizes.values()) / 8 / 1024,
        },
    }


def _resources(lut: float, bram36: float) -> dict:
    """A row as FINN writes it; the operators use neither UltraRAM nor DSP slices."""
    return {"BRAM_18K": round(2 * bram36), "LUT": round(lut), "URAM": 0, "DSP": 0}
