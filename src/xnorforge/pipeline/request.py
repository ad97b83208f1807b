"""A request, checked before anything is built: each mistake is refused in one sentence that uses the names of
make's variables.

Standard library only, see `stages.py`; `options.py` declares the options.
"""

import fcntl
import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from xnorforge.core import extras, networks, plugins
from xnorforge.core.artifacts import living
from xnorforge.core.errors import UserError, enumerated, unknown
from xnorforge.core.types import Record
from xnorforge.pipeline import pictures, stages
from xnorforge.pipeline.options import OPTIONS, Options, parses, read_by, variables
from xnorforge.sw.training import runs

NET = Options.net
OWN_PICTURES = "folder"  # the task
LIMITS = ("lut", "bram", "latency")  # that a folding keeps
UNITS = ("%", "us", "ns", "MHz", "mhz", "fps", "cycles")
SUFFIXES = {
    "--image": (".png", ".jpg", ".jpeg", ".bmp", ".webp"), "--video": (".mp4", ".avi", ".mkv", ".mov"),
}  # fmt: skip
READ = {
    "net": "a Python file with your network, such as net.py:Net",
    "target": "a Python file with your module, such as net.py:Net", "model": "a QONNX file",
    "folding": "a JSON file", "input": "an .npz or .npy file of floats, for example INPUT=float:rows.npz",
    "images_from": "a folder, an .npz or a .csv file", "labels": "a file of labels",
}  # fmt: skip
PLAIN = re.compile(r"[^\W_][\w.+-]*")  # what a folder of out/ may be called
LONGEST = 200  # bytes of such a name; file systems take 255, with what is written around it
OF_MODEL = ("offset", "input_format", "images_from", "labels", "task")  # mean nothing without `model`


@dataclass(frozen=True)
class Request(Options):
    """One build: a network, how it was trained, what it is built for and how thoroughly it is checked.

    Attributes:
        folder: of the network; by default out/<its name>.
        place: of the accelerator; by default <back end>-<board> in the network's folder.
        begin: the first stage; the artefacts of those before it exist already.

    All others are the options of a build, declared in `options.Options`.
    """

    folder: Path | None = None
    place: Path | None = None
    begin: str = "export"

    @property
    def name(self) -> str:
        """What the network's folder is called."""
        if self.model:
            return Path(self.model).stem
        more = [] if self.method == "ste" else [self.method]
        more += [pictures.plain_name(self.data)] if self.data else []
        weights = [Path(self.weights).name] if self.weights else []
        return "-".join([networks.folder_name(self.net), *more, *weights])

    @property
    def net_dir(self) -> Path:
        """The network's folder."""
        return self.folder or (self.place.parent if self.place else Path("out") / self.name)

    @property
    def acc(self) -> Path:
        """The accelerator's folder."""
        return self.place or self.net_dir / f"{self.backend}-{self.board}"

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

    def options(self, stage: stages.Stage) -> Record:
        """The options that a stage reads."""
        given = {name: getattr(self, name) for name in read_by(stage)}
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
    """The full name <task>-<network>: TASK alone stands for the task's usual network, and a Python file's
    network has the task TASK, or folders of pictures.

    Raises:
        UserError: there is no such task, or the network belongs to another one.
    """
    if task and task not in known("task"):
        raise unknown("TASK", task, known("task"))
    if net and ".py" in net and not networks.is_given(net):
        return f"{task or OWN_PICTURES}-{net}"
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
    """See that a request's names are known, the back end's packages installed; else UserError."""
    kinds = {"board": asked.board, "backend": asked.backend}
    if asked.model is None:
        kinds |= {"method": asked.method, "net": asked.net}
    for kind, name in kinds.items():
        if kind == "net" and networks.is_given(name):
            file("net", name.partition("-")[2].partition(":")[0])
        elif name not in known(kind):
            raise _unknown(kind, name)
    if needed := stages.declaration(asked.backend).get("needs"):
        extras.require(needed, f"BACKEND={asked.backend}")
    for one in OPTIONS:
        if one.kind in ("choice", "count"):
            one.read(getattr(asked, one.name))


def _unknown(kind: str, name: str) -> UserError:
    """The error for a name that is not of a kind, with what it is instead."""
    if kind == "net" and (cure := cure_of(name)):
        return UserError(f"NET: {cure}.")
    if kind == "net" and ("/" in name or name.endswith(".onnx")):
        return UserError(
            f"NET: '{name}' does not exist; give a network (`xnorforge list` shows them), a QONNX file or "
            "the folder of a build."
        )
    if kind == "board":
        from xnorforge.hw import boards

        same = [one for one in known(kind) if boards.load(one).part.lower().startswith(name.lower())]
        if same:
            return UserError(f"BOARD: '{name}' is the part of {enumerated(same)}; give one of these.")
    return unknown(kind.upper(), name, known(kind))


