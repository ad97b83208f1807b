"""Many builds or trainings side by side: methods, costs, trade-offs, timing."""
