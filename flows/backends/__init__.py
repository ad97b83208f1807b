"""Back ends: one file per target, each turns a folded network into files of its own."""
