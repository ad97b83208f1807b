"""Verbs that build: `build` for all that has to run, and one per stage on folders that are there."""

import json
from collections.abc import Callable
from pathlib import Path

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.main import AS_JSON, FILE, FOLDER, cli, print_object
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import scale_of
from xnorforge.pipeline import job, model_request, pictures, request, run, stages
from xnorforge.pipeline.listen import never_silent
from xnorforge.pipeline.request import Request

DECLARED = {stage.name: stage for stage in stages.STAGES}
JSON = "xnorforge.json"


@cli.command(short_help="Everything up to the report; runs the stages that have to run.")
@click.argument("network", required=False, shell_complete=builds.complete("net"))
@builds.options
@click.option("--until", default="report", show_default=True, help="The last stage to run.")
@click.option("--show", is_flag=True, help="Print the report at the end, whether it was there or not.")
@click.option("--base", help="An earlier build to compare with: its folder, its report.json, or last.")
@click.option("--rules", help="With --base: a JSON file of rules, or none; `xnorforge diff --help`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object: the report's, or what ran.")
@click.option("--dry-run", is_flag=True, help="List the stages that would run, and why.")
def build(
    network: str | None, asked: Request, until: str, show: bool, base, rules, as_json: bool, dry_run: bool
) -> None:
    """Build NETWORK, as mnist-tfc, into out/<network>/<back end>-<board>/, up to its report.

    A stage runs again when a file that it read or wrote has changed since: the result is always that of the
    present sources and options.
    """
    if network:
        asked = builds.named(asked, network)
    builds.check(asked)
    if dry_run:
        why = run.missing(asked, until)
        if as_json:
            print_object("plan", {"runs": why})
        else:
            click.echo("".join(f"{name:<9} {reason}\n" for name, reason in why.items()), nl=False)
        return
    run.wanted(asked, until)  # refuses a stage that this build does not have
    from xnorforge.cli import history

    if base and as_json:
        raise UserError("build: --json prints one object; leave out --base, and see `xnorforge diff --json`.")
    before, kept = history.base_of(base, until), history.rules_of(rules)
    builds.claim(asked)
    ran = run.run_stages(asked, until, quiet=show or as_json)
    print_built(asked, until, ran, show, as_json)
    if base:
        history.show_difference_from(before, base, asked.acc, kept)


def print_built(asked: Request, until: str, ran: list[str], show: bool, as_json: bool) -> None:
    """The last words of a build that ended with the stage `until`.

    Args:
        ran: the stages that had to run.
        show: the report itself, in its short form, instead of where it lies.
    """
    if as_json and until != "report":
        stage = next(one for one in asked.plan() if one.name == until)
        left = [str(stages.path_of(name, asked.net_dir, asked.acc)) for name in stage.outputs]
        print_object("stages", {"verdict": "PASS", "ran": ran, "files": left})
    elif show or as_json:
        from xnorforge.cli.results import print_report

        print_report(asked.acc, as_json)
    elif until == "report":
        click.echo(f"build     {asked.acc}/report.html (text: report.md, data: report.json)")


@cli.command(short_help="Check the options of a build; build nothing.")
@builds.options
@AS_JSON
def check(asked: Request, as_json: bool) -> None:
    """Check the options of a build, and build nothing; for an unknown name the nearest one is suggested."""
    builds.check(asked)
    if as_json:
        print_object("check", {"folder": str(asked.acc), "stages": [stage.name for stage in asked.plan()]})


def one(name: str, net_dir: Path, acc: Path, **options) -> None:
    """Run one stage in this process, on what is there."""
    task = run.task(DECLARED[name], net_dir, acc, options, DECLARED)
    with never_silent(name):
        job.perform(task)
    if click.get_current_context().meta.get(JSON):
        click.echo(json.dumps(read_json(task["result"]), indent=1))


def with_json(verb: Callable) -> Callable:
    """Add --json to a verb of one stage: its record goes to standard output."""

    def note(ctx: click.Context, _option: click.Parameter, given: bool) -> None:
        ctx.meta[JSON] = given

    what = "Print the record that the stage leaves."
    return click.option("--json", is_flag=True, expose_value=False, callback=note, help=what)(verb)


@cli.command(short_help="The trained network as QONNX, with golden scores.")
@click.argument("net", required=False)
@click.option("--method", default="ste", show_default=True, help="Training method of sw/methods.")
@click.option("--weights", type=FOLDER, help="Folder of a training run; default: the shipped weights.")
@click.option("--model", type=FILE, help="A QONNX file instead of NET.")
@click.option("--scale", help="With --model: value of one input step, as 1/255 or 2/255-1; else the file's.")
@click.option("--input", "input_format", help="With --model: int8, uint4, q4.12, float:<calibration.npz>, …")
@click.option("--images-from", help="With --model: a folder of pictures, an .npz or a .csv file.")
@click.option("--labels", help="With --images-from: a file of labels, or last: the last column.")
@click.option("--task", help="With --model: whose images and labels it is for.")
@click.option("--data", help="Of folder-small: your pictures, a folder that holds one per class.")
@click.option("-o", "--out", type=FOLDER, required=True)
@with_json
def export(net, model, scale, out, **options) -> None:
    """Write NET as QONNX with golden scores."""
    if (net is None) == (model is None):
        raise UserError("export: give either a network or --model FILE, not both.")
    scale, offset = (None, 0.0) if scale is None else scale_of(scale)
    data = {name: options[name] for name in request.OF_MODEL if name != "offset"}
    model_request.given_data(Request(model=model and str(model), scale=scale, **data))
    pictures.given_pictures(net, options["data"])
    one("export", out, out, net=net, model=model, scale=scale, offset=offset, **options)


