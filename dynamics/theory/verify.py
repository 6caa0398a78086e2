"""Are the methods the algorithms that their names say? Their own code, on games whose answers are known.

Every row is a prediction (closed_forms.py) beside what the code did: update rules on the bilinear game, methods on the
Dirac game (dirac_game.py), penalties of a D with known slopes, optimisers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from dynamics.theory.bilinear_predictions import bilinear, conserved
from dynamics.theory.dirac_game import METHODS, Tick, Walk, walks
from dynamics.theory.dirac_predictions import dirac, further_jacobians, losses
from dynamics.theory.optimizer_predictions import optimisers
from dynamics.theory.penalty_predictions import flat_discriminator, penalty_terms
from dynamics.theory.two_number_games import Array, Prediction


@dataclass(frozen=True)
class Verification:
    """Every row, and the Dirac game's rounds by method and schedule."""

    rows: list[Prediction]
    walks: dict[str, dict[str, Walk]] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return all(row.passed for row in self.rows)

    @property
    def radii(self) -> dict[str, dict[str, float]]:
        """√(θ² + ψ²) of every method after `ROUNDS` rounds from (1, 1) at rate `STEP`, by schedule."""
        return self._radii(lambda seen: seen.path)

    @property
    def mirrored_radii(self) -> dict[str, dict[str, float]]:
        """The same from (1, −1), where the authors of the game begin: their ψ has the other sign."""
        return self._radii(lambda seen: seen.mirrored)

    def _radii(self, path: Callable[[Walk], Array]) -> dict[str, dict[str, float]]:
        return {
            name: {schedule: float(np.hypot(*path(seen)[-1])) for schedule, seen in by.items()}
            for name, by in self.walks.items()
        }


TICKS = len(METHODS) + 7


def check(tick: Tick = lambda amount: None, workers: int = 1) -> Verification:
    """Every row, and the Dirac game's rounds; `tick` is told `TICKS` in all."""
    rows = []
    for section in (bilinear, conserved, losses):
        rows += section()
        tick(1)
    rounds = walks(tick=tick, workers=workers)
    rows += dirac(rounds)
    for section in (further_jacobians, penalty_terms, flat_discriminator, optimisers):
        rows += section()
        tick(1)
    return Verification(rows, rounds)
