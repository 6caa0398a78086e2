"""The two players of the game: a generator G, which makes points, and a discriminator D, which judges them.

G turns random noise z into a point G(z) of the plane. D looks at a point x and answers with a probability: how sure it
is that x is real, and not made by G. Both are small MLPs (multi-layer perceptrons): linear layers with a ReLU between
them. In the comments, B is the batch size: how many points are computed at once.
"""

import torch
from torch import Tensor, nn


class Generator(nn.Module):
    """Noise in, points out: z (B, latent_dim) -> (B, 2)."""

    def __init__(self, latent_dim: int = 2, hidden: int = 64) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = nn.Sequential(
            nn.Linear(latent_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 2),  # no activation at the end: a point may lie anywhere in the plane
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.net(z)


class Discriminator(nn.Module):
    """Points in, probabilities out: x (B, 2) -> D(x) (B, 1), near 1 where D believes that x is real."""

    def __init__(self, hidden: int = 64) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(2, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),  # one number for each point: its logit
        )

    def logits(self, x: Tensor) -> Tensor:
        """The numbers (B, 1) before the sigmoid, from −∞ (surely made by G) over 0 (no idea) to +∞ (surely real).

        The losses are computed from these. For a logit of −200 the probability is 0 in the computer's arithmetic, and
        log 0 is −∞; the logit itself still says exactly how wrong D was, and so which way to go.
        """
        return self.net(x)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(x))
