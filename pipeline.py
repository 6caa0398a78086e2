"""A study from question to report: folder, training, tables, pictures, report; the last steps again from a folder."""

from __future__ import annotations

import dataclasses
import datetime
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from progress import Progress, silent
from render import count, render
from report import write_report
from results import Results, load, manifest, save
from settings import VERSION, Study
from store import MANIFEST, RunFolder
from study import run_study, usable_cores


def run(
    study: Study,
    path: Path,
    *,
    force: bool = False,
    figures: bool = True,
    command: str = "",
    progress: Progress = silent,
) -> tuple[Results, RunFolder]:
    """Carry out a resolved study into the folder `path`; returns what was measured and the folder.

    Raises `files.FolderInUse` for a folder that holds something (unless `force`) and ``OSError`` where the file system
    does. An exception on the way leaves run.json saying so.
    """
    folder = RunFolder.create(path, force=force)
    started = time.monotonic()
    facts: dict[str, Any] = {
        "status": "running",
        "command": command,
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "versions": versions(),
        "threads": 1,  # of every worker
    }
    known: Study | Results = study
    folder.write_json(MANIFEST, manifest(study, **facts))
    try:
        total = study.steps * study.seeds * len(study.settings)
        with progress(f"training {study.seeds * len(study.settings)} GANs", total) as advance:
            results = run_study(study, advance)
        save(results, folder)
        known = results
        facts["seconds"] = {"training": round(time.monotonic() - started, 1)}
        if figures:
            with progress("drawing", count(results)) as advance:
                render(results, folder.path, int(study.workers), advance)
        facts["seconds"]["all"] = round(time.monotonic() - started, 1)
        facts["status"] = "failed" if results.failures else "done"
        write_report(results, folder, facts)
        folder.sweep()
        folder.write_json(MANIFEST, manifest(results, **facts, files=folder.made()))
    except BaseException as error:
        facts["status"] = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        folder.sweep()
        folder.write_json(MANIFEST, manifest(known, **facts, error=str(error), files=folder.made()))
        raise
    return results, folder


def redraw(path: Path, workers: str = "auto", progress: Progress = silent) -> None:
    """Draw a finished run's pictures again, and its report. Raises `files.NotARun`."""
    folder = RunFolder.open(path)
    results = load(folder)
    workers = dataclasses.replace(results.study, workers=workers).workers  # checked
    try:
        with progress("drawing", count(results)) as advance:
            render(results, folder.path, usable_cores() if workers == "auto" else int(workers), advance)
    finally:
        folder.sweep()
    _rewrite(folder)


def rewrite_report(path: Path) -> None:
    """Write a finished run's report again. Raises `files.NotARun`."""
    _rewrite(RunFolder.open(path))


def _rewrite(folder: RunFolder) -> None:
    results, facts = load(folder), folder.read_json(MANIFEST)
    write_report(results, folder, facts)
    folder.write_json(MANIFEST, {**facts, "files": folder.made()})


def versions() -> dict[str, str]:
    """Of everything that the numbers and pictures depend on."""
    packages = ("torch", "numpy", "scipy", "matplotlib", "pillow")
    return {
        "gan-dynamics": VERSION,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
