"""Whether an option takes a value, in words where it does not; values from text."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from dynamics.settings.catalogue.names import NAMES, SAME_NAMES, SEVERAL
from dynamics.settings.messages import OptionError, flag, flagged, near
from dynamics.settings.modes import is_file
from dynamics.settings.option_fields import FIELDS, default, metadata
from dynamics.settings.penalty_terms import penalty_terms

MOST_WORKERS = 1024


def names_of(option: str) -> tuple[str, ...] | None:
    """The names that an option takes one of; None for any other option."""
    if option == "penalty":  # several
        return None
    return NAMES.get(SAME_NAMES.get(option, option))


def allowed(cls: type, name: str) -> str:
    """In words, what an option takes."""
    if (names := names_of(name)) is not None:
        return "one of " + ", ".join(names) + (", or a file NAME.csv, NAME.png or NAME.toml" if name == "mode" else "")
    if name == "penalty":
        return "none, or " + ", ".join(NAMES["penalty"]) + ", joined by +, each with :weight if need be"
    if name == "workers":
        return f"auto or a whole number from 1 to {MOST_WORKERS}"
    if name in ("from_run", "baseline"):
        return "a path" if name == "from_run" else "the name of a setting"
    kind, limits = FIELDS[cls][name], metadata(cls, name)["limits"]
    words = {int: "a whole number", float: "a finite number", str: "a word"}[kind]
    for key, phrase in (
        ("above", "above"),
        ("least", "of at least"),
        ("below", "below"),
        ("most", "at most"),
    ):
        if limits[key] is not None:
            words += f"{' and' if key in ('below', 'most') and words[-1].isdigit() else ''} {phrase} {limits[key]}"
    return words


def is_path(value: Any) -> bool:
    """Whether a value can be the name of a file or folder."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def check(cls: type, name: str, value: Any, written: Callable[[Any], str] | None = None) -> None:
    """Raise `OptionError` unless the option `name` of `cls` takes `value`.

    `written` puts the value, or the one word of it that is wrong, as the user did.
    """
    if value is None and default(cls, name) is None:
        return
    written = written or (lambda part: flagged(flag(name), part))
    if (names := names_of(name)) is not None:
        if value not in names and not (name == "mode" and is_file(value)):
            raise OptionError(f"{written(value)}: must be {allowed(cls, name)}{near(value, names)}")
    elif not _fits(cls, name, value):
        raise OptionError(f"{written(value)}: must be {allowed(cls, name)}")
    elif (checked := metadata(cls, name)["checked"]) is not None:
        checked(cls, value, written)
    elif name == "penalty":
        penalty_terms(value, written)
    elif name in SEVERAL and value not in SEVERAL[name][1]:
        together, alone = SEVERAL[name]
        known = (*alone, *together)
        for word in value.split(","):
            if word in alone:
                raise OptionError(f"{written(value)}: {word} stands alone")
            if word not in together:
                raise OptionError(f"{written(word)}: must be one of {', '.join(known)}{near(word, known)}")


def _fits(cls: type, name: str, value: Any) -> bool:
    """Whether a value is of an option's type, and within its limits."""
    kind, limits = FIELDS[cls][name], metadata(cls, name)["limits"]
    if name == "workers":
        digits = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 9
        return value == "auto" or (digits and 1 <= int(value) <= MOST_WORKERS)
    if name in ("from_run", "baseline"):
        return is_path(value)
    if kind is str:
        return isinstance(value, str)
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and (kind is float or isinstance(value, int))
        and abs(value) <= sys.float_info.max  # nor a whole number too large for a float
        and (limits["above"] is None or value > limits["above"])
        and (limits["least"] is None or value >= limits["least"])
        and (limits["below"] is None or value < limits["below"])
        and (limits["most"] is None or value <= limits["most"])
    )


def parse(cls: type, name: str, text: str, called: str | None = None) -> Any:
    """One value of an option from its text; raises `OptionError`, which calls it `called`, as the user did."""
    kind, value = FIELDS[cls][name], text.strip()
    written = functools.partial(flagged, called or flag(name))
    try:
        parsed = kind(value)
    except ValueError:
        raise OptionError(f"{written(value)}: must be {allowed(cls, name)}") from None
    check(cls, name, parsed, written if kind is str else lambda number: written(value))
    return parsed


def parse_several(cls: type, name: str, text: str, called: str | None = None) -> list[Any]:
    """Comma-separated values of an option, doubles dropped; raises `OptionError` for an empty one."""
    return list(dict.fromkeys(parse(cls, name, part, called) for part in text.split(",")))
