"""Training: the GAN game, played by a stack of pairs at once.

A round is `d_steps` discriminator steps, then `g_steps` generator steps, unless an update rule (update_rules.py) has it
otherwise. A D step draws real points and latents, and changes D alone: the fakes are detached. A G step draws latents
and changes G alone. Every loss is per member, (M,), and the stack descends their sum, whose gradient for one member is
that member's own.

`train_stack` is the loop; it yields a `Snapshot` whenever one is due, and whoever iterates (a progress bar, the store,
a test) decides what becomes of it. The plain loop that this is many of, is train.py at the top of the checkout: a test
trains both from equal weights and draws, to 1e-12.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dynamics.base.curves import Curves
from dynamics.engine.choosing import make_stack
from dynamics.engine.stack import Flat, Stack
from dynamics.games.networks import MLP
from dynamics.settings.setting import Setting


@dataclass(frozen=True)
class Snapshot:
    """A stack looked at after `step` generator steps.

    `curves` (4, M, L): the `CURVES` (losses, mean D(x), mean D(G(z))), each entry the mean over the generator steps
    that it logs, as far as training has come; `samples` (M, N, 2): G at the evaluation latents, which stay the same.
    `G` and `D` are MLPs and nothing else: normalisations are folded into their weights. `averaged` are the samples of G
    with the average of its weights, where one is kept. `players` are G and D as they train, `rates` gives what their
    optimisers multiply their gradients by now, (M, P) or (M, 1) each; both hold until training goes on.
    """

    step: int
    curves: np.ndarray
    samples: np.ndarray
    G: MLP
    D: MLP
    averaged: np.ndarray | None
    players: tuple[MLP, MLP]
    rates: Callable[[], tuple[Tensor, Tensor]]


# --- training loop ---------------------------------------------------------------------------------------------------


def train_stack(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    steps: int,
    snapshot_steps: Iterable[int],
    *,
    log_every: int | Sequence[int] = 1,
    evaluation: int = 2048,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    fast: bool | None = None,
    start: Flat = (None, None),
    resume: tuple[int, Mapping[str, np.ndarray]] | None = None,
    between: Callable[[int, Callable[[], dict[str, np.ndarray]]], None] = lambda step, state: None,
) -> Iterator[Snapshot]:
    """Train M members, `settings[m]` with `seeds[m]`, for `steps` generator steps; yield at each of `snapshot_steps`.

    The settings must agree in `Setting.structure`; they may differ in the rest. `snapshot_steps` are taken in order;
    0 is the untrained stack. `log_every` is how many generator steps an entry of the curves is the mean of (the last
    of fewer), or the steps that close the entries, in order. `evaluation` is the number of latents that a snapshot's
    samples are made from. A member whose numbers become infinite or NaN stays so, and touches no other. `fast` chooses
    between autograd over the whole stack (False) and backward passes written out (True); by default whichever serves
    the setting and the device best (see choosing.py), which may also be autograd recorded and replayed or, on CUDA,
    captured as graphs. `start` are parameters that G and D begin with instead of their own.

    `between` is called every few steps with their number and a function that gives the stack's state, arrays by name;
    `resume`, such a number and state, goes on from there as if there had been no end: the snapshots that are yielded
    are those from that step on, its own if one is due included. Raises ``ValueError`` for settings that cannot share a
    stack, and for a state that is not of this one.
    """
    stack = _stack(settings, seeds, steps, log_every, evaluation, torch.device(device), dtype, fast)
    done = 0
    if resume is None:
        stack.begin(start)
    else:
        done, state = resume
        stack.restore(state)
    for step in sorted(look for look in {*snapshot_steps, steps} if look >= done):
        while done < step:
            stop = min(done + stack.block, step)
            stack.advance(done, stop)
            done = stop
            between(done, stack.state)
        if step in snapshot_steps:
            yield snapshot_of(stack, step, stack.curves.until(step))


def snapshot_of(stack: Stack, step: int, curves: np.ndarray) -> Snapshot:
    """A stack looked at after `step` generator steps, with its curves (4, M, L)."""
    G, D = stack.networks()
    average = stack.averaged()
    averaged = None if average is None else stack.samples(average)
    return Snapshot(step, curves, stack.samples(G), G, D, averaged, (stack.G, stack.D), stack.rates)


def check_state(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    steps: int,
    state: Mapping[str, np.ndarray],
    *,
    log_every: int | Sequence[int] = 1,
    device: torch.device | str = "cpu",
) -> None:
    """Raise ``ValueError`` unless `train_stack`, so called, could resume from this state (names, shapes, kinds)."""
    _stack(settings, seeds, steps, log_every, 1, torch.device(device), torch.float32, None).check(state)


def _stack(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    steps: int,
    log_every: int | Sequence[int],
    evaluation: int,
    device: torch.device,
    dtype: torch.dtype,
    fast: bool | None,
) -> Stack:
    every = log_every if isinstance(log_every, Sequence) else [*range(log_every, steps, log_every), steps]
    curves = Curves(len(seeds), every)
    kind = None if fast is None else "fast" if fast else "reference"
    return make_stack(settings, seeds, curves, evaluation, device, dtype, kind)
