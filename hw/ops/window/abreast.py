"""Windows of several rates that give the pixels under a row of a kernel side by side."""

from collections.abc import Mapping
from typing import Any


def row_elements(attributes: Mapping[str, Any]) -> int | None:
    """Elements under a kernel's row; None of one pixel, or if windows can leave whole (whole.py)."""
    _, width = attributes["kernel"]
    several = len(attributes.get("rates") or [1]) > 1
    return width * attributes["ifm"][2] if several and width > 1 else None
