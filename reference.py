"""The reference path: one step of one player, and a stack of members trained by autograd as one batch of tensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from curves import Curves
from GAN import MLP, make_pair
from losses import LOSSES, Loss
from sample import draw_real, make_target
from settings import Setting
from streams import Streams
from updates import make_optimizer

Network = Callable[[Tensor], Tensor]


def discriminator_loss(D: Network, real: Tensor, fake: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
    """D's loss, mean D(x) and mean D(G(z)), each (M,), at real and fake points (M, B, 2); `fake` gets no gradient."""
    logits = D(torch.cat([real, fake.detach()], 1)).squeeze(-1)  # (M, 2B)
    on_real, on_fake = logits.split([real.shape[1], fake.shape[1]], 1)
    d_real, d_fake = torch.sigmoid(on_real.detach()).mean(1), torch.sigmoid(on_fake.detach()).mean(1)
    return loss.discriminator(on_real, on_fake), d_real, d_fake


def generator_loss(G: Network, D: Network, z: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """G's loss and mean D(G(z)), each (M,), at latents (M, B, latent_dim)."""
    logits = D(G(z)).squeeze(-1)  # (M, B)
    return loss.generator(logits), torch.sigmoid(logits.detach()).mean(1)


def flat_gradient(loss: Tensor, network: MLP) -> Tensor:
    """∂ Σ loss / ∂ parameters of `network` alone, laid out as `network.flat` (M, P)."""
    out = torch.zeros_like(network.flat)
    gradients = torch.autograd.grad(loss.sum(), list(network.matrices))
    for matrix, gradient in zip(network.layers(out), gradients, strict=True):
        matrix.copy_(gradient)
    return out


class AutogradStack:
    """A stack trained by autograd: any setting, any device. Its random numbers are the members' streams, drawn on the
    CPU; where they come from is all that a subclass need change."""

    def __init__(
        self,
        settings: Sequence[Setting],
        seeds: Sequence[int],
        curves: Curves,
        evaluation: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.setting, self.loss, self.curves = settings[0], LOSSES[settings[0].loss], curves
        self.device, self.dtype = device, dtype
        self.G, self.D = make_pair(settings[0], seeds, device, dtype)
        self.g_optimizer = make_optimizer("g", self.G.flat, settings)
        self.d_optimizer = make_optimizer("d", self.D.flat, settings)
        self.targets = [make_target(s.mode, s.std) for s in settings]
        self.open_streams(seeds)
        fixed = Streams(seeds, "evaluation").normal(evaluation, self.setting.latent_dim)
        self.fixed_z = torch.from_numpy(fixed).to(device, dtype)
        self.d_means = torch.zeros(3, len(seeds), device=device, dtype=dtype)

    def open_streams(self, seeds: Sequence[int]) -> None:
        """Make what `latents` and `reals` draw from."""
        self.choice, self.noise, self.latent = (Streams(seeds, purpose) for purpose in ("choice", "noise", "latent"))

    def latents(self) -> Tensor:
        """z (M, B, latent_dim), the next batch."""
        z = self.latent.normal(self.setting.batch_size, self.setting.latent_dim)
        return torch.from_numpy(z).to(self.device, self.dtype)

    def reals(self) -> Tensor:
        """Real points (M, B, 2), the next batch."""
        points = draw_real(self.targets, self.setting.batch_size, self.choice, self.noise)
        return points.to(self.device, self.dtype)

    def advance(self, start: int, stop: int) -> None:
        """Train from generator step `start` to `stop`."""
        for step in range(start, stop):
            if step % self.setting.g_steps == 0:
                self.begin_round()
            self.curves.add(step, self.generator_step().unsqueeze(2).cpu().numpy())

    def begin_round(self) -> None:
        """A round's D steps; `d_means` (3, M) are of the last one: D's loss, mean D(x), mean D(G(z))."""
        for _ in range(self.setting.d_steps):
            with torch.no_grad():
                fake = self.G(self.latents())
            loss, d_real, d_fake = discriminator_loss(self.D, self.reals(), fake, self.loss)
            self.d_optimizer.step(flat_gradient(loss, self.D))
            self.d_means.copy_(torch.stack([loss.detach(), d_real, d_fake]))

    def generator_step(self) -> Tensor:
        """A G step; returns the step's `curves.CURVES`, (4, M)."""
        loss, _ = generator_loss(self.G, self.D, self.latents(), self.loss)
        self.g_optimizer.step(flat_gradient(loss, self.G))
        return torch.cat([self.d_means[:1], loss.detach()[None], self.d_means[1:]])

    def samples(self) -> np.ndarray:
        """(M, N, 2): every member's G at its evaluation latents."""
        with torch.no_grad():  # in batches, so that looking takes no more memory than training
            return torch.cat([self.G(z) for z in self.fixed_z.split(self.setting.batch_size, 1)], 1).cpu().numpy()
