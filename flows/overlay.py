"""The overlay, for users of a board: the accelerator in its shell, its description, the drivers, a bitstream.

The folder contains
    overlay.json             hash, frames in memory, scales, registers: what a driver needs to know
    xnorforge_driver.py      the Python driver
    xf_driver.h, xf_driver.c, xf_network.h   the C driver, and the same description for it
    overlay.ipynb            a notebook; examples.npz: its frames and scores
    weights.bin              its weights, which both drivers load (LOADABLE=1, templates, weights from memory)
    rtl/                     shell, accelerator, memory files; system.f: the sources in order
    overlay.bit, overlay.bin the bitstream of this accelerator in this shell, if there is one
    build.tcl, overlay.xdc   for a Zynq: makes a bitstream and its overlay.hwh with Vivado
    overlay.hwh              for a Zynq-7000 whose clock is met: the same description, for `pynq.Overlay`
"""

import json
import shutil
import zlib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from xnorforge.core import artifacts
from xnorforge.core.errors import UserError
from xnorforge.core.progress import now_at
from xnorforge.core.types import Record
from xnorforge.flows import vivado
from xnorforge.flows.backends.rtl import WEIGHTS, lint_folder
from xnorforge.hw import boards, routing
from xnorforge.hw.loads import recorded_address_bits
from xnorforge.hw.shells import dma
from xnorforge.hw.shells.dma.drivers.xnorforge_driver import IDENTITY, REGISTERS, VERSION, as_bin
from xnorforge.hw.wrap import files_used

EXAMPLES = 16  # frames
DRIVERS = ("xnorforge_driver.py", "overlay.ipynb", "xf_driver.h", "xf_driver.c")


def write_overlay(acc: Path, net_dir: Path, routed: bool | None = None) -> Record:
    """Write the folder `overlay/` of an accelerator; an earlier one is replaced when the new one is complete.

    Args:
        acc: folder with `fold.json`, `folded.onnx` and `rtl/`.
        net_dir: folder with `export.json`, `golden.npz` and `lowered.npz`.
        routed: whether `bitstream/` belongs to it; None: if it has this netlist and this shell.

    Returns:
        The description, also in `overlay/overlay.json`; see docs/guide/board.md.

    Raises:
        UserError: a file of an earlier stage is missing, or Verilator warns about the design.
    """
    own, of_net = ("fold.json", "rtl/rtl.json"), ("export.json", "golden.npz", "lowered.npz")
    needed = [*(acc / name for name in own), *(net_dir / name for name in of_net)]
    for path in needed:
        if not path.exists():
            raise UserError(f"overlay: {path} is missing; run `make generate` to write it.")
    record = artifacts.read_json(acc / "rtl" / "rtl.json")
    exported = artifacts.read_json(net_dir / "export.json")
    window = {"window": 1 << dma.control_bits(recorded_address_bits(record))}
    with np.load(net_dir / "lowered.npz") as lowered:
        scores = {name: np.ravel(lowered[name]).astype(float).tolist() for name in ("scale", "bias")}
    values = exported["input"]
    board = boards.load(artifacts.read_json(acc / "fold.json")["board"])
    processor = vivado.PROCESSORS.get(board.part[:4])
    border, network = record["border"], dma.network_hash(acc)
    system = dma.recorded_system(record, network)
    made, included = _routed(acc, board, system, routed)
    clock = made["clock"] if made else {"mhz": board.clock_mhz, "met": True}
    about = {
        "stage": "overlay",
        "net": exported["net"],
        "hash": f"{network:016x}",
        "input": {
            **border["input"], **_in_words(border["input"]), "lo": values["lo"],
            "hi": values["hi"], "scale": values["scale"], "offset": values.get("offset", 0.0),
        },
        "output": {**border["output"], **_in_words(border["output"])},
        "scores": scores,
        **({"ports": exported["ports"]} if exported.get("ports") else {}),
        **({"loads": window | record["loads"]} if "loads" in record else {}),
        **({"weights": record["weights"]} if "weights" in record else {}),
        "shell": {"id": IDENTITY, "version": VERSION, "registers": dict(REGISTERS)}
        | ({"base": processor["base"]} if processor else {}),
        "bitstream": included,
    }  # fmt: skip
    project = {}
    if processor:
        router = routing.load(board.family)
        constraints = router.constraints(board) if router and board.shell_kind == "dma" else ""
        board = replace(board, clock_mhz=clock["mhz"])
        project = vivado.project(board, processor, system, REGISTERS, constraints)
        if not clock["met"]:
            project.pop("overlay.hwh", None)  # pynq would set its clock
    with artifacts.whole(acc / "overlay") as aside:
        with artifacts.measured("verilator") as run:
            now_at("writing shell and drivers, and linting both with Verilator")
            lines = _write_folder(aside, acc / "rtl", about, system, dma.shell_sources(), project)
            if {"loads", "weights"} & record.keys():
                text = json.dumps({"net": about["net"], "scores": scores}).encode()
                size, crc = (number.to_bytes(4, "little") for number in (len(text), zlib.crc32(text)))
                data = (acc / "rtl" / WEIGHTS).read_bytes()
                data = data[:20] + size + data[24:28] + crc + data[32:] + text
                (aside / WEIGHTS).write_bytes(data)
            now_at("writing examples and bitstream")
            _examples(aside, net_dir / "golden.npz", *(border[side]["shape"] for side in ("input", "output")))
            if made:
                raw = (acc / made["bit"]["file"]).read_bytes()
                (aside / "overlay.bit").write_bytes(raw)
                (aside / "overlay.bin").write_bytes(as_bin(raw, f"overlay: {made['bit']['file']}"))
                names = (included["bit"], included["bin"])
                included["sha256"] = {name: artifacts.sha256(aside / name) for name in names}
        what = "lines of SystemVerilog under verilator -Wall"
        about["checks"] = [artifacts.check("lint = no warning", 0, 0, lines, what)]
        artifacts.write_json(aside / "overlay.json", {**about, "run": run})
    return artifacts.read_json(acc / "overlay" / "overlay.json")


