"""Loss curves, kept small while they are made: means over every so many generator steps, in arrays allocated once."""

from __future__ import annotations

import numpy as np

CURVES = ("d_loss", "g_loss", "d_real", "d_fake")  # both losses, mean D(x), mean D(G(z))


class Curves:
    """The `CURVES` of M members over `steps` generator steps; entry l is the mean over the l-th `log_every` steps."""

    def __init__(self, members: int, steps: int, log_every: int) -> None:
        self.steps, self.log_every = steps, log_every
        self.sums = np.zeros((len(CURVES), members, -(-steps // log_every)))

    def add(self, step: int, values: np.ndarray, members: slice = slice(None)) -> None:
        """Enter `values` (4, K, n) of K members at n steps, the first of which has `step` steps before it."""
        slots = (step + np.arange(values.shape[2])) // self.log_every
        for slot in np.unique(slots):
            self.sums[:, members, slot] += values[:, :, slots == slot].sum(2, dtype=float)

    def until(self, step: int) -> np.ndarray:
        """(4, M, L) float32: the means of all entries that `step` generator steps complete, a shorter last one too."""
        full = len(self.sums[0, 0]) if step == self.steps else step // self.log_every
        widths = np.minimum(self.log_every, self.steps - self.log_every * np.arange(full))
        return (self.sums[:, :, :full] / widths).astype(np.float32)
