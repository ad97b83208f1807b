"""Neurons that are tables of bits."""
