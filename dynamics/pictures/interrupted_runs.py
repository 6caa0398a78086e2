"""What there is to draw of a run that was interrupted; of any other, everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dynamics.runner.results import Results


def has_begun(results: Results, index: int) -> bool:
    """Whether a setting has anything to show: all have, unless the run was interrupted."""
    return bool(begun_members(results, index))


def begun_members(results: Results, index: int) -> list[int]:
    """A setting's members that have begun, in the order of their seeds: all, unless the run was interrupted."""
    members, reached = results.of_setting(index), results.reached
    return [m for m in members if reached is None or reached.looks[m] or reached.frames[m]]


def mark_of(results: Results, index: int) -> str:
    """What stands beside the name of a setting that has not ended: ' · interrupted at step 1200 of 3000'; else ''."""
    reached = results.reached
    if reached is None or results.has_ended(index):
        return ""
    return f" · {reached.words(results.of_setting(index), brief=True)}"


def has_frames(results: Results, member: int) -> bool:
    return results.reached is None or bool(results.reached.frames[member])


def counts_of(results: Results, index: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Of a setting that has not ended, how many entries of curves and how many looks each seed that has begun has."""
    if results.reached is None or results.has_ended(index):
        return None
    members = begun_members(results, index)
    return results.reached.entries[members], results.reached.looks[members]


def so_far(results: Results, index: int, at: Any) -> np.ndarray:
    """A setting's places on a clock (S,), NaN where it has not come to."""
    at = np.asarray(at, float)
    return np.where(np.arange(len(at)) < results.extent_of(index).looks, at, np.nan)
