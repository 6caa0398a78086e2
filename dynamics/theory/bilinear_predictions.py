"""Update rules on the bilinear game, beside their maps and factors in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.matching import matching
from dynamics.theory import closed_forms
from dynamics.theory.two_number_games import START, Array, Prediction, make_game, plain, play

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Rule:
    name: str
    what: str
    setting: dict[str, Any]
    matrix: Callable[[float], Array]  # of one round at a rate h; of `every` rounds
    factor: Callable[[float], float]
    every: int = 1
    before: bool = False  # what it remembers is the state before, not a velocity, which begins with 0


def _momentum(of: Callable[..., Any], mu: float, first: str) -> Callable[[float], Any]:
    return lambda h: of(h, mu, first=first)


RULES = (
    Rule(
        "simultaneous",
        "√(1 + h²)",
        {"update": "simultaneous"},
        lambda h: closed_forms.one_round(closed_forms.A, h),
        lambda h: math.sqrt(1 + h * h),
    ),
    Rule("alternating", "1", {}, lambda h: closed_forms.one_round(closed_forms.A, h, first="d"), lambda h: 1.0),
    Rule(
        "alternating, 5 D steps",
        "1",
        {"d_steps": 5},
        lambda h: closed_forms.one_round(closed_forms.A, h, first="d", d_steps=5),
        lambda h: 1.0,
    ),
    Rule(
        "extragradient",
        "√((1 − h²)² + h²)",
        {"update": "extragradient"},
        closed_forms.extragradient,
        closed_forms.extragradient_factor,
    ),
    Rule(
        "optimistic",
        "√((1 + √(1 − 4h²)) / 2)",
        {"update": "optimistic"},
        closed_forms.optimistic,
        closed_forms.optimistic_factor,
        before=True,
    ),
    Rule(
        "unrolled, 5 steps",
        "√(1 − 10h²)",
        {"update": "unrolled", "unroll": 5},
        lambda h: closed_forms.unrolled(h, 5),
        lambda h: closed_forms.unrolled_factor(h, 5),
    ),
    Rule(
        "lookahead, k 5, α 0.5",
        "√(1 − (1 − cos 5φ)/2)",
        {"update": "lookahead", "lookahead_k": 5, "lookahead_alpha": 0.5},
        lambda h: closed_forms.lookahead(h, 5, 0.5),
        lambda h: closed_forms.lookahead_factor(h, 5, 0.5),
        5,
    ),
    *(
        Rule(
            f"momentum {mu:g}, {update}".replace("-", "−"),
            words,
            {"update": update, "optimizer": "momentum", "momentum": mu},
            _momentum(closed_forms.momentum, mu, first),
            _momentum(closed_forms.momentum_factor, mu, first),
        )
        for update, first, words in (
            ("simultaneous", "both", "(λ − 1)(λ − μ) = ihλ"),
            ("alternating", "d", "(λ − 1)²(λ − μ)² = −h²λ³"),
        )
        for mu in (0.5, -0.5)
    ),
)

proved = {plain("wasserstein", **rule.setting).rule: rule for rule in RULES}
matching("update rule", catalogue.RULES, proved, "theory/bilinear_predictions.py")
RATES = (0.05, 0.1, 0.15)


BILINEAR = "bilinear game"


def bilinear(rules: Sequence[Rule] = RULES) -> list[Prediction]:
    """Update rules on θψ: the map of a round, and its factor."""
    rows = []
    for rule in rules:
        starts = np.tile([START, (-0.5, 1.0)], (len(RATES), 1))
        settings = [plain("wasserstein", lr=h, **rule.setting) for h in np.repeat(RATES, 2).tolist()]
        path = play(make_game(settings, starts), 60)[:: rule.every].reshape(-1, len(RATES), 2, 2)
        apart, factors = [], []
        for k, h in enumerate(RATES):
            matrix = rule.matrix(h)
            # what a rule remembers: the state before the first step, or a velocity of 0
            memory = starts[:2] if rule.before else np.zeros((2, 2))
            state = np.concatenate([starts[:2], memory], 1)[:, : len(matrix)]
            for seen in path[:, k]:
                apart.append(np.abs(seen - state[:, :2]).max() / max(1, np.abs(state).max()))
                state = state @ matrix.T
            # a pair of complex eigenvalues takes the area between two states by |λ|² a round, once the rest is gone
            half = len(path) // 2
            area = np.abs(np.linalg.det(path[[half, -1], k]))
            factors.append(float(area[1] / area[0]) ** (0.5 / (len(path) - 1 - half)))
        about = f"|λ|: {rule.what}" + (f", of {rule.every} rounds" if rule.every > 1 else "")
        rows.append(Prediction(BILINEAR, rule.name, "its matrix's powers: off by", (0.0,), (float(max(apart)),), 1e-12))
        rows.append(Prediction(BILINEAR, rule.name, about, tuple(map(rule.factor, RATES)), tuple(factors), 1e-8))
    return rows


def conserved() -> list[Prediction]:
    """What players that move at once, and in turns, do to quadratic forms of that game's state."""
    rows = []
    settings = [plain("wasserstein", lr=h, update="simultaneous") for h in RATES]
    square = np.square(play(make_game(settings, np.tile(START, (3, 1))), 50)).sum(2)
    what = "θ² + ψ² times 1 + h² a round"
    gains = tuple((square[1:] / square[:-1]).mean(0).tolist())
    rows.append(Prediction(BILINEAR, "simultaneous", what, tuple(1 + h * h for h in RATES), gains, 1e-13))
    for first, steps, what in (
        ("d", 1, "θ² + ψ² − hθψ kept, D first: change"),
        ("g", 1, "θ² + ψ² + hθψ kept, G first: change"),
        ("d", 5, "5θ² + ψ² − 5hθψ kept, D first: change"),
    ):
        settings = [plain("wasserstein", lr=h, d_steps=steps) for h in RATES]
        path = play(make_game(settings, np.tile(START, (3, 1))), 100, generator_first=first == "g")
        forms = np.stack([closed_forms.invariant(h, first=first, d_steps=steps) for h in RATES])
        kept = np.einsum("tmi,mij,tmj->tm", path, forms, path)
        name = "alternating" if steps == 1 else f"alternating, {steps} D steps"
        rows.append(Prediction(BILINEAR, name, what, (0.0,), (float(np.ptp(kept / kept[0], 0).max()),), 1e-12))
    return rows
