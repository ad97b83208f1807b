"""Verbs on builds: demo, package, which build what they need first, and load."""

import shlex
from pathlib import Path

import click

from xnorforge.cli.asked import command
from xnorforge.cli.main import print_object
from xnorforge.core import artifacts, networks
from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.core.progress import say
from xnorforge.pipeline import checks, job, pictures, run, stages
from xnorforge.pipeline.request import Request, names


def demo_verb(asked: Request, image, video, camera, box, port, out, as_json: bool) -> None:
    """Draw what a network finds in pictures, in a video or before a camera."""
    checks.check_request(asked)
    from xnorforge.demo import inputs

    pictures.hand_over(asked.data)
    net = (asked.task and networks.usual(asked.task)) if asked.model else asked.net
    inputs.demo_request(net, image, video, box, camera)
    checks.claim_folders(asked)
    run.run_stages(asked, "fold")
    import numpy as np

    from xnorforge.demo import render  # whose kernels make a cache below out/

    net_dir, acc = asked.net_dir, asked.acc
    folder = Path(out) if out else net_dir / "demo"
    reads = (net_dir / "export.json", "export"), (net_dir / "lowered.npz", "lower")
    with job.stage("demo", folder, folder / render.RECORD, (*reads, *stages.left_by(acc, "fold"))):
        exported = read_json(net_dir / "export.json")
        task, given = inputs.demo_request(
            net if asked.model else inputs.network_of(exported), image, video, box, camera
        )
        if asked.model:
            task.shape = np.load(net_dir / "golden.npz")["images"].shape[1:]
        record = render.demo(acc, task, given, folder, port)
    if as_json:
        print_object("demo", {"folder": str(folder), **record})


def package_verb(asked: Request, prefix, interface, out, as_json: bool) -> None:
    """Write a network's accelerator as a package for other flows, into the folder `package` of the
    accelerator, after its RTL has been simulated."""
    from xnorforge.pipeline import packaging

    checks.check_request(asked)
    packaging.check_package(asked, prefix)
    checks.claim_folders(asked)
    written = packaging.package_rtl(asked, Path(out) if out else None, prefix, interface)
    if as_json:
        print_object("package", {"folder": str(written), **read_json(written / "package.json")})


def load_verb(asked: Request, as_json: bool) -> None:
    """Load the bitstream of a build onto its board, which is connected to this machine."""
    names(asked)
    from xnorforge.hw import boards, loaders

    board, record = boards.load(asked.board), asked.acc / "bitstream.json"
    words = loaders.find_command(board)
    try:
        made = read_json(record)
        bit = asked.acc / made["bit"]["file"]
        same = artifacts.sha256(bit) == made["bit"]["sha256"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"load: {asked.acc} has no bitstream; run `{command(asked)}` with place and route first."
        ) from error
    if made["board"] != board.name or not same:
        what = f"is of {made['board']}, not {board.name}" if same else "was changed after the build"
        raise UserError(f"load: {bit} {what}; run `{command(asked)}` again.")
    words.append(str(bit))
    say(shlex.join(words))
    loaders.load(board, words)
    if as_json:
        print_object("load", {"board": board.name, "command": words, "sha256": made["bit"]["sha256"]})
    else:
        click.echo(f"{board.name} has {bit}, which runs at {made['clock']['mhz']:g} MHz")


def print_report(acc: Path, as_json: bool = False) -> None:
    """Print the short form of a report; UserError if it is missing or damaged."""
    from xnorforge.cli import main
    from xnorforge.flows.report import brief

    try:
        record = read_json(acc / "report.json")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{acc}/report.json: missing or damaged; remove it if it exists, and run `make build`."
        ) from error
    if as_json:
        main.print_record(brief.as_record(record, acc))
    else:
        click.echo(brief.as_text(record))
