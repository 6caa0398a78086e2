"""Penalties and constraints on a D with known slopes, beside their own formulas."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from dynamics.games import game as games
from dynamics.games import penalties
from dynamics.games.game import Game
from dynamics.games.losses import LOSSES
from dynamics.games.networks import MLP
from dynamics.games.penalties import PENALTIES, Points
from dynamics.settings.catalogue.matching import part_of
from dynamics.theory import closed_forms
from dynamics.theory.two_number_games import (
    START,
    STEP,
    FixedSource,
    PointGenerator,
    Prediction,
    descents,
    make_game,
    plain,
    play,
)

if TYPE_CHECKING:
    pass


class QuadraticDiscriminator:
    """D(x) = a·x + ½ xᵀBx in the plane: flat (M, 6), a and then B's rows; logits (M, B, 1)."""

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        a, b = flat[:, None, :2], flat[:, 2:].unflatten(1, (2, 2))
        return (a * x + 0.5 * x * (x @ b.mT)).sum(2, keepdim=True)


def penalty_terms() -> list[Prediction]:
    """Penalties on slopes, their values and gradients; and the rest by their own formulas."""
    section, rows = "penalties", []
    stream = np.random.default_rng(0)
    flat, slope = stream.normal(size=(2, 6)), np.array([1.0, 0.7])
    real, fake, normal = stream.normal(size=(3, 2, 7, 2))
    uniform = stream.uniform(size=(2, 7, 1))
    tensors = [torch.from_numpy(array) for array in (real, fake, uniform, normal, slope[:, None])]
    points = Points(tensors[0], tensors[1], *tensors[2:])
    looked_at = {
        "gp": fake + uniform * (real - fake),
        "gp_one_sided": fake + uniform * (real - fake),
        "r1": real,
        "r2": fake,
        "dragan": real + 0.5 * real.std((1, 2), keepdims=True) * normal,
    }
    D, parameters = QuadraticDiscriminator(), torch.from_numpy(flat).requires_grad_()
    for name, x in looked_at.items():
        term = PENALTIES[name].term
        assert term is not None
        values = term(lambda x: D.at(parameters, x).squeeze(-1), points)
        (gradient,) = torch.autograd.grad(values.sum(), parameters)
        known = [
            closed_forms.slope_penalty(name, p[:2], p[2:].reshape(2, 2), x[m], slope[m]) for m, p in enumerate(flat)
        ]
        what = "value; D(x) = a·x + ½ xᵀBx"
        rows.append(Prediction(section, name, what, tuple(v for v, _, _ in known), tuple(values.tolist()), 1e-12))
        apart = np.abs(gradient.numpy() - [[*a, *b.ravel()] for _, a, b in known]).max()
        rows.append(Prediction(section, name, "its gradient by a and B: off by", (0.0,), (float(apart),), 1e-12))
    rows = [*rows, *_formulas(section), *spectral(section)]
    for name in PENALTIES:
        part_of("penalty", name, {row.name: row for row in rows}, "its proof", "theory/penalty_predictions.py")
    return rows


def _formulas(section: str) -> list[Prediction]:
    real, fake = torch.tensor([[1.0, -2.0, 0.4]]).double(), torch.tensor([[0.3, 0.1, 5.0]]).double()
    smoothing = tuple(
        penalties.label_smoothing(LOSSES[name], real, fake).item() for name in ("nonsaturating", "minimax", "lsgan")
    )
    mean = real.mean().item()  # log σ(t) − log σ(−t) = t, and ½t² − ½(t − 1)² = t − ½
    known = mean, mean, mean - 0.5
    weights = torch.tensor([[-3.0, 0.05, 0.2], [-3.0, 0.05, 0.2]], dtype=torch.float64)
    bounds = torch.tensor([0.1, 0.0], dtype=torch.float64)
    clipped = [tuple(row) for row in games.clip(weights, bounds).tolist()]
    noisy = plain("minimax", penalty="instance_noise:0.7", anneal=10)
    game, stds = make_game([noisy], np.array([START]), batch=31), []
    for made in (0, 4, 10, 11):
        game.at_step(made)
        noise = game.d_batch().noise
        assert noise is not None
        stds.append(noise[0].std(unbiased=False).item())
    at = torch.tensor([[3.0, 4.0]]).double()
    return [
        Prediction(section, "label_smoothing", "logarithmic: E D(x); lsgan: E D(x) − ½", known, smoothing, 1e-12),
        Prediction(section, "clip", "(−3, 0.05, 0.2), to within 0.1", (-0.1, 0.05, 0.1), clipped[0], 0),
        Prediction(section, "clip", "and of a member without a bound", (-3.0, 0.05, 0.2), clipped[1], 0),
        Prediction(
            section,
            "instance_noise",
            "std 0.7(1 − n/10), n 0, 4, 10, 11",
            (0.7, 0.42, 0, 0),
            tuple(stds),
            1e-12,
        ),
        Prediction(section, "consensus", "½(|(3, 4)|² + |(6, 8)|²)", (62.5,), (games.consensus(at, 2 * at).item(),), 0),
    ]


