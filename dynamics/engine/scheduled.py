"""A stack whose settings change in mid-training: the stack of each phase in turn, each taking over from the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from dynamics.base.arrays import fits
from dynamics.base.curves import Curves
from dynamics.engine.stack import Flat, SettledStack, StackMaker
from dynamics.games.networks import MLP
from dynamics.settings.setting import Setting

_PHASE = "phase"  # in a state: which of the phases it is of


class ScheduledStack:
    """What is a stack at every step: that of the phase in force, which `make` makes of that phase's settings.

    A change is carried out when the step after it is made: until then, the stack is what the step before left."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
        make: StackMaker,
    ) -> None:
        self.curves = curves
        self._firsts = [first for first, _ in settings[0].phases]  # the same for all: `Setting.structure`
        self._settings = [[s.phases[i][1] for s in settings] for i in range(len(self._firsts))]
        self._make = lambda phase: make(self._settings[phase], seeds, curves, evaluation, device, dtype)
        self._enter(0, self._make(0))

    def _enter(self, phase: int, stack: SettledStack) -> None:
        self._phase, self._stack = phase, stack
        self.G, self.D = stack.G, stack.D
        stack.first = self.first = self._firsts[phase]

    @property
    def block(self) -> int:
        return self._stack.block

    def begin(self, start: Flat = (None, None)) -> None:
        """See `Stack.begin`."""
        self._stack.begin(start)

    def advance(self, start: int, stop: int) -> None:
        """See `Stack.advance`; changes are made on the way."""
        while start < stop:
            later = self._firsts[self._phase + 1 : self._phase + 2]
            if later and start >= later[0]:
                before, carried = self._settings[self._phase], self._stack.carried()
                self._enter(self._phase + 1, self._make(self._phase + 1))
                self._stack.take_over(carried.into(before[0], self._settings[self._phase][0]))
                continue
            end = min([stop, *later])
            self._stack.advance(start, end)
            start = end

    def state(self) -> dict[str, np.ndarray]:
        """See `Stack.state`: that of the phase in force, and which it is."""
        return {_PHASE: np.array(self._phase, np.int64), **self._stack.state()}

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Stack.check`."""
        self._make(_phase_of(state, len(self._firsts))).check(_without_phase(state))

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Stack.restore`."""
        phase = _phase_of(state, len(self._firsts))
        stack = self._make(phase)
        stack.restore(_without_phase(state))
        self._enter(phase, stack)

    def networks(self) -> tuple[MLP, MLP]:
        """See `Stack.networks`."""
        return self._stack.networks()

    def averaged(self) -> MLP | None:
        """See `Stack.averaged`."""
        return self._stack.averaged()

    def rates(self) -> tuple[Tensor, Tensor]:
        """See `Stack.rates`."""
        return self._stack.rates()

    def samples(self, G: MLP) -> np.ndarray:
        """See `Stack.samples`."""
        return self._stack.samples(G)


def _phase_of(state: Mapping[str, np.ndarray], count: int) -> int:
    phase = state.get(_PHASE)
    fits({} if phase is None else {_PHASE: phase}, {_PHASE: np.array(0, np.int64)})
    if not 0 <= int(state[_PHASE]) < count:
        raise ValueError(f"{_PHASE} {int(state[_PHASE])} of {count}")
    return int(state[_PHASE])


def _without_phase(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: values for name, values in state.items() if name != _PHASE}
