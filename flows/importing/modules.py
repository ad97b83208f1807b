"""PyTorch and Brevitas modules as QONNX files: modules in memory, and modules in a user's own Python file."""

import importlib.util
import inspect
import sys
import warnings
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType

import torch
from torch import nn

from xnorforge.core.artifacts import whole
from xnorforge.core.errors import UserError

KEYS = 3  # names of weights that a message lists


def module_of(target: str) -> nn.Module:
    """The network that `file.py:Name` or `file.py` refers to; the file is executed.

    `Name` is a subclass of nn.Module that needs no arguments, a function that returns a module, or a module.
    Without `Name`, the file must have exactly one subclass of nn.Module that needs no arguments.

    Raises:
        UserError: no such file or name, several candidates, or the name does not give a module.
    """
    file, _, name = target.partition(":")
    path = Path(file)
    if not path.is_file() or path.suffix != ".py":
        raise UserError(
            f"{file}: no such Python file; give file.py:Name, the file and the class of the network in it."
        )
    code = _run(path)
    classes = [
        key for key, value in vars(code).items() if _is_network(value) and value.__module__ == path.stem
    ]
    if not name:
        simple = [key for key in classes if not _needed(getattr(code, key))]
        if len(simple) != 1:
            there = f"has {', '.join(simple)}" if simple else "has no nn.Module class without arguments"
            example = simple[0] if simple else "Name"
            raise UserError(f"{file}: {there}; name the network, as in {file}:{example}.")
        name = simple[0]
    found = getattr(code, name, None)
    if found is None:
        near = get_close_matches(name, classes, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(classes) or 'no networks'}."
        raise UserError(f"{file}: does not define '{name}'; {hint}")
    if isinstance(found, nn.Module):
        return found
    if not callable(found):
        raise UserError(
            f"{file}: '{name}' is not a network; name an nn.Module class or a function that returns a module."
        )
    if needed := _needed(found):
        raise UserError(
            f"{file}: {name} needs the arguments {', '.join(needed)}; give them defaults, or name a function "
            "that returns the network."
        )
    with _as_one_sentence(f"{file}: {name}() raised"):
        made = found()
    if not isinstance(made, nn.Module):
        raise UserError(
            f"{file}: {name} returns {type(made).__name__}, not an nn.Module; return the network."
        )
    return made


def _run(path: Path) -> ModuleType:
    """Run a file as a module; it can import from its folder."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    code = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))
    try:
        with _as_one_sentence(f"{path}: running it raised"):
            spec.loader.exec_module(code)
    finally:
        sys.path.pop(0)
    return code


def _is_network(value) -> bool:
    return isinstance(value, type) and issubclass(value, nn.Module)


def _needed(maker) -> list[str]:
    """Parameters without a default."""
    given = inspect.signature(maker).parameters.values()
    return [
        one.name
        for one in given
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]


@contextmanager
def _as_one_sentence(where: str):
    """Turn an exception of the user's own code into the reason of a UserError."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise UserError(f"{where} {type(error).__name__} ({said}); correct it and try again.") from error


def load_weights(module: nn.Module, path: Path) -> None:
    """Load weights into a module from a file of torch.save(module.state_dict()), or from a checkpoint that
    holds a state dict as "state_dict" or "model". No code from the file is executed.

    Raises:
        UserError: the file cannot be read, or its names or shapes differ from the module's; the text lists
            them.
    """
    try:
        given = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, ValueError, KeyError) as error:
        said = " ".join(str(error).split())[:120] or type(error).__name__
        raise UserError(
            f"{path}: not a weight file of torch.save ({said}); write it with torch.save(net.state_dict(), "
            f"'{path.name}')."
        ) from error
    if isinstance(given, dict):
        given = next(
            (given[key] for key in ("state_dict", "model") if isinstance(given.get(key), dict)), given
        )
    if not isinstance(given, dict) or not all(isinstance(key, str) for key in given):
        raise UserError(
            f"{path}: contains no state dict; write it with torch.save(net.state_dict(), '{path.name}')."
        )
    own = module.state_dict()
    wrong = {
        key: f"{key} is {_times(given[key].shape)}, but {_times(own[key].shape)} in the network"
        for key in own
        if key in given and hasattr(given[key], "shape") and given[key].shape != own[key].shape
    }
    lost = [key for key in own if key not in given]
    with _as_one_sentence(f"{path}: loading it raised"):
        # load_state_dict reports unknown names: state_dict() leaves out what Brevitas has not measured yet.
        fitting = {key: value for key, value in given.items() if key not in wrong}
        missing, strange = module.load_state_dict(fitting, strict=False)
    found = [f"the network does not have {_some(strange)}"] if strange else []
    found += [f"the file does not have {_some(lost)}"] if lost else []
    if found or wrong:
        raise UserError(
            f"{path}: not the weights of this network: {'; '.join([*found, *list(wrong.values())[:KEYS]])}; "
            "give weights that were trained with this class."
        )
    if missing:  # names that state_dict() leaves out of either module until they are measured
        raise UserError(
            f"{path}: does not have {_some(missing)}; Brevitas stores a measured scale only after 300 steps "
            "in training mode, so train at least that long."
        )


def _some(keys: list[str]) -> str:
    more = f" and {len(keys) - KEYS} more" if len(keys) > KEYS else ""
    return ", ".join(keys[:KEYS]) + more


def _times(shape) -> str:
    return "x".join(map(str, shape)) or "one number"


def export_module(module: nn.Module, shape: tuple[int, ...], path: Path) -> None:
    """Write a module in evaluation mode as QONNX; it takes float32 (1, *shape).

    Raises:
        UserError: the module does not accept such an input, or has a layer that Brevitas cannot export.
    """
    from brevitas.export import export_qonnx

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
    with warnings.catch_warnings(), _as_one_sentence(f"{name}: its export by Brevitas raised"):
        warnings.simplefilter("ignore")  # torch's tracer warns that it is not the new one
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as aside:
            export_qonnx(module, args=example, export_path=str(aside), dynamo=False)
