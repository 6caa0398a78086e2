"""Samples in the own units of their targets, as files have them, and in the plane, where a GAN is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dynamics.runner.results import Member, Results
from dynamics.settings.study import Study
from dynamics.targets.user_files import placing_for
from dynamics.targets.user_units import Placing


def user_samples(results: Results) -> np.ndarray:
    """The samples in the own units of their targets; float64 where these are not the plane's: nothing is lost."""
    placed = placings(results.study, results.members)
    if not placed:
        return results.samples
    samples = results.samples.astype(np.float64)
    for m, placing in placed.items():
        samples[m] = placing.to_user(samples[m])
    return samples


def plane_samples(samples: np.ndarray, placed: Mapping[int, Placing]) -> np.ndarray:
    """`user_samples` undone."""
    for m, placing in placed.items():
        samples[m] = placing.to_plane(samples[m])
    with np.errstate(over="ignore"):
        return samples.astype(np.float16)


def placings(study: Study, members: Sequence[Member]) -> dict[int, Placing]:
    """Member -> where its target lies, for those whose own units are not the plane's."""
    of_setting = [placing_for(s) for s in study.settings]
    return {m: placing for m, member in enumerate(members) if not (placing := of_setting[member.setting]).stays}
