"""A study as it was asked for, with every default that depends on something else filled in."""

from __future__ import annotations

import dataclasses

import torch

from dynamics.base.workers import usable_cores
from dynamics.runner.setting_names import baselines, clash, setting_labels, setting_names
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_file
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.targets.registry import target_for
from dynamics.targets.user_units import four_digits


def resolve(study: Study) -> Study:
    """The study with every default that depends on something else filled in: std, device, workers.

    Raises `OptionError` for what it cannot be: two files of one name, a device that is not there, a baseline that is
    none of the settings.
    """
    try:
        stds = [_std(s) for s in study.settings]
    except OptionError as error:  # a file that no target can be made of
        raise OptionError(f"--mode {error}") from None
    except ValueError as error:  # a std that this one mode does not take
        raise OptionError(f"--std: {error}") from None
    settings = tuple(dict.fromkeys(s.changed(std=std) for s, std in zip(study.settings, stds, strict=True)))
    if (name := clash(settings)) is not None:
        raise OptionError(f"--mode: two files would both be called {name}; rename one")
    if study.baseline is not None:
        baselines(setting_names(settings), setting_labels(settings), study.baseline)  # it is there
    device = _device(study.device)
    workers = _workers(study.workers) if device == "cpu" or study.workers != "auto" else 1  # one process fills a GPU
    return dataclasses.replace(study, settings=settings, device=device, workers=str(workers))


def _std(setting: Setting) -> float | None:
    """A setting's std, own units; what a user's file makes of it has four digits. None where a mixture has its own."""
    of_target = target_for(setting).user_std
    if setting.std is not None or of_target is None or not is_file(setting.mode):
        return of_target if setting.std is None else setting.std
    try:
        rounded = setting.changed(std=four_digits(of_target))
        target_for(rounded)
    except ValueError:  # the least that there can be
        rounded = setting.changed(std=four_digits(of_target, up=True))
    return rounded.std


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    offered = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not offered[name]:
        raise OptionError(f"--device {name}: this machine offers {', '.join(d for d, yes in offered.items() if yes)}")
    return name


def _workers(number: str) -> int:
    if number != "auto":
        return int(number)
    return usable_cores()
