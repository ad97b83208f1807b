"""Gowin GW1N and GW1NR."""
