"""A network through the pipeline: folded at random, generated, simulated at any pace, against qonnx."""

from collections import Counter

import numpy as np
import onnx
import pytest
from graphs import lowered, qonnx_scores_of
from surroundings import TODAY

from xnorforge.core.artifacts import read_json
from xnorforge.core.errors import UserError
from xnorforge.flows.backends.rtl import generate
from xnorforge.flows.export import export
from xnorforge.flows.fold import fold, folded_graph, with_fifos
from xnorforge.flows.fold.options import adders_of, candidates
from xnorforge.flows.fold.search import Part, cheapest, options_of
from xnorforge.flows.importing.stage import import_model
from xnorforge.flows.lower import lower
from xnorforge.flows.lower.proof import checks
from xnorforge.flows.synth import mapping
from xnorforge.hw import graph as operators
from xnorforge.hw.bind import bind
from xnorforge.sim import cosim, netlist
from xnorforge.sim.bits import simulate_bits
from xnorforge.sim.device import network
from xnorforge.sim.stage import bits_alone, run_network, simulate

IMAGES = 6
META = {"net": "small", "method": "ste", "source": "a test", "images": "random images"}
PART = Part(lut=53200, bram36=140, dsp=220)
SLOW = 200000  # cycles per frame that the search may not exceed: no bound for networks of this size


def exported(module, images, folder) -> list[dict]:
    """Export a network with images without labels and lower it into `folder`; the checks of both."""
    record = export(module, images, np.full(len(images), -1), folder, META)
    return [*record["checks"], *lower(folder / "model.onnx", folder / "golden.npz", folder)["checks"]]


def imported(file, images, folder, scale: float | None = None) -> dict:
    """Import a file with images without labels and lower it into `folder`, without a mismatch; the record."""
    import_model(file, images, [-1] * len(images), folder, scale)
    record = lower(folder / "model.onnx", folder / "golden.npz", folder)
    assert all(check["integers"] and not check["mismatches"] for check in record["checks"])
    return record


def simulated(folder, interval: int, images: int, stalled: int, **asked) -> dict:
    """Fold what was lowered into `folder`, generate and simulate it; the record of the simulation."""
    fold(folder, "pynq-z2", folder / "acc", interval=interval, **asked)
    generate(folder / "acc/folded.onnx", folder / "acc/rtl")
    return simulate(folder / "acc", folder, images=images, stalled=stalled)


def bounds_of(integers) -> list:
    """The operators of an integer graph, not folded."""
    return bind(integers, *checks.scale_and_bias(integers.output))


def agrees(folder, rtl: bool = False) -> None:
    """Hold the folded network of a folder against its integers: in bits all images, in RTL two if asked."""
    found = bits_alone(folder / "acc", folder)
    assert found["images"] == len(np.load(folder / "golden.npz")["images"]) and not found["mismatches"]
    if not rtl:
        return
    generate(folder / "acc/folded.onnx", folder / "acc/rtl")
    ops = operators.operators(folder / "acc/folded.onnx")
    golden, found = np.load(folder / "golden.npz"), np.load(folder / "lowered.npz")
    device = network(folder / "acc/rtl", ops, level="-O0")
    run_network(device, folder / "acc", ops, golden["images"][:2], operators.answers(ops, found))


def flowing(folder, wanted, **built) -> cosim.Run:
    """The run without pauses of what was folded into acc, whose RTL gives what is wanted with pauses too."""
    generate(folder / "acc/folded.onnx", folder / "acc/rtl")
    ops = operators.operators(folder / "acc/folded.onnx")
    device = network(folder / "acc/rtl", ops, **built)
    frames = operators.enter(ops[0], np.load(folder / "golden.npz")["images"])
    runs = [cosim.run(device, frames, stall=stall, seed=3) for stall in (0.0, 0.5)]
    for run in runs:
        np.testing.assert_array_equal(run.output.reshape(wanted.shape), wanted)
    return runs[0]


