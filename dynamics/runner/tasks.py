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
from dynamics.measures.scoring import Scorer, measured_shapes
from dynamics.settings.modes import is_file
from dynamics.settings.setting import Setting
from dynamics.settings.version import VERSION
from dynamics.store import checkpoints
from dynamics.store.checkpoints import DONE, CheckpointPlace, Saver

FORMAT = 2  # of checkpoints, and of what a stack computes, bit for bit


@dataclass(frozen=True)
class Stack:
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


def about(stack: Stack) -> str:
    """What a stack's checkpoints are of, as JSON: everything that its numbers depend on."""
    own = {f.name: getattr(stack, f.name) for f in dataclasses.fields(stack) if f.name not in ("settings", "place")}
    own["start"] = [None if flat is None else hashlib.sha256(flat.tobytes()).hexdigest() for flat in stack.start]
    settings = [dataclasses.asdict(s) | {"mode": _named(s.mode)} for s in stack.settings]
    return json.dumps({**circumstances(stack.device), **own, "settings": settings})


def _named(mode: str) -> str:
    """A target by name; a user's file by its contents as well, wherever it lies."""
    if not is_file(mode):
        return mode
    return f"{Path(mode).name} {hashlib.sha256(Path(mode).read_bytes()).hexdigest()}"


class Record:
    """What one stack's training came to, as far as it is: axis 0 is its member, samples and weights excepted.

    `curves[name]` (M, L), `measured[name]` (M, S) or (M, S, ·), as `scoring.Scorer` has them, `samples` (F, M, N, 2),
    `weights` of G and D (F, K, P) of the K members that are wanted, `seconds` that training took.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.kept = np.flatnonzero(stack.weights)
        self.curves = np.empty((len(CURVES), len(stack.members), 0), np.float32)
        self.measured: list[dict[str, np.ndarray]] = []
        self.samples: list[np.ndarray] = []
        self.weights: list[tuple[np.ndarray, ...]] = []
        self.seconds = 0.0

    @functools.cached_property
    def scorer(self) -> Scorer:
        return Scorer(self.stack.settings, self.stack.seeds, self.stack.score_groups, self.stack.modes)

    def look(self, snapshot: Snapshot) -> None:
        """Enter a snapshot, by what its step is one of."""
        self.curves = snapshot.curves
        if snapshot.step in self.stack.snapshot_steps:
            self.measured.append(self.scorer(snapshot))
        if snapshot.step in self.stack.frame_steps:
            with np.errstate(over="ignore"):  # a diverged member's
                self.samples.append(snapshot.samples.astype(np.float16))
                flat = (network.flat.cpu().numpy()[self.kept] for network in (snapshot.G, snapshot.D))
                self.weights.append(tuple(values.astype(np.float16) for values in flat))

    def arrays(self) -> dict[str, np.ndarray]:
        """All of it, by name."""
        members = len(self.stack.members)
        shapes = measured_shapes(self.stack.score_groups, self.stack.modes)
        some = {f"measured.{n}": [m[n] for m in self.measured] or np.empty((0, members, *k)) for n, k in shapes.items()}
        pairs = list(zip(*self.weights, strict=True)) or [np.empty((0, len(self.kept), 0), np.float16)] * 2
        return {
            **{f"curves.{name}": curve for name, curve in zip(CURVES, self.curves, strict=True)},
            **{name: np.moveaxis(np.asarray(values, float), 0, 1) for name, values in some.items()},
            "samples": np.asarray(self.samples or np.empty((0, members, EVALUATION, 2), np.float16)),
            "weights.g": np.asarray(pairs[0]),
            "weights.d": np.asarray(pairs[1]),
            "seconds": np.array(self.seconds),
        }

    def restore(self, arrays: Mapping[str, np.ndarray], step: int) -> None:
        """Be what the record was before it looked at step `step`. Raises ``ValueError`` for arrays that are no such."""
        self.check(arrays, step)
        self.curves = np.stack([arrays[f"curves.{name}"] for name in CURVES])
        names = measured_shapes(self.stack.score_groups, self.stack.modes)
        count = sum(s < step for s in self.stack.snapshot_steps)
        self.measured = [{n: arrays[f"measured.{n}"][:, i] for n in names} for i in range(count)]
        self.samples = list(arrays["samples"])
        self.weights = list(zip(arrays["weights.g"], arrays["weights.d"], strict=True))
        self.seconds = float(arrays["seconds"])

    def check(self, arrays: Mapping[str, np.ndarray], step: int | float) -> None:
        """Raise ``ValueError`` unless these could be the arrays of a record before it looked at step `step`."""
        stack, members = self.stack, len(self.stack.members)
        looks, frames = (sum(s < step for s in steps) for steps in (stack.snapshot_steps, stack.frame_steps))
        last = max((s for s in (*stack.snapshot_steps, *stack.frame_steps) if s < step), default=0)
        entries = sum(s <= last for s in stack.curve_steps)
        wanted: dict[str, np.ndarray] = {f"curves.{name}": np.empty((members, entries), np.float32) for name in CURVES}
        for name, shape in measured_shapes(stack.score_groups, stack.modes).items():
            wanted[f"measured.{name}"] = np.empty((members, looks, *shape))
        wanted["samples"] = np.empty((frames, members, EVALUATION, 2), np.float16)
        for name in ("weights.g", "weights.d"):  # how many there are of one network, who draws it finds out
            width = arrays[name].shape[-1] if name in arrays and arrays[name].ndim == 3 else 0
            wanted[name] = np.empty((frames, len(self.kept), width), np.float16)
        fits(arrays, wanted | {"seconds": np.array(0.0)})


def check_checkpoint(stack: Stack, arrays: Mapping[str, np.ndarray], done: bool) -> None:
    """Raise ``ValueError`` unless a stack's training can go on from these arrays, or, `done`, came to them."""
    if done:
        Record(stack).check(arrays, np.inf)
        return
    step, state, found = _parts(arrays)
    if not 0 < step <= stack.steps:
        raise ValueError(f"step {step} of {stack.steps}")
    Record(stack).check(found, step)
    how: dict[str, Any] = {"log_every": stack.curve_steps, "device": stack.device}
    check_state(stack.settings, stack.seeds, stack.steps, state, **how)


