"""Every option and every verb, declared once.

The command line, make's variables, configuration files, the arguments of `xnorforge.build`, `make help` and the
reference pages are derived from these declarations. Standard library only: `make help` runs where nothing is
installed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import cache
from typing import Any

from xnorforge.core.errors import UserError, enumerated, unknown
from xnorforge.pipeline import stages

SEEDS = (1, 2, 3)
WORDS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        name: of the argument in Python.
        help: one sentence.
        default: its value where it is not given; None where something else decides, see `usual`.
        stage: the stage of a build that reads it; "" for an option of single verbs.
        kind: "text", "flag", "count" (a whole number), "number" (above 0), "choice", "seeds" or "words" (several
            words, on the command line the option once per word).
        least: of a count, the smallest value.
        choices: of a choice, all values.
        known: the kind of names it takes ("net", "board", …), for completion.
        word: its word on the command line, where that differs from `name`.
        usual: what happens where it is not given, if `default` does not say it.
        example: a value that works, for messages.
        metavar: what the value is called in help texts.
        short: a letter, for `-o`.
        of_line: make takes it from its command line only, as shells use the same word for themselves.
    """

    name: str
    help: str
    default: Any = None
    stage: str = ""
    kind: str = "text"
    least: int = 0
    choices: tuple[str, ...] = ()
    known: str = ""
    word: str = ""
    usual: str = ""
    example: str = ""
    metavar: str = ""
    short: str = ""
    of_line: bool = False

    @property
    def key(self) -> str:
        """Its name in a configuration file."""
        return self.word or self.name

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def variable(self) -> str:
        """Its name as a variable of make."""
        return self.key.upper()

    @property
    def otherwise(self) -> str:
        """What applies where it is not given, as text."""
        if self.usual or self.default is None or self.kind == "flag":
            return self.usual
        several = isinstance(self.default, tuple)
        return ",".join(map(str, self.default)) if several else str(self.default)

    def read(self, given: Any) -> Any:
        """The value that a text stands for, None for an empty one; UserError if of another kind."""
        if given in (None, "", ()):
            return self.default
        text = str(given)
        if self.kind == "flag":
            if isinstance(given, bool):
                return given
            if text.lower() not in WORDS:
                raise UserError(f"{self.variable}: '{text}' is neither 1 nor 0; give one of them.")
            return WORDS[text.lower()]
        if self.kind == "count":
            if not parses(int, text) or int(text) < self.least:
                raise self._refused(text, f"a whole number of {self.least} or more")
            return int(text)
        if self.kind == "number":
            if not parses(float, text) or not 0 < float(text) < float("inf"):
                raise self._refused(text, "a number above 0")
            return float(text)
        if self.kind == "choice" and text not in self.choices:
            raise unknown(self.variable, text, self.choices)
        if self.kind == "seeds":
            return self._seeds(text)
        if self.kind == "words":
            return tuple(text.split()) if isinstance(given, str) else tuple(given)
        return text

    def _refused(self, text: str, what: str) -> UserError:
        example = self.example or self.default
        return UserError(
            f"{self.variable}: '{text}' is not {what}; give one, for example {self.variable}={example}."
        )

    def _seeds(self, text: str) -> tuple[int, ...]:
        words = text.replace(",", " ").split()
        fit = words and all(word.isdecimal() and int(word) < 1 << 31 for word in words)
        if not fit or len(set(map(int, words))) < len(words):
            raise UserError(
                f"{self.variable}: '{text}' is not a list of different whole numbers from 0 to 2147483647; "
                f"give one, for example {self.variable}=1,2,3."
            )
        return tuple(map(int, words))


def parses(kind: type, given: str) -> bool:
    """Whether a number of this type can be read from a text."""
    try:
        kind(given)
    except ValueError:
        return False
    return True


