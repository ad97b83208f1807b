"""Write the hashes of requirements.lock, and a software bill of materials from it, out/sbom.json (CycloneDX).

A pin may be edited or added as NAME==VERSION. The files are those of PyPI and of pip's find-links, for Linux
on x86-64 and Python 3.11 to 3.13. On PATH: `uv`, and `cyclonedx-py` of the package cyclonedx-bom.
"""

import os
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK, BILL = ROOT / "requirements.lock", ROOT / "out/sbom.json"
# name-version-python-abi-platform.whl
FITS = re.compile(
    r"-(?:[\w.]*py3|cp311|cp312|cp313|cp3\d+(?=-abi3))-\w+-(?:any|[\w.]*linux_?[\d_]*x86_64)[\w.]*\.whl$"
)
ALL = re.compile(r"-(?:[\w.]*py3-none|cp3\d+-abi3)-")  # one wheel for every Python


def hashes() -> dict[str, list[str]]:
    """{name: sha256 of each file that may be installed}; of the sources only where a wheel is missing."""
    # fmt: off
    command = ["uv", "pip", "compile", str(LOCK), "--no-deps", "--universal", "--python-version", "3.11",
               "--format", "pylock.toml", "--quiet", "--index-strategy", "unsafe-best-match"]
    # fmt: on
    command += [f"--find-links={where}" for where in os.environ.get("PIP_FIND_LINKS", "").split()]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[str]] = {}
    for package in tomllib.loads(done.stdout)["packages"]:
        wheels = [one for one in package.get("wheels", []) if FITS.search(one["url"])]
        names = " ".join(one["url"] for one in wheels)
        whole = ALL.search(names) or all(f"-cp3{minor}-" in names for minor in (11, 12, 13))
        files = wheels if whole or "sdist" not in package else [*wheels, package["sdist"]]
        found.setdefault(package["name"], []).extend(one["hashes"]["sha256"] for one in files)
    return found


if __name__ == "__main__":
    known = {name: " ".join(f"--hash=sha256:{one}" for one in sorted(of)) for name, of in hashes().items()}
    text = re.sub(
        r"(?m)^([a-z][^=]*)(==\S+).*", lambda pin: f"{pin[1]}{pin[2]} {known[pin[1]]}", LOCK.read_text()
    )
    LOCK.write_text(text)
    BILL.parent.mkdir(exist_ok=True)
    subprocess.run(["cyclonedx-py", "requirements", LOCK, "--output-file", BILL], check=True)
