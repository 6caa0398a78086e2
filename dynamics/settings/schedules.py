"""The option --schedule: changes of a setting in mid-training.

    1000: d-steps=1; 2000: lr-g=0.0001 beta1=0.5

Steps are parted by semicolons, the options of one step by spaces; what is not named stays. A change is made before the
generator step that follows its step, or at the next round's beginning if a round is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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


def changes_of(text: str, cls: type) -> list[Change]:
    """The changes that a schedule asks for of a class of settings, by ascending steps.

    Raises `OptionError` for what is no schedule, for options that cannot change in mid-training, and for values that an
    option does not take.
    """
    if text.strip() == NONE:
        return []
    changes: list[Change] = []
    for part in text.split(";"):
        if not part.strip():
            continue
        step, colon, options = part.partition(":")
        digits = step.strip()
        if not (colon and digits.isascii() and digits.isdigit() and len(digits) < 10 and int(digits) > 0):
            raise OptionError(f"{flagged('--schedule', part.strip())}: {_FORM}; steps are whole numbers of at least 1")
        if changes and int(digits) <= changes[-1].step:
            raise OptionError(f"{flagged('--schedule', text)}: its steps must ascend, and {digits} comes too late")
        changes.append(Change(int(digits), dict(_values(options.split(), int(digits), cls))))
        if not changes[-1].values:
            raise OptionError(f"{flagged('--schedule', part.strip())}: {_FORM}")
    if not 0 < len(changes) <= MOST_CHANGES:
        raise OptionError(f"{flagged('--schedule', text)}: {_FORM}, with at most {MOST_CHANGES} steps")
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


def _values(words: list[str], step: int, cls: type) -> Iterator[tuple[str, Any]]:
    """Option, value of words such as lr-g=1e-4."""
    said: set[str] = set()

    def called(name: str) -> str:
        return f"--schedule {step}: {name}"

    for word in words:
        option, equals, value = word.partition("=")
        asked = option.removeprefix("--").replace("-", "_")
        name = ALIASES.get(asked, asked)
        if not (equals and value):
            raise OptionError(f"{flagged(f'--schedule {step}:', word)}: {_FORM}")
        if name not in FIELDS[cls]:
            hint = near(option, [flag(known).removeprefix("--") for known in changeable(cls)])
            raise OptionError(f"{called(option)}: no option of a setting{hint}")
        if not metadata(cls, name)["in_mid_training"]:
            may = ", ".join(flag(known).removeprefix("--") for known in changeable(cls))
            raise OptionError(f"{called(option)}: cannot change in mid-training; these can: {may}")
        if name in said:
            raise OptionError(f"{called(option)}: said twice")
        said.add(name)
        yield name, parse(cls, name, value, called(option))
