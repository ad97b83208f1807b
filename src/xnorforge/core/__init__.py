"""The base of every other package: errors, artefacts, plug-ins, progress."""
