"""What a study measured: arrays by member, and both ways between them and a run folder."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curves import CURVES
from files import NotARun
from intervals import Estimate, mean_interval, share_interval
from settings import FIELDS, Setting, Study, default, is_file
from store import MANIFEST, RunFolder

FORMAT = 3  # of the run folder; a reader refuses one it does not know
MEASURES = ("sample_mean", "mode_mass", "mode_shape")
EVENT_COLUMNS = ("setting", "seed", "step", "mode", "event", "to")
SWINGS = {"jsd_swing": "jsd", "d_loss_swing": "d_loss", "g_loss_swing": "g_loss"}  # -> score or curve
_FEW = 8  # points from which no swing is told
_MANY = 2  # options varied, of which a name always has all


@dataclass(frozen=True)
class Member:
    setting: int  # index into the study's settings
    seed: int


@dataclass
class Results:
    """Axis 0 of an array is the member, in the order of `members`, unless said otherwise.

    Steps are generator steps, a row per setting, for settings may spend a budget in different numbers of them.
    `curves[name]` (M, L) at `curve_steps` (settings, L): losses and mean probabilities, each the mean over the
    generator steps since the entry before. `scores[name]` (M, S) at `snapshot_steps` (settings, S). `samples` (F, M, N,
    2) float16, data units, at `frame_steps` (settings, F): G at the evaluation latents. `null[i][name]`: mean and
    standard deviation of a score of setting i's target's own samples, NaN for what is not told from samples. `measures`
    holds by snapshot `sample_mean` (M, S, 2), data units, and each mode's `mode_mass` and `mode_shape` (M, S, K), as
    `metrics.Measures` has them. `details` are the verdicts' reasons; `events` the ledger of modes: (member, step, mode
    from 1, what, other mode). `seconds[i]`: what training one GAN of setting i took one core (on a GPU: its share of
    the stack's time), looking at it left out. `weights[m]`: the parameters of member m's G (F, P) and D (F, P) at the
    frames' steps, float16, flat as in `GAN.MLP`, for the members whose weights are kept. Members that failed are NaN
    throughout and named in `failures`.

    `apart[i]` is what tells setting i from those of other runs that stand beside it, as option -> value; empty within
    one run.
    """

    study: Study
    members: list[Member]
    curve_steps: np.ndarray
    curves: dict[str, np.ndarray]
    snapshot_steps: np.ndarray
    scores: dict[str, np.ndarray]
    measures: dict[str, np.ndarray]
    frame_steps: np.ndarray
    samples: np.ndarray
    null: list[dict[str, tuple[float, float]]]
    modes: list[int | None]  # number of modes of each setting's target
    verdicts: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    diverged_at: list[int | None] = field(default_factory=list)  # step at which a diverged member was first seen to be
    events: list[tuple[int, int, int, str, int | None]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    weights: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    apart: list[dict[str, Any]] = field(default_factory=list)

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
    def targets(self) -> dict[str, list[int]]:
        """Label of each target -> indices of its settings."""
        found: dict[str, list[int]] = {}
        for index, (target, _) in enumerate(self.labels):
            found.setdefault(target, []).append(index)
        return found

    @functools.cached_property
    def swings(self) -> dict[str, np.ndarray]:
        """How much each member's JSD and losses swing at the end, (M,); see `swing`."""
        found = {}
        for name, of in SWINGS.items():
            values, steps = (self.scores, self.snapshot_steps) if of in self.scores else (self.curves, self.curve_steps)
            of_member = steps[[m.setting for m in self.members]]
            found[name] = (
                swing(np.asarray(values[of], float), of_member) if of in values else np.full(len(self.members), np.nan)
            )
        return found

    def last(self, name: str) -> np.ndarray:
        """Of every member (M,): a score at the last snapshot, a swing, or whether it collapsed, 1 or 0."""
        if name == "collapsed":
            return np.array([np.nan if word == "failed" else float(word == name) for word in self.verdicts])
        return self.swings[name] if name in SWINGS else self.scores[name][:, -1]

    def of_setting(self, index: int) -> list[int]:
        """Members of one setting, in the order of their seeds."""
        return [m for m, member in enumerate(self.members) if member.setting == index]

    def final(self, name: str, index: int) -> np.ndarray:
        """Of each of a setting's members what `last` says."""
        return self.last(name)[self.of_setting(index)]

    def estimate(self, name: str, index: int) -> Estimate:
        """Mean over a setting's seeds of what `final` says."""
        return mean_interval(self.final(name, index))

    def share(self, verdict: str, index: int) -> Estimate:
        """Share of a setting's seeds with a verdict; members that failed are left out."""
        words = [self.verdicts[m] for m in self.of_setting(index) if self.verdicts[m] != "failed"]
        return share_interval(words.count(verdict), len(words))

    def median_member(self, index: int) -> int:
        """The member of median final JSD among a setting's: the one to show. Unscored ones count as worst."""
        members = self.of_setting(index)
        jsd = np.nan_to_num(self.final("jsd", index), nan=np.inf)
        return members[int(np.argsort(jsd, kind="stable")[(len(members) - 1) // 2])]


def swing(values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Standard deviations (M,) of values (M, T) at steps (M, T) about their straight trend over the last half of steps.

    NaN where a value there is not finite, or there are fewer than 8.
    """
    found = np.full(len(values), np.nan)
    for m, (y, x) in enumerate(zip(values, steps, strict=True)):
        late = x > x[-1] / 2
        y, x = y[late], x[late] / x[-1]
        if len(y) >= _FEW and np.isfinite(y).all():
            size = np.abs(y).max() or 1.0  # a nearly diverged GAN's numbers overflow when squared
            away = y / size - np.polynomial.Polynomial.fit(x, y / size, 1)(x)
            found[m] = size * np.sqrt((away**2).sum() / (len(y) - 2))
    return found


def thinned(results: Results, frames: int) -> Results:
    """The same results with `frames` of their frames beside the first, evenly spread; all where there are fewer."""
    last = results.frame_steps.shape[1] - 1
    if frames >= last:
        return results
    at = np.round(np.linspace(0, last, frames + 1)).astype(int)
    return dataclasses.replace(
        results,
        frame_steps=results.frame_steps[:, at],
        samples=results.samples[at],
        weights={m: (g[at], d[at]) for m, (g, d) in results.weights.items()},
    )


# --- names and labels ------------------------------------------------------------------------------------------------


def setting_names(settings: Sequence[Setting]) -> list[str]:
    """A folder name for each setting: mode, std and D steps, then whatever else tells it from the others."""
    return [
        "-".join([target_name(s), f"d{s.d_steps}", *(f"{n}{_slug(getattr(s, n))}" for n in _others(s, settings))])
        for s in settings
    ]


def setting_labels(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """(row, column) of each setting in a grid: its target, and the rest of what tells settings apart."""
    labels = []
    for s in settings:
        words = [f"{s.d_steps} D step{'s' if s.d_steps > 1 else ''}"]
        words += [f"{n.replace('_', ' ')} {_short(getattr(s, n))}" for n in _others(s, settings)]
        labels.append((f"{_mode_name(s.mode)} · std {_short(s.std)}", " · ".join(words)))
    return labels


def _others(setting: Setting, settings: Sequence[Setting]) -> list[str]:
    """Options beside those always named that settings differ in; where these are many, those not at their default."""
    shown = ("mode", "std", "d_steps")
    varied = [n for n in FIELDS[Setting] if n not in shown and len({getattr(s, n) for s in settings}) > 1]
    if len(varied) <= _MANY:
        return varied
    return [n for n in varied if getattr(setting, n) != default(Setting, n)]


def target_name(setting: Setting) -> str:
    """A file's name for a setting's target."""
    name = re.sub(r"[^\w.-]", "_", _mode_name(setting.mode))
    return f"{name}-std{_short(setting.std)}"


def _mode_name(mode: str) -> str:
    """What a mode is called: a file, by its name alone."""
    return os.path.basename(mode) if is_file(mode) else mode


def _short(value: Any) -> str:
    if isinstance(value, float):  # shortest exact form: 0.2, 1e-05, 3
        return repr(value).removesuffix(".0")
    return "default" if value is None else str(value)


def _slug(value: Any) -> str:
    """The same for the name of a folder."""
    return _short(value).replace(":", "=")


# --- a member's record -----------------------------------------------------------------------------------------------


def summary_rows(results: Results) -> list[dict[str, Any]]:
    """A row per member: its setting, its seed, final scores, verdict."""
    names = results.names
    return [
        {
            "setting": names[member.setting],
            **dataclasses.asdict(results.study.settings[member.setting]),
            "seed": member.seed,
            "steps": int(results.snapshot_steps[member.setting, -1]),
            **{name: float(values[m, -1]) for name, values in results.scores.items()},
            **{name: float(values[m]) for name, values in results.swings.items()},
            **{
                f"{name}_z": z_score(values[m, -1], results.null[member.setting][name])
                for name, values in _sampled(results)
            },
            "verdict": results.verdicts[m],
            "why": results.details[m],
            "diverged_at": results.diverged_at[m],
        }
        for m, member in enumerate(results.members)
    ]


def _sampled(results: Results) -> list[tuple[str, np.ndarray]]:
    """The scores that a perfect generator's samples have as well, for some target."""
    return [(n, v) for n, v in results.scores.items() if any(np.isfinite(null[n][0]) for null in results.null)]


def z_score(value: float, null: tuple[float, float]) -> float:
    """How many of a perfect generator's standard deviations a value is above its mean; NaN where those do not vary."""
    return float((value - null[0]) / null[1]) if null[1] > 0 else np.nan


def event_rows(results: Results) -> list[dict[str, Any]]:
    """A row per event of the ledgers: a mode won, lost, or hopped to another, at the snapshot that first shows it."""
    names = results.names
    return [
        {
            "setting": names[results.members[m].setting],
            "seed": results.members[m].seed,
            "step": step,
            "mode": mode,
            "event": what,
            "to": other,
        }
        for m, step, mode, what, other in results.events
    ]


# --- to and from a run folder ----------------------------------------------------------------------------------------


def manifest(results_or_study: Results | Study, **facts: Any) -> dict[str, Any]:
    """The contents of run.json: what was asked, and the given facts of how it went."""
    study = results_or_study.study if isinstance(results_or_study, Results) else results_or_study
    asked = {f.name: getattr(study, f.name) for f in dataclasses.fields(study) if f.name != "settings"}
    settings = [
        {"folder": name, **dataclasses.asdict(s)}
        for name, s in zip(setting_names(study.settings), study.settings, strict=True)
    ]
    made = {"format": FORMAT, "study": asked, "settings": settings, **facts}
    if isinstance(results_or_study, Results):
        made |= {
            "null": results_or_study.null,
            "modes": results_or_study.modes,
            "failures": results_or_study.failures,
            "seconds_per_gan": results_or_study.seconds,
        }
    return made


def save(results: Results, folder: RunFolder) -> None:
    """Write every member's record and the arrays; run.json, which makes them a run, is the caller's to write.

    Arrays with a row per setting are written with a row per member, so that row m of everything is member m's.
    """
    setting = [m.setting for m in results.members]
    folder.write_csv("summary.csv", summary_rows(results))
    folder.write_csv("events.csv", event_rows(results), EVENT_COLUMNS)
    folder.write_npz(
        "history.npz",
        {
            "setting": np.array(results.names)[setting],
            "seed": np.array([m.seed for m in results.members]),
            "curve_step": results.curve_steps[setting],
            **results.curves,
            "snapshot_step": results.snapshot_steps[setting],
            **results.scores,
            **results.measures,
        },
    )
    folder.write_npz("frames.npz", {"step": results.frame_steps[setting], "samples": results.samples})
    flat = {
        f"{player}{m}": values for m, pair in results.weights.items() for player, values in zip("gd", pair, strict=True)
    }
    folder.write_npz("weights.npz", {"member": np.array(list(results.weights), np.int64), **flat})


def load(folder: RunFolder) -> Results:
    """Read a run back. Raises `NotARun` for a folder that is none, is unfinished, or has another format."""
    run = folder.read_json(MANIFEST)
    try:
        if run["format"] != FORMAT:
            raise NotARun(f"{folder.path}: the run has format {run['format']}, this program reads {FORMAT}")
        settings = tuple(Setting(**{k: v for k, v in s.items() if k != "folder"}) for s in run["settings"])
        study = Study(settings=settings, **run["study"])
        null = [{name: (pair[0], pair[1]) for name, pair in scores.items()} for scores in run["null"]]
        null = [{n: (np.nan if a is None else a, np.nan if b is None else b) for n, (a, b) in s.items()} for s in null]
        rows = folder.read_csv("summary.csv")
        history, frames, weights = (folder.read_npz(f"{name}.npz") for name in ("history", "frames", "weights"))
        names = setting_names(settings)
        members = [Member(names.index(row["setting"]), int(row["seed"])) for row in rows]
        first = [[m.setting for m in members].index(index) for index in range(len(settings))]
        return Results(
            study=study,
            members=members,
            curve_steps=history["curve_step"][first],
            curves={name: history[name] for name in CURVES},
            snapshot_steps=history["snapshot_step"][first],
            scores={name: history[name] for name in null[0]},
            measures={name: history[name] for name in MEASURES},
            frame_steps=frames["step"][first],
            samples=frames["samples"],
            null=null,
            modes=run["modes"],
            verdicts=[row["verdict"] for row in rows],
            details=[row["why"] for row in rows],
            events=_events(folder, names, rows),
            diverged_at=[int(row["diverged_at"]) if row["diverged_at"] else None for row in rows],
            failures=run["failures"],
            weights={m: (weights[f"g{m}"], weights[f"d{m}"]) for m in weights["member"].tolist()},
            seconds=[np.nan if s is None else float(s) for s in run["seconds_per_gan"]],
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NotARun(f"{folder.path}: not a finished run ({type(error).__name__}: {error})") from None


def _events(
    folder: RunFolder, names: list[str], members: list[dict[str, str]]
) -> list[tuple[int, int, int, str, int | None]]:
    """The ledgers of events.csv, with members by their place."""
    place = {(row["setting"], row["seed"]): m for m, row in enumerate(members)}
    return [
        (
            place[row["setting"], row["seed"]],
            int(row["step"]),
            int(row["mode"]),
            row["event"],
            int(row["to"]) if row["to"] else None,
        )
        for row in folder.read_csv("events.csv")
    ]
