"""What members carry from one setting to the next where a schedule changes theirs in mid-training.

Weights, the places in their random streams and the recorded means are always carried. An optimiser's moments are, where
the player keeps its kind of optimiser; what an update rule remembers, where the rule and its rhythm stay; the
directions of spectral normalisation, where D stays normalised. What is not carried begins anew, at the weights as they
are. D is then brought within what its new penalties allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dynamics.base.streams import TRAINING
from dynamics.games.optimizers import State
from dynamics.settings.setting import Setting

# the streams of real points, two numbers a point each: which place, and the noise about it
POINTS = (("choice", "noise"), ("g_choice", "g_noise"))


@dataclass
class Carried:
    """M members between two settings, whatever trained them. Tensors are (M, …), or of no dimension where all members
    have one number in common: a count of steps."""

    g: Tensor
    d: Tensor
    average: Tensor
    means: State  # of D, (3, M), and of G, (M,), as last recorded
    optimizers: dict[str, State]
    rule: State
    directions: State
    taken: dict[str, int]  # numbers that every member has taken from each stream of `streams.TRAINING`

    def rows(self, members: slice) -> Carried:
        """Some of the members."""
        return Carried(
            self.g[members],
            self.d[members],
            self.average[members],
            (self.means[0][:, members], self.means[1][members]),
            {player: _rows(state, members) for player, state in self.optimizers.items()},
            _rows(self.rule, members),
            _rows(self.directions, members),
            dict(self.taken),
        )

    @staticmethod
    def together(parts: Sequence[Carried]) -> Carried:
        """The members of several, which are as far as each other."""
        first = parts[0]
        return Carried(
            torch.cat([part.g for part in parts]),
            torch.cat([part.d for part in parts]),
            torch.cat([part.average for part in parts]),
            (torch.cat([part.means[0] for part in parts], 1), torch.cat([part.means[1] for part in parts])),
            {player: _together([part.optimizers[player] for part in parts]) for player in first.optimizers},
            _together([part.rule for part in parts]),
            _together([part.directions for part in parts]),
            {purpose: max(part.taken[purpose] for part in parts) for purpose in first.taken},
        )

    def into(self, before: Setting, after: Setting) -> Carried:
        """What of it holds under the setting after: empty states begin anew.

        Real points are made in lots of whole batches at fixed places of their streams, so a batch of another size
        begins at its next whole one; and both streams of real points go on from one place, whatever the target took.
        """
        kinds = [(s.optimizer_g or s.optimizer, s.optimizer_d or s.optimizer) for s in (before, after)]
        rhythms = [(s.rule, s.g_steps, s.lookahead_k) for s in (before, after)]
        taken = dict(self.taken)
        if not after.data_size:
            for pair in POINTS:
                lot = 2 * after.batch_size
                taken |= dict.fromkeys(pair, -(-max(taken[purpose] for purpose in pair) // lot) * lot)
        return Carried(
            self.g,
            self.d,
            self.average,
            self.means,
            {player: self.optimizers[player] if kinds[0][i] == kinds[1][i] else () for i, player in enumerate("gd")},
            self.rule if rhythms[0] == rhythms[1] and self._same_directions(before, after) else (),
            self.directions if self._same_directions(before, after) else (),
            taken,
        )

    @staticmethod
    def _same_directions(before: Setting, after: Setting) -> bool:
        return ("spectral" in before.penalties) == ("spectral" in after.penalties)


def put(state: State, carried: State) -> None:
    """Set a state to what is carried; where nothing is, it stays as it began."""
    if carried:
        for tensor, value in zip(state, carried, strict=True):
            tensor.copy_(value)


def counted(taken: dict[str, int]) -> dict[str, int]:
    """How much was taken of every stream that training draws from; 0 of those that nobody asked for."""
    return {purpose: taken.get(purpose, 0) for purpose in TRAINING}


def _rows(state: State, members: slice) -> State:
    return tuple(tensor[members] if tensor.dim() else tensor for tensor in state)


def _together(states: Sequence[State]) -> State:
    return tuple(torch.cat(each) if each[0].dim() else each[0] for each in zip(*states, strict=True))
