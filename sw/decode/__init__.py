"""The host's part of a task: converts a picture to the input of the accelerator, and its integers to boxes,
labels and tracks.

It uses only numpy and Pillow, neither torch nor hardware, so that simulation, the board's driver and the
demonstration decode the same integers with the same code.
"""
