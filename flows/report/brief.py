"""The short form of a report: what the terminal shows after a build."""

from pathlib import Path

from xnorforge.core import accuracy
from xnorforge.core.errors import printable, several
from xnorforge.core.types import Record
from xnorforge.flows.report.device import block_ram, duration, formatted
from xnorforge.history import entries
from xnorforge.hw import boards


def as_text(record: Record) -> str:
    """About twenty lines: verdict, equality of every stage, speed, size, the slowest layer."""
    part = record.get("resources", record)["part"]
    lines = [f"{record['verdict']}  {record['net']} on {record['board_title']}, {part}", ""]
    for row in record["stages"]:
        verdict = several(row["mismatches"], "mismatch") if row["ran"] else "did not run"
        images = several(row["images"], "image").rpartition(" ")
        lines.append(f"  {row['stage']:<9} {row['name']:<44} {images[0]:>6} {images[2]:<7} {verdict}")
    if all(row["stage"] != "netlist" for row in record["stages"]):
        lines.append(f"  netlist: {record['netlist']}")
    lines += [f"  sum {name}: {text}" for name, text in record.get("narrowed", {}).items()]
    found = record["reference"]
    if found["host_function"]:
        lines.append(f"  left to the host: {found['host_function']} of the scores")
    lines += [f"  doubt: {text}" for text in found["doubts"]]
    lines.append("")
    if not record["accuracy"]:
        said = found["not_measured"]
        lines.append("  accuracy: not measured" + (f" ({said})" if said else ""))
    for row in record["accuracy"]:
        if "figures" in row:
            figures, images = accuracy.row_text(row), several(row["images"], "image")
            lines.append(f"  accuracy  {figures}, {images}, {row['stage']}: {row['set']}")
            continue
        counted = f"{row['correct']:,} of {row['images']:,}"
        lines.append(f"  accuracy  {100 * row['top1']:6.2f} %  {counted:<16} {row['stage']}: {row['set']}")
    if "resources" in record:
        lines += _counted(record)
    elif "make" in record:
        lines += _handover(record)
    else:
        forms = ", ".join(record["layers"])
        lines.append(f"  project   {record['project']} ({forms}), synthesised: {record['synthesised']}")
    return "\n".join(map(printable, lines))


def _handover(record: Record) -> list[str]:
    finn, ours = record["estimate"], record["ours"]
    amounts = [
        f"{formatted(one['cycles'])} cycles per frame, {formatted(one['lut'])} LUT, "
        f"{formatted(one['bram36'])} BRAM36, {formatted(one['dsp'])} DSP"
        for one in (finn, ours)
    ]
    return [
        f"  RTL       {formatted(record['cycles']['interval'])} cycles per frame simulated, latency "
        f"{formatted(record['cycles']['latency'])}",
        f"  FINN      {amounts[0]} by FINN's estimates",
        f"  ours      {amounts[1]} by the cost model of BACKEND=rtl",
        f"  build     on a machine with Vivado: cd {record['folder']} && {record['make']}",
    ]


