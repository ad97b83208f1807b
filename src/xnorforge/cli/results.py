"""Verbs on what was built: demo, package, report, bench. Without a folder they build what they need first."""

import json
from pathlib import Path

import click
from click.core import ParameterSource

from xnorforge.cli import asked as builds
from xnorforge.cli.main import AS_JSON, FOLDER, cli, old_word, print_object
from xnorforge.core.artifacts import intact, read_json
from xnorforge.core.errors import UserError
from xnorforge.pipeline import job, run, stages
from xnorforge.pipeline.request import Request


@cli.command(short_help="Draw what a network finds in given pictures.")
@click.argument("acc", type=FOLDER, required=False)
@builds.options
@click.option("--image", help="A picture, or a folder of pictures.")
@click.option("--video", help="A video, a folder of frames, or a sequence with its boxes.")
@click.option("--box", help="x,y,w,h of the object in the first frame, for a network that follows one.")
@click.option("--gif", is_flag=True, help="Of a video, also write a small GIF.")
@click.option("-o", "--out", type=FOLDER, help="Output folder, replaced whole; default: demo beside ACC.")
@AS_JSON
def demo(acc: Path | None, asked: Request, image, video, box, gif, out, as_json: bool) -> None:
    """Draw what the network in ACC finds in pictures or a video; without ACC, build it as the options say."""
    from xnorforge.demo import inputs

    image, video, box = image or None, video or None, box or None
    if acc is None:
        acc = asked.acc
        builds.check(asked)
        inputs.demo_request(None if asked.model else asked.net, image, video, box)
        builds.claim(asked)
        run.run_stages(asked, "fold")
    from xnorforge.demo import render  # whose kernels make a cache below out/

    out = out or acc.parent / "demo"
    reads = (
        (acc.parent / "export.json", "export"),
        (acc.parent / "lowered.npz", "lower"),
        *stages.left_by(acc, "fold"),
    )
    with job.stage("demo", out, out / render.RECORD, reads):
        exported = read_json(acc.parent / "export.json")
        task, given = inputs.demo_request(inputs.network_of(exported), image, video, box)
        record = render.demo(acc, task, given, out, gif)
    if as_json:
        print_object("demo", {"folder": str(out), **record})


@cli.command(short_help="The accelerator for other flows: FuseSoC, Bender, Vivado, LiteX.")
@click.argument("network", required=False)
@builds.options
@click.option("--prefix", help="What all modules begin with.  [default: the network's name]")
@click.option("--acc", type=FOLDER, help="A folder with generated RTL; nothing is built.")
@click.option("-o", "--out", type=FOLDER, help="Folder, replaced whole; default: package beside the RTL.")
@AS_JSON
def package(
    network: str | None, asked: Request, prefix, acc: Path | None, out: Path | None, as_json: bool
) -> None:
    """Write NETWORK as a package for other flows, into out/<network>/<back end>-<board>/package/, once its
    RTL is simulated.
    """
    from xnorforge.pipeline import packaging

    if network and acc:
        raise UserError(f"package: give either {network} or --acc {acc}, not both.")
    if acc is not None:
        written = packaging.write_from(acc, out, prefix)
    else:
        if network:
            asked = builds.named(asked, network)
        builds.check(asked)
        packaging.check_package(asked, prefix)
        builds.claim(asked)
        written = packaging.package_rtl(asked, out, prefix)
    if as_json:
        print_object("package", {"folder": str(written), **read_json(written / "package.json")})


def print_report(acc: Path, as_json: bool = False) -> None:
    """The short form of a report that is there.

    Raises:
        UserError: there is none, or it is damaged.
    """
    from xnorforge.flows.report import brief

    try:
        record = read_json(acc / "report.json")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{acc}/report.json: missing or damaged; remove it if it is there, `make build` writes it."
        ) from error
    click.echo(json.dumps(brief.as_record(record, acc), indent=1) if as_json else brief.as_text(record))


@cli.command(short_help="report.html, report.md, report.json of what was built.")
@click.argument("acc", type=FOLDER)
@click.option("--show", is_flag=True, help="Print the report as it is; write none.")
@AS_JSON
def report(acc, show, as_json) -> None:
    """Write report.html, report.md and report.json of ACC, and print the short form."""
    if not show:
        from xnorforge.flows.report import write

        there = [
            (path, stage.name)
            for stage in stages.STAGES
            if stage.name != "report" and (path := stages.path_of(stage.outputs[0], acc.parent, acc)).exists()
        ]
        with job.stage("report", acc, reads=(*there, (acc / "folded.onnx", "fold"))):
            write(acc)
    print_report(acc, as_json)


@cli.command(short_help="Measure the speed of the simulators.")
@click.argument("acc", type=FOLDER, required=False)
@builds.options
@click.option(
    "--frames", type=click.IntRange(2), default=20, show_default=True, help="Frames simulated in RTL."
)
@AS_JSON
@click.pass_context
def bench(ctx: click.Context, acc: Path | None, asked: Request, frames: int, as_json: bool) -> None:
    """Measure the speed of the simulators on the accelerator in ACC; times of stages are from their records.

    Without ACC, build the accelerator first, as the options say.
    """
    from xnorforge.studies.bench import bench_figures, table

    if acc is None:
        acc = asked.acc
        builds.check(asked)
        builds.claim(asked)
        run.run_stages(asked)
    elif ctx.get_parameter_source("images") is ParameterSource.COMMANDLINE:
        old_word("--images", "--frames")
        frames = asked.images
    for path, writer in stages.left_by(acc, "export", "lower", "fold", "sim", "synth"):
        intact(path, writer)
    measured = bench_figures(acc, frames)
    if as_json:
        print_object("bench", measured)
    else:
        click.echo(table(measured))
