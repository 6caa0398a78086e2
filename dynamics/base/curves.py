"""Loss curves, kept small while they are made: means over every so many generator steps, in arrays allocated once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CURVES = ("d_loss", "g_loss", "d_real", "d_fake")  # both losses, mean D(x), mean D(G(z))


class Curves:
    """The `CURVES` of M members; entry l is the mean over the generator steps up to `ends[l]` since the entry before.

    `ends` ascend. Steps after the last are not entered.
    """

    def __init__(self, members: int, ends: Sequence[int]) -> None:
        self.ends = np.asarray(ends, np.int64)
        self.widths = np.diff(self.ends, prepend=0)
        self.sums = np.zeros((len(CURVES), members, len(self.ends)))

    def add(self, step: int, values: np.ndarray, members: slice = slice(None)) -> None:
        """Enter `values` (4, K, n) of K members at n steps, the first of which has `step` steps before it."""
        slots = np.searchsorted(self.ends, step + np.arange(values.shape[2]), side="right")
        for slot in np.unique(slots[slots < len(self.ends)]):
            # one after another, so that it does not matter how many are entered at a time
            ordered = np.concatenate([self.sums[:, members, slot, None], values[:, :, slots == slot]], 2)
            self.sums[:, members, slot] = np.cumsum(ordered, 2, dtype=float)[:, :, -1]

    def until(self, step: int) -> np.ndarray:
        """(4, M, L) float32: the means of all entries that `step` generator steps complete."""
        full = int(np.searchsorted(self.ends, step, side="right"))
        return (self.sums[:, :, :full] / self.widths[:full]).astype(np.float32)
