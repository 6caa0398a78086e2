"""A study carried out: settings × seeds, cut into stacks, trained by workers, gathered again member by member."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynamics.base.curves import CURVES
from dynamics.base.files import NotARun
from dynamics.base.intervals import mean_interval
from dynamics.base.workers import TaskError, run_tasks
from dynamics.engine.fast import can_be_fast, lanes
from dynamics.measures.metrics import EVALUATION
from dynamics.measures.scoring import measured_shapes, mode_count, null_scores
from dynamics.measures.verdicts import Course, judge, ledger
from dynamics.runner.results import Member, Results, clash, load, options_told, parameters
from dynamics.runner.tasks import Stack, about, check_checkpoint, train_task
from dynamics.settings.budget import curve_steps, frame_steps, holds_few_weights, snapshot_steps, steps_of
from dynamics.settings.catalogue.scores import score_names
from dynamics.settings.catalogue.verdicts import FAILED
from dynamics.settings.messages import OptionError
from dynamics.settings.modes import is_file
from dynamics.settings.option_fields import FIELDS
from dynamics.settings.setting import Setting
from dynamics.settings.study import Study
from dynamics.store.checkpoints import DONE, CheckpointPlace, newest
from dynamics.store.folder import RunFolder
from dynamics.targets.registry import target_for
from dynamics.targets.user_files import placing_for
from dynamics.targets.user_units import four_digits

STACK = 8  # members a task on the general path of a CPU
CUDA_STACK = 4096  # and on a GPU, where its memory allows


def resolve(study: Study) -> Study:
    """The study with every default that depends on something else filled in: std, device, workers."""
    try:
        stds = [_std(s) for s in study.settings]
    except OptionError as error:  # a file that no target can be made of
        raise OptionError(f"--mode {error}") from None
    except ValueError as error:  # a std that this one mode does not take
        raise OptionError(f"--std: {error}") from None
    settings = tuple(
        dict.fromkeys(dataclasses.replace(s, std=std) for s, std in zip(study.settings, stds, strict=True))
    )
    if (name := clash(settings)) is not None:
        raise OptionError(f"--mode: two files would both be called {name}; rename one")
    device = _device(study.device)
    workers = _workers(study.workers) if device == "cpu" or study.workers != "auto" else 1  # one process fills a GPU
    return dataclasses.replace(study, settings=settings, device=device, workers=str(workers))


def _std(setting: Setting) -> float | None:
    """A setting's std, own units; what a user's file makes of it has four digits. None where a mixture has its own."""
    own = target_for(setting).user_std
    if setting.std is not None or own is None or not is_file(setting.mode):
        return own if setting.std is None else setting.std
    try:
        rounded = dataclasses.replace(setting, std=four_digits(own))
        target_for(rounded)
    except ValueError:  # the least that there can be
        rounded = dataclasses.replace(setting, std=four_digits(own, up=True))
    return rounded.std


def plan(
    study: Study, shown: int | None = None, begun: Mapping[str, np.ndarray] | None = None
) -> tuple[list[Member], list[Stack]]:
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
    stacks, modes = [], mode_count(study.settings)
    for group in groups.values():
        size = min(
            stack_size(study.settings[members[group[0]].setting], study.device), -(-len(group) // int(study.workers))
        )
        for start in range(0, len(group), size):
            chosen = tuple(group[start : start + size])
            settings = tuple(study.settings[members[m].setting] for m in chosen)
            seeds = tuple(members[m].seed for m in chosen)
            index = members[chosen[0]].setting  # alike in structure, so in what a step costs
            stacks.append(
                Stack(
                    settings,
                    chosen,
                    seeds,
                    steps[index],
                    curves[index],
                    snapshots[index],
                    frames[index],
                    study.score_groups,
                    modes,
                    study.device,
                    tuple(m in kept for m in chosen),
                    _start(study, settings, chosen, begun),
                )
            )
    return members, sorted(stacks, key=_cost, reverse=True)


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
    theirs = [options_told(setting) for setting in source.study.settings]
    found: dict[str, np.ndarray] = {}
    for m, (setting, seed) in enumerate((s, seed) for s in study.settings for seed in study.seed_list):
        if setting.norm != "none":
            raise OptionError(f"--from {study.from_run}: weights are kept without their normalisation; --norm none")
        own, likeness = options_told(setting), {}
        for k in source.weights:
            other = source.members[k]
            if _shape(source.study.settings[other.setting]) == _shape(setting):
                alike = sum(theirs[other.setting][name] == own[name] for name in FIELDS[Setting])
                likeness[k] = (alike, other.seed == seed)
        if not likeness:
            raise OptionError(f"--from {study.from_run}: the run kept no weights of players of this shape")
        g, d = source.weights[max(likeness, key=likeness.__getitem__)]
        finite = np.flatnonzero(np.isfinite(g).all(1) & np.isfinite(d).all(1))
        if not finite.size:
            raise OptionError(f"--from {study.from_run}: the weights that the run kept are not finite")
        found |= {f"g{m}": g[finite[-1]], f"d{m}": d[finite[-1]]}
    return found


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
    return s.latent_dim, s.hidden, s.layers, s.activation, s.pieces, s.discriminator_shape, s.packing, s.minibatch_std


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
        hidden, layers, _ = setting.discriminator_shape
        width = max(setting.hidden * setting.layers, hidden * layers)
        numbers = 3 * rows * width  # with their gradients, and what autograd makes beside
        return max(1, min(CUDA_STACK, torch.cuda.mem_get_info()[0] // 2 // (4 * numbers)))
    return lanes(setting) if can_be_fast(setting, device) else STACK


def _cost(stack: Stack) -> float:
    """Multiplications, roughly: for the order of work alone."""
    s = stack.settings[0]
    weights = s.hidden * (s.hidden * (s.layers - 1) + s.latent_dim + 4)
    rounds = stack.steps / s.g_steps
    # roughly, at hidden 64: the general path takes 2 to 3 times as long as passes written out, gradients of gradients
    # 3 to 5 times that
    through = 1 if can_be_fast(s, stack.device) else 3
    if s.rule == "unrolled" or "consensus" in s.penalties:
        through *= 5
    elif s.penalties:
        through *= 2
    return int(through * len(stack.members) * s.batch_size * weights * rounds * (s.g_steps * 5 + s.d_steps * 7))


def run_study(
    study: Study,
    progress: Callable[[float], None] = lambda amount: None,
    shown: int | None = None,
    *,
    begun: Mapping[str, np.ndarray] | None = None,
    keep: Path | None = None,
    tell: Callable[[str], None] = lambda words: None,
) -> Results:
    """Train a resolved study. `progress` is told generator steps × members as they are done.

    `shown` is the seed whose weights are kept where `study.weights` says so; left out: that of median final JSD.
    `begun` are its `beginnings`, where they are known already. `keep` is a folder for checkpoints: a study that was
    stopped there goes on where they are. `tell` is told, in words, of those that cannot be used. Raises
    `files.NotARun` for checkpoints of something else.
    """
    members, stacks = plan(study, shown, begun)
    results = _empty(study, members)
    seconds = np.full(len(members), np.nan)
    weights: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def enter(stack: Stack, arrays: Mapping[str, np.ndarray]) -> None:
        rows = list(stack.members)
        for name, values in arrays.items():
            kind, _, name = name.partition(".")
            if kind == "curves":
                results.curves[name][rows] = values
            elif kind == "measured":
                (results.scores if name in results.scores else results.measures)[name][rows] = values
        results.samples[:, rows] = arrays["samples"]
        seconds[rows] = arrays["seconds"] / len(rows)
        for k, m in enumerate(m for m, kept in zip(rows, stack.weights, strict=True) if kept):
            weights[m] = (arrays["weights.g"][:, k], arrays["weights.d"][:, k])

    missing = []
    for index, stack in enumerate(stacks):
        if keep is None:
            missing.append(stack)
            continue
        place = CheckpointPlace(keep, index, study.checkpoint, about(stack))
        start, arrays = newest(place, functools.partial(check_checkpoint, stack), tell)
        if start == place.path(DONE):
            enter(stack, arrays)
            progress(stack.steps * len(stack.members))
        else:
            missing.append(dataclasses.replace(stack, place=dataclasses.replace(place, start=start)))
    for index, outcome in run_tasks(train_task, missing, int(study.workers), progress):
        if isinstance(outcome, TaskError):
            results.failures.append({"members": list(missing[index].members), "error": str(outcome)})
        else:
            enter(missing[index], outcome)
    results.failures.sort(key=lambda failure: failure["members"])
    results.seconds = [mean_interval(seconds[results.of_setting(i)]).value for i in range(len(study.settings))]
    _judge(results)
    if shown is None:
        chosen = {results.median_member(i) for i in range(len(study.settings))}
    else:
        chosen = {m for m, member in enumerate(members) if member.seed == shown}
    # where those of all were too many to wait for, there are the first seeds'
    wanted = set(weights) if study.weights == "all" or not chosen & set(weights) else chosen
    results.weights = {m: weights[m] for m in sorted(weights) if m in wanted}
    return results


def _empty(study: Study, members: list[Member]) -> Results:
    curves, snapshots, frames = (
        np.array(of(study), np.int64).reshape(len(study.settings), -1)
        for of in (curve_steps, snapshot_steps, frame_steps)
    )
    targets = [target_for(s) for s in study.settings]
    count, modes = len(members), mode_count(study.settings)
    shapes = measured_shapes(study.score_groups, modes)
    measured = {name: np.full((count, snapshots.shape[1], *shape), np.nan) for name, shape in shapes.items()}
    scores = score_names(study.score_groups)
    return Results(
        study=study,
        members=members,
        curve_steps=curves,
        curves={name: np.full((count, curves.shape[1]), np.nan, np.float32) for name in CURVES},
        snapshot_steps=snapshots,
        scores={name: measured[name] for name in scores},
        measures={name: values for name, values in measured.items() if name not in scores},
        frame_steps=frames,
        samples=np.full((frames.shape[1], count, EVALUATION, 2), np.nan, np.float16),
        null=[dict(null_scores(target, study.score_groups)) for target in targets],
        modes=[None if target.modes is None else len(target.modes.centres) for target in targets],
        rarest=[None if target.modes is None else float(target.modes.weights.min()) for target in targets],
    )


def _judge(results: Results) -> None:
    """Every member's verdict, why, and the ledger of its modes."""
    failed = {m for failure in results.failures for m in failure["members"]}
    for m, member in enumerate(results.members):
        if m in failed:
            results.verdicts.append(FAILED)
            results.details.append("")
            results.diverged_at.append(None)
            continue
        setting = results.study.settings[member.setting]
        target = target_for(setting)
        course = _course(results, m)
        verdict = judge(course, target, results.null[member.setting])
        results.verdicts.append(verdict.word)
        results.details.append(verdict.detail)
        results.diverged_at.append(verdict.step if verdict.word == "diverged" else None)
        results.events += [(m, e.step, e.mode, e.what, e.other) for e in ledger(course, target)]


