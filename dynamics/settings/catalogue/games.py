"""What a game is made of: losses, penalties, update rules, optimisers, activations, initial weights.

An entry says all that is to be known of a name without torch. What carries it out stands in `dynamics.games`, under the
same name: a name that one of the two lacks is an error when that file is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


def _always(value: T) -> Callable[..., T]:
    return lambda *alphas: value


# --- losses ----------------------------------------------------------------------------------------------------------


class LossFacts(NamedTuple):
    help: str
    # (α_D, α_G) -> D's loss, G's loss, where the generated density equals the real one and D is the best for it: the
    # dashed lines of a loss plot; in `unit`. None where it is not one value: a Wasserstein critic is free but for a
    # constant. Only the α-losses depend on α.
    equilibrium: Callable[[float, float], tuple[float | None, float | None]]
    # α_G -> between what G's loss against the best D lies; all numbers where there is no best D
    against_best: Callable[[float], tuple[float, float]]
    unit: str = "nats"
    labels: bool = True  # D's real and fake term are one term with two labels, which can be smoothed
    paired: bool = False  # both losses are of pairs, each real point beside a fake one
    optimal_is_step: bool = False  # the best D jumps between two outputs: it has no slope, and says no probability
    equal_for_all: bool = False  # for equal densities D's loss is one value, whatever D is
    of_alphas: bool = False  # it depends on --alpha-d and --alpha-g


def _alpha_even(alpha: float) -> float:
    """The α-loss of an even chance, nats: (1 − 2^−k) / k, k = (α − 1)/α; at α = 1 its limit log 2."""
    k = (alpha - 1) / alpha
    return -math.expm1(-k * math.log(2)) / k if k else math.log(2)


def _alpha_most(alpha: float) -> float:
    """The most that an α-loss can be: α/(α − 1), without bound for α ≤ 1."""
    return alpha / (alpha - 1) if alpha > 1 else math.inf


_EVEN = math.log(2)
_ANY = _always((-math.inf, math.inf))

LOSSES: dict[str, LossFacts] = {
    "nonsaturating": LossFacts(
        "−E log D(G(z)) for G: the assignment's",
        _always((2 * _EVEN, _EVEN)),
        _always((0, math.inf)),
    ),
    "minimax": LossFacts(
        "E log(1 − D(G(z))) for G: the zero-sum game",
        _always((2 * _EVEN, -_EVEN)),
        _always((-math.inf, 0)),
    ),
    "lsgan": LossFacts(
        "least squares to 1 on real and 0 on generated points",
        _always((0.25, 0.125)),
        _always((0, 0.5)),
        unit="squared output",
    ),
    "hinge": LossFacts(
        "margins of 1 on both sides of 0",
        _always((2.0, None)),
        _always((-1, 1)),
        unit="output",
        labels=False,
        optimal_is_step=True,
    ),
    "wasserstein": LossFacts(
        "difference of means; the critic is not constrained",
        _always((0.0, None)),
        _ANY,
        unit="output",
        labels=False,
        equal_for_all=True,
    ),
    "relativistic": LossFacts(
        "real above fake in each pair of points (R3GAN's)",
        _always((_EVEN, _EVEN)),
        _ANY,
        labels=False,
        paired=True,
    ),
    "alpha": LossFacts(
        "α-losses of --alpha-d and --alpha-g; 1, 1 is nonsaturating",
        lambda alpha_d, alpha_g: (2 * _alpha_even(alpha_d), _alpha_even(alpha_g)),
        lambda alpha_g: (0, _alpha_most(alpha_g)),
        of_alphas=True,
    ),
    "alpha_minimax": LossFacts(
        "α-losses of --alpha-d and --alpha-g; E −ℓ for G: saturates",
        lambda alpha_d, alpha_g: (2 * _alpha_even(alpha_d), -_alpha_even(alpha_g)),
        lambda alpha_g: (-_alpha_most(alpha_g), 0),
        of_alphas=True,
    ),
}

# --- penalties -------------------------------------------------------------------------------------------------------

# where a penalty acts
D_LOSS, BOTH_LOSSES, JUDGED_POINTS, D_WEIGHTS = "D's loss", "both losses", "the points that D judges", "D's weights"
# where D's gradient at single points is looked at
AT_REAL, AT_FAKE, BETWEEN, AROUND = "real points", "fake points", "between real and fake points", "around real points"


class PenaltyFacts(NamedTuple):
    help: str
    weight: str  # what its weight is
    usual: float  # weight where none is said
    acts: str  # on what
    slopes: str = ""  # where it looks at D's gradient; without one, it does not
    uses_slope: bool = False  # it holds |∇D| to --slope, from one side or both
    asks_slope: bool = False  # it holds |∇D| to --slope from both sides, which no constant D has


PENALTIES: dict[str, PenaltyFacts] = {
    "clip": PenaltyFacts(
        "D's weights clipped, from the start and after each move", "bound of every weight", 0.01, D_WEIGHTS
    ),
    "gp": PenaltyFacts(
        "slopes of D between real and fake points held to --slope",
        "λ",
        10.0,
        D_LOSS,
        BETWEEN,
        uses_slope=True,
        asks_slope=True,
    ),
    "gp_one_sided": PenaltyFacts(
        "slopes of D there held to at most --slope", "λ", 10.0, D_LOSS, BETWEEN, uses_slope=True
    ),
    "r1": PenaltyFacts("slopes of D at real points held down", "γ", 1.0, D_LOSS, AT_REAL),
    "r2": PenaltyFacts("slopes of D at fake points held down; r1+r2 for both", "γ", 1.0, D_LOSS, AT_FAKE),
    "dragan": PenaltyFacts(
        "slopes of D around real points held to --slope", "λ", 10.0, D_LOSS, AROUND, uses_slope=True, asks_slope=True
    ),
    "spectral": PenaltyFacts("every layer of D scaled to one spectral norm", "that norm", 1.0, D_WEIGHTS),
    "instance_noise": PenaltyFacts(
        "noise on all that D judges; see --anneal",
        "its standard deviation, data units; of own points, the plane's",
        0.5,
        JUDGED_POINTS,
    ),
    "label_smoothing": PenaltyFacts("real points labelled a little less than 1", "how much less", 0.1, D_LOSS),
    "consensus": PenaltyFacts("both players also descend the squared gradients of the game", "γ", 1.0, BOTH_LOSSES),
}

# --- update rules, optimisers ----------------------------------------------------------------------------------------


class RuleFacts(NamedTuple):
    help: str
    once: bool = False  # each player steps once a round
    ahead: bool = False  # G's step goes through steps of D, --unroll of them: without any, it is alternating
    linearised: bool = True  # `measures.eigenvalues` has its round as a linear map


RULES: dict[str, RuleFacts] = {
    "alternating": RuleFacts(
        "D's steps, then G's, each at the other's newest parameters (Goodfellow et al. 2014, algorithm 1)"
    ),
    "simultaneous": RuleFacts("Both players' steps against the other as it was when the round began"),
    "extragradient": RuleFacts(
        "Gradients where a simultaneous step would lead, applied where the players are (Korpelevich 1976)", once=True
    ),
    "optimistic": RuleFacts(
        "Simultaneous, each step twice, less the one before (Daskalakis et al. 2018, eq. 4 and algorithm 1)"
    ),
    "unrolled": RuleFacts(
        "Alternating, but G sees --unroll further D steps coming (Metz et al. 2017, eq. 9)",
        ahead=True,
        linearised=False,
    ),
    "lookahead": RuleFacts(
        "Alternating, but both players go part of their way back every --lookahead-k rounds (Chavdarova et al. 2021)"
    ),
}


class OptimizerFacts(NamedTuple):
    help: str


OPTIMIZERS: dict[str, OptimizerFacts] = {
    "adam": OptimizerFacts(
        "Kingma & Ba 2015, algorithm 1, with ε = 1e-8 added as torch.optim.Adam does: p ← p − lr · m̂ / (√v̂ + ε)"
    ),
    "sgd": OptimizerFacts("Gradient descent: p ← p − lr · g"),
    "momentum": OptimizerFacts(
        "v ← μ v + g, p ← p − lr · v; μ, --momentum, may be negative (Polyak 1964; Gidel et al. 2019)"
    ),
    "rmsprop": OptimizerFacts(
        "v ← β₂ v + (1 − β₂) g², p ← p − lr · g / (√v + 10⁻⁸) (Tieleman & Hinton 2012), as torch.optim.RMSprop"
    ),
}

# --- networks --------------------------------------------------------------------------------------------------------

_SILU_ROOT = 1.1996786402577339  # of y tanh y = 1


class ActivationFacts(NamedTuple):
    help: str
    steepest: float  # its largest |slope|
    pieces: bool = False  # a unit is the largest of --pieces linear ones


ACTIVATIONS: dict[str, ActivationFacts] = {
    "relu": ActivationFacts("max(0, x)", 1.0),
    "leaky_relu": ActivationFacts("x above 0, 0.2 x below", 1.0),
    "tanh": ActivationFacts("between −1 and 1, smooth", 1.0),
    # its slope is largest where x tanh(x / 2) = 2, x = 2y
    "silu": ActivationFacts("x σ(x): smooth, and near relu far from 0", (1 + _SILU_ROOT) / 2),
    # of the largest of each unit's pieces, which changes no more than they do
    "maxout": ActivationFacts("the largest of --pieces linear functions", 1.0, pieces=True),
}


class InitFacts(NamedTuple):
    help: str


INITS: dict[str, InitFacts] = {
    "uniform": InitFacts("U(−1/√in, 1/√in) for weights and biases: what nn.Linear does"),
    "glorot": InitFacts("U(±√(6 / (in + out))), biases 0 (Glorot & Bengio 2010)"),
    "he": InitFacts("U(±√(6 / in)), biases 0 (He et al. 2015)"),
    "he_glorot": InitFacts("He et al.'s, and Glorot & Bengio's for the last layer (Gulrajani et al. 2017's toys)"),
    "orthogonal": InitFacts("Orthonormal rows or columns, whichever are fewer, biases 0 (Saxe et al. 2014)"),
    "normal": InitFacts("N(0, 0.02²), biases 0 (Radford et al. 2016)"),
}
