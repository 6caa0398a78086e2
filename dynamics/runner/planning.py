"""A study cut into tasks: which members are trained together, what they begin with, whose weights are kept."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from dynamics.base.files import NotARun
from dynamics.engine.choosing import stack_for
from dynamics.engine.fast import FastStack, lanes
from dynamics.measures.scoring import mode_count
from dynamics.runner.loading import load, study_of
from dynamics.runner.results import Member
from dynamics.runner.setting_names import table_options
from dynamics.runner.tasks import Task
from dynamics.settings.budget import curve_steps, frame_steps, holds_few_weights, snapshot_steps, steps_of
from dynamics.settings.catalogue.games import BOTH_LOSSES, PENALTIES, RULES
from dynamics.settings.messages import OptionError
from dynamics.settings.network_sizes import parameters, players
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.folder import MANIFEST, RunFolder

STACK = 8  # members a task on the general path of a CPU
CUDA_STACK = 4096  # and on a GPU, where its memory allows


def plan(
    study: Study, shown: int | None = None, begun: Mapping[str, np.ndarray] | None = None
) -> tuple[list[Member], list[Task]]:
    """The members of a resolved study and the stacks that they are trained in, the longest work first.

    `begun` are its `beginnings`, where they are known already.
    """
    members = [Member(index, seed) for index in range(len(study.settings)) for seed in study.seed_list]
    groups: dict[tuple[Any, ...], list[int]] = {}
    for m, member in enumerate(members):
        groups.setdefault(study.settings[member.setting].structure, []).append(m)
    kept = _kept(study, members, shown)
    begun = beginnings(study) if begun is None else begun
    steps, curves = steps_of(study), curve_steps(study)
    snapshots, frames = snapshot_steps(study), frame_steps(study)
    tasks, modes = [], mode_count(study.settings)
    for group in groups.values():
        size = min(
            stack_size(study.settings[members[group[0]].setting], study.device), -(-len(group) // int(study.workers))
        )
        for start in range(0, len(group), size):
            chosen = tuple(group[start : start + size])
            settings = tuple(study.settings[members[m].setting] for m in chosen)
            seeds = tuple(members[m].seed for m in chosen)
            index = members[chosen[0]].setting  # alike in structure, so in what a step costs
            tasks.append(
                Task(
                    settings=settings,
                    members=chosen,
                    seeds=seeds,
                    steps=steps[index],
                    curve_steps=curves[index],
                    snapshot_steps=snapshots[index],
                    frame_steps=frames[index],
                    score_groups=study.score_groups,
                    modes=modes,
                    device=study.device,
                    weights=tuple(m in kept for m in chosen),
                    start=_start(study, settings, chosen, begun),
                )
            )
    return members, sorted(tasks, key=_cost, reverse=True)


def beginnings(study: Study) -> dict[str, np.ndarray]:
    """The parameters of both players that every member m begins with of `study.from_run`, "g0", "d0" …; {} without one.

    A member takes those of the run's member whose setting has most in common with its own, and its own seed if those
    are there: a run keeps the weights of the seed that it shows (all with --weights all). They are those of the last
    frame at which both players were finite. Raises `OptionError` where the run has no players of its shape, or none
    that are finite.
    """
    if study.from_run is None:
        return {}
    source = load(RunFolder.open(study.from_run))
    options = [table_options(setting) for setting in source.study.settings]
    begun: dict[str, np.ndarray] = {}
    for m, (setting, seed) in enumerate((s, seed) for s in study.settings for seed in study.seed_list):
        if setting.norm != "none":
            raise OptionError(f"--from {study.from_run}: weights are kept without their normalisation; --norm none")
        wanted, likeness = table_options(setting), {}
        for k in source.weights:
            other = source.members[k]
            if _shape(source.study.settings[other.setting]) == _shape(setting):
                alike = sum(options[other.setting][name] == wanted[name] for name in FIELDS[Setting])
                likeness[k] = (alike, other.seed == seed)
        if not likeness:
            raise OptionError(f"--from {study.from_run}: the run kept no weights of players of this shape")
        g, d = source.weights[max(likeness, key=likeness.__getitem__)]
        finite = np.flatnonzero(np.isfinite(g).all(1) & np.isfinite(d).all(1))
        if not finite.size:
            raise OptionError(f"--from {study.from_run}: the weights that the run kept are not finite")
        begun |= {f"g{m}": g[finite[-1]], f"d{m}": d[finite[-1]]}
    return begun


def beginning_notes(study: Study) -> list[str]:
    """What is said of settings whose mode the run that they begin with has not trained on."""
    if study.from_run is None:
        return []
    folder = RunFolder.open(study.from_run)
    trained = {s.mode for s in study_of(folder, folder.read_json(MANIFEST)).settings}
    others = dict.fromkeys(s.mode for s in study.settings if s.mode not in trained)
    return [
        f"--from {study.from_run}: its players were trained on {', '.join(sorted(trained))}, not on {mode}"
        for mode in others
    ]


def _start(
    study: Study, settings: Sequence[Setting], chosen: Sequence[int], begun: Mapping[str, np.ndarray]
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """What the chosen members begin with: of the player that does not learn, or of both."""
    if study.from_run is None:
        return None, None
    wanted = parameters(settings[0])
    for player, m in itertools.product((0, 1), chosen):
        values = begun.get(f"{'gd'[player]}{m}")
        if values is None or values.shape != (wanted[player],) or values.dtype != np.float16:
            raise NotARun(f"{study.from_run}: has no {'gd'[player]} for member {m} to begin with")
    g, d = (np.stack([begun[f"{player}{m}"] for m in chosen]).astype(np.float32) for player in "gd")
    learns = settings[0].train
    return None if learns == "g" else g, None if learns == "d" else d


def _shape(s: Setting) -> tuple[Any, ...]:
    """What the players' parameters depend on."""
    return tuple(player.plain for player in players(s))


