"""A resolved study carried out: trained by workers, a task at a time, and gathered again."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from dynamics.base.executors import Executor, choose
from dynamics.base.intervals import mean_interval
from dynamics.base.tasks import TaskError
from dynamics.engine.choosing import path_notes, path_of
from dynamics.runner.gathering import empty_results, judge_members
from dynamics.runner.history import from_arrays
from dynamics.runner.planning import plan
from dynamics.runner.results import Results
from dynamics.runner.setting_names import setting_names
from dynamics.runner.tasks import Task, about, check_checkpoint, train_task
from dynamics.settings.study import Study
from dynamics.store.checkpoints import DONE, CheckpointPlace, newest


def run_study(
    study: Study,
    progress: Callable[[float], None] = lambda amount: None,
    shown: int | None = None,
    *,
    begun: Mapping[str, np.ndarray] | None = None,
    keep: Path | None = None,
    tell: Callable[[str], None] = lambda words: None,
    executor: Executor | None = None,
) -> Results:
    """Train a resolved study. `progress` is told generator steps × members as they are done.

    `shown` is the seed whose weights are kept where `study.weights` says so; left out: that of median final JSD.
    `begun` are its `beginnings`, where they are known already. `keep` is a folder for checkpoints: a study that was
    stopped there goes on where they are. `tell` is told, in words, of those that cannot be used.
    `executor` trains; left out: one of `study.workers`. Raises `files.NotARun` for checkpoints of something else.
    """
    members, tasks = plan(study, shown, begun)
    results = empty_results(study, members)
    seconds = np.full(len(members), np.nan)

    def enter(task: Task, arrays: Mapping[str, np.ndarray]) -> None:
        results.enter(task.members, from_arrays(arrays, np.flatnonzero(task.weights).tolist()))
        seconds[list(task.members)] = arrays["seconds"] / len(task.members)

    missing = []
    for index, task in enumerate(tasks):
        if keep is None:
            missing.append(task)
            continue
        place = CheckpointPlace(keep, index, study.checkpoint, about(task))
        start, arrays = newest(place, functools.partial(check_checkpoint, task), tell)
        if start == place.path(DONE):
            enter(task, arrays)
            progress(task.steps * len(task.members))
        else:
            missing.append(dataclasses.replace(task, place=dataclasses.replace(place, start=start)))
    executor = executor or choose(int(study.workers))
    for index, outcome in executor.run(train_task, missing, progress):
        if isinstance(outcome, TaskError):
            results.failures.append({"members": list(missing[index].members), "error": str(outcome)})
        else:
            enter(missing[index], outcome)
    results.failures.sort(key=lambda failure: failure["members"])
    results.seconds = [mean_interval(seconds[results.of_setting(i)]).value for i in range(len(study.settings))]
    judge_members(results)
    if shown is None:
        chosen = {results.median_member(i) for i in range(len(study.settings))}
    else:
        chosen = {m for m, member in enumerate(members) if member.seed == shown}
    # where those of all were too many to wait for, there are the first seeds'
    kept = results.weights
    wanted = set(kept) if study.weights == "all" or not chosen & set(kept) else chosen
    results.weights = {m: kept[m] for m in sorted(kept) if m in wanted}
    return results


def training_paths(study: Study, tell: Callable[[str], None] = lambda words: None) -> dict[str, str]:
    """Setting -> which of `engine.choosing.STACKS` trains it; `tell` is told of losses that could be trained faster."""
    for words in path_notes(study.settings, study.device):
        tell(words)
    names = setting_names(study.settings)
    return {name: path_of(s, study.device) for name, s in zip(names, study.settings, strict=True)}
