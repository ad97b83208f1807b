"""Elements of a frame in an order of its own."""