def _examples(folder: Path, golden: Path, into: list[int], shape: list[int]) -> None:
    """Golden frames without axes of length 1, with the drivers' scores for them unless labels come out."""
    with np.load(golden) as given:
        images, scores = given["images"][:EXAMPLES], given["scores"][:EXAMPLES]
    images = images.reshape(len(images), -1) if len(into) == 1 else images
    labels = len(shape) == 3 and shape[-1] < scores.shape[1]
    np.savez_compressed(folder / "examples.npz", images=images, **({} if labels else {"scores": scores}))


def _routed(acc: Path, board: boards.Board, system: str, routed: bool | None) -> tuple[Record | None, Record]:
    """The record of the accelerator's bitstream in this shell, if there is one, and what the overlay has."""
    record = acc / "bitstream.json"
    if routed is False or not record.exists():
        return None, {"about": f"not included: {_why(board)}"}
    there, shell = artifacts.read_json(record), acc / "bitstream" / f"{dma.TOP}.sv"
    of_netlist = there["netlist"] == artifacts.netlist_digest(acc)
    if not routed and not (of_netlist and shell.exists() and shell.read_text() == system):
        why = "bitstream/ has another netlist or shell; `make bitstream` builds it"
        return None, {"about": f"not included: {why}"}
    size, part, clock = (acc / there["bit"]["file"]).stat().st_size, there["part"], there["clock"]
    said = f"overlay.bit and overlay.bin, {size:,} bytes, for {part}"
    files = {"bit": "overlay.bit", "bin": "overlay.bin", "part": part}
    return there, {"about": said, **files, "clock_mhz": clock["mhz"], "clock_met": clock["met"]}


def _why(board: boards.Board) -> str:
    """Why a board has no bitstream, and how to get one."""
    router = routing.load(board.family)
    if router is None or board.shell_kind != "dma":
        return f"the bitstream of {board.name} has no shell for a processor"
    lacking = router.missing(board)
    return routing.lacking(lacking).rstrip(".") if lacking else "`make bitstream` builds it"


def _in_words(border: Record) -> Record:
    layout = dma.recorded_layout(border)
    return {"slot": layout.slot, "stride": layout.stride}


