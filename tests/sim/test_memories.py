"""Memory files are read back against the graph: right ones pass, and each wrong bit is found."""

import numpy as np
import pytest
from op_examples import examples_of, in_file

from xnorforge.core import plugins
from xnorforge.core.artifacts import write_json
from xnorforge.flows.backends.rtl import write_layer
from xnorforge.hw.words import binary
from xnorforge.sim import memories

OPS = {name: plugins.load("hw.ops", name).Op for name in plugins.names("hw.ops")}
EVERY = [(f"{name}-{n}", op) for name, kind in OPS.items() for n, op in enumerate(examples_of(kind)[:40])]
EXAMPLES = {name: op for name, op in EVERY if op.memories()}
MODULES = "xf_mvu", "xf_xnor_mvu_pixels", "xf_depthwise"


def decoded_files(op) -> set[str]:
    """Files whose words are decoded: weights and starts of binary sums."""
    if op.inner:
        return {f"M{k}{name}" for k, one in enumerate(op.inner) for name in decoded_files(one)}
    return {"WeightFile", "StartFile", "ScaleFile"} if op.rtl()[0] in MODULES else set()


def check_of(folder, op):
    """The check of a folder with one operator."""
    folder.mkdir(exist_ok=True)
    write_json(folder / "rtl.json", {"layers": [write_layer(folder, 0, op)]})
    ([check, *_], _) = memories.check_memories(folder, [op])
    return check


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_files_of_every_operator_hold_its_arrays(name, tmp_path):
    op = EXAMPLES[name]
    check = check_of(tmp_path, op)
    assert check["mismatches"] == 0
    assert check["integers"] == sum(bits * len(words) for bits, words in op.memories().values())
    decoded = int(check["what"].partition(", ")[2].split()[0].replace(",", ""))
    files = decoded_files(op)
    assert decoded == sum(bits * len(words) for file, (bits, words) in op.memories().items() if file in files)


@pytest.mark.parametrize("name", ["xnor_mvu", "byte_mvu", "int_mvu", "spatial_mvu", "depthwise"])
def test_a_wrong_bit_of_a_weight_is_found_whoever_wrote_it(name, tmp_path, monkeypatch):
    """The operator itself makes the wrong words, so that only the arrays of the graph tell."""
    rng, seen = np.random.default_rng(1), 0
    for op in [op for op in in_file(name) if op.rtl()[0] in MODULES and op.memories()][:12]:
        right = op.memories()
        bits, words = right["WeightFile"]
        wrong = [*words]
        at = int(rng.integers(len(words)))
        wrong[at] ^= 1 << int(rng.integers(bits))
        monkeypatch.setattr(op, "memories", lambda kept=right | {"WeightFile": (bits, wrong)}: kept)
        assert check_of(tmp_path, op)["mismatches"] > 0, (op.rtl(), at)
        seen += 1
    assert seen >= 5


@pytest.mark.parametrize("name", ["xnor_mvu", "byte_mvu", "int_mvu", "spatial_mvu", "depthwise"])
def test_each_bit_of_what_sums_start_from_is_read_whoever_wrote_it(name):
    """Of units with and without thresholds, also those that no sum reaches."""
    seen = set()
    for op in [op for op in in_file(name) if "StartFile" in op.memories()][:40]:
        bits, words = op.memories()["StartFile"]
        given = {key: str(value).removeprefix("xf_pkg::") for key, value in op.rtl()[1].items()}
        given |= {key: int(value) for key, value in op.rtl()[1].items() if not isinstance(value, str)}
        decode = op.decoder("StartFile", given)
        for bit in range(bits):
            wrong = [words[0] ^ 1 << bit, *words[1:]]
            got, wanted = decode(binary(wrong, bits), given, op)
            assert (got != wanted).sum() == 1, (op.rtl(), bit)
        seen.add((given.get("Dot"), "thresholds" in op.arrays_of))
    assert {raw for _, raw in seen} >= {True} and len(seen) >= (6 if name == "int_mvu" else 1)


def test_every_kind_of_memory_tells_a_bit_that_was_altered_in_its_file(tmp_path):
    """Also files that are not decoded, short and long ones."""
    for number, op in enumerate({type(op): op for op in EXAMPLES.values()}.values()):
        folder = tmp_path / str(number)
        check_of(folder, op)
        for path in sorted(folder.glob("*.mem")):
            right = path.read_text().splitlines()
            lines = [(at, f"{int(right[at], 16) ^ 1:x}") for at in (0, 1, -1 % len(right))]
            altered = [[*right[:at], line, *right[at + 1 :]] for at, line in lines]
            for wrong in (*altered, [*right, "0"], right[:-1]):
                path.write_text("\n".join(wrong) + "\n")
                ([check, *_], _) = memories.check_memories(folder, [op])
                assert check["mismatches"] > 0, path.name
            path.write_text("\n".join(right) + "\n")


def test_a_file_by_hand(tmp_path):
    """2 inputs, 3 rows, one of each per word: words pass by pass; row 1 answers from two equal bits on."""
    weights, thresholds = np.array([[1, 0, 1], [0, 0, 1]]), np.array([1, 2, 0])
    attributes = {"mw": 2, "mh": 3, "in_shape": [2], "out_shape": [3]}
    op = OPS["sign_mvu"].make(arrays={"weights": weights, "thresholds": thresholds}, **attributes)
    check_of(tmp_path, op)
    (file,) = tmp_path.glob("*WeightFile.mem")
    assert file.read_text().split() == ["1", "0", "0", "0", "1", "1"]
    (file,) = tmp_path.glob("*StartFile.mem")
    assert [4 - int(word, 16) for word in file.read_text().split()] == [1, 2, 0]