def _course(results: Results, m: int) -> Course:
    """What member m's losses and samples measured, as verdicts are told from it."""
    index = results.members[m].setting
    modes = results.modes[index] or None
    broken = {name: ~np.isfinite(results.curves[name][m]) for name in ("d_loss", "g_loss")}
    first = {name: int(where.argmax()) for name, where in broken.items() if where.any()}
    at = min(first.values(), default=None)
    words = [f"{name[0].upper()}'s" for name, entry in first.items() if entry == at]
    return Course(
        steps=results.snapshot_steps[index],
        **{name: results.scores[name][m] for name in ("jsd", "spread", "modes_covered", "high_quality")},
        mean=placing_for(results.study.settings[index]).to_plane(results.measures["sample_mean"][m]),
        on_data=results.measures["on_data"][m],
        far_off=results.measures["far_off"][m],
        mass=results.measures["mode_mass"][m, :, :modes] if modes else None,
        shape=results.measures["mode_shape"][m, :, :modes] if modes else None,
        diverged_at=None if at is None else int(results.curve_steps[index, at]),
        broken=f"{' and '.join(words)} {'loss' if len(words) == 1 else 'losses'}" if words else None,
    )


def _device(name: str) -> str:
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise OptionError(f"--device {name}: this machine offers {', '.join(d for d, yes in there.items() if yes)}")
    return name


def _workers(number: str) -> int:
    if number != "auto":
        return int(number)
    return usable_cores()


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
