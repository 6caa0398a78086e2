"""The option --schedule: changes of a setting in mid-training.

    1000: d-steps=1; 2000: lr-g=0.0001 beta1=0.5

Steps are parted by semicolons, the options of one step by spaces; what is not named stays. A change is made before the
generator step that follows its step, or at the next round's beginning if a round is under way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from dynamics.settings.messages import OptionError, flag, flagged, near
from dynamics.settings.option_checks import parse
from dynamics.settings.option_fields import ALIASES, FIELDS, metadata

NONE = "none"
MOST_CHANGES = 100  # steps at which one setting changes
_FORM = "must be none, or like '1000: d-steps=1; 2000: lr-g=1e-4 beta1=0.5'"


class Change(NamedTuple):
    """After `step` generator steps these options have other values."""

    step: int
    values: dict[str, Any]


def check_schedule(cls: type, text: str, written: Callable[[str], str]) -> None:
    """Raise `OptionError` unless this is a schedule for a class of settings; `written` puts a part as the user did."""
    changes_of(text, cls, written)


def changes_of(text: str, cls: type, written: Callable[[str], str] | None = None) -> list[Change]:
    """The changes that a schedule asks for of a class of settings, by ascending steps.

    Raises `OptionError` for what is no schedule, for options that cannot change in mid-training, and for values that an
    option does not take.
    """
    written = written or functools.partial(flagged, "--schedule")
    if text.strip() == NONE:
        return []
    changes: list[Change] = []
    for part in text.split(";"):
        step, colon, options = part.partition(":")
        digits = step.strip()
        if not (colon and options.strip() and digits.isascii() and digits.isdigit() and len(digits) < 10):
            raise OptionError(f"{written(part.strip())}: {_FORM}")
        if int(digits) < 1 or (changes and int(digits) <= changes[-1].step):
            raise OptionError(f"{written(part.strip())}: steps must ascend, and the first be at least 1")
        changes.append(Change(int(digits), dict(_values(options.split(), int(digits), cls, written))))
    if len(changes) > MOST_CHANGES:
        raise OptionError(f"{written(text)}: has {len(changes)} steps; at most {MOST_CHANGES} are allowed")
    return changes


def written(changes: Iterable[Change]) -> str:
    """The schedule that asks for these changes, in one form; "none" for none."""
    parts = (
        f"{step}: " + " ".join(f"{flag(name).removeprefix('--')}={_value(value)}" for name, value in values.items())
        for step, values in changes
    )
    return "; ".join(parts) or NONE


def _value(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def changeable(cls: type) -> tuple[str, ...]:
    """The options that may change in mid-training."""
    return tuple(name for name in FIELDS[cls] if metadata(cls, name)["in_mid_training"])


def _values(words: Sequence[str], step: int, cls: type, written: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    """Option, value of words such as lr-g=1e-4."""
    named: set[str] = set()
    may = [flag(name).removeprefix("--") for name in changeable(cls)]
    for word in words:
        option, equals, value = word.partition("=")
        called = written(f"{step}: {option}")
        asked = option.removeprefix("--").replace("-", "_")
        name = ALIASES.get(asked, asked)
        if not (option and equals and value):
            raise OptionError(f"{written(f'{step}: {word}')}: {_FORM}")
        if name not in FIELDS[cls]:
            raise OptionError(f"{called}: is no option of a setting{near(option, may)}")
        if not metadata(cls, name)["in_mid_training"]:
            raise OptionError(f"{called}: cannot change in mid-training; these can: {', '.join(may)}")
        if name in named:
            raise OptionError(f"{called}: stands there twice")
        named.add(name)
        yield name, parse(cls, name, value, called)
