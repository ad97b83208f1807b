"""Gowin GW2A, GW2AR and GW2ANR."""
