"""The game's turning: do the multipliers of a round, taken from a trained pair, tell how long an oscillation takes?

Both players are small and smooth (tanh), the target is one Gaussian, so that G's samples circle about it as a whole.
Beside the period that spectrum.py predicts stands the one that the samples' mean shows.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from dynamics.base.intervals import POSITIVE, Estimate, difference_range, mean_interval, paired_difference
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.comparisons import setting_pairs
from dynamics.reports.tables import counted, interval, mean_words, number
from dynamics.runner.results import Results
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study

_BASE = {"mode": "gaussian", "hidden": 16, "activation": "tanh", "d_steps": 1, "batch_size": 512}
_TOGETHER = {**_BASE, "optimizer": "sgd", "update": "simultaneous"}

STUDY = Study(
    name="spectrum",
    question="Do the multipliers of a round, taken from a trained pair, tell how its oscillation goes?",
    settings=(
        Setting(**_TOGETHER, lr=0.1),  # type: ignore[arg-type]
        Setting(**_TOGETHER, lr=0.2),  # type: ignore[arg-type]
        Setting(**_TOGETHER, lr=0.2, penalty="r1:0.1"),  # type: ignore[arg-type]
        Setting(**_BASE, optimizer="sgd", lr=0.2),  # type: ignore[arg-type]
        Setting(**_BASE, lr=1e-3),  # type: ignore[arg-type]
        Setting(**_BASE, lr=2e-3),  # type: ignore[arg-type]
    ),
    steps=3000,
    seeds=4,
    snapshots=5,
    frames=100,
    scores="spectrum",
    weights="none",
)

_FEWEST = 16  # moments of the last half from which a period is told
_CYCLES, _POINTS = 2.0, 4.0  # a period is seen at least twice, and at so many moments
_SHARE = 0.5  # of the power that an oscillation has
_PERMUTATIONS, _AT_ONCE = 2**20 - 1, 2**14
_PLAIN = ("mode", "optimizer", "update", "penalty", "loss")  # options whose values say what they are
_FINER = 16  # frequencies for one of the plain transform


def measured_period(places: np.ndarray, steps: np.ndarray) -> float:
    """The period, generator steps, of an oscillation of places (T, 2) at evenly spaced steps (T,); NaN without one.

    Places less their straight trend, under a Hann window, have a power spectrum, that of both coordinates added. Its
    highest point is an oscillation if it is at two cycles or more in all, at four moments or more a cycle, and if half
    of all power is within the width that the window gives a pure wave (two cycles to either side). Of random walks of
    50 moments 15 % pass, of white noise none. NaN for fewer than 16 moments, and for places that are not finite.
    """
    count = len(places)
    if count < _FEWEST or not np.isfinite(places).all():
        return np.nan
    at = np.arange(count)
    away = places - np.stack([np.polynomial.Polynomial.fit(at, c, 1)(at) for c in places.T], 1)
    size = np.abs(away).max()
    if size <= 1e-9 * np.abs(places).max():  # straight, to rounding
        return np.nan
    window = np.hanning(count + 2)[1:-1, None]
    power = np.square(np.abs(np.fft.rfft(away / size * window, _FINER * count, axis=0))).sum(1)
    cycles = np.arange(len(power)) / _FINER  # in all
    top = int(power.argmax())
    if not _CYCLES <= cycles[top] <= count / _POINTS:
        return np.nan
    if power[np.abs(cycles - cycles[top]) <= 2].sum() < _SHARE * power.sum():
        return np.nan
    return float(count / cycles[top] * (steps[-1] - steps[0]) / (count - 1))


def measured_periods(results: Results) -> np.ndarray:
    """`measured_period` of every member's mean sample, (M,), over the last half of training."""
    periods = np.full(len(results.members), np.nan)
    for m, member in enumerate(results.members):
        steps = results.frame_steps[member.setting]
        late = steps > steps[-1] / 2
        periods[m] = measured_period(results.samples[m, late].astype(float).mean(1), steps[late])
    return periods


