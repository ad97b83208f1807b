"""The operator library: contracts in Python, RTL, boards."""
