"""Optimisers: one step for every parameter of a player, of all members of a stack, in a few operations.

An optimiser owns its state and nothing else. Parameters and gradients are flat, (M, P), contiguous; hyperparameters are
given for each member. Every operation is carried out number by number, so a member's result is the same in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from settings import Setting


class SGD:
    """p ← p − lr · g. `lr`: one a member; the betas are not used."""

    def __init__(self, flat: Tensor, lr: Sequence[float], beta1: Sequence[float], beta2: Sequence[float]) -> None:
        self.flat = flat
        self.lr = torch.tensor(lr, dtype=torch.float64, device=flat.device).to(flat.dtype).unsqueeze(1)
        self.state: tuple[Tensor, ...] = ()  # what a step changes beside the parameters

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.flat.sub_(gradient * self.lr)


class Adam:
    """Kingma & Ba 2015, algorithm 1, with ε = 1e-8 added as torch.optim.Adam does: p ← p − lr · m̂ / (√v̂ + ε).

    `lr`, `beta1`, `beta2`: one a member. The step is torch's fused kernel, one pass over the numbers instead of seven,
    which counts where they no longer lie in the cache; it takes one set of hyperparameters, so members in a row with
    the same share a call. The kernel is what `torch.optim.Adam(fused=True)` calls and has no public name; a test holds
    it to `torch.optim.Adam`.
    """

    def __init__(self, flat: Tensor, lr: Sequence[float], beta1: Sequence[float], beta2: Sequence[float]) -> None:
        self.flat = flat
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.steps = torch.zeros((), device=flat.device)  # a tensor, so that a captured graph can count
        self.state = (self.mean, self.square, self.steps)  # what a step changes beside the parameters
        # rows, and what they share: parameters, means, squares and the kernel's arguments
        self.runs: list[tuple[slice, list[Tensor], list[Tensor], list[Tensor], dict[str, Any]]] = []
        for rows, (rate, b1, b2) in _runs(list(zip(lr, beta1, beta2, strict=True))):
            how: dict[str, Any] = {"lr": rate, "beta1": b1, "beta2": b2, "eps": 1e-8, "weight_decay": 0.0}
            how |= {"amsgrad": False, "maximize": False}
            self.runs.append((rows, [flat[rows]], [self.mean[rows]], [self.square[rows]], how))

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.steps += 1
        for rows, flat, mean, square, how in self.runs:
            torch._fused_adam_(flat, [gradient[rows]], mean, square, [], [self.steps], **how)


def _runs(values: Sequence[tuple[float, ...]]) -> list[tuple[slice, tuple[float, ...]]]:
    """The slices of equal neighbours, and their values."""
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return [(slice(a, b), values[a]) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]


OPTIMIZERS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}


def make_optimizer(player: str, flat: Tensor, settings: Sequence[Setting]) -> Adam | SGD:
    """The optimiser of one player, "g" or "d", with parameters `flat` (M, P), for a setting a member."""
    rates = [s.generator_lr if player == "g" else s.discriminator_lr for s in settings]
    kind = OPTIMIZERS[settings[0].optimizer]
    return kind(flat, rates, [s.beta1 for s in settings], [s.beta2 for s in settings])
