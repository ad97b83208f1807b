"""The training loop for any method, task and network; it can be interrupted at any time and resumes.

A run folder contains
    checkpoint.pt   after each epoch: everything the next step depends on, including random generators
    curve.csv       per epoch: loss, accuracy on held-out images, share of weight signs that differ from the
                    start, and the summands of the loss if it has several (`sw/training/summands.py`)
    curve.svg       the same as a plot (`sw/training/curves.py`), at the end
    weights.safetensors, card.json   at the end (`sw/training/weights.py`): the network and its card
"""

import csv
import io
import math
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError
from xnorforge.core.networks import folder_name, is_given
from xnorforge.core.progress import progress, say
from xnorforge.core.types import Record
from xnorforge.sw import networks
from xnorforge.sw.methods.base import Method, Phase, create, squared_hinge
from xnorforge.sw.networks.base import BFLOAT16, BY_DEVICE, FLOAT32, Recipe
from xnorforge.sw.nn import binary, building_blocks
from xnorforge.sw.nn.binary import AnyModule
from xnorforge.sw.tasks.base import Ahead, Images, Task, main_figure, task_of
from xnorforge.sw.training import captured, curves, recipes, warm_start, weights
from xnorforge.sw.training.summands import LEAST, MOVE, MOVED, Summands, largest_terms

# settings that a card leaves out
USUAL = {"ranks": 1, "device": "cpu", "recipe_name": recipes.OURS, "init": "none"}
BEFORE = Phase("before the first phase", 0, 0.0)
ON_GRID = 20  # one epoch in 20, the last ones, trains with the constants of `Affine2d` on their grid


