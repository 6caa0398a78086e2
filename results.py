"""What a study measured: arrays by member, the tables made of them, and both ways between them and a run folder."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from curves import CURVES
from files import NotARun
from intervals import Difference, Estimate, max_t, mean_interval, paired_difference, share_interval
from settings import FIELDS, Setting, Study
from store import MANIFEST, RunFolder

FORMAT = 2  # of the run folder; a reader refuses one it does not know
MEASURES = ("sample_mean", "mode_mass", "mode_shape")
EVENT_COLUMNS = ("setting", "seed", "step", "mode", "event", "to")
DIFFERENCE_COLUMNS = ("setting", "against", "score", "n", "difference", "low", "high", "p", "p_corrected")
SHARES = ("converged", "collapsed", "oscillating", "diverged")  # verdicts whose shares the comparison states


@dataclass(frozen=True)
class Member:
    setting: int  # index into the study's settings
    seed: int


@dataclass
class Results:
    """Axis 0 of an array is the member, in the order of `members`, unless said otherwise.

    `curves[name]` (M, L) at `curve_steps` (L,): losses and mean probabilities, each the mean over the generator steps
    since the entry before. `scores[name]` (M, S) at `snapshot_steps` (S,). `samples` (F, M, N, 2) float16, data units,
    at `frame_steps` (F,): G at the evaluation latents. `null[i][name]`: mean and standard deviation of a score of
    setting i's target's own samples, NaN for what is not told from samples. `measures` holds by snapshot `sample_mean`
    (M, S, 2), data units, and each mode's `mode_mass` and `mode_shape` (M, S, K), as `metrics.Measures` has them.
    `details` are the verdicts' reasons; `events` the ledger of modes: (member, step, mode from 1, what, other mode).
    Members that failed are NaN throughout and named in `failures`.
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

    def of_setting(self, index: int) -> list[int]:
        """Members of one setting, in the order of their seeds."""
        return [m for m, member in enumerate(self.members) if member.setting == index]

    def final(self, name: str, index: int) -> np.ndarray:
        """The last snapshot's score of each of a setting's members."""
        return self.scores[name][self.of_setting(index), -1]

    def estimate(self, name: str, index: int) -> Estimate:
        """Mean of a score over a setting's seeds, at the last snapshot."""
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


# --- names and labels ------------------------------------------------------------------------------------------------


def setting_names(settings: Sequence[Setting]) -> list[str]:
    """A folder name for each setting: mode, std and D steps, then whatever else they differ in."""
    return [
        "-".join(
            [
                s.mode,
                f"std{_short(s.std)}",
                f"d{s.d_steps}",
                *(f"{n}{_short(getattr(s, n))}" for n in _others(settings)),
            ]
        )
        for s in settings
    ]