def option(default: Any, stage: str, help: str, **more: Any) -> Any:
    """A field of `Options`; arguments as of `Option`."""
    kind = more.pop(
        "kind", "flag" if isinstance(default, bool) else "choice" if "choices" in more else "text"
    )
    own = {"help": help, "stage": stage, "kind": kind, **more}
    return field(default=default, metadata={"stage": stage, "option": own})


@dataclass(frozen=True)
class Options:
    """The options of a build."""

    net: str = option(
        "mnist-cnn", "export", "Network (`xnorforge list` shows all); with TASK, its name may omit that prefix.",
        known="net",
    )  # fmt: skip
    task: str | None = option(
        None, "export", "Task of the network; without NET, its usual network. With MODEL: task of the images.",
        known="task",
    )  # fmt: skip
    method: str = option("ste", "export", "Training method.", known="method")
    weights: str | None = option(
        None, "export", "Folder of a training run.", usual="out/<network>/train if it exists, else the shipped weights"
    )  # fmt: skip
    data: str | None = option(
        None, "export", "With TASK=folder: a folder of your pictures, with one subfolder per class.", of_line=True
    )  # fmt: skip
    model: str | None = option(None, "export", "A QONNX file instead of a network.")
    scale: float | None = option(
        None, "export", "With MODEL: value of one input step, such as 1/255 or 2/255-1.", usual="as the file states",
        example="1/255",
    )  # fmt: skip
    offset: float = field(default=0.0, metadata={"stage": "export"})  # what SCALE=2/255-1 adds
    input_format: str | None = option(
        None, "export", "With MODEL: integers of its input: int8, uint4, bipolar, q4.12, float:<calibration.npz>.",
        word="input", usual="as the file states",
    )  # fmt: skip
    images_from: str | None = option(
        None, "export", "With MODEL: its images: a folder of pictures, an .npz or a .csv file.",
        usual="images that fit its input, else random integers",
    )  # fmt: skip
    labels: str | None = option(
        None, "export", "With IMAGES_FROM: a file of labels, or `last` for the last column of a .csv file."
    )  # fmt: skip
    board: str = option("pynq-z2", "fold", "Board.", known="board")
    backend: str = option(
        "rtl", "fold", "Back end: how the folded network becomes hardware.", known="backend"
    )
    interval: int | None = option(
        None, "fold", "Initiation interval to reach, in clock cycles per frame.", kind="count", least=1,
        usual="the network's or the board's", example="32768",
    )  # fmt: skip
    fps: str | None = option(None, "fold", "Frames per second to reach instead of INTERVAL, or max.")
    lut: str | None = option(None, "fold", "Maximum number of LUTs, by the cost model: 60% or 4500.")
    bram: str | None = option(
        None, "fold", "Maximum number of block RAMs (BRAM36), by the cost model: 50% or 73."
    )
    latency: str | None = option(
        None, "fold", "Longest latency of a frame, first input beat to last output beat: 50000 (cycles), 500us or 25ns."
    )  # fmt: skip
    clock: str | None = option(
        None, "fold", "Clock that registers are placed for and rates and LATENCY in time refer to: 250MHz or 4ns.",
        usual="the board's",
    )  # fmt: skip
    spare: str | None = option(
        None, "fold", "The resource to minimise.", choices=("lut", "bram", "dsp"),
        usual="the used share of the part",
    )  # fmt: skip
    count: int | None = option(
        None, "fold", "Best alternatives per operator that Yosys counts, to choose by its counts.",
        kind="count", least=1, usual="none: the cost model decides", example="10",
    )  # fmt: skip
    folding: str | None = option(
        None, "fold", "JSON file with PE, SIMD, memory and FIFO depth per operator, or a FINN folding file; "
        "the search chooses the rest.",
    )  # fmt: skip
    output: str = option(
        "scores", "fold", "All scores, or labels: only the class with the largest one, of a map in each cell.",
        choices=("scores", "labels"),
    )  # fmt: skip
    loadable: bool = option(
        False,
        "fold",
        "Weights, thresholds and tables in memories that a host can replace between two frames.",
    )
    like: str | None = option(
        None, "fold", "With LOADABLE: folders of other trainings of the network, separated by commas, which then "
        "fit the same hardware.",
    )  # fmt: skip
    memory: float | None = option(
        None, "fold", "GB/s of a memory outside the part: weights that do not fit are read from it with every frame.",
        kind="number", usual="none: such weights are refused", example="2",
    )  # fmt: skip
    loops: str = option(
        "auto", "fold", "One body in hardware for equal steps, and for layers of one form where that is smaller, or "
        "for all of them that keep the interval, or none.", choices=("auto", "on", "off"),
    )  # fmt: skip
    stream: int | None = option(
        None, "fold", "The most bits of the buses of images and scores: 8, 16, 32, …", kind="count", least=8,
        usual="64, or more if the interval needs them", example="32",
    )  # fmt: skip
    images: int = option(100, "sim", "Images simulated in RTL at full rate.", kind="count", least=2)
    stalled: int = option(
        20, "sim", "Number of these images that are simulated again, under random back-pressure.", kind="count", least=1
    )  # fmt: skip
    waves: bool = option(False, "sim", "Write the waveforms of the first frames, with a GTKWave view.")
    pnr: str = option(
        "auto", "bitstream", "Place and route if its tools are found, or not at all.", choices=("auto", "off")
    )  # fmt: skip
    seeds: tuple[int, ...] = option(
        SEEDS, "bitstream", "Seeds of place and route, one run for each.", kind="seeds"
    )  # fmt: skip
    pnr_minutes: float | None = option(
        None, "bitstream", "Minutes after which a run of place and route is stopped.", kind="number", usual="none",
        example="60",
    )  # fmt: skip
    jobs: int = option(2, "synth", "Parallel processes.", kind="count", least=1)


