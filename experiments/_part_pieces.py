"""What the parts of the Wasserstein laboratory are made of: their settings, what is said, and the lines that are drawn.

Numbers that are multiples of one another by nature (slopes, and how far samples run) are averaged as logarithms: a
geometric mean with the interval of its logarithm's mean. A difference within seeds is said to be one where its 95 %
interval leaves out 0 and its p-value, corrected for all comparisons that are made beside it, is below 5 %; else none is
shown.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dynamics.base.intervals import (
    FEWEST_SEEDS_FOR_A_TEST,
    REAL,
    Difference,
    Estimate,
    Range,
    difference_range,
    max_t,
    mean_interval,
    paired_difference,
)
from dynamics.reports.tables import interval, number
from dynamics.runner.results import Results
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting

if TYPE_CHECKING:
    from dynamics.pictures.interval_panels import IntervalLine, IntervalPanel

STEPS = "generator steps"  # which training is counted by where G stands still too
LEVEL = 0.05

# --- which settings --------------------------------------------------------------------------------------------------


class Family(NamedTuple):
    """Settings that are alike in all but what a part varies."""

    indices: list[int]  # by the weight of their penalty
    words: str  # what tells the family from others, for a title; "" for one alone
    file: str  # the same for the name of a file


def families(results: Results, chosen: Sequence[int], free: Sequence[str]) -> list[Family]:
    """The chosen settings, split by every option but the `free` ones: the largest families alone.

    Smaller ones are there for another part's sake, and all are in the report's table.
    """
    groups: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for i in chosen:
        groups.setdefault(other_options(results.study.settings[i], free), []).append(i)
    most = max(map(len, groups.values()), default=0)
    groups = {key: indices for key, indices in groups.items() if len(indices) == most}
    distinguishing = [name for name, _ in next(iter(groups), ()) if len({dict(key)[name] for key in groups}) > 1]
    largest = []
    for number_of, (key, indices) in enumerate(groups.items(), 1):
        words = ", ".join(f"{name.replace('_', ' ')} {_plain(dict(key)[name])}" for name in distinguishing)
        indices.sort(key=functools.partial(weight, results))
        largest.append(Family(indices, f": {words}" if words else "", f"-{number_of}" if words else ""))
    return largest


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "default" if value is None else str(value)


def other_options(setting: Setting, free: Sequence[str]) -> tuple[tuple[str, Any], ...]:
    """Every option of a setting but the free ones, and its value."""
    return tuple((name, getattr(setting, name)) for name in FIELDS[Setting] if name not in free)


def critic(s: Setting, train: str, *penalties: str) -> bool:
    """Whether a setting is a Wasserstein GAN with one of these penalties alone."""
    return (
        s.loss == "wasserstein" and s.train == train and len(s.penalties) == 1 and next(iter(s.penalties)) in penalties
    )


def standard(s: Setting, train: str) -> bool:
    """Whether a setting is a GAN of the usual, logarithmic loss, with nothing beside it."""
    return s.loss in ("nonsaturating", "minimax") and s.train == train and not s.penalties


def weight(results: Results, index: int) -> float:
    """Of a setting's first penalty; 0 without any."""
    return next(iter(results.study.settings[index].penalties.values()), 0.0)


def discriminator_words(s: Setting) -> str:
    """What a setting's D is, in short."""
    terms = [f"{name.replace('_', ' ')} {size:g}" for name, size in s.penalties.items()]
    names = {"wasserstein": "critic", "nonsaturating": "standard GAN", "minimax": "minimax GAN"}
    return " · ".join([names.get(s.loss, s.loss), *terms])


# --- numbers and words -----------------------------------------------------------------------------------------------


