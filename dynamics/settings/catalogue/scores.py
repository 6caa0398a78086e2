"""Scores: what is measured of a member at a snapshot, by groups, and what tables and sentences tell beside.

An entry says all that is to be known of a score without torch: its title, unit, decimal places and meaning, between
what its values lie, and where it is shown. What measures it stands in `measures.scoring`, by group.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dynamics.settings.catalogue.verdicts import COLLAPSE, DIVERGENCE, VERDICTS

LENGTH, PER_LENGTH = "data units", "per data unit"  # units that a target's own ones are converted to and from

# Between what a score lies: two ends, or by which of these a setting decides them.
MODES = "modes"  # 0 and the number of the target's modes
TO_RAREST = "to the rarest mode"  # 0 and the divergence of all mass on the rarest mode from the modes' weights
AGAINST_BEST = "against the best D"  # the ends of G's loss against the best D of whatever it generates
POSITIVE, SHARE, REAL = (0.0, math.inf), (0.0, 1.0), (-math.inf, math.inf)

# what an option changes, as sentences tell it
PERFORMANCE, STABILITY, OSCILLATION = "Generator performance", "Stability", "Oscillation in the losses"


class ScoreFacts(NamedTuple):
    title: str
    unit: str
    digits: int
    meaning: str
    ends: tuple[float, float] | str = REAL  # between what it lies
    sampled: bool = False  # it is of samples alone, so that a perfect generator has one too
    column: bool = False  # of the table
    average_column: bool = False  # that of the average of G's weights, too
    axis: str = ""  # its axis in comparison.png; without one, it is not shown there
    aspect: str = ""  # of what an option changes, that it tells of; without one, it is not compared
    better: str = ""  # of a compared score: more, less, or nearer to a perfect generator's


class ScoreGroup(NamedTuple):
    help: str
    scores: dict[str, ScoreFacts]
    slow: bool = False  # "all" leaves it out: it takes longer than the training


_GROUPS: dict[str, ScoreGroup] = {
    "": ScoreGroup(
        "the modes and densities of the samples; always measured",
        {
            "modes_covered": ScoreFacts(
                "modes covered",
                "",
                2,
                "modes that hold at least a quarter of their true weight in high-quality samples",
                MODES,
                sampled=True,
                column=True,
                average_column=True,
                axis="modes",
                aspect=PERFORMANCE,
                better="more",
            ),
            "modes_hit": ScoreFacts(
                "modes hit", "", 2, "modes with at least one high-quality sample", MODES, sampled=True
            ),
            "high_quality": ScoreFacts(
                "high quality",
                "",
                3,
                "share of samples within 3 std of the nearest mode; for one mode, or modes far apart, a perfect"
                " generator scores 1 − e^(−9/2) = 0.98889, not 1, and more than that generator is"
                " under-dispersion",
                SHARE,
                sampled=True,
                column=True,
                axis="share of samples",
                aspect=PERFORMANCE,
                better="nearer",
            ),
            "reverse_kl": ScoreFacts(
                "reverse KL",
                "nats",
                3,
                "Kullback–Leibler divergence of the high-quality samples' histogram over modes from the true"
                " weights; 0 at best",
                TO_RAREST,
                sampled=True,
            ),
            "jsd": ScoreFacts(
                "JSD",
                "nats",
                3,
                "Jensen–Shannon divergence of the samples from the known density, on cells of equal true"
                " probability; lower is better, at most ln 2 = 0.693, and above 0 for a perfect generator too:"
                " samples are finite",
                (0.0, math.log(2)),
                sampled=True,
                column=True,
                average_column=True,
                axis="nats",
                aspect=PERFORMANCE,
                better="less",
            ),
            "spread": ScoreFacts(
                "spread",
                "",
                2,
                "trace of the samples' covariance over the target's; 1 for a perfect generator",
                POSITIVE,
                sampled=True,
            ),
        },
    ),
    "transport": ScoreGroup(
        "Wasserstein-2 distances of the samples from the target",
        {
            "w2": ScoreFacts(
                "Wasserstein-2",
                LENGTH,
                2,
                "how far samples would have to be moved on average to lie as the target's do, exact on 256 of"
                " them; above 0 for a perfect generator too",
                POSITIVE,
                sampled=True,
            ),
            "sliced_w2": ScoreFacts(
                "sliced Wasserstein-2",
                LENGTH,
                3,
                "the same along 31 directions, from all samples, averaged",
                POSITIVE,
                sampled=True,
            ),
        },
    ),
    "critic": ScoreGroup(
        "D beside the best discriminator of the moment, and what G's loss owes to either",
        {
            "critic_gap": ScoreFacts(
                "critic gap",
                "nats",
                3,
                "D's loss less that of the best D against the same G, with labels and noise as they are played,"
                " without penalties; 0 for the best, 2 JSD for D = 1/2 (labels not smoothed); empty where there"
                " is no best D",
                POSITIVE,
            ),
            "g_loss_optimal": ScoreFacts(
                "G's loss, D optimal",
                "nats",
                3,
                "what G's loss would be against the best D: its distance from the target",
                AGAINST_BEST,
            ),
            "g_loss_gap": ScoreFacts(
                "G's loss, owed to D", "nats", 3, "G's loss less what it would be against the best D", REAL
            ),
        },
    ),
    "slopes": ScoreGroup(
        "the gradients of D and of both players' losses",
        {
            "d_slope": ScoreFacts(
                "slope of D", PER_LENGTH, 2, "mean size of the gradient of D's logit at generated samples", POSITIVE
            ),
            "d_slope_max": ScoreFacts(
                "largest slope of D", PER_LENGTH, 2, "the largest found there and on a grid", POSITIVE
            ),
            "d_angle": ScoreFacts(
                "agreement of D",
                "",
                2,
                "mean cosine between the gradients of D and of the best D, at samples",
                (-1.0, 1.0),
            ),
            "d_gradient": ScoreFacts(
                "gradient of D's loss", "", 3, "its norm, with respect to D's parameters", POSITIVE
            ),
            "g_gradient": ScoreFacts(
                "gradient of G's loss", "", 3, "its norm, with respect to G's parameters", POSITIVE
            ),
        },
    ),
    "lipschitz": ScoreGroup(
        "how steep D is, between bounds, and what it makes of the Wasserstein-1 distance",
        {
            "lipschitz_grid": ScoreFacts(
                "slope of D seen",
                PER_LENGTH,
                2,
                "the largest of D's gradient at its points and on a grid: D's is no less",
                POSITIVE,
            ),
            "lipschitz_secant": ScoreFacts(
                "slope between points",
                PER_LENGTH,
                2,
                "the largest that two of D's points show: D's is no less",
                POSITIVE,
            ),
            "lipschitz_upper": ScoreFacts(
                "bound on D's slope",
                PER_LENGTH,
                2,
                "product of its layers' spectral norms and its activations' largest slopes: D's is no more",
                POSITIVE,
            ),
            "w1": ScoreFacts(
                "Wasserstein-1",
                LENGTH,
                3,
                "between the 256 real and 256 generated points that D is given, exact; above 0 for a perfect"
                " generator too",
                POSITIVE,
                sampled=True,
            ),
            "w1_critic": ScoreFacts(
                "D's Wasserstein-1",
                LENGTH,
                3,
                "mean of D at these real points less that at the generated ones, over the largest slope of D seen",
                REAL,
            ),
            "w1_lower": ScoreFacts(
                "least Wasserstein-1", LENGTH, 3, "the same over the bound on D's slope: the distance is no less", REAL
            ),
        },
    ),
    "spectrum": ScoreGroup(
        "how the game turns about where it is, and how fast; seconds a look, so not among all",
        {
            "spectrum_rotation": ScoreFacts(
                "rotation",
                "radians a round",
                3,
                "angle of the game's leading pair of multipliers, by which differences turn",
                (0.0, math.pi),
            ),
            "spectrum_contraction": ScoreFacts(
                "left after a round",
                "",
                4,
                "size of that pair: what a round leaves of a difference; above 1 it grows",
                POSITIVE,
            ),
            "spectrum_period": ScoreFacts("predicted period", "rounds", 0, "2π over the rotation", (2.0, math.inf)),
            "spectrum_expansion": ScoreFacts(
                "expansion", "", 4, "largest size of a multiplier, turning or not, less 1", (-1.0, math.inf)
            ),
        },
        slow=True,
    ),
}
_AVERAGED = {
    f"ema_{name}": facts._replace(
        title=f"{facts.title}, average",
        meaning="the same of G with the average of its weights",
        column=facts.average_column,
        axis="",
        aspect="",
        better="",
    )
    for name, facts in _GROUPS[""].scores.items()
}
GROUPS: dict[str, ScoreGroup] = {  # "" is always measured, "ema" where a setting keeps an average of G's weights
    "": _GROUPS[""],
    "ema": ScoreGroup("the same of the average of G's weights; where --ema is", _AVERAGED),
    **{name: group for name, group in _GROUPS.items() if name},
}
# what can be scored on request, and of it what "all" leaves out
SCORE_GROUPS = {name: group.help for name, group in GROUPS.items() if name not in ("", "ema")}
SLOW_SCORES = tuple(name for name, group in GROUPS.items() if group.slow)


class Swing(NamedTuple):
    """How much a course swings about its straight trend over the last half."""

    course: str  # a score or a curve
    words: str
    meaning: str
    unit: str = ""
    aspect: str = OSCILLATION


SWINGS: dict[str, Swing] = {
    "jsd_swing": Swing(
        "jsd", "JSD", "its standard deviation about its straight trend over the last half", "nats", STABILITY
    ),
    "d_loss_swing": Swing("d_loss", "D's loss", "the same of D's loss"),
    "g_loss_swing": Swing("g_loss", "G's loss", "the same of G's loss"),
}

SCORES: dict[str, ScoreFacts] = {  # all that has a number at the end: scores, swings, and shares of verdicts
    **{name: facts for group in GROUPS.values() for name, facts in group.scores.items()},
    **{
        name: ScoreFacts(f"swing of {swing.words}", swing.unit, 3, swing.meaning, POSITIVE, aspect=swing.aspect)
        for name, swing in SWINGS.items()
    },
    **{
        word: ScoreFacts(f"share {word}", "", 2, facts.share_meaning, SHARE, aspect=facts.aspect)
        for word, facts in VERDICTS.items()
    },
}
COLUMNS = tuple(name for name, facts in SCORES.items() if facts.column)  # of the table
PICTURED = tuple(name for name, facts in SCORES.items() if facts.axis)  # in comparison.png
COMPARED = tuple(name for name, facts in SCORES.items() if facts.aspect)  # between settings
ASPECTS: dict[str, tuple[str, ...]] = {  # of what an option changes -> what tells of it
    aspect: tuple(name for name in COMPARED if SCORES[name].aspect == aspect)
    for aspect in (PERFORMANCE, STABILITY, COLLAPSE, DIVERGENCE, OSCILLATION)
}


def score_names(groups: Sequence[str]) -> list[str]:
    """The scores of some groups, and before them those that are always measured."""
    return [name for group in ("", *groups) for name in GROUPS[group].scores]


class ScoreLine(NamedTuple):
    """A score as a line of a panel of scores.png; `colour` is what it means: a player, what G generates, or a place
    among colours that mean nothing."""

    score: str
    words: str
    colour: str | int


LOSS_UNIT = "LOSS_UNIT"  # in an axis, the unit of the loss
G_LOSS = "g_loss"  # what the parts of G's loss sum to
PANELS: dict[str, tuple[ScoreLine, ...]] = {  # axis -> its lines
    f"loss of G, {LOSS_UNIT}": (ScoreLine(G_LOSS, "at the samples", "G"),),
    f"its parts, {LOSS_UNIT}": (
        ScoreLine("g_loss_optimal", "against the best D", "generated"),
        ScoreLine("g_loss_gap", "owed to D", "D"),
    ),
    f"critic gap, {LOSS_UNIT}": (ScoreLine("critic_gap", "D's loss less the best D's", "D"),),
    "slope of D, per data unit": (ScoreLine("d_slope", "mean at samples", "D"), ScoreLine("d_slope_max", "largest", 0)),
    "agreement of D": (ScoreLine("d_angle", "cosine between the slopes of D and of the best D", "D"),),
    "gradient's norm": (ScoreLine("d_gradient", "D's loss", "D"), ScoreLine("g_gradient", "G's loss", "G")),
    "Wasserstein-2, data units": (
        ScoreLine("w2", "exact, 256 samples", "generated"),
        ScoreLine("sliced_w2", "sliced, all samples", 1),
    ),
    "Lipschitz constant": (
        ScoreLine("lipschitz_upper", "at most", 0),
        ScoreLine("lipschitz_grid", "at least: a gradient", "D"),
        ScoreLine("lipschitz_secant", "at least: a secant", 1),
    ),
    "Wasserstein-1, data units": (
        ScoreLine("w1", "exact, 256 samples", "generated"),
        ScoreLine("w1_critic", "D's estimate", "D"),
    ),
    "period, rounds": (ScoreLine("spectrum_period", "of the leading pair, predicted", 0),),
}
AVERAGED_PANEL = ("JSD, nats", (ScoreLine("jsd", "G", "G"), ScoreLine("ema_jsd", "average of its weights", 1)))
