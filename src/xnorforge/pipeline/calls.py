"""The stages' functions, each called with the network's folder, the accelerator's, and its options.

What a stage needs is imported when it runs, so that its record names what it used and not what others use.
"""

from pathlib import Path

from xnorforge.core.progress import now_at, say


def export(net_dir: Path, _acc: Path, net, method, weights, model, data=None, **of_model) -> None:
    """The trained network as QONNX, with golden scores."""
    if model:
        _import_file(net_dir, Path(model), data=data, **of_model)
    else:
        from xnorforge.flows.export import export
        from xnorforge.pipeline.pictures import hand_over
        from xnorforge.sw.zoo import golden, load

        hand_over(data)
        now_at("reading weights and images")
        module, meta = load(net, method, weights and Path(weights))
        images, labels, which = golden(net)
        export(module, images, labels, net_dir, {**meta, "images": which})


def _import_file(net_dir: Path, model: Path, scale, offset=0.0, input_format=None, **given) -> None:
    """A file from elsewhere as QONNX, with golden scores."""
    from xnorforge.flows.importing.input_wanted import Wanted
    from xnorforge.flows.importing.stage import import_network, looked_at

    looked_at(model)
    from xnorforge.pipeline.model_images import for_model  # loads torch, which a refusal need not wait for
    from xnorforge.pipeline.own_data import calibration_rows

    samples = for_model(model, **given)
    kind, _, file = (input_format or "").partition(":")
    rows = calibration_rows(Path(file)) if kind == "float" else None
    words = {name.upper(): word for name, word in given.items() if word}
    import_network(model, samples, net_dir, Wanted(input_format, scale, offset, rows), words)


def lower(net_dir: Path, _acc: Path) -> None:
    """The same function on integers only."""
    from xnorforge.flows.lower import lower

    lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir)


def fold(net_dir: Path, acc: Path, board, folding=None, like=None, memory=None, **aim) -> None:
    """Parallelism and FIFOs for a board."""
    from xnorforge.flows.fold import fold
    from xnorforge.sim.bits import BitSimulator

    aim["execute"] = lambda ops, images: BitSimulator(ops).run(images)
    limits = {name: most for name in ("lut", "bram", "latency") if (most := aim.pop(name, None))}
    aim |= {"limits": limits, "like": like.split(",") if like else (), "gb_per_s": memory}
    record = fold(net_dir, board, acc, folding=folding and Path(folding), **aim)
    if record["not_taken"]:
        say(f"fold        {folding}: not used: {'; '.join(record['not_taken'])}")


def generate(_net_dir: Path, acc: Path) -> None:
    """SystemVerilog and memory files."""
    from xnorforge.flows.backends.rtl import generate

    generate(acc / "folded.onnx", acc / "rtl")


def hls(net_dir: Path, acc: Path) -> None:
    """The Vitis HLS project by hls4ml, emulated and compared with the bit simulator."""
    from xnorforge.flows.backends import hls4ml
    from xnorforge.sim.stage import bits_alone

    hls4ml.write_and_emulate(acc, net_dir, before=[bits_alone(acc, net_dir)])


def finn(net_dir: Path, acc: Path) -> None:
    """FINN's design in RTL, simulated, and its build folder."""
    from xnorforge.flows.backends import finn
    from xnorforge.sim import finn as simulator

    finn.finn(net_dir, acc, simulator)


def sim(net_dir: Path, acc: Path, images: int, stalled: int, waves: bool) -> None:
    """Bit simulator and RTL against the golden scores; cycles."""
    from xnorforge.sim.stage import simulate

    simulate(acc, net_dir, images, stalled, waves, lambda text: say(f"sim         {text}"))


def synth(net_dir: Path, acc: Path, jobs: int = 2) -> None:
    """Yosys cells per operator."""
    from xnorforge.flows.synth.stage import synthesise

    synthesise(acc, net_dir, jobs)


def netlist(net_dir: Path, acc: Path) -> None:
    """The synthesised netlist against the golden scores."""
    from xnorforge.sim.netlist import simulate_netlist

    simulate_netlist(acc, net_dir, progress=lambda text: say(f"netlist     {text}"))


def bitstream(net_dir: Path, acc: Path, seeds, jobs: int = 2, pnr_minutes: float | None = None) -> None:
    """Place and route: a bitstream and its clock."""
    from xnorforge.flows.route import place_and_route

    place_and_route(acc, net_dir, seeds, jobs, pnr_minutes)


def overlay(net_dir: Path, acc: Path, routed=None) -> None:
    """The accelerator in its shell, its description and drivers, with the bitstream where there is one."""
    from xnorforge.flows.overlay import write_overlay

    about = write_overlay(acc, net_dir, routed)
    say(f"overlay     {about['net']}, hash {about['hash']}")
    say(f"overlay     bitstream {about['bitstream']['about']}")


def report(_net_dir: Path, acc: Path, routed) -> None:
    """report.html, report.md, report.json."""
    from xnorforge.flows.report import write

    write(acc, routed)
