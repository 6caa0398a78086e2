"""The names that an option takes one of, or several with commas."""

from __future__ import annotations

from dynamics.settings.catalogue.games import ACTIVATIONS, INITS, LOSSES, OPTIMIZERS, PENALTIES, RULES
from dynamics.settings.catalogue.layers import LAYERS
from dynamics.settings.catalogue.scores import SCORE_GROUPS
from dynamics.settings.catalogue.targets import TARGETS

NAMES: dict[str, tuple[str, ...]] = {
    "mode": tuple(TARGETS),
    "loss": tuple(LOSSES),
    "penalty": tuple(PENALTIES),
    "optimizer": tuple(OPTIMIZERS),
    "update": tuple(RULES),
    "train": ("both", "d", "g"),
    "activation": tuple(ACTIVATIONS),
    "init": tuple(INITS),
    "norm": ("none", "batch"),
    "budget": ("steps", "updates", "samples"),
    "spacing": ("log", "linear"),
    "across": ("auto", "settings", "targets"),
    "embed": ("auto", "all", "none"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "weights": ("shown", "all", "none"),
}

# options whose names are those of another's registry
SAME_NAMES = {"optimizer_g": "optimizer", "optimizer_d": "optimizer", "activation_d": "activation"}

# of which one or several can be asked for, with commas
FIGURES = ("png", "pdf", "svg")
ANIMATIONS = ("gif", "webp", "apng", "mp4", "png")

# options of words with commas: those that go together, and those that stand alone
SEVERAL: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "scores": (tuple(SCORE_GROUPS), ("all", "none")),
    "show": (tuple(LAYERS), ("default",)),
    "animation": (ANIMATIONS, ()),
    "format": (FIGURES, ()),
}
