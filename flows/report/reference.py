"""What remains open about the given network: doubts about its input, what float32 decides by rounding, nodes
that FINN's float execution cannot represent, what the host computes, and what rounded sums change.

All of it comes from the records of export and lower; here it becomes one record, and text for the page.
"""

from xnorforge.core.errors import shortened
from xnorforge.core.types import Record
from xnorforge.hw.any_width import FLOAT32_BITS

NAMES = 6  # of operators in a sentence; report.json has all of them


def of_records(export: Record, lower: Record) -> Record:
    """`reference` of the report, from the records of both stages; records of older builds lack some keys.

    Returns:
        `doubts`, `input_because`, `host_function` as export.json has them; `host_checked`: images on which
        that function was compared with the file's results; `not_measured`: why no accuracy is known;
        `rounds`: tensors that the float32 reference rounds; `ties`: rows `operator`, `activations`; `judged`:
        how many `activations` of how many `images` were compared for that; `class_ties`: as lower.json has
        it; `finn_not_run`: the nodes of lowered.onnx left out of FINN's execution, of `nodes` in all, which
        are all where FINN is not `finn_installed`.
    """
    same = f"{export.get('host_function')} = file"  # the file's last function and that of the scores
    return {
        "doubts": export.get("doubts", []), "input_because": export["input"].get("because"),
        "host_function": export.get("host_function") or lower.get("host_function"),
        "host_checked": sum(row["images"] for row in export["checks"] if row["name"] == same),
        "not_measured": (export.get("not_measured") or "").partition(": ")[2] or None,
        "rounds": list(lower.get("reference_rounds", [])),
        "ties": [
            {"operator": name, "activations": count} for name, count in lower.get("ties", {}).items() if count
        ],
        "judged": lower.get("judged"), "class_ties": lower.get("class_ties"),
        "finn_installed": lower.get("finn_installed", True),
        "finn_not_run": lower.get("finn_not_run", []),
        "nodes": sum(lower.get("nodes", {}).values()),
    }  # fmt: skip


def notes(reference: Record) -> list[Record]:
    """Rows of text: `subject`, `text`, `stage` that found it, and `warn` where a person should look."""
    rows = [_row("doubt", text, "export", True) for text in reference["doubts"]]
    if why := reference["input_because"]:
        rows.append(_row("input, range and scale", why, "export"))
    if name := reference["host_function"]:
        images = reference["host_checked"]
        shown = f"; checked against the file's own results on {images:,} images" if images else ""
        text = (
            f"the network ends in {name}, which does not change the order of the scores: the accelerator "
            f"returns the scores before it, and the host applies {name} if its values are needed{shown}."
        )
        rows.append(_row("left to the host", text, "export"))
    return [*rows, *_rounding(reference), *_finn(reference)]


def _rounding(reference: Record) -> list[Record]:
    """What float32 rounds, and which activations and classes depend on it."""
    rows = []
    if names := reference["rounds"]:
        text = (
            f"float32 execution of the network rounds the sums at {shortened(names, NAMES)}; scores are "
            "compared within that rounding, and the accelerator's sums are exact."
        )
        rows.append(_row("float32 rounding", text, "lower"))
    if ties := reference["ties"]:
        total, judged = sum(row["activations"] for row in ties), reference["judged"]
        among = f" of {judged['activations']:,} on {judged['images']:,} images" if judged else ""
        places = shortened([f"{row['operator']} {row['activations']:,}" for row in ties], NAMES)
        text = (
            f"{total:,} activations{among} are so close to a threshold that float32 rounding puts them on "
            f"the other side ({places}); the accelerator decides them exactly."
        )
        rows.append(_row("ties of activations", text, "lower"))
    return rows + _classes(reference["class_ties"])


def _classes(found: Record | None) -> list[Record]:
    """Where float32 does not decide which class has the largest score."""
    rows, what = [], found and found["what"]
    if found and found["shared"]:
        text = (
            f"on {found['shared']:,} of {found['classes']:,} {what} float32 gives several classes the same "
            "largest score; the accelerator returns the first class whose exact score is largest."
        )
        rows.append(_row("ties of classes", text, "lower"))
    if found and found["differ"]:
        first = ", ".join(map(str, found["first"]))
        more = ", …" if found["differ"] > len(found["first"]) else ""
        text = (
            f"on {found['differ']:,} of {found['classes']:,} {what} the exact scores select another class "
            f"than float32, within the rounding error of float32 (image numbers: {first}{more})."
        )
        rows.append(_row("classes by rounding", text, "lower", True))
    return rows


def _finn(reference: Record) -> list[Record]:
    names = reference["finn_not_run"]
    if not reference["finn_installed"]:
        text = (
            f"FINN's execution, the second opinion on lowered.onnx, ran 0 of {reference['nodes']:,} nodes, "
            "because FINN is not installed; `pip install 'xnorforge[finn]'` installs it"
        )
        return [_row("FINN left out", text, "lower")]
    if not names:
        return []
    text = (
        f"FINN's float32 execution, the second opinion on lowered.onnx, did not run {len(names):,} of "
        f"{reference['nodes']:,} nodes, whose numbers have more than {FLOAT32_BITS} bits: "
        f"{shortened(names, NAMES)}. The other nodes were compared; these are covered by the bit simulator "
        "and the RTL."
    )
    return [_row("FINN left out", text, "lower")]


def _row(subject: str, text: str, stage: str, warn: bool = False) -> Record:
    whole = text if text.endswith((".", "?")) else f"{text}."
    return {"subject": subject, "text": whole[:1].upper() + whole[1:], "stage": stage, "warn": warn}
