"""What the network as it was given leaves open: doubts about its input, what float32 decides by rounding,
what FINN's float execution could not hold, what is left to the host, and what rounded sums change.

The records of export and lower say all of it; here it becomes one record, and rows of text for the page.
"""

from xnorforge.hw.any_width import FLOAT32_BITS

NAMES = 6  # of operators in a sentence; report.json has all of them


def of_records(export: dict, lower: dict) -> dict:
    """`reference` of the report, from the records of both stages; records of older builds lack some keys.

    Returns:
        `doubts`, `input_because`, `host_function` as export.json has them; `host_checked`: images on which
        that function was compared with the file's results; `not_measured`: why no accuracy is known;
        `rounds`: tensors that the float32 reference rounds; `ties`: rows `operator`, `activations`; `judged`:
        how many `activations` of how many `images` were compared for that; `class_ties`: as lower.json has
        it; `finn_not_run`: the nodes of lowered.onnx left out of FINN's execution, of `nodes` in all, which
        are all where FINN is not `finn_installed`; `sums`: rows of sums that
        were rounded on request, `node`, `bits`, `exact_bits`, `largest_error`; `agreement`,
        `top1`: shares before and after that rounding, None where nothing was rounded or no label is known.
    """
    apart = lower.get("approximate") or {}
    top1 = apart.get("top1")
    return {
        "doubts": export.get("doubts", []),
        "input_because": export["input"].get("because"),
        "host_function": export.get("host_function") or lower.get("host_function"),
        "host_checked": _host_checked(export),
        "not_measured": (export.get("not_measured") or "").partition(": ")[2] or None,
        "rounds": list(lower.get("reference_rounds", [])),
        "ties": [
            {"operator": name, "activations": count} for name, count in lower.get("ties", {}).items() if count
        ],
        "judged": lower.get("judged"),
        "class_ties": lower.get("class_ties"),
        "finn_installed": lower.get("finn_installed", True),
        "finn_not_run": lower.get("finn_not_run", []),
        "nodes": sum(lower.get("nodes", {}).values()),
        "sums": [
            {
                "node": name,
                "bits": one["bits"],
                "exact_bits": one["exact_bits"],
                "largest_error": max(one["bound"], default=0.0),
            }
            for name, one in apart.get("sums", {}).items()
        ],
        "agreement": apart.get("agreement"),
        "top1": top1 if top1 and None not in top1 else None,
    }


def _host_checked(export: dict) -> int:
    """Images on which the file's last function was compared with that of the scores."""
    name = f"{export.get('host_function')} = file"
    return sum(row["images"] for row in export["checks"] if row["name"] == name)


def notes(reference: dict) -> list[dict]:
    """Rows of text: `subject`, `text`, `stage` that found it, and `warn` where a person should look."""
    rows = [_row("doubt", text, "export", True) for text in reference["doubts"]]
    if why := reference["input_because"]:
        rows.append(_row("input, range and scale", why, "export"))
    if name := reference["host_function"]:
        images = reference["host_checked"]
        shown = f"; compared with the file's own results on {images:,} images" if images else ""
        text = (
            f"the network ends in {name}, which keeps the order of the scores: the accelerator gives the "
            f"scores in front of it, and the host computes {name} where it wants its numbers{shown}."
        )
        rows.append(_row("left to the host", text, "export"))
    return [*rows, *_rounding(reference), *_finn(reference)]


def _rounding(reference: dict) -> list[dict]:
    """What float32 rounds, and which activations and classes hang on that."""
    rows = []
    if names := reference["rounds"]:
        text = (
            f"the float32 execution of the network rounds its sums at {_listed(names)}; scores are compared "
            "to within that rounding, the accelerator's sums are exact."
        )
        rows.append(_row("float32 rounding", text, "lower"))
    if ties := reference["ties"]:
        total, judged = sum(row["activations"] for row in ties), reference["judged"]
        among = f" of {judged['activations']:,} on {judged['images']:,} images" if judged else ""
        places = _listed([f"{row['operator']} {row['activations']:,}" for row in ties])
        text = (
            f"{total:,} activations{among} lie so near to a threshold that float32 rounds them to its other "
            f"side ({places}); the accelerator decides them exactly."
        )
        rows.append(_row("ties of activations", text, "lower"))
    return rows + _classes(reference["class_ties"])


def _classes(found: dict | None) -> list[dict]:
    """Where float32 does not say which class is the largest."""
    rows, what = [], found and found["what"]
    if found and found["shared"]:
        text = (
            f"on {found['shared']:,} of {found['classes']:,} {what} float32 gives several classes the same "
            "largest score; the first of those that are largest exactly is the class."
        )
        rows.append(_row("ties of classes", text, "lower"))
    if found and found["differ"]:
        first = ", ".join(map(str, found["first"]))
        more = ", …" if found["differ"] > len(found["first"]) else ""
        text = (
            f"on {found['differ']:,} of {found['classes']:,} {what} the exact scores name another class than "
            f"float32 does, by no more than its rounding explains (images by number: {first}{more})."
        )
        rows.append(_row("classes by rounding", text, "lower", True))
    return rows


def _finn(reference: dict) -> list[dict]:
    names = reference["finn_not_run"]
    if not reference["finn_installed"]:
        text = (
            "FINN, the second opinion on lowered.onnx, is not installed: it ran none of the "
            f"{reference['nodes']:,} nodes; `pip install 'xnorforge[finn]'` brings it"
        )
        return [_row("FINN left out", text, "lower")]
    if not names:
        return []
    text = (
        f"FINN's float32 execution, the second opinion on lowered.onnx, did not run {len(names):,} of "
        f"{reference['nodes']:,} nodes, whose numbers have more than {FLOAT32_BITS} bits: {_listed(names)}. "
        "The other nodes were compared; these are compared by the bit simulator and the RTL."
    )
    return [_row("FINN left out", text, "lower")]


def _listed(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more


def _row(subject: str, text: str, stage: str, warn: bool = False) -> dict:
    whole = text if text.endswith((".", "?")) else f"{text}."
    return {"subject": subject, "text": whole[:1].upper() + whole[1:], "stage": stage, "warn": warn}