def late(results: Results, name: str) -> np.ndarray:
    """Median of a score over the looks of the last half of training, those that have it, (M,)."""
    medians = np.full(len(results.members), np.nan)
    for m, member in enumerate(results.members):
        steps = results.snapshot_steps[member.setting]
        values = results.scores[name][m, steps > steps[-1] / 2]
        values = values[np.isfinite(values)]
        medians[m] = np.median(values) if len(values) else np.nan
    return medians


def predicted_periods(results: Results) -> np.ndarray:
    """Median of `spectrum_period` over the looks of the last half, (M,), in generator steps."""
    a_round = np.array([results.study.settings[member.setting].g_steps for member in results.members])
    return late(results, "spectrum_period") * a_round


def parts(results: Results) -> list[StudyPart]:
    """What the multipliers are, and how the periods that they predict compare with those measured."""
    if "spectrum_period" not in results.scores or not np.isfinite(results.scores["spectrum_contraction"]).any():
        return []
    return [_multipliers(results), _periods(results)]


def _multipliers(results: Results) -> StudyPart:
    sizes, labels = late(results, "spectrum_contraction"), _labels(results)
    sentences = []
    for index, label in enumerate(labels):
        of_seeds = sizes[results.of_setting(index)]
        known = of_seeds[np.isfinite(of_seeds)]
        if len(known):
            mean = mean_words(mean_interval(of_seeds, POSITIVE), 4)
            sentences.append(f"{label}: {mean}, above 1 in {int((known > 1).sum())} of {len(known)}")
    words = "Mean size of the leading pair, late in training. " + "; ".join(sentences) + ". " if sentences else ""
    shown = []
    for pair in setting_pairs(results.study.settings, results.apart):
        first, second = ({results.members[m].seed: m for m in results.of_setting(i)} for i in pair[:2])
        seeds = [s for s in first if s in second]
        d = paired_difference(
            sizes[[first[s] for s in seeds]],
            sizes[[second[s] for s in seeds]],
            difference_range(POSITIVE, POSITIVE),
        )
        what = f"{labels[pair.first]} less {labels[pair.second]}"
        if d.n < 2:
            continue
        if d.low > 0 or d.high < 0:
            shown.append(f"{what}: {number(d.value, 4)} {interval(d.estimate, 4)}")
        else:
            shown.append(f"{what}: no difference is shown, {number(d.value, 4)} {interval(d.estimate, 4)}")
    if shown:
        words += "Within seeds: " + "; ".join(shown) + "."
    scores = {n: results.scores[f"spectrum_{n}"] for n in ("rotation", "contraction", "expansion")}
    return StudyPart(
        "The multipliers of a round",
        words.strip(),
        "part-1-multipliers.png",
        "multipliers_figure",
        {
            "title": "Multipliers of a round about trained pairs",
            "names": labels,
            "late": [_late_looks(results, i) for i in range(len(labels))],
            **{n: [values[results.of_setting(i)] for i in range(len(labels))] for n, values in scores.items()},
        },
        shows="Multipliers in the complex plane beside the unit circle, a panel for each setting",
    )


