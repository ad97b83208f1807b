"""A process of its own, with limits, for what runs a file from elsewhere.

A file may be small and ask for much: memory, time, or a division by zero inside a library. What runs such a
file runs in a child process with limits that the kernel keeps; what becomes of it is one sentence here.
"""

import json
import os
import resource
import signal
import subprocess
import sys
from importlib import import_module

from xnorforge.core.errors import MismatchError, UserError
from xnorforge.core.limits import most
from xnorforge.core.progress import STEP
from xnorforge.pipeline.job import answered, end_with


def run_limited(call: str, what: str, **arguments) -> None:
    """Call a function in a child process that has the memory and the processor time of the limits.

    Args:
        call: "module:function"; what: named in sentences, as the file that is run.
        arguments: of the function, such as JSON holds.

    Raises:
        UserError, MismatchError: the function's own, or that the process needed more than it has, or that a
            library ended it.
    """
    memory, seconds = most("MEMORY_MB"), most("SECONDS")
    command = [sys.executable, "-m", __name__, call, json.dumps(arguments)]
    limits = {resource.RLIMIT_DATA: memory << 20, resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    said = ""
    with subprocess.Popen(
        [*command, json.dumps([[kind, limit] for kind, limit in limits.items()]), str(os.getpid())],
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:  # the last one is held back, as it may be an error's; a step is none
            step = line.endswith(f"{STEP}\n")
            sys.stderr.write(said + line if step else said)
            sys.stderr.flush()
            said = "" if step else line
    code = child.returncode
    if code == 0:
        sys.stderr.write(said)
    elif code in (1, 2):
        raise (UserError if code == 2 else MismatchError)(
            said.strip() or f"{what}: ended without a message; run it again with -v."
        )
    elif code == 4:
        raise OSError(*json.loads(said))  # a full disk, say: the stage has the sentence for it
    elif code == -signal.SIGXCPU:
        raise UserError(
            f"{what}: running it takes more than {seconds:,} s of processor time; give a smaller network, or "
            "raise XNORFORGE_MAX_SECONDS."
        )
    elif code == 3 or code == -signal.SIGKILL:
        raise UserError(
            f"{what}: running it takes more than {memory:,} MB of memory; give a smaller network, or raise "
            "XNORFORGE_MAX_MEMORY_MB."
        )
    elif code == 130 or code == -signal.SIGINT:
        raise KeyboardInterrupt
    else:
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        raise UserError(
            f"{what}: a library that runs it was ended by {ended}; "
            "check the file with onnx.checker, and export it again."
        )


def _limit_and_call(call: str, arguments: str, limits: str, parent: str) -> int:
    """The child's side: exit code 0, 1 or 2 as everywhere, 3 where memory ran out, 4 for an OSError."""
    end_with(int(parent))
    for kind, limit in json.loads(limits):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (limit if hard < 0 else min(limit, hard), hard))
    module, _, function = call.partition(":")
    try:
        return answered(lambda: getattr(import_module(module), function)(**json.loads(arguments)))
    except MemoryError:
        return 3
    except OSError as error:
        print(json.dumps([error.errno, error.strerror]), file=sys.stderr, flush=True)
        return 4


if __name__ == "__main__":
    sys.exit(_limit_and_call(*sys.argv[1:]))
