"""The real density of a setting's target on a grid, and how wide samples of it are smoothed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.base.files import NotARun
from dynamics.settings.messages import OptionError
from dynamics.settings.setting import Setting

if TYPE_CHECKING:
    pass


def target_of(setting: Setting) -> Any:
    from dynamics.targets.registry import target_for

    try:
        return target_for(setting)
    except OptionError:
        raise
    except ValueError as error:  # a std that no run of ours has
        raise NotARun(str(error)) from None


@functools.lru_cache(maxsize=64)
def real_density(setting: Setting, half_width: float) -> np.ndarray:
    """The real density (R, R) on cell centres, cells no larger than the target's std where 480 a side allow it."""
    return _on_grid(target_of(setting).log_prob, target_of(setting), half_width)


@functools.lru_cache(maxsize=64)
def outlines(setting: Setting, half_width: float) -> np.ndarray | None:
    """What contour lines are drawn of, on the same cells, where that is not the real density."""
    target = target_of(setting)
    return None if target.relief is None else _on_grid(target.relief, target, half_width)


def _on_grid(log_height: Callable[[Any], Any], target: Any, half_width: float) -> np.ndarray:
    import torch

    from dynamics.pictures.density_maps import grid_points

    resolution = int(np.clip(np.ceil(2 * half_width / target.std), 160, 480))
    with torch.no_grad():
        return log_height(torch.from_numpy(grid_points(half_width, resolution))).exp().numpy()


def smoothing_bandwidth(density: np.ndarray, half_width: float, n: int) -> float:
    """Smoothing for n samples: wide enough to gather 25 of them where the target is spread over its e^entropy."""
    cell = (2 * half_width / len(density)) ** 2
    if not density.sum() > 0:  # modes far narrower than a cell, on a plane made for a far wider target
        return float(np.sqrt(cell))
    mass = density / density.sum()
    mass = mass[mass > 0]
    area = float(np.exp(-(mass * np.log(mass / cell)).sum()))
    return float(np.sqrt(25 * area / (4 * np.pi * n)))
