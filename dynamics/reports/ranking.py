"""Settings of one target from best to worst, each held against the first of them, or against a baseline.

**The order** is that of the mean JSD at the end. A GAN that has no JSD because it diverged counts as the worst there
can be, ln 2: else a setting whose few survivors do well would lead.

**Against the first**, each of the next few has a p-value of its own family: that of all other settings held against
it (`intervals.max_t`). A setting that is the best in truth is then called worse than any other with a chance of at most
5 %, although the first was chosen by the same numbers (subset selection, Gupta 1965; with a control that is not known,
Hsu 1984).

**Against a baseline**, which was chosen beforehand, all comparisons of the ranking are one family.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynamics.base.intervals import (
    FEWEST_SEEDS_FOR_A_TEST,
    Estimate,
    difference_range,
    max_t,
    mean_interval,
    paired_difference,
)
from dynamics.reports.plain_sentences import LEVEL
from dynamics.runner.fresh_seeds import Confirmation
from dynamics.runner.results import Results
from dynamics.runner.setting_names import baselines
from dynamics.settings.catalogue.verdicts import FAILED
from dynamics.settings.study import MANY_SETTINGS, Study

RANKED_BY = "jsd"  # lower is better
BEST = 10  # settings that are held against the first
CHOSEN = 3  # of each target, that have animations where there are many settings


class Spread(NamedTuple):
    """A mean with its interval, and the least and the most of what went into it."""

    estimate: Estimate
    least: float
    most: float


class Against(NamedTuple):
    """A setting's score less that of the setting that it is held against, within seeds; p is corrected."""

    difference: Spread
    p: float

    @property
    def tested(self) -> bool:
        return self.difference.estimate.n >= FEWEST_SEEDS_FOR_A_TEST

    @property
    def shown(self) -> bool:
        """Whether a difference is shown."""
        return self.tested and self.p < LEVEL


class Placed(NamedTuple):
    """A setting in its place, by its number; `against` is None where it is not held against anything."""

    setting: int
    score: Spread
    diverged: int  # seeds that count as the worst
    against: Against | None


class Confirmed(NamedTuple):
    """The leading settings of one target, best first where they were chosen; as they did there, and on new seeds.

    Settings are numbers in the study that chose them. `after` are held against the setting `against`, which was fixed
    before the new seeds were trained: they are one family.
    """

    target: str
    before: list[Placed]
    after: list[Placed]
    against: int
    has_baseline: bool

    @property
    def tested(self) -> bool:
        return any(p.against is not None and p.against.tested for p in self.after)


class Ranking(NamedTuple):
    """The settings of one target that have ended, best first; `against` is what they are held against."""

    target: str
    placed: list[Placed]
    against: int
    has_baseline: bool

    @property
    def tested(self) -> bool:
        """Whether there are as many seeds as a test takes."""
        return any(p.against is not None and p.against.tested for p in self.placed)


def is_ranked(study: Study) -> bool:
    """Whether a study's report begins with a ranking."""
    return len(study.settings) > MANY_SETTINGS or study.baseline is not None or study.confirm > 0


def rankings(results: Results) -> list[Ranking]:
    """A ranking for each target with two settings or more. Raises `OptionError` for a baseline that is no setting."""
    chosen = _baselines(results)
    by_seed = _by_seed(results)
    made = []
    for target, order in _orders(results, by_seed).items():
        if len(order) > 1:
            has_baseline = target in chosen and chosen[target] in order
            made.append((target, order, chosen[target] if has_baseline else order[0], has_baseline))
    held = [(i, first) for _, order, first, known in made if known for i in order if i != first]
    corrected = dict(zip(held, _corrected(by_seed, held), strict=True))
    for _, order, first, known in made:
        for i in () if known else order[1:BEST]:
            (corrected[i, first],) = _corrected(by_seed, [(j, i) for j in (first, *order) if j != i])[:1]
    return [
        Ranking(target, [_place(results, by_seed, i, first, corrected) for i in order], first, known)
        for target, order, first, known in made
    ]


