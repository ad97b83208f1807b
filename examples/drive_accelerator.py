"""Drive an accelerator from Python: first the bit simulator, then RTL simulation or a board.

    python examples/drive_accelerator.py            bit simulator, then RTL simulation
    python examples/drive_accelerator.py --board    in a copy of the overlay folder; needs a board

Simulation and board use the same driver, one Python file of the overlay that needs only numpy.
"""

import sys

import numpy as np

NETWORK, BOARD, FRAMES = "mnist-tfc", "pynq-z2", 8


def build():
    """Build the network up to its overlay: RTL, shell, description and drivers."""
    import xnorforge as xf
    from xnorforge.sw.datasets import mnist

    accelerator = xf.build(NETWORK, board=BOARD, until="overlay", pnr="off")
    print(accelerator)
    print(f"interval: {accelerator.figures['interval_bound']} cycles per frame, from the folding")

    # The bit simulator computes the integers of the RTL, at thousands of images per second.
    images, labels = mnist.shipped()  # uint8 (1000, 1, 28, 28)
    print(f"bit simulator: {(accelerator.predict(images) == labels).mean():.1%} of {len(images):,} digits")
    return accelerator, images


def simulated(folder):
    """The RTL of accelerator and shell, translated by Verilator to a library that the driver opens."""
    from xnorforge.hw.shells.dma.drivers.xnorforge_driver import Accelerator, Device
    from xnorforge.sim.shell import shell_library

    device = Device("sim", shell_library(folder), folder / "rtl")
    return Accelerator(folder / "overlay" / "overlay.json", device)


def on_the_board():
    """Copy the folder `overlay` to the board, with a bitstream, and run this file there. Needs a board."""
    from xnorforge_driver import Accelerator, Device

    return Accelerator("overlay.json", Device("pynq", bitstream="overlay.bit"))


def drive(network, images: np.ndarray) -> np.ndarray:
    """Send images through the hardware; its counters say how long that took."""
    network.reset()
    scores = network.predict(images)  # float64 (N, classes): the accelerator's integers times their scale
    counted = network.counters()
    print(f"{counted['frames_done']} frames in {counted['cycles']:,} cycles, classes {scores.argmax(1)}")
    return scores


if __name__ == "__main__":
    if "--board" in sys.argv:
        with np.load("examples.npz") as golden:  # images, and the scores of the trained network
            same = np.array_equal(drive(on_the_board(), golden["images"]), golden["scores"])
    else:
        accelerator, images = build()
        images = images[:FRAMES]
        same = np.array_equal(drive(simulated(accelerator.folder), images), accelerator.scores(images))
    print("scores of hardware and software are " + ("equal" if same else "DIFFERENT"))
    sys.exit(not same)
