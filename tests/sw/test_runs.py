"""Which training run the next build takes: not one on made-up pictures, unless its folder is named."""

import json

import pytest

from xnorforge.core import plugins
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.training import runs


def card(folder, trained_on: str):
    folder.mkdir()
    (folder / runs.WEIGHTS).touch()
    (folder / "card.json").write_text(json.dumps({"data": {"trained_on": trained_on}}))
    return folder


def test_a_run_on_real_pictures_is_taken(tmp_path):
    folder = card(tmp_path / "train", "136 pictures of Penn-Fudan")
    assert runs.own(folder) == folder


def test_a_run_on_made_up_pictures_is_not(tmp_path):
    assert runs.own(card(tmp_path / "train", synthetic.pedestrians(2).what)) is None


def test_no_run_is_none(tmp_path):
    assert runs.own(tmp_path / "train") is None


def test_shipped_networks_were_trained_on_real_pictures():
    for folder in (plugins.folders("sw")[0] / "shipped").iterdir():
        assert runs.own(folder) == folder


@pytest.mark.parametrize("name", plugins.names("sw.datasets"))
def test_a_data_set_says_where_it_comes_from(name):
    module = plugins.load("sw.datasets", name)
    assert module.__doc__ and module.SOURCE