def confirmed(results: Results, again: Confirmation) -> list[Confirmed]:
    """What the new seeds say of each target's leading settings, held against the first of them or the baseline."""
    chosen, old, new = _baselines(results), _by_seed(results), _by_seed(again.results)
    number = {place: k for k, place in enumerate(again.places)}
    made = []
    for target, order in _orders(results, old).items():
        if placed := [i for i in order if i in number]:
            has_baseline = chosen.get(target) in placed
            made.append((target, placed, chosen[target] if has_baseline else placed[0], has_baseline))
    held = [(number[i], number[first]) for _, placed, first, _ in made for i in placed if i != first]
    corrected = dict(zip(held, _corrected(new, held), strict=True))
    return [
        Confirmed(
            target,
            [_place(results, old, i, first, {}) for i in placed],
            [_place(again.results, new, number[i], number[first], corrected)._replace(setting=i) for i in placed],
            first,
            has_baseline,
        )
        for target, placed, first, has_baseline in made
    ]


def leading(results: Results) -> list[int]:
    """The first three settings of each target, and its baseline if there is one."""
    chosen = _baselines(results)
    return list(
        dict.fromkeys(
            i
            for target, order in _orders(results, _by_seed(results)).items()
            for i in (*order[:CHOSEN], *([chosen[target]] if target in chosen else []))
        )
    )


def _baselines(results: Results) -> Mapping[str, int]:
    written = results.study.baseline
    return {} if written is None else baselines(results.names, results.labels, written)


def _orders(results: Results, by_seed: np.ndarray) -> dict[str, list[int]]:
    """Target -> its settings that have ended and have a score, the least mean first."""
    with np.errstate(invalid="ignore"):
        known = np.isfinite(by_seed).sum(1)
        means = np.where(known > 0, np.nansum(by_seed, 1) / np.maximum(known, 1), np.nan)
    return {
        target: sorted((i for i in indices if known[i] and results.has_ended(i)), key=means.__getitem__)
        for target, indices in results.targets.items()
    }


def _by_seed(results: Results) -> np.ndarray:
    """The score of every setting with every seed (settings, seeds), NaN where it was not trained."""
    seeds = sorted({member.seed for member in results.members})
    values, worst = results.last(RANKED_BY), [results.range(RANKED_BY, i).most for i in range(len(results.labels))]
    table = np.full((len(results.labels), len(seeds)), np.nan)
    for m, member in enumerate(results.members):
        if results.words[m] != FAILED:
            value = values[m] if math.isfinite(values[m]) else worst[member.setting]
            table[member.setting, seeds.index(member.seed)] = value
    return table


def _corrected(by_seed: np.ndarray, held: Sequence[tuple[int, int]]) -> list[float]:
    """The p-values of one family of settings, each held against another."""
    rows = np.array([by_seed[i] - by_seed[j] for i, j in held]).reshape(len(held), by_seed.shape[1])
    return [float(p) for p in max_t(rows)]


def _place(
    results: Results, by_seed: np.ndarray, index: int, first: int, corrected: Mapping[tuple[int, int], float]
) -> Placed:
    within = results.range(RANKED_BY, index)
    unscored = [m for m in results.of_setting(index) if not math.isfinite(results.last(RANKED_BY)[m])]
    against = None
    if (index, first) in corrected:
        apart = by_seed[index] - by_seed[first]
        difference = paired_difference(by_seed[index], by_seed[first], difference_range(within, within))
        against = Against(_spread(apart, difference.estimate), max(corrected[index, first], difference.p))
    return Placed(
        index,
        _spread(by_seed[index], mean_interval(by_seed[index], within)),
        sum(results.words[m] != FAILED for m in unscored),
        against,
    )


def _spread(values: np.ndarray, estimate: Estimate) -> Spread:
    known = values[np.isfinite(values)]
    return Spread(estimate, float(known.min()), float(known.max())) if len(known) else Spread(estimate, np.nan, np.nan)