def _periods(results: Results) -> StudyPart:
    predicted, measured, labels = predicted_periods(results), measured_periods(results), _labels(results)
    both = np.isfinite(predicted) & np.isfinite(measured)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log(measured / predicted)
    total = len(results.members)
    words = f"{int(np.isfinite(measured).sum())} of {counted(total, 'GAN')} have an oscillation to measure"
    if both.any():
        e = _exp(mean_interval(_by_seed(results, np.where(both, ratio, np.nan))))
        near = int((np.abs(ratio[both]) <= np.log(1.5)).sum())
        words += (
            f"; {int(both.sum())} of these have a predicted period too. Measured over predicted: {mean_words(e)}"
            f" (geometric mean over {counted(e.n, 'seed')}), within a factor of 1.5 in {near} of {int(both.sum())}. "
        )
        if np.isnan(e.low):
            words += "One seed has no interval."
        elif e.low <= 1 <= e.high:
            words += "No difference between the two is shown."
        else:
            words += f"The measured periods are {'longer' if e.low > 1 else 'shorter'} than the predicted ones."
    else:
        words += ": there is nothing to hold the prediction against."
    if both.sum() >= 4:
        rho, p = rank_correlation(predicted[both], measured[both])
        words += f" Their rank correlation is {number(rho, 2)} (p = {p:.2g}, {int(both.sum())} GANs in random order)."
    table = []
    for index, label in enumerate(labels):
        members = results.of_setting(index)
        table.append(
            {
                "setting": label,
                "predicted period, steps": _geometric(np.log(predicted[members]), 0),
                "measured": _geometric(np.log(measured[members]), 0),
                "oscillating": f"{int(np.isfinite(measured[members]).sum())} of {len(members)}",
                "measured / predicted": _geometric(np.where(both, ratio, np.nan)[members], 2),
            }
        )
    by_setting = [results.of_setting(i) for i in range(len(labels))]
    return StudyPart(
        "The predicted and the measured period",
        words,
        "part-2-periods.png",
        "periods_figure",
        {
            "title": "Period of the oscillation, predicted and measured",
            "names": labels,
            "predicted": [predicted[members] for members in by_setting],
            "measured": [measured[members] for members in by_setting],
        },
        table,
        shows="Measured against predicted periods, a dot for each GAN, and the line on which they are equal",
    )


def _labels(results: Results) -> list[str]:
    """What tells settings apart, every option that differs, in few words."""
    settings = results.study.settings
    differing = [name for name in FIELDS[Setting] if len({getattr(s, name) for s in settings}) > 1]
    labels = []
    for setting, apart in zip(settings, results.apart or [{}] * len(settings), strict=True):
        chosen = {name: getattr(setting, name) for name in differing if getattr(setting, name) not in (None, "none")}
        words = [str(v) if n in _PLAIN else f"{n.replace('_', ' ')} {v}" for n, v in (chosen | dict(apart)).items()]
        labels.append(" · ".join(words) or "without" if differing else setting.mode)
    return labels


def _late_looks(results: Results, index: int) -> np.ndarray:
    steps = results.snapshot_steps[index]
    return steps > steps[-1] / 2


def _by_seed(results: Results, values: np.ndarray) -> np.ndarray:
    """Mean over each seed's settings, those that have a value, (seeds,): settings of one seed are not independent."""
    seeds = sorted({member.seed for member in results.members})
    of_each_seed = [values[[m for m, member in enumerate(results.members) if member.seed == seed]] for seed in seeds]
    return np.array([v[np.isfinite(v)].mean() if np.isfinite(v).any() else np.nan for v in of_each_seed])


def rank_correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Spearman's, of values (n,) both, and its two-sided p-value over 2^20 − 1 random orders, the same ones always.

    In whatever order the pairs come. Of other orders drawn, p = 0.05 has standard deviation 0.0002.
    """
    x, y = rankdata(a) - (len(a) + 1) / 2, rankdata(b) - (len(b) + 1) / 2
    by_x = np.lexsort((y, x))
    x, y = x[by_x], y[by_x]
    size = np.sqrt((x @ x) * (y @ y))
    if not size:
        return np.nan, 1.0
    rng, as_far = np.random.default_rng(0), 0
    for start in range(0, _PERMUTATIONS, _AT_ONCE):
        orders = rng.permuted(np.tile(y, (min(_AT_ONCE, _PERMUTATIONS - start), 1)), axis=1)
        as_far += int((np.abs(orders @ x) >= abs(x @ y) * (1 - 1e-12)).sum())
    return float(x @ y / size), (as_far + 1) / (_PERMUTATIONS + 1)


def _geometric(logarithms: np.ndarray, digits: int) -> str:
    """A geometric mean with its interval, which fewer than three values do not have."""
    e = _exp(mean_interval(logarithms))
    return mean_words(e if e.n > 2 else e._replace(low=np.nan, high=np.nan), digits)


def _exp(e: Estimate) -> Estimate:
    return Estimate(float(np.exp(e.value)), float(np.exp(e.low)), float(np.exp(e.high)), e.n)
