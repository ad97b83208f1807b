"""Match counts of the rows of two streams."""
