"""The stages of a build: declared once, run again exactly when something they read has changed."""
