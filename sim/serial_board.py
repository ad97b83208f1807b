"""A board at the end of a serial line, called like the bit simulator of its network."""

import os
import select
import termios
import time
import tty
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper

from xnorforge.core.errors import UserError
from xnorforge.hw.ops.base import HwOp
from xnorforge.hw.shells import uart
from xnorforge.sim.bits import BLOCK, BitSimulator
from xnorforge.sim.loading import Loads
from xnorforge.sim.serial_line import conversation, frame_integers


class SerialBoard(BitSimulator):
    """The accelerator on a board: `run` sends each frame and reads its result before the next, until `close`.

    Args:
        folded: the folded graph that the board holds.
        port: the serial device, such as /dev/ttyUSB0.
        baud: of the line.
        patience: seconds without a byte after which an answer is missing.

    Attributes:
        frames: that were answered; `seconds` they took.

    Raises:
        UserError: no serial line of that speed; in `run`: an answer is missing, or its check is wrong.
    """

    def __init__(
        self, folded: ModelWrapper | Path | list[HwOp], port: str | Path, baud: int, patience: float = 5.0
    ):
        super().__init__(folded)
        self.port, self.patience = str(port), patience
        self.loads: Loads = ()
        self.frames, self.seconds = 0, 0.0
        speed = getattr(termios, f"B{baud}", None)
        if speed is None:
            raise UserError(f"PORT: this system has no serial line of {baud:,} baud; use another shell.baud.")
        with ExitStack() as opened:
            try:
                self.line: int = os.open(self.port, os.O_RDWR | os.O_NOCTTY)
                opened.callback(os.close, self.line)
                tty.setraw(self.line)
                settings = termios.tcgetattr(self.line)
                settings[4] = settings[5] = speed
                termios.tcsetattr(self.line, termios.TCSAFLUSH, settings)
            except (OSError, termios.error) as error:
                why = error.strerror if isinstance(error, OSError) else error.args[-1]
                raise UserError(
                    f"PORT: {self.port} cannot be used as a serial line ({why}); give the device of the "
                    "board's USB converter, such as /dev/ttyUSB0, to which you have access."
                ) from error
            self.close = opened.pop_all().close

    def load(self, ops: list[HwOp]) -> None:
        """Written before the next frame."""
        super().load(ops)
        self.loads = [(0, ops)]

    def run(
        self, images: np.ndarray, keep: Collection[str] = (), block: int = BLOCK, workers: int | None = None
    ) -> dict[str, np.ndarray]:
        """As of the bit simulator, which computes kept operators itself."""
        if keep:
            return super().run(images, keep, block, workers)
        start, results = time.monotonic(), []
        for request, size in conversation(self.ops, images, self.loads):
            answer = self._asked(request, size)
            if request[0] != uart.WRITE:
                results.append(answer)
            elif answer[0] != uart.DONE:
                raise UserError(f"{self.port}: the board refused a load of weights; reset it, try again.")
        self.loads = ()
        self.frames, self.seconds = self.frames + len(images), self.seconds + time.monotonic() - start
        data = np.frombuffer(b"".join(results), np.uint8)
        return {self.ops[-1].name: frame_integers(self.ops[-1].out_stream(), data)}

    def _asked(self, request: bytes, size: int) -> bytes:
        """The answer to a request, without its check; `size` bytes are to come with it."""
        reset = "reset the board, and load a bitstream of this build"
        while request:
            request = request[os.write(self.line, request) :]
        answer = b""
        while len(answer) < size:
            if not select.select([self.line], [], [], self.patience)[0]:
                raise UserError(
                    f"{self.port}: {len(answer)} of {size} bytes of an answer came in time; {reset}."
                )
            answer += os.read(self.line, size - len(answer))
        if uart.with_check(answer[: -uart.CHECK]) != answer:
            raise UserError(f"{self.port}: the check of an answer is wrong; {reset}.")
        return answer[: -uart.CHECK]