def train_task(stack: Stack, report: Callable[[float], None]) -> dict[str, np.ndarray]:
    """Train one stack and score its snapshots, from its checkpoint on if it has one: the function that workers run.

    Returns `Record.arrays`. Asked to stop, it saves a checkpoint and raises `interrupts.Stopped`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with deferred():
            return _train(stack, report)
    finally:
        torch.set_num_threads(threads)


def _train(stack: Stack, report: Callable[[float], None]) -> dict[str, np.ndarray]:
    record = Record(stack)
    saver = Saver(stack.place) if stack.place else None
    resume, done = None, 0
    if stack.place and stack.place.start:
        done, state, found = _parts(checkpoints.read(stack.place.start)[0])
        record.restore(found, done)
        resume = (done, state)
        report(done * len(stack.members))
    # a core's own seconds, which other processes don't lengthen by waiting; a GPU's are those on the clock
    clock = time.process_time if stack.device == "cpu" else time.perf_counter
    started = clock()

    def between(step: int, state: Callable[[], dict[str, np.ndarray]]) -> None:
        nonlocal started
        if orphaned():
            raise stopped()
        if saver and (stopping() or saver.due()):
            record.seconds += clock() - started
            own = {f"state.{name}": values for name, values in state().items()}
            saver.save(step, {"step": np.array(step), **own, **record.arrays()})
            started = clock()
        if stopping():
            raise stopped()

    snapshots = train_stack(
        stack.settings,
        stack.seeds,
        stack.steps,
        sorted({*stack.snapshot_steps, *stack.frame_steps}),
        log_every=stack.curve_steps,
        device=stack.device,
        start=(_tensor(stack.start[0]), _tensor(stack.start[1])),
        resume=resume,
        between=between,
    )
    for snapshot in snapshots:
        record.seconds += clock() - started
        record.look(snapshot)
        report((snapshot.step - done) * len(stack.members))
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
    step = rest.pop("step", None)
    if step is None or step.shape != () or step.dtype != np.int64:
        raise ValueError("a checkpoint without its step")
    return int(step), states, rest


def _tensor(values: np.ndarray | None) -> torch.Tensor | None:
    return None if values is None else torch.from_numpy(values)
