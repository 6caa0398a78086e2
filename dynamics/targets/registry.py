"""Every target by its mode: the built-in ones in `TARGETS`, and those of users' files."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from dynamics.settings.catalogue import targets as catalogue
from dynamics.settings.catalogue.matching import IncompleteEntry, matching
from dynamics.settings.modes import LEAST_STD, is_file, is_picture
from dynamics.settings.setting import Setting
from dynamics.targets.cell_grid import SMOOTH, Grid
from dynamics.targets.densities import Mixture, Target
from dynamics.targets.file_targets import GeneralMixture, Raster, Scatter
from dynamics.targets.mixture_files import Blend
from dynamics.targets.point_files import PointCloud
from dynamics.targets.toy_shapes import Checkerboard, Circles, Curve, Pinwheel, spiral, swiss_roll, two_moons
from dynamics.targets.user_files import read
from dynamics.targets.user_units import check_std, named, refused


class TargetEntry(NamedTuple):
    """A target's shape, and what the catalogue says of it."""

    factory: Callable[[float], Target]  # std -> target
    help: str
    std: float  # default, data units


_CORNERS = ((2.0, 2.0), (-2.0, 2.0), (-2.0, -2.0), (2.0, -2.0))
_RING = tuple((2 * math.cos(math.pi * k / 4), 2 * math.sin(math.pi * k / 4)) for k in range(8))
_UNIT_RING = tuple((x / 2, y / 2) for x, y in _RING)
_SCALED_RING = tuple((x / 1.414, y / 1.414) for x, y in _RING)
_GRID = tuple((2.0 * i, 2.0 * j) for i in range(-2, 3) for j in range(-2, 3))

FACTORIES: dict[str, Callable[[float], Target]] = {  # std -> target
    "gaussian": lambda s: Mixture("gaussian", s, _CORNERS[:1]),
    "mixture": lambda s: Mixture("mixture", s, _CORNERS[::2]),
    "mixture_4": lambda s: Mixture("mixture_4", s, _CORNERS),
    "ring_8": lambda s: Mixture("ring_8", s, _RING),
    "ring_8_unit": lambda s: Mixture("ring_8_unit", s, _UNIT_RING),
    "ring_8_scaled": lambda s: Mixture("ring_8_scaled", s, _SCALED_RING),
    "grid_25": lambda s: Mixture("grid_25", s, _GRID),
    "swiss_roll": lambda s: Curve("swiss_roll", s, swiss_roll),
    "two_moons": lambda s: Curve("two_moons", s, two_moons, 2),
    "circles": lambda s: Circles("circles", s),
    "spiral": lambda s: Curve("spiral", s, spiral, 2),
    "pinwheel": lambda s: Pinwheel("pinwheel", s),
    "checkerboard": lambda s: Checkerboard("checkerboard", s),
}

TARGETS: dict[str, TargetEntry] = {
    name: TargetEntry(factory, *facts)
    for name, (facts, factory) in matching("target", catalogue.TARGETS, FACTORIES, "targets/registry.py").items()
}


def make_target(mode: str, std: float | None = None, *, invert: bool = False) -> Target:
    """The target called ``mode``, at its default std or the one given (data units); always the same object.

    A mode that ends in .csv, .png or .toml is a user's file (docs/targets.md), read again when it has changed; ``std``
    is in the units of its own numbers, the target in those of the plane. With ``invert`` what is light in a picture is
    dense. Raises ``ValueError`` for an unknown mode, for a std that is not a finite number > 0 or that the mode does
    not take, and, as `DataError`, for a file that no target can be made of.
    """
    if invert and not is_picture(mode):
        raise ValueError(f"only a picture can be inverted, not {named(mode)}")
    if mode not in TARGETS and is_file(mode):
        return _of_file(mode, std, invert)
    if mode not in TARGETS:
        files = "NAME.csv, NAME.png, NAME.toml"
        raise ValueError(f"unknown mode {mode!r}: choose from {', '.join(TARGETS)}, or a file: {files}")
    if std is None:
        std = TARGETS[mode].std
    if not (math.isfinite(std) and std > 0):
        raise ValueError(f"std must be a finite number > 0, not {std}")
    return _build(mode, float(std))


def target_for(setting: Setting) -> Target:
    """The target of a setting. Raises ``ValueError`` as `make_target` does."""
    return make_target(setting.mode, setting.std, invert=bool(setting.invert))


@cache
def _build(mode: str, std: float) -> Target:
    target = TARGETS[mode].factory(std)
    lacking = [name for name in ("log_prob", "_points") if getattr(type(target), name) is getattr(Target, name)]
    if lacking:
        where = f"its class {type(target).__name__}, {type(target).__module__}"
        raise IncompleteEntry(f"target {mode!r} lacks {', '.join(lacking)}, in {where}")
    return target


def _of_file(path: str, user_std: float | None, invert: bool) -> Target:
    data = read(path, invert=invert)
    if isinstance(data, Blend):
        if data.covariances is not None and user_std is not None:
            raise ValueError(f"{named(path)} says how wide its modes are; leave --std {user_std:.4g} out")
        if data.covariances is None and user_std is None:
            raise refused(path, "has neither stds nor covariances; give a std, nothing else says how wide it is")
    elif user_std is None and data.std is None:
        raise refused(path, "all points are at one place; give a std, nothing else says how wide they are")
    if user_std is None:
        return _build_from(path, data, None)
    check_std(path, user_std, data.placing, SMOOTH * data.side if isinstance(data, Grid) else LEAST_STD)
    return _build_from(path, data, float(user_std) * data.placing.scale)


@lru_cache(maxsize=64)
def _build_from(path: str, data: PointCloud | Grid | Blend, std: float | None) -> Target:
    """The target of a file; std is the plane's, None for the file's own."""
    if isinstance(data, Blend):
        covariances = data.covariances
        if std is not None:
            covariances = np.broadcast_to(std**2 * np.eye(2), (len(data.centres), 2, 2))
        assert covariances is not None
        least = float(np.sqrt(np.linalg.eigvalsh(covariances).min())) if std is None else std
        return GeneralMixture(path, least, data, covariances)
    if std is None:
        assert data.std is not None
        return _build_from(path, data, data.std)
    return Raster(path, std, data) if isinstance(data, Grid) else Scatter(path, std, data)
