"""What a study measured: arrays by member, and both ways between them and a run folder.

A run folder may come from anywhere: `load` takes what `save` and `manifest` wrote, and refuses whatever does not fit
the study that run.json tells of, so that whoever reports on results or draws them need not look twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.base.arrays import fits
from dynamics.base.curves import CURVES
from dynamics.base.files import NotARun
from dynamics.base.intervals import POSITIVE, REAL, Estimate, Range, mean_interval, share_interval
from dynamics.settings.budget import CURVE_POINTS, steps_of
from dynamics.settings.catalogue.scores import AGAINST_BEST, MODES, SCORES, SWINGS, TO_RAREST, score_names
from dynamics.settings.catalogue.verdicts import FAILED, VERDICTS
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_file, is_mixture
from dynamics.settings.option_fields import FIELDS, default
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import MANIFEST, RunFolder
from dynamics.store.foreign_text import is_inside, printable, reason
from dynamics.targets.file_copies import copy_into_run, same_contents
from dynamics.targets.file_names import KEPT, copy_path, mode_in_run, safe_name
from dynamics.targets.user_files import notes_of, placing_for, target_title
from dynamics.targets.user_units import Placing

FORMAT = 4  # of the run folder; a reader refuses one it does not know
MEASURES = ("sample_mean", "on_data", "far_off", "mode_mass", "mode_shape")


def _counts(results: Results, index: int) -> Range:
    """Of a number of modes."""
    return Range(0, results.modes[index] or np.inf)


def _to_rarest(results: Results, index: int) -> Range:
    """Of the Kullback–Leibler divergence from the modes' weights: all mass on the rarest is the most."""
    rarest = results.rarest[index]
    return POSITIVE if rarest is None else Range(0, float(np.log(1 / rarest)))


def _against_best(results: Results, index: int) -> Range:
    """Of G's loss against the best D of whatever it generates, which the loss decides."""
    setting = results.study.settings[index]
    most = setting.alpha_g / (setting.alpha_g - 1) if setting.alpha_g > 1 else np.inf  # of the α-loss
    return {
        "nonsaturating": POSITIVE,
        "minimax": Range(-np.inf, 0),
        "lsgan": Range(0, 0.5),
        "hinge": Range(-1, 1),
        "alpha": Range(0, most),
        "alpha_minimax": Range(-most, 0),
        "wasserstein": REAL,  # this and the next have no best D
        "relativistic": REAL,
    }[setting.loss]


