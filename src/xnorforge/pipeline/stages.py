"""The pipeline, declared once: name, inputs, outputs, options and function of every stage.

`xnorforge build`, make and `compare` run these stages through `run.py`; nothing else knows their order.
Standard library only: a build with nothing to do must not load more.
"""

import ast
from dataclasses import dataclass, replace
from pathlib import Path

from xnorforge.core import plugins
from xnorforge.core.errors import UserError, unknown
from xnorforge.core.types import Record
from xnorforge.hw import boards, routing

CALLS = "xnorforge.pipeline.calls"


@dataclass(frozen=True)
class Stage:
    """One step of a build.

    Attributes:
        name: on the command line, in records and messages.
        inputs: earlier stages; it waits for them, and finds their files whole.
        outputs: files and folders it leaves, in the network's folder ("net/…") or the accelerator's
            ("acc/…"); the first is its record, written last.
        derived: properties of `request.Request` that it reads as well as its options (`options.py`).
        environment: variables that change what it does.
        call: "module:function", called with both folders and the options.
        handed: outputs of others that a program reads which is not Python, as a simulator its memory files.
        pace: fields of a request that change how fast it is and nothing else.
        times: whether it tells how long the others took, so that their records count with their times.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    derived: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    call: str = ""
    times: bool = False
    pace: tuple[str, ...] = ()
    handed: tuple[str, ...] = ()

    def before(self) -> tuple[str, ...]:
        """The stages whose options its result depends on; of a report, those of all."""
        routed = ("bitstream",) if "routed" in self.derived else ()
        return (*self.inputs, *routed, *(("sim", "synth") if self.times else ()))

    def function(self) -> str:
        """Where its function is."""
        return self.call or f"{CALLS}:{self.name}"

    def checked(self) -> tuple[str, ...]:
        """Outputs whose form can be looked at before another stage reads them; of JSON, the record."""
        records = (f"{self.name}.json", "rtl.json")
        return tuple(
            name
            for name in self.outputs
            if name.endswith((".onnx", ".npz")) or name.rpartition("/")[2] in records
        )


_COMPILER = ("CXX", "XNORFORGE_CXXFLAGS")
STAGES = (
    Stage("export", (), ("net/export.json", "net/model.onnx", "net/golden.npz")),
    Stage("lower", ("export",), ("net/lower.json", "net/lowered.onnx", "net/lowered.npz", "net/rolled.onnx")),
    Stage("fold", ("export", "lower"), ("acc/fold.json", "acc/folded.onnx"), environment=_COMPILER),
    Stage("generate", ("fold",), ("acc/rtl/rtl.json", "acc/rtl")),
    Stage(
        "sim", ("export", "lower", "fold", "generate"), ("acc/sim.json", "acc/examples"),
        environment=_COMPILER, handed=("acc/rtl",),
    ),
    Stage("synth", ("fold", "generate"), ("acc/synth.json", "acc/netlist"), pace=("jobs",)),
    Stage(
        "netlist", ("export", "lower", "fold", "synth"), ("acc/netlist.json",), environment=_COMPILER,
        handed=("acc/rtl",),
    ),
    Stage(
        "bitstream", ("fold", "generate", "synth"), ("acc/bitstream.json", "acc/bitstream"),
        environment=("XNORFORGE_OPENXC7", "CHIPDB", "PRJXRAY_DB_DIR"), pace=("jobs", "pnr_minutes"),
    ),
    Stage(
        "overlay",
        ("export", "lower", "fold", "generate"),  # and bitstream where there is one, see `stages_of`
        ("acc/overlay/overlay.json", "acc/overlay"),
        ("routed",),
    ),
    Stage("hls", ("export", "lower", "fold"), ("acc/hls.json", "acc/hls_project"), environment=_COMPILER),
    Stage("finn", ("export", "lower", "fold"), ("acc/finn.json", "acc/finn"), environment=_COMPILER),
    Stage(
        "report",
        (),  # all stages of the build, see `stages_of`
        ("acc/report.json", "acc/report.html", "acc/report.md"),
        ("routed",),
        times=True,
    ),
)  # fmt: skip
ALWAYS = ("export", "lower", "fold")  # of every back end; what follows, the back end says
OPTIONAL = ("acc/examples", "net/rolled.onnx")  # some networks have none
NAMES = tuple(stage.name for stage in STAGES)


def declared() -> dict[str, Stage]:
    """The stages by their names."""
    return {stage.name: stage for stage in STAGES}


def stages_of(backend: str, board: str, pnr: str = "auto") -> list[Stage]:
    """The stages of a build in an order in which they can run, the report last.

    Args:
        pnr: "off" leaves place and route out, which is done otherwise where its tools are found.

    Raises:
        UserError: no such back end or board.
    """
    known = declared()
    found = [known[name] for name in ALWAYS]
    for name in following(backend):
        if name == "netlist" and not simulates_netlists(board):
            continue
        found.append(known.get(name) or _own(backend, name, tuple(stage.name for stage in found)))
    if not no_bitstream(backend, board, pnr):
        found.append(known["bitstream"])
    if "generate" in following(backend) and boards.load(board).shell_kind != "uart":
        routed = tuple(stage.name for stage in found if stage.name == "bitstream")
        found.append(replace(known["overlay"], inputs=(*known["overlay"].inputs, *routed)))
    return [*found, replace(known["report"], inputs=tuple(stage.name for stage in found))]


def _own(backend: str, name: str, inputs: tuple[str, ...]) -> Stage:
    """A stage that only one back end has, behind all before it: the function of that name in its module."""
    outputs = (f"acc/{name}.json", f"acc/{name}")
    return Stage(name, inputs, outputs, call=f"xnorforge.flows.backends.{backend}:{name}")


def following(backend: str) -> tuple[str, ...]:
    """The stages that a back end adds behind fold; errors as of `declaration`."""
    from xnorforge.flows.backends.base import Backend

    return tuple(declaration(backend).get("stages", Backend.stages))


def declaration(backend: str) -> Record:
    """What a back end states of itself, `Backend` has the rest: {attribute: value}.

    It is read from the text of its declaration `BACKEND = Backend(…)`, as its module may load a compiler.

    Raises:
        UserError: no such back end, or a declaration that is not made of plain values.
    """
    if backend not in plugins.names("flows.backends"):
        raise unknown("BACKEND", backend, plugins.names("flows.backends"))
    path = plugins.place("flows.backends", backend)
    path = path / "__init__.py" if path.is_dir() else path
    for line in plugins.parsed(path).body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "BACKEND":
            try:
                return {word.arg: ast.literal_eval(word.value) for word in line.value.keywords}  # type: ignore[attr-defined]
            except (ValueError, AttributeError):
                break
    raise UserError(
        f'{path}: has no declaration BACKEND = Backend(about="…", stages=(…)) with plain values; add one.'
    )


def simulates_netlists(board: str) -> bool:
    """Whether the netlist of a board's part can be simulated: its family has models of its cells."""
    return boards.load(board).simulates_netlists


def no_bitstream(backend: str, board: str, pnr: str) -> str:
    """Why a build makes no bitstream, and what would give one, as the end of a sentence; "" where it does."""
    if "synth" not in following(backend):
        return f"BACKEND={backend} does not produce a netlist; BACKEND=rtl does"
    if pnr == "off":
        return "PNR=off; without it, place and route runs where its tools are found"
    where = boards.load(board)
    router = routing.load(where.family)
    if router is None or not where.shell:
        return f"there is no open place and route for {board} ({where.part})"
    lacking = router.missing(where)
    return routing.lacking(lacking) if lacking else ""


def path_of(name: str, net_dir: Path, acc: Path) -> Path:
    """Where an output lies."""
    where, _, rest = name.partition("/")
    return {"net": net_dir, "acc": acc}[where] / rest


def left_by(acc: Path, *names: str) -> tuple[tuple[Path, str], ...]:
    """What stages left for others in an accelerator's folder and its network's, each with its stage."""
    return tuple(
        (path_of(output, acc.parent, acc), name)
        for name in names
        for output in declared()[name].checked()
        if output not in OPTIONAL
    )
