"""The two players: small MLPs, many of them as one stack.

A stack holds M networks of one shape. Its weights have a leading member axis and a layer is one batched product,

    h = act(x W + b),    x (M, B, in),  W (M, in, out),  b (M, 1, out),

so members share no arithmetic: member m is the network it would be alone. A layer keeps its bias as the last row of
its matrix, (M, in + 1, out), and all matrices are views of one tensor `flat` (M, P), so that an optimiser updates every
layer of every member with a handful of operations. There the last layer lies output by output, whose products are with
vectors, and the others input by input; the last few columns of `flat` are unused, and stay 0.

A network is a function of its parameters as well as of its points, `at(flat, x)`, for update rules that look at
parameters other than the present ones. Three things make more of it than such a product; `plain` folds the first two
into weights, so that whoever looks at a trained network sees an MLP and nothing else:

- **batch normalisation** (Ioffe & Szegedy 2015): a hidden layer is act(γ (x W − mean) / √(variance + 10⁻⁵) + β), over
  the batch at hand. It has no bias; β lies where that would, and γ in the row before.
- **spectral normalisation** (Miyato et al. 2018): every W is used as c W / σ(W). σ, the largest singular value, is
  u W v with vectors that are exact where a game begins, and that one step of power iteration follows wherever D is
  moved (their algorithm 1); they are constants to the gradient.
- **minibatch standard deviation** (Karras et al. 2018, section 3): the last layer has one more input, the standard
  deviation of each of the others over the batch, averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dynamics.base.streams import spawn
from dynamics.games.initial_weights import INITS
from dynamics.settings.catalogue import games as catalogue
from dynamics.settings.catalogue.matching import matching
from dynamics.settings.network_sizes import Layers, discriminator_sizes, generator_sizes, players
from dynamics.settings.setting import Setting

_SMALL = 1e-5  # beside a batch's variance

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "silu": functional.silu,
    "maxout": lambda x: x,  # of the largest of each unit's pieces
}
matching("activation", catalogue.ACTIVATIONS, ACTIVATIONS, "games/networks.py")


class MLP(nn.Module):
    """A stack of M networks of the given layer sizes, one per seed: (M, B, sizes[0]) -> (M, B, sizes[-1]).

    `purpose` names the stream of each seed that the initial weights are drawn from. `pieces` are a maxout unit's,
    `norm` "none" or "batch", `spectral` the norm c (M,) that every layer is scaled to, 0 for a member without, and
    `batch_std` whether the last layer sees the batch's.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        seeds: Sequence[int],
        purpose: str,
        *,
        activation: str = "relu",
        init: str = "uniform",
        gain: float = 1.0,
        pieces: int = 5,
        norm: str = "none",
        spectral: Sequence[float] | None = None,
        batch_std: bool = False,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self._shape(sizes, activation, pieces, norm, batch_std)
        drawn_as = INITS[init]
        drawn = torch.zeros(len(seeds), self.width, dtype=torch.float64)
        matrices = [matrix.numpy() for matrix in self.layers(drawn)]
        directions = [np.zeros((len(seeds), 1, inputs)) for inputs, _ in self.weights]
        for m, seed in enumerate(seeds):
            stream = spawn(seed, purpose)
            for layer, (matrix, (i, o)) in enumerate(zip(matrices, self.weights, strict=True)):
                draw = drawn_as.hidden if layer + 1 < len(matrices) else drawn_as.last
                matrix[m, :i], matrix[m, -1] = draw(stream, i, o)
                matrix[m, :i] *= gain
                if self._normalised(layer):
                    matrix[m, -2], matrix[m, -1] = 1, 0  # γ, β
            if spectral is not None:  # after the weights, which are thus the same as without
                for u, (i, _) in zip(directions, self.weights, strict=True):
                    u[m, 0] = stream.standard_normal(i)
        self._hold(drawn.to(device, dtype))
        self.spectral: Tensor | None = None
        self.directions: list[tuple[Tensor, Tensor]] = []  # u (M, 1, in) and v (M, out, 1) of each layer
        if spectral is not None:
            self.spectral = torch.tensor(spectral, dtype=torch.float64).to(device, dtype)[:, None, None]
            for u, (_, o) in zip(directions, self.weights, strict=True):
                self.directions.append((torch.from_numpy(u).to(self.flat), self.flat.new_zeros(len(seeds), o, 1)))
            self.follow()

    def _shape(self, sizes: Sequence[int], activation: str, pieces: int, norm: str, batch_std: bool) -> None:
        self.sizes, self.activation, self.norm, self.batch_std = tuple(sizes), activation, norm, batch_std
        self.sizing = Layers(self.sizes, activation, pieces, norm, batch_std)
        self.pieces = self.sizing.columns_per_unit
        self.act = ACTIVATIONS[activation]
        # rows and columns of each layer's W, and of its matrix
        self.weights, self.shapes, self.used = self.sizing.weights, self.sizing.shapes, self.sizing.used
        # P is rounded up: the last few numbers of an array may be computed by other instructions than the rest, with
        # other rounding; where every row is whole vectors, a member's cannot depend on its row. A precaution: torch's
        # sigmoid and softplus do so, the optimisers' operations were not seen to on the processors that we tried
        self.width = self.sizing.width

    def _normalised(self, layer: int) -> bool:
        return self.sizing.normalised(layer)

    def _hold(self, flat: Tensor) -> None:
        self.flat = flat
        self.matrices = nn.ParameterList(nn.Parameter(matrix) for matrix in self.layers(flat))

    @classmethod
    def of(
        cls, flat: Tensor, sizes: Sequence[int], activation: str, pieces: int = 1, *, batch_std: bool = False
    ) -> MLP:
        """The stack that has these parameters (M, P) as its `flat`. Raises ``ValueError`` where they do not fit."""
        network = cls.__new__(cls)
        nn.Module.__init__(network)
        network._shape(sizes, activation, pieces, "none", batch_std)
        if flat.ndim != 2 or flat.shape[1] != network.width:
            raise ValueError(f"parameters {tuple(flat.shape)} do not fit a stack of (members, {network.width})")
        network._hold(flat)
        network.spectral, network.directions = None, []
        return network

    @classmethod
    def like(cls, network: MLP, flat: Tensor) -> MLP:
        """The stack with parameters `flat` (M, P) of networks shaped as one that `plain` gave."""
        return cls.of(flat, network.sizes, network.activation, network.pieces, batch_std=network.batch_std)

    def layers(self, flat: Tensor) -> list[Tensor]:
        """Views of a tensor (M, P), the parameters or their gradients, as a matrix (M, in + 1, out) a layer."""
        return [matrix for (matrix,) in self._cut(flat, apart=False)]

    def _cut(self, flat: Tensor, *, apart: bool) -> list[list[Tensor]]:
        """Views of a tensor (M, P) as each layer's matrix, or, where rows stand `apart`, as its W, then γ if it has
        one, then its bias, rows of (M, ·, out).

        They are cut from it at once, so that autograd puts their gradients together at once."""
        groups: list[list[int]] = []  # rows of each view
        for (rows, columns), (inputs, _) in zip(self.shapes, self.weights, strict=True):
            # of the last layer each output's weights and bias lie together: with several outputs no row is in one piece
            whole = not apart or (len(groups) + 1 == len(self.shapes) and columns > 1)
            groups.append([rows] if whole else [inputs, *[1] * (rows - inputs)])
        cuts = [n * columns for counts, (_, columns) in zip(groups, self.shapes, strict=True) for n in counts]
        pieces = iter(flat.split([*cuts, self.width - self.used], 1))
        views = []
        for layer, (counts, (rows, columns)) in enumerate(zip(groups, self.shapes, strict=True)):
            if layer + 1 == len(groups) and counts == [rows]:
                matrix = next(pieces).unflatten(1, (columns, rows)).transpose(1, 2)
                inputs = self.weights[layer][0]
                views.append([matrix[:, :inputs], matrix[:, inputs:]] if apart else [matrix])
            else:
                views.append([next(pieces).unflatten(1, (-1, columns)) for _ in counts])
        return views

    def forward(self, x: Tensor) -> Tensor:
        """What the networks give; on a CPU each by itself, as a product of several may be rounded otherwise."""
        members = [slice(m, m + 1) for m in range(len(x))] if x.device.type == "cpu" and len(x) > 1 else [slice(None)]
        outputs = []
        for rows in members:
            matrices = [matrix[rows] if rows.stop is None else matrix[rows].clone() for matrix in self.matrices]
            parts = [[w[:, :i], *w[:, i:].split(1, 1)] for w, (i, _) in zip(matrices, self.weights, strict=True)]
            outputs.append(self._pass(parts, x if rows.stop is None else x[rows].clone(), rows))
        return outputs[0] if len(outputs) == 1 else torch.cat(outputs)

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        """What the networks with parameters `flat` (M, P) give; differentiable in both."""
        return self._pass(self._cut(flat, apart=True), x)

    def _pass(self, parts: Sequence[Sequence[Tensor]], x: Tensor, members: slice = slice(None)) -> Tensor:
        for layer, (matrix, *rows) in enumerate(parts):
            last = layer + 1 == len(parts)
            if last and self.batch_std:
                # a variance of 0 would have no slope
                spread = (x.var(1, unbiased=False, keepdim=True) + 1e-8).sqrt().mean(2, keepdim=True)
                x = torch.cat([x, spread.expand(-1, x.shape[1], -1)], 2)
            weight = self._scaled(layer, matrix, members)
            if self._normalised(layer):
                gamma, beta = rows
                x = torch.bmm(x, weight)
                x = (x - x.mean(1, keepdim=True)) * (x.var(1, unbiased=False, keepdim=True) + _SMALL).rsqrt()
                x = x * gamma + beta
            else:
                x = torch.baddbmm(rows[0], x, weight)
            if not last:
                x = self._activated(x)
        return x

    def _scaled(self, layer: int, weight: Tensor, members: slice = slice(None)) -> Tensor:
        """A layer's W, of some of the members, as it is used."""
        if self.spectral is None:
            return weight
        u, v = (vector[members] for vector in self.directions[layer])
        norm = self.spectral[members]
        return weight * torch.where(norm > 0, norm / (u @ weight @ v), 1)

    def _activated(self, x: Tensor) -> Tensor:
        return self.act(x if self.pieces == 1 else x.unflatten(2, (-1, self.pieces)).amax(3))

    def follow(self) -> None:
        """One step of power iteration of every layer's directions, where there are any, at the present weights."""
        for present, new in zip(self.directions, self.followed(self.flat), strict=True):
            for vector, value in zip(present, new, strict=True):
                vector.copy_(value)

    def followed(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Where that step leads with parameters `flat` (M, P); changes nothing."""
        directions = []
        with torch.no_grad():
            for (u, _), matrix, (inputs, _) in zip(self.directions, self.layers(flat), self.weights, strict=False):
                weight = matrix[:, :inputs]
                v = functional.normalize((u @ weight).transpose(1, 2), dim=1, eps=1e-12)
                directions.append((functional.normalize((weight @ v).transpose(1, 2), dim=2, eps=1e-12), v))
        return directions

    def align(self) -> None:
        """Directions, where there are any, are those of the largest singular value itself, at the present weights.

        Members are looked at one by one; one whose weights are not finite keeps its directions."""
        for (u, v), matrix, (inputs, _) in zip(self.directions, self.layers(self.flat), self.weights, strict=False):
            for m, weight in enumerate(matrix[:, :inputs].to("cpu", torch.float64)):
                if bool(weight.isfinite().all()):
                    left, _, right = torch.linalg.svd(weight, full_matrices=False)
                    u[m, 0], v[m, :, 0] = left[:, 0].to(u), right[0].to(v)

    def plain(self, z: Tensor | None = None, flat: Tensor | None = None) -> MLP:
        """The same functions with normalisations folded into the weights; the stack itself where there are none.

        `flat` stands for the parameters if given. The statistics of batch normalisation are those of the batch z (M, B,
        sizes[0]): of a large one, those of all latents.
        """
        if flat is None and self.norm == "none" and self.spectral is None:
            return self
        parameters = self.flat if flat is None else flat
        empty = parameters.new_zeros(len(parameters), self.sizing.plain.width)
        folded = MLP.of(empty, self.sizes, self.activation, self.pieces, batch_std=self.batch_std)
        with torch.no_grad():
            x = z
            for layer, (matrix, to, (inputs, _)) in enumerate(
                zip(self.layers(parameters), folded.layers(folded.flat), self.weights, strict=True)
            ):
                weight, bias = self._scaled(layer, matrix[:, :inputs]), matrix[:, -1:]
                if self._normalised(layer):
                    assert x is not None
                    product = torch.bmm(x, weight)
                    scale = matrix[:, -2:-1] * (product.var(1, unbiased=False, keepdim=True) + _SMALL).rsqrt()
                    weight, bias = weight * scale, bias - product.mean(1, keepdim=True) * scale
                    x = self._activated(torch.baddbmm(bias, x, weight))
                to[:, :-1], to[:, -1:] = weight, bias
        return folded

    def on_cpu(self) -> MLP:
        """The stack itself, or the like of it there; of one that `plain` gave."""
        if self.flat.device.type == "cpu":
            return self
        return MLP.like(self, self.flat.cpu())


def generators(seeds: Sequence[int], *, latent_dim: int = 2, hidden: int = 64, layers: int = 2, **options: Any) -> MLP:
    """A stack of generators, one per seed: z (M, B, latent_dim) -> points (M, B, 2)."""
    return MLP(generator_sizes(latent_dim, hidden, layers), seeds, "weights_g", **options)


def discriminators(seeds: Sequence[int], *, packing: int = 1, hidden: int = 64, layers: int = 2, **options: Any) -> MLP:
    """A stack of discriminators, one per seed: x (M, B, 2) -> logits (M, B, 1); D(x) is their sigmoid.

    With `packing` m they judge m points at once, (M, B, 2m).
    """
    return MLP(discriminator_sizes(packing, hidden, layers), seeds, "weights_d", **options)


def make_pair(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[MLP, MLP]:
    """A stack of generators and one of discriminators, member m as `settings[m]`, alike in structure, has them."""
    s = settings[0]
    g, d = players(s)
    options: dict[str, Any] = {
        "init": s.init,
        "gain": s.init_gain,
        "device": device,
        "dtype": dtype,
    }
    spectral = [each.penalties.get("spectral", 0.0) for each in settings]
    return (
        MLP(g.sizes, seeds, "weights_g", activation=g.activation, pieces=g.pieces, norm=g.norm, **options),
        MLP(
            d.sizes,
            seeds,
            "weights_d",
            activation=d.activation,
            pieces=d.pieces,
            spectral=spectral if any(spectral) else None,
            batch_std=d.batch_std,
            **options,
        ),
    )


def plain_pair(setting: Setting, g_flat: Tensor, d_flat: Tensor) -> tuple[MLP, MLP]:
    """Both players of a setting as `MLP.plain` gave them, from their `flat` (M, P) each. Raises ``ValueError``."""
    g, d = players(setting)
    return (
        MLP.of(g_flat, g.sizes, g.activation, g.pieces),
        MLP.of(d_flat, d.sizes, d.activation, d.pieces, batch_std=d.batch_std),
    )
