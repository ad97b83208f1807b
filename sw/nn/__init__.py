"""Layers, blocks and networks."""
