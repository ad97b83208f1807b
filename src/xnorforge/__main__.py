"""The command line: one verb per stage, each reading and writing files under `out/`.

    python -m xnorforge export mnist-cnn -o out/mnist-cnn     and so on; `make build` calls them in order

Standard output carries data, standard error what a person reads. Exit codes: 0 done, 1 a check failed, 2 the
request cannot be met, 4 `doctor` misses something that every build needs, 130 interrupted. Heavy imports stay
inside the verbs, so that --help is quick.
"""

import errno
import json
import os
import shutil
import sys
import warnings
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from xnorforge.core.artifacts import intact, read_json
from xnorforge.core.errors import MismatchError, UserError, unknown
from xnorforge.core.progress import say

FULL = (errno.ENOSPC, errno.EDQUOT)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EEXIST, errno.ENOTDIR)
NO_ROOM = 1 << 20  # bytes free below which any failure is put down to the full disk
OUTPUTS = ("scores", "labels")
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="xnorforge")
def cli():
    """Binary neural networks into proven gates."""


@contextmanager
def stage(name: str, folder: Path, result: Path | None = None, reads: tuple = ()):
    """One stage: a line at its start, its checks and a line at its end; a check that failed ends the program.

    Args:
        folder: where the stage writes; named when the disk is full.
        result: the record the stage leaves, `<stage>.json`.
        reads: files of earlier stages (path, stage that writes it); each is there and whole before the stage
            starts.

    Raises:
        MismatchError: the record holds a check with mismatches, or one that compared nothing.
        UserError: the disk is full or closed to us, or a file of an earlier stage is missing or damaged.
    """
    say(f"{name:<9} {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for place in (folder, *cache().glob("*/")):
            sweep(place)
        for path, writer in reads:
            intact(path, writer)
        yield
    except UserError:
        prune(folder)
        raise
    except (MismatchError, KeyboardInterrupt):
        raise
    except Exception as error:
        number = getattr(error, "errno", None)
        if number in FULL or free(folder) < NO_ROOM:
            raise UserError(
                f"{folder}: no space left on the disk for {name}; free some (a build takes about 200 MB) and start again."
            ) from error
        if number in CLOSED:
            raise UserError(
                f"{folder}: {name} cannot write there ({error}); make it a folder of yours, or name another with -o."
            ) from error
        raise
    if result is None:
        return
    record = read_json(result)
    for check in record.get("checks", []):
        images, unit = (f"{check['images']:,} images, ", "integers ") if check["images"] else ("", "")
        say(
            f"{name:<9}   {check['name']}: {images}{check['mismatches']:,} of {check['integers']:,} {unit}differ"
        )
    bad = [
        check["name"] for check in record.get("checks", []) if check["mismatches"] or not check["integers"]
    ]
    if bad:
        raise MismatchError(f"{name}: {', '.join(bad)} failed; the figures are in {result}.")
    say(f"{name:<9} done in {record.get('run', {}).get('wall_s', 0):.1f} s -> {result}")


def cache() -> Path:
    """Where built simulators and mapped layers are kept."""
    return Path(os.environ.get("XNORFORGE_CACHE") or "out/.cache")


def free(folder: Path) -> int:
    """Bytes free where `folder` lies or would lie."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def prune(folder: Path) -> None:
    """Remove a folder in which nothing was made, and those around it that hold nothing else."""
    with suppress(OSError):
        for place in (folder, *folder.parents):
            place.rmdir()


def sweep(folder: Path) -> None:
    """Remove what a killed process left unfinished (`artifacts.whole` names it after the process)."""
    for part in folder.glob(".*.part"):
        if not Path(f"/proc/{part.name.split('.')[-2]}").exists():
            shutil.rmtree(part, ignore_errors=True) if part.is_dir() else part.unlink(missing_ok=True)


@cli.command()
@click.argument("net")
@click.option("--method", default="ste", show_default=True, help="Training method of sw/methods.")
@click.option(
    "-o", "--out", type=FOLDER, required=True, help="Folder for checkpoint, weights, curve and card."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs; default: the network's recipe.")
@click.option(
    "--lr", type=click.FloatRange(0, min_open=True), help="Largest learning rate; default: the recipe's."
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Of torch; part of the result."
)
@click.option(
    "--set", "hyper", multiple=True, metavar="NAME=VALUE", help="A hyper-parameter of the method; repeatable."
)
def train(net, method, out, epochs, lr, seed, threads, hyper):
    """Train NET, or go on where a run in the same folder stopped."""
    from xnorforge.pipeline import request
    from xnorforge.sw.training import runs
    from xnorforge.sw.training.train import train

    given = dict(request.assignment(text) for text in hyper)
    with stage("train", out):
        train(net, method, out, epochs=epochs, seed=seed, threads=threads, hyper=given, lr=lr)
    taken = (
        out == Path("out") / (net if method == "ste" else f"{net}-{method}") / "train"
    )  # where the Makefile looks
    ways = f"make build NET={net} METHOD={method}"
    if runs.own(out) is None:
        told = f"; trained on made-up pictures: only `{ways} WEIGHTS={out}` takes these weights"
    else:
        told = f"; `{ways}` takes these weights now" if taken else ""
    say(f"train     done -> {out}{told}")


@cli.command()
@click.argument("net")
@click.option("-o", "--out", type=FOLDER, required=True, help="Folder for checkpoint, curve and card.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs; default: the network's recipe.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), help="Largest learning rate; default: 0.002.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--threads", type=click.IntRange(1), default=1, show_default=True, help="Of torch; part of the result."
)
def twin(net, out, epochs, lr, seed, threads):
    """Train NET with real weights and ReLU, as a reference; it cannot be built."""
    from xnorforge.core.accuracy import words
    from xnorforge.sw.training.full_precision import RATE, twin

    with stage("twin", out):
        card = twin(net, out, epochs, lr or RATE, seed, threads)
    for row in card["accuracy"]:
        say(f"twin      {words(row)}: {row['set']}")


@cli.command()
@click.argument("net")
@click.option(
    "--methods",
    default="",
    help="Methods with spaces between; hyper-parameters behind commas: 'ste bonn,nu=1'.",
)
@click.option(
    "--seeds",
    default="0 1 2",
    show_default=True,
    help="Seeds with spaces between; every method runs with each.",
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs of every run; default: the network's recipe.")
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Of torch, per run.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Runs side by side.")
@click.option(
    "--board", help="Board of hw/boards: build each method's first run for it, and add what that costs."
)
@click.option("-o", "--out", type=FOLDER, default="out/compare", show_default=True)
def compare(net, methods, seeds, epochs, threads, jobs, board, out):
    """Train NET with each method and seed, export each, and write a table and a plot; finished runs are kept."""
    from xnorforge.studies.compare import compare, request

    asked = request(net, methods, seeds, epochs, board, threads=threads, out=out)
    with stage("compare", asked.folder):
        compare(asked, jobs, say)
    pictures = ["compare.svg", *(["pareto.svg"] if board else [])]
    say(f"compare   done -> {', '.join(f'{asked.folder}/{name}' for name in ('table.md', *pictures))}")


@cli.command()
@click.argument("run", type=FOLDER)
@click.option("--board", required=True, help="Board of hw/boards.")
@click.option(
    "--interval", type=click.IntRange(1), help="Cycles per frame to aim at, for every network of the run."
)
@click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Layers mapped side by side."
)
@click.option(
    "--images", type=click.IntRange(2), default=10, show_default=True, help="Through the RTL at full rate."
)
@click.option(
    "--stalled", type=click.IntRange(1), default=3, show_default=True, help="Of these, again under stalls."
)
@click.option(
    "-o",
    "--out",
    type=FOLDER,
    help="Default: out/tradeoff/<name of RUN, or of the network it was trained in>.",
)
def tradeoff(run, board, interval, jobs, images, stalled, out):
    """Build each network that the layer_priority training in RUN left, and write a table and a plot of
    accuracy and cost.
    """
    from xnorforge.studies.tradeoff import tradeoff

    place = run.resolve()
    out = out or Path("out/tradeoff") / (place.parent if place.name == "train" else place).name
    with stage("tradeoff", out):
        tradeoff(run, board, interval, out, jobs, say, images, stalled)
    say(f"tradeoff  done -> {out}/{board}.md, {out}/{board}.svg")


@cli.command()
@click.argument("run", type=FOLDER)
@click.option("-o", "--out", type=FILE, help="The picture, .svg or .png; default: curve.svg in RUN.")
def curves(run, out):
    """Draw the training curve of the folder RUN: loss, accuracy, share of flipped signs."""
    from xnorforge.sw.training.curves import picture

    say(f"curves    {picture(run, out)}")


@cli.command()
@click.argument("net", required=False)
@click.option("--method", default="ste", show_default=True, help="Training method of sw/methods.")
@click.option("--weights", type=FOLDER, help="Folder of a training run; default: the shipped weights.")
@click.option("--model", type=FILE, help="A QONNX file instead of NET.")
@click.option(
    "--input-scale", type=float, help="With --model: value of one input step, where the file does not say."
)
@click.option("-o", "--out", type=FOLDER, required=True)
def export(net, method, weights, model, input_scale, out):
    """Write NET as QONNX with golden scores."""
    if (net is None) == (model is None):
        raise UserError("export: give either a network or --model FILE, not both.")
    with stage("export", out, out / "export.json"):
        if model:
            from xnorforge.flows.importing import import_model
            from xnorforge.pipeline.model_images import for_model

            images, labels, which = for_model(model)
            import_model(model, images, labels, out, input_scale, which)
        else:
            from xnorforge.flows.export import export
            from xnorforge.sw.zoo import golden, load

            module, meta = load(net, method, weights)
            images, labels, which = golden(net)
            export(module, images, labels, out, {**meta, "images": which})


def exported(net_dir: Path) -> tuple:
    """What export leaves for others."""
    return tuple((net_dir / name, "export") for name in ("export.json", "model.onnx", "golden.npz"))


def lowered(net_dir: Path) -> tuple:
    """What lower leaves for others."""
    return tuple((net_dir / name, "lower") for name in ("lower.json", "lowered.onnx", "lowered.npz"))


def folded(acc: Path) -> tuple:
    """What fold leaves for others."""
    return tuple((acc / name, "fold") for name in ("fold.json", "folded.onnx"))


def proven(acc: Path) -> tuple:
    """What an accelerator is run against."""
    return *exported(acc.parent), *lowered(acc.parent), *folded(acc)


@cli.command()
@click.argument("net_dir", type=FOLDER)
@click.option(
    "--allow-approximate", is_flag=True, help="Round sums of branches that are too wide to be exact."
)
def lower(net_dir, allow_approximate):
    """Write the network of NET_DIR on integers only."""
    from xnorforge.flows.lower import lower

    with stage("lower", net_dir, net_dir / "lower.json", exported(net_dir)):
        lower(net_dir / "model.onnx", net_dir / "golden.npz", net_dir, allow_approximate)


@cli.command()
@click.argument("net_dir", type=FOLDER)
@click.option("--board", required=True, help="Board of hw/boards.")
@click.option("--interval", type=click.IntRange(1), help="Cycles per frame to aim at.")
@click.option("--folding", type=FILE, help="JSON {operator: {pe, simd, depth}}; the rest is searched.")
@click.option(
    "--backend",
    default="rtl",
    show_default=True,
    help="Matrices as adders: rtl none, da4ml all it can, auto the cheaper.",
)
@click.option(
    "--output",
    type=click.Choice(OUTPUTS),
    default="scores",
    show_default=True,
    help="What leaves of a map: every score, or of each cell the label alone.",
)
@click.option("-o", "--out", type=FOLDER, required=True)
def fold(net_dir, board, interval, folding, backend, output, out):
    """Choose parallelism and FIFOs of NET_DIR for a board."""
    from xnorforge.flows.fold import fold

    with stage("fold", out, out / "fold.json", (*exported(net_dir), *lowered(net_dir))):
        fold(net_dir, board, out, interval=interval, folding=folding, backend=backend, output=output)


@cli.command()
@click.argument("acc", type=FOLDER)
def generate(acc):
    """Write the SystemVerilog of the folded network in ACC."""
    from xnorforge.flows.backends.rtl import generate

    with stage("generate", acc, acc / "rtl/rtl.json", folded(acc)):
        generate(acc / "folded.onnx", acc / "rtl")


@cli.command()
@click.argument("acc", type=FOLDER)
def hls(acc):
    """Write the Vitis HLS project of the folded network in ACC by hls4ml, and hold its emulation against the
    bit simulator.
    """
    from xnorforge.flows.backends import hls4ml
    from xnorforge.sim.stage import bits_alone

    with stage("hls", acc, acc / "hls.json", proven(acc)):
        hls4ml.build(acc, acc.parent, before=[bits_alone(acc, acc.parent)])


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option(
    "--images", type=click.IntRange(2), default=100, show_default=True, help="Through the RTL at full rate."
)
@click.option(
    "--stalled", type=click.IntRange(1), default=20, show_default=True, help="Of these, again under stalls."
)
@click.option("--waves", is_flag=True, help="Write waves of the first frames.")
def sim(acc, images, stalled, waves):
    """Run the bit simulator and the RTL of ACC against the golden scores."""
    from xnorforge.sim.stage import simulate

    with stage("sim", acc, acc / "sim.json", (*proven(acc), (acc / "rtl/rtl.json", "generate"))):
        simulate(acc, acc.parent, images, stalled, waves, lambda text: say(f"sim         {text}"))


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option(
    "--jobs", type=click.IntRange(1), default=2, show_default=True, help="Layers mapped side by side."
)
def synth(acc, jobs):
    """Map the RTL of ACC with Yosys and count cells per operator."""
    from xnorforge.flows.synth import synthesise

    with stage("synth", acc, acc / "synth.json", (*folded(acc), (acc / "rtl/rtl.json", "generate"))):
        synthesise(acc, acc.parent, jobs)


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option("--images", type=click.IntRange(2), default=2, show_default=True)
def netlist(acc, images):
    """Simulate the synthesised netlist of ACC against the golden scores."""
    from xnorforge.sim.netlist import simulate_netlist

    with stage("netlist", acc, acc / "netlist.json", (*proven(acc), (acc / "synth.json", "synth"))):
        simulate_netlist(acc, acc.parent, images, lambda text: say(f"netlist     {text}"))


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option("--image", help="A picture, or a folder of pictures.")
@click.option("--video", help="A video, a folder of frames, or a sequence with its boxes.")
@click.option("--box", help="x,y,w,h of the object in the first frame, for a network that follows one.")
@click.option("--gif", is_flag=True, help="Of a video, write a small GIF too.")
@click.option("-o", "--out", type=FOLDER, help="Folder that is replaced whole; default: demo beside ACC.")
def demo(acc, image, video, box, gif, out):
    """Draw what the network in ACC finds in pictures of yours."""
    from xnorforge.demo import inputs, render

    out = out or acc.parent / "demo"
    reads = (acc.parent / "export.json", "export"), (acc.parent / "lowered.npz", "lower"), *folded(acc)
    with stage("demo", out, out / render.RECORD, reads):
        exported = read_json(acc.parent / "export.json")
        task, given = inputs.request(exported["task"] and exported["net"], image, video, box)
        render.demo(acc, task, given, out, gif)


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option("--show", is_flag=True, help="Print the report that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def report(acc, show, as_json):
    """Write report.html, report.md and report.json of ACC, and print the short form."""
    from xnorforge.flows.report import brief, collect, write

    if not show:
        left = tuple((path, name) for name, path in collect.paths(acc).items() if path.exists())
        with stage("report", acc, reads=(*left, (acc / "folded.onnx", "fold"))):
            write(acc)
    try:
        record = read_json(acc / "report.json")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{acc}/report.json: missing or damaged; remove it if it is there, `make build` writes it."
        ) from error
    click.echo(json.dumps(brief.as_record(record, acc), indent=1) if as_json else brief.as_text(record))


@cli.command()
@click.argument("acc", type=FOLDER)
@click.option("--images", type=click.IntRange(2), default=20, show_default=True, help="Through the RTL.")
def bench(acc, images):
    """Time the simulators on the accelerator in ACC; what the stages took is repeated from their records."""
    from xnorforge.studies.bench import table

    for path, writer in (*proven(acc), (acc / "sim.json", "sim"), (acc / "synth.json", "synth")):
        intact(path, writer)
    click.echo(table(acc, images))


def known(kind: str) -> list[str]:
    """What can be asked for: the names of the nets, or of a kind of plug-ins."""
    from xnorforge.core import plugins

    if kind == "net":
        from xnorforge.sw import networks

        return sorted(networks.names())
    return plugins.names(plugins.KINDS[kind])


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def list_(as_json):
    """Networks and plug-ins of every kind found."""
    from xnorforge.core import plugins

    found = {plugins.plural(kind): known(kind) for kind in ("net", *plugins.KINDS)}
    click.echo(
        json.dumps(found, indent=1)
        if as_json
        else "\n".join(f"{k:<9} {' '.join(v)}" for k, v in found.items())
    )


@cli.command()
@click.option("--board")
@click.option("--backend")
@click.option("--output")
@click.option("--method")
@click.option("--net")
@click.option("--model")
@click.option("--folding")
@click.option("--images")
@click.option("--stalled")
@click.option("--interval")
@click.option("--scale")
@click.option("--demo", is_flag=True, help="Pictures are going to be drawn; the next three belong to it.")
@click.option("--image")
@click.option("--video")
@click.option("--box")
@click.option("--out", type=Path, help="Folder that is going to be written.")
@click.option("--by", type=int, help="Process that is going to write it; refused while another one does.")
def check(out, by, **given):
    """Say whether a build can be asked for like this; an unknown name is answered with the nearest."""
    from xnorforge.pipeline import request

    for kind in ("board", "backend", "method", "net"):
        name = given[kind]
        if name is not None and not (kind == "net" and request.shipped(name)) and name not in known(kind):
            raise unknown(kind.upper(), name, known(kind))
    if given["output"] not in (None, *OUTPUTS):
        raise unknown("OUTPUT", given["output"], OUTPUTS)
    for kind in ("images", "stalled", "interval", "scale"):
        if given[kind] is not None:
            request.number(kind, given[kind])
    for kind in ("model", "folding"):
        if given[kind] is not None:
            request.file(kind, given[kind])
    if given["demo"]:
        from xnorforge.demo import inputs

        inputs.request(given["net"], given["image"], given["video"], given["box"])
    if out:
        request.folder(out, NO_ROOM)
    if out and by:
        request.claim(out, by, cache() / "building")


@cli.command()
def doctor():
    """Name what this machine lacks, and the cure."""
    from xnorforge.cli.doctor import main

    sys.exit(main())


def main() -> int:
    """Run a command line and turn what went wrong into one sentence and an exit code."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, about themselves; -W default shows them
    try:
        cli.main(standalone_mode=False, prog_name="xnorforge")
        return 0
    except (UserError, MismatchError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2 if isinstance(error, UserError) else 1
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        where = error.ctx.command_path if getattr(error, "ctx", None) else "xnorforge"
        say(f"{where}: {error.format_message().rstrip('.')}; `{where} --help` says what can be given.")
        return 2
    except (click.Abort, KeyboardInterrupt):
        say("interrupted; the same command goes on from here")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
