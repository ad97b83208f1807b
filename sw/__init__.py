"""Training: methods, tasks, networks, shipped weights."""
