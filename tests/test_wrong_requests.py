"""A wrong request is answered with one sentence that names the right cure, before torch loads."""

import json
import subprocess
import sys

import pytest

from .refusals import says

ODD, FINN = '{"dense0": {"colour": 1}}', '{"MVAU_0": {"PE": 0}}'
FILES = {"x.png": "", "cut.json": "{", "odd.json": ODD, "finn.json": FINN}
# {command line: what its answer says, in order}; of each the words alone are wrong, or a file of FILES.
WRONG = {
    "biuld mnist-tfc": "xnorforge: 'biuld' … did you mean 'build'?",
    "help": "'help' … `xnorforge --help`",
    "explain mnist-cnn conv3": "'mnist-cnn' is a network … `xnorforge explain conv3 mnist-cnn`",
    "explain mnist-cnn": "'mnist-cnn' is a network … `xnorforge explain LAYER mnist-cnn`",
    "explain conv1 mnist-cn": "NET: 'mnist-cn' … did you mean 'mnist-cnn'?",
    "build TASK=mnist": "'TASK=mnist' is for make … --task mnist.",
    "build NET=mnist-tfc": "'NET=mnist-tfc' is for make … --net mnist-tfc.",
    "build mnist": "NET: 'mnist' is a task … --task mnist.",
    "build mnist_tfc": "NET: 'mnist_tfc' … did you mean 'mnist-tfc'?",
    "build tfc": "NET: 'tfc' … mnist-tfc",
    "build ./mnist-tfc": "NET: './mnist-tfc' does not exist … `xnorforge list` … folder of a build.",
    "report out/nothing": "NET: 'out/nothing' does not exist … QONNX file … folder of a build.",
    "sim empty": "empty: … build.toml … out/mnist-cnn",
    "build missing.onnx": "MODEL: 'missing.onnx' does not exist … QONNX file",
    "build x.png": "NET: 'x.png' is not a network … --image x.png.",
    "demo mnist-tfc x.png": "'x.png' is not a network … --image x.png.",
    "demo pedestrian-tinyped street.mp4": "'street.mp4' … --video street.mp4.",
    "build --net mnist-tfc mnist-cnn": "NET: … 'mnist-cnn' … 'mnist-tfc' … only one",
    "build mnist-tfc pynq-z2": "'pynq-z2' is a board … --board pynq-z2.",
    "build mnist-tfc ste": "'ste' is a method … --method ste.",
    "list boards": "xnorforge list: … 'boards' … --help",
    "build mnist-tfc --lut 5000%": "LUT: '5000%' is more than the whole part … 100%",
    "build mnist-tfc --lut 60 %": "'%' is apart from its number … 60%",
    "build mnist-tfc --lut 4k": "LUT: '4k' … LUT=60% or LUT=4500",
    "build mnist-tfc --fps fast": "FPS: 'fast' … FPS=3000 or FPS=max",
    "build mnist-tfc --fps 100 --interval 5": "FPS: INTERVAL … one of the two",
    "build mnist-tfc --interval 1e3": "INTERVAL: '1e3' … whole number … INTERVAL=32768",
    "build mnist-tfc --latency 5ms": "LATENCY: '5ms' … LATENCY=500us or LATENCY=25ns",
    "build mnist-tfc --clock 1GHz": "CLOCK: '1GHz' … CLOCK=250MHz or CLOCK=4ns",
    "build mnist-tfc --freq 100": "--freq … --clock.",
    "build mnist-tfc --widht 8": "--widht … --stream.",
    "build mnist-tfc --boards basys3": "--boards … --board.",
    "build mnist-tfc --stream 24": "STREAM: 24 bits … STREAM=32.",
    "build mnist-tfc --board xc7z020": "BOARD: 'xc7z020' is the part of … pynq-z2",
    "build mnist-tfc --board PYNQ-Z2": "BOARD: 'PYNQ-Z2' … did you mean 'pynq-z2'?",
    "build mnist-tfc --backend verilog": "BACKEND: 'verilog' … rtl",
    "build mnist-tfc --until bitstraem": "UNTIL: 'bitstraem' … did you mean 'bitstream'?",
    "build mnist-tfc --until hls": "hls: … BACKEND=rtl … export, lower, fold",
    "build mnist-tfc --pnr on": "PNR: 'on' … auto, off",
    "build mnist-tfc --spare luts": "SPARE: 'luts' … did you mean 'lut'?",
    "build mnist-tfc --method sta": "METHOD: 'sta' … bonn, ci_bcnn, dwn … did you mean 'ste'?",
    "build mnist-tfc --output label": "OUTPUT: 'label' … did you mean 'labels'?",
    "build mnist-tfc --seeds 1,1": "SEEDS: '1,1' … SEEDS=1,2,3",
    "build mnist-tfc --images 0": "IMAGES: '0' … IMAGES=100",
    "build mnist-tfc --folding none.json": "FOLDING: 'none.json' does not exist … JSON file",
    "build mnist-tfc --folding cut.json": "cut.json: … JSON",
    "build mnist-tfc --folding odd.json": "odd.json: dense0 … 'colour' … pe",
    "build mnist-tfc --folding finn.json": "finn.json: MVAU_0 … PE: 0 … positive",
    "build mnist-tfc --config none.toml": "--config: 'none.toml' … build.toml",
    "build mnist-tfc --scale nan": "SCALE: 'nan' … SCALE=",
    "build --method bonn": "mnist-cnn-bonn … mnist-cnn-ste … `make train NET=mnist-cnn METHOD=bonn`",
    "build --weights mine": "WEIGHTS: 'mine' … card.json … training run",
    "train cnv": "NET: 'cnv' … did you mean 'cifar10-cnv'?",
    "train tfc --task mnits": "TASK: 'mnits' … did you mean 'mnist'?",
    "train mnist-tfc --lr fast": "LR: 'fast' … above 0 … LR=0.002",
    "train mnist-tfcc": "NET: 'mnist-tfcc' … did you mean 'mnist-tfc'?",
    "train mnist-tfc --method stee": "METHOD: 'stee' … did you mean 'ste'?",
    "train mnist-tfc --set kernel": "SET: 'kernel' … NAME=VALUE",
    "train net.onnx": "NET: 'net.onnx' … `xnorforge list`",
    "compare digits": "NET: 'digits' is a task … --task digits.",
    "package mnist-tfc --interface axi": "INTERFACE: 'axi' … did you mean 'axis'?",
    "cache clean": "ACTION: 'clean' … prune",
    "import net.py": "TARGET: 'net.py' does not exist … net.py:Net",
    "fit mnist-tfc --fps max": "FPS: 'max' … FPS=1000",
}
# What a new process does with each: code, standard error, processor seconds, and whether torch was loaded.
RUN = """
import contextlib, io, json, shlex, sys, time
from xnorforge.cli import main
for words in json.load(sys.stdin):
    said, started, sys.argv = io.StringIO(), time.process_time(), ["xnorforge", *shlex.split(words)]
    with contextlib.redirect_stderr(said):
        code = main.main()
    print(json.dumps([code, said.getvalue(), time.process_time() - started, "torch" in sys.modules]))
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    place = tmp_path_factory.mktemp("wrong")
    (place / "empty").mkdir()
    for name, text in FILES.items():
        (place / name).write_text(text)
    given = {"cwd": place, "input": json.dumps([*WRONG]), "capture_output": True, "text": True}
    done = subprocess.run([sys.executable, "-c", RUN], **given, check=True)
    assert sorted(path.name for path in place.iterdir()) == sorted(["empty", *FILES]), "nothing is written"
    return dict(zip(WRONG, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("words", WRONG)
def test_one_sentence_names_the_cure_before_torch_loads(answers, words):
    code, said, seconds, torch = answers[words]
    assert code == 2 and said.count("\n") == 1 and not torch
    assert seconds <= (2 if words.endswith(tuple(FILES)) else 0.5)  # where a file is read
    says(said.strip(), WRONG[words])
