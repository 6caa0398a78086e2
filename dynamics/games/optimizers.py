"""Optimisers: how a player moves along its gradient.

An optimiser changes one player's parameters, of all members of a stack, in a few operations. It owns its state and
nothing else. Parameters and gradients are flat, (M, P), contiguous; hyperparameters are given for each member. Every
operation is carried out number by number, so a member's result is the same in any company. `step` changes the
parameters in place; `ahead` is the same step as a function, differentiable, for rules that only look at where it leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.matching import IncompleteEntry, matching
from dynamics.settings.setting import Setting

State = tuple[Tensor, ...]


class Optimizer:
    """One player's parameters `flat` (M, P), and for each member a setting and a learning rate."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        self.flat = flat
        self.lr = self._column(rates)
        self.state: State = ()  # what a step changes beside the parameters

    def _column(self, values: Sequence[float]) -> Tensor:
        """One number a member, (M, 1)."""
        return torch.tensor(values, dtype=torch.float64, device=self.flat.device).to(self.flat.dtype).unsqueeze(1)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """Where a step from `flat` down `gradient` leads, and with what state; changes nothing."""
        raise IncompleteEntry(f"an optimiser lacks ahead, in its class {type(self).__name__}")

    def step(self, gradient: Tensor) -> None:
        """Change the parameters in place, down their gradient (shaped like them)."""
        self.move(*self.ahead(self.flat, gradient, self.state))

    def move(self, flat: Tensor, state: State) -> None:
        """Go where `ahead` led."""
        self.flat.copy_(flat)
        for kept, new in zip(self.state, state, strict=True):
            kept.copy_(new)

    def rates(self) -> Tensor:
        """What a gradient is multiplied by in a step that repeats nothing of earlier ones, (M, P) or (M, 1)."""
        return self.lr


class SGD(Optimizer):
    """Gradient descent: p ← p − lr · g."""

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        return flat - gradient * self.lr, ()


class Momentum(Optimizer):
    """v ← μ v + g, p ← p − lr · v; μ, --momentum, may be negative (Polyak 1964; Gidel et al. 2019)."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.share = self._column([s.momentum for s in settings])
        self.state = (torch.zeros_like(flat),)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        velocity = self.share * state[0] + gradient
        return flat - self.lr * velocity, (velocity,)


class RMSprop(Optimizer):
    """v ← β₂ v + (1 − β₂) g², p ← p − lr · g / (√v + 10⁻⁸) (Tieleman & Hinton 2012), as torch.optim.RMSprop."""

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.beta2 = self._column([s.beta2 for s in settings])
        self.state = (torch.zeros_like(flat),)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        square = self.beta2 * state[0] + (1 - self.beta2) * gradient.square()
        return flat - self.lr * gradient / (_root(square) + 1e-8), (square,)

    def rates(self) -> Tensor:
        return self.lr / (self.state[0].sqrt() + 1e-8)


class Adam(Optimizer):
    """Kingma & Ba 2015, algorithm 1, with ε = 1e-8 added as torch.optim.Adam does: p ← p − lr · m̂ / (√v̂ + ε).

    The step is torch's fused kernel, one pass over the numbers instead of seven, which counts where they no longer lie
    in the cache; it takes one set of hyperparameters, so members in a row with the same share a call. The kernel is
    what `torch.optim.Adam(fused=True)` calls and has no public name; a test holds it to `torch.optim.Adam`.
    """

    def __init__(self, flat: Tensor, settings: Sequence[Setting], rates: Sequence[float]) -> None:
        super().__init__(flat, settings, rates)
        self.mean, self.square = torch.zeros_like(flat), torch.zeros_like(flat)
        self.steps = torch.zeros((), device=flat.device)  # a tensor, so that a captured graph can count
        self.state = (self.mean, self.square, self.steps)
        self.beta1, self.beta2 = (self._column([getattr(s, name) for s in settings]) for name in ("beta1", "beta2"))
        # rows, and what they share: parameters, means, squares and the kernel's arguments
        self.runs: list[tuple[slice, list[Tensor], list[Tensor], list[Tensor], dict[str, Any]]] = []
        for rows, (rate, b1, b2) in _runs([(r, s.beta1, s.beta2) for r, s in zip(rates, settings, strict=True)]):
            numbers: dict[str, Any] = {"lr": rate, "beta1": b1, "beta2": b2, "eps": 1e-8, "weight_decay": 0.0}
            numbers |= {"amsgrad": False, "maximize": False}
            self.runs.append((rows, [flat[rows]], [self.mean[rows]], [self.square[rows]], numbers))

    def step(self, gradient: Tensor) -> None:
        self.steps += 1
        for rows, flat, mean, square, numbers in self.runs:
            torch._fused_adam_(flat, [gradient[rows]], mean, square, [], [self.steps], **numbers)

    def ahead(self, flat: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        mean, square, steps = state
        mean = self.beta1 * mean + (1 - self.beta1) * gradient
        square = self.beta2 * square + (1 - self.beta2) * gradient.square()
        steps = steps + 1
        scale = _root(square / (1 - self.beta2 ** steps.to(flat.dtype))) + 1e-8
        return flat - self.lr / (1 - self.beta1 ** steps.to(flat.dtype)) * mean / scale, (mean, square, steps)

    def rates(self) -> Tensor:
        steps = self.steps.clamp(min=1).to(self.flat.dtype)
        return self.lr / ((self.square / (1 - self.beta2**steps)).sqrt() + 1e-8)


def _root(square: Tensor) -> Tensor:
    """√, with a slope of 0 at 0: a weight that no gradient has reached yet stays, whoever looks ahead."""
    if not square.requires_grad:
        return square.sqrt()
    return torch.where(square > 0, torch.where(square > 0, square, 1).sqrt(), 0)


def _runs(values: Sequence[tuple[float, ...]]) -> list[tuple[slice, tuple[float, ...]]]:
    """The slices of equal neighbours, and their values."""
    starts = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    return [(slice(a, b), values[a]) for a, b in zip(starts, [*starts[1:], len(values)], strict=True)]


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "sgd": SGD, "momentum": Momentum, "rmsprop": RMSprop}
matching("optimizer", catalogue.OPTIMIZERS, OPTIMIZERS, "games/optimizers.py")


def make_optimizer(player: str, flat: Tensor, settings: Sequence[Setting]) -> Optimizer:
    """The optimiser of one player, "g" or "d", with parameters `flat` (M, P), for a setting a member."""
    first = settings[0]
    name = (first.optimizer_g if player == "g" else first.optimizer_d) or first.optimizer
    rates = [s.generator_lr if player == "g" else s.discriminator_lr for s in settings]
    return OPTIMIZERS[name](flat, settings, rates)
