"""Trained networks as files: a bit per binary weight, all other numbers, and a card with the accuracy.

A folder contains
    weights.safetensors  `<layer>.weight.bits` of weights of which only the sign counts (uint8; bit i of the
                         row-major weights is bit i % 8 of byte i // 8, 1 for +1). All other numbers of the
                         deployed network are under their own names: in float32, or whole ones in the smallest
                         integers.
    card.json            data, recipe, seed, accuracy per set, versions, hash of the weights, and the curve
"""

import hashlib
import json
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from brevitas.core.scaling import ConstScaling, ParameterScaling
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors
from torch import nn

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.limits import most
from xnorforge.core.types import Record
from xnorforge.sw.nn import binary
from xnorforge.sw.training import runs

FILE = runs.WEIGHTS
SMALL = "int8", "int16", "int32"
CARD = {"net": str, "method": str, "hyper": dict, "accuracy": list}  # what `zoo.load` reads of a card


def packed_weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the tensors of a deployed network in the form of the file."""
    numbers = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    signs = {name: numbers.pop(name) >= 0 for name in _signed(network)}
    bits = {f"{name}.bits": np.packbits(each.ravel(), bitorder="little") for name, each in signs.items()}
    return bits | {name: np.ascontiguousarray(_smallest(values)) for name, values in numbers.items()}


def _smallest(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest type that holds them; other numbers as they are."""
    whole = values.dtype.kind in "if" and np.array_equal(values, values.round())
    for kind in SMALL if whole else ():
        if ((np.iinfo(kind).min <= values) & (values <= np.iinfo(kind).max)).all():
            return values.astype(kind)
    return values


def _signs(bits: np.ndarray, shape: torch.Size) -> torch.Tensor:
    """Return -1 and +1 in float32 from packed bits."""
    found = np.unpackbits(bits, count=shape.numel(), bitorder="little")
    return torch.from_numpy(found.astype(np.float32) * 2 - 1).reshape(shape)


def _signed(network: nn.Module) -> list[str]:
    """Return the names of the binary weights whose scale does not depend on them."""
    found = {name: binary.quantiser(layer) for name, layer in binary.binary_layers(network).items()}
    fixed = (type(None), ConstScaling, ParameterScaling)
    return [f"{name}.weight" for name, own in found.items() if isinstance(own.scaling_impl, fixed)]


@torch.no_grad()
def unpack(network: nn.Module, tensors: dict[str, np.ndarray], where: str) -> nn.Module:
    """Fill a network with packed tensors, for evaluation; UserError if they are not its own."""
    learned = dict(network.named_parameters())
    own = learned | network.state_dict()  # which lacks a scale that is still to be found
    for name, tensor in tensors.items():
        kinds = (*SMALL, str(own[name].dtype).removeprefix("torch.")) if name in own else ["uint8"]
        if tensor.dtype not in kinds or (name in learned and not np.isfinite(tensor).all()):
            raise UserError(
                f"{where}: {name} has the type {tensor.dtype} or a number that is not finite, which training "
                "does not write; train it again."
            )
    numbers = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    for name in _signed(network):
        shape, bits = network.get_parameter(name).shape, numbers.pop(f"{name}.bits", None)
        if bits is not None and bits.dtype == torch.uint8 and bits.numel() == -(-shape.numel() // 8):
            numbers[name] = _signs(bits.numpy(), shape)
    try:
        network.load_state_dict(numbers)
    except RuntimeError as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{where}: was written for another network ({said}); train it again.") from error
    return network.eval()


def save_weights(out_dir: Path, network: nn.Module, record: Record) -> Record:
    """Write weights and card.json, which is all that `zoo.load` needs; return the card.

    Args:
        network: as it is deployed.
        record: `net`, `method`, `hyper`, `accuracy`, and further content of the card.
    """
    content = save_tensors(packed_weights(network))
    bits = sum(latent.numel() for latent in binary.latents(network).values())
    digest = hashlib.sha256(content).hexdigest()
    file = {"name": FILE, "binary_weights": bits, "bytes": len(content), "sha256": digest}
    card = record | {"weights": file, "tools": {name: version(name) for name in ("torch", "brevitas")}}
    out_dir.mkdir(parents=True, exist_ok=True)
    with artifacts.whole(out_dir / FILE) as aside:
        aside.write_bytes(content)
    artifacts.write_json(out_dir / "card.json", card)
    return card


def read_weights(folder: Any) -> tuple[Record, dict[str, np.ndarray]]:
    """Return the card of a folder and its tensors.

    Args:
        folder: a path, or a folder of `importlib.resources`, that `ship` wrote.

    Raises:
        UserError: a file is missing or truncated, or the weights are not those of the card.
    """
    try:
        for name in ("card.json", FILE):
            if (folder / name).exists() and not (folder / name).is_file():
                raise ValueError(f"{name} is not a regular file")
            if (folder / name).is_file() and os.path.getsize(str(folder / name)) > most("FILE_MB") << 20:
                raise ValueError(f"{name} has more than {most('FILE_MB'):,} MB")
        card, content = json.loads((folder / "card.json").read_text()), (folder / FILE).read_bytes()
        wanted = card["weights"]["sha256"]
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{folder}: the weights cannot be read ({error}); train the network again."
        ) from error
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{folder}/card.json: weights.sha256 is missing, so training did not write this file; train the "
            "network again."
        ) from error
    if wrong := [key for key, kind in CARD.items() if not isinstance(card.get(key), kind)]:
        raise UserError(
            f"{folder}/card.json: {wrong[0]} is {card.get(wrong[0])!r}, so training did not write this file; "
            "train the network again."
        )
    found = hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise UserError(
            f"{folder}/{FILE}: SHA-256 is {found}, but card.json has {wanted}; restore both or train again."
        )
    try:
        return card, load_tensors(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # the last three: an unknown type
        raise UserError(f"{folder}/{FILE}: is not a safetensors file ({error}); train again.") from error
