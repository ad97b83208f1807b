"""Back ends: one file or folder per target; each turns a folded network into its own output files."""
