"""Absolute values: |x| of every element."""
