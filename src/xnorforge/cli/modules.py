"""The verb that takes a network from a Python file."""

from dataclasses import replace
from pathlib import Path

import click

from xnorforge.cli import asked as builds
from xnorforge.cli.build import print_built
from xnorforge.cli.main import AS_JSON, FILE, cli
from xnorforge.core.errors import UserError
from xnorforge.pipeline import run


@cli.command("import", short_help="Build a torch module of a Python file of yours.")
@click.argument("target", metavar="FILE.py:NAME")
@click.option("--weights", type=FILE, help="State dict, of torch.save(net.state_dict(), …).")
@click.option("--input", "size", required=True, help="Shape of one image, as 3x32x32, or 16 for a vector.")
@click.option("--board", default="pynq-z2", show_default=True, help="Board of hw/boards.")
@click.option("--backend", default="rtl", show_default=True, help="Back end of flows/backends.")
@click.option("--scale", help="Value of one step of a pixel.  [default: 1/255]")
@click.option("--interval", help="Cycles per frame to aim at; default: what the board says.")
@click.option("--until", default="report", show_default=True, help="The last stage.")
@AS_JSON
def import_(target: str, weights: Path | None, size: str, until: str, as_json: bool, **given) -> None:
    """Run FILE.py, export its network NAME as QONNX to out/NAME/NAME.onnx, and build it as MODEL=.

    NAME is a class of nn.Module that needs no arguments, or a function that gives a module; it may be left
    out where the file has one such class. Pixels of 0 to 255 enter the network times --scale.
    """
    shape = _shape(size)
    asked = builds.resolve({"model": "module", **given})
    from xnorforge.flows.importing.modules import export_module, load_weights, module_of

    module = module_of(target)
    if weights is not None:
        load_weights(module, weights)
    name = target.partition(":")[2] or type(module).__name__
    path = Path("out") / name / f"{name}.onnx"
    asked = replace(asked, model=str(path), folder=path.parent)
    export_module(module, shape, path)
    builds.check(asked)
    run.wanted(asked, until)
    builds.claim(asked)
    ran = run.run_stages(asked, until, quiet=as_json)
    print_built(asked, until, ran, False, as_json)


def _shape(text: str) -> tuple[int, ...]:
    """Numbers of `3x32x32`.

    Raises:
        UserError: it is no shape of a vector or an image.
    """
    parts = text.lower().split("x")
    if len(parts) not in (1, 3) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(
            f"--input: '{text}' is no shape; give channels, rows and columns as 3x32x32, or the length of a "
            "vector."
        )
    return tuple(map(int, parts))
