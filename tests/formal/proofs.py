"""What is proved of which module, and the faults that each proof must find; `make formal` proves it.

The table is proofs.json. Parameters are as small as a module's cases allow; no property depends on the width
of data. Together they elaborate every branch of a module's generate blocks, but those in "unelaborated".
"""

import json

from prove import HERE, Proof, main

TABLE = json.loads((HERE / "proofs.json").read_text())
PROOFS = tuple(Proof(**row) for row in TABLE["proofs"])

if __name__ == "__main__":
    main(PROOFS)