@cli.command(short_help="The same network on integers only.")
@click.argument("net_dir", type=FOLDER)
@click.option("--approximate", is_flag=True, help="Round sums of branches of more than 24 bits.")
@with_json
def lower(net_dir, approximate) -> None:
    """Write the exported network of NET_DIR as an equal one on integers only."""
    one("lower", net_dir, net_dir, approximate=approximate)


@cli.command(short_help="Folding (pe, simd) and FIFO depths for a board.")
@click.argument("net_dir", type=FOLDER)
@click.option("--board", required=True, help="Board of hw/boards.")
@click.option("--interval", type=click.IntRange(1), help="Initiation interval to reach, cycles per frame.")
@click.option("--fps", help="Frames per second to reach instead of an interval, or max.")
@click.option("--lut", help="The most LUTs it may take, by the cost model: 60% or a number.")
@click.option("--bram", help="The same of block RAMs.")
@click.option("--latency", help="The longest a frame may take from first to last beat: cycles or 500us.")
@click.option("--spare", type=click.Choice(request.SPARE), help="Take the least of this.")
@click.option(
    "--folding", type=FILE, help="JSON {operator: {pe, simd, depth of input FIFO}}; the rest is searched."
)
@click.option(
    "--backend",
    default="rtl",
    show_default=True,
    help="Back end of flows/backends: folded units or distributed arithmetic.",
)
@click.option(
    "--output",
    type=click.Choice(request.OUTPUTS),
    default="scores",
    show_default=True,
    help="Of a map: all scores, or only the index of each cell's largest score.",
)
@click.option("-o", "--out", type=FOLDER, required=True)
@with_json
def fold(net_dir, out, **options) -> None:
    """Choose folding (pe, simd) and FIFO depths of the network in NET_DIR for a board."""
    request.aims(Request(**{name: options[name] for name in ("interval", "fps", *request.LIMITS)}))
    one("fold", net_dir, out, **options)


@cli.command(short_help="SystemVerilog and memory files.")
@click.argument("acc", type=FOLDER)
@with_json
def generate(acc) -> None:
    """Write the SystemVerilog of the folded network in ACC."""
    one("generate", acc.parent, acc)


@cli.command(short_help="Shell with DMA, description and drivers for a board.")
@click.argument("acc", type=FOLDER)
@with_json
def overlay(acc) -> None:
    """Write the accelerator in ACC with its shell, its description and the drivers, into ACC/overlay, and the
    bitstream where ACC has one of it.
    """
    one("overlay", acc.parent, acc)


@cli.command(short_help="The Vitis HLS project, emulated on all golden images.")
@click.argument("acc", type=FOLDER)
@with_json
def hls(acc) -> None:
    """Write the Vitis HLS project of the folded network in ACC by hls4ml, and compare its emulation with the
    bit simulator.
    """
    one("hls", acc.parent, acc)


@cli.command(short_help="Bit simulator and RTL against the golden scores; cycles.")
@click.argument("acc", type=FOLDER)
@click.option(
    "--images",
    type=click.IntRange(2),
    default=100,
    show_default=True,
    help="Images simulated in RTL without stalls.",
)
@click.option(
    "--stalled",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Of these, again with random stalls (back-pressure).",
)
@click.option("--waves", is_flag=True, help="Write waveforms of the first frames.")
@with_json
def sim(acc, images, stalled, waves) -> None:
    """Run the bit simulator and the RTL of ACC against the golden scores."""
    one("sim", acc.parent, acc, images=images, stalled=stalled, waves=waves)


@cli.command(short_help="Yosys cells per operator.")
@click.argument("acc", type=FOLDER)
@click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Layers mapped in parallel."
)
@with_json
def synth(acc, jobs) -> None:
    """Map the RTL of ACC with Yosys and count cells per operator."""
    one("synth", acc.parent, acc, jobs=jobs)


@cli.command(short_help="The synthesised netlist against the golden scores.")
@click.argument("acc", type=FOLDER)
@click.option("--images", type=click.IntRange(2), default=2, show_default=True)
@with_json
def netlist(acc, images) -> None:
    """Simulate the synthesised netlist of ACC against the golden scores."""
    one("netlist", acc.parent, acc, images=images)


@cli.command(short_help="Place and route, a bitstream, and the clock that it has.")
@click.argument("acc", type=FOLDER)
@click.option("--seeds", default="1,2,3", show_default=True, help="Each a run of place and route.")
@click.option("--freq", type=click.Choice(request.FREQ), default="board", show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Runs in parallel.")
@with_json
def bitstream(acc, seeds, freq, jobs) -> None:
    """Place and route the netlist of ACC and write its bitstream."""
    one("bitstream", acc.parent, acc, seeds=request.seeds(seeds), freq=freq, jobs=jobs)


@cli.command(short_help="The placed netlist against the golden scores.")
@click.argument("acc", type=FOLDER)
@click.option("--images", "placed_images", type=click.IntRange(1), default=2, show_default=True)
@with_json
def placed(acc, placed_images) -> None:
    """Simulate the placed netlist of the bitstream in ACC against the golden scores."""
    one("placed", acc.parent, acc, placed_images=placed_images)
