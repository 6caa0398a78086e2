"""A study from question to report: folder, training, tables, pictures, report; the last steps again from a folder."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dynamics.base.executors import choose
from dynamics.base.files import NotARun, held
from dynamics.base.program import command_line
from dynamics.base.progress import Progress, silent
from dynamics.base.workers import usable_cores
from dynamics.pictures.picture_drawing import PictureTask, render
from dynamics.pictures.picture_plan import check, plan, plan_joint, remarks
from dynamics.pictures.study_parts import StudyPart
from dynamics.reports.comparisons import differences as score_differences
from dynamics.reports.comparisons import write_tables
from dynamics.reports.ranking import leading
from dynamics.reports.report import ReportedRun, animate_lines, write_report
from dynamics.runner.fresh_seeds import FOLDER as CONFIRM
from dynamics.runner.fresh_seeds import discard, fresh_study, is_begun, load_confirmation
from dynamics.runner.interrupted import load_so_far
from dynamics.runner.joint import distinct_names, join
from dynamics.runner.loading import is_over, study_of
from dynamics.runner.loading import load as load_folder
from dynamics.runner.planning import beginnings
from dynamics.runner.resolving import resolve
from dynamics.runner.results import Results, thinned
from dynamics.runner.running import run_study, training_paths
from dynamics.runner.saving import manifest, save, save_rows, versions
from dynamics.runner.setting_names import baselines, setting_names
from dynamics.runner.tasks import circumstances
from dynamics.runner.users_files import check_targets, keep_targets
from dynamics.settings.look import Look
from dynamics.settings.study import MANY_SETTINGS, Study
from dynamics.store.checkpoints import FOLDER as CHECKPOINTS
from dynamics.store.checkpoints import differences, remove
from dynamics.store.folder import MANIFEST, RunFolder
from dynamics.studies import get_parts

# of run.json: what a run came to, which is told anew when it goes on
OUTCOME = (
    *("seconds", "status", "error", "files", "interim", "confirmed", "null", "modes", "failures", "seconds_per_gan"),
    *("study", "settings", "targets"),
)
TABLES = (
    *("summary.csv", "events.csv", "comparison.csv", "comparison.tex", "differences.csv", "ranking.csv"),
    *("report.html", "report.md"),
)
RECORD = (*TABLES, "history.npz", "frames.npz", "weights.npz")
BEGUN = "beginnings.npz"  # the players of another run that this one begins with
Tell = Callable[[str], None]
AnyPath = str | os.PathLike[str]


def _nobody(words: str) -> None:
    """Tells nobody."""


def run(
    study: Study,
    path: AnyPath,
    *,
    force: bool = False,
    look: Look | None = Look(),  # noqa: B008 - frozen
    command: str = "",
    progress: Progress = silent,
    tell: Tell = _nobody,
) -> tuple[Results, RunFolder]:
    """Carry out a study into the folder `path`; returns what was measured and the folder.

    What the study leaves open (std, device, workers) is filled in as `running.resolve` does.
    `look` is how it is drawn; None draws nothing. `tell` is told, in a line each, what the user should know and is no
    error. Raises `settings.OptionError` for a study that cannot be carried out here or a look that it cannot have,
    `files.FolderInUse` for a folder that holds something (unless `force`) or that somebody is at work in, and
    ``OSError`` where the file system does. An exception on the way leaves run.json saying so, and what `resume` needs.
    """
    study, path = resolve(study), Path(path)
    if look is not None:
        check(study, look)
    RunFolder(path).check_free(force=force)
    check_targets(study, path)
    begun = beginnings(study)
    path.mkdir(parents=True, exist_ok=True)
    with held(path):
        if force:
            remove(path / CHECKPOINTS)
            discard(path)
        folder = RunFolder.create(path, force=force)
        study = keep_targets(study, folder)
        if study.from_run is not None:
            folder.write_npz(BEGUN, begun)
        facts: dict[str, Any] = {
            "status": "running",
            "command": command,
            "started": _now(),
            "versions": versions(),
            "circumstances": circumstances(study.device),
            "threads": 1,  # of every worker
            "figures": look is not None,
            "look": dataclasses.asdict(look or Look()),
        }
        return _carry_out(study, folder, facts, look, progress, tell), folder


def load(path: AnyPath) -> Results:
    """What a finished run has measured, from its folder. Raises `files.NotARun` for a folder that is none."""
    return load_folder(RunFolder.open(path))


def resume(
    path: AnyPath, progress: Progress = silent, tell: Tell = _nobody, confirm: int | None = None
) -> tuple[Results, RunFolder]:
    """Go on with a run that was stopped, or train again what failed in it, to the files that it would have come to.

    What was asked, and how it is drawn, stands in the folder. Of a run that is done nothing is done again. With
    `confirm` the run's best settings are trained on this many new seeds too. Raises `files.NotARun` for a folder that
    is none, that was begun under other circumstances (program, library versions, device), which would change its
    numbers, or whose checkpoints are of something else; `files.FolderInUse` while somebody is at work there.
    """
    folder = RunFolder.open(path)
    with held(path):
        facts = folder.read_json(MANIFEST)
        study, look = study_of(folder, facts), _look(folder, facts, {})
        if confirm is not None:
            study = dataclasses.replace(study, confirm=confirm)
        if facts.get("status") == "done":
            remove(folder.path / CHECKPOINTS)
            results = load_folder(folder)
            if study.confirm:
                results.study = study
                facts = {**facts, "study": {**facts["study"], "confirm": study.confirm}}
                folder.write_json(MANIFEST, facts)  # so that it goes on where it is stopped
                facts["confirmed"] = _confirm(results, folder, progress, tell)
                _rewrite(folder, results, facts, look)
            return results, folder
        if different := differences(facts.get("circumstances"), circumstances(study.device), "circumstances"):
            raise NotARun(f"{path}: begun otherwise, so its numbers would not be the same: {'; '.join(different)}")
        folder.remove(facts.get("interim", []))
        facts = {name: facts[name] for name in facts if name not in OUTCOME}
        facts |= {"status": "running", "resumed": [*facts.get("resumed", []), _now()]}
        return _carry_out(study, folder, facts, look if facts.get("figures", True) else None, progress, tell), folder


def _carry_out(
    study: Study, folder: RunFolder, facts: dict[str, Any], look: Look | None, progress: Progress, tell: Tell
) -> Results:
    """From the study to the report, in a folder that is held; its checkpoints stay until nothing is missing."""
    started = time.monotonic() - facts.pop("spent", 0.0)
    known: Study | Results = study
    folder.sweep()
    # files that it may come to, so that --force removes what it leaves if it is killed
    folder.write_json(MANIFEST, manifest(study, **facts, files=sorted({*_made(folder), *RECORD})))
    try:
        total = study.steps * study.seeds * len(study.settings)
        with progress(f"training {study.seeds * len(study.settings)} GANs", total) as advance:
            shown = None if look is None else look.member
            begun = {} if study.from_run is None else folder.read_npz(BEGUN)
            executor = choose(int(study.workers))
            facts["paths"] = training_paths(study, tell)
            results = run_study(
                study, advance, shown, begun=begun, keep=folder.path / CHECKPOINTS, tell=tell, executor=executor
            )
        save(results, folder)
        compared = score_differences(results)
        write_tables(results, folder, compared)
        known = results
        facts["seconds"] = {"training": round(time.monotonic() - started, 1)}
        parts = _parts(results)
        if look is not None:
            for words in remarks(look):
                tell(words)
            pictures = _without_most_animations(results, plan(results, look, parts))
            names = sorted({*_made(folder), *RECORD, *(name for picture in pictures for name in picture.files)})
            folder.write_json(MANIFEST, manifest(study, **facts, files=names))
            with progress("drawing", len(pictures)) as advance:
                render(pictures, folder.path, executor, advance)
        if study.confirm:
            facts["confirmed"] = _confirm(results, folder, progress, tell)
        facts["seconds"]["all"] = round(time.monotonic() - started, 1)
        facts["status"] = "failed" if results.failures else "done"
        reported = [ReportedRun(folder.path.name, folder, results, facts, parts)]
        again = load_confirmation(folder, results, facts)
        write_report(results, folder, reported, (look or Look()).embed, compared, again)
        folder.sweep()
        folder.write_json(MANIFEST, manifest(results, **facts, files=_made(folder)))
    except BaseException as error:
        facts["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        facts["spent"] = round(time.monotonic() - started, 1)
        with contextlib.suppress(OSError):  # on a full disk the one before stays, which says that it is running
            folder.sweep()
            folder.write_json(MANIFEST, manifest(known, **facts, error=str(error), files=_made(folder)))
        raise
    if not results.failures:
        remove(folder.path / CHECKPOINTS)
    return results


def _confirm(results: Results, folder: RunFolder, progress: Progress, tell: Tell) -> list[int]:
    """Train the settings that lead a run again, on new seeds, in a run of its own within the folder; their places.

    What was trained of that before is kept. Raises what `run` and `resume` do.
    """
    places, home = leading(results), RunFolder(folder.path / CONFIRM)
    if not places:
        tell(f"--confirm {results.study.confirm}: no setting has ended, so there is nothing to confirm")
        return places
    study = fresh_study(results.study, places)
    if is_begun(study, home):
        resume(home.path, progress, tell)
    else:
        run(study, home.path, force=True, look=None, progress=progress, tell=tell)
    return places


def redraw(
    path: AnyPath,
    changes: Mapping[str, Any] | None = None,
    frames: int | None = None,
    workers: str = "auto",
    progress: Progress = silent,
    tell: Tell = _nobody,
) -> None:
    """Draw a run's pictures again, and its report, as it was drawn but for `changes` of its look.

    Of an interrupted run what there is is drawn, and `changes` hold for this time alone. `frames` is how many of the
    animations' kept ones, beside the first, are shown. Raises `files.NotARun`, `files.FolderInUse`, and
    `settings.OptionError` for what cannot be drawn of it.
    """
    folder = RunFolder.open(path)
    with held(path):
        facts = folder.read_json(MANIFEST)
        results = _measured(folder, facts, tell)
        look = _look(folder, facts, changes or {})
        dataclasses.replace(results.study, workers=workers)  # checked
        parts = _parts(results)  # of all frames
        pictures = plan(results if frames is None else thinned(results, frames), look, parts)
        for words in remarks(look):
            tell(words)
        if is_over(facts):
            facts = {**facts, "look": dataclasses.asdict(look)}
        else:
            facts = _with_interim(folder, facts, [name for picture in pictures for name in picture.files])
        folder.write_json(MANIFEST, facts)
        try:
            with progress("drawing", len(pictures)) as advance:
                render(pictures, folder.path, choose(_processes(workers)), advance)
        finally:
            folder.sweep()
        _rewrite(folder, results, facts, look)


def rewrite_report(
    path: AnyPath, changes: Mapping[str, Any] | None = None, tell: Tell = _nobody, baseline: str | None = None
) -> None:
    """Write a run's report again, with `changes` of its look: of what is not drawn anew, which is `embed`.

    `baseline` is a setting that the others are held against from now on. Of an interrupted run the report shows what
    there is, and `changes` hold for this time alone. Raises `files.NotARun`, `files.FolderInUse`, and
    `settings.OptionError` for a baseline that is no setting of the run.
    """
    folder = RunFolder.open(path)
    with held(path):
        facts = folder.read_json(MANIFEST)
        results, look = _measured(folder, facts, tell), _look(folder, facts, changes or {})
        if baseline is not None:
            baselines(results.names, results.labels, baseline)  # it is there
            results.study = dataclasses.replace(results.study, baseline=baseline)
            facts = {**facts, "study": {**facts["study"], "baseline": baseline}}
        if changes and is_over(facts):
            facts = {**facts, "look": dataclasses.asdict(look)}
        _rewrite(folder, results, facts, look)


def latex_lines(path: Path) -> list[str]:
    """Lines that show a run's animations in LaTeX, if it was drawn for that; their paths begin as `path` does."""
    folder = RunFolder.open(path)
    facts = folder.read_json(MANIFEST)
    return animate_lines(folder, setting_names(study_of(folder, facts).settings), facts)


