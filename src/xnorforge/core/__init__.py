"""What every other package rests on: errors, artefacts, plug-ins, progress."""
