"""Programs next to the drivers, on the verilated shell: the notebook."""

import json
import re
import subprocess

import nbformat
import numpy as np
import onnx
import pytest
from documents import python
from driving import BIAS, SCALE, accelerator, printed
from test_ports import Several, frames_of

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.fold import fold
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.overlay import write_overlay
from xnorforge.hw import graph
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Device
from xnorforge.sim.shell import shell_library


def in_overlay(acc, library, *command: str) -> subprocess.CompletedProcess:
    """A Python program in the folder of the overlay."""
    return python(*command, cwd=acc / "overlay", XF_SIMULATION=str(library))


@pytest.mark.full
def test_a_network_of_two_inputs_and_two_outputs_has_their_names_in_both_drivers(tmp_path):
    """Behind the simulated shell: the Python driver and the notebook by names, the C driver by places."""
    counts = {k: Several(k) for k in range(99)}
    net = next(one for one in counts.values() if (len(one.given), len(one.outputs)) == (2, 2))
    onnx.save(net.model, tmp_path / "net.onnx")
    import_model(tmp_path / "net.onnx", frames_of(net), [], tmp_path)
    lower(tmp_path / "model.onnx", tmp_path / "golden.npz", tmp_path)
    acc, wanted = tmp_path / "acc", net.wanted()
    fold(tmp_path, "pynq-z2", acc, interval=1000)
    generate(acc / "folded.onnx", acc / "rtl")
    write_overlay(acc, tmp_path)
    library = shell_library(acc)
    bus = Device("sim", library, acc / "rtl")
    device = accelerator(acc, bus)
    for given in (net.given, {name: net.values(name) for name in net.given}):
        found = device.predict(given)
        assert set(found) == set(wanted)
        for name, scores in wanted.items():
            np.testing.assert_allclose(found[name], scores, atol=1e-5 * max(1, abs(scores).max()))
    with pytest.raises(UserError):
        device.predict(dict([*net.given.items()][:1]))
    frames = device.integers(net.given)
    bus.close()

    cells = json.loads((acc / "overlay/overlay.ipynb").read_text())["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    done = in_overlay(acc, library, "-c", code)
    assert done.returncode == 0, done.stderr
    for name, scores in wanted.items():
        assert f"{name} {scores.argmax(1)}" in done.stdout

    header = (acc / "overlay/xf_network.h").read_text()
    places = {key: int(at) for key, at in re.findall(r"#define (XF_\w+_(?:FIRST|COUNT)) (\d+)u", header)}
    said = printed("driver_test.c", acc, library, tmp_path, frames, "4", "0")[0]
    answers = np.array(said.split(), float).reshape(len(frames), -1)
    with np.load(tmp_path / "lowered.npz") as lowered:
        answers = answers[:, : lowered["scale"].size] * lowered["scale"].ravel() + lowered["bias"].ravel()
    for k, scores in enumerate(wanted.values()):
        at = places[f"XF_OUTPUT_{k}_FIRST"]
        part = answers[:, at : at + places[f"XF_OUTPUT_{k}_COUNT"]].reshape(scores.shape)
        np.testing.assert_allclose(part, scores, atol=1e-5 * max(1, abs(scores).max()))
    sizes = [places[f"XF_INPUT_{k}_COUNT"] for k in (0, 1)]
    assert sizes == [x[0].size for x in net.given.values()] and places["XF_INPUT_1_FIRST"] == sizes[0]


def test_the_examples_are_the_first_golden_frames(acc):
    with np.load(acc / "overlay/examples.npz") as found, np.load(acc.parent / "golden.npz") as golden:
        assert found["images"].shape == (16, 3, 4, 4)
        for name in ("images", "scores"):
            np.testing.assert_array_equal(found[name], golden[name][:16])


def test_the_notebook_is_one_and_its_cells_run_in_their_order(acc, library):
    notebook = json.loads((acc / "overlay/overlay.ipynb").read_text())
    nbformat.validate(notebook)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    done = in_overlay(acc, library, "-c", "\n".join(cells))
    assert done.returncode == 0, done.stderr
    ops = graph.operators(acc / "folded.onnx")
    with np.load(acc / "overlay/examples.npz") as given:
        answers = graph.execute(ops, given["images"])[ops[-1].name]
    best = (SCALE * answers[:, :4] + BIAS).argmax(1)
    about = read_json(acc / "overlay/overlay.json")
    assert done.stdout.splitlines()[:2] == [f"small {about['hash']}", str(best)]
    assert re.search(r"^\d+ cycles per frame; ", done.stdout, re.MULTILINE)


def test_the_notebook_says_so_where_a_score_is_another(acc, library, tmp_path):
    notebook = json.loads((acc / "overlay/overlay.ipynb").read_text())
    with np.load(acc / "overlay/examples.npz") as given:
        np.savez(tmp_path / "other.npz", images=given["images"], scores=given["scores"] + 0.5)
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    program = "\n".join(cells).replace("examples.npz", str(tmp_path / "other.npz"))
    done = in_overlay(acc, library, "-c", program)
    assert done.returncode == 1 and re.search(r"RuntimeError: .*scores.*trained network", done.stderr)