def setting_labels(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """(row, column) of each setting in a grid: its target, and the rest of what tells settings apart."""
    labels = []
    for s in settings:
        words = [f"{s.d_steps} D step{'s' if s.d_steps > 1 else ''}"]
        words += [f"{n.replace('_', ' ')} {_short(getattr(s, n))}" for n in _others(settings)]
        labels.append((f"{s.mode} · std {_short(s.std)}", " · ".join(words)))
    return labels


def _others(settings: Sequence[Setting]) -> list[str]:
    shown = ("mode", "std", "d_steps")
    return [n for n in FIELDS[Setting] if n not in shown and len({getattr(s, n) for s in settings}) > 1]


def _short(value: Any) -> str:
    if isinstance(value, float):  # shortest exact form: 0.2, 1e-05, 3
        return repr(value).removesuffix(".0")
    return "default" if value is None else str(value)


# --- tables ----------------------------------------------------------------------------------------------------------


def summary_rows(results: Results) -> list[dict[str, Any]]:
    """A row per member: its setting, its seed, final scores, verdict."""
    names = setting_names(results.study.settings)
    return [
        {
            "setting": names[member.setting],
            **dataclasses.asdict(results.study.settings[member.setting]),
            "seed": member.seed,
            **{name: float(values[m, -1]) for name, values in results.scores.items()},
            **{
                f"{name}_z": _z(values[m, -1], results.null[member.setting][name]) for name, values in _sampled(results)
            },
            "verdict": results.verdicts[m],
            "why": results.details[m],
            "diverged_at": results.diverged_at[m],
        }
        for m, member in enumerate(results.members)
    ]


def comparison_rows(results: Results) -> list[dict[str, Any]]:
    """A row per setting: n seeds; mean, 95 % interval, number of seeds that have it and null of each score; shares."""
    rows = []
    for index, (name, setting) in enumerate(
        zip(setting_names(results.study.settings), results.study.settings, strict=True)
    ):
        row: dict[str, Any] = {
            "setting": name,
            **dataclasses.asdict(setting),
            "seeds": len(results.of_setting(index)),
        }
        for score in results.scores:
            e = results.estimate(score, index)
            row |= {
                f"{score}_mean": e.value,
                f"{score}_low": e.low,
                f"{score}_high": e.high,
                f"{score}_n": e.n,
            }
            null = results.null[index][score]
            row |= {f"{score}_null": null[0], f"{score}_null_std": null[1], f"{score}_z": _z(e.value, null)}
        for verdict in SHARES:
            e = results.share(verdict, index)
            row |= {f"{verdict}_share": e.value, f"{verdict}_low": e.low, f"{verdict}_high": e.high}
        rows.append(row)
    return rows


def _sampled(results: Results) -> list[tuple[str, np.ndarray]]:
    """The scores that a perfect generator's samples have as well, for some target."""
    return [(n, v) for n, v in results.scores.items() if any(np.isfinite(null[n][0]) for null in results.null)]


def _z(value: float, null: tuple[float, float]) -> float:
    """How many of a perfect generator's standard deviations a value is above its mean; NaN where those do not vary."""
    return float((value - null[0]) / null[1]) if null[1] > 0 else np.nan


def event_rows(results: Results) -> list[dict[str, Any]]:
    """A row per event of the ledgers: a mode won, lost, or hopped to another, at the snapshot that first shows it."""
    names = setting_names(results.study.settings)
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


# --- differences -----------------------------------------------------------------------------------------------------

COMPARED = ("modes_covered", "high_quality", "jsd")  # scores that settings are compared in: all relative to the target


class Pair(NamedTuple):
    """Two settings of one mode, indices into the study's, that differ in one option alone."""

    first: int
    second: int
    option: str


class Compared(NamedTuple):
    """A score of a pair's first setting less that of its second, within each seed that they share."""

    pair: Pair
    score: str
    shared: int  # seeds that both settings have; `difference.n` of them have the score at both
    means: tuple[float, float]  # of the two settings, over those
    difference: Difference
    p_corrected: float  # for every comparison of the study, by `intervals.max_t`


def setting_pairs(settings: Sequence[Setting]) -> list[Pair]:
    """All pairs of settings of one mode that differ in exactly one option: D steps first, then std, then the rest.

    The first of a pair has more D steps, or the smaller std; else it is the earlier of the study.
    """
    pairs = []
    options = ["d_steps", "std", *(name for name in FIELDS[Setting] if name not in ("mode", "d_steps", "std"))]
    for option in options:
        alike: dict[tuple[Any, ...], list[int]] = {}
        for index, s in enumerate(settings):
            alike.setdefault(tuple(getattr(s, name) for name in FIELDS[Setting] if name != option), []).append(index)
        for group in alike.values():
            if option in ("d_steps", "std"):
                group.sort(key=lambda i: getattr(settings[i], option) or 0)
            for one, other in itertools.combinations(group, 2):
                pairs.append(Pair(other, one, option) if option == "d_steps" else Pair(one, other, option))
    return pairs


def differences(results: Results) -> list[Compared]:
    """Every pair of settings in every score of `COMPARED` that their target can have, corrected for together."""
    found, by_seed = [], []
    for pair in setting_pairs(results.study.settings):
        first, second = ({results.members[m].seed: m for m in results.of_setting(i)} for i in pair[:2])
        seeds = [s for s in results.study.seed_list if s in first and s in second]
        columns = [s - results.study.seed for s in seeds]
        for score in COMPARED:
            if score not in results.scores or not np.isfinite(results.null[pair.first][score][0]):
                continue
            values = results.scores[score][:, -1]
            a, b = values[[first[s] for s in seeds]], values[[second[s] for s in seeds]]
            both = np.isfinite(a) & np.isfinite(b)
            means = (float(a[both].mean()), float(b[both].mean())) if both.any() else (np.nan, np.nan)
            found.append(Compared(pair, score, len(seeds), means, paired_difference(a, b), np.nan))
            row = np.full(results.study.seeds, np.nan)
            row[columns] = np.where(both, a / 2 - b / 2, np.nan)  # halves: their difference is finite
            by_seed.append(row)
    corrected = max_t(np.array(by_seed).reshape(len(found), results.study.seeds))
    return [c._replace(p_corrected=float(p)) for c, p in zip(found, corrected, strict=True)]


def difference_rows(results: Results) -> list[dict[str, Any]]:
    """A row per compared pair and score: `setting` less `against` within shared seeds, 95 % interval, p-values."""
    names = setting_names(results.study.settings)
    return [
        {
            "setting": names[c.pair.first],
            "against": names[c.pair.second],
            "score": c.score,
            "n": c.difference.n,
            "difference": c.difference.value,
            "low": c.difference.low,
            "high": c.difference.high,
            "p": c.difference.p,
            "p_corrected": c.p_corrected,
        }
        for c in differences(results)
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
        }
    return made


def save(results: Results, folder: RunFolder) -> None:
    """Write the tables and arrays; run.json, which makes them a run, is the caller's to write."""
    folder.write_csv("summary.csv", summary_rows(results))
    folder.write_csv("comparison.csv", comparison_rows(results))
    folder.write_csv("differences.csv", difference_rows(results), DIFFERENCE_COLUMNS)
    folder.write_csv("events.csv", event_rows(results), EVENT_COLUMNS)
    folder.write_npz(
        "history.npz",
        {
            "setting": np.array([setting_names(results.study.settings)[m.setting] for m in results.members]),
            "seed": np.array([m.seed for m in results.members]),
            "curve_step": results.curve_steps,
            **results.curves,
            "snapshot_step": results.snapshot_steps,
            **results.scores,
            **results.measures,
        },
    )
    folder.write_npz("frames.npz", {"step": results.frame_steps, "samples": results.samples})


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
        rows, history, frames = (
            folder.read_csv("summary.csv"),
            folder.read_npz("history.npz"),
            folder.read_npz("frames.npz"),
        )
        names = setting_names(settings)
        return Results(
            study=study,
            members=[Member(names.index(row["setting"]), int(row["seed"])) for row in rows],
            curve_steps=history["curve_step"],
            curves={name: history[name] for name in CURVES},
            snapshot_steps=history["snapshot_step"],
            scores={name: history[name] for name in null[0]},
            measures={name: history[name] for name in MEASURES},
            frame_steps=frames["step"],
            samples=frames["samples"],
            null=null,
            modes=run["modes"],
            verdicts=[row["verdict"] for row in rows],
            details=[row["why"] for row in rows],
            events=_events(folder, names, rows),
            diverged_at=[int(row["diverged_at"]) if row["diverged_at"] else None for row in rows],
            failures=run["failures"],
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
