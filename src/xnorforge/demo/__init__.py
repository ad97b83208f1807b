"""Demonstration: the results of an accelerator, drawn into a user's own pictures and videos."""
