"""The honest baseline: one GAN at a time, as anybody would write it in PyTorch.

`nn.Sequential`, `torch.optim.Adam`, autograd; real points and latents drawn batch by batch from torch's own generator.
Nothing is slowed down on purpose and nothing is recorded that the training does not need.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import softplus


def mlp(sizes: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i, o in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train(
    steps: int,
    *,
    hidden: int = 64,
    batch_size: int = 256,
    d_steps: int = 2,
    lr: float = 1e-3,
    device: torch.device | str = "cpu",
) -> nn.Sequential:
    """Train one GAN on mixture_4 (std 0.2), non-saturating loss, for `steps` generator steps; returns G."""
    G, D = mlp([2, hidden, hidden, 2]).to(device), mlp([2, hidden, hidden, 1]).to(device)
    g_optimizer, d_optimizer = torch.optim.Adam(G.parameters(), lr=lr), torch.optim.Adam(D.parameters(), lr=lr)
    centres = torch.tensor([(2.0, 2.0), (-2.0, 2.0), (-2.0, -2.0), (2.0, -2.0)], device=device)
    for _ in range(steps):
        for _ in range(d_steps):
            noise = torch.randn(batch_size, 2, device=device)
            real = centres[torch.randint(4, (batch_size,), device=device)] + 0.2 * noise
            with torch.no_grad():
                fake = G(torch.randn(batch_size, 2, device=device))
            d_loss = softplus(-D(real)).mean() + softplus(D(fake)).mean()
            d_optimizer.zero_grad()
            d_loss.backward()
            d_optimizer.step()
        g_loss = softplus(-D(G(torch.randn(batch_size, 2, device=device)))).mean()
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
    return G
