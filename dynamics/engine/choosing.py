"""Which stack carries out a setting on a device: the first of the registry that can."""

from __future__ import annotations

import torch

from dynamics.engine.captured import CapturedStack
from dynamics.engine.fast import FastStack
from dynamics.engine.recorded import RecordedStack
from dynamics.engine.reference import AutogradStack
from dynamics.engine.stack import Stack
from dynamics.settings.setting import Setting

STACKS: dict[str, type[Stack]] = {  # in the order in which they are asked, the fastest first
    "fast": FastStack,
    "captured": CapturedStack,
    "recorded": RecordedStack,
    "reference": AutogradStack,  # which can carry out whatever there is
}


def stack_for(setting: Setting, device: torch.device | str) -> type[Stack]:
    """The kind of stack that trains this setting, and all of its structure, on this device."""
    return next(kind for kind in STACKS.values() if kind.can(setting, torch.device(device)))
