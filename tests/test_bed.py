"""tools/bed.py: runs that are paired, made once and resumed; and the frames that it tells apart."""

import numpy as np
import pytest

from xnorforge.sw.datasets import base, cifar10

from .documents import tool

bed, results = tool("bed"), tool("results")


def line(network, method, seed, right, **more) -> dict:
    found = dict(zip(bed.SAME, (network, method, {}, "ours", 10, seed)))
    return found | {"right": right, "images": 1000, "terms": {}, "cpu_seconds": 60.0} | more


def test_a_difference_is_paired_by_seed_with_the_same_network_and_epochs():
    lines = [line("8-8-16-32", "ste", seed, right) for seed, right in enumerate((400, 420, 410))]
    lines += [line("8-8-16-32", "bonn", seed, right, terms={"kernel": 0.02 * (seed + 1)})
              for seed, right in ((1, 440), (0, 410), (2, 425))]  # fmt: skip
    lines += [line("16-16", "bonn", 0, 500), line("16-16", "ste", 0, 480), line("8-8", "bonn", 0, 1)]
    cells = {
        tuple(row.split(" | ")[0:3:2]): row.split(" | ") for row in results.bed_table(lines).splitlines()
    }
    assert cells["| 8-8-16-32", "bonn"][4:7] == ["42.50", "+1.50 [+0.26, +2.74]", "kernel 0.06"]
    assert cells["| 8-8-16-32", "ste"][5] == "" and cells["| 8-8", "bonn"][5] == ""
    assert cells["| 16-16", "bonn"][5] == "+2.00 [-]" and cells["| 16-16", "ste"][5] == "+8.00 [-]"


def test_a_run_is_made_once_and_its_pictures_are_means(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    shape = (bed.GIVEN + bed.HELD_OUT, 3, 32, 32)
    images, labels = np.zeros(shape, np.uint8), rng.integers(0, 10, shape[0])
    images[:, :, 6:8, 4:6] = [[1, 2], [3, 4]]  # 2.5: rounded up
    monkeypatch.setattr(cifar10, "images", lambda *_: (images, labels, "jpeg"))
    (given, _), (others, _) = bed.pictures()
    assert given.shape == (bed.GIVEN, 3, 16, 16) and others.shape == (bed.HELD_OUT, 3, 16, 16)
    assert (given[:, :, 3, 2] == 3).all() and given.sum() == 3 * given.shape[0] * 3
    monkeypatch.setattr(bed, "GIVEN", 80)
    monkeypatch.setattr(bed, "HELD_OUT", 50)
    words = (4, 4), "bonn", {}, "ours", 1, 0, 1, tmp_path / "bed.jsonl"
    found = bed.run(*words)
    assert found["images"] == 50 and 0 <= found["right"] <= 50 and set(found["terms"]) == {"kernel"}
    monkeypatch.setattr(bed, "pictures", None)
    assert bed.run(*words) == found and [found] == results.lines_of(tmp_path / "bed.jsonl")


@pytest.mark.full
def test_the_frame_is_two_points_above_the_one_of_before(tmp_path):
    try:
        cifar10.images("train", "jpeg")
    except base.Absent:
        pytest.skip("the JPEG copies are not in XNORFORGE_DATA")
    before = {one["seed"]: one for one in results.lines_of(results.BED) if "3c053e7" in one["network"]}
    assert len(before) == 3
    gaps = []
    for seed, old in before.items():
        new = bed.run(results.WIDTHS, "ste", {}, "ours", 10, seed, 0, tmp_path / "bed.jsonl")
        assert new["images"] == old["images"]
        gaps.append(100 * (new["right"] - old["right"]) / new["images"])
    assert np.mean(gaps) >= 2, gaps
