"""The report of a build: one JSON record, and the same as page, text and tables; schema.json has the keys."""

import csv
import io
import json
from importlib.resources import files
from pathlib import Path

import jsonschema

from xnorforge.core.artifacts import whole, write_json
from xnorforge.core.errors import MismatchError
from xnorforge.core.progress import now_at
from xnorforge.flows.report import collect, finn, finn_names, hls, pages, vivado
from xnorforge.flows.synth import cells

# What another tool is given, by the record of its stage: the form of the report, and what makes its record.
FOR_OTHERS = {"hls.json": ("project", hls.project_report), "finn.json": ("handover", finn.handover_report)}


def write(acc: Path, routed: bool | None = None) -> dict:
    """Write report.html, report.md, utilization.txt, metrics.json, the folder report/ and, last, report.json
    into `acc`.

    A project of hls4ml and a FINN build, of which nothing is counted here, have only report.html, report.md
    and report.json.

    Args:
        routed: whether place and route belongs to the build; None: where its record fits the netlist.

    Returns:
        The record of report.json.

    Raises:
        MismatchError: a check failed or did not run; all files but report.json are written.
    """
    acc = Path(acc)
    now_at("collecting figures and writing pages")
    other = next((name for name in FOR_OTHERS if (acc / name).exists()), None)
    if other:
        form, record_of = FOR_OTHERS[other]
        record = record_of(acc)
        _texts(acc, _pages(record, acc, form))
    else:
        record = collect.report(acc, routed)
        validate(record)
        _texts(acc, _pages(record, acc, "design") | {"utilization.txt": vivado.text(record)})
        with whole(acc / "report") as aside:
            (aside / "finn").mkdir(parents=True)
            (aside / "layers.csv").write_text(layers_csv(record["layers"]))
            for name, content in finn_names.files(record).items():
                (aside / "finn" / name).write_text(json.dumps(content, indent=2) + "\n")
        write_json(acc / "metrics.json", metrics(record))
    wrong = [row["name"] for row in record["stages"] if row["mismatches"] or not row["ran"]]
    wrong += [
        f"{row['name']} ({row['what']})" if row["what"] else row["name"]
        for row in record["audits"]
        if row["mismatches"] or not row["ran"]
    ]
    if wrong:
        raise MismatchError(f"report: {', '.join(wrong)} failed or did not run; see {acc / 'report.html'}.")
    write_json(acc / "report.json", record)
    return record


def _pages(record: dict, acc: Path, form: str) -> dict[str, str]:
    return {f"report.{kind}": pages.page(record, acc, form, kind) for kind in ("html", "md")}


def _texts(acc: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        with whole(acc / name) as aside:
            aside.write_text(text)


def validate(record: dict) -> None:
    """Hold a record against schema.json.

    Raises:
        jsonschema.ValidationError: a key is missing, unknown, or of another kind.
    """
    schema = json.loads((files(__name__) / "schema.json").read_text())
    jsonschema.validate(record, schema)


def layers_csv(layers: list[dict]) -> str:
    """The layer table for a spreadsheet: streams as NxNxN, fractions and names as in report.json, memories
    left out.
    """
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [key for key in layers[0] if key != "memories"], extrasaction="ignore", lineterminator="\n"
    )
    writer.writeheader()
    for layer in layers:
        shapes = {key: "x".join(map(str, layer[key]["shape"])) for key in ("input", "output")}
        writer.writerow({**layer, **shapes, "in_bits": " ".join(map(str, layer["in_bits"]))})
    return text.getvalue()


def metrics(record: dict) -> dict:
    """metrics.json: flat, `stage__object__metric`, figures only."""
    flat: dict[str, float] = {}
    if "resources" in record:
        cycles, resources = record["cycles"], record["resources"]
        flat |= {f"synth__{name}__used": resources[name] for name in cells.RESOURCES}
        flat |= {f"synth__{name}__share": round(share, 6) for name, share in resources["share"].items()}
        flat |= {f"fold__{name}__estimate": resources["estimate"][name] for name in ("lut", "bram36")}
        flat["fold__interval__cycles"] = cycles["interval_bound"]
        flat["sim__interval__cycles"] = cycles["interval_simulated"]
        flat |= {"sim__latency__cycles": cycles["latency"], "sim__throughput__fps": record["fps"]["value"]}
        if routed := record["routed"]:
            flat |= {f"bitstream__clock__{name}_mhz": routed[f"{name}_mhz"] for name in ("least", "best")}
            flat |= {
                "bitstream__clock__median_mhz": routed["clock_mhz"]["value"],
                "bitstream__throughput__fps": routed["fps"]["value"],
            }
    for row in record["accuracy"]:
        for name, value in row.get("figures", {"top1": row.get("top1")}).items():
            flat[f"{row['stage']}__accuracy__{name}".replace(" ", "_")] = value
    for row in record["stages"]:
        key = f"{row['stage']}__equality__mismatches"
        flat[key] = flat.get(key, 0) + row["mismatches"]
    return flat
