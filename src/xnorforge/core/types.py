"""Types that signatures of all parts share."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

F = TypeVar("F", bound=Callable[..., Any])  # a function that a decorator returns
Ints: TypeAlias = Sequence[int]
Record: TypeAlias = dict[str, Any]  # what JSON holds, attributes of a node, keywords of a call
