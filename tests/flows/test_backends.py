"""Back ends are found by file name; each declares what fold, the stages behind it and the report go by."""

import pytest

from xnorforge.core import plugins
from xnorforge.flows.backends import base

STAGES = {"generate", "sim", "synth", "netlist", "hls"}


def test_the_back_ends_are_these():
    assert base.names() == ["finn", "hls4ml", "rtl"]


@pytest.mark.parametrize("name", base.names())
def test_a_back_end_declares_what_the_others_go_by(name):
    backend = base.load(name)
    assert backend.about and backend.report in {"design", "project", "handover"}
    assert backend.stages
    for stage in set(backend.stages) - STAGES:  # its own: the function that the pipeline calls
        assert callable(getattr(plugins.load("flows.backends", name), stage))
