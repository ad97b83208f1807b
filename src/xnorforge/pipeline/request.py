"""The options of a build, checked before anything is built: each mistake is refused in one sentence that uses
the names of the Makefile's variables.

Standard library only, see `stages.py`.
"""

import fcntl
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from xnorforge.core import extras, networks, plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.pipeline import pictures, stages
from xnorforge.sw.training import runs

NET = "mnist-cnn"
OUTPUTS = ("scores", "labels")
SPARE = ("lut", "bram", "dsp")
LIMITS = ("lut", "bram", "latency")  # that a folding keeps
PNR = ("auto", "off")
FREQ = ("board", "search")
SEEDS = (1, 2, 3)
READ = {
    "model": "a QONNX file",
    "folding": "a JSON file",
    "input": "an .npz or .npy file of floats, as INPUT=float:rows.npz",
    "images_from": "a folder, an .npz or a .csv file",
    "labels": "a file of labels",
}
PLAIN = re.compile(r"[^\W_][\w.+-]*")  # what a folder of out/ may be called
LONGEST = 200  # bytes of such a name; file systems take 255, with what is written around it
OF_MODEL = ("offset", "input_format", "images_from", "labels", "task")  # mean nothing without `model`
LEAST = {
    "images": (2, "IMAGES=100"),
    "stalled": (1, "STALLED=20"),
    "interval": (1, "INTERVAL=32768"),
    "placed_images": (1, "PLACED_IMAGES=2"),
}


@dataclass(frozen=True)
class Request:
    """One build: a network, how it was trained, what it is built for and how thoroughly it is proven.

    Attributes:
        net, method: a network and its training method.
        board, backend: of hw/boards and flows/backends.
        weights: folder of a training run instead of shipped weights.
        model: a QONNX file instead of `net`, and of it
        scale, offset: the network's input is scale * integer + offset; None where the file says it.
        input_format: the integers of its input, "int8", "q4.12" or "float:calibration.npz"; None: the file's.
        images_from, labels: a folder, .npz or .csv file, and where the labels are, instead of what fits.
        task: whose images and labels it is for.
        data: folder of pictures, where the network's task is trained on what the user gives.
        interval: initiation interval to reach, in cycles per frame; None takes the network's or the board's.
        fps: frames per second to reach in its place, a number or "max".
        lut, bram: the most that the folding may take of the part, "60%" or a number, by the cost model.
        latency: the longest that a frame may take from its first beat to its last, cycles or "500us".
        spare: the resource of which it takes the least, "lut", "bram" or "dsp"; None: the least in all.
        approximate: round sums of branches of more than 24 bits.
        output: "scores", or "labels" of a map.
        folding: JSON file with Pe, Simd and depths; the rest is searched.
        images, stalled: images simulated in RTL without stalls, and how many of these again with random ones.
        waves: write waveforms of the first frames.
        pnr: place and route: "auto" where its tools are found, or "off".
        seeds: of place and route, each a run.
        freq: the bitstream's clock: "board", of its file, or "search", the highest that was routed.
        placed_images: images that the placed netlist is simulated on.
        folder: of the network; by default out/<its name>.
        begin: the first stage; the artefacts of those before it exist already.
        jobs: layers that are synthesised in parallel.
    """

    net: str = NET
    method: str = "ste"
    board: str = "pynq-z2"
    backend: str = "rtl"
    weights: str | None = None
    model: str | None = None
    scale: float | None = None
    offset: float = 0.0
    input_format: str | None = None
    images_from: str | None = None
    labels: str | None = None
    task: str | None = None
    data: str | None = None
    interval: int | None = None
    fps: str | None = None
    lut: str | None = None
    bram: str | None = None
    latency: str | None = None
    spare: str | None = None
    approximate: bool = False
    output: str = "scores"
    folding: str | None = None
    images: int = 100
    stalled: int = 20
    waves: bool = False
    pnr: str = "auto"
    seeds: tuple[int, ...] = SEEDS
    freq: str = "board"
    placed_images: int = 2
    folder: Path | None = None
    begin: str = "export"
    jobs: int = 2

    @property
    def name(self) -> str:
        """What the network's folder is called."""
        if self.model:
            return Path(self.model).stem
        more = [] if self.method == "ste" else [self.method]
        more += [pictures.plain_name(self.data)] if self.data else []
        return "-".join([self.net, *more, *([Path(self.weights).name] if self.weights else [])])

    @property
    def net_dir(self) -> Path:
        """The network's folder."""
        return self.folder or Path("out") / self.name

    @property
    def acc(self) -> Path:
        """The accelerator's folder."""
        return self.net_dir / f"{self.backend}-{self.board}"

    @property
    def trained(self) -> Path:
        """Where `make train` leaves weights, and a build looks for them."""
        return self.net_dir / "train"

    @property
    def calibration(self) -> str | None:
        """The file that chooses the input's integers."""
        kind, _, file = (self.input_format or "").partition(":")
        return file if kind == "float" else None

    @property
    def labels_file(self) -> str | None:
        """The file of the labels; None where they lie with the images."""
        return None if self.labels == "last" else self.labels

    def plan(self) -> list[stages.Stage]:
        """The stages of this build, in their order."""
        found = stages.stages_of(self.backend, self.board, self.pnr)
        first = next(index for index, stage in enumerate(found) if stage.name == self.begin)
        return found[first:]

    @property
    def routed(self) -> bool:
        """Whether place and route is part of this build."""
        return not stages.no_bitstream(self.backend, self.board, self.pnr)

    def options(self, stage: stages.Stage) -> dict:
        """The options that a stage reads."""
        given = {name: getattr(self, name) for name in stage.options}
        if stage.name == "export":
            if self.model:
                return given | {"net": None, "method": None, "weights": None}
            given = {name: value for name, value in given.items() if name not in OF_MODEL}
            if not self.weights and runs.own(self.trained):  # they go before the shipped ones
                given["weights"] = str(self.trained)
        if stage.name == "fold" and "generate" not in stages.following(self.backend):
            given["backend"] = "rtl"  # matrices of a project for another tool are folded like those of RTL
        return given


