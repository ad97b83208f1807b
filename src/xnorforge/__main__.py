"""The command line: `xnorforge`, or `python -m xnorforge`. The verbs stand in `cli/`, a file per group."""

import sys

from xnorforge.cli.main import cli, main

__all__ = ["cli", "main"]

if __name__ == "__main__":
    sys.exit(main())
