"""Facts and functions of one name: neither is there without the other, and an entry has all of its parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

F = TypeVar("F")
G = TypeVar("G")


class IncompleteEntry(Exception):
    """An entry of a registry that lacks something; the message says what, and where it belongs. A mistake of the
    program, not of what was asked."""


class _Lacking:
    """In place of a part that an entry was not given."""

    def __repr__(self) -> str:
        return "lacking"


LACKING: Any = _Lacking()  # the default of a part that every entry needs


def matching(kind: str, facts: Mapping[str, F], functions: Mapping[str, G], where: str) -> dict[str, tuple[F, G]]:
    """What the catalogue says of each name and what stands at `where` for it, in the catalogue's order.

    `kind` is what has the names, as "loss". Raises `IncompleteEntry` that names what one of the two lacks.
    """
    lacking = [
        *(f"{kind} {name!r} is in the catalogue, but {where} has nothing for it" for name in facts.keys() - functions),
        *(f"{kind} {name!r} is in {where}, but the catalogue has nothing on it" for name in functions.keys() - facts),
    ]
    if lacking:
        raise IncompleteEntry("; ".join(sorted(lacking)))
    for name, parts in functions.items():
        check_parts(kind, name, parts, where)
    return {name: (fact, functions[name]) for name, fact in facts.items()}


def check_parts(kind: str, name: str, parts: Any, where: str) -> None:
    """Raise `IncompleteEntry` where a dataclass of an entry's parts has one that it was not given, and needs."""
    if dataclasses.is_dataclass(parts) and not isinstance(parts, type):
        lacking = [field.name for field in dataclasses.fields(parts) if getattr(parts, field.name) is LACKING]
        if lacking:
            raise IncompleteEntry(f"{kind} {name!r} lacks {', '.join(lacking)}, in {where}")


def part_of(kind: str, name: str, parts: Mapping[str, G], what: str, where: str) -> G:
    """The part of an entry that stands in a place of its own. Raises `IncompleteEntry` where it is not there."""
    if name not in parts:
        raise IncompleteEntry(f"{kind} {name!r} lacks {what}: it belongs in {where}")
    return parts[name]
