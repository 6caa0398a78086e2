"""What an interrupted run has measured so far, from its checkpoints: to look at, not to go on from.

So it does not matter who trained it where: a checkpoint must be of this run's members and of this format, not of this
machine or these versions of libraries. Nothing in the folder is changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dynamics.base.files import NotARun
from dynamics.base.intervals import mean_interval
from dynamics.base.program import command_line
from dynamics.measures.metrics import EVALUATION
from dynamics.measures.scoring import mode_count
from dynamics.runner.gathering import empty_results, judge_members
from dynamics.runner.history import Extent, History, from_arrays, specification
from dynamics.runner.loading import study_of
from dynamics.runner.reached import Reached
from dynamics.runner.results import Member, Results
from dynamics.runner.tasks import FORMAT, Record, Task, of_what, step_of
from dynamics.settings.budget import curve_steps, frame_steps, snapshot_steps, steps_of
from dynamics.settings.catalogue.scores import score_names
from dynamics.settings.network_sizes import parameters
from dynamics.settings.study import Study
from dynamics.store.checkpoints import FOLDER, Arrays, differences, each_newest
from dynamics.store.folder import RunFolder

_MOST_MEMBERS = 400_000  # as many as a table holds
_SMALL, _RATIO = 2**30, 100  # bytes of arrays, or so many times those of the checkpoints


def load_so_far(folder: RunFolder, run: Mapping[str, Any], tell: Callable[[str], None] = lambda words: None) -> Results:
    """What an interrupted run, whose run.json is `run`, has measured: `Results` with `reached`, up to the latest look.

    What a member has not come to is NaN. Where all members have ended, these are the run's results. `tell` is told, in
    words, of checkpoints that cannot be used. Raises `NotARun` for a folder that is none, for checkpoints of something
    else, and where nothing was measured, or so little that what is missing would take far more room.
    """
    study = study_of(folder, run)
    if not 0 < len(study.settings) * study.seeds <= _MOST_MEMBERS:
        raise NotARun(f"{folder.path}: not a finished run ({len(study.settings) * study.seeds} members)")
    parts = _Parts(study)
    each_newest(folder.path / FOLDER, parts.take, tell)
    if not parts.looks.any() and not parts.frames.any():
        raise NotARun(
            f"{folder.path}: interrupted before anything was measured; to go on: "
            f"{command_line('resume', str(folder.path))}"
        )
    entries, looks, frames = (max(1, int(n.max())) for n in (parts.entries, parts.looks, parts.frames))
    sizes = Extent(entries, looks, frames, EVALUATION, parts.modes, score_names(study.score_groups))
    wanted = specification(len(parts.members), sizes)
    needed = sum(a.nbytes for a in (*wanted.curves.values(), *wanted.measured.values(), wanted.samples))
    if needed > max(_SMALL, _RATIO * parts.size):
        raise NotARun(f"{folder.path}: so little of it is there yet that showing it would take {needed / 1e9:.0f} GB")
    results = empty_results(study, parts.members, (entries, looks, frames))
    for rows, part in parts.histories:
        results.enter(rows, part)
    seconds = parts.seconds
    if not parts.ended.all():
        of_member = (parts.setting, parts.steps, parts.of, parts.ended, parts.entries, parts.looks, parts.frames)
        results.reached = Reached(*of_member)
        results.weights = {m: (_padded(g, frames), _padded(d, frames)) for m, (g, d) in results.weights.items()}
        begun = np.where(parts.steps > 0, parts.steps, np.nan)
        seconds = seconds / begun * results.snapshot_steps[parts.setting, -1]  # to the clock's end
    results.seconds = [mean_interval(seconds[results.of_setting(i)]).value for i in range(len(study.settings))]
    judge_members(results)
    return results


class _Parts:
    """What a study's checkpoints hold: histories of some members each, and how far every member (M,) has come."""

    def __init__(self, study: Study) -> None:
        self.study, self.modes = study, mode_count(study.settings)
        self.members = [Member(index, seed) for index in range(len(study.settings)) for seed in study.seed_list]
        self.setting = np.array([m.setting for m in self.members])
        self.of_setting = steps_of(study), curve_steps(study), snapshot_steps(study), frame_steps(study)
        self.of = np.array(self.of_setting[0])[self.setting]
        self.steps, self.entries, self.looks, self.frames = (np.zeros(len(self.members), np.int64) for _ in range(4))
        self.ended, self.seconds = np.zeros(len(self.members), bool), np.full(len(self.members), np.nan)
        self.histories: list[tuple[list[int], History]] = []
        self.size = 0  # bytes

    def take(self, path: Path, arrays: Arrays, stated: Mapping[str, Any], done: bool) -> None:
        """Take a checkpoint. Raises ``ValueError`` for one that is not sound, `NotARun` for one of something else."""
        task = self.task(stated)
        wanted = {**json.loads(json.dumps(of_what(task))), "format": FORMAT, "start": stated.get("start")}
        if different := differences({name: stated.get(name) for name in wanted}, wanted):
            raise NotARun(f"{path}: is of something else: {'; '.join(different[:5])}")
        record, rows = Record(task), list(task.members)
        step = task.steps if done else step_of(arrays, task.steps)
        extent = record.extent(np.inf if done else step)
        kept = {name: values for name, values in arrays.items() if name != "step" and not name.startswith("state.")}
        record.check(kept, np.inf if done else step)
        part = from_arrays(kept, np.flatnonzero(task.weights).tolist())
        sizes = {k: tuple(values.shape[1] for values in pair) for k, pair in part.weights.items()}
        if extent.frames and any(size != parameters(task.settings[k]) for k, size in sizes.items()):
            raise ValueError("its weights are not of such networks")
        if not extent.frames:
            part.weights.clear()
        if self.steps[rows].any():
            raise NotARun(f"{path}: is of members that another checkpoint is of")
        self.histories.append((rows, part))
        self.size += sum(values.nbytes for values in kept.values())
        self.steps[rows], self.ended[rows] = step, done
        self.entries[rows], self.looks[rows], self.frames[rows] = extent.entries, extent.looks, extent.frames
        self.seconds[rows] = float(kept["seconds"]) / len(rows)

    def task(self, stated: Mapping[str, Any]) -> Task:
        """The task that a checkpoint says it is of, its numbers from the study. Raises ``ValueError`` for none."""
        study, chosen, weights = self.study, stated.get("members"), stated.get("weights")
        if not (isinstance(chosen, list) and isinstance(weights, list) and len(chosen) == len(weights) > 0):
            raise ValueError("it does not say what it is of")
        if not all(type(m) is int and 0 <= m < len(self.members) for m in chosen) or len(set(chosen)) < len(chosen):
            raise ValueError("it is of members that there are not")
        if not all(type(kept) is bool for kept in weights):
            raise ValueError("it does not say whose weights it has")
        indices = [self.members[m].setting for m in chosen]
        if len({study.settings[i].structure for i in indices}) > 1:
            raise ValueError("its members are not trained together")
        index, (steps, curves, snapshots, frames) = indices[0], self.of_setting
        return Task(
            settings=tuple(study.settings[i] for i in indices),
            members=tuple(chosen),
            seeds=tuple(self.members[m].seed for m in chosen),
            steps=steps[index],
            curve_steps=curves[index],
            snapshot_steps=snapshots[index],
            frame_steps=frames[index],
            score_groups=study.score_groups,
            modes=self.modes,
            device=study.device,
            weights=tuple(weights),
            start=(None, None),
        )


def _padded(values: np.ndarray, frames: int) -> np.ndarray:
    """Parameters (f, P) at so many frames, (frames, P): NaN at those that were not come to."""
    whole = np.full((frames, values.shape[1]), np.nan, values.dtype)
    whole[: len(values)] = values
    return whole