def random_foldings(chain, rng) -> dict[str, dict[str, int]]:
    """Give half of the operators a Simd and Pe that fit; half of the others take several vectors."""
    found, (others,) = {}, rng.spawn(1)
    for bound in chain:
        op = rng.choice(candidates(bound, {}))
        has = op.get_nodeattr_types()
        sizes = [name for name in ("simd", "pe") if name in has]
        given = {name: int(op.get_nodeattr(name)) for name in sizes}
        if given and rng.random() < 0.5:
            found[bound.name] = given
            continue
        several = candidates(bound, {}, several=True) if "pixels" in has and others.random() < 0.5 else []
        if several := [op for op in several if op.get_nodeattr("pixels") > 1]:
            op = others.choice(several)
            found[bound.name] = {name: int(op.get_nodeattr(name)) for name in (*sizes, "pixels")}
    return found


def smallest(bounds, interval=SLOW, given=None, part=PART):
    """The operators of the folding with the smallest share of a part, without adders, limits and FIFOs."""
    found = cheapest(options_of(bounds, given or {}, False), interval, part.price())
    assert found is not None, interval
    return found.operators()


def built(ops, folder):
    """The simulator of a chain of operators, and the operators as its file has them."""
    onnx.save(folded_graph(ops, "network"), folder / "folded.onnx")
    generate(folder / "folded.onnx", folder / "rtl")
    ops = operators.operators(folder / "folded.onnx")
    return network(folder / "rtl", ops, level="-O0"), ops


def mapped_cells(folder, ops):
    """The simulator of what `built` built in cells of the 7 series, and how many of each kind."""
    rtl, counted = read_json(folder / "rtl/rtl.json"), Counter()
    modules = mapping.modules(folder / "rtl", rtl, "xc7", rtl["layers"])
    (folder / "netlist").mkdir()
    for module, one in mapping.map_all(folder / "rtl", rtl, "xc7", modules, 1).items():
        (folder / "netlist" / f"{module}.v").write_text(one.text)
        counted.update({kind: n for kind, n in one.cells.items() if kind not in rtl["modules"]})
    return network(folder / "rtl", ops, sources=netlist.sources(folder / "netlist", "xc7")), counted


def raced(bounds, pixels, seed: int, folder):
    """Fold a network at random, run its RTL at any pace beside the bit simulator; operators, the run."""
    rng = np.random.default_rng(seed)
    widest = max(min(op.cycles() for op in candidates(bound, {})) for bound in bounds)
    interval = max(widest, int(rng.choice([0, 1000, 4000, SLOW])))
    ops = with_fifos(smallest(bounds, interval, random_foldings(bounds, rng)), {})
    device, ops = built(ops, folder)

    frames = operators.enter(ops[0], pixels)
    flowing = cosim.run(device, frames, seed=seed)
    stalled = cosim.run(device, frames, stall=0.4, seed=seed, probe=True)
    middle = flowing.answer + max(op.cycles() for op in ops) // 2
    again = cosim.run(device, frames[:2], seed=seed, reset_at=middle)
    np.testing.assert_array_equal(stalled.output, flowing.output)
    np.testing.assert_array_equal(again.output, flowing.output[:2])
    np.testing.assert_array_equal(simulate_bits(ops, pixels), flowing.output)
    return ops, flowing


def proven(model, pixels, seed: int, folder):
    """Hold a network's RTL against qonnx execution; its operators, and the run."""
    integers = lowered(model)
    scale, bias = checks.scale_and_bias(integers.output)
    ops, flowing = raced(bind(integers, scale, bias), pixels, seed, folder)

    wanted, got = np.moveaxis(np.float64(qonnx_scores_of(model, pixels)), 1, -1), flowing.output
    np.testing.assert_array_equal((scale * got[..., : len(scale)] + bias).reshape(wanted.shape), wanted)
    if got.shape[-1] > len(scale):
        np.testing.assert_array_equal(got[:, -1], wanted.reshape(len(wanted), -1).argmax(1))
    return ops, flowing


def with_adders(bound):
    """A matrix as adders, where it has such a form."""
    try:
        op = adders_of(bound.make_alone())
    except UserError:
        return bound
    return bound.by(op) if op else bound


def seeds(quick: int, every: int) -> list:
    """The first for `make test`; all, and one that no day before had, for `make test-full`."""
    later = [pytest.param(seed, marks=pytest.mark.full) for seed in range(quick, every)]
    return [*range(quick), *later, pytest.param(TODAY, marks=pytest.mark.full, id="today")]
