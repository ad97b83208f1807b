"""Networks of a test's own, found as if `sw/networks` held their files."""

from types import SimpleNamespace

from xnorforge.sw import networks


def give_network(monkeypatch, net: str, build) -> None:
    """Let `networks.build(net)` call a function."""
    before = networks.load
    given = SimpleNamespace(build=build)
    monkeypatch.setattr(networks, "load", lambda name: given if name == net else before(name))
