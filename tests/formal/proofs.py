"""What is proved of which module, and the faults that each proof must find; `make formal` proves it.

The table is proofs.json. Parameters are as small as a module's cases allow; no property depends on the width
of data. Together they elaborate every branch of a module's generate blocks, but those in "unelaborated".
The modules of beats (expressions.py) follow, one of each kind."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from expressions import KINDS, proof_of
from op_examples import examples_of
from prove import HERE, Proof, main

TABLE = json.loads((HERE / "proofs.json").read_text())
PROOFS = tuple(Proof(**row) for row in TABLE["proofs"])

if __name__ == "__main__":
    with TemporaryDirectory() as name:
        beats = [proof_of(examples_of(kind)[at], Path(name)) for kind, at in KINDS.items()]
        main((*PROOFS, *beats))
