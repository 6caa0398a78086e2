"""Facts and functions of one name: neither is there without the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

F = TypeVar("F")
G = TypeVar("G")


def matching(kind: str, facts: Mapping[str, F], functions: Mapping[str, G], where: str) -> dict[str, tuple[F, G]]:
    """What the catalogue says of each name and what stands at `where` for it, in the catalogue's order.

    `kind` is what has the names, as "loss". Raises ``ValueError`` that names what one of the two lacks.
    """
    lacking = [
        *(f"{kind} {name!r} is in the catalogue, but {where} has nothing for it" for name in facts.keys() - functions),
        *(f"{kind} {name!r} is in {where}, but the catalogue has nothing on it" for name in functions.keys() - facts),
    ]
    if lacking:
        raise ValueError("; ".join(sorted(lacking)))
    return {name: (fact, functions[name]) for name, fact in facts.items()}
