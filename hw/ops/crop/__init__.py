"""Any order of a frame's elements."""
