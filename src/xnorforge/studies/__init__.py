"""Comparisons across many builds or trainings: methods, costs, trade-offs, timing."""
