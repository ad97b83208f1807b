"""The number format that a training multiplies in: float32, or bfloat16 where that is faster.

Which one is faster depends on the network and the processor: bfloat16 gains on GPUs and on processors with
AMX, and loses on others that have instructions for it. So a training times its own steps in both.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import replace

import torch

from xnorforge.core.types import Record
from xnorforge.sw.networks.base import BFLOAT16, FASTEST, FLOAT32
from xnorforge.sw.training import distributed
from xnorforge.sw.training.summands import Summands

# Instructions that multiply bfloat16, as `torch.cpu.get_capabilities` names them (x86, then ARM). Without
# them torch emulates: a step of cifar10-cnv took 9.8 s and not 0.87 s.
INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
SECONDS, FEWEST, MOST = 2.0, 3, 50  # of timing, and its steps in each format
# bfloat16 rounds, so it must be worth it; and runs of a comparison should not differ by the noise of a clock.
GAIN = 1.05


def settle(run, settings: Record, saved: Record | None) -> None:
    """Set the run's format, and state it in the settings as `arithmetic`: what the recipe says, or what the
    checkpoint has, or the fastest.
    """
    if run.recipe.arithmetic == FASTEST:
        run.arithmetic = stated_settings(saved["settings"]) if saved else fastest_format(run)
    settings["arithmetic"] = run.arithmetic


def fastest_format(run) -> str:
    """Return the format in which a step of this run is faster; all ranks return the same."""
    if not has_bfloat16(run.device):
        return FLOAT32
    taken = step_seconds(run, time.perf_counter)
    return BFLOAT16 if taken[BFLOAT16] * GAIN < taken[FLOAT32] else FLOAT32


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device multiplies bfloat16 by itself."""
    known = torch.cpu.get_capabilities()
    return device.type != "cpu" or any(known.get(key) for key in INSTRUCTIONS)


def step_seconds(run, clock: Callable[[], float]) -> dict[str, float]:
    """Return the shortest time of a training step in each format, after about two seconds of steps.

    A copy of the run steps, always on the same batch and at a learning rate of 0; the run, its weights and
    all random generators stay as they are.
    """
    devices = [run.device] if run.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        network, method = copy.deepcopy((run.network, run.method))
        rng = torch.Generator().set_state(run.rng.get_state())
        trial = replace(run, network=network, method=method, rng=rng, summands=Summands())
        trial.sets, trial.phase = run.sets, method.phases(run.recipe)[0]
        method.begin(trial)
        trial.optimiser = method.optimiser(trial)
        for group in trial.optimiser.param_groups:
            group["lr"] = 0.0
        at = torch.arange(run.recipe.batch) % len(run.sets[0].images)
        given = distributed.local_slice(*run.task.sampler(run.sets[0], run.device)(at, rng))
        taken: dict[str, list[float]] = {FLOAT32: [], BFLOAT16: []}
        began, steps = time.perf_counter(), 0
        # The ranks average gradients in each step, so all make equally many.
        while steps <= FEWEST or (steps <= MOST and distributed.mean(time.perf_counter() - began) < SECONDS):
            for trial.arithmetic, times in taken.items():
                start = clock()
                method.step(trial, *given)
                times.append(clock() - start)
            steps += 1
    # The first step prepares kernels and memory.
    return {name: distributed.mean(min(times[1:])) for name, times in taken.items()}


def stated_settings(settings: Record) -> str:
    """Return the format of a checkpoint's settings, also of an older one."""
    if "arithmetic" in settings:
        return settings["arithmetic"]
    return BFLOAT16 if settings["recipe"].get("bf16") and has_bfloat16(torch.device("cpu")) else FLOAT32


def recipe_of_card(card: Record) -> Record:
    """Return the recipe of a card or checkpoint as `Recipe.stated` has it now; older ones say `bf16`."""
    found = dict(card["recipe"])
    if found.pop("bf16", True):
        return found
    return found | {"arithmetic": FLOAT32}