def _counted(record: Record) -> list[str]:
    cycles, part, clock = record["cycles"], record["resources"], record["clock_mhz"]
    lines = [
        f"  interval  {several(cycles['interval_simulated'], 'cycle')} per frame simulated, "
        f"bound {formatted(cycles['interval_bound'])} ({', '.join(cycles['bottleneck'])})",
        f"  speed     {formatted(record['fps']['value'])} frames/s, "
        f"latency {duration(record['latency_us']['value'])} at {clock['value']:g} MHz ({clock['kind']})",
    ]
    work = record["gops"]
    text = f"{formatted(work['binary'])} GOP/s binary, {formatted(work['multi_bit'])} multi-bit"
    lines.append(f"  work      {text} (2 operations per multiply-accumulate)")
    if cycles["interval_shell"] > cycles["interval_simulated"]:
        least = several(cycles["interval_shell"], "cycle")
        lines.insert(1, f"  shell     sets the rate: it moves a frame in {least} at least")
    if outside := record.get("outside"):
        taken = formatted(outside["interval"] or 0)
        lines.append(
            f"  memory    {outside['needed_gb_per_s']} GB/s of weights needed, {outside['gb_per_s']:g} "
            f"assumed: {taken} cycles per frame simulated, bound by the {outside['binds']}"
        )
    rows = _kinds(part["family"])
    rows += [("uram", "UltraRAM", 1)] * (part.get("uram", 0) > 0)
    for name, title, each in rows:
        used, has = part[name] * each, part["capacity"][name] * each
        lines.append(
            f"  {title:<9} {formatted(used):>7} of {formatted(has)} ({100 * part['share'][name]:.1f} %), "
            f"{part['kind']}"
        )
    if routed := record["routed"]:
        mhz = routed["clock_mhz"]
        lines.append(f"  routed    {mhz['value']:g} MHz ({mhz['kind']}; least {routed['least_mhz']:g})")
    return [*lines, f"  bitstream {record['bitstream']}"]


def _kinds(family: str) -> list[tuple[str, str, float]]:
    """Resources of a part: name, what the family calls it, and how many of those make one."""
    return [("lut", "LUT", 1), ("ff", "FF", 1), ("bram36", *block_ram(family)), ("dsp", "DSP", 1)]


def folding_as_text(fold: Record) -> str:
    """Three lines on a folding, of fold.json: speed, size, and the price of the next faster one."""
    clock, has = fold["clock_mhz"], boards.load(fold["board"])
    late = f"latency {duration(fold['latency'] / clock['value'])} " if fold["latency"] else ""
    block, per = block_ram(has.family)
    sizes = [
        f"{formatted(fold['estimate'][name] * each)} of {formatted(has.capacity[name] * each)} {title}"
        for name, title, each in _kinds(has.family)
    ]
    lines = [
        f"{several(fold['interval_bound'], 'cycle')} per frame (limit: {', '.join(fold['bottleneck'])}), "
        f"{formatted(folding_figures(fold)['fold__throughput__fps'])} frames/s, {late}"
        f"at {clock['value']:g} MHz ({clock['kind']})",
        f"{', '.join(sizes)}, by the cost model",
    ]
    lines += [
        f"the next faster folding: INTERVAL={one['interval']}, {formatted(one['lut'])} LUT, "
        f"{formatted(one['bram36'] * per)} {block}{'' if one['fits'] else ', which does not fit'}"
        for one in fold["faster"][:1]
    ]
    return "\n".join(f"fold      {line}" for line in lines)


def folding_figures(fold: Record) -> dict[str, float]:
    """Figures of a folding by the cost and cycle models, under the names of `entries.figures_of`."""
    late = {"fold__latency__cycles": fold["latency"]} if fold["latency"] else {}
    return late | {
        **{f"fold__{name}__estimate": fold["estimate"][name] for name in ("lut", "ff", "bram36", "dsp")},
        "fold__interval__cycles": fold["interval_bound"],
        "fold__throughput__fps": round(1e6 * fold["clock_mhz"]["value"] / fold["interval_bound"], 1),
    }


def as_record(record: Record, acc: Path) -> Record:
    """The object that --json prints: verdict, flat metrics, files, warnings."""
    names = ("report.html", "report.md", "report.json")
    if "resources" in record:
        warnings = [f"bitstream: {record['bitstream']}", f"energy: {record['energy']['why']}"]
    else:
        warnings = [f"synthesised: {record['synthesised']}"]
    warnings += record["reference"]["doubts"]
    return {
        "schema": "xnorforge-brief-1", "verdict": record["verdict"],
        "metrics": entries.figures_of(record),
        "files": [str(acc / name) for name in names if (acc / name).exists()], "warnings": warnings,
    }  # fmt: skip
