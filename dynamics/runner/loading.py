"""A run folder back into results, whoever wrote it.

`load` takes what saving.py wrote, and refuses whatever does not fit the study that run.json tells of, so that whoever
reports on results or draws them need not look twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dynamics.base.arrays import fits
from dynamics.base.curves import CURVES
from dynamics.base.files import NotARun
from dynamics.base.program import command_line
from dynamics.measures.measured import MEASURES
from dynamics.runner.history import Extent, frames_first, like, members_first, specification
from dynamics.runner.member_rows import EVENT_COLUMNS, EVENTS
from dynamics.runner.results import FORMAT, WORDS, Member, Results
from dynamics.runner.sample_units import placings, plane_samples
from dynamics.runner.setting_names import setting_names
from dynamics.runner.table_columns import EARLIER_NAMES
from dynamics.runner.users_files import kept_mode
from dynamics.settings.budget import CURVE_POINTS, steps_of
from dynamics.settings.catalogue.scores import score_names
from dynamics.settings.catalogue.verdicts import Verdict
from dynamics.settings.look import Look
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_mixture
from dynamics.settings.network_sizes import parameters
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import MANIFEST, RunFolder
from dynamics.store.foreign_text import is_inside, reason

_MOST_SETTINGS = 5000
_MOST_SAMPLES = 2**14  # of a member at a frame; there are 2048


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
        for written in run["settings"]:
            options = {name: value for name, value in written.items() if name != "folder"}
            settings.append(Setting(**{**options, "mode": kept_mode(folder, options["mode"])}))
        study = Study(settings=tuple(settings), **{**run["study"], "notes": tuple(run["study"].get("notes", ()))})
        texts = [study.name, study.question, *study.headings, *study.headings.values(), *study.notes]
        expect(all(isinstance(t, str) for t in texts), "the study's name, question, headings and notes must be texts")
        expect(all((s.std is None) <= is_mixture(s.mode) for s in settings), "a setting has no std")
        for written, name in zip(run["settings"], setting_names(settings), strict=True):
            expect(written.get("folder", name) == name, f"the folder of {name} is given as another")
        _check_facts(run)
        return study


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


def is_over(run: Any) -> bool:
    """Whether a run's training has come to its end, by its run.json."""
    return isinstance(run, Mapping) and ("null" in run or run.get("status") == "done")


def load(folder: RunFolder) -> Results:
    """Read a run back. Raises `NotARun` for a folder that is none, is unfinished, or has another format."""
    run = folder.read_json(MANIFEST)
    study = study_of(folder, run)
    if not is_over(run):
        how = {"interrupted": "was interrupted", "failed": "failed", "running": "is running or was killed"}
        words = how.get(str(run.get("status")), "has not ended")
        raise NotARun(
            f"{folder.path}: not a finished run: it {words}; to go on: {command_line('resume', str(folder.path))}"
        )
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
    wanted = specification(count, Extent(entries, looks, frames, _MOST_SAMPLES, most, score_names(study.score_groups)))
    history = {
        "setting": np.array(names)[place],
        "seed": np.array([m.seed for m in members]),
        "curve_step": like(np.int64, count, entries),
        **wanted.curves,
        "snapshot_step": like(np.int64, count, looks),
        **wanted.measured,
    }
    arrays = _arrays(folder, "history.npz", history)
    for name in ("setting", "seed"):
        expect(np.array_equal(arrays[name], history[name]), f"history.npz tells of another {name}")
    placed = placings(study, members)
    kind = np.float64 if placed else np.float16
    samples = {"step": like(np.int64, count, frames), "samples": like(kind, *frames_first(wanted.samples).shape)}
    shown = _arrays(folder, "frames.npz", samples, varies="samples")
    seen = members_first(shown["samples"])
    return Results(
        study=study,
        members=members,
        curve_steps=_steps(arrays["curve_step"], place, last),
        curves={name: arrays[name] for name in CURVES},
        snapshot_steps=_steps(arrays["snapshot_step"], place, last, first=0),
        scores={name: arrays[name] for name in score_names(study.score_groups)},
        measures={name: arrays[name] for name in MEASURES},
        frame_steps=_steps(shown["step"], place, last, first=0 if frames > 1 else None),
        samples=plane_samples(seen, placed) if placed else seen,
        null=null,
        modes=modes,
        rarest=[None if w is None else float(w) for w in rarest],
        verdicts=[_verdict(row, last[m.setting]) for row, m in zip(rows, members, strict=True)],
        events=_events(folder, names, members, modes, last),
        failures=[_failure(failure, count) for failure in run["failures"]],
        weights=_weights(folder, study, members, frames),
        seconds=[np.nan if s is None else float(_number(s)) for s in run["seconds_per_gan"]],
    )


def _verdict(row: Mapping[str, str], last: int) -> Verdict:
    """What a row of summary.csv says became of its member, whose last generator step is `last`."""
    step = _whole(row["diverged_at"], last) if row["diverged_at"] else None
    return Verdict(_one_of(row["verdict"], WORDS), row["why"], step=step)


