"""The report of a build: one JSON record, and the same as page and text; schema.json has the keys."""

import json
from importlib.resources import files
from pathlib import Path

import jsonschema

from xnorforge.core.artifacts import whole, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows.report import collect, others, pages


def write(acc: Path, routed: bool | None = None) -> Record:
    """Write report.html, report.md and, last, report.json into `acc`.

    Args:
        routed: whether place and route belongs to the build; None: where its record fits the netlist.

    Returns:
        The record of report.json.

    Raises:
        MismatchError: a check failed or did not run; all files but report.json are written.
    """
    acc = Path(acc)
    now_at("collecting figures and writing pages")
    other = next((stage for stage in others.KINDS if (acc / f"{stage}.json").exists()), None)
    if other:
        form, record = others.KINDS[other][0], others.project_record(acc, other)
    else:
        form, record = "design", collect.report(acc, routed)
        validate(record)
    for kind in ("html", "md"):
        with whole(acc / f"report.{kind}") as aside:
            aside.write_text(pages.page(record, acc, form, kind))
    wrong = [row["name"] for row in record["stages"] if row["mismatches"] or not row["ran"]]
    bad = [row for row in record["audits"] if row["mismatches"] or not row["ran"]]
    wrong += [f"{row['name']} ({row['what']})" if row["what"] else row["name"] for row in bad]
    if wrong:
        raise MismatchError(f"report: {', '.join(wrong)} failed or did not run; see {acc / 'report.html'}.")
    write_json(acc / "report.json", record)
    return record


def validate(record: Record) -> None:
    """Hold a record against schema.json.

    Raises:
        jsonschema.ValidationError: a key is missing, unknown, or of another kind.
    """
    schema = json.loads((files(__name__) / "schema.json").read_text())
    jsonschema.validate(record, schema)
