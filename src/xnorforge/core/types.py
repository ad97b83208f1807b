"""Types that signatures of all parts share."""

from typing import Any, TypeAlias

Record: TypeAlias = dict[str, Any]  # what JSON holds, attributes of a node, keywords of a call
