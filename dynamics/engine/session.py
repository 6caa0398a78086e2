"""A game that one plays with: advanced, looked at again at any step, changed in mid-play, forked.

    session = Session([Setting(mode="mixture_4")], seeds=[0])
    session.advance(500)
    branch = session.fork(200, d_steps=1)        # from the very state after step 200
    branch.advance(300)                          # both are at 500 now
    before = session.at(200)                     # a look at what was; the session stays where it is

A session is a stack of members of one structure, of which a state is kept every few steps; what lies between two kept
states is trained again when it is asked for, to the same bits. Whoever looks changes nothing. A change is an entry of
the settings' schedule, so `session.settings` are those that train the same game headless.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from dynamics.base.curves import CURVES, Curves
from dynamics.engine.choosing import make_stack
from dynamics.engine.stack import Stack
from dynamics.engine.training import Snapshot, snapshot_of
from dynamics.settings.messages import OptionError
from dynamics.settings.option_fields import ALIASES
from dynamics.settings.schedules import Change, changes_of, written
from dynamics.settings.setting import Setting

MEMORY = 256 * 2**20  # bytes of kept states, unless said otherwise
EVERY = 25  # generator steps between two kept states, while there is memory for so many
ENTRIES = 4096  # of a session's curves; when there are more, two become one
_CURVES = "curves"  # in a stack's state; a session has its own


class Session:
    """Members in play: `settings[m]` with `seeds[m]`, of one structure, after `step` generator steps.

    `evaluation` is how many samples a look has, `memory` the bytes that kept states may take (of those before, the
    ones nearest to each other for their age go first). Raises ``ValueError`` for settings that cannot share a stack.
    """

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        *,
        evaluation: int = 2048,
        device: torch.device | str = "cpu",
        memory: int = MEMORY,
        every: int = EVERY,
    ) -> None:
        self.settings, self.seeds = tuple(settings), tuple(seeds)
        self.evaluation, self.device, self.memory, self.every = evaluation, torch.device(device), memory, every
        self.step = 0
        self.curves = CourseCurves(len(self.seeds))
        self._kept: dict[int, dict[str, np.ndarray]] = {}
        self._stack = self._made()
        self._stack.begin()
        self._keep()

    def _made(self) -> Stack:
        curves = _StepCurves(len(self.seeds))
        return make_stack(
            self.settings, self.seeds, curves, self.evaluation, self.device, torch.float32, can_change=True
        )

    # --- play --------------------------------------------------------------------------------------------------------

    def advance(self, steps: int = 1) -> None:
        """Make so many generator steps, each with the D steps of its round."""
        end = self.step + steps
        while self.step < end:
            stop = min(end, (self.step // self.every + 1) * self.every, self.step + self._stack.block)
            self.curves.add(self.step, _advanced(self._stack, self.step, stop))
            self.step = stop
            if self.step % self.every == 0:
                self._keep()

    def look(self) -> Snapshot:
        """The members as they are; what it holds of networks, until the session goes on."""
        return snapshot_of(self._stack, self.step, self.curves.values[1])

    # --- what was ----------------------------------------------------------------------------------------------------

    def at(self, step: int) -> Snapshot:
        """The members as they were after `step` steps; the session stays where it is. Raises ``ValueError`` for a step
        that has not been played."""
        if step == self.step:
            return self.look()
        return snapshot_of(self._replayed(step), step, self.curves.until(step).values[1])

    def state_at(self, step: int) -> dict[str, np.ndarray]:
        """What a stack of these settings and seeds is restored from to be where this one was after `step` steps."""
        if step == self.step:
            return _state_of(self._stack)
        return self._kept[step] if step in self._kept else _state_of(self._replayed(step))

    def _replayed(self, step: int) -> Stack:
        """A stack that is where this one was, from the nearest kept state before."""
        if not 0 <= step <= self.step:
            raise ValueError(f"step {step} has not been played: the session is at step {self.step}")
        nearest = max(kept for kept in self._kept if kept <= step)
        stack = self._made()
        _restore(stack, self._kept[nearest])
        while nearest < step:
            stop = min(step, nearest + stack.block)
            _advanced(stack, nearest, stop)
            nearest = stop
        return stack

    def rewind(self, step: int) -> None:
        """Go back to where the session was after `step` steps; what came after is forgotten, changes too."""
        state = self.state_at(step)
        self._continue(_until(self.settings, step), state, self, step)

    # --- other games -------------------------------------------------------------------------------------------------

    def change(self, **changes: Any) -> None:
        """From the next round on, other values of some options: those that `schedules.changeable` names.

        Raises `OptionError` for what cannot be, and leaves the session as it is.
        """
        settings = _changed(self.settings, self.step, changes)
        self._continue(settings, self.state_at(self.step), self, self.step)

    def fork(self, step: int | None = None, **changes: Any) -> Session:
        """Another session that shares this one's past until `step` (left out: now), from which it plays with these
        changes; without any it plays the very same game. Changes that this one made after `step` are not the fork's.

        Raises `OptionError` for changes that cannot be, and ``ValueError`` for a step that has not been played.
        """
        at = self.step if step is None else step
        state = self.state_at(at)
        settings = _changed(_until(self.settings, at), at, changes)
        fork = object.__new__(Session)
        fork.seeds, fork.evaluation, fork.device = self.seeds, self.evaluation, self.device
        fork.memory, fork.every = self.memory, self.every
        fork._continue(settings, state, self, at)
        return fork

    def _continue(
        self, settings: tuple[Setting, ...], state: Mapping[str, np.ndarray], past: Session, step: int
    ) -> None:
        """Be at `step` with these settings and this state, and have a session's past. Nothing is changed if the
        settings cannot be."""
        if step == 0:  # a game that begins otherwise: its warm-up, and what it begins with
            fresh = Session(
                settings,
                past.seeds,
                evaluation=past.evaluation,
                device=past.device,
                memory=past.memory,
                every=past.every,
            )
            vars(self).update(vars(fresh))
            return
        before, self.settings = getattr(self, "settings", settings), settings
        try:
            stack = self._made()
        except ValueError:
            self.settings = before
            raise
        _restore(stack, state)
        self._stack, self.step = stack, step
        self.curves = past.curves.until(step)
        self._kept = {kept: of for kept, of in past._kept.items() if kept <= step}

    # --- kept states -------------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        self._kept[self.step] = _state_of(self._stack)
        of_one = sum(values.nbytes for values in self._kept[self.step].values())
        while len(self._kept) > max(2, self.memory // max(of_one, 1)):
            del self._kept[self._least_missed()]

    def _least_missed(self) -> int:
        """Of the kept steps, neither the first nor the last, the one whose loss leaves the least gap for its age."""
        steps = sorted(self._kept)
        ages = [self.step - step + self.every for step in steps]
        gaps = [(after - before) / age for before, after, age in zip(steps, steps[2:], ages[1:], strict=False)]
        return steps[1 + int(np.argmin(gaps))]

    @property
    def kept_steps(self) -> list[int]:
        """The steps of which a state is kept."""
        return sorted(self._kept)


# --- schedules -------------------------------------------------------------------------------------------------------


def _until(settings: Sequence[Setting], step: int) -> tuple[Setting, ...]:
    """The settings with the changes that were made until `step`."""
    return tuple(
        s.changed(schedule=written(c for c in changes_of(s.schedule, Setting) if c.step <= step)) for s in settings
    )


def _changed(settings: Sequence[Setting], step: int, changes: Mapping[str, Any]) -> tuple[Setting, ...]:
    """The settings with these changes after `step`, the last of theirs."""
    if not changes:
        return tuple(settings)
    named = {ALIASES.get(name, name): value for name, value in changes.items()}
    if step == 0:
        return tuple(s.changed(**named) for s in settings)
    text = written([Change(step, named)])
    if not changes_of(text, Setting):
        raise OptionError(f"no change: {text}")
    made = []
    for s in settings:
        before = changes_of(s.schedule, Setting)
        merged = [*before[:-1], Change(step, before[-1].values | named)] if before and before[-1].step == step else None
        made.append(s.changed(schedule=written(merged or [*before, Change(step, named)])))
    return tuple(made)


# --- states and curves -----------------------------------------------------------------------------------------------


def _state_of(stack: Stack) -> dict[str, np.ndarray]:
    return {name: values for name, values in stack.state().items() if name != _CURVES}


def _restore(stack: Stack, state: Mapping[str, np.ndarray]) -> None:
    stack.restore({**state, _CURVES: stack.curves.sums})


class _StepCurves(Curves):
    """Curves that only hand on what is entered into them: of the steps since `open`."""

    def __init__(self, members: int) -> None:
        super().__init__(members, [])
        self.values, self.start = np.empty((len(CURVES), members, 0)), 0

    def open(self, start: int, stop: int) -> None:
        self.values, self.start = np.empty((*self.values.shape[:2], stop - start)), start

    def add(self, step: int, values: np.ndarray, members: slice = slice(None)) -> None:
        self.values[:, members, step - self.start : step - self.start + values.shape[2]] = values


def _advanced(stack: Stack, start: int, stop: int) -> np.ndarray:
    """Train from one step to another; returns the curves of these steps, (4, M, stop − start)."""
    curves = stack.curves
    assert isinstance(curves, _StepCurves)
    curves.open(start, stop)
    stack.advance(start, stop)
    return curves.values


class CourseCurves:
    """The `CURVES` of M members over a course without a known end: means over every `width` steps, the width doubled
    whenever there are more than `ENTRIES`."""

    def __init__(self, members: int) -> None:
        self.width, self.steps = 1, 0
        self._sums = np.zeros((len(CURVES), members, ENTRIES))

    def add(self, start: int, values: np.ndarray) -> None:
        """Enter `values` (4, M, n) of the steps after `start`, which is where the course is."""
        if start != self.steps:
            raise ValueError(f"the curves are at step {self.steps}, not {start}")
        for k in range(values.shape[2]):
            entry = self.steps // self.width
            if entry == ENTRIES:
                self._sums = np.concatenate([self._sums[..., ::2] + self._sums[..., 1::2], 0 * self._sums[..., ::2]], 2)
                self.width *= 2
                entry //= 2
            self._sums[..., entry] += values[..., k]
            self.steps += 1

    @property
    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """The steps that close the entries (L,), and the entries (4, M, L) float32; the last may be of fewer steps."""
        count = math.ceil(self.steps / self.width)
        ends = np.minimum(np.arange(1, count + 1) * self.width, self.steps)
        return ends, (self._sums[..., :count] / np.diff(ends, prepend=0)).astype(np.float32)

    def until(self, step: int) -> CourseCurves:
        """The curves of the first `step` steps, as far as whole entries tell; one that `step` cuts has its mean."""
        early = CourseCurves(self._sums.shape[1])
        early.width, early.steps = self.width, step
        whole, rest = divmod(step, self.width)
        early._sums[..., :whole] = self._sums[..., :whole]
        if rest:
            over = min(self.width, self.steps - whole * self.width)
            early._sums[..., whole] = self._sums[..., whole] * (rest / over)
        return early
