"""Options as fields of a dataclass: how one is declared, and what was declared of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, NamedTuple, get_type_hints

FIELDS: dict[type, dict[str, type]] = {}  # class -> its fields that are options -> their types
ALIASES: dict[str, str] = {}  # another name of an option -> its name: n_critic -> d_steps


class Effect(NamedTuple):
    """When an option changes what is trained: of a setting, and the options that decide it, the first to be named."""

    holds: Callable[[Any], bool]
    decided_by: tuple[str, ...]


def option(
    default: Any,
    help: str,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
    per_member: bool = False,
    in_mid_training: bool = False,
    aliases: tuple[str, ...] = (),
    effect: Effect | None = None,
    checked: Callable[[type, str, Callable[[str], str]], None] | None = None,
) -> Any:
    """A dataclass field that is also a command-line option.

    `above`/`below` are exclusive limits, `least`/`most` inclusive ones. `per_member` says that members of one stack
    may differ in it: it changes neither a tensor's shape nor the program. `in_mid_training` says that a schedule may
    change it. `effect` says when it changes anything; left out: always. `checked` raises `OptionError` for a
    text that the option does not take: of the class, the text, and a function that puts a part of it as the user did.
    """
    limits = {"above": above, "least": least, "below": below, "most": most}
    declared = {"help": help, "limits": limits, "aliases": aliases, "effect": effect, "checked": checked}
    return field(default=default, metadata=declared | {"per_member": per_member, "in_mid_training": in_mid_training})


def declare_options(cls: type) -> None:
    """Enter a class's options into `FIELDS` and `ALIASES`, once it exists, so that a bad default is noticed too."""
    hints = get_type_hints(cls)
    FIELDS[cls] = {}
    for f in dataclasses.fields(cls):
        if "help" in f.metadata:
            (kind,) = (
                k for k in (str, int, float) if k is hints[f.name] or k in getattr(hints[f.name], "__args__", ())
            )
            FIELDS[cls][f.name] = kind
            for alias in f.metadata["aliases"]:
                ALIASES[alias.removeprefix("--").replace("-", "_")] = f.name


@functools.cache
def _fields_by_name(cls: type) -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(cls)}


def metadata(cls: type, name: str) -> Mapping[str, Any]:
    """Help, limits and whatever else an option was declared with."""
    return _fields_by_name(cls)[name].metadata


def default(cls: type, name: str) -> Any:
    """What an option is where nothing is asked."""
    return _fields_by_name(cls)[name].default
