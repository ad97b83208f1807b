"""Write the reference pages, docs/reference/*.md, from declarations, registries and docstrings.

    python tools/reference.py [FOLDER [PAGE …]]

`make docs` runs it. The pages are not committed: what changes in the code changes in them. Plug-ins of
XNORFORGE_PLUGINS are included. A page is a function here; its docstring opens the page.
"""

import sys
from dataclasses import MISSING, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from as_markdown import (
    PAGES,
    class_,
    code,
    escaped,
    first,
    function,
    meanings,
    page,
    properties,
    prose,
    rtl_header,
    schema_kind,
    table,
    write,
)

__all__ = ["FOLDER", "PAGES", "write"]

FOLDER = Path(__file__).parent.parent / "docs/reference"
FORMATS = {  # modules whose docstring describes a file format
    "Stage records": "core.artifacts",
    "Build settings, build.toml": "pipeline.settings",
    "Build history, history.jsonl": "history.entries",
    "Rules of a comparison": "history.rules",
    "Folding files of FINN": "flows.fold.finn_folding",
    "Input formats": "core.input_format",
    "Lowered networks": "flows.lower",
    "Trained weights": "sw.training.weights",
    "Generated RTL": "flows.backends.rtl",
    "Packages": "flows.package",
    "Overlays": "flows.overlay",
    "Plug-in folders": "core.plugins",
    "When a stage runs again": "pipeline.record",
}
BASES = {  # what the author of a plug-in subclasses or creates
    "hw.ops.base": ("HwOp", "Stream", "Matrix"),
    "sw.methods.base": ("Method", "Phase"),
    "sw.networks.base": ("Recipe",),
    "sw.tasks.base": ("Task", "Images"),
    "flows.backends.base": ("Backend",),
    "hw.boards": ("Board",),
    "hw.families": ("Family", "Site"),
    "hw.routing": ("Router",),
}
KINDS = {"i": "integer", "f": "float", "s": "string", "ints": "integers", "floats": "floats"}


def module(name: str) -> Any:
    return import_module(f"xnorforge.{name}")


@page("Verbs")
def verbs():
    """`xnorforge VERB [WHAT] [options]`; `make VERB VARIABLE=value` runs the same."""
    declared = module("pipeline.options")
    yield "## Exit codes"
    yield table("code | meaning", ((code(key), escaped(text)) for key, text in declared.EXITS.items()))
    yield "## Options of every verb"
    loud = {"json": declared.ALSO["json"].help, **module("cli.main").LOUDNESS, "help": "Show all options."}
    yield table("option | meaning", ((code(f"--{name}"), escaped(text)) for name, text in loud.items()))
    for group, found in declared.verb_groups():
        yield f"## {group}"
        for verb in found:
            yield f"### {verb.name}\n\n{escaped(verb.help)}"
            if verb.stage:
                yield f"The same as `build --until {verb.stage}`; see [stages](stages.md#{verb.stage})."
                continue
            names = [one.name.upper() if one.required else f"[{one.name.upper()}]" for one in verb.arguments]
            yield f"```text\n{' '.join(['xnorforge', verb.name, *names, '[options]'])}\n```"
            yield "\n".join(f"- `{one.name.upper()}`: {escaped(one.help)}" for one in verb.arguments)
            of_build = declared.OPTIONS if verb.builds else ()
            own = [code(one.flag) for one in verb.all_options() if one.key != "json" and one not in of_build]
            words = [*(["the [options of a build](options.md)"] if verb.builds else []), *own]
            yield f"Options: {', '.join(words)}." if words else ""


@page("Options")
def options():
    """An option has the same name everywhere. In upper case it is a variable of make (`IMAGES_FROM=…`), with
    dashes an option of the command line (`--images-from …`), in lower case a key of a configuration file
    (`--config build.toml`) and an argument of `xnorforge.build`.
    """
    declared = module("pipeline.options")

    def row(one: Any) -> tuple[str, ...]:
        default = escaped(one.usual) if one.usual else code(one.otherwise)
        return code(one.variable), code(one.choices) or one.kind, default, escaped(one.help)

    head = "option | kind or values | default | meaning"
    for stage in dict.fromkeys(one.stage for one in declared.OPTIONS):
        yield f"## Read by {stage}"
        yield table(head, (row(one) for one in declared.OPTIONS if one.stage == stage))
    users: dict[Any, list[Any]] = {}
    for verb in declared.VERBS:
        for one in set(verb.all_options()) - set(declared.OPTIONS):
            users.setdefault(one, []).append(verb)

    def who(one: Any) -> str:
        found = users[one]
        if len(found) == len(declared.VERBS):
            return "all verbs"
        stages = any(verb.stage for verb in found)
        names = [v.name for v in found if not (stages and (v.stage or v.name == "build"))]
        listed = [f"[{name}](verbs.md#{name})" for name in names]
        return ", ".join([*(["build and its stages"] if stages else []), *listed])

    yield "## Options of single verbs"
    others = sorted(users, key=lambda one: (one.key, one.help))
    yield table(f"{head} | verbs", ((*row(one), who(one)) for one in others))


