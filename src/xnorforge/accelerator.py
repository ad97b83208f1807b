"""What `xnorforge.build` returns: an accelerator to run, to report on and to package."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.core.input_format import InputFormat, of_record
from xnorforge.core.types import Record
from xnorforge.history import entries
from xnorforge.pipeline import run
from xnorforge.pipeline.request import Request

BATCH = 1000  # images that are simulated at once


@dataclass(frozen=True)
class Report:
    """The report of a build; printed, its short form; in a notebook, a link to the page as well.

    Attributes:
        page: report.html.
        record: the whole report, report.json (docs/reference/formats.rst lists the keys).
    """

    page: Path
    record: Record

    def __str__(self) -> str:
        from xnorforge.flows.report import brief

        return brief.as_text(self.record)

    def _repr_html_(self) -> str:
        from html import escape

        return (
            f'<pre>{escape(str(self))}</pre><a href="{escape(str(self.page))}">{escape(str(self.page))}</a>'
        )


@dataclass(frozen=True)
class Accelerator:
    """A network that was built.

    Attributes:
        network_folder: model.onnx, golden.npz, lowered.onnx and their records.
        folder: what was built for the board: folded.onnx, rtl/, and the report if the build got that far.
        asked: the request that it was built from.

    As text, it states what was built, what is left to the host, and the doubts.
    """

    network_folder: Path
    folder: Path
    asked: Request

    @cached_property
    def input_format(self) -> InputFormat:
        """The integers that it takes: `lo` to `hi`, each standing for scale * integer + offset."""
        return of_record(self._exported["input"])

    @cached_property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, (C, H, W), or (length,) of a vector."""
        with np.load(self.network_folder / "golden.npz") as golden:
            shape = golden["images"].shape[1:]
        return shape[:1] if shape[1:] == (1, 1) else shape

    @cached_property
    def class_names(self) -> list[str]:
        """Names of the classes, in the order of the scores; empty if they have no names."""
        return self._exported.get("class_names", [])

    @cached_property
    def doubts(self) -> list[str]:
        """Warnings about the network's input or labels, one sentence each; a person has to judge them."""
        return self._exported.get("doubts", [])

    @cached_property
    def host_function(self) -> str | None:
        """The function at the end of the network that is left to the host, such as "softmax"; None if the
        network ends in its scores. It preserves the order of the scores, so `predict` does not need it."""
        return self._exported.get("host_function")

    @cached_property
    def _exported(self) -> Record:
        return read_json(self.network_folder / "export.json")

    def __str__(self) -> str:
        said = [f"accelerator of {self._exported['net']} in {self.folder}"]
        if self.host_function:
            said.append(f"  left to the host: {self.host_function} of the scores")
        return "\n".join([*said, *(f"  doubt: {text}" for text in self.doubts)])

    @property
    def figures(self) -> Record:
        """The figures of the report as one flat dictionary. Before there is a report:
        interval_bound (cycles per frame) and the estimates of fold.json (lut, bram36, dsp)."""
        if (self.folder / "report.json").exists():
            return entries.figures_of(read_json(self.folder / "report.json"))
        folded = read_json(self.folder / "fold.json")
        return {"interval_bound": folded["interval_bound"], **folded["estimate"]}

    @property
    def report(self) -> Report:
        """The report; stages that are missing or out of date run first, which takes minutes.

        Raises:
            UserError, MismatchError: as of `build`.
        """
        run.run_stages(self.asked, "report", heard=True)
        return Report(self.folder / "report.html", read_json(self.folder / "report.json"))

    def package(
        self, prefix: str | None = None, folder: str | Path | None = None, interface: str = "axis"
    ) -> Path:
        """Write the RTL as a package for other flows (FuseSoC, Vivado, LiteX; docs/guide/package.md).
        The RTL is simulated first, and stages that are missing run before that.

        Args:
            prefix: first part of all module names; None: the network's name.
            folder: output folder, replaced whole; None: `package` in the accelerator's folder.
            interface: of the top: "axis", AXI4-Stream, or "plain", without ready.

        Returns:
            The output folder.

        Raises:
            UserError: an unusable prefix, a network that cannot have a plain port, a folder with other
                files, or as of `build`.
            MismatchError: as of `build`.
        """
        from xnorforge.pipeline.packaging import package_rtl

        return package_rtl(self.asked, Path(folder) if folder else None, prefix, interface, heard=True)

    def scores(self, images: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """The scores of images, before `host_function`, computed by the bit simulator; the build has compared
        its integers with those of the RTL.

        Args:
            images: (N, *input_shape), or with the channels last, N of 1 or more: integers of the
                accelerator's input (`input_format.lo` to `.hi`; pixels of 0 to 255 in most networks), or
                floats as the network takes them, each rounded to the value of the nearest of these integers.
                For a network of several inputs {name: (N, *its shape)}.

        Returns:
            float64 (N, classes); (N, C, H, W) for a network that returns a map; {name: (N, *its shape)} for a
            network of several outputs.

        Raises:
            UserError: another type or shape, or numbers outside the range of the input.
        """
        from xnorforge.hw.shells.dma.drivers.xnorforge_driver import joined_inputs, results_of
        from xnorforge.sim.machine import scored

        if isinstance(images, Mapping):
            images = joined_inputs(self.ports, images)
        with np.load(self.network_folder / "lowered.npz") as lowered:
            scale, bias = lowered["scale"], lowered["bias"]
        found = np.concatenate([scored(part, scale, bias) for part in self._answers(self._integers(images))])
        return results_of(self.ports, found) if len(self.ports.get("outputs", ())) > 1 else found

    def predict(self, images: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray | dict[str, np.ndarray]:
        """The index of the largest score, the first one on ties: int64 (N,), or (N, H, W) for a map; of
        several outputs by their names. Argument and errors as of `scores`."""
        found = self.scores(images)
        if isinstance(found, dict):
            return {name: x.argmax(1) for name, x in found.items()}
        return found.argmax(1)

    @cached_property
    def ports(self) -> Record:
        """Inputs and outputs of a network that has several of one of them, and their places in the frame that
        the accelerator takes and in the result that it gives (flows/importing/ports.py); else empty."""
        return self._exported.get("ports") or {}

    def _answers(self, integers: np.ndarray) -> Iterator[np.ndarray]:
        for at in range(0, len(integers), BATCH):
            yield self._simulator.run(integers[at : at + BATCH])[self._simulator.ops[-1].name]

    def _integers(self, images: np.ndarray) -> np.ndarray:
        """Images as integers of the input, (N, C, H, W)."""
        images, form = np.asarray(images), self.input_format
        low, high = (float(end) for end in form.values(np.array([form.lo, form.hi])))
        wanted = (
            f"(N, {', '.join(map(str, self.input_shape))}), integers of {form.lo} to {form.hi} or floats of "
            f"{low:.6g} to {high:.6g}"
        )
        kind, last = images.dtype.kind, (*self.input_shape[1:], self.input_shape[0])
        if images.shape[1:] == last != self.input_shape:
            images = np.moveaxis(images, -1, 1)
        if kind not in "iubf" or images.shape[1:] != self.input_shape or not len(images):
            raise UserError(f"predict: images are {images.dtype} {images.shape}; give {wanted}.")
        if kind == "f":
            half = form.scale / 2
            if not ((images >= low - half) & (images <= high + half)).all():  # which no NaN is
                raise UserError(
                    f"predict: images range from {images.min():.6g} to {images.max():.6g}; give {wanted}, "
                    "or use numpy.clip to cut them to this range."
                )
            integers = form.nearest(images)
        else:
            if images.min() < form.lo or images.max() > form.hi:
                raise UserError(
                    f"predict: images range from {images.min()} to {images.max()}; give {wanted}."
                )
            integers = images
        return form.stored(integers).reshape(*images.shape, *[1] * (4 - images.ndim))

    @cached_property
    def _simulator(self):
        from xnorforge.sim.bits import BitSimulator

        return BitSimulator(self.folder / "folded.onnx")
