"""Trained networks as files: one bit per binary weight, integers for other numbers, and a card with the
accuracy.

A folder contains
    weights.safetensors  for each binary layer `<layer>.weight.bits` (uint8; bit i of the row-major weights is
                         bit i % 8 of byte i // 8, 1 for +1). Every other number is an integer under its own
                         name, times 2^-`<name>.fraction` if that exists. One integer stands for a tensor of
                         equal values.
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
from xnorforge.sw.nn import binary, building_blocks, threshold_folding
from xnorforge.sw.training import runs

FILE = runs.WEIGHTS
FRACTION = 16  # most fraction bits of a number; a float32 that was not put on a grid needs more
CARD = {"net": str, "method": str, "hyper": dict, "accuracy": list}  # what `zoo.load` reads of a card


def packed_weights(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the tensors of a network with folded thresholds in the form of the file.

    Raises:
        UserError: a number is not on a binary grid that an int32 holds; it would be lost.
    """
    if not isinstance(network, building_blocks.Network):
        return _as_trained(network)
    tensors, binary_weights = {}, {f"{name}.weight" for name in binary.latents(network)}
    for name, tensor in _numbers(network).items():
        values = tensor.detach().double().numpy()
        if name in binary_weights:
            tensors[f"{name}.bits"] = _bits(values)
            continue
        integers, fraction = _integers(name, values)
        tensors[name] = integers
        if fraction:
            tensors[f"{name}.fraction"] = np.array([fraction], np.uint8)
    return tensors


def _as_trained(network: nn.Module) -> dict[str, np.ndarray]:
    """Return the tensors of a network that is deployed as it trained: float32, and bits where only the sign
    of a weight counts.
    """
    tensors = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    for name in _signed(network):
        tensors[f"{name}.bits"] = _bits(tensors.pop(name))
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def _bits(values: np.ndarray) -> np.ndarray:
    """Pack the signs of values, uint8 (values / 8,); 1 for +1."""
    return np.packbits((values >= 0).ravel(), bitorder="little")


def _signs(bits: np.ndarray, shape: torch.Size) -> torch.Tensor:
    """Return -1 and +1 in float32 from packed bits."""
    found = np.unpackbits(bits, count=shape.numel(), bitorder="little")
    return torch.from_numpy(found.astype(np.float32) * 2 - 1).reshape(shape)


def _signed(network: nn.Module) -> list[str]:
    """Return the names of the binary weights whose scale does not depend on them."""
    found = {name: binary.quantiser(layer) for name, layer in binary.binary_layers(network).items()}
    fixed = (type(None), ConstScaling, ParameterScaling)
    return [f"{name}.weight" for name, own in found.items() if isinstance(own.scaling_impl, fixed)]


def _numbers(network: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: tensor
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def _integers(name: str, values: np.ndarray) -> tuple[np.ndarray, int]:
    """Return integers of the smallest type, and the number of fraction bits with which they are the
    values.
    """
    flat = values.ravel()
    flat = flat[:1] if flat.size and (flat == flat[0]).all() else flat
    for fraction in range(FRACTION + 1):
        scaled = flat * 2.0**fraction
        if np.array_equal(scaled, np.round(scaled)):
            for kind in (np.int8, np.int16, np.int32):
                if np.array_equal(scaled, scaled.astype(kind)):
                    return scaled.astype(kind), fraction
    raise UserError(
        f"weights: {name} is neither a binary weight nor a multiple of 2^-16; deploy a network with folded "
        "thresholds."
    )


@torch.no_grad()
def unpack(network: nn.Module, tensors: dict[str, np.ndarray], where: str) -> nn.Module:
    """Fill a network of the right structure, in Brevitas layers, with packed tensors; return it in evaluation
    mode.

    Raises:
        UserError: a tensor is missing, unexpected, of another size than the network's, or not packed.
    """
    if not isinstance(network, building_blocks.Network):
        numbers = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
        for name in _signed(network):
            shape, bits = network.get_parameter(name).shape, numbers.pop(f"{name}.bits", None)
            if bits is not None and 8 * len(bits) >= shape.numel():
                numbers[name] = _signs(bits.numpy(), shape)
        try:
            network.load_state_dict(numbers)
        except RuntimeError as error:
            said = " ".join(str(error).split())[:200]
            raise UserError(f"{where}: was written for another network ({said}); train it again.") from error
        return network.eval()
    left = dict(tensors)

    def take(key: str, *sizes: int) -> np.ndarray:
        tensor = left.pop(key, None)
        if tensor is None or tensor.size not in sizes:
            found = "missing" if tensor is None else f"{tensor.size} values long"
            raise UserError(
                f"{where}: {key} is {found}, but the network needs {sizes[-1]} values; train it again."
            )
        packed, fraction = key.endswith((".bits", ".fraction")), key.endswith(".fraction")
        if tensor.dtype.kind not in "iu" or (packed and tensor.dtype != np.uint8):
            raise UserError(
                f"{where}: {key} has the type {tensor.dtype}, but weights are packed as "
                f"{'uint8' if packed else 'integers'}; train it again."
            )
        if fraction and tensor.max() > FRACTION:
            raise UserError(
                f"{where}: {key} is {tensor.max()}, but a number has at most {FRACTION} fraction bits; train "
                "it again."
            )
        return tensor.ravel()

    binary_weights = {f"{name}.weight" for name in binary.latents(network)}
    for name, tensor in _numbers(network).items():
        size = tensor.numel()
        if name in binary_weights:
            tensor.copy_(_signs(take(f"{name}.bits", -(-size // 8)), tensor.shape))
        else:
            fraction = int(take(f"{name}.fraction", 1)[0]) if f"{name}.fraction" in left else 0
            values = take(name, 1, size) * 2.0**-fraction
            tensor.copy_(torch.from_numpy(np.broadcast_to(values, size).reshape(tensor.shape).copy()))
    if left:
        raise UserError(
            f"{where}: contains {', '.join(sorted(left))}, which the network does not have; train it again."
        )
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.eps = threshold_folding.EPS
    return network.eval()


def save_weights(out_dir: Path, network: nn.Module, record: Record) -> Record:
    """Write weights and card.json, which is all that `zoo.load` needs; return the card.

    Args:
        network: with folded thresholds, or as it trained; the card says how its batch norms are stored.
        record: `net`, `method`, `hyper`, `accuracy`, and further content of the card.
    """
    tensors = packed_weights(network)
    content = save_tensors(tensors)
    bits = sum(latent.numel() for latent in binary.latents(network).values())
    file = {
        "name": FILE,
        "binary_weights": bits,
        "batch_norms": sorted({str(x.dtype) for name, x in tensors.items() if name.endswith("running_mean")}),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
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
