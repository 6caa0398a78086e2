"""Optimisers: one step for every parameter of a player, of one member or of a whole stack, in a few operations.

An optimiser owns its state and nothing else. Parameters and gradients are flat: (P,) with floats as hyperparameters, or
(M, P) with columns (M, 1), so that members of one stack may differ in them. The same lines serve both.
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
        """(ε √c₂, −c₁ / (lr √c₂)) of the steps to come, last first, where c = 1 − βᵗ, made in double precision:

        lr · m̂ / (√v̂ + ε) = m / ((√v + ε √c₂) · c₁ / (lr √c₂)).

        Many at once, and as tensors: a Python number costs an operation twice what a tensor does.
        """
        steps = torch.arange(self.steps + 1, self.steps + 1 + count, dtype=torch.float64, device=self.flat.device)
        shape = (count,) if self.flat.dim() == 1 else (count, 1, 1)
        steps = steps.reshape(shape)
        root2 = (1 - self.beta2**steps).sqrt()
        epsilon = (1e-8 * root2).to(self.flat.dtype)
        scale = ((self.beta1**steps - 1) / (self.lr * root2)).to(self.flat.dtype)
        return list(zip(epsilon.unbind(), scale.unbind(), strict=True))[::-1]


def _as(flat: Tensor, value: Hyperparameter) -> Hyperparameter:
    return value.to(flat.dtype) if isinstance(value, Tensor) else value


OPTIMIZERS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}


def make_optimizer(player: str, flat: Tensor, settings: Sequence[Setting]) -> Adam | SGD:
    """The optimiser of one player, "g" or "d", with parameters `flat`: (M, P) for M settings, or (P,) for one."""

    def gather(values: list[float]) -> Hyperparameter:
        if flat.dim() == 1:
            return values[0]
        return torch.tensor(values, dtype=torch.float64, device=flat.device).unsqueeze(1)

    lr = gather([s.generator_lr if player == "g" else s.discriminator_lr for s in settings])
    beta1, beta2 = gather([s.beta1 for s in settings]), gather([s.beta2 for s in settings])
    return OPTIMIZERS[settings[0].optimizer](flat, lr, beta1, beta2)
