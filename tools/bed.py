"""The small bed: methods compared in minutes, on CIFAR-10's pictures averaged to 16x16.

    python tools/bed.py --method bonn --set lam=1e-4 --recipe ours,optimiser=sgd --seeds 0 1 2
    python tools/bed.py --method bonn --warm 10 --epochs 5
    python tools/bed.py --table

A run is one call of `xnorforge.train` on 10,000 pictures, on one thread in float32. It is judged by the
following 12,500 training pictures, which it does not see; no test image is used. With `--warm N`, all runs
start from one network, trained for N epochs in full precision. Every finished run is a line
of JSON in the results file, and is not repeated. An interrupted run resumes.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import results
import ship
import torch

import xnorforge
from xnorforge.core.errors import UserError
from xnorforge.core.progress import say
from xnorforge.pipeline.request import assignment
from xnorforge.sw.datasets import cifar10
from xnorforge.sw.nn import stream
from xnorforge.sw.training import full_precision, given, train

GIVEN = 11_112  # `train` holds out every tenth and the last: it trains on 10,000
HELD_OUT = 12_500
SAME = ("network", "method", "hyper", "recipe", "epochs", "seed", "warm")  # what tells runs apart


def pictures() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return images, uint8 (N, 3, 16, 16), and labels: those given to `train`, and the held-out ones."""
    images, labels, _ = cifar10.images("train", "jpeg")
    images, labels = images[: GIVEN + HELD_OUT], labels[: GIVEN + HELD_OUT]
    means = images.reshape(-1, 3, 16, 2, 16, 2).mean((3, 5))
    small = np.floor(means + 0.5).astype(np.uint8)
    return (small[:GIVEN], labels[:GIVEN]), (small[GIVEN:], labels[GIVEN:])


def run(widths, method: str, hyper: dict, recipe: str, epochs: int, seed: int, warm: int, out: Path) -> dict:
    """Train and judge a network, or read the line of a run that is finished; return its line."""
    line = dict(zip(SAME, ("-".join(map(str, widths)), method, hyper, recipe, epochs, seed, warm)))
    for old in results.lines_of(out):
        if all(old.get(key, 0) == line[key] for key in SAME):
            return old
    (images, labels), (others, classes) = pictures()
    settings = [f"{key}={value}" for key, value in hyper.items()]
    folder = out.with_suffix("") / "_".join(
        map(str, (line["network"], method, *settings, recipe, epochs, seed))
    )
    torch.manual_seed(seed)
    module, start = stream.residual_stream(widths, size=16), None
    if warm:
        start = out.with_suffix("") / f"{line['network']}_float_{warm}"
        if not (start / "card.json").exists():
            net = given.named_network(module, "start", given.ArrayTask(images, labels), 1.0)
            full_precision.train_full_precision(net, start, warm, recipe="ours,arithmetic=float32")
    words = {"method": method, "out": folder, "epochs": epochs, "seed": seed, "scale": 1.0, **hyper}
    words |= {"init": str(start)} if start else {}
    trained = xnorforge.train(module, images, labels, recipe=f"{recipe},arithmetic=float32", **words)
    right = (train.scores(trained, others).argmax(1) == classes).sum()
    line |= {"right": int(right), "images": len(classes)}
    line["terms"] = {name: value for name, (value, _) in ship.largest_terms(folder).items()}
    line["cpu_seconds"] = round(torch.load(folder / "checkpoint.pt")["cpu_seconds"], 1)
    with out.open("a") as file:
        file.write(f"{json.dumps(line)}\n")
    shutil.rmtree(folder)
    return line


def main(words: list[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="bed.py", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=results.WIDTHS)
    parser.add_argument("--method", default="ste")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--recipe", default="ours", help='such as "ours,optimiser=sgd,lr=0.05"')
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--warm", type=int, default=0, metavar="EPOCHS")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("out/bed.jsonl"))
    parser.add_argument("--table", action="store_true")
    asked = parser.parse_args(words)
    try:
        hyper = dict(map(assignment, asked.set))
        if not asked.table:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
        for seed in () if asked.table else asked.seeds:
            line = run(
                asked.widths, asked.method, hyper, asked.recipe, asked.epochs, seed, asked.warm, asked.out
            )
            say(json.dumps(line))
        print(results.bed_table(results.lines_of(asked.out)))
    except UserError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