# what decides the range of a score -> that range, of a setting's results
_DECIDED_BY = {MODES: _counts, TO_RAREST: _to_rarest, AGAINST_BEST: _against_best}
WORDS = (*VERDICTS, FAILED)
EVENTS = ("won", "lost", "hopped")
EVENT_COLUMNS = ("setting", "seed", "step", "mode", "event", "to")
_FEW = 8  # points, with fewer of which no swing is told
_MANY = 2  # options varied, of which a name always has all
_LONG, _CUT = 200, 180  # bytes of a setting's name: a file system takes 255
_MOST_SETTINGS = 5000
_MOST_SAMPLES = 2**14  # of a member at a frame; there are 2048


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
    2) float16, in the plane (frames.npz: in own units, as lengths in scores are), at `frame_steps` (settings, F): G at
    the evaluation latents. `null[i][name]`: mean and standard deviation of a score of setting i's target's own samples,
    NaN for what is not told from samples. `measures` holds by snapshot `sample_mean` (M, S, 2), own units, `on_data`
    and `far_off` (M, S), and each mode's `mode_mass` and `mode_shape` (M, S, K), as `metrics.Measures` has them.
    `rarest[i]` is the least weight of a mode of setting i's target. `details` are the verdicts' reasons;
    `events` the ledger of modes: (member, step, mode from 1, what, other mode). `seconds[i]`: what training one GAN of
    setting i took one core (on a GPU: its share of the stack's time), looking at it left out. `weights[m]`: the
    parameters of member m's G (F, P) and D (F, P) at the frames' steps, float16, flat as in `GAN.MLP`, for the members
    whose weights are kept. Members that failed are NaN throughout and named in `failures`.

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
    rarest: list[float | None]  # least weight of those modes
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
        for name, (of, *_) in SWINGS.items():
            values, steps = (self.scores, self.snapshot_steps) if of in self.scores else (self.curves, self.curve_steps)
            of_member = steps[[m.setting for m in self.members]]
            found[name] = (
                swing(np.asarray(values[of], float), of_member) if of in values else np.full(len(self.members), np.nan)
            )
        return found

    def last(self, name: str) -> np.ndarray:
        """Of every member (M,): a score at the last snapshot, a swing, or whether it has a verdict, 1 or 0."""
        if name in VERDICTS:
            return np.array([np.nan if word == FAILED else float(word == name) for word in self.verdicts])
        return self.swings[name] if name in SWINGS else self.scores[name][:, -1]

    def of_setting(self, index: int) -> list[int]:
        """Members of one setting, in the order of their seeds."""
        own = [m for m, member in enumerate(self.members) if member.setting == index]
        return sorted(own, key=lambda m: self.members[m].seed)

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
        """Share of a setting's seeds with a verdict: of all, however they ended, but those that failed to run."""
        words = [self.verdicts[m] for m in self.of_setting(index) if self.verdicts[m] != FAILED]
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
    return dataclasses.replace(
        results,
        frame_steps=results.frame_steps[:, at],
        samples=results.samples[at],
        weights={m: (g[at], d[at]) for m, (g, d) in results.weights.items()},
    )


# --- names and labels ------------------------------------------------------------------------------------------------


def setting_names(settings: Sequence[Setting]) -> list[str]:
    """A folder name for each setting: mode, std and D steps, then whatever else tells it from the others.

    Every system takes it for one: no part of it is a user's words but a file's name, as `file_names.safe_name` has it.
    """
    varied, stds = _varied(settings), [s.std for s in settings]
    return [
        _cut(
            "-".join(
                [target_name(s, stds), f"d{s.d_steps}", *(f"{n}{_slug(getattr(s, n))}" for n in _others(s, varied))]
            )
        )
        for s in settings
    ]


def setting_labels(settings: Sequence[Setting]) -> list[tuple[str, str]]:
    """(row, column) of each setting in a grid: its target, and the rest of what tells settings apart."""
    varied, labels, stds = _varied(settings), [], [s.std for s in settings]
    for s in settings:
        words = [f"{s.d_steps} D step{'s' if s.d_steps > 1 else ''}"]
        words += [f"{n.replace('_', ' ')} {_short(getattr(s, n))}" for n in _others(s, varied)]
        width = [] if _wide_itself(s) else [f"std {_std(s.std, stds)}"]
        labels.append((" · ".join([target_title(s), *width]), " · ".join(words)))
    return labels


def _varied(settings: Sequence[Setting]) -> list[str]:
    """Options that settings differ in, beside those that are always named."""
    shown = ("mode", "std", "d_steps", "invert")
    return [n for n in FIELDS[Setting] if n not in shown and len({getattr(s, n) for s in settings}) > 1]


def _others(setting: Setting, varied: Sequence[str]) -> Sequence[str]:
    """Of the options that settings differ in those that are named; where these are many, those not at their default."""
    return varied if len(varied) <= _MANY else [n for n in varied if getattr(setting, n) != default(Setting, n)]


def target_name(setting: Setting, stds: Sequence[float | None] = ()) -> str:
    """A file's name for a setting's target; `stds` are those of all settings, which it is told from."""
    name = re.sub(r"[^\w.-]", "_", target_title(setting))
    return name if _wide_itself(setting) else f"{name}-std{_std(setting.std, stds)}"


def mode_name(mode: str) -> str:
    """What a mode is called: a user's file, by its name alone."""
    return safe_name(mode) if is_file(mode) else mode


def _wide_itself(setting: Setting) -> bool:
    """Whether a setting's target is a mixture that says how wide it is."""
    return setting.std is None and is_mixture(setting.mode)


def _std(std: float | None, stds: Sequence[float | None]) -> str:
    """A std in four digits, or in as many as tell it from the others."""
    if std is None:
        return _short(std)
    few = f"{std:.4g}"
    return few if all(f"{other:.4g}" != few for other in stds if other not in (None, std)) else _short(std)


def _short(value: Any) -> str:
    if isinstance(value, float):  # shortest exact form: 0.2, 1e-05, 3
        return repr(value).removesuffix(".0")
    return "default" if value is None else str(value)


def _slug(value: Any) -> str:
    """The same for the name of a folder."""
    return re.sub(r"[^\w.+=-]", "_", _short(value).replace(":", "="))


def _cut(name: str) -> str:
    """A name that would be too long, cut, and told from others by eight digits of its SHA-256."""
    data = name.encode()
    if len(data) <= _LONG:
        return name
    return f"{data[:_CUT].decode(errors='ignore')}-{hashlib.sha256(data).hexdigest()[:8]}"


def clash(settings: Sequence[Setting]) -> str | None:
    """What two of the settings' folders, or two users' files, would both be called; None where all differ.

    By a file system that does not tell capitals from small letters, nor one spelling of é from another.
    """
    modes = dict.fromkeys(s.mode for s in settings if is_file(s.mode))
    for names in (setting_names(settings), [mode_name(mode) for mode in modes]):
        alike = [unicodedata.normalize("NFC", name).casefold() for name in names]
        if len(set(alike)) < len(alike):
            return next(name for name, word in zip(names, alike, strict=True) if alike.count(word) > 1)
    return None


def options_told(setting: Setting) -> dict[str, Any]:
    """Every option of a setting as tables have it: a run's own copy of a user's file by its place in the run folder."""
    return {**dataclasses.asdict(setting), "mode": mode_in_run(setting.mode)}


# --- users' files ----------------------------------------------------------------------------------------------------


def check_targets(study: Study, path: Path) -> None:
    """Raise `OptionError` where a user's file lies in the folder `path`, whose run is about to be replaced."""
    home = os.path.realpath(path)
    for mode in (s.mode for s in study.settings if is_file(s.mode)):
        if Path(os.path.realpath(mode)).is_relative_to(home):
            raise OptionError(f"--mode {printable(mode)}: lies in {path}, whose run is replaced; copy it first")


def keep_targets(study: Study, folder: RunFolder) -> Study:
    """The study with each user's file in its settings copied into the folder, and that copy in its place.

    What is shown of settings stays as it was. Raises `OptionError` for a file that cannot be read, or two of one name,
    and ``OSError`` where the file system does.
    """
    if (name := clash(study.settings)) is not None:
        raise OptionError(f"--mode: two files would both be called {name}; rename one")
    copies = {mode: mode for mode in (s.mode for s in study.settings)}
    for mode in filter(is_file, copies):
        folder.inside(f"{KEPT}/{safe_name(mode)}")
        copies[mode] = copy_into_run(mode, str(folder.path))
    return _with_modes(study, copies)


def same_targets(runs: Sequence[Results]) -> list[Results]:
    """The results of several runs, with their copies of one user's file under one path, so that they are compared.

    Raises `NotARun` for different files of one name.
    """
    first: dict[str, str] = {}
    copies: dict[str, str] = {}
    for mode in dict.fromkeys(s.mode for run in runs for s in run.study.settings):
        copies[mode] = first.setdefault(mode_name(mode), mode) if is_file(mode) else mode
        if copies[mode] != mode and not same_contents(mode, copies[mode]):
            name = printable(mode_name(mode))
            raise NotARun(f"{_home(mode)}: its target {name} is another than that of {_home(copies[mode])}")
    moved = {mode for mode, copy in copies.items() if copy != mode}
    return [
        dataclasses.replace(run, study=_with_modes(run.study, copies))
        if moved & {s.mode for s in run.study.settings}
        else run
        for run in runs
    ]


def _with_modes(study: Study, modes: Mapping[str, str]) -> Study:
    settings = tuple(dataclasses.replace(s, mode=modes[s.mode]) for s in study.settings)
    return dataclasses.replace(study, settings=settings)


def _home(copy: str) -> str:
    """The run folder that a copy is in."""
    return os.path.dirname(os.path.dirname(os.path.normpath(copy)))


# --- a member's record -----------------------------------------------------------------------------------------------


def summary_rows(results: Results) -> list[dict[str, Any]]:
    """A row per member: its setting, its seed, final scores, verdict."""
    names = results.names
    return [
        {
            "setting": names[member.setting],
            **options_told(results.study.settings[member.setting]),
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
        {"folder": name, **options_told(s)}
        for name, s in zip(setting_names(study.settings), study.settings, strict=True)
    ]
    made = {"format": FORMAT, "study": asked, "settings": settings, "targets": _targets(study), **facts}
    if isinstance(results_or_study, Results):
        made |= {
            "null": results_or_study.null,
            "modes": results_or_study.modes,
            "rarest": results_or_study.rarest,
            "failures": results_or_study.failures,
            "seconds_per_gan": results_or_study.seconds,
        }
    return made


def _targets(study: Study) -> dict[str, dict[str, Any]]:
    """Of every user's file: what has become of it, and how it lies in the plane, (own − middle) · scale."""
    notes = notes_of(study.settings)
    placings = {target_title(s): placing_for(s) for s in study.settings}
    return {name: {"note": note, **placings[name]._asdict()} for name, note in notes.items()}


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
    folder.write_npz("frames.npz", {"step": results.frame_steps[setting], "samples": _own_samples(results)})
    flat = {
        f"{player}{m}": values for m, pair in results.weights.items() for player, values in zip("gd", pair, strict=True)
    }
    folder.write_npz("weights.npz", {"member": np.array(list(results.weights), np.int64), **flat})


def _own_samples(results: Results) -> np.ndarray:
    """The samples in the own units of their targets; float64 where these are not the plane's: nothing is lost."""
    placings = _placings(results.study, results.members)
    if not placings:
        return results.samples
    samples = results.samples.astype(np.float64)
    for m, placing in placings.items():
        samples[:, m] = placing.to_user(samples[:, m])
    return samples


def _plane_samples(samples: np.ndarray, placings: Mapping[int, Placing]) -> np.ndarray:
    """`_own_samples` undone."""
    for m, placing in placings.items():
        samples[:, m] = placing.to_plane(samples[:, m])
    with np.errstate(over="ignore"):
        return samples.astype(np.float16)


def _placings(study: Study, members: Sequence[Member]) -> dict[int, Placing]:
    """Member -> where its target lies, for those whose own units are not the plane's."""
    of_setting = [placing_for(s) for s in study.settings]
    return {m: placing for m, member in enumerate(members) if not (placing := of_setting[member.setting]).stays}


def study_of(folder: RunFolder, run: Any) -> Study:
    """The study that a folder's run.json tells of; its users' files are the folder's copies.

    Raises `NotARun`, also where what run.json says beside the study is not of the kind that it should be.
    """
    with _sound(folder):
        if "report" in run and "format" not in run:
            raise NotARun(f"{folder.path}: a report on several runs, not a run; name the runs themselves")
        if run["format"] != FORMAT:
            raise NotARun(f"{folder.path}: the run has format {run['format']!r:.20}, this program reads {FORMAT}")
        settings = []
        expect(len(run["settings"]) <= _MOST_SETTINGS, f"{len(run['settings'])} settings are too many")
        for said in run["settings"]:
            options = {name: value for name, value in said.items() if name != "folder"}
            settings.append(Setting(**{**options, "mode": _kept(folder, options["mode"])}))
        study = Study(settings=tuple(settings), **run["study"])
        texts = [study.name, study.question, *study.headings, *study.headings.values()]
        expect(all(isinstance(text, str) for text in texts), "the study's name, question and headings must be texts")
        expect(all((s.std is None) <= is_mixture(s.mode) for s in settings), "a setting has no std")
        for said, name in zip(run["settings"], setting_names(settings), strict=True):
            expect(said.get("folder", name) == name, f"the folder of {name} is given as another")
        _check_facts(run)
        return study


def _kept(folder: RunFolder, mode: Any) -> Any:
    """A mode as run.json has it, as one that can be drawn: of a user's file, the path of the folder's own copy."""
    if not is_file(mode):
        return mode
    copy = f"{KEPT}/{safe_name(mode)}"
    if mode != copy:
        raise NotARun(
            f"{folder.path}: its target {printable(mode)} is not in the run folder, where a run keeps a copy as"
            f" {KEPT}/NAME; train it again"
        )
    if not folder.inside(copy).is_file():
        raise NotARun(f"{folder.path}: the run has no {copy}, which it was trained on")
    return copy_path(mode, str(folder.path))


@contextlib.contextmanager
def _sound(folder: RunFolder) -> Iterator[None]:
    """Whatever is wrong with what a foreign file says, in one line."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        kind = "" if type(error) in (ValueError, OptionError) else f"{type(error).__name__}: "
        raise NotARun(f"{folder.path}: not a finished run ({kind}{reason(error)})") from None


def expect(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(words)


def load(folder: RunFolder) -> Results:
    """Read a run back. Raises `NotARun` for a folder that is none, is unfinished, or has another format."""
    run = folder.read_json(MANIFEST)
    study = study_of(folder, run)
    with _sound(folder):
        null = [_null(scores, study) for scores in run["null"]]
        rows = folder.read_csv("summary.csv", ("setting", "seed", "verdict", "why", "diverged_at"))
        return _results(folder, run, study, null, rows)


def _results(
    folder: RunFolder, run: Mapping[str, Any], study: Study, null: list[dict[str, Any]], rows: list[dict[str, str]]
) -> Results:
    names = setting_names(study.settings)
    expect(len(rows) == len(names) * study.seeds > 0, "summary.csv has not a row for each member")
    members = [Member(index, seed) for index in range(len(names)) for seed in study.seed_list]
    called = [(row["setting"], row["seed"]) for row in rows]
    expect(called == [(names[m.setting], str(m.seed)) for m in members], "summary.csv tells of other members")
    for name in ("null", "modes", "rarest", "seconds_per_gan"):
        expect(len(run[name]) == len(names), f"{name} is not told of each setting")
    modes, rarest, last = run["modes"], run["rarest"], steps_of(study)
    expect(all(n is None or (type(n) is int and 0 < n <= 10_000) for n in modes), "modes must be numbers of modes")
    weights = [0 < _number(w) <= 1 if n is not None else w is None for n, w in zip(modes, rarest, strict=True)]
    expect(all(weights), "rarest must be the least weights of the modes")

    # sizes, each of all settings: what is looked at is, equally often
    least, place = min(last), [m.setting for m in members]
    count, looks, frames = len(members), min(study.snapshots, least) + 1, min(study.frames, least) + 1
    entries = -(-least // -(-least // CURVE_POINTS))
    most = max((n for n in modes if n is not None), default=0)
    history = {
        "setting": np.array(names)[place],
        "seed": np.array([m.seed for m in members]),
        "curve_step": _like(np.int64, count, entries),
        **{name: _like(np.float32, count, entries) for name in CURVES},
        "snapshot_step": _like(np.int64, count, looks),
        **{name: _like(np.float64, count, looks) for name in _score_names(study)},
        "sample_mean": _like(np.float64, count, looks, 2),
        "on_data": _like(np.float64, count, looks),
        "far_off": _like(np.float64, count, looks),
        "mode_mass": _like(np.float64, count, looks, most),
        "mode_shape": _like(np.float64, count, looks, most),
    }
    found = _arrays(folder, "history.npz", history)
    for name in ("setting", "seed"):
        expect(np.array_equal(found[name], history[name]), f"history.npz tells of another {name}")
    placings = _placings(study, members)
    kind = np.float64 if placings else np.float16
    samples = {"step": _like(np.int64, count, frames), "samples": _like(kind, frames, count, _MOST_SAMPLES, 2)}
    shown = _arrays(folder, "frames.npz", samples, varies="samples")
    return Results(
        study=study,
        members=members,
        curve_steps=_steps(found["curve_step"], place, last),
        curves={name: found[name] for name in CURVES},
        snapshot_steps=_steps(found["snapshot_step"], place, last, first=0),
        scores={name: found[name] for name in _score_names(study)},
        measures={name: found[name] for name in MEASURES},
        frame_steps=_steps(shown["step"], place, last, first=0 if frames > 1 else None),
        samples=_plane_samples(shown["samples"], placings) if placings else shown["samples"],
        null=null,
        modes=modes,
        rarest=[None if w is None else float(w) for w in rarest],
        verdicts=[_one_of(row["verdict"], WORDS) for row in rows],
        details=[row["why"] for row in rows],
        events=_events(folder, names, members, modes, last),
        diverged_at=[
            _whole(row["diverged_at"], last[m.setting]) if row["diverged_at"] else None
            for row, m in zip(rows, members, strict=True)
        ],
        failures=[_failure(failure, count) for failure in run["failures"]],
        weights=_weights(folder, study, members, frames),
        seconds=[np.nan if s is None else float(_number(s)) for s in run["seconds_per_gan"]],
    )


def _like(kind: Any, *shape: int) -> np.ndarray:
    """An array to compare others with, that takes no room."""
    return np.broadcast_to(np.zeros((), kind), shape)


def _arrays(
    folder: RunFolder, name: str, wanted: Mapping[str, np.ndarray], *, varies: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a file, if they are these. The one called `varies` has its number of samples from itself."""
    found = folder.read_npz(name, limit=sum(a.nbytes + 1024 for a in wanted.values()))
    if varies is not None and varies in found and found[varies].ndim == 4:
        wanted = {**wanted, varies: wanted[varies][:, :, : found[varies].shape[2]]}
        expect(found[varies].shape[2] > 0, f"{name}: {varies} are none")
    try:
        fits(found, wanted)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return found


def _steps(found: np.ndarray, place: Sequence[int], last: Sequence[int], first: int | None = None) -> np.ndarray:
    """Rows of steps, one a setting, from rows of members; they ascend, from `first` where it is said, to the end."""
    of_setting = found[np.searchsorted(place, range(len(last)))]  # members are in the order of their settings
    expect(np.array_equal(found, of_setting[place]), "members of one setting have different steps")
    expect(bool((np.diff(of_setting, axis=1) > 0).all()), "steps must ascend")
    expect(bool((of_setting[:, 0] >= 0).all()), "steps must not be negative")
    expect(first is None or bool((of_setting[:, 0] == first).all()), f"steps must begin with {first}")
    expect(of_setting[:, -1].tolist() == list(last), "steps must end where the study does")
    return of_setting


def _score_names(study: Study) -> list[str]:
    return score_names(study.score_groups)


def _null(said: Mapping[str, Any], study: Study) -> dict[str, tuple[float, float]]:
    """A target's null as JSON has it, with NaN for what is not there."""
    names = _score_names(study)
    expect(sorted(said) == sorted(names), "null is not that of the study's scores")
    pairs = {name: [np.nan if x is None else float(_number(x)) for x in said[name]] for name in names}
    return {name: (mean, std) for name, (mean, std) in pairs.items()}


def _number(value: Any) -> Any:
    expect(isinstance(value, int | float) and not isinstance(value, bool), f"{value!r:.40} is no number")
    return value


def _whole(text: str, most: int, least: int = 0) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None
    if number is None or not least <= number <= most:
        raise ValueError(f"{text!r:.40} is no such number")
    return number


def _one_of(text: str, words: Sequence[str]) -> str:
    expect(text in words, f"{text!r:.40} is not one of {', '.join(words)}")
    return text


def _failure(said: Any, count: int) -> dict[str, Any]:
    members = said["members"]
    expect(all(type(m) is int and 0 <= m < count for m in members), "a failure is of members that there are not")
    expect(isinstance(said["error"], str), "a failure's error must be a text")
    return dict(said)


def _check_facts(run: Mapping[str, Any]) -> None:
    """What run.json says of how a run went and is drawn, as far as it is there."""
    kinds: dict[str, Any] = {
        **dict.fromkeys(("status", "command", "started", "error", "device"), str),
        **dict.fromkeys(("versions", "circumstances", "look"), Mapping),
        **dict.fromkeys(("files", "resumed"), list),
        "threads": int,
        "figures": bool,
    }
    for name, kind in kinds.items():
        expect(isinstance(run.get(name), kind | None), f"{name} is no {kind.__name__}")
    Look(**(run.get("look") or {}))
    seconds = run.get("seconds", {})
    for value in [*(seconds.values() if isinstance(seconds, Mapping) else [seconds]), run.get("spent", 0.0)]:
        _number(value)
    for file in run.get("files") or []:
        expect(isinstance(file, str) and is_inside(file), f"files names {file!r:.60}, which is not in the folder")


def _weights(
    folder: RunFolder, study: Study, members: Sequence[Member], frames: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    sizes = [parameters(setting) for setting in study.settings]
    most = sum(2 * frames * sum(sizes[m.setting]) + 1024 for m in members)
    found = folder.read_npz("weights.npz", limit=most + 8 * len(members) + 1024)
    kept = found.get("member", np.zeros(0)).tolist()
    expect(all(type(m) is int and 0 <= m < len(members) for m in kept), "weights.npz is of members that there are not")
    expect(len(set(kept)) == len(kept), "weights.npz has a member twice")
    wanted = {"member": _like(np.int64, len(kept))}
    for m in kept:
        for player, size in zip("gd", sizes[members[m].setting], strict=True):
            wanted[f"{player}{m}"] = _like(np.float16, frames, size)
    try:
        fits(found, wanted)
    except ValueError as error:
        raise ValueError(f"weights.npz: {error}") from None
    return {m: (found[f"g{m}"], found[f"d{m}"]) for m in kept}


def parameters(s: Setting) -> tuple[int, int]:
    """How many numbers G's and D's `flat` have, normalisations folded in: see GAN.MLP, which needs torch."""
    hidden, layers, activation = s.discriminator_shape

    def width(inputs: int, hidden: int, layers: int, outputs: int, activation: str, batch_std: int = 0) -> int:
        pieces = s.pieces if activation == "maxout" else 1
        rows = [inputs, *[hidden] * layers]
        columns = [*[hidden * pieces] * layers, outputs]
        used = sum((i + 1) * o for i, o in zip(rows, columns, strict=True)) + batch_std * outputs
        return -(-used // 64) * 64

    g = width(s.latent_dim, s.hidden, s.layers, 2, s.activation)
    return g, width(2 * s.packing, hidden, layers, 1, activation, s.minibatch_std)


def _events(
    folder: RunFolder, names: list[str], members: Sequence[Member], modes: list[int | None], last: Sequence[int]
) -> list[tuple[int, int, int, str, int | None]]:
    """The ledgers of events.csv, with members by their place."""
    place = {(names[member.setting], str(member.seed)): m for m, member in enumerate(members)}
    found = []
    for row in folder.read_csv("events.csv", EVENT_COLUMNS):
        m = place[row["setting"], row["seed"]]
        index = members[m].setting
        most = modes[index] or 0
        mode, other = _whole(row["mode"], most, 1), _whole(row["to"], most, 1) if row["to"] else None
        found.append((m, _whole(row["step"], last[index]), mode, _one_of(row["event"], EVENTS), other))
    return found