def spectral(section: str) -> list[Prediction]:
    """What spectral normalisation makes of an MLP, and of a D of one weight."""
    norms = (0.7, 1.3)
    D = MLP([2, 8, 8, 1], [0, 1], "weights_d", spectral=norms, dtype=torch.float64)
    for _ in range(1000):
        D.follow()
    rows = []
    for m, c in enumerate(norms):
        layer_norms = tuple(float(np.linalg.norm(matrix[m, :-1].detach().numpy(), 2)) for matrix in D.plain().matrices)
        rows.append(
            Prediction(section, "spectral", f"norms of an MLP's layers, weight {c:g}", (c, c, c), layer_norms, 1e-9)
        )
    # what does not change with W's length has no slope along W
    flat = D.flat.detach().requires_grad_()
    x = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 5, 2)))
    (gradient,) = torch.autograd.grad(D.at(flat, x).square().sum(), flat)
    along = [
        float((g[:, :-1] * w[:, :-1]).sum().abs() / (g[:, :-1].norm() * w[:, :-1].norm()))
        for g, w in zip(D.layers(gradient), D.layers(D.flat), strict=True)
    ]
    rows.append(Prediction(section, "spectral", "cosine of a layer's W and its gradient", (0.0,), (max(along),), 1e-12))
    # D(x) = W x + b with one W: c sign(W) x + b
    line = MLP([1, 1], [0, 1], "weights_d", spectral=norms, dtype=torch.float64)
    with torch.no_grad():
        line.matrices[0][:, 0, 0], line.matrices[0][:, 1, 0] = torch.tensor([0.3, -2.0]).double(), 0
    line.follow()
    settings = [plain("wasserstein", penalty=f"spectral:{c:g}") for c in norms]
    game = Game(PointGenerator(torch.ones(2, 1).double()), line, settings, FixedSource(2), dimensions=1)
    path = play(game, 20)
    moved, known = path[-1, :, 0] - path[0, :, 0], (20 * STEP * 0.7, -20 * STEP * 1.3)
    what = "D(x) = c sign(ψ) x: θ goes ch a step, ±"
    rows.append(Prediction(section, "spectral", what, known, tuple(moved.tolist()), 1e-12))
    rested = tuple((path[-1, :, 1] - path[0, :, 1]).tolist())
    return [
        *rows,
        Prediction(section, "spectral", "and ψ, of which D is no function, rests", (0.0, 0.0), rested, 1e-12),
    ]


def flat_discriminator() -> list[Prediction]:
    """Slope penalties where D is exactly flat, as a ReLU network is where none of its units is on: who differentiates
    a step, as consensus and unrolled steps do, must find numbers there."""
    rows = []
    for name in ("gp", "gp_one_sided", "dragan"):
        state = np.array([(1.0, 0.0)])
        v = descents(make_game([plain("minimax", penalty=f"{name}:1+consensus:1")], state), state)
        word = "finite" if np.isfinite(v).all() else "not finite"
        rows.append(Prediction("penalties", name, "steps with consensus where D is flat", "finite", word, 0))
    return rows
