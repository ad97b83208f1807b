"""report.html and report.md: templates over the record of report.json, which they read and never change."""

from base64 import b64encode
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from xnorforge.flows.report import svg, vivado


def percent(fraction: float | None, digits: int = 1) -> str:
    """A share as percent, without the sign: the column head carries it."""
    return "---" if fraction is None else f"{100 * fraction:.{digits}f}"


def signed(fraction: float | None) -> str:
    """An error in per cent with its sign, without the per cent."""
    return "---" if fraction is None else f"{100 * fraction:+.1f}"


def factor(value: float) -> str:
    """A scale or bias in as few digits as name it."""
    return f"{value:.9g}".replace("-", "−")


def meaning(output: dict) -> str:
    """How to read an output frame, in words."""
    (*cells, count), scale, bias = output["shape"], output["scale"], output["bias"]
    if cells and output["indices"]:
        return f"{cells[0]} × {cells[1]} cells, row by row, each the index of its largest score"
    if cells:
        words = f"{cells[0]} × {cells[1]} cells of {count} integers, row by row, one per channel"
    else:
        words = f"{output['scores']} integers, one per class"
    if output["indices"]:
        words += ", then the index of the largest, which is the class"
    if len(set(scale)) == len(set(bias)) == 1:
        words += f"; score = {factor(scale[0])} × integer"
        words += f" {'−' if bias[0] < 0 else '+'} {factor(abs(bias[0]))}" if bias[0] else ""
    else:
        words += f"; score = scale × integer + bias, per {'channel' if cells else 'class'} in report.json"
    return words if output["indices"] or cells else f"{words}; the class is the largest score"


def loading(control: dict | None) -> str:
    """How a template is chosen, learnt and loaded, in words; nothing where there is none."""
    if control is None:
        return ""
    banks = " and ".join(f"0x{address:x}" for address in control["banks"])
    return (
        "s_axis_tuser, with a frame's first beat: bit 0 the bank of its template, bit 1 whether its first window is learnt into the "
        f"other bank. s_axi_ctrl, AXI4-Lite, {control['address_bits']} address bits: a template of {control['operator']} is "
        f"{control['words']:,} words of {control['word_bits']} bits, {control['word_bytes']} bytes apart from {banks}; write a bank "
        "while no frame on the way uses it."
    )


def ends(interval: list[float] | None) -> str:
    """An interval in words."""
    return "---" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _render(name: str, record: dict, **more) -> str:
    env = Environment(
        loader=FunctionLoader(lambda name: (files(__package__) / name).read_text()),
        autoescape=name.endswith(".html.j2"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    env.filters |= {"n": vivado.number, "pct": percent, "signed": signed, "factor": factor}
    if "resources" in record:
        block, per = vivado.block_ram(record["resources"]["family"])
        more |= {
            "block": block,
            "per": per,
            "meaning": meaning(record["output"]),
            "loading": loading(record["control"]),
        }
    env.globals["ends"] = ends
    return env.get_template(name).render(
        r=record,
        css=Markup((files(__package__) / "style.css").read_text()),
        mismatches=sum(row["mismatches"] for row in record["stages"]),
        integers=sum(row["integers"] for row in record["stages"]),
        **more,
    )


def html(record: dict, acc: Path) -> str:
    """The page: one file, nothing fetched, no script; `acc` holds the example pictures."""
    clock, interval = record["clock_mhz"]["value"], record["cycles"]["interval_simulated"]
    return _render(
        "report.html.j2",
        record,
        best_known=max(record["accuracy"], key=lambda row: row["images"], default=None),
        pictures=[b64encode((acc / row["file"]).read_bytes()).decode() for row in record["examples"]],
        device=vivado.device_rows(record["resources"]),
        columns=vivado.columns(record["resources"]["family"]),
        hierarchy=vivado.hierarchy_rows(record),
        share=lambda *given: Markup(svg.share(*given)),
        chart_pipeline=Markup(svg.pipeline(record["layers"])),
        chart_roofline=Markup(svg.roofline(record["roofline"], clock, interval)),
    )


def hls_html(record: dict) -> str:
    """The page of a project of hls4ml."""
    return _render("hls.html.j2", record)


def markdown(record: dict, template: str) -> str:
    """The same as a page for a terminal, a pull request or a notebook."""
    return _render(template, record)
