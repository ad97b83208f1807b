"""The cycle model (`xnorforge.hw.cycles`) beside the RTL: what the stage `sim` compares and records."""
