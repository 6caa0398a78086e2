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

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.steps += 1
        scratch = torch.mul(gradient, gradient, out=self.scratch)
        self.mean.lerp_(gradient, self.new1)
        self.square.lerp_(scratch, self.new2)
        # with c = 1 − βᵗ:  m̂ / (√v̂ + ε) = m / ((√v + ε √c₂) · c₁ / √c₂), the corrections in double precision
        root2 = (1 - self.beta2**self.steps) ** 0.5
        scale = (self.beta1**self.steps - 1) / (self.lr * root2)
        torch.sqrt(self.square, out=scratch).add_(_as(self.flat, 1e-8 * root2)).mul_(_as(self.flat, scale))
        self.flat.addcdiv_(self.mean, scratch)


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
