"""Optimisers down a constant slope, and the average of G's weights, beside where they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from dynamics.base.curves import Curves
from dynamics.engine.fast import FastStack
from dynamics.engine.reference import AutogradStack
from dynamics.engine.stack import SettledStack
from dynamics.games.optimizers import OPTIMIZERS
from dynamics.settings.setting import Setting
from dynamics.theory import closed_forms
from dynamics.theory.two_number_games import Prediction, make_game, plain, play

if TYPE_CHECKING:
    pass


def optimisers() -> list[Prediction]:
    """Optimisers down the constant slope that a D that rests gives G, by `step` and by `ahead`; G's average."""
    rows, n, psi = [], 20, 0.37
    for name in OPTIMIZERS:
        setting = plain("wasserstein", optimizer=name, momentum=0.9, beta2=0.99, lr=0.05, train="g")
        game = make_game([setting], np.array([(1.0, psi)]))
        optimizer = game.optimizers["g"]
        flat, state = game.g.clone(), tuple(part.clone() for part in optimizer.state)
        for _ in range(n):
            flat, state = optimizer.ahead(flat, torch.full_like(flat, -psi), state)
        path = play(game, n)
        known = closed_forms.travelled(name, n, 0.05, psi, momentum=0.9, beta2=0.99)
        what = f"{n} steps at slope {psi:g}: made, looked ahead"
        ways = (float(path[-1, 0, 0] - 1), flat.item() - 1)
        rows.append(Prediction("optimisers", name, what, (known, known), ways, 1e-6))
    apart = max(_average_apart(kind, n) for kind in (AutogradStack, FastStack))
    what = "0.9ⁿ w₀ + 0.1 Σ 0.9ⁿ⁻ᵏ w_k: off by"
    return [*rows, Prediction("optimisers", "ema", what, (0.0,), (apart,), 1e-12)]


def _average_apart(kind: type[SettledStack], n: int) -> float:
    """How far a stack's average of G's weights, β = 0.9, is from the sum that it stands for, after n steps."""
    setting = Setting(ema=0.9, hidden=4, layers=1, batch_size=8)
    stack = kind([setting], [0], Curves(1, range(1, n + 1)), 1, torch.device("cpu"), torch.float64)
    weights = [stack.G.flat.clone()]
    for step in range(n):
        stack.advance(step, step + 1)
        weights.append(stack.G.flat.clone())
    shares = [0.9**n] + [0.1 * 0.9 ** (n - k) for k in range(1, n + 1)]
    expected = torch.stack([share * w for share, w in zip(shares, weights, strict=True)]).sum(0)
    average = stack.averaged()
    assert average is not None
    return float((average.flat - expected).abs().max())
