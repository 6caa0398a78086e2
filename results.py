"""What a study measured: arrays by member, the tables made of them, and both ways between them and a run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from curves import CURVES
from files import NotARun
from intervals import Estimate, mean_interval, share_interval
from settings import FIELDS, Setting, Study
from store import MANIFEST, RunFolder

FORMAT = 1  # of the run folder; a reader refuses one it does not know
SHARES = ("converged", "collapsed", "diverged")  # verdicts whose shares the comparison states


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
    setting i's target's own samples. Members that failed are NaN throughout and named in `failures`.
    """

    study: Study
    members: list[Member]
    curve_steps: np.ndarray
    curves: dict[str, np.ndarray]
    snapshot_steps: np.ndarray
    scores: dict[str, np.ndarray]
    frame_steps: np.ndarray
    samples: np.ndarray
    null: list[dict[str, tuple[float, float]]]
    modes: list[int | None]  # number of modes of each setting's target
    verdicts: list[str] = field(default_factory=list)
    diverged_at: list[int | None] = field(default_factory=list)  # step at which a curve was first seen not finite
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
            "verdict": results.verdicts[m],
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
            row[f"{score}_null"] = results.null[index][score][0]
        for verdict in SHARES:
            e = results.share(verdict, index)
            row |= {f"{verdict}_share": e.value, f"{verdict}_low": e.low, f"{verdict}_high": e.high}
        rows.append(row)
    return rows


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
    folder.write_npz(
        "history.npz",
        {
            "setting": np.array([setting_names(results.study.settings)[m.setting] for m in results.members]),
            "seed": np.array([m.seed for m in results.members]),
            "curve_step": results.curve_steps,
            **results.curves,
            "snapshot_step": results.snapshot_steps,
            **results.scores,
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
            frame_steps=frames["step"],
            samples=frames["samples"],
            null=null,
            modes=run["modes"],
            verdicts=[row["verdict"] for row in rows],
            diverged_at=[int(row["diverged_at"]) if row["diverged_at"] else None for row in rows],
            failures=run["failures"],
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise NotARun(f"{folder.path}: not a finished run ({type(error).__name__}: {error})") from None
