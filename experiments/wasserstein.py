"""The Wasserstein laboratory: each player alone and both together, with a critic held to a slope and without.

The critic of a Wasserstein GAN answers W₁ only where its slope is bounded. Weight clipping bounds it crudely, the
gradient penalty nearly; D alone against a G that stands still shows how well. Then both play, G plays against a frozen
D, and the same is done with the standard GAN, whose D has no bound at all. Parts of the report take their settings by
what they are, not by their place, so they answer for changed settings too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from dynamics.pictures.study_parts import StudyPart
from dynamics.runner.results import Results
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

from . import _both_players, _d_alone, _g_alone

MEASURED = ("lipschitz_grid", "lipschitz_secant", "lipschitz_upper", "w1", "w1_critic", "w1_lower")
_SHARED: dict[str, Any] = {"mode": "mixture_4", "std": 0.2, "batch_size": 128, "beta1": 0.5}
_CRITIC = Setting(loss="wasserstein", penalty="gp:1", **_SHARED)
_STANDARD = Setting(**_SHARED)
_RATES = (3e-4, 3e-3)  # beside the base's 1e-3
# G moves slowly against a frozen D: it is to be seen where its samples pass the data, and D has had its time
_FROZEN: dict[str, Any] = {"train": "g", "warmup": 2000, "lr_g": 1e-4}


def _settings() -> Iterable[Setting]:
    change = dataclasses.replace
    for bound in ("0.01", "0.03", "0.1", "0.3"):  # 1: D alone, clipped
        yield change(_CRITIC, penalty=f"clip:{bound}", train="d")
    for weight in ("0.1", "1", "10", "100"):  # 2: D alone, gradient penalty
        yield change(_CRITIC, penalty=f"gp:{weight}", train="d")
    for weight in ("0.1", "1", "10", "100"):  # 3: both
        yield change(_CRITIC, penalty=f"gp:{weight}")
    for base in (_CRITIC, _STANDARD):  # 3 and 5
        if base is _STANDARD:
            yield change(base, train="d")
            yield base
        yield from (change(base, d_steps=steps) for steps in (1, 5))
        yield from (change(base, lr=rate) for rate in _RATES)
    for base in (_CRITIC, change(_CRITIC, penalty="clip:0.1"), _STANDARD):  # 4: G alone
        yield change(base, **_FROZEN)


STUDY = Study(
    name="wasserstein",
    question="What does a bound on the critic's slope change: for D alone, for G alone, for both, and beside the"
    " standard GAN?",
    settings=tuple(_settings()),
    steps=1200,
    seeds=8,
    snapshots=16,
    frames=24,
    scores="lipschitz",
    headings={"": "How each setting ends"},
)


def parts(results: Results) -> list[StudyPart]:
    """The parts whose settings the results hold; none where the scores of the group lipschitz were not taken."""
    if not all(name in results.scores for name in MEASURED):
        return []
    made = (
        _d_alone.clipped,
        _d_alone.penalised,
        _both_players.both,
        _g_alone.frozen,
        _d_alone.unbounded,
        _both_players.beside,
    )
    return [part for of in made for part in of(results)]