def positive(values: np.ndarray) -> np.ndarray:
    """The values, nan where they have no logarithm."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def exp(e: Estimate) -> Estimate:
    """The estimate of what a mean logarithm is the logarithm of."""
    with np.errstate(over="ignore"):
        return Estimate(float(np.exp(e.value)), float(np.exp(e.low)), float(np.exp(e.high)), e.n)


def geometric(values: np.ndarray) -> Estimate:
    """Geometric mean of the positive values (n,)."""
    return exp(mean_interval(np.log(positive(values))))


def compare(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], within: Sequence[Range] = ()
) -> list[tuple[Difference, float]]:
    """Of each pair (n,), (n,) over the same seeds, the difference and its p-value, corrected for all of them.

    Values are in the order of the seeds. `within` are the ranges of the differences, where they have any.
    """
    rows = []
    for a, b in pairs:
        known = np.isfinite(a) & np.isfinite(b)
        # halves: the difference of two finite numbers may not be
        rows.append(np.where(known, np.where(known, a, 0) / 2 - np.where(known, b, 0) / 2, np.nan))
    corrected = max_t(np.array(rows)).tolist() if rows else []
    differences = [paired_difference(*pair, of) for pair, of in zip(pairs, within or [REAL] * len(pairs), strict=True)]
    return [(d, float(np.fmax(p, d.p))) for d, p in zip(differences, corrected, strict=True)]


def compare_scores(results: Results, asked: Sequence[tuple[str, int, int]]) -> list[tuple[Difference, float]]:
    """`compare` of the last values of scores, each (name, setting, setting that it is held against)."""
    return compare(
        [(results.final(name, i), results.final(name, j)) for name, i, j in asked],
        [difference_range(results.range(name, i), results.range(name, j)) for name, i, j in asked],
    )


def final_words(results: Results, name: str, index: int) -> str:
    """A score's mean over a setting's seeds at the end, in words: of how many, where some have none."""
    e, seeds = results.estimate(name, index), len(results.of_setting(index))
    return words(e) + (f" ({e.n}/{seeds})" if 0 < e.n < seeds else "")


def shown(difference: Difference, p: float) -> bool:
    return difference.n > 1 and (difference.low > 0 or difference.high < 0) and p < LEVEL


def difference_words(difference: Difference, p: float, more: str, less: str, *, by: bool = False) -> str:
    """'more by 0.2 [0.1, 0.3] (p 0.008)', without the size unless `by`; nothing where no difference is shown."""
    if not shown(difference, p):
        return ""
    e = difference.estimate
    size = e if e.value > 0 else Estimate(-e.value, -e.high, -e.low, e.n)
    level = "below 0.001" if p < 0.0005 else number(p, 3)
    return f"{more if e.value > 0 else less}{f' by {words(size)}' if by else ''} (p {level})"


def words(e: Estimate) -> str:
    """The value and its interval, to three digits of the value, or of its interval's ends where those may be of either
    sign."""
    size = e.value if e.low > 0 else max((abs(v) for v in e[:3] if np.isfinite(v)), default=0.0)
    digits = int(np.clip(2 - np.floor(np.log10(abs(size))), 0, 6)) if np.isfinite(size) and size else 2
    return f"{number(e.value, digits)} {interval(e, digits)}".rstrip()


def listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def paragraph(results: Results, sentences: Sequence[str]) -> str:
    """A part's paragraph, with what so few seeds cannot show."""
    n = results.study.seeds
    needed = FEWEST_SEEDS_FOR_A_TEST
    few = [f"So few seeds cannot show a difference: that takes {needed}."] if n < needed else []
    return " ".join(filter(None, [*sentences, *few]))


# --- what figures show -----------------------------------------------------------------------------------------------


def seeds_remark(results: Results) -> str:
    seeds = results.study.seeds
    return f"means of {seeds} seeds with 95 % intervals" if seeds > 1 else "one seed"


def against_option(
    results: Results,
    score: str,
    indices: Sequence[int],
    at: np.ndarray,
    name: str,
    colour: str | int,
    *,
    log: bool = False,
    seeds: bool = False,
) -> IntervalLine:
    """A score's last values against an option's values `at`: `log` for geometric means, `seeds` for each seed's own."""
    values = [results.final(score, i) for i in indices]
    line = _line(name, colour, at, values, log, [results.range(score, i) for i in indices])
    if seeds:
        line["seeds"] = np.stack(values, 1)
    return line


def over_training(
    results: Results, score: str, index: int, name: str, colour: str | int, *, log: bool = False
) -> IntervalLine:
    """A score over training."""
    values = results.scores[score][results.of_setting(index)]
    within = [results.range(score, index)] * values.shape[1]
    return _line(name, colour, results.snapshot_steps[index], list(values.T), log, within)


def _line(
    name: str, colour: str | int, at: np.ndarray, values: Sequence[np.ndarray], log: bool, within: Sequence[Range]
) -> IntervalLine:
    of = np.array([(geometric(v) if log else mean_interval(v, r))[:3] for v, r in zip(values, within, strict=True)])
    return {"name": name, "colour": colour, "at": at, "value": of[:, 0], "low": of[:, 1], "high": of[:, 2]}


def over_steps(
    results: Results,
    score: str,
    indices: Sequence[int],
    names: Sequence[str],
    title: str,
    label: str,
    *,
    log: bool = False,
) -> IntervalPanel:
    """A score over training, a line for each setting."""
    lines = [
        over_training(results, score, i, n, k, log=log) for k, (i, n) in enumerate(zip(indices, names, strict=True))
    ]
    scales = ("linear", "log" if log else "linear")
    return {"title": title, "x": STEPS, "y": label, "scales": scales, "lines": lines, "dots": False}
