"""Earlier builds: one line per build, two builds compared, all builds on one page."""
