"""Trained networks as files: one bit per weight, one integer per threshold, and a card that says what they are worth.

A folder holds
    weights.safetensors  for each layer `<layer>.bits` (uint8, bit i of the row-major weights is bit i % 8 of byte i // 8,
                         1 for +1); for each block `<block>.threshold` (int32, in half steps of the dot product's grid)
                         and `<block>.direction` (int8, -1 or +1), see `sw/snap.py`
    card.json            data, recipe, seed, accuracy per set, versions, hash of the weights; README.md says it in words
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from xnorforge import artifacts
from xnorforge.errors import UserError
from xnorforge.sw import binary, networks, snap

FILE = "weights.safetensors"


def pack(network: networks.Network) -> dict[str, np.ndarray]:
    """The tensors of a snapped network, as the file holds them.

    Raises:
        UserError: the network has numbers that are neither binary weights nor thresholds; they would be lost.
    """
    tensors, left = {}, set(network.state_dict())
    for name, latent in binary.latents(network).items():
        bits = (latent.detach().numpy() >= 0).ravel()
        tensors[f"{name}.bits"] = np.packbits(bits, bitorder="little")
        left.discard(f"{name}.weight")
    for name, block, grid in snap.thresholds_in(network):
        halves, directions = snap.read(block.norm, grid)
        tensors[f"{name}.threshold"] = halves.astype(np.int32)
        tensors[f"{name}.direction"] = directions.astype(np.int8)
        left -= {f"{name}.norm.{key}" for key in block.norm.state_dict()}
    if left:
        raise UserError(
            f"weights: {', '.join(sorted(left))} is neither a binary weight nor a threshold; deploy a network without it."
        )
    return tensors


@torch.no_grad()
def unpack(net: str, tensors: dict[str, np.ndarray], where: str) -> networks.Network:
    """The network in Brevitas layers, snapped, in evaluation mode.

    Raises:
        UserError: a tensor is absent, left over or of another size than the network's.
    """
    network = networks.build(net).eval()
    left = dict(tensors)

    def take(key: str, size: int) -> np.ndarray:
        tensor = left.pop(key, None)
        if tensor is None or tensor.size != size:
            found = "absent" if tensor is None else f"{tensor.size} long"
            raise UserError(f"{where}: {key} is {found}, {net} needs {size} values; train the network again.")
        return tensor

    for name, latent in binary.latents(network).items():
        bits = np.unpackbits(take(f"{name}.bits", -(-latent.numel() // 8)), count=latent.numel(), bitorder="little")
        latent.copy_(torch.from_numpy(bits.astype(np.float32) * 2 - 1).reshape(latent.shape))
    for name, block, grid in snap.thresholds_in(network):
        channels = block.norm.num_features
        halves = take(f"{name}.threshold", channels).astype(np.int64)
        snap.write(block.norm, halves, take(f"{name}.direction", channels).astype(np.int64), grid)
    if left:
        raise UserError(
            f"{where}: holds {', '.join(sorted(left))}, which {net} does not have; train the network again."
        )
    return network


def ship(out_dir: Path, network: networks.Network, accuracy: list[dict], record: dict) -> dict:
    """Write weights, card.json and README.md; returns the card.

    Args:
        network: snapped.
        accuracy: per set `set`, `images`, `correct`, `top1`, of this very network.
        record: what else the card says, see `docs/training.md`.
    """
    content = save_tensors(pack(network))
    bits = sum(latent.numel() for latent in binary.latents(network).values())
    file = {"name": FILE, "binary_weights": bits, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    tools = {name: version(name) for name in ("torch", "brevitas")}
    card = record | {"accuracy": accuracy, "weights": file, "tools": tools}
    out_dir.mkdir(parents=True, exist_ok=True)
    with artifacts.whole(out_dir / FILE) as aside:
        aside.write_bytes(content)
    artifacts.write_json(out_dir / "card.json", card)
    with artifacts.whole(out_dir / "README.md") as aside:
        aside.write_text(_words(card))
    return card


def load(folder) -> tuple[networks.Network, dict]:
    """The network of a folder and its card.

    Args:
        folder: a path or `importlib.resources` folder that `ship` wrote.

    Raises:
        UserError: a file is absent or cut off, or the weights are not those of the card.
    """
    try:
        card, content = json.loads((folder / "card.json").read_text()), (folder / FILE).read_bytes()
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: no weights can be read ({error}); train the network again.") from error
    found = hashlib.sha256(content).hexdigest()
    if found != card["weights"]["sha256"]:
        wanted = card["weights"]["sha256"]
        raise UserError(f"{folder}/{FILE}: SHA-256 is {found}, the card says {wanted}; restore both or train again.")
    return unpack(card["net"], load_tensors(content), f"{folder}/{FILE}"), card


def _words(card: dict) -> str:
    recipe, data = card["recipe"], card["data"]
    rows = "\n".join(
        f"| {a['set']} | {a['correct']:,} of {a['images']:,} | {a['top1']:.2f} % |" for a in card["accuracy"]
    )
    phases = ", ".join(f"{key} {value}" for key, value in recipe.items())
    return f"""---
license: apache-2.0
library_name: xnorforge
pipeline_tag: image-classification
tags: [binary-neural-network, fpga]
---
# {card["net"]}, method {card["method"]}

{card["weights"]["binary_weights"]:,} binary weights in {card["weights"]["bytes"]:,} bytes (`{FILE}`, one bit each, SHA-256 `{card["weights"]["sha256"]}`).

| images | right | accuracy |
|---|---|---|
{rows}

The figures are those of the network in this folder: batch norms snapped to integer thresholds, float32. One run, seed {card["seed"]}.
No choice was made by any of these images.

- trained on: {data["trained_on"]}; {data["varied"]}
- held out, to watch the training: {data["held_out"]} ({card["held_out_accuracy"]:.2%} before snapping)
- recipe: {phases}; threads {card["threads"]}
- command: `{card["command"]}`
- made with {", ".join(f"{name} {number}" for name, number in card["tools"].items())}
"""
