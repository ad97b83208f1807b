"""Lattice iCE40 UltraPlus."""
