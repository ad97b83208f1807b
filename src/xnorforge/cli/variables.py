"""What make says of a variable that it does not know.

python3 -m xnorforge.cli.variables 'board' 'NET BOARD …'
"""

import sys
from difflib import get_close_matches


def answer(given: str, known: list[str]) -> str:
    """One sentence with the nearest name.

    >>> answer("bord", ["BOARD", "NET"])
    "bord: no such variable; did you mean BOARD? `make help` lists all"
    """
    near = get_close_matches(given.upper(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? `make help` lists all" if near else "`make help` lists those there are"
    return f"{given}: no such variable; {hint}"


if __name__ == "__main__":
    print(answer(sys.argv[1].split()[0], sys.argv[2].split()))
