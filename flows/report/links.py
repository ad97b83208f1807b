"""The files of a build as the page names and links them, all relative to it."""

from pathlib import Path
from urllib.parse import quote

from xnorforge.core.types import Record

MOST = 250  # files of a folder that are linked one by one
BESIDE = {"report.md": "a terminal, a pull request", "report.json": "programs: all of this page"}
ABOVE = ("export.json", "lower.json")  # of the network


def href(name: str) -> str:
    """A file's name as the target of a link."""
    return quote(name)


def listed_files(record: Record, acc: Path) -> list[Record]:
    """Rows of the table of files: products with hashes, the report's other forms, the stages' records.

    Args:
        record: of report.json.
        acc: folder of the page.

    Returns:
        Rows {"file", "bytes", "sha256", "opens_with", "inside"}; bytes and SHA-256 are None where they are
        not equal for equal inputs or not known yet; `inside` are the files of a folder, and where `file` is
        empty the records of the stages.
    """
    rows = [{**row, "inside": _inside(acc, row["file"])} for row in record["files"]]
    for name, opens in BESIDE.items():
        if name == "report.json" and record["verdict"] == "FAIL":
            continue  # not written then
        rows.append(_plain(name, opens))
    here = (path.name for path in acc.glob("[!.]*.json") if path.name != "report.json")
    above = (f"../{name}" for name in ABOVE if (acc.parent / name).exists())
    records = [*above, *sorted(here)]
    return [*rows, {**_plain("", "programs: what each stage found"), "inside": records}]


def _plain(name: str, opens: str) -> Record:
    return {"file": name, "bytes": None, "sha256": None, "opens_with": opens, "inside": []}


def _inside(acc: Path, name: str) -> list[str]:
    folder = acc / name
    return sorted(str(path.relative_to(acc)) for path in folder.rglob("*") if path.is_file())[:MOST]
