"""The host's side of a task: a picture into what the accelerator takes, its integers into boxes, labels and
tracks.

Nothing here knows torch or hardware: numpy and Pillow alone, so that simulation, the board's driver and the
demonstration decode the same integers with the same lines.
"""
