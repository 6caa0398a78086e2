"""When an option of a setting changes what is trained: declared with the option, judged before anything runs.

An `Effect` reads a `Setting`; what an option means where it has none is nothing: two settings that differ in it alone
train the same bits.
"""

from __future__ import annotations

from typing import Any

from dynamics.settings.catalogue.games import ACTIVATIONS, LOSSES, PENALTIES
from dynamics.settings.option_fields import Effect


def _steps_by(*optimizers: str) -> Effect:
    """Where a player that learns is moved by one of these."""
    return Effect(
        lambda s: bool(set(optimizers) & set(s.optimizers.values())),
        ("optimizer", "optimizer_g", "optimizer_d", "train"),
    )


def _shared(name: str) -> Effect:
    """An option of both players: where one that learns has none of its own."""
    return Effect(
        lambda s: any(getattr(s, f"{name}_{player}") is None for player in s.learners),
        (f"{name}_g", f"{name}_d", "train"),
    )


def _asks_for_usual_weight(s: Any) -> bool:
    return any(weight is None for weight in s.penalty_options.values())


UNROLLED = Effect(lambda s: s.update == "unrolled", ("update",))
LOOKAHEAD = Effect(lambda s: s.update == "lookahead", ("update",))
ALPHA_LOSS = Effect(lambda s: LOSSES[s.loss].of_alphas, ("loss",))
USUAL_WEIGHT = Effect(_asks_for_usual_weight, ("penalty",))
ASKED_SLOPE = Effect(lambda s: any(PENALTIES[name].uses_slope for name in s.penalties), ("penalty", "penalty_weight"))
NOISE = Effect(lambda s: "instance_noise" in s.penalties, ("penalty", "penalty_weight"))
OF_G = Effect(lambda s: "g" in s.learners, ("train",))
OF_D = Effect(lambda s: "d" in s.learners, ("train",))
SHARED_OPTIMIZER, SHARED_LR = _shared("optimizer"), _shared("lr")
MEAN_GRADIENT, SQUARED_GRADIENT, MOMENTUM = _steps_by("adam"), _steps_by("adam", "rmsprop"), _steps_by("momentum")
MAXOUT = Effect(
    lambda s: any(ACTIVATIONS[name].pieces for name in (s.activation, s.discriminator_shape[2])),
    ("activation", "activation_d"),
)
