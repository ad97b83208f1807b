"""Compare two training methods on one small network: the same epochs, the same seeds, one table.

    python examples/compare_methods.py

Each run trains digits-cnn (8x8 handwritten digits, no download), exports it, and measures the accuracy of
the exported network on 400 test images. Finished runs are kept in out/compare, so a second call only prints
the table. The command line does the same, with more figures and plots:

    xnorforge compare digits-cnn --methods "ste bonn" --epochs 10
"""

from statistics import mean, stdev

from xnorforge.studies.compare import compare, compare_request

METHODS = ("ste", "bonn")
SEEDS = (0, 1, 2)
EPOCHS = 10  # enough for an example; the recipe of the network has 60


def main() -> None:
    """Train, export, and print a row per method."""
    request = compare_request(
        "digits-cnn", methods=" ".join(METHODS), seeds=" ".join(map(str, SEEDS)), epochs=EPOCHS
    )
    accuracy = {method: {} for method in METHODS}
    for result in compare(request):
        exported = next(row for row in result.sets if row["stage"] == "exported")
        accuracy[result.variant.method][result.seed] = exported["top1"]

    print(f"\n{'method':8}" + "".join(f"  seed {seed}" for seed in SEEDS) + "     mean     std")
    for method, by_seed in accuracy.items():
        row = "".join(f"{by_seed[seed]:8.2f}" for seed in SEEDS)
        print(f"{method:8}{row} {mean(by_seed.values()):8.2f}{stdev(by_seed.values()):8.2f}")

    # Runs with the same seed see the same images in the same order: compare them in pairs.
    first, second = METHODS
    differences = [accuracy[second][seed] - accuracy[first][seed] for seed in SEEDS]
    print(f"{second} - {first}, seed by seed: " + ", ".join(f"{value:+.2f}" for value in differences))


if __name__ == "__main__":
    main()
