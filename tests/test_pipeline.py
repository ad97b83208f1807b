"""A stage runs again exactly when something that it read has changed: stubs, on a copy of the package.

The stubs read what the test tells them; which stages ran is compared with that, not with what was recorded.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from xnorforge.pipeline import job

from .documents import copied, python, without

STAGES = ["export", "lower", "fold", "generate", "sim", "synth", "netlist", "overlay", "report"]

STUB = '''
"""Stages that read what plan.json says and leave a record that is always the same."""
import json, os, subprocess, sys, tempfile
from importlib import import_module
from pathlib import Path

PLAN = json.loads(Path(os.environ["STUB_PLAN"]).read_text())

def stage(name, acc):
    for path in PLAN["opens"].get(name, []):
        with open(path, "rb") as file:
            file.read(1)
    for module in PLAN.get("imports", {}).get(name, []):
        import_module(module)
    for path in PLAN.get("lists", {}).get(name, []):
        os.listdir(path)
    for path in PLAN.get("child", {}).get(name, []):
        subprocess.run([sys.executable, "-c", f"import xnorforge; open({path!r}).read()"], check=True)
    for path in PLAN.get("data", {}).get(name, []):
        from xnorforge.sw.datasets.base import folder_of
        if folder := folder_of(path):
            (folder / "images").read_bytes()
    for before, path, after in PLAN.get("among", {}).get(name, []):
        subprocess.run(before, shell=True, check=True)
        Path(path).read_bytes()
        subprocess.run(after, shell=True, check=True)
    for word in PLAN.get("makes", {}).get(name, []):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(f"echo {word} > {folder}/given", shell=True, check=True)
            Path(folder, "given").read_bytes()
    for path in PLAN.get("tries", {}).get(name, []):
        try:
            open(path).close()
        except FileNotFoundError:
            pass
    (acc / f"{name}.json").write_text(json.dumps({"stage": name}))

def __getattr__(name):
    if name.startswith("_"):
        raise AttributeError(name)
    return lambda net_dir, acc, **options: stage(name, acc)
'''

DRIVER = '''
"""Reads a command per line, as JSON: {"build": {request}} answers with the stages that ran."""
import json, sys
from dataclasses import replace
from xnorforge.core.errors import UserError
from xnorforge.pipeline import run, stages
from xnorforge.pipeline.request import Request

stubs = tuple(
    replace(one, call=f"stub:{one.name}", outputs=(f"acc/{one.name}.json",), handed=())
    for one in stages.STAGES
)
stages.STAGES = run.STAGES = stubs
for line in sys.stdin:
    try:
        found = sorted(run.run_stages(Request(**json.loads(line))))
    except UserError as error:
        found = str(error)
    print(json.dumps(found), flush=True)
'''


class Pipeline:
    """Builds with stubs in a copy of the package, by a process of its own."""

    def __init__(self, folder: Path, **environment: str):
        self.folder, self.plan = folder, folder / "cache/plan.json"  # where nothing counts
        self.plan.parent.mkdir(exist_ok=True)
        if not (folder / "src").exists():
            copied(folder)
        (folder / "stub.py").write_text(STUB)
        (folder / "driver.py").write_text(DRIVER)
        paths = {"PYTHONPATH": f"{folder}/src:{folder}", "STUB_PLAN": str(self.plan)}
        paths["XNORFORGE_CACHE"] = str(self.plan.parent)
        self.process = subprocess.Popen(
            [sys.executable, "driver.py"], cwd=folder, env=without("XNORFORGE") | paths | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def reads(self, **plan: dict) -> None:
        """Tell the stages what to read, {kind: {stage: [what]}}."""
        self.plan.write_text(json.dumps({"opens": {}} | plan))

    def build(self, **request) -> list[str] | str:
        """The stages that ran, sorted, or why the build was refused."""
        self.process.stdin.write(json.dumps({"net": "mnist-tfc"} | request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self.process.stdin.close()
        assert self.process.wait() == 0


@pytest.fixture
def pipeline(tmp_path):
    """One without a build."""
    one = Pipeline(tmp_path)
    one.reads()
    yield one
    one.close()


def changed(path: Path) -> None:
    """Another content, of the same meaning."""
    mark = b"\n# a line\n" if path.suffix in (".py", ".toml") else b"\n// a line\n"
    path.write_bytes(path.read_bytes() + mark)


@pytest.mark.full
def test_a_change_of_any_file_runs_the_stages_that_read_it_and_no_other(pipeline):
    """Each source, template, RTL file, cell model, weight file and picture of the package in turn."""
    tops = [pipeline.folder / name for name in ("hw", "sw", "flows", "sim", "src/xnorforge")]
    files = [path for top in tops for path in sorted(top.rglob("*")) if path.is_file()]
    files = sorted(path for path in files if "__pycache__" not in path.parts)
    assert len(files) > 250
    readers = {}
    for index, path in enumerate(files):  # none, one or two of the stages, each stage in its turn
        count = (1, 1, 0, 2, 1)[index % 5]
        readers[path] = {STAGES[(index + 3 * more) % len(STAGES)] for more in range(count)}
    pipeline.reads(opens={stage: [str(path) for path in files if stage in readers[path]] for stage in STAGES})
    entry = "import sys, xnorforge.pipeline.job, xnorforge.pipeline.reads; print(sys.modules)"
    loaded = python("-c", entry, check=True, PYTHONPATH=f"{pipeline.folder}/src").stdout
    assert pipeline.build() == sorted(STAGES)
    assert pipeline.build() == []
    for path in files:
        changed(path)
        wanted = STAGES if str(path) in loaded else readers[path]
        assert pipeline.build() == sorted(wanted), path.relative_to(pipeline.folder)
    for path in files[:20]:
        os.utime(path)
    assert pipeline.build() == []


def test_children_modules_and_folders_count_as_read(pipeline, tmp_path):
    data = tmp_path / "sw/data"
    given = {name: data / f"{name}.txt" for name in ("child", "absent")}
    given["child"].write_text("1")
    module, folder = tmp_path / "sw/decode/labels.py", tmp_path / "sw/methods"
    pipeline.reads(child={"synth": [str(given["child"])]}, imports={"sim": ["xnorforge.sw.decode.labels"]},
                   lists={"lower": [str(folder)]}, tries={"fold": [str(given["absent"])]})  # fmt: skip
    pipeline.build()
    given["child"].write_text("2")
    assert pipeline.build() == ["synth"]
    changed(module)
    assert pipeline.build() == ["sim"]
    (folder / "new_method.py").write_text("")
    assert pipeline.build() == ["lower"]
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__/ste.pyc").touch()
    assert pipeline.build() == []
    given["absent"].write_text("it is there now")
    assert pipeline.build() == ["fold"]
    given["child"].unlink()
    given["child"].write_text("2")
    assert pipeline.build() == []


@pytest.mark.quick("*-100")
@pytest.mark.parametrize("size", [100, 3 << 20])
@pytest.mark.parametrize(
    "how", ["moved into place with an old date", "altered and restored", "altered, same date"]
)
def test_what_a_file_held_while_a_stage_ran_counts(pipeline, tmp_path, how, size):
    """Another program alters it, size and date kept; the build is refused, and the stage runs again."""
    path, other, mine = (tmp_path / "sw/data" / name for name in ("given", "other", "mine"))
    for place, byte in ((path, b"1"), (other, b"2")):
        place.write_bytes(byte * size)
        os.utime(place, (10**9, 10**9))
    before, after = {
        "moved into place with an old date": ("true", f"mv {other} {path}"),
        "altered and restored": (f"cp -p {path} {mine}; cp -p {other} {path}", f"cp -p {mine} {path}"),
        "altered, same date": ("true", f"cp -p {other} {path}"),
    }[how]
    pipeline.reads(among={"generate": [[before, str(path), after]]})
    refused = pipeline.build()
    assert refused.startswith("generate: ") and "given" in refused
    pipeline.reads(opens={"generate": [str(path)]})
    assert pipeline.build() == ["generate"]
    assert pipeline.build() == []


def test_a_file_counts_by_the_name_it_was_opened_by_wherever_it_lies(pipeline, tmp_path):
    """External data, a link to a model, a data set that is a link; not what programs write for the stage."""
    away, link, folder = (tmp_path / name for name in ("away.bin", "link.onnx", "cifar10"))
    one, two = (tmp_path / name / "images" for name in ("one", "two"))
    for path in (one, two):
        path.parent.mkdir()
        path.write_text(str(path))
    away.write_text("1"), link.symlink_to(one), folder.symlink_to(one.parent)
    opens = {"export": [str(away)], "lower": [str(link)], "fold": [str(folder / "images")]}
    pipeline.reads(opens=opens, makes={"generate": ["1"]})
    assert pipeline.build() == sorted(STAGES) and pipeline.build() == []
    away.write_text("2")
    assert pipeline.build() == ["export"]
    link.unlink(), link.symlink_to(two)
    assert pipeline.build() == ["lower"]
    folder.unlink(), folder.symlink_to(two.parent)
    assert pipeline.build() == ["fold"]
    two.write_text("3")
    assert pipeline.build() == ["fold", "lower"]
    away.rename(tmp_path / "other"), away.symlink_to(tmp_path / "other")
    assert pipeline.build() == []


def test_a_module_beside_a_plug_in_counts_wherever_it_lies(tmp_path):
    away, tree = tmp_path / "away", tmp_path / "tree"
    away.mkdir(), tree.mkdir()
    (away / "helper_of_mine.py").write_text("FACTOR = 1\n")
    one = Pipeline(tree, PYTHONPATH=f"{tree}/src:{tree}:{away}")
    one.reads(imports={"lower": ["helper_of_mine"]})
    assert one.build() == sorted(STAGES) and one.build() == []
    (away / "helper_of_mine.py").write_text("FACTOR = 2\n")
    assert one.build() == ["lower"]
    one.close()


def test_a_folder_of_data_counts_by_what_is_read_in_it(tmp_path):
    tree, folders = tmp_path / "tree", [tmp_path / name for name in ("empty", "data", "copy", "other")]
    tree.mkdir()
    for folder, content in zip(folders, ("", "1", "1", "2")):
        (folder / "mnist").mkdir(parents=True) if content else folder.mkdir()
        if content:
            (folder / "mnist/images").write_text(content)

    def ran(**environment) -> list[str]:
        one = Pipeline(tree, **environment)
        one.reads(data={"export": ["mnist"]})
        found = one.build()
        one.close()
        return found

    assert ran() == sorted(STAGES)
    empty, data, copy, other = map(str, folders)
    assert ran(XNORFORGE_DATA=empty) == []
    assert ran(XNORFORGE_DATA=data) == ["export"]
    assert ran(XNORFORGE_DATA=copy) == []
    assert ran(XNORFORGE_DATA=other) == ["export"]
    assert ran() == ["export"]


def test_an_output_that_is_missing_or_another_is_made_again(pipeline, tmp_path):
    pipeline.build()
    acc = tmp_path / "out/mnist-tfc/rtl-pynq-z2"
    (acc / "sim.json").unlink()
    assert pipeline.build() == ["sim"]
    (acc / "fold.json").write_text('{"stage": "by hand"}')
    assert pipeline.build() == ["fold"]
    assert json.loads((acc / "fold.json").read_text()) == {"stage": "fold"}


def test_options_reach_the_stages_that_are_told_them(pipeline):
    pipeline.build()
    assert pipeline.build(images=7) == ["sim"]
    assert pipeline.build(images=7, interval=500) == ["fold"]
    assert pipeline.build(images=7, interval=500, jobs=1) == []
    other = pipeline.build(board="ulx3s", pnr="off")  # no models of its family's cells, no DMA
    assert other == sorted(set(STAGES) - {"netlist", "overlay"})


def test_times_of_earlier_stages_matter_to_the_report_alone(pipeline, tmp_path):
    acc = tmp_path / "out/mnist-tfc/rtl-pynq-z2"
    record = acc / "lower.json"
    pipeline.reads(opens={"fold": [str(record)], "report": [str(record)]})
    pipeline.build()
    record.write_text(json.dumps({"stage": "lower", "run": {"wall_s": 3}}))
    assert pipeline.build() == ["report"]
    record.write_text(json.dumps({"stage": "lower", "run": {"wall_s": 3}, "checks": []}))
    assert pipeline.build() == ["lower", "report"]  # lower leaves again what fold had read


def test_another_folder_of_plug_ins_is_seen_and_so_are_flags_of_the_compiler(tmp_path):
    more, tree = tmp_path / "more", tmp_path / "tree"
    (more / "sw/methods").mkdir(parents=True), tree.mkdir()
    flags, compiled = {"XNORFORGE_CXXFLAGS": "-g"}, ["fold", "netlist", "sim"]
    for given, ran in (({}, STAGES), (flags, compiled), ({"XNORFORGE_PLUGINS": str(more)}, STAGES)):
        one = Pipeline(tree, **given)
        one.reads()
        assert one.build() == sorted(ran)
        one.close()


def test_the_declaration_of_a_back_end_is_read_without_loading_it():
    from xnorforge.core import plugins
    from xnorforge.flows.backends import base
    from xnorforge.pipeline import stages

    for name in plugins.names("flows.backends"):
        assert stages.following(name) == tuple(base.load(name).stages)
        assert stages.declaration(name).get("needs", "") == base.load(name).needs


def test_every_stage_has_a_function_and_waits_for_what_it_reads():
    from importlib import import_module

    from xnorforge.pipeline import stages

    before = set()
    for stage in stages.stages_of("rtl", "pynq-z2"):
        module, _, function = stage.function().partition(":")
        assert callable(getattr(import_module(module), function))
        assert before.issuperset(stage.inputs)
        before.add(stage.name)


def test_a_build_with_nothing_to_do_loads_no_library():
    heavy = ("torch", "numpy", "onnx", "qonnx", "rich", "scipy")
    program = (
        "import sys; from xnorforge.cli import build, asked; from xnorforge.pipeline import run, request; "
        f"run.missing(request.Request()); print([name for name in {heavy} if name in sys.modules])"
    )
    assert python("-c", program, check=True).stdout == "[]\n"


def test_a_build_that_made_a_report_is_a_line_of_the_history_and_one_with_nothing_to_do_is_none(pipeline):
    history = pipeline.folder / "out/history.jsonl"
    pipeline.build()
    [line] = history.read_text().splitlines()
    assert json.loads(line)["folder"] == "mnist-tfc/rtl-pynq-z2"
    assert pipeline.build() == []
    assert len(history.read_text().splitlines()) == 1
    pipeline.build(board="pynq-z1")
    assert len(history.read_text().splitlines()) == 2


def test_what_a_refused_stage_leaves_goes_but_the_folder_one_works_in_stays(tmp_path, monkeypatch):
    (tmp_path / "here/out/net").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    job.prune(Path("out/net"))
    assert list(tmp_path.rglob("*")) == [tmp_path / "here"]
