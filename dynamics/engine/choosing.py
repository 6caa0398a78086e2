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
from dynamics.games.losses import LOSSES
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
    return STACKS[path_of(setting, device)]


def path_of(setting: Setting, device: torch.device | str) -> str:
    """What that kind of stack is called in `STACKS`."""
    return next(name for name, kind in STACKS.items() if kind.can(setting, torch.device(device)))


def path_notes(settings: Sequence[Setting], device: torch.device | str) -> list[str]:
    """What is said of losses that would be trained faster if their slopes were written out."""
    paths = {s.loss: path_of(s, device) for s in settings if s.plain and not LOSSES[s.loss].written_out}
    return [
        f"--loss {loss}: games/losses.py has no slopes written out for it, so autograd finds them, which is slower"
        f" (path: {path})"
        for loss, path in paths.items()
    ]
