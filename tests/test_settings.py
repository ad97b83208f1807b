"""A configuration file asks for what the same options on the command line ask for."""

import tomllib

import pytest

from xnorforge.cli import asked as builds
from xnorforge.core.errors import UserError
from xnorforge.pipeline import options, settings
from xnorforge.pipeline.request import Request

ASKED = [
    {},
    {"net": "mnist-tfc", "method": "bonn", "board": "ulx3s", "interval": "4096", "seeds": "4,5"},
    {"task": "cifar10", "waves": True, "pnr": "off", "images": "7"},
    {"model": 'a "b"\\ü.onnx', "scale": "2/255-1", "input_format": "uint4", "labels": "last",
     "images_from": "x"},
    {"model": "a.onnx", "task": "segment", "output": "labels", "stalled": "2"},
    {"fps": "max", "lut": "60%", "bram": "50%", "latency": "500us", "spare": "bram"},
    {"net": "mnist-cnn", "loadable": True, "like": "out/a b,out/c"},
    {"net": "mnist-cnn", "weights": "out/mnist-cnn/train", "folding": "f.json", "backend": "auto"},
]  # fmt: skip


@pytest.mark.parametrize("options", ASKED, ids=range(len(ASKED)))
def test_the_file_beside_a_result_asks_for_the_same(tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    asked = builds.resolve(dict(options))
    asked.acc.mkdir(parents=True)
    settings.write_settings(asked)
    path = asked.acc / "build.toml"
    assert tomllib.loads(path.read_text())["board"] == asked.board
    assert builds.resolve({"config": str(path)}) == asked
    before = path.stat().st_mtime_ns
    settings.write_settings(asked)
    assert path.stat().st_mtime_ns == before


def test_a_folder_of_pictures_is_asked_for_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("cats", "dogs"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    asked = builds.resolve({"task": "folder", "data": "photos"})
    asked.acc.mkdir(parents=True)
    settings.write_settings(asked)
    assert builds.resolve({"config": str(asked.acc / "build.toml")}) == asked


def config(tmp_path, text):
    (tmp_path / "c.toml").write_text(text)
    return str(tmp_path / "c.toml")


def test_an_option_goes_before_the_file_and_a_network_with_all_that_belongs_to_it(tmp_path):
    path = config(tmp_path, 'model = "a.onnx"\nscale = "1/255"\nboard = "ulx3s"\nimages = 7\n')
    wanted = Request(model="a.onnx", scale=1 / 255, board="ulx3s", images=9)
    assert builds.resolve({"config": path, "images": "9", "board": ""}) == wanted
    wanted = Request(net="mnist-tfc", board="ulx3s", images=7)
    assert builds.resolve({"config": path, "net": "mnist-tfc"}) == wanted


@pytest.mark.parametrize("text, sentence", [
    ("board = ", "TOML"), ('bord = "ulx3s"', "'bord'"), ("images = [1]", "images is [1]"),
    ("images = 1", "IMAGES: '1'"),
])  # fmt: skip
def test_a_file_that_is_none_is_refused_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError) as refused:
        builds.resolve({"config": config(tmp_path, text)})
    assert sentence in str(refused.value)


def test_every_option_of_a_build_is_a_key():
    assert {one.key for one in options.OPTIONS} - {"jobs"} == set(settings.KEYS)