def _write_folder(
    folder: Path, rtl: Path, about: Record, system: str, sources: list[Path], project: dict[str, str]
) -> int:
    """Fill the folder; returns the number of linted lines of Verilog.

    Args:
        system, sources: text of `xf_system`, and the shell's files.
        project: files for Vivado, {path: text}, empty without.
    """
    own = folder / "rtl"
    own.mkdir(parents=True)
    drivers = files("xnorforge.hw") / "shells" / "dma" / "drivers"
    for name in DRIVERS:
        (folder / name).write_text((drivers / name).read_text())
    (folder / "xf_network.h").write_text(network_header(about))
    order = [line for line in (rtl / "rtl.f").read_text().splitlines() if line.endswith(".sv")]
    for path in (*rtl.glob("*.svh"), *rtl.glob("*.mem"), *(rtl / name for name in order)):
        shutil.copyfile(path, own / path.name)
    texts = {path.name: path.read_text() for path in sources if path.name not in order}
    texts = {name: texts[name] for name in files_used([system], texts)} | {f"{dma.TOP}.sv": system}
    order += texts
    for name, text in ({f"rtl/{name}": text for name, text in texts.items()} | project).items():
        (folder / name).write_text(text)
    top = vivado.TOP if project else dma.TOP
    order += [f"{top}.v"] if project else []
    lint_folder(own, order, top, "overlay")
    (own / "system.f").write_text("\n".join(["+incdir+.", *order, ""]))
    return sum(len((own / name).read_text().splitlines()) for name in order)


def _loads(about: Record | None) -> str:
    """The initialiser of the C driver's `xf_loads`, all 0 without loadable weights."""
    if about is None:
        return "{0u, 0u, 0u, 0u, 0u, 0u}"
    places = [about["registers"][name] for name in ("open", "id")] + [about["control"]]
    numbers = [about["window"], *(about["window"] + place for place in places), about["words"]]
    return f"{{UINT64_C(0x{about['structure']}), {', '.join(f'{number}u' for number in numbers)}}}"


def _commented(port: Record) -> str:
    """An input or output in words, for a C comment."""
    shape = "x".join(map(str, port["shape"])) + (", channels last" if port["last"] else "")
    name = "".join(one if one.isalnum() or one in "_.-" else "_" for one in port["name"])
    before = f", before {port['function']}" if port["function"] else ""
    return f"{name}: {shape}{before}, scale {port['scale']!r}, offset {port['offset']!r}"


def network_header(about: Record) -> str:
    """The text of xf_network.h: the description for the C driver."""
    sides = {
        side: ", ".join(str(int(about[name][key])) + "u" for key in
                        ("bytes", "beats", "lanes", "bits", "signed", "slot", "stride"))
        for side, name in (("in", "input"), ("out", "output"))
    }  # fmt: skip
    numbers = {name: ", ".join(map(repr, about["scores"][name])) for name in ("scale", "bias")}
    places = "".join(
        f"#define XF_{side}_{k}_FIRST {one['first']}u  /* {_commented(one)} */\n"
        f"#define XF_{side}_{k}_COUNT {int(np.prod(one['shape']))}u\n"
        for side in ("INPUT", "OUTPUT")
        for k, one in enumerate(about.get("ports", {}).get(f"{side.lower()}s", ()))
    )
    counts = [int(np.prod(about[name]["shape"])) for name in ("input", "output")]
    base, outside = about["shell"].get("base"), about.get("weights", {"structure": "0", "bytes": 0})
    where = f"\n#define XF_BASE {base:#x}u  /* of the registers */" if base else ""
    return f"""/* SPDX-License-Identifier: Apache-2.0
 *
 * The network of one build, for xf_driver.h; generated.
 * The score of class k is xf_scale[k] * integer k + xf_bias[k].
 */
#ifndef XF_NETWORK_H
#define XF_NETWORK_H

#include "xf_driver.h"

#define XF_IN_COUNT {counts[0]}u   /* integers of a frame, {about["input"]["lo"]} .. {about["input"]["hi"]} */
#define XF_OUT_COUNT {counts[1]}u
#define XF_IN_STRIDE {about["input"]["stride"]}u  /* bytes of a frame in memory */
#define XF_OUT_STRIDE {about["output"]["stride"]}u
#define XF_CLASSES {len(about["scores"]["scale"])}u{where}
{places}
static const xf_network xf_the_network = {{
  UINT64_C(0x{about["hash"]}), {{{sides["in"]}}}, {{{sides["out"]}}},
  {_loads(about.get("loads"))},
  {{UINT64_C(0x{outside["structure"]}), {outside["bytes"]}u}},
  {round(1e3 * about["bitstream"].get("clock_mhz", 0))}u
}};
static const double xf_scale[] = {{{numbers["scale"]}}};
static const double xf_bias[] = {{{numbers["bias"]}}};

#endif
"""
