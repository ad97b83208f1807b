"""What was built before: a line per build, two builds side by side, all of them on one page."""
