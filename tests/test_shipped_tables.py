"""What the tables of all shipped networks share: which networks there are, and how the rows are printed."""

from pathlib import Path

import pytest

from xnorforge.core.errors import UserError
from xnorforge.sw import zoo

from .documents import tool

shipped = tool("shipped")


def test_a_network_that_was_lowered_before_is_taken_as_it_lies(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "shipped", lambda: [("mnist-tfc", "ste"), ("mnist-cnn", "bonn")])
    monkeypatch.setattr(zoo, "load", lambda *_: pytest.fail("exported again"))
    folders = [tmp_path / name for name in ("mnist-tfc-ste", "mnist-cnn-bonn")]
    for folder in folders:
        folder.mkdir()
        (folder / "lower.json").write_text("{}")
    found = list(shipped.lowered_networks(20, tmp_path))
    assert found == [("mnist-tfc, ste", folders[0]), ("mnist-cnn, bonn", folders[1])]
    assert list(shipped.lowered_networks(20, tmp_path, ["mnist-cnn"])) == found[1:]
    with pytest.raises(UserError, match=r"^shipped: 'mnist-cn' .*'mnist-cnn'"):
        list(shipped.lowered_networks(20, tmp_path, ["mnist-cn"]))


def test_rows_are_printed_behind_the_head_and_a_folder_of_nobody_is_removed(tmp_path, capsys):
    seen = []

    def rows(folder: Path):
        assert folder.is_dir()
        seen.append(folder)
        yield from ("| 1 |", "| 2 |")

    shipped.print_table(["| n |", "|---|"], rows, None)
    assert capsys.readouterr().out == "| n |\n|---|\n| 1 |\n| 2 |\n" and not seen[0].exists()
    shipped.print_table(["| n |", "|---|"], rows, tmp_path)
    assert seen[1] == tmp_path and tmp_path.is_dir()


def test_a_board_that_is_not_given_is_that_of_the_study():
    asked = shipped.table_parser("table", None, "ulx3s").parse_args(["nets"])
    assert (asked.folder, asked.board, asked.nets) == (Path("nets"), "ulx3s", [])
