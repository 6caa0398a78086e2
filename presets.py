"""Published protocols on two-dimensional data, as options: what a preset does not say is as always, and flags win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from settings import OptionError, not_one_of


class Preset(NamedTuple):
    help: str
    options: Mapping[str, Any]  # of `settings.Setting`


PRESETS: dict[str, Preset] = {
    "wgan_gp_toy": Preset(
        "the toys of WGAN-GP (Gulrajani et al. 2017, figure 1b and their code)",
        {
            "mode": "ring_8",
            "loss": "wasserstein",
            "penalty": "gp",
            "penalty_weight": 0.1,
            "d_steps": 5,
            "layers": 3,
            "hidden": 512,
            "activation": "relu",
            "init": "he_glorot",
            "latent_dim": 2,
            "batch_size": 256,
            "lr": 1e-4,
            "beta1": 0.5,
            "beta2": 0.9,
        },
    ),
    "unrolled": Preset(
        "the ring of unrolled GANs (Metz et al. 2017, section 3.1, appendix A and their code)",
        {
            "mode": "ring_8",
            "loss": "minimax",
            "update": "unrolled",
            "unroll": 5,
            "d_steps": 1,
            "layers": 2,
            "hidden": 128,
            "activation": "tanh",
            "init": "orthogonal",
            "init_gain": 1.4,
            "latent_dim": 256,
            "batch_size": 512,
            "lr_d": 1e-4,
            "lr_g": 1e-3,
            "beta1": 0.5,
        },
    ),
    "pacgan": Preset(
        "the ring and grid of PacGAN, two packed (Lin et al. 2018, section 4.1); the grid is --mode grid_25",
        {
            "mode": "ring_8_unit",
            "loss": "nonsaturating",
            "packing": 2,
            "update": "simultaneous",
            "d_steps": 1,
            "layers": 4,
            "hidden": 400,
            "activation": "relu",
            "norm": "batch",
            "layers_d": 3,
            "hidden_d": 200,
            "activation_d": "maxout",
            "pieces": 5,
            "init": "normal",
            "latent_dim": 2,
            "batch_size": 100,
            "data_size": 100_000,
            "lr": 1e-4,
            "beta1": 0.8,
        },
    ),
}


def preset_options(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """What a preset says of options that are not among those `said`; raises `OptionError` for an unknown name.

    Where an option of both players is said, the preset's own for one of them is not left to contradict it.
    """
    if name not in PRESETS:
        raise OptionError(not_one_of("--preset", name, tuple(PRESETS)))
    overruled = {*said, *(f"{option}_{player}" for option in said for player in "gd")}
    return {option: value for option, value in PRESETS[name].options.items() if option not in overruled}
