"""Which training run the next build takes: not one on made-up pictures, unless its folder is named."""

import json
import shutil

import pytest

from xnorforge.core import plugins
from xnorforge.pipeline.request import Request
from xnorforge.pipeline.stages import STAGES
from xnorforge.sw.datasets import synthetic
from xnorforge.sw.training import runs


def card(folder, trained_on: str):
    folder.mkdir()
    (folder / runs.WEIGHTS).touch()
    (folder / "card.json").write_text(json.dumps({"data": {"trained_on": trained_on}}))
    return folder


def test_the_next_build_takes_the_shipped_weights_where_the_run_saw_made_up_pictures(tmp_path, monkeypatch):
    """One epoch without the data set leaves a run in the very folder that a build looks into."""
    monkeypatch.chdir(tmp_path)
    asked = Request(net="pedestrian-tinyped")
    export = next(stage for stage in STAGES if stage.name == "export")
    asked.net_dir.mkdir(parents=True)
    card(asked.trained, synthetic.pedestrians(2).what)
    assert asked.options(export)["weights"] is None
    named = Request(net="pedestrian-tinyped", weights=str(asked.trained))
    assert named.options(export)["weights"] == str(asked.trained)
    shutil.rmtree(asked.trained)
    card(asked.trained, "136 pictures of Penn-Fudan")
    assert asked.options(export)["weights"] == str(asked.trained)


def test_a_folder_of_the_users_may_be_called_made_up(tmp_path):
    folder = card(tmp_path / "train", "the 42 pictures of made-up kept to train on (by SHA-256)")
    assert runs.own(folder) is None
    data = {"trained_on": "the 42 pictures of made-up kept to train on (by SHA-256)", "pictures": "0123"}
    (folder / "card.json").write_text(json.dumps({"data": data}))
    assert runs.own(folder) == folder


def test_no_run_is_none(tmp_path):
    assert runs.own(tmp_path / "train") is None


def test_shipped_networks_were_trained_on_real_pictures():
    for folder in (plugins.folders("sw")[0] / "shipped").iterdir():
        assert runs.own(folder) == folder


@pytest.mark.parametrize("name", plugins.names("sw.datasets"))
def test_a_data_set_says_where_it_comes_from(name):
    module = plugins.load("sw.datasets", name)
    assert module.__doc__ and module.SOURCE
