"""One task of a worker: a stack trained and scored, which can be put down at any time and taken up where it was."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dynamics.base.arrays import fits
from dynamics.base.curves import CURVES
from dynamics.base.interrupts import deferred, orphaned, stopped, stopping
from dynamics.engine.training import Snapshot, check_state, train_stack
from dynamics.measures.metrics import EVALUATION
from dynamics.measures.scoring import Scorer
from dynamics.runner.history import (
    Extent,
    History,
    check_arrays,
    from_arrays,
    members_first,
    specification,
    to_arrays,
)
from dynamics.settings.catalogue.scores import score_names
from dynamics.settings.modes import is_file
from dynamics.settings.setting import Setting
from dynamics.settings.version import VERSION
from dynamics.store import checkpoints
from dynamics.store.checkpoints import DONE, CheckpointPlace, Saver

FORMAT = 3  # of checkpoints, and of what a stack computes, bit for bit


@dataclass(frozen=True)
class Task:
    """Members to be trained together."""

    settings: tuple[Setting, ...]  # one a member
    members: tuple[int, ...]  # their indices in the study
    seeds: tuple[int, ...]
    steps: int
    curve_steps: tuple[int, ...]
    snapshot_steps: tuple[int, ...]
    frame_steps: tuple[int, ...]
    score_groups: tuple[str, ...]
    modes: int  # columns of what is measured by mode: of the study's target that has most
    device: str
    weights: tuple[bool, ...]  # of each member, whether its weights at the frames are wanted
    # G's and D's parameters (members, P) to begin with
    start: tuple[np.ndarray | None, np.ndarray | None]
    place: CheckpointPlace | None = None  # of its checkpoints


def circumstances(device: str) -> dict[str, Any]:
    """What the numbers depend on beside the study: where all of it is the same, so are they, bit for bit."""
    return {
        "format": FORMAT,
        "program": VERSION,
        **{name: version(name) for name in ("torch", "numpy", "scipy")},
        "threads": 1,  # of every worker: train_task
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "arithmetic": torch.backends.cpu.get_cpu_capability(),
    }


def about(task: Task) -> str:
    """What a stack's checkpoints are of, as JSON: everything that its numbers depend on."""
    return json.dumps({**circumstances(task.device), **of_what(task)})


def of_what(task: Task) -> dict[str, Any]:
    """What a stack's checkpoints are of, wherever it is trained."""
    parts = {f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.name not in ("settings", "place")}
    parts["start"] = [None if flat is None else hashlib.sha256(flat.tobytes()).hexdigest() for flat in task.start]
    settings = [dataclasses.asdict(s) | {"mode": _named(s.mode)} for s in task.settings]
    return {**parts, "settings": settings}


def _named(mode: str) -> str:
    """A target by name; a user's file by its contents as well, wherever it lies."""
    if not is_file(mode):
        return mode
    return f"{Path(mode).name} {hashlib.sha256(Path(mode).read_bytes()).hexdigest()}"


