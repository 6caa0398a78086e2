"""Results into a run folder: run.json, the tables and the arrays."""

from __future__ import annotations

import dataclasses
import os
import platform
from importlib.metadata import version
from typing import Any

import numpy as np

from dynamics.runner.history import frames_first
from dynamics.runner.member_rows import EVENT_COLUMNS, event_rows, summary_rows
from dynamics.runner.results import FORMAT, Results
from dynamics.runner.sample_units import user_samples
from dynamics.runner.setting_names import setting_names, table_options
from dynamics.settings.study import Study
from dynamics.settings.version import VERSION
from dynamics.store.folder import RunFolder
from dynamics.targets.user_files import notes_of, placing_for, target_title


def manifest(results_or_study: Results | Study, **facts: Any) -> dict[str, Any]:
    """The contents of run.json: what was asked, and the given facts of how it went."""
    study = results_or_study.study if isinstance(results_or_study, Results) else results_or_study
    asked = {f.name: getattr(study, f.name) for f in dataclasses.fields(study) if f.name != "settings"}
    settings = [
        {"folder": name, **table_options(s)}
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


def versions() -> dict[str, str]:
    """Of everything that the numbers and pictures depend on."""
    packages = ("torch", "numpy", "scipy", "matplotlib", "pillow")
    return {
        "gan-dynamics": VERSION,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }


def _targets(study: Study) -> dict[str, dict[str, Any]]:
    """Of every user's file: what has become of it, and how it lies in the plane, (own − middle) · scale."""
    notes = notes_of(study.settings)
    placings = {target_title(s): placing_for(s) for s in study.settings}
    return {name: {"note": note, **placings[name]._asdict()} for name, note in notes.items()}


def save_rows(results: Results, folder: RunFolder) -> None:
    """Write every member's record: summary.csv and events.csv."""
    folder.write_csv("summary.csv", summary_rows(results))
    folder.write_csv("events.csv", event_rows(results), EVENT_COLUMNS)


def save(results: Results, folder: RunFolder) -> None:
    """Write every member's record and the arrays; run.json, which makes them a run, is the caller's to write.

    Arrays with a row per setting are written with a row per member, so that row m of everything is member m's.
    """
    setting = [m.setting for m in results.members]
    save_rows(results, folder)
    folder.write_npz(
        "history.npz",
        {
            "setting": np.array(results.names)[setting],
            "seed": np.array([m.seed for m in results.members]),
            "curve_step": results.curve_steps[setting],
            **results.curves,
            "snapshot_step": results.snapshot_steps[setting],
            **results.measured,
        },
    )
    folder.write_npz(
        "frames.npz", {"step": results.frame_steps[setting], "samples": frames_first(user_samples(results))}
    )
    flat = {
        f"{player}{m}": values for m, pair in results.weights.items() for player, values in zip("gd", pair, strict=True)
    }
    folder.write_npz("weights.npz", {"member": np.array(list(results.weights), np.int64), **flat})
