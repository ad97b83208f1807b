"""Builds from Python: `xnorforge.build(…)` and what belongs to it, in a script or a notebook's cell."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.accelerator import Accelerator
from xnorforge.core import networks as catalogue
from xnorforge.core import plugins
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import scale_of
from xnorforge.pipeline import checks, job, options, request, run
from xnorforge.pipeline.request import Request

OF_NETWORK = ("method", "weights", "data")
OF_FILE = ("scale", "input_format")
NAMED = ("net", "model", "board", "images_from", "labels", "task")  # `build` has arguments for these
RENAMED = {"images": "frames"}  # `images` are those of the network
OPTIONS = {RENAMED.get(one.name, one.name): one for one in options.OPTIONS if one.name not in NAMED}


def networks() -> list[str]:
    """The networks that can be trained by name, `<task>-<network>` each; `xnorforge list` shows the rest."""
    return catalogue.names()


def boards() -> list[str]:
    """The boards that can be built for."""
    return plugins.names("hw.boards")


def train(
    what: Any, images: np.ndarray | None = None, labels: np.ndarray | None = None, /, method: str = "ste",
    out: str | Path | None = None, epochs: int | None = None, lr: float | None = None, seed: int = 0,
    scale: float = 1 / 255, threads: int = 1, recipe: str = "ours", init: str | None = None,
    data: str | Path | None = None, **hyper: Any,
) -> Any:  # fmt: skip
    """Train a network by its name, as `make train` does, or a module of Brevitas layers.

    A network's next build takes its weights. The quantisers of a module's binary layers and activations are
    replaced; its code is not, and what is returned can be exported and built:
    `xnorforge.build(module, input_shape=images.shape[1:])`. An interrupted run in `out` is resumed.

    Args:
        what: one of `networks()`, or a module that takes pixels times `scale`, and returns a score per class;
            it is not changed.
        images, labels: of a module: uint8 (N, *shape), a tenth of which is held out, and classes int64 (N,).
        method: a training method of sw/methods.
        out: the folder of the run: checkpoint, curve, card, weights; by default out/<network>/train, of a
            module out/<class>[-<method>]/train.
        epochs, lr: passes over the images and largest learning rate; None: the recipe's, of a module 30 and
            0.005.
        seed: of the order of images.
        threads: of torch.
        recipe: name of the recipe, and what differs from it, as on the command line: "ours,optimiser=sgd".
        init: the folder of another run, whose weights this one starts from.
        data: for "folder-small": a folder with one subfolder of pictures per class.
        hyper: hyper-parameters of the method.

    Returns:
        The folder of the run, or the trained module in evaluation mode.

    Raises:
        UserError: unknown name, no training images, the method cannot train this network, or `out` holds a
            run with other settings.
    """
    options = {"epochs": epochs, "lr": lr, "seed": seed, "threads": threads, "recipe": recipe, "init": init}
    if isinstance(what, str):
        asked = Request(net=what, method=method, data=str(data) if data else None)
        request.names(asked)
        every = options | {"method": method, "data": data, "out": out}
        words = [f"--{key}={value}" for key, value in every.items() if value is not None]
        run.train_by([what, *words, *(f"--set={key}={value}" for key, value in hyper.items())], heard=True)
        return Path(out) if out else asked.trained
    from xnorforge.sw.training import given

    kind = type(what).__name__
    folder = Path(out) if out else Path("out") / (kind + f"-{method}" * (method != "ste")) / "train"
    task = given.ArrayTask(np.asarray(images), np.asarray(labels))
    net = given.named_network(what, kind, task, scale)
    return given.train(net, method, folder, hyper=hyper, **options)


def build(
    model: Any, board: str = "pynq-z2", input_shape: tuple[int, ...] | None = None,
    images: np.ndarray | None = None, labels: np.ndarray | None = None, folder: str | Path | None = None,
    until: str = "report", **given: Any,
) -> Accelerator:  # fmt: skip
    """Build a network as `make build` does and return the accelerator; stages that are up to date do not run.

    Args:
        model: the name of a network (`networks()`), the path of a QONNX file, or a torch module of Brevitas
            layers, which takes pixels / 255.
        board: one of `boards()`.
        input_shape: of one image, as (3, 32, 32); needed for a module.
        images: of a file or module: uint8 (N, *input_shape) on which every stage is compared with the
            network; None: a set that fits the shape, else random ones.
        labels: classes int64 (N,) of these images; None: unknown.
        folder: of the network; by default out/<name of the network, class or file>.
        until: the last stage: "fold" ends with the bit simulator (seconds), "sim" with the RTL, "report" with
            everything.
        given: options of `pipeline.options.Options`; `frames` is the number of images simulated in RTL.

    Raises:
        UserError: the network cannot be built like this; the text says what would work.
        MismatchError: a stage returns different integers from the one before it.
    """
    unknown = sorted(set(given) - set(OPTIONS))
    if unknown:
        names = ", ".join(OPTIONS)
        raise UserError(f"build: there is no option {', '.join(unknown)}; the options are {names}.")
    by_name = isinstance(model, str) and not model.endswith(".onnx") and not os.path.exists(model)
    what = "a network by name" if by_name else "a file or module"
    stray = [name for name in (OF_FILE if by_name else OF_NETWORK) if given.get(name) is not None]
    if by_name and (images is not None or labels is not None or input_shape is not None):
        stray.insert(0, "images, labels or input_shape")
    if stray:
        raise UserError(f"build: {stray[0]} cannot be given for {what}; leave it out.")
    chosen = {OPTIONS[name].name: _value(OPTIONS[name], value) for name, value in given.items()}
    if isinstance(chosen.get("scale"), str):
        chosen["scale"], chosen["offset"] = scale_of(chosen["scale"])
    home = Path(folder) if folder else None
    if by_name:
        asked = Request(net=model, board=board, folder=home, **chosen)
    else:
        path, home = _file(model, input_shape, home)
        asked = Request(model=str(path), board=board, folder=home, **chosen)
    checks.check_request(asked)
    checks.claim_folders(asked, imports=images is not None)
    if images is not None:
        asked = _on_images(asked, np.asarray(images), labels)
    run.run_stages(asked, until, heard=True)
    return Accelerator(asked.net_dir, asked.acc, asked)


def _value(option: options.Option, value: Any) -> Any:
    """An option's value: numbers as they are, all else as on the command line."""
    if value is None or option.name == "scale":
        return value if value is not None else option.default
    return option.read(str(value) if isinstance(value, Path) else value)