def cure_of(word: str) -> str:
    """What a word in a wrong place of a command line is, and where it belongs; "" where nobody knows."""
    name, sign, value = word.partition("=")
    if sign and name.isupper() and name in variables():
        flag = getattr(variables()[name], "flag", "")
        return f"'{word}' is for make; give {f'{flag} {value}' if flag else value}"
    if word in UNITS:
        return f"'{word}' is apart from its number; write both as one word, such as 60%, 500us or 100MHz"
    for option, suffixes in SUFFIXES.items():
        if word.lower().endswith(suffixes):
            return f"'{word}' is not a network; give {option} {word}"
    kind = next((one for one in ("board", "task", "method", "backend") if word in known(one)), "")
    return f"'{word}' is a {kind}; give --{kind} {word}" if kind else ""


def plain(asked: Request) -> None:
    """See that a request's folders lie in out/; UserError for a name that is not a folder's."""
    if asked.folder or asked.place:
        return
    given = {"MODEL" if asked.model else "WEIGHTS" if asked.weights else "NET": asked.name}
    if not asked.model:
        given = {"METHOD": asked.method, **given}
    for kind, name in {**given, "BOARD": asked.board, "BACKEND": asked.backend}.items():
        if len(name.encode()) > LONGEST:
            raise UserError(
                f"{kind}: '{name[:40]}…' names a folder of out/ and has over {LONGEST} bytes; shorten it."
            )
        if not PLAIN.fullmatch(name):
            raise UserError(
                f"{kind}: '{name}' names a folder of out/, and such a name begins with a letter or digit and "
                "consists of letters, digits and . _ + -; rename it."
            )


def aims(asked: Request) -> None:
    """Rate, clock and limits of a folding.

    Raises:
        UserError: one is not a number above 0, a limit is above 100 %, or a rate and an interval are given.
    """
    for kind, given, example in (
        ("FPS", asked.fps, "FPS=3000 or FPS=max"),
        ("LUT", asked.lut, "LUT=60% or LUT=4500"),
        ("BRAM", asked.bram, "BRAM=50% or BRAM=73"),
        ("LATENCY", asked.latency, "LATENCY=50000, cycles, LATENCY=500us or LATENCY=25ns"),
        ("CLOCK", asked.clock, "CLOCK=250MHz or CLOCK=4ns"),
    ):
        units = {"LUT": ["%"], "BRAM": ["%"], "LATENCY": ["us", "ns"], "CLOCK": ["MHz", "ns"]}.get(kind, [])
        unit = next((one for one in units if str(given).endswith(one)), "")
        number = given and given.removesuffix(unit)
        if number is None or (given == "max" and kind == "FPS"):
            continue
        if not parses(float, number) or not 0 < float(number) < float("inf"):
            raise UserError(f"{kind}: '{given}' is not a number above 0; give one, for example {example}.")
        if unit == "%" and float(number) > 100:
            raise UserError(f"{kind}: '{given}' is more than the whole part; give 100% or less.")
    if asked.stream and asked.stream & (asked.stream - 1):
        raise UserError(
            f"STREAM: {asked.stream} bits are not the width of a bus; give a power of two, for example "
            f"STREAM={1 << asked.stream.bit_length()}."
        )
    if asked.fps and asked.interval:
        raise UserError("FPS: INTERVAL is given as well; give one of the two.")


def assignment(text: str) -> tuple[str, str]:
    """Name and value of `name=value`; UserError for another form."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UserError(
            f"SET: '{text}' is not NAME=VALUE; give a hyper-parameter of the method, for example kernel=1e-7."
        )
    return name, value


def file(kind: str, given: str) -> None:
    """A file to read; UserError if it is missing, a folder, or not readable."""
    path, what = Path(given), READ[kind]
    if not os.path.isfile(path) or not os.access(path, os.R_OK):  # of pathlib, a long name is an error
        why = "is a folder" if os.path.isdir(path) else "does not exist"
        if why == "does not exist" and os.path.exists(path):
            why = "cannot be read"
        raise UserError(f"{kind.upper()}: '{given}' {why}; give the path of {what}.")


def folder(path: Path, free_bytes: int) -> None:
    """The folder that is going to be written, or the one it is going to lie in.

    Raises:
        UserError: its name is too long, it is not a folder, not writable, or its disk has less than
            `free_bytes` bytes free.
    """
    if long := next((part for part in path.parts if len(part.encode()) > LONGEST), None):
        raise UserError(f"{long[:40]}…: folder names are limited to {LONGEST} bytes; give a shorter one.")
    place = next((one for one in (path, *path.parents) if one.exists() or one.is_symlink()), path)
    if not place.is_dir():
        raise UserError(f"{place}: is a file, and the build needs a folder there; move it away.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"{place}: cannot be written; make it writable, or build elsewhere.")
    if shutil.disk_usage(place).free < free_bytes:
        raise UserError(
            f"{place}: no space left on the disk; free about 200 MB and run the same command again."
        )


def claim(path: Path, process: int, notes: Path) -> None:
    """Note in `notes` that a process builds in a folder; UserError if another living one does."""
    notes.mkdir(parents=True, exist_ok=True)
    mine = living(process)
    with (notes / hashlib.sha256(str(path.absolute()).encode()).hexdigest()[:16]).open("a+") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        theirs = note.read().strip()
        if theirs and theirs != mine and living(int(theirs.split()[0])) == theirs:
            raise UserError(
                f"{path}: another build (process {theirs.split()[0]}) is running there; "
                "wait until it ends, or build in another folder."
            )
        note.truncate(0)
        note.write(mine)
