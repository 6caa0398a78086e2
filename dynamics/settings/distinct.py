"""Settings that would train the same, and options that were asked for and change nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from dynamics.settings.messages import flag, shown
from dynamics.settings.option_fields import FIELDS, Effect, default, metadata
from dynamics.settings.setting import Setting

_OF_ONE_PLAYER = ("optimizer", "lr")  # options of both players that each can have of its own, as NAME_g and NAME_d
_OF_D = ("hidden", "layers", "activation")  # options of G's that D can have of its own, as NAME_d


def has_effect(setting: Setting, name: str) -> bool:
    """Whether another value of an option could train another GAN: at the start, or later, until a schedule sets it."""
    effect: Effect | None = metadata(Setting, name)["effect"]
    if effect is None:
        return True
    left_alone = itertools.takewhile(
        lambda phase: getattr(phase, name) == getattr(setting, name), (phase for _, phase in setting.phases)
    )
    return any(effect.holds(phase) for phase in left_alone)


def as_played(setting: Setting) -> dict[str, Any]:
    """The options of a setting as its game is written in one way: games whose options are equal train the same bits.

    Whatever has no effect has its default, penalties stand in the registry's order with their weights, and each player
    has options of its own. A schedule is what it makes of them, written so.
    """
    later = [(first, *as_played(phase).values()) for first, phase in setting.phases[1:]]
    setting = setting.phases[0][1]
    written = {name: getattr(setting, name) for name in FIELDS[Setting]}
    written |= {name: default(Setting, name) for name in FIELDS[Setting] if not has_effect(setting, name)}
    if setting.rule != setting.update:  # looking 0 steps ahead
        written |= {"update": setting.rule, "unroll": default(Setting, "unroll")}
    penalties = "+".join(f"{name}:{weight!r}" for name, weight in setting.penalties.items()) or "none"
    written |= {"penalty": penalties, "penalty_weight": None}
    for name in _OF_ONE_PLAYER:
        for player in setting.learners:
            of_player = getattr(setting, f"{name}_{player}")
            written[f"{name}_{player}"] = getattr(setting, name) if of_player is None else of_player
        written[name] = default(Setting, name)
    for name in _OF_D:
        of_d = getattr(setting, f"{name}_d")
        written[f"{name}_d"] = getattr(setting, name) if of_d is None else of_d
    return written | {"schedule": repr(later) if later else default(Setting, "schedule")}


def idle_option(asked: Iterable[str], settings: Sequence[Setting]) -> str | None:
    """A complaint of the first option among those asked for that has no effect in any of the settings, or None."""
    for name in asked:
        if settings and not any(has_effect(s, name) for s in settings):
            return f"{flag(name)} has no effect with {_circumstances(name, settings)}"
    return None


def _circumstances(name: str, settings: Sequence[Setting]) -> str:
    """The options that decide whether one has an effect, as they are in these settings."""
    effect: Effect = metadata(Setting, name)["effect"]
    values = {by: list(dict.fromkeys(getattr(s, by) for s in settings)) for by in effect.decided_by}
    telling = [by for by in values if values[by] != [default(Setting, by)]] or [effect.decided_by[0]]
    in_words = {by: " or ".join(shown(str(value)) for value in values[by] if value is not None) for by in telling}
    return " and ".join(f"{flag(by)} {words}" for by, words in in_words.items())


def merged(settings: Sequence[Setting]) -> tuple[tuple[Setting, ...], list[str]]:
    """The settings that play different games, the first of those that play one; and what is left out, in sentences."""
    kept: dict[tuple[Any, ...], Setting] = {}
    left_out: dict[str, int] = {}  # the options in which settings differ from the ones kept in their place -> how many
    for setting in dict.fromkeys(settings):
        same = kept.setdefault(tuple(as_played(setting).values()), setting)
        if same is not setting:
            differ = [flag(name) for name in FIELDS[Setting] if getattr(same, name) != getattr(setting, name)]
            left_out[" and ".join(differ)] = left_out.get(" and ".join(differ), 0) + 1
    return tuple(kept.values()), [_left_out(options, n) for options, n in left_out.items()]


def _left_out(options: str, n: int) -> str:
    """'left out, 2 settings: --unroll makes no difference there, so they are the same games as others'."""
    makes = "make" if " and " in options else "makes"
    same = "it is the same game as another" if n == 1 else "they are the same games as others"
    return f"left out, {n} setting{'s' if n > 1 else ''}: {options} {makes} no difference there, so {same}"
