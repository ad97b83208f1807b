"""Training that starts from another run: from the latents, norms and other numbers of its checkpoint, or from
the signs and thresholds of a shipped network.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from xnorforge.core.errors import UserError
from xnorforge.core.types import Record
from xnorforge.sw.methods.base import create
from xnorforge.sw.nn import binary
from xnorforge.sw.training import weights

REAL = "full precision"  # what `train-float` writes as the method of a run
# Mean size of latents that come from real weights or from signs: that of latents which start at random. The
# size of real weights says nothing about how far a sign is from turning.
SIZE = binary.LATENT_START / 2


def saved_run(folder: Path | str, device: torch.device | str = "cpu") -> Record:
    """The checkpoint of a run folder; UserError if it is missing or cannot be read."""
    path = Path(folder) / "checkpoint.pt"
    try:
        saved = torch.load(path, weights_only=True, map_location=device)
        _ = saved["network"], saved["settings"]["method"], saved["settings"]["net"]
    except Exception as error:  # a damaged file is answered in many ways
        raise UserError(
            f"{path}: cannot be read ({type(error).__name__}); give the folder of a run that contains "
            "checkpoint.pt."
        ) from error
    return saved


def is_real(folder: Path | str) -> bool:
    """Whether a run is one of `train-float`, with its checkpoint."""
    there = (Path(folder) / "checkpoint.pt").exists()
    return there and saved_run(folder)["settings"]["method"] == REAL


def _start(folder) -> tuple[Record, bool]:
    """Return `saved_run`, or the same made from weights without a checkpoint, and whether the size of latents
    says how far they are from changing sign."""
    folder = Path(folder)
    if (folder / "checkpoint.pt").exists() or not (folder / weights.FILE).exists():
        saved = saved_run(folder)
        return saved, saved["settings"]["method"] != REAL
    card, tensors = weights.read_weights(folder)
    skeleton = create(card["method"], card["hyper"]).skeleton(card["net"])
    network = weights.unpack(skeleton, tensors, f"{folder}/{weights.FILE}").state_dict()
    return {"network": network, "settings": card, "curve": range(card["recipe"]["epochs"])}, False


def _replaced(network: nn.Module, name: str) -> str:
    """Return the name that a tensor has in the network without the layers of a method. A module that stands
    for a layer states in `replaced` the name of its child, or list of children, that is like that layer, and
    where these are chains of several layers in `places` their names; so does a network whose parts moved."""
    part, path, listed, places = network, list[str](), False, getattr(network, "places", [])
    for step in name.split("."):
        skipped = step == getattr(part, "replaced", None)
        if places and not listed:
            path, places = [places[int(step)]], []
        elif not (skipped or listed):
            path.append(step)
        places = getattr(part, "places", []) if skipped else places
        part = getattr(part, step)
        listed = skipped and isinstance(part, nn.ModuleList)
    return ".".join(path)


def _sources(network: nn.Module, numbers: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor | None]:
    """Return by name the number of this name, or of the layer in whose place it is, which comes first if the
    numbers are those of another structure; None if there is neither."""
    alike = all(f"{name}.weight" in numbers for name in binary.latents(network))
    found = {}
    for name in network.state_dict():
        names = (name, _replaced(network, name))[:: 1 if alike else -1]
        found[name] = numbers.get(names[0], numbers.get(names[1]))
    return found


@torch.no_grad()
def copy_numbers(network: nn.Module, numbers: Mapping[str, torch.Tensor], sized: bool) -> None:
    """Copy numbers with the same names and shapes into a network; others are left unchanged.

    Args:
        sized: whether the size of latents says how far they are from changing sign. Otherwise they are scaled
            layer by layer to a mean size of `SIZE`.
    """
    latents = {f"{name}.weight" for name in binary.latents(network)}
    sources = _sources(network, numbers)
    for name, tensor in network.state_dict().items():
        found = sources[name]
        if found is None or found.shape != tensor.shape or name.endswith("num_batches_tracked"):
            continue
        if name in latents and not sized:
            found = found * (SIZE / found.abs().mean().clamp(min=1e-12))
        tensor.copy_(found.clamp(-1, 1) if name in latents else found)


def warm_start(network: nn.Module, folder: Path | str) -> str:
    """Copy the numbers of a run with the same names and shapes into a fresh network (`copy_numbers`), also
    where a method has put its own modules in the place of layers; all latents must be present. Those of the
    full-precision model (`train-float`) and signs are scaled.

    Args:
        network: of any method; changed in place.
        folder: the folder of the run with its checkpoint; else with weights and card, as in sw/shipped.

    Returns:
        The description of the run for the record: network, method, epochs and a hash of the numbers.

    Raises:
        UserError: there is no checkpoint, or it is of another network.
    """
    saved, sized = _start(folder)
    numbers, settings = saved["network"], saved["settings"]
    latents = {f"{name}.weight" for name in binary.latents(network)}
    own, sources = network.state_dict(), _sources(network, numbers)
    for name in sorted(latents):
        found = sources[name]
        if found is None or found.shape != own[name].shape:
            raise UserError(
                f"INIT: {folder} is a run of {settings['net']} with method {settings['method']}, but {name} "
                "of this network is missing there or has another size; give a run of the same network and "
                "structure."
            )
    copy_numbers(network, numbers, sized)
    content = b"".join(numbers[name].contiguous().numpy().tobytes() for name in sorted(numbers))
    epochs = len(saved.get("curve", ()))
    mark = hashlib.sha256(content).hexdigest()[:16]
    return f"{settings['net']}, {settings['method']}, {epochs} epochs, SHA-256 {mark}"
