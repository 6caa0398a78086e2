"""The verdict on a member's whole course, and the ledger of its modes.

`judge` reads the snapshots of one member and says one of six words, by one rule for all targets. The words are tried
in this order, and the first that holds is the verdict:

- *diverged*: a loss, or the samples, stopped being finite; or the samples end a hundred times as wide, or as far away,
  as the target.
- *lost*: the samples end off the data, and not near it: fewer than 1 % are on it (in the region of highest density that
  holds 99 % of the target) or at a mode, and more than half are far off (more than twice as far from the target's mean
  as 99 % of it). A member that oscillates as well is lost only if this holds throughout the last quarter: else it comes
  back.
- *oscillating*: over the last half, the mass of a mode (with fewer than two modes, the samples' mean) turns at least
  four times between half more and half less than its mean, or half a std to either side: see `_swings`.
- *collapsed*: over the last quarter, a mode gets less than a quarter of its share of the high-quality samples, or fills
  less than a quarter of its variance, or all samples together have less than a quarter of the target's.
- *converged*: over the last quarter, the mean JSD is within 0.05 nats of a perfect generator's.
- *still learning*: none of these.

"A quarter of the variance" is half the width. What noise alone would do is never held against a member: every limit
leaves the perfect generator's mean, by `metrics.null_scores`, at least three of its standard deviations.

`ledger` lists when each mode was won, lost, or left for another.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dynamics.measures.metrics import EVALUATION, target_mean, total_variance
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.targets.densities import Target

FAR = 100.0  # widths of the target: samples so wide or so far away have run off
TRACE = 0.01  # of the samples on the data, or at a mode: with less, and
MOST = 0.5  # of them far off, the data is lost
LITTLE = 0.25  # of a mode's share or variance, or of the whole spread: less has collapsed
JSD_MARGIN = 0.05  # nats above a perfect generator: as much as a Gaussian moved by 0.64 std scores
SWING = 0.5  # of a mode's mass or weight, or of the target's std, to either side: less is no oscillation
TURNS = 4  # between high and low: two full returns
OSCILLATION_SNAPSHOTS = 8  # finite ones; with fewer, four turns cannot be told from a few odd values
NOISE = 4.0  # sampling standard deviations that an oscillation exceeds
HYSTERESIS = 6.0  # sampling standard deviations between a mode won and a mode lost
ENOUGH = 20.0  # samples expected at a mode: then a quarter of them by chance, Poisson, has probability 7e-5


@dataclass(frozen=True)
class Course:
    """What one member's samples measured (metrics.py) at S snapshots; NaN where they were not finite."""

    steps: np.ndarray  # (S,) generator steps, increasing
    jsd: np.ndarray  # (S,) nats
    spread: np.ndarray  # (S,)
    modes_covered: np.ndarray  # (S,)
    high_quality: np.ndarray  # (S,)
    mean: np.ndarray  # (S, 2) of the samples, data units
    on_data: np.ndarray  # (S,) share of the samples
    far_off: np.ndarray  # (S,) share of the samples
    mass: np.ndarray | None = None  # (S, K); None for a target without modes
    shape: np.ndarray | None = None  # (S, K)
    samples: int = EVALUATION  # a snapshot
    diverged_at: int | None = None  # generator step at which something was first not finite, where that is known
    broken: str | None = None  # what that was: "G's loss"

    @property
    def tail(self) -> slice:
        """The last quarter of the snapshots, at least one: by it the level is judged."""
        return slice(-max(1, len(self.steps) // 4), None)

    def since(self, step: int) -> Course:
        """The course after this step, at least its last snapshot; after 0 all of it. Where a setting changed in
        mid-training, the game that it is judged by began there."""
        if step == 0:
            return self
        after = slice(min(int(np.searchsorted(self.steps, step, side="right")), len(self.steps) - 1), None)
        courses = {name: values for name, values in vars(self).items() if isinstance(values, np.ndarray)}
        later: dict[str, Any] = {name: values[after] for name, values in courses.items()}
        return dataclasses.replace(self, **later)

    @property
    def half(self) -> slice:
        """The last half of the snapshots, at least `OSCILLATION_SNAPSHOTS`: by it oscillation is judged."""
        return slice(-max(OSCILLATION_SNAPSHOTS, len(self.steps) // 2), None)


def judge(course: Course, target: Target, null: Mapping[str, tuple[float, float]]) -> Verdict:
    """The verdict on a course, by the rule above; `null` is `metrics.null_scores(target, course.samples)`.

    A course of fewer than eight finite snapshots is never called oscillating, and the detail says so. Raises
    ``ValueError`` for a course without snapshots, or one that lacks the mass and shape of its target's modes.
    """
    if len(course.steps) == 0:
        raise ValueError("a course needs at least one snapshot")
    if target.modes is not None and (course.mass is None or course.shape is None):
        raise ValueError(f"target {target.name} has modes: its course needs their mass and shape")
    if (verdict := _diverged(course, target)) is not None:
        return verdict
    lost = _lost(course, target)
    if lost is not None and lost.step is not None and lost.step <= course.steps[course.tail][0]:
        return lost
    missing, shrunk = _missing(course, target, null), _shrunk(course)
    faults = _faults(course, target, missing, shrunk)
    swings = _oscillation(course, target)
    if swings is not None:
        amplitude, period = swings
        unit = " target stds" if _by_mean(target) else ""
        what = "the samples' mean swings" if _by_mean(target) else "mode masses swing"
        fast = " or less" if period < 3 * np.diff(course.steps[course.half]).max() else ""  # it may well be aliased
        detail = f"{what} by ±{amplitude:.2g}{unit} with a period of {period:.3g} steps{fast}"
        return Verdict("oscillating", "; ".join([detail, *faults]), missing, shrunk, amplitude, period)
    if lost is not None:
        return lost
    unjudged = [] if _finite(course).sum() >= OSCILLATION_SNAPSHOTS else ["too few snapshots to see an oscillation"]
    narrow = _level(course.spread, course) < LITTLE * (null["spread"][0] - 3 * null["spread"][1])
    if faults or narrow:
        faults = faults or [f"spread {_level(course.spread, course):.2g} of the target's"]
        return Verdict("collapsed", "; ".join(faults + unjudged), missing, shrunk)
    jsd, (perfect, deviation) = _level(course.jsd, course), null["jsd"]
    detail = f"JSD {jsd:.3f} nats, {perfect:.3f} for a perfect generator"
    word = "converged" if jsd <= perfect + max(JSD_MARGIN, 3 * deviation) else "still learning"
    return Verdict(word, "; ".join([detail, *unjudged]))


def _finite(course: Course) -> np.ndarray:
    return np.isfinite(course.jsd)


def _level(values: np.ndarray, course: Course) -> float:
    """Mean over the tail's snapshots that are finite: the last one is."""
    return float(np.nanmean(values[course.tail]))


def _scale(target: Target) -> float:
    """The target's standard deviation a coordinate, data units."""
    return float(np.sqrt(total_variance(target) / 2))


# --- diverged ---------------------------------------------------------------------------------------------------------


def _diverged(course: Course, target: Target) -> Verdict | None:
    if course.diverged_at is not None:
        what = course.broken or "a loss"
        return Verdict("diverged", f"first not finite: {what}, at step {course.diverged_at}", step=course.diverged_at)
    finite = _finite(course)
    if not finite[-1]:
        step = _since(course.steps, ~finite)
        return Verdict("diverged", f"first not finite: the samples, seen at step {step}", step=step)
    with np.errstate(over="ignore", invalid="ignore"):
        away = np.linalg.norm(course.mean / _scale(target), axis=1)
        wide = np.sqrt(course.spread)
    size = np.fmax(away, wide)
    if size[-1] > FAR:
        step = _since(course.steps, ~(size <= FAR))
        extent = "wide" if wide[-1] >= away[-1] else "far away"
        return Verdict(
            "diverged", f"samples {size[-1]:.2g} times as {extent} as the target, from step {step} on", step=step
        )
    return None


def _since(steps: np.ndarray, holds: np.ndarray) -> int:
    """The first step from which `holds` (S,), true at the end, stays so."""
    before = np.flatnonzero(~holds)
    return int(steps[before[-1] + 1 if len(before) else 0])


# --- lost -------------------------------------------------------------------------------------------------------------


def _lost(course: Course, target: Target) -> Verdict | None:
    """The verdict on a course that ends off the data, with the step from which it stays there.

    How far away: root mean square distance from the target's mean.
    """
    at_modes = course.high_quality if target.modes is not None else np.zeros(len(course.steps))
    lost = (course.on_data < TRACE) & (at_modes < TRACE) & (course.far_off > MOST)
    if not lost[-1]:
        return None
    away = np.square(course.mean[-1] - target_mean(target)).sum() + course.spread[-1] * total_variance(target)
    step, share = _since(course.steps, lost), 100 * course.on_data[-1]
    few = f"{share:.1g} % of samples" if share else "no sample"
    distance = f"they lie {np.sqrt(away) / _scale(target):.3g} target stds away"
    return Verdict("lost", f"{few} on the data, {distance}, from step {step} on", step=step)


# --- oscillating ------------------------------------------------------------------------------------------------------


def _by_mean(target: Target) -> bool:
    """Whether mass cannot move between modes, so that the samples' mean is looked at."""
    return target.modes is None or len(target.modes.centres) < 2


def _oscillation(course: Course, target: Target) -> tuple[float, float] | None:
    """Amplitude and period, steps, of what swings most beyond its limit over the last half; None if nothing does."""
    half = course.half
    finite = _finite(course)[half]
    if finite.sum() < OSCILLATION_SNAPSHOTS:
        return None
    steps = course.steps[half][finite]
    if target.modes is None or course.mass is None or _by_mean(target):
        moved = (course.mean[half][finite] - course.mean[half][finite].mean(0)) / _scale(target)
        signals = moved @ np.linalg.svd(moved, full_matrices=False)[2].T  # along the directions that it moves most in
        limits = np.full(2, max(SWING, NOISE / np.sqrt(course.samples)))
    else:
        signals = course.mass[half][finite]
        mean = signals.mean(0)
        noise = np.sqrt(mean * (1 - mean) / course.samples)  # of a share of so many independent samples
        limits = np.maximum(SWING * np.maximum(mean, target.modes.weights), NOISE * noise)
        signals = signals - mean
    swinging = [(s, limit) for x, limit in zip(signals.T, limits, strict=True) if (s := _swings(x, steps, limit))]
    return max(swinging, key=lambda f: f[0][0] / f[1])[0] if swinging else None


def _swings(x: np.ndarray, steps: np.ndarray, limit: float) -> tuple[float, float] | None:
    """Amplitude and period of a signal (T,) of mean 0, or None where it does not turn `TURNS` times.

    A comparator with hysteresis (Schmitt 1938): the signal is high from when it rises above `limit` until it falls
    below −`limit`, and low from then until it rises again; each change is a turn. Noise that stays within ±limit makes
    no turn however often it changes sign, a drift or a hop to elsewhere makes one, and a hop there and back two. The
    amplitude is half the median way between one extreme and the next, and the period twice the mean time between
    turns; what swings faster than every other snapshot is seen slower than it is.
    """
    outside = np.flatnonzero(np.abs(x) > limit)
    high = x[outside] > 0
    turns = outside[1:][high[1:] != high[:-1]]  # first snapshot of each new side
    if len(turns) < TURNS:
        return None
    extremes = np.array([part[np.abs(part).argmax()] for part in np.split(x, turns)])
    amplitude = float(np.median(np.abs(np.diff(extremes))) / 2)
    return amplitude, float(2 * (steps[turns[-1]] - steps[turns[0]]) / (len(turns) - 1))


# --- collapsed --------------------------------------------------------------------------------------------------------


def _missing(course: Course, target: Target, null: Mapping[str, tuple[float, float]]) -> tuple[int, ...]:
    """Modes that get less than a quarter of their share of the tail's high-quality samples, from 1.

    Of these samples, not of all: a generator that is bad everywhere has lost no mode. A mode is only missed where at
    least 20 samples are due; and where modes overlap so much that a perfect generator would seem to miss some as well,
    no more than these are forgiven.
    """
    if target.modes is None or course.mass is None:
        return ()
    mass, weights = np.nanmean(course.mass[course.tail], 0), target.modes.weights
    due = weights * mass.sum()
    missing = (mass < LITTLE * due) & (due * course.samples >= ENOUGH)
    covered, deviation = null["modes_covered"]
    if missing.sum() < len(weights) - covered + 0.5 + 3 * deviation:
        return ()
    return tuple(int(k) + 1 for k in np.flatnonzero(missing))


def _shrunk(course: Course) -> tuple[int, ...]:
    """Modes whose samples have less than a quarter of their variance throughout the tail, on average, from 1."""
    return tuple(int(k) + 1 for k in np.flatnonzero(_shape_level(course) < LITTLE))


def _shape_level(course: Course) -> np.ndarray:
    """Mean shape (K,) over the tail; NaN for a mode that in most of it had too few samples to tell."""
    if course.shape is None:
        return np.empty(0)
    shape = course.shape[course.tail]
    known = np.isfinite(shape)
    with np.errstate(invalid="ignore"):
        return np.where(2 * known.sum(0) > len(shape), np.where(known, shape, 0).sum(0) / known.sum(0), np.nan)


def _faults(course: Course, target: Target, missing: tuple[int, ...], shrunk: tuple[int, ...]) -> list[str]:
    faults = []
    if target.modes is not None and missing:
        faults.append(f"{_modes(missing, len(target.modes.centres))} missing")
    if target.modes is not None and shrunk:
        least = np.nanmin(_shape_level(course))
        faults.append(f"{_modes(shrunk, len(target.modes.centres))} shrunk, to {least:.2f} of the true variance")
    return faults


def _modes(modes: tuple[int, ...], of: int) -> str:
    """'the mode', 'mode 2 of 4', 'modes 1, 2 and 4 of 4', '17 of 25 modes'."""
    words = [str(k) for k in modes]
    if of == 1:
        return "the mode"
    if len(words) > 5:
        return f"{len(words)} of {of} modes"
    return f"mode {words[0]} of {of}" if len(words) == 1 else f"modes {', '.join(words[:-1])} and {words[-1]} of {of}"


# --- the ledger of modes ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """What became of a mode, at the snapshot where it is first seen."""

    step: int
    mode: int  # from 1
    what: str  # "won", "lost" or "hopped"
    other: int | None = None  # the mode that a hopped one's mass is found at


def ledger(course: Course, target: Target) -> list[Event]:
    """All events of a course, in order; none for a target without modes.

    At the start no mode is held, so that the events alone tell who holds what. A mode is won when its mass reaches a
    quarter of its weight w: as `modes_covered` counts. It is lost when its mass falls below w/8, or, where w/4 is few
    samples, lower yet: six sampling standard deviations lie between winning and losing, so that a mode in between does
    not flicker (on the scale of √count, where one is 1/2: Anscombe 1948). A lost mode has hopped when since the
    snapshot before it gave up at least w/4, and another mode, the one that gained most, gained at least half of that.
    Snapshots that are not finite are passed over.
    """
    if target.modes is None or course.mass is None:
        return []
    weights = target.modes.weights
    win = LITTLE * weights
    apart = (np.sqrt(win * course.samples) - HYSTERESIS / 2).clip(0) ** 2 / course.samples
    lose = np.minimum(win / 2, apart)
    held = np.zeros(len(weights), bool)
    events, before = [], np.zeros(len(weights))
    finite = _finite(course)
    for step, mass in zip(course.steps[finite], course.mass[finite], strict=True):
        won, lost = ~held & (mass >= win), held & ((mass < lose) | (mass == 0))
        gain = mass - before
        best = int(gain.argmax())
        for k in np.flatnonzero(lost):
            hopped = -gain[k] >= LITTLE * weights[k] and gain[best] >= -gain[k] / 2
            events.append(Event(int(step), int(k) + 1, *(("hopped", best + 1) if hopped else ("lost",))))
        events += [Event(int(step), int(k) + 1, "won") for k in np.flatnonzero(won)]
        held, before = (held | won) & ~lost, mass
    return events
