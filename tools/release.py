"""Make the files of a release in out/release: `make release`, or `python tools/release.py v0.2.0` for a tag.

Wheel and sdist are built in isolation from what is committed. The wheel goes with the locked versions into an
empty environment, where README's lines of Python run, and of which the bill of materials (CycloneDX) is.
Bitstreams are what `make release-bitstreams` left there; SHA256SUMS lists everything.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import xnorforge
from xnorforge.core.artifacts import sha256
from xnorforge.core.errors import UserError

ROOT = Path(__file__).parent.parent
OUT, SUMS = ROOT / "out/release", "SHA256SUMS"
TOOLS = ("build==1.6.1", "cyclonedx-bom==7.5.0")


def notes(changes: str, version: str) -> str:
    """The part of the changelog on a version; UserError without one."""
    found = re.search(rf"^## {re.escape(version)} - \S+\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise UserError(f"CHANGELOG.md: has nothing under '## {version} - <date>'; write that part first.")
    return found[1].strip() + "\n"


def check_tag(tag: str, version: str) -> None:
    """See that a tag is of this version; else UserError."""
    if tag != f"v{version}":
        raise UserError(f"release: tag '{tag}' is not of version {version}; raise it, or tag v{version}.")


def readme_lines(readme: str) -> str:
    """README's programs in Python, in their order."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL))


def sums(folder: Path) -> str:
    """A folder's files as `sha256sum --check` reads them."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    return "".join(f"{sha256(path)}  {path.name}\n" for path in files)


def run(*words: object, cwd: Path | None = None) -> None:
    """Run a command; UserError if it ends with an error."""
    if code := subprocess.run([*map(str, words)], cwd=cwd, check=False).returncode:
        raise UserError(f"release: {words[0]} ended with exit code {code}; mend what it says above.")


def environment(folder: Path) -> Path:
    """The interpreter of a new, empty environment."""
    run(sys.executable, "-m", "venv", folder)
    return folder / "bin/python"


def wheel_and_sdist(work: Path, python: Path) -> Path:
    """Build both of what is committed into `OUT`; returns the wheel."""
    tree, archive = work / "tree", work / "tree.tar"
    tree.mkdir()
    run("git", "archive", "-o", archive, "HEAD", cwd=ROOT)
    run("tar", "-xf", archive, "-C", tree)
    for old in OUT.glob("xnorforge-*"):
        old.unlink()
    run(python, "-m", "build", "--outdir", OUT, tree)
    return next(OUT.glob("*.whl"))


def release(tag: str | None) -> None:
    """Make everything; errors as of the functions above."""
    version = xnorforge.__version__
    if tag:
        check_tag(tag, version)
    text = notes((ROOT / "CHANGELOG.md").read_text(), version)
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        tools, user, place = environment(work / "tools"), environment(work / "user"), work / "place"
        run(tools, "-m", "pip", "install", "--quiet", *TOOLS)
        wheel = wheel_and_sdist(work, tools)
        # As docs/guide/install.md says it: the lock without its hashes.
        pins = re.findall(r"^(?!setuptools=)\w\S*", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
        (work / "tested.txt").write_text("\n".join(pins))
        run(user, "-m", "pip", "install", "--quiet", "--constraint", work / "tested.txt", wheel)
        place.mkdir()
        run(user, "-c", readme_lines((ROOT / "README.md").read_text()), cwd=place)
        run(tools, "-m", "cyclonedx_py", "environment", user, "-o", OUT / "sbom.cdx.json")
    (OUT / "notes.md").write_text(text)
    (OUT / SUMS).write_text(sums(OUT))
    print(f"release: {version} is in {OUT.relative_to(ROOT)}; {SUMS} lists its files")


if __name__ == "__main__":
    try:
        release(sys.argv[1] if len(sys.argv) > 1 else None)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
