"""Training: the GAN game, played by a stack of pairs at once.

A round is `d_steps` discriminator steps, then `g_steps` generator steps, unless an update rule (update_rules.py) has it
otherwise. A D step draws real points and latents, and changes D alone: the fakes are detached. A G step draws latents
and changes G alone. Every loss is per member, (M,), and the stack descends their sum, whose gradient for one member is
that member's own.

`train_stack` is the loop; it yields a `Snapshot` whenever one is due, and whoever iterates (a progress bar, the store,
a test) decides what becomes of it. `train_gan`, `train_discriminator` and `train_generator` are the course's interface
to the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dynamics.base.arrays import fits
from dynamics.base.curves import Curves
from dynamics.base.streams import Streams
from dynamics.engine.captured import CapturedStack
from dynamics.engine.fast import FastStack, can_be_fast
from dynamics.engine.recorded import RecordedStack
from dynamics.engine.reference import AutogradStack
from dynamics.games.losses import LOSSES
from dynamics.games.networks import MLP
from dynamics.settings.setting import Setting
from dynamics.targets.sampling import sample_real_data


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
    start: tuple[Tensor | None, Tensor | None] = (None, None),
    resume: tuple[int, Mapping[str, np.ndarray]] | None = None,
    between: Callable[[int, Callable[[], dict[str, np.ndarray]]], None] = lambda step, state: None,
) -> Iterator[Snapshot]:
    """Train M members, `settings[m]` with `seeds[m]`, for `steps` generator steps; yield at each of `snapshot_steps`.

    The settings must agree in `Setting.structure`; they may differ in the rest. `snapshot_steps` are taken in order;
    0 is the untrained stack. `log_every` is how many generator steps an entry of the curves is the mean of (the last
    of fewer), or the steps that close the entries, in order. `evaluation` is the number of latents that a snapshot's
    samples are made from. A member whose numbers become infinite or NaN stays so, and touches no other. `fast` chooses
    between autograd over the whole stack (False) and backward passes written out (True); by default whichever serves
    the setting and the device best, which may also be autograd recorded and replayed (see recorded.py) or, on CUDA,
    captured as graphs (see captured.py). `start` are
    parameters (M, P), as `MLP.flat` lays them out, that G and D begin with instead of their own.

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
            G, D = stack.networks()
            average = stack.averaged()
            averaged = None if average is None else stack.samples(average)
            players = (stack.G, stack.D)
            yield Snapshot(step, stack.curves.until(step), stack.samples(G), G, D, averaged, players, stack.rates)


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
    fits(state, _stack(settings, seeds, steps, log_every, 1, torch.device(device), torch.float32, None).state())


def _stack(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    steps: int,
    log_every: int | Sequence[int],
    evaluation: int,
    device: torch.device,
    dtype: torch.dtype,
    fast: bool | None,
) -> FastStack | RecordedStack | AutogradStack:
    if any(s.structure != settings[0].structure for s in settings):
        raise ValueError("settings of different structure cannot share a stack")
    every = log_every if isinstance(log_every, Sequence) else [*range(log_every, steps, log_every), steps]
    curves = Curves(len(seeds), every)
    if fast if fast is not None else can_be_fast(settings[0], device):
        return FastStack(settings, seeds, curves, evaluation, dtype)
    captured = device.type == "cuda" and fast is None and settings[0].plain
    kind = CapturedStack if captured else RecordedStack if device.type == "cpu" and fast is None else AutogradStack
    return kind(settings, seeds, curves, evaluation, device, dtype)


# --- the course's interface ------------------------------------------------------------------------------------------


def train_discriminator(
    D: nn.Module,
    G: nn.Module,
    d_optimizer: torch.optim.Optimizer,
    batch_size: int,
    device: torch.device | str,
    mode: str = "gaussian",
    *,
    std: float | None = None,
    loss: str = "nonsaturating",
    streams: CourseStreams | None = None,
) -> tuple[float, float, float]:
    """One discriminator step: changes D alone. Returns (D's loss, mean D(x), mean D(G(z))) as they were before it."""
    streams = streams or _streams
    with torch.no_grad():
        fake = G(streams.latents(G, batch_size, device))
    real = sample_real_data(batch_size, mode, std=std, device=device, streams=(streams.choice, streams.noise))
    logits = D(torch.cat([real, fake])).reshape(1, -1)  # a stack of one
    on_real, on_fake = logits.split([len(real), len(fake)], 1)
    value = LOSSES[loss].discriminator(on_real, on_fake)
    d_real, d_fake = torch.sigmoid(on_real.detach()).mean(), torch.sigmoid(on_fake.detach()).mean()
    _descend(value, D, d_optimizer)
    return value.item(), d_real.item(), d_fake.item()


def train_generator(
    G: nn.Module,
    D: nn.Module,
    g_optimizer: torch.optim.Optimizer,
    batch_size: int,
    device: torch.device | str,
    *,
    loss: str = "nonsaturating",
    streams: CourseStreams | None = None,
) -> tuple[float, float]:
    """One generator step: changes G alone. Returns (G's loss, mean D(G(z))) as they were before it.

    Raises ``ValueError`` for a loss whose G step needs real points, which the course's interface does not bring.
    """
    if LOSSES[loss].paired:
        raise ValueError(f"loss {loss}: a generator step needs real points; use train_gan")
    on_fake = D(G((streams or _streams).latents(G, batch_size, device))).reshape(1, -1)
    value = LOSSES[loss].generator(on_fake)
    d_fake = torch.sigmoid(on_fake.detach()).mean()
    _descend(value, G, g_optimizer)
    return value.item(), d_fake.item()


def train_gan(
    device: torch.device | str = "cpu",
    num_steps: int = 10000,
    batch_size: int = 128,
    plot_every: int = 1000,
    mode: str = "gaussian",
    *,
    seed: int = 0,
    setting: Setting | None = None,
) -> dict[str, list[float]]:
    """Train one GAN, two D steps per G step; returns its curves, one entry every `plot_every` generator steps.

    The keys are "D" and "G" (losses), "D(x)" and "D(G(z))" (mean probabilities); an entry is the mean over the
    `plot_every` steps that it closes. `setting` (a `Setting`) overrides `mode` and `batch_size`.
    """
    setting = setting or Setting(mode=mode, batch_size=batch_size)
    (last,) = train_stack([setting], [seed], num_steps, [num_steps], log_every=plot_every, evaluation=1, device=device)
    return {key: curve[0].tolist() for key, curve in zip(("D", "G", "D(x)", "D(G(z))"), last.curves, strict=True)}


class CourseStreams:
    """The random numbers of one course-interface GAN: the streams of one seed."""

    def __init__(self, seed: int = 0) -> None:
        self.choice, self.noise, self.latent = (Streams([seed], purpose) for purpose in ("choice", "noise", "latent"))

    def latents(self, G: nn.Module, batch_size: int, device: torch.device | str) -> Tensor:
        """z (B, latent_dim), as wide as G asks for (2 where it does not say)."""
        return torch.from_numpy(self.latent.normal(batch_size, getattr(G, "latent_dim", 2))[0]).to(device)


_streams = CourseStreams()


def _descend(loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """One optimiser step on `network`'s parameters alone: the other player's gradients are neither made nor touched."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    for p, gradient in zip(parameters, torch.autograd.grad(loss.sum(), parameters), strict=True):
        p.grad = gradient
    optimizer.step()
