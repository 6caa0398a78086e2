"""What a study measured: arrays by member, and what is asked of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from dynamics.base.intervals import POSITIVE, REAL, Estimate, Range, mean_interval, share_interval
from dynamics.runner.history import History
from dynamics.runner.reached import Reached
from dynamics.runner.setting_names import setting_labels, setting_names
from dynamics.runner.table_columns import Columns, as_columns
from dynamics.settings.budget import steps_of
from dynamics.settings.catalogue.games import LOSSES
from dynamics.settings.catalogue.scores import AGAINST_BEST, MODES, SCORES, SWINGS, TO_RAREST
from dynamics.settings.catalogue.verdicts import FAILED, UNJUDGED, VERDICTS, Verdict
from dynamics.settings.study import Study

FORMAT = 4  # of the run folder; a reader refuses one it does not know
Rows = list[dict[str, Any]]
# table -> its rows, of results; whoever makes them enters them: member_rows.py here, comparisons.py in reports
TABLE_ROWS: dict[str, Callable[[Results], Rows]] = {}


def _counts(results: Results, index: int) -> Range:
    """Of a number of modes."""
    return Range(0, results.modes[index] or np.inf)


def _to_rarest(results: Results, index: int) -> Range:
    """Of the Kullback–Leibler divergence from the modes' weights: all mass on the rarest is the most."""
    rarest = results.rarest[index]
    return POSITIVE if rarest is None else Range(0, float(np.log(1 / rarest)))


def _against_best(results: Results, index: int) -> Range:
    """Of G's loss against the best D of whatever it generates, which the loss decides."""
    setting = results.study.settings[index].phases[-1][1]
    return Range(*LOSSES[setting.loss].against_best(setting.alpha_g))


# what decides the range of a score -> that range, of a setting's results
_DECIDED_BY = {MODES: _counts, TO_RAREST: _to_rarest, AGAINST_BEST: _against_best}
WORDS = (*VERDICTS, FAILED)
_FEW = 8  # points, with fewer of which no swing is told


@dataclass(frozen=True)
class Member:
    setting: int  # index into the study's settings
    seed: int


class SettingExtent(NamedTuple):
    """How much a setting has of what is measured over training."""

    entries: int  # of the curves
    looks: int
    frames: int


