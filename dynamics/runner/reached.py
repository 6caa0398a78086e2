"""How far the members of an interrupted run have come, in numbers and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dynamics.settings.catalogue.verdicts import INTERRUPTED, NOT_BEGUN


@dataclass(frozen=True)
class Reached:
    """Of M members: their `setting`, generator `steps` trained `of` those asked for, and whether training has `ended`;
    how many `entries` of curves, `looks` (scored snapshots) and `frames` each has. Arrays (M,)."""

    setting: np.ndarray
    steps: np.ndarray
    of: np.ndarray
    ended: np.ndarray
    entries: np.ndarray
    looks: np.ndarray
    frames: np.ndarray

    def verdict(self, member: int) -> str | None:
        """What stands in place of a member's verdict; None for one that has ended."""
        if self.ended[member]:
            return None
        return INTERRUPTED if self.steps[member] > 0 else NOT_BEGUN

    def member_words(self, member: int) -> str:
        """'at step 1200 of 3000' for one that has begun and not ended, else ''."""
        return _at(self.steps[[member]], self.of[[member]]) if self.verdict(member) == INTERRUPTED else ""

    def words(self, members: Sequence[int] | None = None, *, brief: bool = False) -> str:
        """Of some members, or all: 'interrupted at step 1200 of 3000', 'not begun', both and how many; '' for ended.

        `brief`: not how many.
        """
        chosen = np.arange(len(self.steps)) if members is None else np.asarray(members)
        ended, begun = self.ended[chosen], self.steps[chosen] > 0
        under_way = chosen[~ended & begun]
        waiting, done = int((~ended & ~begun).sum()), int(ended.sum())
        if done == len(chosen):
            return ""
        if waiting == len(chosen):
            return NOT_BEGUN
        first = f"{INTERRUPTED} {_at(self.steps[under_way], self.of[under_way])}" if under_way.size else INTERRUPTED
        if brief:
            return first
        rest = [f"{n} of {len(chosen)} {words}" for n, words in ((done, "ended"), (waiting, NOT_BEGUN)) if n]
        return ", ".join([first, *rest])


def _at(steps: np.ndarray, of: np.ndarray) -> str:
    if steps.min() == steps.max():
        return f"at step {steps.min()} of {_span(of)}"
    return f"at steps {_span(steps)} of {_span(of)}"


def _span(numbers: np.ndarray) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return str(low) if low == high else f"{low} to {high}"