def _kept(study: Study, members: list[Member], shown: int | None) -> set[int]:
    """Members whose weights are kept while they train; which of them are shown is chosen when all have ended.

    Where they would be too many, those of the seed `shown` alone, or of the first.
    """
    if study.weights == "none":
        return set()
    seed = study.seed if shown is None else shown
    few = holds_few_weights(study)
    return {m for m, member in enumerate(members) if not few or member.seed == seed}


def stack_size(setting: Setting, device: str) -> int:
    """Members a task: no more than share the cache, so that tasks are many and all workers busy to the end."""
    if device == "cuda":
        rows = 3 * setting.batch_size  # D's real and generated points, G's
        width = max(player.hidden_units for player in players(setting))
        numbers = 3 * rows * width  # with their gradients, and what autograd makes beside
        return max(1, min(CUDA_STACK, torch.cuda.mem_get_info()[0] // 2 // (4 * numbers)))
    fast = [lanes(phase) for _, phase in setting.phases if stack_for(phase, device) is FastStack]
    return min(fast + [STACK] * (len(fast) < len(setting.phases)))


def _cost(task: Task) -> float:
    """Multiplications, roughly: for the order of work alone."""
    phases = task.settings[0].phases
    ends = [*(first for first, _ in phases[1:]), task.steps]
    costs = (_cost_of(s, task.device) * max(0, end - first) for (first, s), end in zip(phases, ends, strict=True))
    return sum(costs) * len(task.members)


def _cost_of(s: Setting, device: str) -> float:
    """The same of one GAN and generator step."""
    products = sum(player.products for player in players(s)) // 2
    # roughly, at hidden 64: the general path takes 2 to 3 times as long as passes written out, gradients of gradients
    # 3 to 5 times that
    through = 1 if stack_for(s, device) is FastStack else 3
    if RULES[s.rule].ahead or any(PENALTIES[name].acts == BOTH_LOSSES for name in s.penalties):
        through *= 5
    elif s.penalties:
        through *= 2
    return through * s.batch_size * products * (s.g_steps * 5 + s.d_steps * 7) / s.g_steps
