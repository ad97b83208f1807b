"""Lattice Nexus: CrossLink-NX."""
