"""The training loop, its curves, checkpoints and weight files."""
