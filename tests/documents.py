"""Pages as they are read by tests: sections, fenced blocks, and a checkout of its own to run commands in."""

import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Block:
    """A fenced block: `kind` is "sh" or a language, `path` what stands behind the language."""

    kind: str
    path: str
    text: str

    def commands(self) -> list[str]:
        """Its lines, those that end in a backslash joined with the next."""
        return self.text.replace("\\\n", " ").splitlines()


def sections(page: Path) -> dict[str, list[Block]]:
    """The blocks below every heading of the second level."""
    found = dict[str, list[Block]]()
    text = page.read_text()
    # A heading inside of a fenced block is none.
    hidden = re.sub(r"^```.*?^```$", lambda fence: "." * len(fence[0]), text, flags=re.MULTILINE | re.DOTALL)
    heads = list(re.finditer(r"^## (.*)\n", hidden, re.MULTILINE))
    for head, after in zip(heads, [*heads[1:], None]):
        found[head[1]] = blocks(text[head.end() : after.start() if after else None])
    return found


def blocks(text: str) -> list[Block]:
    """Blocks that name a shell or a file, in their order."""
    fenced = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(kind, path, inside) for kind, path, inside in fenced if path or kind == "sh"]


def write(files: list[Block], folder: Path) -> None:
    """Lay blocks that name a file into a folder."""
    for block in files:
        target = folder / block.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(block.text)


def checkout(folder: Path) -> Path:
    """A copy of the tracked files with an environment that runs it; the libraries are those of this one."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.exists() or source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    own = {"base": folder / ".venv", "platbase": folder / ".venv"}
    # Paths alone: what is installed here as editable does not come along.
    libraries = f"{folder / 'src'}\n{sysconfig.get_path('purelib')}\n"
    (Path(sysconfig.get_path("purelib", vars=own)) / "libraries.pth").write_text(libraries)
    shutil.copyfile(folder / "requirements.lock", folder / ".venv/installed")
    return folder