def _file(model: Any, input_shape: tuple[int, ...] | None, home: Path | None) -> tuple[Path, Path]:
    """The QONNX file of a path or module, and the network's folder."""
    if isinstance(model, (str, Path)):
        return Path(model), home or Path("out") / Path(model).stem
    from xnorforge.flows.importing.modules import export_module

    if input_shape is None:
        raise UserError(
            "build: a module does not state its input's shape; give the shape of one image, for example "
            "input_shape=(3, 32, 32)."
        )
    name = type(model).__name__
    home = home or Path("out") / name
    export_module(model, tuple(input_shape), home / f"{name}.onnx")
    return home / f"{name}.onnx", home


def _on_images(asked: Request, images: np.ndarray, labels) -> Request:
    """Import the file with these images; what is left to build."""
    from xnorforge.flows.importing.stage import import_model

    if images.dtype != np.uint8 or images.ndim < 2:
        raise UserError(
            f"build: images are {images.dtype} {images.shape}; give uint8 (N, …), pixels of 0 to 255."
        )
    known = np.full(len(images), -1) if labels is None else np.asarray(labels)
    if known.shape != (len(images),):
        raise UserError(
            f"build: {len(images):,} images have labels of shape {known.shape}; give one class per image."
        )
    with job.stage("export", asked.net_dir, asked.net_dir / "export.json"):
        import_model(Path(asked.model or ""), images, known, asked.net_dir, asked.scale)
    return replace(asked, begin="lower")
