"""PyTorch and Brevitas modules as QONNX files."""

from pathlib import Path

import torch
from torch import nn

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError, as_one_sentence, shortened
from xnorforge.flows.export import by_brevitas

KEYS = 3  # names of weights that a message lists


def load_weights(module: nn.Module, path: Path) -> None:
    """Load weights into a module from a file of torch.save(module.state_dict()), or from a checkpoint that
    holds a state dict as "state_dict" or "model". No code from the file is executed.

    Raises:
        UserError: the file cannot be read, or names or shapes differ from the module's; the text lists them.
    """
    try:
        if path.exists() and not path.is_file():
            raise OSError("not a regular file")
        given = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a foreign pickle may raise any
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(
            f"{path}: not a weight file of torch.save ({said}); write it with torch.save(net.state_dict(), "
            f"'{path.name}')."
        ) from error
    if isinstance(given, dict):
        inside = (given.get(key) for key in ("state_dict", "model"))
        given = next((one for one in inside if isinstance(one, dict)), given)
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise UserError(
            f"{path}: contains no state dict; write it with torch.save(net.state_dict(), '{path.name}')."
        )
    own = module.state_dict()
    both = {key: given[key].shape for key in own if key in given and hasattr(given[key], "shape")}
    wrong = {key: shape for key, shape in both.items() if shape != own[key].shape}
    wrong = {k: f"{k} is {_times(a)}, but {_times(own[k].shape)} in the network" for k, a in wrong.items()}
    lost = [key for key in own if key not in given]
    with as_one_sentence(f"{path}: loading it raised"):
        # load_state_dict reports unknown names: state_dict() leaves out what Brevitas has not measured yet.
        fitting = {key: value for key, value in given.items() if key not in wrong}
        missing, strange = module.load_state_dict(fitting, strict=False)
    found = [f"the network does not have {shortened(strange, KEYS)}"] if strange else []
    found += [f"the file does not have {shortened(lost, KEYS)}"] if lost else []
    if found or wrong:
        raise UserError(
            f"{path}: not the weights of this network: {'; '.join([*found, *list(wrong.values())[:KEYS]])}; "
            "give weights that were trained with this class."
        )
    if missing:  # names that state_dict() leaves out of either module until they are measured
        raise UserError(
            f"{path}: does not have {shortened(missing, KEYS)}; Brevitas stores a measured scale only after "
            "300 steps in training mode, so train at least that long."
        )


def _times(shape) -> str:
    return "x".join(map(str, shape)) or "one number"


def export_module(module: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write a module in evaluation mode as QONNX; it takes float32 (1, *shape).

    Raises:
        UserError: the module does not accept such an input, or has a layer that Brevitas cannot export.
    """
    module = module.cpu().eval()
    name, example = type(module).__name__, torch.zeros(1, *shape)
    try:
        with torch.no_grad():
            module(example)
    except Exception as error:
        said = " ".join(str(error).split())[:160]
        raise UserError(
            f"{name}: it does not accept an input of {_times(shape)} ({said}); give the shape of one "
            "image without the batch, such as 3x32x32."
        ) from error
    with as_one_sentence(f"{name}: its export by Brevitas raised"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as aside:
            by_brevitas(module, shape).save(str(aside))
