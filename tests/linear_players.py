"""Players whose every number is known: a linear G makes a Gaussian, a linear D has one slope."""

import math

import numpy as np
import torch
from scipy import special
from torch import nn

from dynamics.games.networks import discriminators, generators


def linear(stack, *members):
    """The stack, of one layer, with the given (matrix, bias) of each member."""
    with torch.no_grad():
        for row, (matrix, bias) in zip(stack.matrices[0], members, strict=True):
            row[:-1], row[-1] = torch.as_tensor(matrix), torch.as_tensor(bias)
    return stack


def gaussian_generator(mean, std, latent_dim=2, angle=0.7):
    """x = mean + std · R z: N(mean, std² I) exactly, whatever the rotation R; further latents do nothing."""
    turn = np.zeros((latent_dim, 2))
    turn[:2] = std * np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return linear(generators([0], latent_dim=latent_dim, layers=0), (turn, mean))


def linear_critic(weight, bias):
    """D(x) = weight · x + bias, logits."""
    return linear(discriminators([0], layers=0), (np.reshape(weight, (2, 1)), [bias]))


class Network(nn.Module):
    """A function (M, B, ·) -> (M, B, ·) in the place of a stack."""

    def __init__(self, function, sizes=(2, 1)):
        super().__init__()
        self.function, self.sizes, self.flat = function, sizes, torch.zeros(1, 1, dtype=torch.float64)
        self.batch_std = False

    def forward(self, x):
        return self.function(x)


def normal_density(x, mean, std):
    return np.exp(-np.square((x - mean) / std).sum(-1) / 2) / (2 * math.pi * std**2)


def jsd2(p, g):
    """Twice the Jensen–Shannon divergence of masses p and g, nats."""
    return (special.rel_entr(p, (p + g) / 2) + special.rel_entr(g, (p + g) / 2)).sum()
