"""The average of a network's weights, for a stack of members: what a path of training keeps beside them.

It only watches: it reads the weights after every step of their player and writes nothing but itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dynamics.settings.setting import Setting


class Average:
    """w̄ ← β w̄ + (1 − β) w, for each member with its own β, --ema; 1 > β ≥ 0.

    `flat` (M, P) is w̄, laid out as the weights `of` (M, P); they are read where they lie, so that a view stays one.
    """

    def __init__(self, of: Tensor, settings: Sequence[Setting]) -> None:
        decay = torch.tensor([s.ema for s in settings], dtype=torch.float64).to(of.device, of.dtype)
        self.of, self.share = of, (1 - decay).unsqueeze(1)
        self.flat = of.clone()

    def begin(self) -> None:
        """Start at the weights as they are."""
        self.flat.copy_(self.of)

    def add(self) -> None:
        """Take in the weights as they are. What equals the average changes no bit of it."""
        self.flat.lerp_(self.of, self.share)