@dataclass
class Run:
    """What a method sees of training; `phase`, `optimiser`, `epoch` (of the phase) change."""

    net: str
    task: Task
    recipe: Recipe
    method: Method
    network: nn.Module
    rng: torch.Generator
    out_dir: Path = Path()
    device: torch.device = field(
        default_factory=lambda: torch.device("cuda" if torch.cuda.is_available() else "cpu")
    )
    phase: Phase = BEFORE
    optimiser: Any = None  # of the phase
    epoch: int = 0
    summands: Summands = field(default_factory=Summands)  # of the epoch
    arithmetic: str = ""  # float32 or bfloat16; by default the recipe's, or that of the device

    def __post_init__(self) -> None:
        asked = self.recipe.arithmetic
        self.arithmetic = self.arithmetic or (format_of(self.device) if asked == BY_DEVICE else asked)
        network: AnyModule = self.network
        network.to(self.device, memory_format=self.layout)  # of all overloads torch states but this

    @cached_property
    def layout(self) -> torch.memory_format:
        """Channels last, which is faster, but for a network that oneDNN cannot train so: with AVX2 and no
        AVX-512 it writes past the gradient of a strided 1x1 convolution of fewer than 8 channels."""
        unsafe = any(
            isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1) and max(layer.stride) > 1
            and layer.in_channels < 8
            for layer in self.network.modules()
        )  # fmt: skip
        return torch.contiguous_format if unsafe else torch.channels_last

    def autocast(self) -> torch.autocast:
        """Return the context in which networks train."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.arithmetic == BFLOAT16)

    @cached_property
    def sets(self) -> tuple[Images, Images]:
        """The images to train on, and the held-out images."""
        return sets_of(self.task, self.recipe)

    @cached_property
    def latents(self) -> dict[str, nn.Parameter]:
        """The latent weights by layer name; they stay the same objects for the whole run."""
        return binary.latents(self.network)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return scores (float32) of uint8 images, computed as in training."""
        images = images.to(self.device, torch.float32)
        if images.dim() == 4:
            images = images.contiguous(memory_format=self.layout)
        with self.autocast():
            return self.network(images).float()

    def loss(self, scores: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the recipe's loss of float32 scores."""
        return squared_hinge(scores, labels) if self.recipe.loss != "task" else self.task.loss(scores, labels)

    def state(self) -> Record:
        """Return everything the next step depends on."""
        return {
            "network": binary.state_of(self.network), "optimiser": self.optimiser.state_dict(),
            "method": self.method.state(), "rng": self.rng.get_state(), "torch_rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state() if self.device.type == "cuda" else None,
        }  # fmt: skip

    def restore(self, state: Record) -> None:
        """Continue from the result of `state`; the caller restores the optimiser."""
        binary.load_state(self.network, state["network"])
        self.method.load_state(state["method"])
        self.rng.set_state(state["rng"])
        torch.set_rng_state(state["torch_rng"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda_rng"].cpu())


def format_of(device: torch.device) -> str:
    """Return the number format in which a device multiplies where the recipe leaves it open."""
    return BFLOAT16 if device.type == "cuda" else FLOAT32


def _started(network: nn.Module, start: float) -> nn.Module:
    """The network with latent weights uniform up to `start`, or as they are."""
    for latent in binary.latents(network).values() if start else ():
        nn.init.uniform_(latent, -start, start)
    return network


def sets_of(task: Task, recipe: Recipe) -> tuple[Images, Images]:
    """Return the images to train on by a recipe, and the held-out images."""
    if recipe.loss != "task" and not task.classifies:
        raise UserError(f"RECIPE: loss={recipe.loss} is for classes, which this task has not; leave it out.")
    training, held_out = task.train_sets()
    training = training.first(recipe.images)
    return training.apart(recipe.fold) if recipe.fold else (training, held_out)


def train(
    net: str, method: str, out_dir: Path | str, epochs: int | None = None, seed: int = 0, threads: int = 1,
    hyper: Mapping[str, object] | None = None, lr: float | None = None, recipe: str = recipes.OURS,
    init: str | None = None,
) -> Record:  # fmt: skip
    """Train a network, or resume, and write its weights and card into `out_dir`; return the card.

    Args:
        net, method: names, see `networks.names()` and `plugins.names("sw.methods")`.
        out_dir: the run folder; a checkpoint in it is resumed.
        epochs: number of epochs, fixed before the first step; default: the recipe's.
        seed: of the initial weights, the order of images and their variation.
        threads: threads of torch; the last bits of sums, and so the result, depend on them.
        hyper: hyper-parameters of the method that are not its defaults.
        lr: largest learning rate; default: the recipe's.
        recipe: name of the recipe, and what differs from it (`recipes.recipe_of`).
        init: a run folder to start from (`warm_start.warm_start`); one of `train-float` is also the guide of
            a method that would train its own.

    Raises:
        UserError: an unknown name, no training images, or a run with other settings in `out_dir`.
    """
    task = task_of(net)
    chosen = create(method, hyper)
    if init and chosen.WANTS_GUIDE and asdict(chosen)["guide"] == "none" and warm_start.is_real(init):
        chosen = replace(chosen, guide=str(init))
    given: dict[str, Any] = {"epochs": epochs, "lr": lr}
    given = {key: value for key, value in given.items() if value is not None}
    taken = replace(recipes.recipe_of(net, chosen, recipe), **given)
    settings = {"net": net, "method": method, "hyper": asdict(chosen), "seed": seed, "threads": threads}
    settings["recipe"] = taken.stated()
    if recipe != recipes.OURS:
        settings["recipe_name"] = recipe
    if stamp := task.stamp():
        settings["pictures"] = stamp["pictures"]
    task.move_by(taken.shift)
    sets = sets_of(task, taken)
    if len(sets[0].images) < taken.batch:  # few pictures are one batch
        taken = replace(taken, batch=len(sets[0].images))
        settings["recipe"] = taken.stated()

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    network = _started(chosen.build(net), taken.start)
    if init:
        settings["init"] = f"{init}: {warm_start.warm_start(network, init)}"
        chosen.warm_started(network)
    run = Run(net, task, taken, chosen, network, torch.Generator().manual_seed(seed), Path(out_dir))
    run.sets = sets
    if run.device.type == "cuda":
        settings["device"] = "cuda"
    curve = fit(run, settings)
    for term, (value, layer) in largest_terms(curve).items():
        if term not in (MOVED, MOVE) and value < LEAST:
            say(
                f"{net}, {method}: {term} is at most {value:.2g} of the task's gradient, in {layer}; below "
                f"{LEAST:g} it does nothing, so give it a larger weight."
            )
    network = task.prepared(chosen.deploy(net, run.network.cpu()))
    record = settings | {
        "hyper": asdict(chosen), "command": _command(settings, task.data_option),
        "curve": curves.points(curve), **describe_run(run, network),
    }  # fmt: skip
    shown = [sets[1]] if taken.fold else task.test_sets()
    record["accuracy"] = [stated(network, images, task) for images in shown]
    card = weights.save_weights(run.out_dir, network, record)
    curves.draw_run(curve, card, run.out_dir)
    return card


def fit(run: Run, settings: Record) -> list[Record]:
    """Train, and update the statistics of batch norms if the task asks. Return the curve, a row per epoch.

    Raises:
        UserError: the loss is not finite, or the folder contains a run with other settings.
    """
    saved = _saved(run.out_dir / "checkpoint.pt", run.device)
    if saved and run.recipe.arithmetic == BY_DEVICE:  # a resumed run keeps its format
        run.arithmetic = saved["settings"].get("arithmetic", run.arithmetic)
    settings["arithmetic"] = run.arithmetic
    if saved:
        _refuse_other(run.out_dir / "checkpoint.pt", settings, saved["settings"])
    # a graph is captured in a stream of its own
    with torch.cuda.stream(torch.cuda.Stream()) if run.device.type == "cuda" else nullcontext():
        curve = _loop(run, settings, saved)
    if (pictures := run.task.calibration_images(run.sets[0])) is not None:
        calibrate(run.network, pictures, run.recipe.batch)
    return curve


def describe_run(run: Run, network: nn.Module) -> Record:
    """Return what a card says about a finished run: the pictures, and the accuracy on the held-out ones."""
    training, held_out = run.sets
    sets = {"trained_on": training.what, "held_out": held_out.what, "varied": run.task.recipe_words}
    right = evaluate_network(network, held_out, run.task)
    return {"data": sets | run.task.stamp(), "held_out_accuracy": right}


def _loop(run: Run, settings: Record, saved: Record | None = None) -> list[Record]:
    """Run all phases and epochs, or those after a checkpoint. Return the curve, one row per epoch."""
    training, held_out = run.sets
    start = {name: weight >= 0 for name, weight in run.latents.items()}
    sample, count = run.task.sampler(training, run.device), len(training.images)
    curve, seconds, cpu_seconds = [], 0.0, 0.0
    steps = captured.Steps(run)
    if saved:
        curve, seconds, cpu_seconds = saved["curve"], saved.get("seconds", 0.0), saved.get("cpu_seconds", 0.0)
        run.restore(saved)
    plan = [(phase, epoch) for phase in run.method.phases(run.recipe) for epoch in range(phase.epochs)]
    for phase, run.epoch in plan[len(curve) :]:
        if phase is not run.phase:
            run.phase = phase
            run.method.begin(run)
            run.optimiser = run.method.optimiser(run)
            if saved and run.epoch:
                run.restore(saved)
                run.optimiser.load_state_dict(saved["optimiser"])
                for group in run.optimiser.param_groups:  # of a run that went on from a GPU
                    group |= {"lr": phase.lr, "capturable": False} if "capturable" in group else {}
        on_grid = len(curve) >= len(plan) - max(1, len(plan) // ON_GRID)
        building_blocks.set_on_grid(run.network, on_grid)
        began, cpu_began, run.summands = time.perf_counter(), time.process_time(), Summands()
        loss = _epoch(run, partial(steps, key=(phase, on_grid)), sample, count)
        run.method.on_epoch(run)
        if not all(part.isfinite().all() for part in run.network.parameters()):
            raise _diverged(run, "a weight is not finite after the steps")
        row = {"epoch": len(curve) + 1, "phase": phase.name, "loss": round(loss, 5)}
        row["held_out_accuracy"] = round(evaluate_network(run.network, held_out, run.task), 5)
        for name, weight in run.latents.items():
            row[f"flipped {name}"] = round(((weight >= 0) != start[name]).float().mean().item(), 5)
        curve.append(row | run.summands.row())
        seconds += time.perf_counter() - began
        cpu_seconds += time.process_time() - cpu_began
        with whole(run.out_dir / "checkpoint.pt") as aside:
            times = {"seconds": seconds, "cpu_seconds": cpu_seconds, "machine": _machine(run)}
            torch.save({"settings": settings, "curve": curve, **times, **run.state()}, aside)
        _write_curve(run.out_dir / curves.TABLE, curve)
        spent = f"{time.perf_counter() - began:.0f} s"
        summary = f"loss {loss:.4f}, held-out {row['held_out_accuracy']:.2%}, {spent}"
        say(f"{run.net} {phase.name} epoch {row['epoch']}/{len(plan)}: {summary}")
    return curve


def _epoch(run: Run, step: Callable[..., float], sample: Callable, count: int) -> float:
    """Make the recipe's passes over `count` images, in whole batches; return the mean loss."""
    count *= run.recipe.passes
    batch, steps = run.recipe.batch, max(1, int(count * run.phase.share / run.recipe.batch))
    order, total = torch.randperm(count, generator=run.rng) % (count // run.recipe.passes), 0.0
    title = f"{run.net} {run.phase.name} {run.epoch + 1}/{run.phase.epochs}"
    with progress(title, steps, "batches") as advance:
        for at, given in enumerate(_batches(sample, order[: steps * batch].split(batch), run.rng)):
            now = run.epoch * steps + at
            rate = run.phase.lr * min(1, (now + 1) / run.recipe.warmup)
            for group in run.optimiser.param_groups:
                part = now / (run.phase.epochs * steps)
                captured.set_rate(group, rate * run.recipe.rate_at(part) * group.get("rate", 1))
            loss = step(*given)
            if not math.isfinite(loss):
                raise _diverged(run, f"the loss is not finite in step {at + 1} of {steps}")
            total += loss
            advance()
    return total / steps


def _diverged(run: Run, what: str) -> UserError:
    kind = type(run.method).__module__.rpartition(".")[2]
    return UserError(
        f"{run.net}, {kind}: {what} of epoch {run.epoch + 1} of phase {run.phase.name}; the "
        f"checkpoint of the epoch before is kept, so try a learning rate below {run.recipe.lr:g} (--lr)."
    )


def _batches(sample: Callable, order: Iterable[torch.Tensor], rng: torch.Generator) -> Iterator[tuple]:
    """Each batch; an `Ahead` makes the next one while this one trains."""
    if not isinstance(sample, Ahead):
        yield from (sample(at, rng) for at in order)
        return
    waiting = None
    for at in order:
        waiting, ready = sample.ahead(at, rng), waiting
        if ready:
            yield ready.result()
    if waiting:
        yield waiting.result()


@torch.no_grad()
def calibrate(network: nn.Module, images: np.ndarray, batch: int) -> None:
    """Set batch norms' statistics to means over uint8 batches, but for norms on their grid."""
    every = [part for part in network.modules() if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d))]
    settled = [norm for norm in every if not getattr(norm, "on_grid", False)]
    norms: dict[AnyModule, float | None] = {norm: norm.momentum for norm in settled}
    for norm in norms:
        # Statistics start from the first batch, but stay until then: 8-bit weights are scaled by them
        # (`sw/nn/mixed_precision.py`).
        norm.num_batches_tracked.zero_()
        norm.momentum = None
    network.train()
    device = next(network.parameters()).device
    for at in range(0, len(images), batch):
        network(torch.from_numpy(images[at : at + batch].copy()).to(device, torch.float32))
    for norm, momentum in norms.items():
        norm.momentum = momentum


@torch.no_grad()
def scores(network: nn.Module, images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Scores of uint8 images, float32 (N, classes), in evaluation mode; the mode is restored."""
    mode = network.training
    network.eval()
    device = next(network.parameters()).device
    found = [
        network(torch.from_numpy(images[at : at + batch].copy()).to(device, torch.float32)).cpu()
        for at in range(0, len(images), batch)
    ]
    network.train(mode)
    return torch.cat(found).numpy()


def evaluate_network(network: nn.Module, images: Images, task: Task) -> float:
    """Return the task's main figure, 0..1; for classes, the share of images with the right one."""
    return main_figure(stated(network, images, task, intervals=False))


def stated(network: nn.Module, images: Images, task: Task, intervals: bool = True) -> Record:
    """Return accuracy as a card states it: which images, how many, and the task's figures."""

    def run(given, exemplar=None):
        if exemplar is not None:
            task.learn(network, exemplar)
        return scores(network, given, 100)

    return {"set": images.what, **task.judged(run, images, intervals)}


def _command(settings: Record, data_option: str = "") -> str:
    """The command that makes the same weights for `make build`; the recipe is in the source."""
    net, method = settings["net"], settings["method"]
    named = f"{net.partition('-')[2]} --task {net.partition('-')[0]}" if is_given(net) else net
    command = f"python -m xnorforge train {named} --method {method}"
    defaults = asdict(create(method))
    for key, value in settings["hyper"].items():
        command += f" --set {key}={value}" if value != defaults[key] else ""
    command += f" --epochs {settings['recipe']['epochs']} --seed {settings['seed']}"
    lr = settings["recipe"]["lr"]
    command += f" --lr {lr}" if lr != networks.recipe(net).lr else ""
    recipe = settings.get("recipe_name", recipes.OURS)
    if "arithmetic" in settings and "arithmetic" not in settings["recipe"]:  # the device decided it
        recipe += f",arithmetic={settings['arithmetic']}"
    command += f" --recipe {shlex.quote(recipe)}" if recipe != recipes.OURS else ""
    command += f" --init {shlex.quote(settings['init'].partition(': ')[0])}" if "init" in settings else ""
    command += f" --threads {settings['threads']}" if settings["threads"] != 1 else ""
    if data_option:  # the run's folder has its name from the pictures
        return f"{command} {data_option}"
    return f"{command} -o out/{folder_name(net)}{'' if method == 'ste' else f'-{method}'}/train"


def _machine(run: Run) -> str:
    """Return the name of the machine on which epochs are timed."""
    if run.device.type == "cuda":
        return torch.cuda.get_device_name(run.device)
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(": ")[2] for line in lines if "model name" in line]
    return f"{names[0].strip() if names else 'a CPU'}, threads: {torch.get_num_threads()}"


def _saved(path: Path, device: torch.device) -> Record | None:
    """Return the checkpoint, if there is one."""
    if not path.exists():
        return None
    # The first process wrote it; what lay on its GPU goes to this one's.
    try:
        return torch.load(path, weights_only=True, map_location={"cuda:0": str(device)})
    except Exception as error:  # a damaged file is answered in many ways
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}); remove it to train from scratch."
        ) from error


def _refuse_other(path: Path, settings: Record, saved: Record) -> None:
    """Raise if a checkpoint has other settings than those requested. A run may go on on another device; the
    settings then name all its devices."""
    devices = saved.get("device", USUAL["device"]).split(", ")
    now = settings.get("device", USUAL["device"])
    if [*devices, now] != ["cpu", "cpu"]:
        settings["device"] = ", ".join(dict.fromkeys([*devices, now]))
    saved = saved | {key: settings[key] for key in ("device", "recipe_name") if key in settings}
    for key in dict.fromkeys([*settings, *saved]):
        value, there = (which.get(key, USUAL.get(key)) for which in (settings, saved))
        if there != value:
            raise UserError(
                f"{path}: contains a run with {key} {there}, but {value} is requested; "
                "use the same settings or another folder."
            )


def _write_curve(path: Path, curve: list[Record]) -> None:
    text = io.StringIO()
    columns = dict.fromkeys(key for row in curve for key in row)  # phases may have other summands
    writer = csv.DictWriter(text, list(columns), restval="")
    writer.writeheader()
    writer.writerows(curve)
    with whole(path) as aside:
        aside.write_text(text.getvalue())
