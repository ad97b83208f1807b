"""The one thing pyproject.toml cannot say: all packages of the four folders, by shipped name."""

from setuptools import find_packages, setup

found = find_packages(include=[p for f in ("hw", "sw", "flows", "sim") for p in (f, f"{f}.*")])
setup(packages=["xnorforge", *(f"xnorforge.{name}" for name in found)])
