"""Settings that a study chose, trained again on seeds that had no part in the choice."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dynamics.base.files import NotARun
from dynamics.runner.loading import is_over, load, study_of
from dynamics.runner.results import Results
from dynamics.runner.saving import manifest
from dynamics.settings.budget import steps_of
from dynamics.settings.study import Study
from dynamics.store.folder import MANIFEST, RunFolder
from dynamics.store.json_values import strict

FOLDER = "confirm"  # of that run, within the folder of the study's


class Confirmation(NamedTuple):
    """What came of settings on new seeds: setting i of `results` is setting `places[i]` of the study that chose it."""

    results: Results
    places: list[int]


def fresh_study(study: Study, places: Sequence[int]) -> Study:
    """The study of the settings at `places` alone, on the `study.confirm` seeds after those of `study`.

    Every setting trains as long as it did, to a step: of settings that spend alike otherwise than in steps, `steps` are
    those of the one whose step is cheapest, which may be another among fewer.
    """
    return dataclasses.replace(
        study,
        settings=tuple(study.settings[i] for i in places),
        question=f"Do the settings that came first in {study.name} do as well on new seeds?",
        steps=max(steps_of(study)[i] for i in places),
        seed=study.seed + study.seeds,
        seeds=study.confirm,
        weights="none",
        headings={},
        baseline=None,
        confirm=0,
        notes=(),
    )


def is_begun(study: Study, home: RunFolder) -> bool:
    """Whether the folder holds a run of that study, however far it has come."""
    try:
        known = study_of(home, home.read_json(MANIFEST))
    except NotARun:
        return False
    asked, begun = (strict(manifest(s)) for s in (study, known))
    return all(asked[name] == begun[name] for name in ("study", "settings"))


def discard(path: Path) -> None:
    """Remove what was trained on new seeds in the run folder `path`, if anything was; what else lies there stays."""
    RunFolder(path / FOLDER).clear()
    with contextlib.suppress(OSError):
        (path / FOLDER).rmdir()


def load_confirmation(folder: RunFolder, results: Results, facts: Mapping[str, Any]) -> Confirmation | None:
    """What came of a run's leading settings on new seeds, if they were trained to the end; `facts` is its run.json.

    Raises `files.NotARun` where what is there is of other settings.
    """
    places, home = facts.get("confirmed"), folder.path / FOLDER
    if not (results.study.confirm and places and home.is_dir()):
        return None
    inner = RunFolder.open(home)
    if not is_over(inner.read_json(MANIFEST)):
        return None
    again = load(inner)
    if len(again.study.settings) != len(places):
        raise NotARun(f"{home}: it is of {len(again.study.settings)} settings, and should be of {len(places)}")
    return Confirmation(again, list(places))
