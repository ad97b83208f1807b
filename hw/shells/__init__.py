"""What stands between an accelerator and its system: one folder each."""