def _without_most_animations(results: Results, pictures: Sequence[PictureTask]) -> list[PictureTask]:
    """Pictures of a run, of many settings without the animations of all but the first of the ranking."""
    names = results.names
    first = set(leading(results)) if len(names) > MANY_SETTINGS else set(range(len(names)))
    still = {name for i, name in enumerate(names) if i not in first}
    return [p for p in pictures if not (p.function == "animate" and p.path.partition("/")[0] in still)]


def _rewrite(folder: RunFolder, results: Results, facts: dict[str, Any], look: Look) -> None:
    """The report of a run whose pictures are there, and of an interrupted one its tables."""
    if not is_over(facts):
        facts = _with_interim(folder, facts, TABLES)
        folder.write_json(MANIFEST, facts)
        save_rows(results, folder)
        write_tables(results, folder)
    shown = {**facts, "look": dataclasses.asdict(look)}
    reported = [ReportedRun(folder.path.name, folder, results, shown, _parts(results))]
    write_report(results, folder, reported, look.embed, again=load_confirmation(folder, results, facts))
    folder.write_json(MANIFEST, {**facts, "files": _made(folder)})


def _measured(folder: RunFolder, facts: Mapping[str, Any], tell: Tell) -> Results:
    """What a run has measured: all of it, or what there is of an interrupted one, which `tell` is told."""
    if is_over(facts):
        return load_folder(folder)
    results = load_so_far(folder, facts, tell)
    how = "trained, but not drawn" if results.reached is None else results.reached.words()
    tell(f"{folder.path}: {how}; to go on: {command_line('resume', str(folder.path))}")
    return results


