"""What a stack is to whoever trains it: M members whose numbers are one batch of tensors, advanced a few steps at a
time.

Every path that carries out the training loop is a `SettledStack`; choosing.py lists them. scheduled.py makes one stack
of several, whose settings follow one another. What one was is arrays by name
(`Resumable`), from which another of the same settings and seeds goes on, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from dynamics.base.arrays import fits
from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.carried import Carried
from dynamics.games.networks import MLP
from dynamics.settings.setting import Setting

Flat = tuple[Tensor | None, Tensor | None]  # G's and D's parameters, (M, P) each, as `MLP.flat` lays them out


class Stack(Protocol):
    """M members trained together: `settings[m]` with `seeds[m]`, of one `Setting.structure`.

    It is made, begun or restored, and advanced; it may be looked at whenever it is not advancing. A member's bits
    depend on its setting and seed alone, not on the others, nor on where training is cut.
    """

    G: MLP  # as they train; parameters (M, P)
    D: MLP
    curves: Curves  # of all steps so far
    first: int  # generator steps before its first round

    @property
    def block(self) -> int:
        """Generator steps that one call of `advance` should make, or fewer at the end: between two occasions to stop.
        No number depends on it where it changes."""

    def begin(self, start: Flat = (None, None)) -> None:
        """What comes before the first generator step: G's and D's parameters if given, and D's own first steps."""

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""

    def state(self) -> dict[str, np.ndarray]:
        """Everything that training changes, by name: copies, for `restore` to go on from, bit for bit."""

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """Raise ``ValueError`` unless `restore` takes this state."""

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Be what a stack of the same settings and seeds was when it gave this state.

        Raises ``ValueError``, and changes nothing, for a state that lacks something or is of another stack.
        """

    def networks(self) -> tuple[MLP, MLP]:
        """G and D as they are, without what matters to training alone."""

    def averaged(self) -> MLP | None:
        """G with the average of its weights, where one is kept."""

    def rates(self) -> tuple[Tensor, Tensor]:
        """What the optimisers of G and D multiply gradients by now, (M, P) or (M, 1) each."""

    def samples(self, G: MLP) -> np.ndarray:
        """(M, N, 2): every member's G, as `networks` or `averaged` gives it, at its evaluation latents."""


class SettledStack(Stack, Protocol):
    """A stack whose settings stay as they are: one path that carries out the training loop."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """Untrained. `curves` (of M members) are entered into; `evaluation` is N, the latents that samples are of."""

    @staticmethod
    def can(setting: Setting, device: torch.device) -> bool:
        """Whether this path carries out a setting, and all of its structure, on a device."""

    def carried(self) -> Carried:
        """What its members take to a stack of other settings: copies."""

    def take_over(self, carried: Carried) -> None:
        """Begin with what the members bring, in place of `begin`; empty states begin anew."""


StackMaker = Callable[
    [Sequence[Setting], Sequence[int], Curves, int, torch.device, torch.dtype], SettledStack
]  # the arguments of `SettledStack`


class Resumable:
    """`state` and `restore` of a stack that names what its training changes."""

    curves: Curves
    first = 0

    def changing(self) -> dict[str, Tensor | Streams]:
        """The tensors that training writes to and the streams that it draws from, as checkpoints name and order them;
        the curves excepted."""
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        """See `Stack.state`. Of a stream it is how many numbers were taken; of the curves, their sums."""
        arrays = {name: _array(part) for name, part in self.changing().items()}
        return arrays | {"curves": self.curves.sums.copy()}

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Stack.check`."""
        fits(state, self.state())

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """See `Stack.restore`."""
        self.check(state)
        for name, part in self.changing().items():
            if isinstance(part, Streams):
                part.taken = int(state[name])
            else:
                part.copy_(torch.from_numpy(state[name]))
        self.curves.sums[:] = state["curves"]


def _array(part: Tensor | Streams) -> np.ndarray:
    if isinstance(part, Streams):
        return np.array(part.taken, np.int64)
    return part.cpu().numpy().copy()
