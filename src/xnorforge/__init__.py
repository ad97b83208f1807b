"""xnorforge: binary networks into proven gates."""

__version__ = "0.1.0"