def _with_interim(folder: RunFolder, facts: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The facts of an interrupted run, with files that are made for looking at it, and that `resume` removes."""
    made = _made(folder)
    interim = {*facts.get("interim", []), *(name for name in names if name not in made)}
    return {**facts, "interim": sorted(interim), "files": sorted({*made, *names})}


def _parts(results: Results) -> list[StudyPart]:
    """What the run's study, if it is a named one, makes of the results for the report; nothing of unfinished ones."""
    make = get_parts(results.study.name)
    return make(results) if make and results.reached is None else []


def joint_report(
    paths: Sequence[AnyPath],
    out: AnyPath,
    *,
    force: bool = False,
    embed: str = "auto",
    progress: Progress = silent,
    baseline: str | None = None,
) -> None:
    """Report on several finished runs as one, in the folder `out`: settings beside one another, seeds of one pooled.

    `embed` is that of `write_report`, `baseline` a setting that the others are held against.

    Raises `files.NotARun`, also for runs that cannot be joined (`joint.join`), `files.FolderInUse` for an `out` that
    holds something (unless `force`), and `settings.OptionError` for a baseline that is no setting.
    """
    out = Path(out)
    folders = [RunFolder.open(path) for path in paths]
    names = distinct_names([folder.path for folder in folders])
    several = [load_folder(folder) for folder in folders]
    joint, sources, places = join(several, names)
    joint.study = dataclasses.replace(joint.study, baseline=baseline)
    if baseline is not None:
        baselines(joint.names, joint.labels, baseline)  # it is there
    runs = [
        ReportedRun(name, folder, results, folder.read_json(MANIFEST), _parts(results), setting_places)
        for name, folder, results, setting_places in zip(names, folders, several, places, strict=True)
    ]
    RunFolder(out).check_free(force=force)
    out.mkdir(parents=True, exist_ok=True)
    with held(out):
        home = RunFolder.create(out, force=force)
        try:
            compared = score_differences(joint)
            write_tables(joint, home, compared)
            pictures = plan_joint(joint, sources, Look())
            with progress("drawing", len(pictures)) as advance:
                render(pictures, home.path, choose(usable_cores()), advance)
            write_report(joint, home, runs, embed, compared)
        finally:
            home.sweep()
            # what makes it a folder that --force may replace, and no run
            home.write_json(MANIFEST, {"report": names, "files": _made(home)})


def _look(folder: RunFolder, facts: Mapping[str, Any], changes: Mapping[str, Any]) -> Look:
    """The look that run.json tells of, changed. Raises `files.NotARun`."""
    try:
        look = Look(**facts.get("look", {}))
    except (TypeError, ValueError) as error:
        raise NotARun(f"{folder.path}: not a finished run ({type(error).__name__}: {error})") from None
    return dataclasses.replace(look, **changes)


def _processes(workers: str) -> int:
    return usable_cores() if workers == "auto" else int(workers)


def _made(folder: RunFolder) -> list[str]:
    """The run's own files that are there to stay."""
    return [name for name in folder.made() if not name.startswith(f"{CHECKPOINTS}/")]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
