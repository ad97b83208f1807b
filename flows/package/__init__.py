"""An accelerator as a package for other flows: a top in Verilog-2001, FuseSoC, Vivado, LiteX.

docs/guide/package.md describes its content. All texts are templates next to this file; `sources.py` renames
the modules, `streams.py` widens the streams, `vectors.py` writes the stimuli and results of the test bench.
"""

from dataclasses import asdict
from pathlib import Path

from xnorforge.core import VERSION, artifacts
from xnorforge.core.types import Record
from xnorforge.flows import control, vivado
from xnorforge.flows.backends.rtl import lint_folder
from xnorforge.flows.package import sources, vectors
from xnorforge.flows.package.streams import frames_in_flight, top_stream
from xnorforge.flows.templates import render
from xnorforge.hw import boards, families, graph
from xnorforge.hw.loads import control_address_bits
from xnorforge.hw.shells.plain import contract

VIVADO_FAMILIES = {
    "xc7z": "zynq", "xc7a": "artix7", "xc7k": "kintex7", "xc7s": "spartan7", "xczu": "zynquplus",
    "xck2": "zynquplus",
}  # fmt: skip
TOP = "xf_top"
AROUND = {"axis": "xf_frame_guard", "plain": "xf_check_timing"}  # by interface, what the top has beside it


def write_package(acc: Path, out: Path, prefix: str | None = None, interface: str = "axis") -> Record:
    """Write the package of a generated accelerator.

    Args:
        acc: its folder, with `folded.onnx`, `fold.json` and `rtl/`; its parent folder has `golden.npz`.
        out: the folder of the package, replaced when the new one is complete.
        prefix: prefix of its module names, lower case; None takes the name of the network.
        interface: of the top: "axis", AXI4-Stream, or "plain", see hw/shells/plain.

    Returns:
        The record, also in `package.json`: `prefix`, `module`, `border` {`input`, `output`: `width`,
        `beats`, …}, `files`, `timing` of a plain port, and the check: Verilator reads it without a warning.

    Raises:
        UserError: an invalid prefix, a warning of Verilator, or a network that cannot have a plain port.
    """
    ops = graph.operators(acc / "folded.onnx")
    fold = artifacts.read_json(acc / "fold.json")
    net = acc.resolve().parent.name
    prefix = sources.prefix_of(net) if prefix is None else sources.checked_prefix(prefix)
    with artifacts.whole(out) as aside:
        with artifacts.measured("verilator") as run:
            renamed = sources.renamed(acc / "rtl", [TOP, AROUND[interface]], prefix)
            given = _facts(ops, fold, prefix, renamed, interface) | _name(acc, f"{prefix}_{interface}")
            texts = {f"rtl/{name}": text for name, text in renamed.texts.items()} | _written(given)
            widths = given["into"].width, given["out"].width
            texts |= vectors.beats(ops, acc.parent / "golden.npz", prefix, *widths)
            for name, text in texts.items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).write_text(text)
            order = [*renamed.sources, f"{given['module']}.v"]
            lint_folder(aside / "rtl", order, given["module"], "package")
        lines = sum(len((aside / "rtl" / name).read_text().splitlines()) for name in order)
        what = "lines of Verilog under verilator -Wall"
        record = {
            "stage": "package", "checks": [artifacts.check("lint = no warning", 0, 0, lines, what)],
            "prefix": prefix, "module": given["module"], "net": fold["net"], "board": fold["board"],
            "border": {"input": given["into"].record(), "output": given["out"].record()},
            **({"timing": asdict(given["timing"])} if given["timing"] else {}),
            "frames_in_flight": given["depth"], "files": sorted([*texts, "package.json"]),
        }  # fmt: skip
        artifacts.write_json(aside / "package.json", {**record, "run": run})
    return artifacts.read_json(out / "package.json")


def _facts(ops, fold: Record, prefix: str, renamed: sources.Renamed, interface: str) -> Record:
    """The values for the templates."""
    board, timing = boards.load(fold["board"]), contract(ops) if interface == "plain" else None
    into, out = (top_stream(one, timing is not None) for one in (ops[0].in_stream(), ops[-1].out_stream()))
    module = f"{prefix}_{interface}"
    synth = families.load(board.family).synth.removeprefix("synth_")  # flat, logic that waits disappears
    wide, channels = control_address_bits(ops), control.CHANNELS.items()
    ports = {name: (way, bits or wide) for name, (way, bits) in channels} if wide else {}
    return {
        "net": fold["net"], "title": " ".join(board.title.split()), "part": board.part,
        "mhz": board.clock_mhz, "version": VERSION,
        "prefix": prefix, "upper": prefix.upper(), "module": module,
        "camel": "".join(word.capitalize() for word in prefix.split("_")),
        "timing": timing, "into": into, "out": out, "depth": frames_in_flight(ops),
        "control": ports,  # of the AXI4-Lite slave, {name: (direction, bits)}
        "synth": (synth.replace(" -noflatten", "") if timing else synth).split(),
        "defines": families.load(board.family).defines, "frames": vectors.FRAMES,
        "patience": 1000 + 40 * sum(op.cycles() for op in ops), "headers": renamed.headers,
        "sources": renamed.sources, "memories": renamed.memories,
        "vivado_family": VIVADO_FAMILIES.get(board.part[:4]) if vivado.has_vivado(board) else None,
    }  # fmt: skip


def _name(acc: Path, module: str) -> Record:
    """The name by which tools know the core, with a version of the network's own: 28 bits of the SHA-256 of
    `folded.onnx`, as `hash` of its overlay, so that each training has another."""
    version = f"1.{int(artifacts.sha256(acc / 'folded.onnx')[:7], 16)}"
    return {"own_version": version, "vlnv": f"xnorforge:bnn:{module}:{version}"}


def _written(given: Record) -> dict[str, str]:
    """The files generated for this package, by their paths in it."""
    prefix, module, plain = given["prefix"], given["module"], "plain_" if given["timing"] else ""
    wanted = {
        "README.md": "README.md", f"rtl/{module}.v": f"{plain}wrapper.v",
        f"rtl/{prefix}_config.svh": "config.svh", f"sim/{prefix}_tb.sv": f"{plain}tb.sv",
        f"{module}.core": "core",
    }  # fmt: skip
    if not plain:
        wanted[f"litex/{prefix}.py"] = "litex.py"
    if given["vivado_family"]:
        wanted["vivado/package_ip.tcl"] = "package_ip.tcl"
    texts = {path: render(__name__, f"templates/{name}", given) for path, name in wanted.items()}
    names = [*given["sources"], f"{module}.v"]
    return texts | {"rtl.f": "+incdir+rtl\n" + "".join(f"rtl/{name}\n" for name in names)}
