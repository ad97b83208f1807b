"""What a forward pass of any network shows about its layers: what they read, and what reads them."""

from dataclasses import dataclass

import torch
from torch import nn

from xnorforge.sw.nn import binary
from xnorforge.sw.nn.binary import AnyModule

NORMS = nn.BatchNorm1d, nn.BatchNorm2d


@dataclass
class Use:
    """One call of a layer.

    Attributes:
        name, layer: of the layer; kind: "weights" of any layer with weights, "binary" of one with binary
            weights, "act" of a binary activation.
        reads: shape of its input, without the batch; gives: of its output.
        size: if its input has values of one size only, or 0, that size; else 0.
        norm: name of the batch norm that reads its output, "" if another operation does.
    """

    name: str
    layer: AnyModule
    kind: str
    reads: tuple[int, ...]
    gives: tuple[int, ...]
    size: float
    norm: str = ""

    @property
    def bits(self) -> bool:
        """Whether the input is bits, with zeros where it is padded."""
        return self.size > 0


@torch.no_grad()
def uses(network: nn.Module, shape: tuple[int, ...]) -> list[Use]:
    """Calls of layers with weights and signs, in order, on an image of `shape` (raw pixels)."""
    found: list[Use] = []
    made: list[tuple[torch.Tensor, Use]] = []  # keeps the tensors, so that none takes another's place

    def watch(name: str, module: AnyModule, kind: str):
        def hook(_module, inputs, output):
            x, y = (torch.as_tensor(getattr(one, "value", one)) for one in (inputs[0], output))
            if isinstance(module, NORMS):
                for tensor, use in made:
                    if tensor is x and not use.norm:
                        use.norm = name
                return
            sizes = x.abs().unique()
            size = sizes[-1].item() if len(sizes[sizes > 0]) == 1 else 0.0
            found.append(Use(name, module, kind, tuple(x.shape[1:]), tuple(y.shape[1:]), size))
            made.append((y, found[-1]))

        return hook

    acts = {id(act) for act in binary.activations(network)}
    hooks = []
    for name, module in network.named_modules():
        weights = isinstance(module, (nn.Linear, nn.modules.conv._ConvNd))
        if weights or id(module) in acts or isinstance(module, NORMS):
            kind = "binary" if binary.is_binary(module) else "weights" if weights else "act"
            hooks.append(module.register_forward_hook(watch(name, module, kind)))
    mode, state = network.training, torch.get_rng_state()
    images = torch.randint(0, 256, (2, *shape), generator=torch.Generator().manual_seed(0))
    network.eval()(images.to(next(network.parameters()).device, torch.float32))
    network.train(mode)
    torch.set_rng_state(state)
    for hook in hooks:
        hook.remove()
    return found


def stage_ends(network: nn.Module, shape: tuple[int, ...]) -> list[tuple[str, int]]:
    """Return, for each size of map, name and channels of the last binary activation that reads sums."""
    found = uses(network, shape)
    first = next(at for at, use in enumerate(found) if use.kind != "act")
    ends = {use.reads[1:]: (use.name, use.reads[0]) for use in found[first:] if use.kind == "act"}
    return list(ends.values())