@page("Operators")
def operators():
    """The operators of `hw/ops`: what each computes, its attributes, and the header of its RTL."""
    from onnx import helper

    plugins, base = module("core.plugins"), module("hw.ops.base")
    rtl = Path(module("hw").__file__).parent / "rtl"
    for name, place in plugins.places("hw.ops").items():
        source = plugins.load("hw.ops", name)
        cls = source.Op
        op = cls(helper.make_node(cls.__name__, [], [], name=name, domain=base.DOMAIN))
        yield f"## {name}\n\n{prose(cls.__doc__ or source.__doc__)}"
        yield f"Constant arrays: {code(cls.arrays)}." if cls.arrays else ""
        rows = []
        for key, (kind, needed, default, *values) in op.get_nodeattr_types().items():
            usual = "required" if needed else code(default)
            rows.append((code(key), KINDS.get(kind, kind), usual, code(sorted(*values)) if values else ""))
        yield table("attribute | type | default | values", rows)
        files = [folder / f"{getattr(cls, 'module', '')}.sv" for folder in (place, rtl)]
        yield next((rtl_header(file) for file in files if file.is_file()), "")


@page("ONNX nodes")
def nodes():
    """The ONNX and QONNX operators that lowering accepts, under the conditions that
    [Exactness](../guide/exactness.md) explains. All others are refused by name.
    """
    module("flows.lower")
    known = module("flows.lower.registry")
    rules, tails, cures = (sorted(found.items()) for found in (known.RULES, known.TAILS, known.CURES))
    yield "## Lowered to integers"
    yield table("operator | notes", ((code(op), first(rule.__doc__)) for op, rule in rules))
    yield "## Layouts"
    layouts = module("flows.importing.layout").LAYOUTS
    yield table("layout | what is built", ((code(name), escaped(text)) for name, text in layouts.items()))
    yield "## After the scores\n\nThe accelerator returns the scores; the host computes these functions."
    yield table("operator | name in the record", ((code(op), code(tail.name)) for op, tail in tails))
    yield "## Hints for refused operators"
    yield table("operator | hint", ((code(op), escaped(text)) for op, text in cures))


@page("Boards")
def boards():
    """The boards of `hw/boards`: values of `BOARD`."""
    known = module("hw.boards")
    found = [known.load(name) for name in module("core.plugins").names("hw.boards")]
    rows = []
    for b in found:
        family, capacity = (
            f"[{b.family}](families.md#{b.family})",
            (f"{b.capacity[key]:,}" for key in known.NEEDED),
        )
        shell = b.shell_kind if b.shell else "none"
        rows.append(
            (code(b.name), escaped(b.title), code(b.part), family, f"{b.clock_mhz:g} MHz", *capacity, shell)
        )
    resources = " | ".join(map(str.upper, known.NEEDED))
    yield table(f"board | title | part | family | clock | {resources} | shell", rows)
    yield "\n".join(
        f"- `{b.name}`: {', '.join(f'[{key}]({url})' for key, url in b.links.items())}" for b in found
    )
    yield "## Fields of board.toml"
    needs = {True: "no", False: "yes"}
    rows = [(code(f), escaped(text), needs[f in known.OPTIONAL]) for f, (text, _) in known.FIELDS.items()]
    yield table("field | content | required", rows)


@page("Part families")
def families():
    """The part families of `hw/families`: how Yosys maps for each, and which later stages it supports."""
    known, routing = module("hw.families"), module("hw.routing")
    for name in known.names():
        one, router = known.load(name), routing.load(name)
        yield f"## {name}\n\n{prose(module('core.plugins').load('hw.families', name, 'family').__doc__)}"
        yield properties(
            Yosys_command=code(one.synth),
            netlist_simulation="yes" if one.simulation else "no",
            place_and_route=first(type(router).__doc__) if router else (one.vendor_tool or ("", "none"))[1],
            resources=", ".join(f"`{key}` ({escaped(unit)})" for key, (unit, _) in one.units.items()),
        )


@page("Training methods")
def methods():
    """The methods of `sw/methods`: values of `METHOD`. `SET="name=value"` sets a hyper-parameter."""
    plugins = module("core.plugins")
    for name in plugins.names("sw.methods"):
        source = plugins.load("sw.methods", name)
        said = meanings(source.Method)
        yield f"## {name}\n\n{first(source.__doc__)}\n\n{first(source.Method.__doc__)}"
        rows = []
        for one in fields(source.Method):
            kind, default = (
                getattr(one.type, "__name__", one.type),
                "" if one.default is MISSING else one.default,
            )
            rows.append((code(one.name), code(kind), code(default), escaped(said.get(one.name, ""))))
        yield table("hyper-parameter | type | default | meaning", rows)
        yield f"Recipes: {code(source.Method.RECIPES)}." if source.Method.RECIPES else ""


