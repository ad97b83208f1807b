"""The base of every other package: errors, artefacts, plug-ins, progress."""

VERSION = "0.2.0"  # pyproject.toml reads it; CITATION.cff and CHANGELOG.md are tested equal