def network_name(net: str | None, task: str | None) -> str:
    """The full name <task>-<network>: TASK alone stands for the task's usual network.

    Raises:
        UserError: the network is one of another task.
    """
    if not task:
        return net or NET
    if not net:
        return networks.usual(task)
    if "-" in net and not net.startswith(f"{task}-"):
        raise UserError(
            f"TASK: '{task}' is not the task of NET={net}; "
            f"give one of the two, or both as TASK={net.partition('-')[0]} NET={net}."
        )
    return f"{task}-{net.removeprefix(f'{task}-')}"


def known(kind: str) -> list[str]:
    """What can be asked for: the names of the networks, or of a kind of plug-ins."""
    if kind == "net":
        return networks.names()
    return plugins.names(plugins.KINDS[kind])


def names(asked: Request) -> None:
    """The names in a request.

    Raises:
        UserError: one is not known, or a package that the back end needs is not installed.
    """
    kinds = {"board": asked.board, "backend": asked.backend}
    if asked.model is None:
        kinds |= {"method": asked.method, "net": asked.net}
    for kind, name in kinds.items():
        if not (kind == "net" and is_shipped(name)) and name not in known(kind):
            raise unknown(kind.upper(), name, known(kind))
    if needed := stages.declaration(asked.backend).get("needs"):
        extras.require(needed, f"BACKEND={asked.backend}")
    if asked.output not in OUTPUTS:
        raise unknown("OUTPUT", asked.output, OUTPUTS)
    if asked.spare is not None and asked.spare not in SPARE:
        raise unknown("SPARE", asked.spare, SPARE)
    if asked.pnr not in PNR:
        raise unknown("PNR", asked.pnr, PNR)
    if asked.freq not in FREQ:
        raise unknown("FREQ", asked.freq, FREQ)


def plain(asked: Request) -> None:
    """See that the folders of a request lie in out/, whatever the names are.

    Raises:
        UserError: a name is none that a folder of out/ can have.
    """
    given = {"MODEL" if asked.model else "WEIGHTS" if asked.weights else "NET": asked.name}
    if not asked.model:
        given = {"METHOD": asked.method, **given}
    for kind, name in {**given, "BOARD": asked.board, "BACKEND": asked.backend}.items():
        if len(name.encode()) > LONGEST:
            raise UserError(
                f"{kind}: '{name[:40]}…' names a folder of out/ and has more than {LONGEST} bytes; rename it."
            )
        if not PLAIN.fullmatch(name):
            raise UserError(
                f"{kind}: '{name}' names a folder of out/, which takes letters, digits and . _ + - "
                "behind a letter or digit; rename it."
            )


def shipped_names() -> list[str]:
    """Networks whose weights are shipped, for any method; costs no import of torch."""
    return [entry.name.rpartition("-")[0] for entry in (files("xnorforge.sw") / "shipped").iterdir()]


def is_shipped(net: str) -> bool:
    """Whether weights of a network are shipped, for any method."""
    return net in shipped_names()