@page("Tasks")
def tasks():
    """The tasks of `sw/tasks`: values of `TASK`. [Tasks](../guide/tasks.md) has the layouts of their data."""
    plugins, nets = module("core.plugins"), module("core.networks")
    for name, place in plugins.places("sw.tasks").items():
        source = plugins.load("sw.tasks", name)
        shape = getattr(source.Task, "shape", None)
        yield f"## {name}\n\n{first(source.__doc__)}\n\n{prose(source.Task.__doc__)}"
        yield properties(
            input_shape=code("x".join(map(str, shape))) if isinstance(shape, tuple) else "",
            main_figure=code(source.Task.main),
            networks=code([net for net in nets.names() if nets.task_name(net) == name]),
            default_network=code(nets.literal(place, "USUAL")),
        )


@page("Networks")
def networks():
    """The networks of `sw/networks`: values of `NET`, with the accuracy that the cards of the shipped weights
    state.
    """
    accuracy, nets, zoo = module("core.accuracy"), module("sw.networks"), module("sw.zoo")
    shelf = Path(module("sw").__file__).parent / "shipped"
    read = module("core.artifacts").read_json
    cards = {pair: read(shelf / "-".join(pair) / "card.json") for pair in zoo.shipped()}
    for net in nets.names():
        source = nets.load(net)
        interval = getattr(source, "INTERVAL", None)
        yield f"## {net}\n\n{first(source.__doc__)}"
        yield f"Recipe: {code([f'{key}={value}' for key, value in source.RECIPE.stated().items()])}."
        yield f"Default interval: {interval:,} cycles." if interval else ""
        weights = (
            (method, row) for (of, method), card in cards.items() if of == net for row in card["accuracy"]
        )
        rows = [(code(method), escaped(accuracy.short(row)), escaped(row["set"])) for method, row in weights]
        yield table("shipped weights | accuracy | images", rows)


@page("Back ends")
def backends():
    """The back ends of `flows/backends`: values of `BACKEND`. [Back ends](../guide/backends.md) says which to
    choose.
    """
    base, stages_of = module("flows.backends.base"), module("pipeline.stages")
    found = {name: replace(base.Backend(about=""), **stages_of.declaration(name)) for name in base.names()}
    rows = []
    for name, one in found.items():
        rows.append((code(name), escaped(one.about), code(one.stages), code(one.needs), one.report))
    yield table("back end | makes | stages after fold | extra | report", rows)
    yield "## What a back end declares\n\n" + prose(base.Backend.__doc__)


@page("Stages")
def stages():
    """The stages of a build, in their order. `net/` is the folder of the network, `acc/` that of the
    accelerator.
    """
    for stage in module("pipeline.stages").STAGES:
        source, _, name = stage.function().partition(":")
        yield f"## {stage.name}\n\n{first(getattr(import_module(source), name).__doc__)}"
        parts = ("inputs", "outputs", "options", "environment")
        yield properties(**{part: code(getattr(stage, part)) for part in parts})


@page("File formats")
def formats():
    """What the files of a build hold."""
    report = Path(module("flows.report").__file__).parent / "schema.json"
    keys = module("core.artifacts").read_json(report)["properties"]
    yield "## Report, report.json\n\nEvery report is checked against `flows/report/schema.json`."
    rows = []
    for key, value in keys.items():
        inside = value.get("items", value)
        parts = inside.get("properties") or inside.get("required") or ()
        rows.append(
            (code(key), escaped(schema_kind(value)), escaped(value.get("description", "")), code(list(parts)))
        )
    yield table("key | type | meaning | keys inside", rows)
    for title, name in FORMATS.items():
        yield f"## {title}\n\n{prose(module(name).__doc__)}"


@page("Python API")
def python():
    """`import xnorforge` builds a network from Python and uses the result. The
    [guide](../guide/python.md) shows how.
    """
    root, acc, errors = import_module("xnorforge"), module("accelerator"), module("core.errors")
    public = [getattr(root, name) for name in root.PUBLIC]
    yield "## Functions"
    yield from (function(one, "xnorforge.") for one in public if not isinstance(one, type))
    yield "## The accelerator"
    yield from (class_(one, "xnorforge.") for one in public if isinstance(one, type))
    yield class_(acc.Report, "xnorforge.accelerator.")
    yield "## Errors"
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, Exception)]
    yield from (class_(one, "xnorforge.core.errors.") for one in kinds)


@page("Plug-in classes")
def plugins():
    """The classes that a plug-in subclasses or creates. [CONTRIBUTING](../../CONTRIBUTING.md) has a recipe
    for each kind.
    """
    for name, classes in BASES.items():
        yield f"## xnorforge.{name}\n\n{prose(module(name).__doc__)}"
        yield from (class_(getattr(module(name), one), f"xnorforge.{name}.") for one in classes)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FOLDER, sys.argv[2:] or PAGES)
