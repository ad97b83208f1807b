"""Compiling: export, lower, fold, generate, synth, report."""
