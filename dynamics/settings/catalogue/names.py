"""The names that an option takes one of, or several with commas."""

from __future__ import annotations

from dynamics.settings.catalogue.layers import LAYERS
from dynamics.settings.catalogue.scores import SCORE_GROUPS

NAMES: dict[str, tuple[str, ...]] = {
    "mode": (
        "gaussian",
        "mixture",
        "mixture_4",
        "ring_8",
        "ring_8_unit",
        "ring_8_scaled",
        "grid_25",
        "swiss_roll",
        "two_moons",
        "circles",
        "spiral",
        "pinwheel",
        "checkerboard",
    ),
    "loss": (
        "nonsaturating",
        "minimax",
        "lsgan",
        "hinge",
        "wasserstein",
        "relativistic",
        "alpha",
        "alpha_minimax",
    ),
    "penalty": (
        "clip",
        "gp",
        "gp_one_sided",
        "r1",
        "r2",
        "dragan",
        "spectral",
        "instance_noise",
        "label_smoothing",
        "consensus",
    ),
    "optimizer": ("adam", "sgd", "momentum", "rmsprop"),
    "update": ("alternating", "simultaneous", "extragradient", "optimistic", "unrolled", "lookahead"),
    "train": ("both", "d", "g"),
    "activation": ("relu", "leaky_relu", "tanh", "silu", "maxout"),
    "init": ("uniform", "glorot", "he", "he_glorot", "orthogonal", "normal"),
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

# weight of each penalty where none is said; what it weighs is told where the penalties are, in penalties.py
USUAL_WEIGHTS = {
    "clip": 0.01,
    "gp": 10.0,
    "gp_one_sided": 10.0,
    "r1": 1.0,
    "r2": 1.0,
    "dragan": 10.0,
    "spectral": 1.0,
    "instance_noise": 0.5,
    "label_smoothing": 0.1,
    "consensus": 1.0,
}
SLOPE_PENALTIES = ("gp", "gp_one_sided", "r1", "r2", "dragan")  # which need D's gradient at single points

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