def number(kind: str, given: str) -> None:
    """A count.

    Raises:
        UserError: it is none, or too small.
    """
    least, example = LEAST[kind]
    if not _is(int, given) or int(given) < least:
        raise UserError(
            f"{kind.upper()}: '{given}' is no whole number of {least} or more; give one, as {example}."
        )


def aims(asked: Request) -> None:
    """Rate and limits of a folding.

    Raises:
        UserError: one is no number above 0, a limit is more than the part, or a rate and an interval are
            given.
    """
    for kind, given, example in (
        ("FPS", asked.fps, "FPS=3000 or FPS=max"),
        ("LUT", asked.lut, "LUT=60% or LUT=4500"),
        ("BRAM", asked.bram, "BRAM=50% or BRAM=73"),
        ("LATENCY", asked.latency, "LATENCY=50000, cycles, or LATENCY=500us"),
    ):
        share = kind in ("LUT", "BRAM") and str(given).endswith("%")
        unit = "%" if share else "us" if kind == "LATENCY" else ""
        number = given and given.removesuffix(unit)
        if number is None or (given == "max" and kind == "FPS"):
            continue
        if not _is(float, number) or not 0 < float(number) < (100.000001 if share else float("inf")):
            raise UserError(f"{kind}: '{given}' is no rate or limit above 0; give one, as {example}.")
    if asked.fps and asked.interval:
        raise UserError("FPS: INTERVAL is given too; give one of the two.")


def seeds(given: str) -> tuple[int, ...]:
    """The numbers of `1,2,3`.

    Raises:
        UserError: it names none, one twice, or something else than whole numbers of 0 to 2^31 - 1.
    """
    words = given.replace(",", " ").split()
    fit = words and all(word.isdecimal() and int(word) < 1 << 31 for word in words)
    if not fit or len(set(map(int, words))) < len(words):
        raise UserError(
            f"SEEDS: '{given}' is no list of different whole numbers of 0 to 2147483647; "
            "give some, as SEEDS=1,2,3."
        )
    return tuple(map(int, words))


def assignment(text: str) -> tuple[str, str]:
    """Name and value of `name=value`.

    Raises:
        UserError: it is none.
    """
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(
            f"--set: '{text}' is no NAME=VALUE; give a hyper-parameter of the method, as kernel=1e-7."
        )
    return name, value


def _is(kind, given: str) -> bool:
    try:
        kind(given)
    except ValueError:
        return False
    return True


def file(kind: str, given: str) -> None:
    """A file that is read.

    Raises:
        UserError: it is missing, a folder, or closed to us.
    """
    path, what = Path(given), READ[kind]
    if not os.path.isfile(path) or not os.access(path, os.R_OK):  # of pathlib, a long name is an error
        why = "is a folder" if os.path.isdir(path) else "does not exist"
        if why == "does not exist" and os.path.exists(path):
            why = "cannot be read"
        raise UserError(f"{kind.upper()}: '{given}' {why}; give the path of {what}.")


def folder(path: Path, free_bytes: int) -> None:
    """The folder that is going to be written, or the one it is going to lie in.

    Raises:
        UserError: it is no folder, is not writable, or its disk has less than `free_bytes` bytes free.
    """
    for place in (path, *path.parents):
        if place.exists() or place.is_symlink():
            break
    if not place.is_dir():
        raise UserError(f"{place}: is no folder, and the build goes there; move it away.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{place}: cannot be written; make it writable, or build in a clone of your own.")
    if shutil.disk_usage(place).free < free_bytes:
        raise UserError(
            f"{place}: no space left on the disk; free some (a build takes about 200 MB) and start again."
        )


def claim(path: Path, process: int, notes: Path) -> None:
    """Note in `notes` that a process builds in a folder; the note counts for as long as the process lives.

    Raises:
        UserError: another living process has the folder.
    """
    notes.mkdir(parents=True, exist_ok=True)
    mine = _identity(process)
    with (notes / hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        theirs = note.read().strip()
        if theirs and theirs != mine and _identity(int(theirs.split()[0])) == theirs:
            raise UserError(
                f"{path}: another build (process {theirs.split()[0]}) is at work there; "
                "wait for it, or build in another folder."
            )
        note.truncate(0)
        note.write(mine)


def _identity(process: int) -> str:
    """Number and start time of a process (proc(5): fields 1 and 22 of stat), as numbers come again; "" when
    it is gone.
    """
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else f"{process} {fields[18]}"  # one that ended counts as gone, reaped or not
