"""Published protocols on two-dimensional data, as options: what a preset does not say is as always, and flags win.

A preset follows one source: the code that its authors published. Every value stands beside what that code has, and what
cannot be said by an option is listed as a departure. docs/methods.md shows the same tables, and a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dynamics.settings.messages import OptionError, not_one_of


class Value(NamedTuple):
    """What an option is set to, and what the source has for it."""

    value: Any
    source: str


class Preset(NamedTuple):
    help: str
    source: str  # the code that is followed
    values: Mapping[str, Value]  # by option of `settings.Setting`
    departs: tuple[str, ...]  # from that code, in words

    @property
    def options(self) -> dict[str, Any]:
        """The options alone."""
        return {name: value for name, (value, _) in self.values.items()}


PRESETS: dict[str, Preset] = {
    "wgan_gp_toy": Preset(
        "the ring of WGAN-GP's toys (Gulrajani et al. 2017, figure 1b and their code)",
        "igul222/improved_wgan_training, gan_toy.py",
        {
            "mode": Value("ring_8_scaled", "8gaussians: radius 2 and std 0.02, both divided by 1.414"),
            "loss": Value("wasserstein", "mean D(fake) − mean D(real), −mean D(fake)"),
            "penalty": Value("gp", "(slope − 1)² at a uniform place between a real and a fake point"),
            "penalty_weight": Value(0.1, "LAMBDA = .1"),
            "slope": Value(1.0, "slopes − 1"),
            "update": Value("alternating", "G and D in turns; the first round has no G step"),
            "d_steps": Value(5, "CRITIC_ITERS = 5"),
            "g_steps": Value(1, "one"),
            "optimizer": Value("adam", "AdamOptimizer"),
            "lr": Value(1e-4, "learning_rate=1e-4, both"),
            "beta1": Value(0.5, "beta1=0.5"),
            "beta2": Value(0.9, "beta2=0.9"),
            "batch_size": Value(256, "BATCH_SIZE = 256"),
            "data_size": Value(0, "always new points"),
            "latent_dim": Value(2, "random_normal([n_samples, 2])"),
            "layers": Value(3, "three hidden layers, both"),
            "hidden": Value(512, "DIM = 512"),
            "activation": Value("relu", "ReLU"),
            "init": Value("he_glorot", "uniform: he, in the last layer its default, glorot; biases 0"),
        },
        (
            "its other two toys, a grid divided by 2.828 and a Swiss roll by 7.5, have no mode at that scale",
            "figure 1b holds G still, at the data with noise (FIXED_GENERATOR); here G learns, as the code has it",
            "TensorFlow's Adam adds its 1e-8 before the bias of the squared gradients is corrected, ours after",
            "it trains for 100 000 G steps; --steps says so",
        ),
    ),
    "unrolled": Preset(
        "the ring of unrolled GANs (Metz et al. 2017: their notebook, whose networks are not the paper's)",
        "poolio/unrolled_gan, Unrolled GAN demo.ipynb",
        {
            "mode": Value("ring_8_unit", "sample_mog: std=0.01, radius=1.0"),
            "loss": Value("minimax", "cross entropies of real and fake for D, the same negated for G"),
            "update": Value("unrolled", "G through the steps of D's own optimiser"),
            "unroll": Value(5, "unrolling_steps=5"),
            "d_steps": Value(1, "one"),
            "g_steps": Value(1, "one"),
            "optimizer": Value("adam", "Adam, both"),
            "lr_d": Value(1e-4, "disc_learning_rate=1e-4"),
            "lr_g": Value(1e-3, "gen_learning_rate=1e-3"),
            "beta1": Value(0.5, "beta1=0.5, both"),
            "beta2": Value(0.999, "the default of both Adams"),
            "batch_size": Value(512, "batch_size=512"),
            "data_size": Value(0, "always new points"),
            "latent_dim": Value(256, "z_dim=256"),
            "layers": Value(2, "n_layer=2, both"),
            "hidden": Value(128, "n_hidden=128, both"),
            "activation": Value("tanh", "tanh"),
            "init": Value("orthogonal", "orthogonal_initializer; biases 0"),
            "init_gain": Value(1.4, "gain=1.4"),
        },
        (
            "its eight angles have both 0 and 2π: seven places, one of them twice as heavy; here eight of equal weight",
            "both players' steps are one call, in no stated order; here D is first and G sees the D that it made",
            "both Adams add their 1e-8 before the bias of the squared gradients is corrected, ours after",
            "it trains for 25 000 steps; --steps says so",
        ),
    ),
    "pacgan": Preset(
        "the ring and grid of PacGAN, two packed (Lin et al. 2018, section 4.1); the grid is --mode grid_25",
        "fjxmlzn/PacGAN, synthetic_data_experiments",
        {
            "mode": Value("ring_8_unit", "radius 1, variance 0.01²; of the grid spacing 2, variance 0.05²"),
            "loss": Value("nonsaturating", "softplus(−D(real)) + softplus(D(fake)) for D, softplus(−D(fake)) for G"),
            "packing": Value(2, "num_packing: 1, 2, 3, 4"),
            "update": Value("simultaneous", "one update of both, by gradients at the same place"),
            "d_steps": Value(1, "one"),
            "g_steps": Value(1, "one"),
            "optimizer": Value("adam", "Adam"),
            "lr": Value(1e-4, "learning_rate 1e-4, both"),
            "beta1": Value(0.8, "beta1 0.8"),
            "beta2": Value(0.999, "not set: its library's default"),
            "batch_size": Value(200, "batch_size 100, of packs: 100 m points"),
            "data_size": Value(100_000, "num_sample 100000"),
            "latent_dim": Value(2, "num_zdim 2, N(0, I)"),
            "layers": Value(4, "four hidden layers of G"),
            "hidden": Value(400, "gen_hidden_size 400"),
            "activation": Value("relu", "Rectifier"),
            "norm": Value("batch", "BatchNormalization; bias in the last layer alone"),
            "layers_d": Value(3, "three hidden layers of D"),
            "hidden_d": Value(200, "disc_hidden_size 200"),
            "activation_d": Value("maxout", "LinearMaxout"),
            "pieces": Value(5, "disc_maxout_pieces 5"),
            "init": Value("normal", "IsotropicGaussian, weights_init_std 0.02; biases 0"),
        },
        (
            "packs of another m have 100 m points there: say --batch-size 100, 300 or 400 with --packing 1, 3 or 4",
            "its packs are made once, and an epoch takes each once; here every pack is drawn anew from the fixed set",
            "each of a pack's m batches of latents is normalised by itself, with 1e-4 beside the variance; here all "
            "together, with 1e-5",
            "its G is judged with running means of the statistics; here with those of all evaluation latents",
            "it trains for 400 epochs, 400 000 steps; --steps says so",
        ),
    ),
}


def preset_options(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a preset says of options that are not among those `given`; raises `OptionError` for an unknown name.

    Where an option of both players is said, the preset's own for one of them is not left to contradict it.
    """
    if name not in PRESETS:
        raise OptionError(not_one_of("--preset", name, tuple(PRESETS)))
    overruled = {*given, *(f"{option}_{player}" for option in given for player in "gd")}
    return {option: value for option, value in PRESETS[name].options.items() if option not in overruled}
