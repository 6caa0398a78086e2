"""Several runs beside one another, as one set of results: how each ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from budget import BUDGETS
from results import Member, Results, same_targets, setting_names
from settings import Study

Source = tuple[Results, int]  # a run's results, and a setting's place in them


def join(runs: Sequence[Results], names: Sequence[str]) -> tuple[Results, list[Source]]:
    """The last snapshots of runs called `names`, as the results of one study; and where each of its settings is from.

    Settings keep their order, run after run. What tells settings of different runs apart beside their own options
    (their study's budget; else the run's name) stands in `Results.apart`.
    Scores that not every run has are left out. Raises ``ValueError`` for no runs, `files.NotARun` for users' files of
    one name that are not the same.
    """
    if not runs:
        raise ValueError("there are no runs to join")
    runs = same_targets(runs)
    sources = [(run, index) for run in runs for index in range(len(run.study.settings))]
    offsets = np.cumsum([0, *(len(run.study.settings) for run in runs)])
    starts = np.cumsum([0, *(len(run.members) for run in runs)]).tolist()
    members = [
        Member(int(offset) + m.setting, m.seed) for run, offset in zip(runs, offsets, strict=False) for m in run.members
    ]
    scores = [name for name in runs[0].scores if all(name in run.scores for run in runs)]
    seeds = sorted({m.seed for m in members})
    joint = Results(
        study=_study(runs, names, seeds),
        members=members,
        curve_steps=np.empty((len(sources), 0), np.int64),
        curves={},
        snapshot_steps=np.concatenate([run.snapshot_steps[:, -1:] for run in runs]),
        scores={name: np.concatenate([run.scores[name][:, -1:] for run in runs]) for name in scores},
        measures={},
        frame_steps=np.concatenate([run.frame_steps[:, -1:] for run in runs]),
        samples=np.concatenate([run.samples[-1:] for run in runs], 1),
        null=[{name: run.null[index][name] for name in scores} for run, index in sources],
        modes=[run.modes[index] for run, index in sources],
        rarest=[run.rarest[index] for run, index in sources],
        verdicts=[word for run in runs for word in run.verdicts],
        details=[words for run in runs for words in run.details],
        diverged_at=[step for run in runs for step in run.diverged_at],
        events=[(start + m, *rest) for run, start in zip(runs, starts, strict=False) for m, *rest in run.events],
        failures=[
            {**failure, "members": [start + m for m in failure["members"]]}
            for run, start in zip(runs, starts, strict=False)
            for failure in run.failures
        ],
        seconds=[run.seconds[index] for run, index in sources],
        apart=_apart(sources, [name for name, run in zip(names, runs, strict=True) for _ in run.study.settings]),
    )
    joint.swings = {name: np.concatenate([run.swings[name] for run in runs]) for name in runs[0].swings}
    return joint, sources


def _study(runs: Sequence[Results], names: Sequence[str], seeds: Sequence[int]) -> Study:
    """The study that the runs make together; its clock is the first run's, `Results.snapshot_steps` tells every one."""
    questions = dict.fromkeys(run.study.question for run in runs)
    return dataclasses.replace(
        runs[0].study,
        name=" beside ".join(names),
        question=" ".join(questions),
        settings=tuple(setting for run in runs for setting in run.study.settings),
        seed=seeds[0],
        seeds=len(seeds),
        scores="none",
    )


def _apart(sources: Sequence[Source], names: Sequence[str]) -> list[dict[str, Any]]:
    """Of each setting its run's budget and name, as far as these tell settings apart that are called alike."""
    budgets = [_budget(run.study) for run, _ in sources]
    apart: list[dict[str, Any]] = [{"budget": budget} if len(set(budgets)) > 1 else {} for budget in budgets]
    called = setting_names([run.study.settings[index] for run, index in sources])
    if len({(name, *more.values()) for name, more in zip(called, apart, strict=True)}) < len(called):
        apart = [more | {"run": name} for more, name in zip(apart, names, strict=True)]
    return apart


def _budget(study: Study) -> str:
    """What each setting of a study spends, in words: '2500 steps', '5000 updates'."""
    least = min(study.settings, key=BUDGETS[study.budget])
    return f"{round(study.steps * BUDGETS[study.budget](least))} {study.budget}"