OPTIONS = tuple(
    Option(one.name, default=one.default, **one.metadata["option"])
    for one in fields(Options)
    if "option" in one.metadata
)


def named(name: str) -> Option:
    """An option of a build."""
    return next(one for one in OPTIONS if one.name == name)


OF_FOLDERS = ("net", "task", "method", "weights", "data", "model", "board", "backend")  # say where they are
OF_PLAN = ("pnr", "pnr_minutes", "jobs")  # decide which stages run and how fast, not what a stage makes


def read_by(stage: stages.Stage) -> tuple[str, ...]:
    """What a stage reads of a request, and what decides its result."""
    own = (one.name for one in fields(Options) if one.metadata["stage"] == stage.name)
    return (*(name for name in own if name not in OF_PLAN), *stage.derived)


ALSO = {  # options of single verbs
    one.name: one
    for one in (
        Option("config", "TOML file of options, such as build.toml of an earlier build; the command line overrides it."),
        Option("until", "The last stage to run.", "report"),
        Option(
            "scheduler", "Where trainings, Yosys and place and route run: local, or the address of a Dask scheduler, tcp://HOST:PORT.",
            metavar="WHERE", usual="$XNORFORGE_SCHEDULER, or local",
        ),
        Option("show", "Print the report at the end, even if it was already up to date.", False, kind="flag"),
        Option("dry_run", "List the stages that would run, and why.", False, kind="flag"),
        Option("base", "An earlier build to compare with: a network, a folder, a report.json, or last."),
        Option(
            "rules", "JSON file of rules for a comparison, or none.", usual="limits on LUT, BRAM, cycles, accuracy"
        ),
        Option("out", "Folder of the network; the accelerator's folder is created in it.", short="o", metavar="FOLDER",
               usual="out/<network>"),
        Option("image", "A picture, or a folder of pictures."),
        Option("video", "A video, a folder of frames, or a sequence with its boxes."),
        Option("camera", "A camera, /dev/video0, or a video in its place.", example="/dev/video0"),
        Option("box", "x,y,w,h in pixels of the object in the first frame, for a network that tracks it."),
        Option("port", "Serial device of a BOARD that computes in place of the bit simulator.", example="/dev/ttyUSB0"),
        Option("prefix", "First part of all module names.", usual="the network's name"),
        Option("interface", "Ports of the top: AXI4-Stream, or plain: data and valid in, result and valid out after a "
               "fixed number of cycles.", "axis", kind="choice", choices=("axis", "plain")),
        Option("epochs", "Number of epochs.", kind="count", least=1, usual="the network's recipe", example="20"),
        Option("lr", "Largest learning rate.", kind="number", usual="the recipe's", example="0.002"),
        Option("seed", "Seed of the training.", 0, kind="count"),
        Option("threads", "Threads of torch; the last bits of the result depend on it.", 1, kind="count", least=1),
        Option("set", "Hyper-parameters of the method.", (), kind="words", metavar="NAME=VALUE"),
        Option(
            "recipe", "Recipe: ours, paper, brevitas, or a method whose paper's recipe to use; changes follow commas.", "ours",
            metavar="NAME[,KEY=VALUE…]",
        ),
        Option("init", "Folder of a run to start from: its latent weights and norms."),
        Option("guide", "Folder of the train-float run that guides the training (rbcn, react)."),
        Option("methods", "Methods, separated by spaces; hyper-parameters, recipe=, init=, epochs= follow "
               "commas: \"ste bonn,nu=1\".", "", usual="all"),
        Option("markdown", "Print a table for a pull request.", False, kind="flag"),
        Option("json", "Print one JSON object instead of text, also for an error.", False, kind="flag"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Argument:
    """A positional argument of a verb; make takes it as a variable of its name."""

    name: str
    help: str
    required: bool = False


WHAT = Argument(
    "what", "A network (mnist-tfc), a QONNX file (net.onnx) or the folder of a build (out/mnist-tfc)."
)
TRAINABLE = Argument(
    "what",
    "A network (mnist-tfc), your own of Brevitas layers (net.py:Net), or the folder of a build (out/mnist-tfc).",
)


@dataclass(frozen=True)
class Verb:
    """One verb of the command line.

    Attributes:
        name, help: and one line on it.
        group: the heading it is listed under.
        arguments: positional ones.
        options: beside `--json`, which all verbs have.
        builds: whether it takes the options of a build and gets them as one `Request`.
        module: of `xnorforge.cli`, whose function of the verb's name is called.
        stage: the last stage that a verb named after a stage runs; "" for all other verbs.
        reads: the last stages that it runs: it takes the options of a build that these and the stages before
            them read; () for all.
        leaves: options that it does not take all the same.
    """

    name: str
    group: str
    help: str
    arguments: tuple[Argument, ...] = (WHAT,)
    options: tuple[Option, ...] = ()
    builds: bool = False
    module: str = ""
    stage: str = ""
    reads: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    def all_options(self) -> tuple[Option, ...]:
        """Those of a build first; an option of the verb takes the place of one of a build with the same word."""
        own = (*self.options, *(_also("config", "scheduler") if self.builds else ()), ALSO["json"])
        taken = {one.key for one in own}
        every = (*(one for one in self._of_build() if one.key not in taken), *own)
        return tuple(one for one in every if one.key not in self.leaves)

    def _of_build(self) -> tuple[Option, ...]:
        last = (self.stage,) if self.stage else self.reads
        if not (self.builds and last):
            return OPTIONS if self.builds else ()
        needed = set(last)
        for stage in reversed(stages.STAGES):
            if stage.name in needed:
                needed.update(stage.before())
        return tuple(one for one in OPTIONS if one.stage in needed)


def _also(*names: str, **changed: Any) -> tuple[Option, ...]:
    return tuple(replace(ALSO[name], **changed) for name in names)


def _like(name: str, **changed: Any) -> Option:
    """An option of a build with other words, for a verb that is not a build."""
    return replace(named(name), **changed)


STAGE_HELP = {
    "export": "The trained network as QONNX, with golden scores.",
    "lower": "The same network on integers only.",
    "fold": "Folding (PE, SIMD) and FIFO depths for a board.",
    "generate": "SystemVerilog and memory files.",
    "sim": "Bit simulator and RTL against the golden scores; cycles.",
    "synth": "Yosys cells per operator.",
    "netlist": "The synthesised netlist against the golden scores.",
    "bitstream": "Place and route: bitstream and routed clock.",
    "overlay": "Shell, description and drivers for a board.",
    "hls": "With BACKEND=hls4ml: the Vitis HLS project, emulated on all golden images.",
    "finn": "With BACKEND=finn: FINN's design in RTL, simulated, and its build folder.",
    "report": "All stages; prints the report.",
}
_NET = (_like("net", default=None), _like("task", help="Task; the network's name may then omit this prefix."))
_DATA = (*_NET, _like("data"))
_TRAIN = (*_DATA, *_also("epochs", "lr", "seed", "threads", "recipe"))
VERBS = (
    Verb(
        "build", "Build", "Everything up to the report; only stages that are out of date run.", builds=True,
        options=_also("until", "show", "dry_run", "base", "rules", "out"), module="build",
    ),
    *(
        Verb(name, "Build", text, builds=True, options=_also("dry_run", "out"), module="build", stage=name)
        for name, text in STAGE_HELP.items()
    ),
    Verb(
        "import", "Build", "Build a torch module from a Python file.", builds=True, module="modules",
        arguments=(Argument("target", "FILE.py:NAME, a class or function of the file that returns a module.", True),),
        options=(
            Option("weights", "State dict of the module, written by torch.save."),
            Option("shape", "Shape of one input: 3x32x32, 40x49, or 16 for a vector."),
            *_also("until", "dry_run"),
        ),
        leaves=("net", "method", "model"),
    ),
    Verb(
        "explore", "Build", "The Pareto front of foldings for a board, and their commands.", builds=True,
        module="explore", reads=("fold",),
    ),
    Verb(
        "fit", "Build", "Every board: does the network fit, at which frames/s and LUT.", builds=True,
        options=(named("interval"), named("fps")), module="explore", reads=("lower",),
    ),
    Verb(
        "explain", "Build", "One operator in five lines: folding, what limits it, cost, next step.", builds=True,
        arguments=(Argument("layer", "Name of an operator, such as conv1.", True), WHAT), module="inquire",
        options=(Option("rtl", "Print its SystemVerilog instead.", False, kind="flag"),),
        leaves=(*(one.key for one in OPTIONS if one.name not in OF_FOLDERS or one.name == "data"),
                "config", "scheduler"),
    ),
    Verb(
        "demo", "Use", "Draw what a network finds in pictures or a video.", builds=True, module="results",
        reads=("fold",),
        options=(*_also("image", "video", "camera", "box", "port"),
                 *_also("out", help="Output folder, which is replaced.", usual="demo in the network's folder")),
    ),
    Verb(
        "load", "Use", "Load the bitstream of a build onto its board, over the board's cable.", builds=True,
        module="results",
        leaves=(*(one.key for one in OPTIONS if one.name not in ("net", "board")), "config", "scheduler"),
    ),
    Verb(
        "package", "Use", "The accelerator for other flows: FuseSoC, Vivado, LiteX.", builds=True, reads=("sim",),
        options=(*_also("prefix", "interface"),
                 *_also("out", help="Output folder, which is replaced.", usual="package in the accelerator's folder")),
        module="results",
    ),
    Verb(
        "train", "Train", "Train a network, or continue the run in the same folder.", module="training",
        arguments=(TRAINABLE,),
        options=(
            _like("method"), *_TRAIN, *_also("set", "init", "guide"),
            *_also("out", help="Folder of checkpoint, weights, curve and card.", usual="out/<network>/train"),
        ),
    ),
    Verb(
        "train-float", "Train", "Train a network in full precision, as a reference for what binary weights cost.",
        arguments=(TRAINABLE,),
        options=(*_TRAIN, *_also("out", help="Folder of checkpoint, curve and card.", usual="out/<network>-float")),
        module="training",
    ),
    Verb(
        "compare", "Train", "Train with several methods and seeds: a table and a plot; with BOARD, their cost too.",
        arguments=(TRAINABLE,),
        options=(
            *_DATA, *_also("methods"),
            Option("seeds", "Seeds, each for every method.", "0 1 2"),
            *_also("epochs", "recipe", "init", "threads"),
            _like("jobs", default=1, help="Parallel trainings."), *_also("scheduler"),
            _like("board", default=None, help="Build each method's first run for this board.", usual="nothing is built"),
            *_also("out", help="Output folder.", usual="out/compare"),
        ),
        module="training",
    ),
    Verb(
        "diff", "Results", "Compare two builds: what changed, and whether it breaks a rule.", module="history",
        arguments=(
            Argument("before", "A network, the folder of a build, its report.json, or last.", True),
            Argument("now", "A network, the folder of a build, or its report.json.", True),
        ),
        options=_also("rules", "markdown"),
    ),
    Verb("list", "About", "Networks and plug-ins of every kind.", arguments=(), module="inquire"),
    Verb(
        "cache", "About", "What builds share: where it lies, and its size by kind.", module="inquire",
        arguments=(Argument("action", "prune: remove what was not used for longest, down to the limit."),),
    ),
    Verb(
        "doctor", "About", "Check this machine: what a build needs, and how to install what is missing.", arguments=(),
        module="inquire",
    ),
)  # fmt: skip
SYNONYMS = {
    **dict.fromkeys(("freq", "frequency", "mhz"), "--clock"),
    **dict.fromkeys(("device", "part", "fpga", "target"), "--board"),
    **dict.fromkeys(("network", "name"), "--net"),
    "width": "--stream",
}
EXITS = {
    0: "done", 1: "a check failed", 2: "the request cannot be met",
    4: "`doctor`: something that every build needs is missing", 130: "interrupted",
}  # fmt: skip


@cache
def variables() -> dict[str, Option | Argument]:
    """All variables of make: options and arguments of all verbs."""
    found: dict[str, Option | Argument] = {}
    for verb in VERBS:
        for argument in verb.arguments:
            found.setdefault(argument.name.upper(), argument)
        for one in verb.all_options():
            found.setdefault(one.variable, one)
    return found


def meant(flag: str, parameters: Any) -> str:
    """The option that somebody means by another word, among the parameters of a click command; or ""."""
    known = [opt for one in parameters or () for opt in one.opts if opt.startswith("--")]
    near = get_close_matches(flag, known, n=1, cutoff=0.7)
    other = get_close_matches(flag.strip("-"), SYNONYMS, n=1, cutoff=0.8)
    return SYNONYMS[other[0]] if other else near[0] if near else ""


def takers(name: str) -> str:
    """The verbs that take `--images`, or `IMAGES` of make, in words; of stages the first that reads it."""
    key, found = name.removeprefix("--").replace("-", "_").lower(), []
    for verb in VERBS:
        taken = [
            one for one in (*verb.all_options(), *verb.arguments) if getattr(one, "key", one.name) == key
        ]
        if taken and verb.stage in ("", *(getattr(one, "stage", "") for one in taken)):
            found.append(verb.name)
    return enumerated(found)


def verb(name: str) -> Verb:
    """A verb by its name; UserError if there is none."""
    for one in VERBS:
        if one.name == name:
            return one
    raise unknown("xnorforge", name, [one.name for one in VERBS])


def verb_groups() -> Iterable[tuple[str, list[Verb]]]:
    """The verbs under their headings."""
    for name in dict.fromkeys(one.group for one in VERBS):
        yield name, [one for one in VERBS if one.group == name]
