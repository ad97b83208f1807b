"""What a user gets beside a bitstream: drivers in Python and in C99, which need nothing of this package."""
