"""Builds from Python: `xnorforge.build(module_or_path, …)` in a script or a notebook's cell."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.pipeline import job, request, run
from xnorforge.pipeline.request import Request

OPTIONS = ("backend", "interval", "approximate", "output", "folding", "scale", "stalled", "waves", "jobs")


@dataclass(frozen=True)
class Accelerator:
    """A network that was built.

    Attributes:
        network_folder: model.onnx, golden.npz, lowered.onnx and their records.
        folder: what was built for the board: folded.onnx, rtl/, the report where the build went that far.

    As text it says what was built, and below it the doubts and what is left to the host.
    """

    network_folder: Path
    folder: Path

    @cached_property
    def doubts(self) -> list[str]:
        """Sentences on what may be wrong with the network's input or labels; a person has to judge them."""
        return self._imported.get("doubts", [])

    @cached_property
    def host_function(self) -> str | None:
        """The function that the network ends in and the host computes of the scores, as "softmax"; None where
        it ends in its scores. It keeps their order, so that `predict` needs none of it.
        """
        return self._imported.get("host_function")

    @cached_property
    def _imported(self) -> dict[str, Any]:
        return read_json(self.network_folder / "export.json")

    def __str__(self) -> str:
        said = [f"accelerator of {self._imported['net']} in {self.folder}"]
        if self.host_function:
            said.append(f"  left to the host: {self.host_function} of the scores")
        return "\n".join([*said, *(f"  doubt: {text}" for text in self.doubts)])

    @cached_property
    def figures(self) -> dict[str, Any]:
        """The flat figures of the report (`metrics.json`); of a build that ended before it, interval_bound
        (cycles per frame) and the estimate of fold.json (lut, bram36, dsp).
        """
        if (self.folder / "metrics.json").exists():
            return read_json(self.folder / "metrics.json")
        folded = read_json(self.folder / "fold.json")
        return {"interval_bound": folded["interval_bound"], **folded["estimate"]}

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Scores of images by the bit simulator, float64 (N, classes), or (N, C, H, W) of a map, in front of
        `host_function`.

        Args:
            images: uint8 (N, *shape of one image).

        Raises:
            UserError: another type or shape.
        """
        from xnorforge.sim.machine import scored

        with np.load(self.network_folder / "golden.npz") as golden:
            shape = golden["images"].shape[1:]
        images = np.asarray(images)
        pictures = images.reshape(*images.shape, *[1] * (4 - images.ndim))
        if images.dtype != np.uint8 or pictures.shape[1:] != shape:
            wanted = shape[:1] if shape[1:] == (1, 1) else shape
            raise UserError(
                f"predict: images are {images.dtype} {images.shape}; give uint8 "
                f"(N, {', '.join(map(str, wanted))}), pixels of 0 to 255."
            )
        simulator, lowered = self._simulator, np.load(self.network_folder / "lowered.npz")
        answers = simulator.run(pictures)[simulator.ops[-1].name]
        return scored(answers, lowered["scale"], lowered["bias"])

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Index of the largest score by the bit simulator, int64 (N,), or (N, H, W) of a map."""
        return self.scores(images).argmax(1)

    @cached_property
    def _simulator(self):
        from xnorforge.sim.bits import BitSimulator

        return BitSimulator(self.folder / "folded.onnx")


def build(
    model: Any,
    board: str = "pynq-z2",
    input_shape: tuple[int, ...] | None = None,
    images: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    folder: str | Path | None = None,
    until: str = "report",
    **options: Any,
) -> Accelerator:
    """Build a network as `make build MODEL=…` does, and give what was built.

    Args:
        model: a torch module of Brevitas layers, which takes pixels / 255, or the path of a QONNX file.
        board: a board of hw/boards.
        input_shape: of one image, as (3, 32, 32); needed for a module.
        images: uint8 (N, *input_shape) on which every stage is compared with the network; None: a set that
            fits the shape, else random ones.
        labels: classes int64 (N,) of these images; None: unknown.
        folder: of the network; by default out/<name of the class or file>.
        until: the last stage: "fold" ends with the bit simulator (seconds), "sim" with the RTL, "report" with
            everything.
        options: those of OPTIONS, as `pipeline.request.Request` describes them.

    Raises:
        UserError: the network cannot be built like this; the text says what would work.
        MismatchError: a stage gives other integers than the one before.
    """
    if isinstance(model, (str, Path)):
        path = Path(model)
        home = Path(folder or Path("out") / path.stem)
    else:
        from xnorforge.flows.importing.modules import export_module

        if input_shape is None:
            raise UserError(
                "build: a module does not say what it takes; give input_shape=(3, 32, 32), one image."
            )
        home = Path(folder or Path("out") / type(model).__name__)
        path = home / f"{type(model).__name__}.onnx"
        export_module(model, tuple(input_shape), path)
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise UserError(f"build: has no option {', '.join(unknown)}; {', '.join(OPTIONS)} can be given.")
    asked = Request(model=str(path), board=board, folder=home, **options)
    request.names(asked)
    request.file("model", str(path))
    request.folder(home, job.NO_ROOM)
    request.claim(home, os.getpid(), job.cache() / "building")
    if images is not None:
        asked = _on_images(asked, path, np.asarray(images), labels)
    run.run_stages(asked, until, quiet=True, heard=True)
    return Accelerator(asked.net_dir, asked.acc)


def _on_images(asked: Request, path: Path, images: np.ndarray, labels) -> Request:
    """Import the file with these images; what is left to build."""
    from xnorforge.flows.importing.stage import import_model

    if images.dtype != np.uint8 or images.ndim < 2:
        raise UserError(
            f"build: images are {images.dtype} {images.shape}; give uint8 (N, …), pixels of 0 to 255."
        )
    known = np.full(len(images), -1) if labels is None else np.asarray(labels)
    if known.shape != (len(images),):
        raise UserError(
            f"build: {len(images):,} images have labels of shape {known.shape}; give one class for each."
        )
    with job.stage("export", asked.net_dir, asked.net_dir / "export.json"):
        import_model(path, images, known, asked.net_dir, asked.scale)
    return replace(asked, begin="lower")
