"""Several runs as one set of results: how each ended. Runs of one setting with other seeds are pooled."""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dynamics.base.files import NotARun
from dynamics.runner.member_rows import summary_rows
from dynamics.runner.results import Member, Results
from dynamics.runner.setting_names import setting_names
from dynamics.runner.users_files import same_targets
from dynamics.settings.budget import BUDGETS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.table_cells import cell

Source = tuple[Results, int]  # a run's results, and a member's place in them
_ROUNDING = 1e-6  # by which two processors may differ in a perfect generator's scores


class Joint(NamedTuple):
    """Runs joined: `sources[m]` is where member m is from, `places[k][i]` where setting i of run k is."""

    results: Results
    sources: list[Source]
    places: list[list[int]]


class _Joined(NamedTuple):
    """A setting of the joint results, and its places (run, setting) in the runs, the first of which names it."""

    setting: Setting
    parts: list[tuple[int, int]]


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """What to call each run: its folder's name, with as much of what is above it as tells the runs apart.

    Raises `NotARun` where one of them stands twice.
    """
    parts = [path.resolve().parts for path in paths]
    for depth in range(1, max(map(len, parts)) + 1):
        names = ["/".join(part[-depth:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    raise NotARun(f"{paths[0]}: a run stands twice among those to report on")


def join(runs: Sequence[Results], names: Sequence[str]) -> Joint:
    """The last snapshots of runs called `names`, as the results of one study.

    Settings keep their order, run after run. One that several runs have, trained and looked at after the same steps
    and begun with the same players, is one setting with the seeds of all. A seed that several have counts once: its
    rows of summary.csv must be equal. What tells other settings apart that are called alike (their study's budget;
    else the run's name) stands in `Results.apart`. Scores that not every run has are left out.

    Raises ``ValueError`` for no runs, and `files.NotARun` for users' files of one name that are not the same, for a
    seed whose rows differ, and for runs that were not scored alike.
    """
    if not runs:
        raise ValueError("there are no runs to join")
    runs = same_targets(runs)
    joined = _joined(runs)
    _check_scored_alike(runs, names, joined)
    rows = [summary_rows(run) for run in runs] if any(len(j.parts) > 1 for j in joined) else []
    placed = [(index, *where) for index, one in enumerate(joined) for where in _members(runs, names, rows, one)]
    members = [Member(index, runs[k].members[m].seed) for index, k, m in placed]
    place = {(k, m): number for number, (_, k, m) in enumerate(placed)}
    scores = [name for name in runs[0].scores if all(name in run.scores for run in runs)]
    first = [one.parts[0] for one in joined]
    joint = Results(
        study=_study(runs, names, joined, sorted({m.seed for m in members})),
        members=members,
        curve_steps=np.empty((len(joined), 0), np.int64),
        curves={},
        snapshot_steps=np.stack([runs[k].snapshot_steps[i, -1:] for k, i in first]),
        scores={name: np.stack([runs[k].scores[name][m, -1:] for _, k, m in placed]) for name in scores},
        measures={},
        frame_steps=np.stack([runs[k].frame_steps[i, -1:] for k, i in first]),
        samples=np.stack([runs[k].samples[m, -1:] for _, k, m in placed]),
        null=[{name: runs[k].null[i][name] for name in scores} for k, i in first],
        modes=[runs[k].modes[i] for k, i in first],
        rarest=[runs[k].rarest[i] for k, i in first],
        verdicts=[runs[k].verdicts[m] for _, k, m in placed],
        events=sorted(
            (
                (place[k, m], step, mode, what, other)
                for k, run in enumerate(runs)
                for m, step, mode, what, other in run.events
                if (k, m) in place
            ),
            key=operator.itemgetter(0),  # a member's own stay in their order
        ),
        failures=_failures(runs, place),
        seconds=[_seconds(runs, one.parts) for one in joined],
        apart=_apart(runs, names, joined),
        known_swings={name: np.stack([runs[k].swings[name][m] for _, k, m in placed]) for name in runs[0].swings},
    )
    places = [[0] * len(run.study.settings) for run in runs]
    for index, one in enumerate(joined):
        for k, i in one.parts:
            places[k][i] = index
    return Joint(joint, [(runs[k], m) for _, k, m in placed], places)


def _joined(runs: Sequence[Results]) -> list[_Joined]:
    """The settings of all runs: what several have, and have trained alike, once."""
    settings: dict[tuple[Any, ...], _Joined] = {}
    for k, run in enumerate(runs):
        for i, setting in enumerate(run.study.settings):
            looks = (tuple(steps[i].tolist()) for steps in (run.snapshot_steps, run.curve_steps))
            key = setting, _budget(run.study), run.study.from_run, *looks
            settings.setdefault(key, _Joined(setting, [])).parts.append((k, i))
    return list(settings.values())


def _check_scored_alike(runs: Sequence[Results], names: Sequence[str], joined: Sequence[_Joined]) -> None:
    """Raise `NotARun` where numbers of different scores would be pooled, or of differently many samples joined."""
    for name, run in zip(names, runs, strict=True):
        ours, theirs = run.samples.shape[2], runs[0].samples.shape[2]
        if ours != theirs:
            raise NotARun(f"{name}: is scored from {ours} samples, {names[0]} from {theirs}")
    for one in joined:
        (a, i), *others = one.parts
        for b, j in others:
            null, other = runs[a].null[i], runs[b].null[j]
            for score in (n for n in null if n in other):
                if not np.allclose(null[score], other[score], rtol=_ROUNDING, atol=0, equal_nan=True):
                    raise NotARun(
                        f"{names[a]}, {names[b]}: not scored alike: a perfect generator's {score} on"
                        f" {runs[a].names[i]} is {null[score][0]:g} in one and {other[score][0]:g} in the other"
                    )


def _members(
    runs: Sequence[Results], names: Sequence[str], rows: Sequence[Sequence[Mapping[str, Any]]], one: _Joined
) -> Iterator[tuple[int, int]]:
    """A joined setting's members as (run, member), in the order of their seeds, each seed once."""
    of_seed: dict[int, tuple[int, int]] = {}
    for k, i in one.parts:
        for m in runs[k].of_setting(i):
            seed = runs[k].members[m].seed
            first, place = of_seed.setdefault(seed, (k, m))
            if first != k and (words := _unlike(rows[first][place], rows[k][m])) is not None:
                where = runs[first].names[runs[first].members[place].setting]
                raise NotARun(
                    f"{names[first]}, {names[k]}: both have seed {seed} of {where}, and it is not the same: {words};"
                    " leave one of the runs out"
                )
    for seed in sorted(of_seed):
        yield of_seed[seed]


def _unlike(row: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """In words, the first column that two rows of summary.csv differ in; None where none does.

    Columns that one alone has are passed over, and the folder's name, which depends on a run's other settings; z
    follows from the score.
    """
    for name in row:
        if name in other and name != "setting" and not name.endswith("_z"):
            one, another = cell(row[name]), cell(other[name])
            if one != another:
                return f"{name} is {one or 'empty'} in one and {another or 'empty'} in the other"
    return None


def _failures(runs: Sequence[Results], place: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
    """What failed, by the joint results' members; of a seed that failed in two runs, once."""
    failures = []
    for k, run in enumerate(runs):
        for failure in run.failures:
            if members := sorted(place[k, m] for m in failure["members"] if (k, m) in place):
                failures.append({**failure, "members": members})
    return sorted(failures, key=lambda failure: failure["members"])


def _seconds(runs: Sequence[Results], parts: Sequence[tuple[int, int]]) -> float:
    """What training one GAN of a setting took, on average over the GANs of every run that says so."""
    known = [(runs[k].seconds[i], len(runs[k].of_setting(i))) for k, i in parts if np.isfinite(runs[k].seconds[i])]
    return sum(s * n for s, n in known) / sum(n for _, n in known) if known else np.nan


def _study(runs: Sequence[Results], names: Sequence[str], joined: Sequence[_Joined], seeds: Sequence[int]) -> Study:
    """The study that the runs make together; its clock is the first run's, `Results.snapshot_steps` tells every one."""
    questions = dict.fromkeys(run.study.question for run in runs)
    pooled = all(len({k for k, _ in one.parts}) == len(runs) for one in joined)
    return dataclasses.replace(
        runs[0].study,
        name=(" + " if pooled else " beside ").join(names),
        question=" ".join(questions),
        settings=tuple(one.setting for one in joined),
        seed=seeds[0],
        seeds=len(seeds),
        scores="none",
    )


def _apart(runs: Sequence[Results], names: Sequence[str], joined: Sequence[_Joined]) -> list[dict[str, Any]]:
    """Of each setting its runs' budget and names, as far as these tell settings apart that are called alike."""
    budgets = [_budget(runs[one.parts[0][0]].study) for one in joined]
    apart: list[dict[str, Any]] = [{"budget": budget} if len(set(budgets)) > 1 else {} for budget in budgets]
    called = setting_names([one.setting for one in joined])
    if len({(name, *more.values()) for name, more in zip(called, apart, strict=True)}) < len(called):
        homes = [" + ".join(dict.fromkeys(names[k] for k, _ in one.parts)) for one in joined]
        apart = [more | {"run": home} for more, home in zip(apart, homes, strict=True)]
    return apart


def _budget(study: Study) -> str:
    """What each setting of a study spends, in words: '2500 steps', '5000 updates'."""
    least = min(study.settings, key=BUDGETS[study.budget])
    return f"{round(study.steps * BUDGETS[study.budget](least))} {study.budget}"