class Record:
    """What one stack's training came to, as far as it is: its members' `History`, and the seconds that it took."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.kept = np.flatnonzero(task.weights)  # members whose weights are wanted
        self.curves = np.empty((len(CURVES), len(task.members), 0), np.float32)
        self.measured: list[dict[str, np.ndarray]] = []  # a snapshot each, of all members
        self.samples: list[np.ndarray] = []  # a frame each
        self.weights: list[tuple[np.ndarray, ...]] = []
        self.seconds = 0.0

    @functools.cached_property
    def scorer(self) -> Scorer:
        return Scorer(self.task.settings, self.task.seeds, self.task.score_groups, self.task.modes)

    def look(self, snapshot: Snapshot) -> None:
        """Enter a snapshot, by what its step is one of."""
        self.curves = snapshot.curves
        if snapshot.step in self.task.snapshot_steps:
            self.measured.append(self.scorer(snapshot))
        if snapshot.step in self.task.frame_steps:
            with np.errstate(over="ignore"):  # a diverged member's
                self.samples.append(snapshot.samples.astype(np.float16))
                flat = (network.flat.cpu().numpy()[self.kept] for network in (snapshot.G, snapshot.D))
                self.weights.append(tuple(values.astype(np.float16) for values in flat))

    def history(self) -> History:
        """Of the stack's members, without their weights."""
        members = len(self.task.members)
        unseen = specification(members, self.extent(0))
        measured = {
            name: members_first(np.asarray([look[name] for look in self.measured], float)) if self.measured else none
            for name, none in unseen.measured.items()
        }
        return History(
            curves=dict(zip(CURVES, self.curves, strict=True)),
            scores={name: measured[name] for name in unseen.scores},
            measures={name: measured[name] for name in unseen.measures},
            samples=members_first(np.asarray(self.samples)) if self.samples else unseen.samples,
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, as checkpoints have it."""
        pairs = list(zip(*self.weights, strict=True)) or [np.empty((0, len(self.kept), 0), np.float16)] * 2
        g, d = (members_first(np.asarray(values)) for values in pairs)
        return to_arrays(self.history(), (g, d)) | {"seconds": np.array(self.seconds)}

    def restore(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
        """Be what the record was before it looked at step `step`. Raises ``ValueError`` for arrays that are no such."""
        self.check(arrays, step)
        history = from_arrays(arrays, range(len(self.kept)))
        self.curves = np.stack(list(history.curves.values()))
        count = self.extent(step).looks
        self.measured = [{name: values[:, i] for name, values in history.measured.items()} for i in range(count)]
        self.samples = list(arrays["samples"])
        self.weights = list(zip(arrays["weights.g"], arrays["weights.d"], strict=True))
        self.seconds = float(arrays["seconds"])

    def check(self, arrays: Mapping[str, np.ndarray], step: int | float) -> None:
        """Raise ``ValueError`` unless these could be the arrays of a record before it looked at step `step`."""
        rest = {name: values for name, values in arrays.items() if name != "seconds"}
        check_arrays(rest, len(self.task.members), self.extent(step), len(self.kept))
        fits({n: v for n, v in arrays.items() if n == "seconds"}, {"seconds": np.array(0.0)})

    def extent(self, step: int | float) -> Extent:
        """How much there is of the stack's members before it is looked at at step `step`."""
        task = self.task
        looks, frames = (sum(s < step for s in steps) for steps in (task.snapshot_steps, task.frame_steps))
        last = max((s for s in (*task.snapshot_steps, *task.frame_steps) if s < step), default=0)
        entries = sum(s <= last for s in task.curve_steps)
        return Extent(entries, looks, frames, EVALUATION, task.modes, score_names(task.score_groups))


def check_checkpoint(task: Task, arrays: Mapping[str, np.ndarray], done: bool) -> None:
    """Raise ``ValueError`` unless a stack's training can go on from these arrays, or, `done`, came to them."""
    if done:
        Record(task).check(arrays, np.inf)
        return
    step = step_of(arrays, task.steps)
    _, state, record_arrays = _parts(arrays)
    Record(task).check(record_arrays, step)
    more: dict[str, Any] = {"log_every": task.curve_steps, "device": task.device}
    check_state(task.settings, task.seeds, task.steps, state, **more)


def train_task(task: Task, report: Callable[[float], None]) -> dict[str, np.ndarray]:
    """Train one stack and score its snapshots, from its checkpoint on if it has one: the function that workers run.

    Returns `Record.arrays`. Asked to stop, it saves a checkpoint and raises `interrupts.Stopped`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with deferred():
            return _train(task, report)
    finally:
        torch.set_num_threads(threads)


def _train(task: Task, report: Callable[[float], None]) -> dict[str, np.ndarray]:
    record = Record(task)
    saver = Saver(task.place) if task.place else None
    resume, done = None, 0
    if task.place and task.place.start:
        done, state, record_arrays = _parts(checkpoints.read(task.place.start)[0])
        record.restore(record_arrays, done)
        resume = (done, state)
        report(done * len(task.members))
    # a core's own seconds, which other processes don't lengthen by waiting; a GPU's are those on the clock
    clock = time.process_time if task.device == "cpu" else time.perf_counter
    started = clock()

    def between(step: int, state: Callable[[], dict[str, np.ndarray]]) -> None:
        nonlocal started
        if orphaned():
            raise stopped()
        if saver and (stopping() or saver.due()):
            record.seconds += clock() - started
            numbers = {f"state.{name}": values for name, values in state().items()}
            saver.save(step, {"step": np.array(step), **numbers, **record.arrays()})
            started = clock()
        if stopping():
            raise stopped()

    snapshots = train_stack(
        task.settings,
        task.seeds,
        task.steps,
        sorted({*task.snapshot_steps, *task.frame_steps}),
        log_every=task.curve_steps,
        device=task.device,
        start=(_tensor(task.start[0]), _tensor(task.start[1])),
        resume=resume,
        between=between,
    )
    for snapshot in snapshots:
        record.seconds += clock() - started
        record.look(snapshot)
        report((snapshot.step - done) * len(task.members))
        done = snapshot.step
        started = clock()
    arrays = record.arrays()
    if saver:
        saver.save(DONE, arrays)
    return arrays


def _parts(arrays: Mapping[str, np.ndarray]) -> tuple[int, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A checkpoint's step, the stack's state, and the record's arrays."""
    states = {name.removeprefix("state."): values for name, values in arrays.items() if name.startswith("state.")}
    rest = {name: values for name, values in arrays.items() if not name.startswith("state.")}
    rest.pop("step", None)
    return step_of(arrays), states, rest


def step_of(arrays: Mapping[str, np.ndarray], most: float = np.inf) -> int:
    """After how many generator steps, of at most so many, a checkpoint was made. Raises ``ValueError``."""
    step = arrays.get("step")
    if step is None or step.shape != () or step.dtype != np.int64:
        raise ValueError("a checkpoint without its step")
    if not 0 < step <= most:
        raise ValueError(f"step {step} of {most}")
    return int(step)


def _tensor(values: np.ndarray | None) -> torch.Tensor | None:
    return None if values is None else torch.from_numpy(values)
