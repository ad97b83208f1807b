"""tools/lint_code.py: what nobody names, what branches too much, and too many lines are found."""

from .documents import ROOT, tool

lint = tool("lint_code")


def test_a_dead_definition_and_a_complex_function_are_found(tmp_path, monkeypatch):
    many = "".join(f"    if x == {n}:\n        return {n + 1}\n" for n in range(25))
    text = f"def gone(): pass\n\n@rule('Add')\ndef kept(): pass\n\ndef many(x):\n{many}\nmany(2)\n"
    (tmp_path / "one.py").write_text(text)
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    monkeypatch.setattr(lint, "CALLED_ELSEWHERE", {"templates": "drawn"})
    monkeypatch.setattr(lint, "BRANCHING", {"one.py": "gone"})
    monkeypatch.setattr(lint, "LINES", len(text.splitlines()) - 1)
    paths = [tmp_path / "one.py"]
    unused, stale = lint.dead(paths)
    assert "one.py:1" in unused and "drawn" in stale
    complex_one, simple = lint.branching(paths)
    assert "many" in complex_one and "26" in complex_one and "gone" in simple
    assert len(list(lint.total(paths))) == 1


def test_the_sources_are_the_code_outside_tests():
    paths = {str(path.relative_to(ROOT)) for path in lint.sources()}
    assert {"hw/ops/base.py", "src/xnorforge/api.py", "sim/stream.cpp", "tools/lint_code.py"} <= paths
    assert not any(path.startswith(("tests/", ".venv/", "src/xnorforge/hw/")) for path in paths)
