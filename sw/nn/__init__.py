"""Layers and blocks that networks are made of."""
