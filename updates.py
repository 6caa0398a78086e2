"""Optimisers: one step for every parameter of a player, of all members of a stack, in a few operations.

An optimiser owns its state and nothing else. Parameters and gradients are flat, (M, P); a hyperparameter is a float, or
a column (M, 1) where members differ in it. The same lines serve both, with the same rounding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from settings import Setting

Hyperparameter = float | Tensor  # a float, or a column (M, 1) in double precision


class SGD:
    """p ← p − lr · g."""

    def __init__(self, flat: Tensor, lr: Hyperparameter, beta1: Hyperparameter, beta2: Hyperparameter) -> None:
        self.flat, self.lr = flat, _as(flat, lr)

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.flat.sub_(gradient * self.lr)


class Adam:
    """Kingma & Ba 2015, algorithm 1, with ε = 1e-8 added as torch.optim.Adam does: p ← p − lr · m̂ / (√v̂ + ε)."""

    def __init__(self, flat: Tensor, lr: Hyperparameter, beta1: Hyperparameter, beta2: Hyperparameter) -> None:
        self.flat, self.lr, self.beta1, self.beta2 = flat, lr, beta1, beta2
        self.new1, self.new2 = _as(flat, 1 - beta1), _as(flat, 1 - beta2)
        self.mean, self.square, self.scratch = (torch.zeros_like(flat) for _ in range(3))
        self.steps = 0
        self.corrections: list[tuple[Tensor, Tensor]] = []

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        if not self.corrections:
            self.corrections = self._next_corrections(256)
        self.steps += 1
        epsilon, scale = self.corrections.pop()
        scratch = torch.mul(gradient, gradient, out=self.scratch)
        self.mean.lerp_(gradient, self.new1)
        self.square.lerp_(scratch, self.new2)
        torch.sqrt(self.square, out=scratch).add_(epsilon).mul_(scale)
        self.flat.addcdiv_(self.mean, scratch)

    def _next_corrections(self, count: int) -> list[tuple[Tensor, Tensor]]:
        """(ε √c₂, −c₁ / (lr √c₂)) of the steps to come, last first, where c = 1 − βᵗ:

        lr · m̂ / (√v̂ + ε) = m / ((√v + ε √c₂) · c₁ / (lr √c₂)).

        Made in Python's double precision, so that a member's are the same in any company; many at once, and as tensors,
        because a Python number costs an operation twice what a tensor does.
        """
        columns = (self.lr, self.beta1, self.beta2)
        members = list(zip(*(c.flatten().tolist() if isinstance(c, Tensor) else [c] for c in columns), strict=True))
        made = []
        for t in range(self.steps + 1, self.steps + 1 + count):
            pairs = []
            for lr, beta1, beta2 in members:
                root2 = (1 - beta2**t) ** 0.5
                pairs.append((1e-8 * root2, (beta1**t - 1) / (lr * root2)))
            made.append(pairs)
        # (count, members, 2), and for one set of hyperparameters numbers instead of columns
        table = torch.tensor(made, dtype=torch.float64, device=self.flat.device).to(self.flat.dtype)
        epsilon, scale = table.unsqueeze(-1).unbind(2) if len(members) > 1 else table[:, 0].unbind(1)
        return list(zip(epsilon.unbind(), scale.unbind(), strict=True))[::-1]


def _as(flat: Tensor, value: Hyperparameter) -> Hyperparameter:
    return value.to(flat.dtype) if isinstance(value, Tensor) else value


OPTIMIZERS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}


def make_optimizer(player: str, flat: Tensor, settings: Sequence[Setting]) -> Adam | SGD:
    """The optimiser of one player, "g" or "d", with parameters `flat` (M, P), for a setting a member."""
    rates = [s.generator_lr if player == "g" else s.discriminator_lr for s in settings]
    values = list(zip(rates, [s.beta1 for s in settings], [s.beta2 for s in settings], strict=True))
    if len(set(values)) == 1:
        return OPTIMIZERS[settings[0].optimizer](flat, *values[0])
    columns = torch.tensor(values, dtype=torch.float64, device=flat.device).unsqueeze(2).unbind(1)
    return OPTIMIZERS[settings[0].optimizer](flat, *columns)