@dataclass(kw_only=True)
class Results(History):
    """The `History` of a study's members, in the order of `members`, and how each of them ended.

    Steps are generator steps, a row per setting, for settings may spend a budget in different numbers of them.
    `curves[name]` (M, L) at `curve_steps` (settings, L): losses and mean probabilities, each the mean over the
    generator steps since the entry before. `scores[name]` (M, S) at `snapshot_steps` (settings, S). `samples` (M, F, N,
    2) float16, in the plane (frames.npz: in own units, as lengths in scores are), at `frame_steps` (settings, F): G at
    the evaluation latents. `null[i][name]`: mean and standard deviation of a score of setting i's target's own samples,
    NaN for what is not told from samples. `measures` holds by snapshot `sample_mean` (M, S, 2), own units, `on_data`
    and `far_off` (M, S), and each mode's `mode_mass` and `mode_shape` (M, S, K), as `metrics.Measures` has them.
    `rarest[i]` is the least weight of a mode of setting i's target. `events` is the ledger of modes: (member, step,
    mode from 1, what, other mode). `seconds[i]`: what training one GAN of setting i took one core (on a GPU: its share
    of the stack's time), looking at it left out. `weights[m]`: the parameters of member m's G (F, P) and D (F, P) at
    the frames' steps, float16, flat as in `GAN.MLP`, for the members whose weights are kept. Members that failed are
    NaN throughout and named in `failures`.

    `apart[i]` is what tells setting i from those of other runs that stand beside it, as option -> value; empty within
    one run. `reached` says how far the members of an interrupted run have come: what they have not is NaN, and steps
    end with the latest of them; None where all have ended. `known_swings` are the `swings` where there are no courses
    to take them from: of runs that were joined.
    """

    study: Study
    members: list[Member]
    curve_steps: np.ndarray
    snapshot_steps: np.ndarray
    frame_steps: np.ndarray
    null: list[dict[str, tuple[float, float]]]
    modes: list[int | None]  # number of modes of each setting's target
    rarest: list[float | None]  # least weight of those modes
    verdicts: list[Verdict] = field(default_factory=list)  # of every member
    events: list[tuple[int, int, int, str, int | None]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    apart: list[dict[str, Any]] = field(default_factory=list)
    known_swings: dict[str, np.ndarray] | None = None
    reached: Reached | None = None

    @property
    def names(self) -> list[str]:
        """A name for each setting, as `setting_names` has them."""
        names = setting_names(self.study.settings)
        more = ["".join(f"-{n}{v}" for n, v in apart.items()) for apart in self.apart] or [""] * len(names)
        return [name + words for name, words in zip(names, more, strict=True)]

    @property
    def labels(self) -> list[tuple[str, str]]:
        """(target, the rest) of each setting in words, as `setting_labels` has them."""
        labels = setting_labels(self.study.settings)
        words = [list(map(str, apart.values())) for apart in self.apart]
        return [
            (row, " · ".join([column, *more]))
            for (row, column), more in zip(labels, words or [[]] * len(labels), strict=True)
        ]

    @property
    def words(self) -> list[str]:
        """Every member's verdict as a word."""
        return [verdict.word for verdict in self.verdicts]

    @property
    def targets(self) -> dict[str, list[int]]:
        """Label of each target -> indices of its settings."""
        indices: dict[str, list[int]] = {}
        for index, (target, _) in enumerate(self.labels):
            indices.setdefault(target, []).append(index)
        return indices

    @functools.cached_property
    def swings(self) -> dict[str, np.ndarray]:
        """How much each member's JSD and losses swing at the end, (M,); see `swing`."""
        if self.known_swings is not None:
            return self.known_swings
        swings = {}
        for name, (of, *_) in SWINGS.items():
            values, steps = (self.scores, self.snapshot_steps) if of in self.scores else (self.curves, self.curve_steps)
            of_member = steps[[m.setting for m in self.members]]
            since = [self.study.settings[m.setting].last_change for m in self.members]
            swings[name] = (
                swing(np.asarray(values[of], float), of_member, since)
                if of in values
                else np.full(len(self.members), np.nan)
            )
            if self.reached is not None:
                swings[name][~self.reached.ended] = np.nan
        return swings

    def last(self, name: str) -> np.ndarray:
        """Of every member (M,): a score at its setting's last snapshot, a swing, whether it has a verdict (1 or 0)."""
        if name in VERDICTS:
            return np.array([np.nan if word in UNJUDGED else float(word == name) for word in self.words])
        if name in SWINGS or self.reached is None:
            return self.swings[name] if name in SWINGS else self.scores[name][:, -1]
        at = [max(self.extent_of(m.setting).looks, 1) - 1 for m in self.members]
        return self.scores[name][np.arange(len(at)), at]

    def extent_of(self, index: int) -> SettingExtent:
        """How much the furthest of a setting's members has: all that there is, unless the run was interrupted."""
        all_of = SettingExtent(self.curve_steps.shape[1], self.snapshot_steps.shape[1], self.frame_steps.shape[1])
        if self.reached is None:
            return all_of
        of = self.of_setting(index)
        return SettingExtent(
            *(int(n[of].max()) for n in (self.reached.entries, self.reached.looks, self.reached.frames))
        )

    def has_ended(self, index: int) -> bool:
        """Whether all of a setting's members have been trained to their end."""
        return self.reached is None or bool(self.reached.ended[self.of_setting(index)].all())

    def last_step(self, index: int) -> int | None:
        """The generator step of a setting's last snapshot; None where it has none."""
        looks = self.extent_of(index).looks
        return int(self.snapshot_steps[index, looks - 1]) if looks else None

    @property
    def steps(self) -> list[int]:
        """Generator steps that each setting is trained for, whether or not they are done."""
        return self.snapshot_steps[:, -1].tolist() if self.reached is None else list(steps_of(self.study))

    def of_setting(self, index: int) -> list[int]:
        """Members of one setting, in the order of their seeds."""
        members = [m for m, member in enumerate(self.members) if member.setting == index]
        return sorted(members, key=lambda m: self.members[m].seed)

    def final(self, name: str, index: int) -> np.ndarray:
        """Of each of a setting's members what `last` says."""
        return self.last(name)[self.of_setting(index)]

    def range(self, name: str, index: int) -> Range:
        """Between what lies whatever `last` says of a setting's members."""
        if name in SWINGS:
            return swing_range(SWINGS[name].course)
        ends = SCORES[name].ends
        return _DECIDED_BY[ends](self, index) if isinstance(ends, str) else Range(*ends)

    def estimate(self, name: str, index: int) -> Estimate:
        """Mean over a setting's seeds of what `final` says."""
        return mean_interval(self.final(name, index), self.range(name, index))

    def share(self, verdict: str, index: int) -> Estimate:
        """Share of a setting's seeds with a verdict: of all that have one, which those that failed to run have not."""
        words = [self.words[m] for m in self.of_setting(index) if self.words[m] not in UNJUDGED]
        return share_interval(words.count(verdict), len(words))

    def frame(self, table: str = "summary") -> Columns:
        """A table as its columns by name, for a data frame: ``pandas.DataFrame(results.frame())``, or polars'.

        `table` is "summary" (a row for each GAN), "comparison" (for each setting), "differences" (for each score of
        each pair of settings), or "events" (for each mode won or lost): the rows and columns of those files of a run.
        Numbers are numpy arrays of floats, NaN where one is missing; whole numbers and texts are lists, None where
        one is missing. Raises ``ValueError`` for another table.
        """
        if table not in TABLE_ROWS:
            raise ValueError(f"no table {table!r}: choose from {', '.join(TABLE_ROWS)}")
        return as_columns(table, TABLE_ROWS[table](self))

    def median_member(self, index: int) -> int:
        """The member of median final JSD among a setting's: the one to show. Unscored ones count as worst."""
        members = self.of_setting(index)
        jsd = np.nan_to_num(self.final("jsd", index), nan=np.inf)
        return members[int(np.argsort(jsd, kind="stable")[(len(members) - 1) // 2])]


def swing(values: np.ndarray, steps: np.ndarray, since: Sequence[int] | None = None) -> np.ndarray:
    """Standard deviations (M,) of values (M, T) at steps (M, T) about their straight trend over the last half of steps,
    of those after `since` (M,) if given.

    NaN where a value there is not finite, or there are fewer than 8.
    """
    deviations = np.full(len(values), np.nan)
    for m, (y, x, first) in enumerate(zip(values, steps, since or [0] * len(values), strict=True)):
        late = x > first + (x[-1] - first) / 2
        y, x = y[late], x[late] / x[-1]
        if len(y) >= _FEW and np.isfinite(y).all():
            size = np.abs(y).max() or 1.0  # a nearly diverged GAN's numbers overflow when squared
            away = y / size - np.polynomial.Polynomial.fit(x, y / size, 1)(x)
            deviations[m] = size * np.sqrt((away**2).sum() / (len(y) - 2))
    return deviations


def swing_range(course: str) -> Range:
    """Between what the swing of a course lies, a score or a loss: a range that holds the course holds its swing."""
    ends = SCORES[course].ends if course in SCORES else REAL
    if isinstance(ends, str) or not np.isfinite(ends).all():
        return POSITIVE
    # a straight line leaves no more of T values than their middle does: T of half their range squared, over T − 2
    return Range(0, (ends[1] - ends[0]) / 2 * (_FEW / (_FEW - 2)) ** 0.5)


def thinned(results: Results, frames: int) -> Results:
    """The same results with `frames` of their frames beside the first, evenly spread; all where there are fewer."""
    last = results.frame_steps.shape[1] - 1
    if frames >= last:
        return results
    at = np.round(np.linspace(0, last, frames + 1)).astype(int)
    reached = results.reached
    if reached is not None:
        reached = dataclasses.replace(reached, frames=np.searchsorted(at, reached.frames))
    return dataclasses.replace(
        results,
        reached=reached,
        frame_steps=results.frame_steps[:, at],
        samples=results.samples[:, at],
        weights={m: (g[at], d[at]) for m, (g, d) in results.weights.items()},
    )
