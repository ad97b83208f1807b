"""Hostile files through the whole command line, in processes whose time and memory are measured."""

import json
import os
import re
import struct
import subprocess
import sys
import zipfile
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from hostile_files import listing, plain, stored

SECONDS, MEGABYTES = 10, 2048  # processor time, and memory of the largest process
ODD_FOLDER = "a'\" b;`id`$(touch x)#ü"
ODD = {
    "x": '"><script>alert(1)</script>',
    "t1": "$(touch x)",
    "t2": "`id`",
    "t3": "*/ // (* keep *)",
    "y": "endmodule",
    "w": "a b;rm -rf",
    "one": "module",
    "n0": "a\nb",
    "n2": "\u202eevil",
    "n3": "../../x",
    "n4": "n" * 5000,
}


def run(folder: Path, *words: str, **environment: str):
    """A command line: (exit code, standard error, processor seconds, MB of the largest process)."""
    with (folder.parent / "said").open("w+") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "xnorforge", *words], cwd=folder, stdout=subprocess.DEVNULL, stderr=said,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | environment,
        )  # fmt: skip
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    return child.returncode, text, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def bomb(folder: Path) -> None:
    """A packed file of 600 KB that holds 600 MB of zeros."""
    head = b"{'descr': '|u1', 'fortran_order': False, 'shape': (4166666, 4, 6, 6)}\n"
    with (
        zipfile.ZipFile(folder / "i.npz", "w", zipfile.ZIP_DEFLATED) as file,
        file.open("images.npy", "w") as member,
    ):
        member.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        for _ in range(600):
            member.write(bytes(1_000_000))


def claimed(folder: Path) -> None:
    """Labels of which the head says that there are 2^60."""
    head = f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({1 << 60},)}}\n".encode()
    (folder / "l.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
    (folder / "i.csv").write_text(("1," * 143 + "1\n") * 3)


def sparse(folder: Path) -> None:
    """Weights of 2^40 bytes, of which the disk holds none."""
    (folder / "w").mkdir()
    (folder / "w/card.json").write_text(json.dumps({"weights": {"sha256": sha256(b"").hexdigest()}}))
    with (folder / "w/weights.safetensors").open("wb") as file:
        file.truncate(1 << 40)


def large_video(folder: Path) -> None:
    (folder / "v.y4m").write_bytes(b"YUV4MPEG2 W8000 H5000 F25:1 Ip A1:1 C420jpeg\nFRAME\n" + bytes(1000))


def large_picture(folder: Path) -> None:
    (folder / "p.ppm").write_bytes(b"P6 60000 60000 255\n" + bytes(1000))


def deep_board(folder: Path) -> None:
    (folder / "mine/hw/boards/mine").mkdir(parents=True)
    (folder / "mine/hw/boards/mine/board.toml").write_bytes(b"a = " + b"[" * 60_000)


CASES = {
    "a bomb of images": (
        bomb,
        ("export", "--model", "m.onnx", "--scale", "1", "--images-from", "i.npz", "-o", "out/m"),
        "572 MB",
    ),
    "2^60 labels": (
        claimed,
        (
            "export",
            "--model",
            "m.onnx",
            "--scale",
            "1",
            "--images-from",
            "i.csv",
            "--labels",
            "l.npy",
            "-o",
            "out/m",
        ),
        "LABELS: 'l.npy' ",
    ),
    "weights of a terabyte": (
        sparse,
        ("export", "mnist-tfc", "--weights", "w", "-o", "out/m"),
        "512 MB",
    ),
    "a large video": (
        large_video,
        ("demo", "--task", "track", "--video", "v.y4m", "--box", "1,1,2,2"),
        "8000 x 5000 pixels",
    ),
    "a large picture": (
        large_picture,
        ("demo", "--task", "pedestrian", "--image", "p.ppm"),
        "p.ppm",
    ),
    "a deep board": (deep_board, ("build", "--net", "mnist-tfc", "--board", "mine"), "board.toml: "),
}


@pytest.mark.full
@pytest.mark.parametrize("case", CASES)
def test_a_refusal_takes_little_time_and_memory(tmp_path, case):
    make, words, sentence = CASES[case]
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(stored(plain()))
    make(folder)
    before = listing(tmp_path)
    plugged = {"XNORFORGE_PLUGINS": "mine"} if (folder / "mine").is_dir() else {}
    code, said, seconds, megabytes = run(folder, *words, **plugged)
    assert code == 2 and sentence in said.splitlines()[-1], said
    assert "Traceback" not in said
    assert listing(tmp_path) - before <= {"said"}
    assert seconds < SECONDS and megabytes < MEGABYTES, (seconds, megabytes)


class Scripts(HTMLParser):
    """What a page would fetch or run."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "iframe", "link") or any(name.startswith("on") for name, _ in attrs):
            self.found.append((tag, attrs))


@pytest.mark.full
def test_a_network_of_hostile_names_is_built_to_its_report_in_a_hostile_folder(tmp_path):
    """Names of tensors and nodes are in no product; the folder's own name is no command to a tool."""
    folder = tmp_path / ODD_FOLDER
    folder.mkdir()
    (folder / "m.onnx").write_bytes(stored(plain(names=ODD)))
    words = ("--model", "m.onnx", "--scale", "1", "--images", "2", "--stalled", "1", "--waves")
    code, said, _, _ = run(folder, "build", *words)
    assert code == 0, said
    assert {path.name for path in tmp_path.iterdir()} == {ODD_FOLDER, "said"}
    assert {path.name for path in folder.iterdir()} == {"m.onnx", "out"}
    acc = folder / "out/m/rtl-pynq-z2"
    record = json.loads((acc / "report.json").read_text())
    assert record["verdict"] == "PASS" and "netlist" in {row["stage"] for row in record["stages"]}
    page = Scripts()
    page.feed((acc / "report.html").read_text())
    assert page.found == [("script", [])]  # its own
    texts = [path for path in (folder / "out/m").rglob("*") if path.is_file() and path.suffix != ".npz"]
    for path in texts:
        content = path.read_bytes().decode(errors="replace")
        assert not [
            name for name in ODD.values() if len(name) > 9 and name not in ODD_FOLDER and name in content
        ], path
    for path in (acc / "rtl").glob("*.sv"):
        for name in re.findall(
            r"^\s*module\s+(?:automatic\s+)?(\S+?)[\s(#;]", path.read_text(), re.MULTILINE
        ):
            assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]*", name), (path, name)
