"""Which stack carries out a setting on a device: the first of the registry that can."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from dynamics.base.curves import Curves
from dynamics.engine.captured import CapturedStack
from dynamics.engine.fast import FastStack
from dynamics.engine.recorded import RecordedStack
from dynamics.engine.reference import AutogradStack
from dynamics.engine.scheduled import ScheduledStack
from dynamics.engine.stack import SettledStack, Stack
from dynamics.settings.setting import Setting

STACKS: dict[str, type[SettledStack]] = {  # in the order in which they are asked, the fastest first
    "fast": FastStack,
    "captured": CapturedStack,
    "recorded": RecordedStack,
    "reference": AutogradStack,  # which can carry out whatever there is
}


def make_stack(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    curves: Curves,
    evaluation: int,
    device: torch.device,
    dtype: torch.dtype,
    kind: str | None = None,
    *,
    can_change: bool = False,
) -> Stack:
    """The stack, untrained, of members of one structure; of that `kind` of `STACKS`, or the fastest that there is.

    `can_change` asks for one whose states those settings' later schedules can go on from.
    Raises ``ValueError`` for settings that cannot share a stack.
    """
    if any(s.structure != settings[0].structure for s in settings):
        raise ValueError("settings of different structure cannot share a stack")

    def make(
        of_phase: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> SettledStack:
        chosen = stack_for(of_phase[0], device) if kind is None else STACKS[kind]
        return chosen(of_phase, seeds, curves, evaluation, device, dtype)

    if can_change or len(settings[0].phases) > 1:
        return ScheduledStack(settings, seeds, curves, evaluation, device, dtype, make)
    return make(settings, seeds, curves, evaluation, device, dtype)


def stack_for(setting: Setting, device: torch.device | str) -> type[SettledStack]:
    """The kind of stack that trains this setting, and all of its structure, on this device; of one with a schedule,
    until its first change."""
    return next(kind for kind in STACKS.values() if kind.can(setting, torch.device(device)))
