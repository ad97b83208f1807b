"""Shells, which connect an accelerator to its system, one folder each."""