def _arrays(
    folder: RunFolder, name: str, wanted: Mapping[str, np.ndarray], *, varies: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a file, if they are these. The one called `varies` has its number of samples from itself."""
    arrays = folder.read_npz(name, limit=sum(a.nbytes + 1024 for a in wanted.values()))
    if varies is not None and varies in arrays and arrays[varies].ndim == 4:
        wanted = {**wanted, varies: wanted[varies][:, :, : arrays[varies].shape[2]]}
        expect(arrays[varies].shape[2] > 0, f"{name}: {varies} are none")
    try:
        fits(arrays, wanted)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return arrays


def _steps(of_member: np.ndarray, place: Sequence[int], last: Sequence[int], first: int | None = None) -> np.ndarray:
    """Rows of steps, one a setting, from rows of members; they ascend, from `first` where it is said, to the end."""
    of_setting = of_member[np.searchsorted(place, range(len(last)))]  # members are in the order of their settings
    expect(np.array_equal(of_member, of_setting[place]), "members of one setting have different steps")
    expect(bool((np.diff(of_setting, axis=1) > 0).all()), "steps must ascend")
    expect(bool((of_setting[:, 0] >= 0).all()), "steps must not be negative")
    expect(first is None or bool((of_setting[:, 0] == first).all()), f"steps must begin with {first}")
    expect(of_setting[:, -1].tolist() == list(last), "steps must end where the study does")
    return of_setting


def _null(scores: Mapping[str, Any], study: Study) -> dict[str, tuple[float, float]]:
    """A target's null as JSON has it, with NaN for what is not there."""
    names = score_names(study.score_groups)
    expect(sorted(scores) == sorted(names), "null is not that of the study's scores")
    pairs = {name: [np.nan if x is None else float(_number(x)) for x in scores[name]] for name in names}
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


def _failure(written: Any, count: int) -> dict[str, Any]:
    members = written["members"]
    expect(all(type(m) is int and 0 <= m < count for m in members), "a failure is of members that there are not")
    expect(isinstance(written["error"], str), "a failure's error must be a text")
    return dict(written)


def _check_facts(run: Mapping[str, Any]) -> None:
    """What run.json says of how a run went and is drawn, as far as it is there."""
    kinds: dict[str, Any] = {
        **dict.fromkeys(("status", "command", "started", "error", "device"), str),
        **dict.fromkeys(("versions", "circumstances", "look", "paths"), Mapping),
        **dict.fromkeys(("files", "resumed", "interim", "confirmed"), list),
        "threads": int,
        "figures": bool,
    }
    for name, kind in kinds.items():
        expect(isinstance(run.get(name), kind | None), f"{name} is no {kind.__name__}")
    Look(**(run.get("look") or {}))
    seconds = run.get("seconds", {})
    for value in [*(seconds.values() if isinstance(seconds, Mapping) else [seconds]), run.get("spent", 0.0)]:
        _number(value)
    places, count = run.get("confirmed") or [], len(run["settings"])
    inside = all(type(i) is int and 0 <= i < count for i in places)
    expect(inside and len(set(places)) == len(places), "confirmed must be places of settings, each once")
    for file in [*(run.get("files") or []), *(run.get("interim") or [])]:
        expect(isinstance(file, str) and is_inside(file), f"files names {file!r:.60}, which is not in the folder")


def _weights(
    folder: RunFolder, study: Study, members: Sequence[Member], frames: int
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    sizes = [parameters(setting) for setting in study.settings]
    most = sum(2 * frames * sum(sizes[m.setting]) + 1024 for m in members)
    arrays = folder.read_npz("weights.npz", limit=most + 8 * len(members) + 1024)
    kept = arrays.get("member", np.zeros(0)).tolist()
    expect(all(type(m) is int and 0 <= m < len(members) for m in kept), "weights.npz is of members that there are not")
    expect(len(set(kept)) == len(kept), "weights.npz has a member twice")
    wanted = {"member": like(np.int64, len(kept))}
    for m in kept:
        for player, size in zip("gd", sizes[members[m].setting], strict=True):
            wanted[f"{player}{m}"] = like(np.float16, frames, size)
    try:
        fits(arrays, wanted)
    except ValueError as error:
        raise ValueError(f"weights.npz: {error}") from None
    return {m: (arrays[f"g{m}"], arrays[f"d{m}"]) for m in kept}


def _events(
    folder: RunFolder, names: list[str], members: Sequence[Member], modes: list[int | None], last: Sequence[int]
) -> list[tuple[int, int, int, str, int | None]]:
    """The ledgers of events.csv, with members by their place; its columns may have the names of earlier versions."""
    place = {(names[member.setting], str(member.seed)): m for m, member in enumerate(members)}
    events = []
    for row in folder.read_csv("events.csv", EVENT_COLUMNS, earlier=EARLIER_NAMES):
        m = place[row["setting"], row["seed"]]
        index = members[m].setting
        most = modes[index] or 0
        mode = _whole(row["mode_number"], most, 1)
        other = _whole(row["hopped_to"], most, 1) if row["hopped_to"] else None
        events.append((m, _whole(row["step"], last[index]), mode, _one_of(row["event"], EVENTS), other))
    return events
