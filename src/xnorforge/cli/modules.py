"""The verb that takes a network from a Python file."""

from dataclasses import replace
from pathlib import Path

from xnorforge.cli.build import build_verb
from xnorforge.core.errors import UserError
from xnorforge.pipeline import request
from xnorforge.pipeline.request import Request


def import_verb(
    target: str, asked: Request, weights: str | None, shape: str | None, until: str, dry_run: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Run FILE.py, export its module NAME as QONNX to out/NAME/NAME.onnx, and build that file.

    NAME is a class of nn.Module that needs no arguments, or a function that returns a module; it may be left
    out where the file has one such class. Pixels of 0 to 255 enter the network multiplied by --scale, which
    is 1/255 by default."""
    request.file("target", target.partition(":")[0])
    size = shape_of(shape)
    from xnorforge.flows.importing.modules import export_module, load_weights
    from xnorforge.sw.modules import module_of

    module = module_of(target)
    if weights:
        load_weights(module, Path(weights))
    name = target.partition(":")[2] or type(module).__name__
    path = Path("out") / name / f"{name}.onnx"
    export_module(module, size, path)
    build_verb(replace(asked, model=str(path), folder=path.parent), until, dry_run, as_json)


def shape_of(text: str | None) -> tuple[int, ...]:
    """Numbers of `3x32x32`; UserError if missing, or not the shape of one input."""
    parts = (text or "").lower().split("x")
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(
            f"SHAPE: '{text or ''}' is not the shape of one input; give its sizes as the network takes them, "
            "for example SHAPE=3x32x32 (channels, rows, columns) or SHAPE=16 (a vector)."
        )
    return tuple(map(int, parts))
