"""A study from question to report: folder, training, tables, pictures, report; the last steps again from a folder."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from comparisons import write_tables
from experiments import get_parts
from files import NotARun
from joint import join
from parts import Part
from progress import Progress, silent
from render import check, plan, plan_joint, render
from report import Told, write_report
from results import Results, load, manifest, save, thinned
from settings import VERSION, Look, Study
from store import MANIFEST, RunFolder
from study import run_study, usable_cores


def run(
    study: Study,
    path: Path,
    *,
    force: bool = False,
    look: Look | None = Look(),  # noqa: B008 - frozen
    command: str = "",
    progress: Progress = silent,
) -> tuple[Results, RunFolder]:
    """Carry out a resolved study into the folder `path`; returns what was measured and the folder.

    `look` is how it is drawn; None draws nothing. Raises `settings.OptionError` for a look that this study cannot have,
    `files.FolderInUse` for a folder that holds something (unless `force`) and ``OSError`` where the file system does.
    An exception on the way leaves run.json saying so.
    """
    if look is not None:
        check(study, look)
    folder = RunFolder.create(path, force=force)
    started = time.monotonic()
    facts: dict[str, Any] = {
        "status": "running",
        "command": command,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "threads": 1,  # of every worker
        "look": dataclasses.asdict(look or Look()),
    }
    known: Study | Results = study
    folder.write_json(MANIFEST, manifest(study, **facts))
    try:
        total = study.steps * study.seeds * len(study.settings)
        with progress(f"training {study.seeds * len(study.settings)} GANs", total) as advance:
            results = run_study(study, advance, None if look is None else look.member)
        save(results, folder)
        write_tables(results, folder)
        known = results
        facts["seconds"] = {"training": round(time.monotonic() - started, 1)}
        parts = _parts(results)
        if look is not None:
            pictures = plan(results, look, parts)
            with progress("drawing", len(pictures)) as advance:
                render(pictures, folder.path, int(study.workers), advance)
        facts["seconds"]["all"] = round(time.monotonic() - started, 1)
        facts["status"] = "failed" if results.failures else "done"
        write_report(results, folder, [Told(folder.path.name, folder, results, facts, parts)])
        folder.sweep()
        folder.write_json(MANIFEST, manifest(results, **facts, files=folder.made()))
    except BaseException as error:
        facts["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        folder.sweep()
        folder.write_json(MANIFEST, manifest(known, **facts, error=str(error), files=folder.made()))
        raise
    return results, folder


def redraw(
    path: Path,
    changes: Mapping[str, Any] | None = None,
    frames: int | None = None,
    workers: str = "auto",
    progress: Progress = silent,
) -> None:
    """Draw a finished run's pictures again, and its report, as it was drawn but for `changes` of its look.

    `frames` is how many of the animations' kept ones, beside the first, are shown. Raises `files.NotARun`, and
    `settings.OptionError` for what cannot be drawn of it.
    """
    folder = RunFolder.open(path)
    results, facts = load(folder), folder.read_json(MANIFEST)
    look = _look(folder, facts, changes or {})
    dataclasses.replace(results.study, workers=workers)  # checked
    parts = _parts(results)  # of all frames
    pictures = plan(results if frames is None else thinned(results, frames), look, parts)
    folder.write_json(MANIFEST, {**facts, "look": dataclasses.asdict(look)})
    try:
        with progress("drawing", len(pictures)) as advance:
            render(pictures, folder.path, _processes(workers), advance)
    finally:
        folder.sweep()
    _rewrite(folder)


def rewrite_report(path: Path) -> None:
    """Write a finished run's report again. Raises `files.NotARun`."""
    _rewrite(RunFolder.open(path))


def _rewrite(folder: RunFolder) -> None:
    results, facts = load(folder), folder.read_json(MANIFEST)
    write_report(results, folder, [Told(folder.path.name, folder, results, facts, _parts(results))])
    folder.write_json(MANIFEST, {**facts, "files": folder.made()})


def _parts(results: Results) -> list[Part]:
    """What the run's study, if it is a named one, makes of the results for the report."""
    make = get_parts(results.study.name)
    return make(results) if make else []


def joint_report(paths: Sequence[Path], out: Path, *, force: bool = False, progress: Progress = silent) -> None:
    """Report on several finished runs beside one another, in the folder `out`.

    Raises `files.NotARun`, and `files.FolderInUse` for an `out` that holds something (unless `force`).
    """
    folders = [RunFolder.open(path) for path in paths]
    names = _distinct(paths)
    runs = []
    for name, folder in zip(names, folders, strict=True):
        results = load(folder)
        runs.append(Told(name, folder, results, folder.read_json(MANIFEST), _parts(results)))
    joint, sources = join([told.results for told in runs], names)
    home = RunFolder.create(out, force=force)
    try:
        write_tables(joint, home)
        pictures = plan_joint(joint, sources, Look())
        with progress("drawing", len(pictures)) as advance:
            render(pictures, home.path, usable_cores(), advance)
        write_report(joint, home, runs)
    finally:
        home.sweep()
        # what makes it a folder that --force may replace, and no run
        home.write_json(MANIFEST, {"report": names, "files": home.made()})


def _distinct(paths: Sequence[Path]) -> list[str]:
    """What to call each run: its folder's name, with as much of what is above it as tells the runs apart."""
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise NotARun(f"{paths[0]}: a run stands twice among those to report on")


def _look(folder: RunFolder, facts: Mapping[str, Any], changes: Mapping[str, Any]) -> Look:
    """The look that run.json tells of, changed. Raises `files.NotARun`."""
    try:
        look = Look(**facts.get("look", {}))
    except (TypeError, ValueError) as error:
        raise NotARun(f"{folder.path}: not a finished run ({type(error).__name__}: {error})") from None
    return dataclasses.replace(look, **changes)


def _processes(workers: str) -> int:
    return usable_cores() if workers == "auto" else int(workers)


def versions() -> dict[str, str]:
    """Of everything that the numbers and pictures depend on."""
    packages = ("torch", "numpy", "scipy", "matplotlib", "pillow")
    return {
        "gan-dynamics": VERSION,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
