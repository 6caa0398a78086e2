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

`Generator` and `Discriminator` are one such network under the interface of the course: (B, 2) in, (B, ·) out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from dynamics.base.streams import spawn
from dynamics.settings.setting import Setting

_SMALL = 1e-5  # beside a batch's variance

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "tanh": torch.tanh,
    "silu": functional.silu,
    "maxout": lambda x: x,  # of the largest of each unit's pieces
}

# How a layer's weights (in, out) and biases (out,) are drawn from its member's stream.


def _uniform(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(−1/√in, 1/√in) for weights and biases: what nn.Linear does."""
    bound = fan_in**-0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), stream.uniform(-bound, bound, fan_out)


def _glorot(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / (in + out))), biases 0 (Glorot & Bengio 2010)."""
    bound = (6 / (fan_in + fan_out)) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _he(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """U(±√(6 / in)), biases 0 (He et al. 2015)."""
    bound = (6 / fan_in) ** 0.5
    return stream.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


def _he_glorot(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """He et al.'s, and Glorot & Bengio's for the last layer (Gulrajani et al. 2017's toys)."""
    return _he(stream, fan_in, fan_out)


LAST_INITS: dict[Callable[..., Any], Callable[..., Any]] = {_he_glorot: _glorot}  # where the last layer has another


def _orthogonal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal rows or columns, whichever are fewer, biases 0 (Saxe et al. 2014)."""
    tall = stream.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))  # QR's own signs are not uniform
    return (q if fan_in >= fan_out else q.T), np.zeros(fan_out)


def _normal(stream: np.random.Generator, fan_in: int, fan_out: int) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 0.02²), biases 0 (Radford et al. 2016)."""
    return 0.02 * stream.standard_normal((fan_in, fan_out)), np.zeros(fan_out)


Init = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
INITS: dict[str, Init] = {
    "uniform": _uniform,
    "glorot": _glorot,
    "he": _he,
    "he_glorot": _he_glorot,
    "orthogonal": _orthogonal,
    "normal": _normal,
}


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
        draw = INITS[init]
        drawn = torch.zeros(len(seeds), self.width, dtype=torch.float64)
        matrices = [matrix.numpy() for matrix in self.layers(drawn)]
        directions = [np.zeros((len(seeds), 1, inputs)) for inputs, _ in self.weights]
        for m, seed in enumerate(seeds):
            stream = spawn(seed, purpose)
            for layer, (matrix, (i, o)) in enumerate(zip(matrices, self.weights, strict=True)):
                here = draw if layer + 1 < len(matrices) else LAST_INITS.get(draw, draw)
                matrix[m, :i], matrix[m, -1] = here(stream, i, o)
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
        self.pieces = pieces if activation == "maxout" else 1
        self.act = ACTIVATIONS[activation]
        *hidden, outputs = sizes[1:]
        columns = [*(n * self.pieces for n in hidden), outputs]
        # rows and columns of each layer's W, and of its matrix
        self.weights = list(zip([*sizes[:-2], sizes[-2] + batch_std], columns, strict=True))
        self.shapes = [(i + 1 + self._normalised(layer), o) for layer, (i, o) in enumerate(self.weights)]
        self.used = sum(rows * o for rows, o in self.shapes)
        # P is rounded up: the last few numbers of an array may be computed by other instructions than the rest, with
        # other rounding; where every row is whole vectors, a member's cannot depend on its row. A precaution: torch's
        # sigmoid and softplus do so, the optimisers' operations were not seen to on the processors that we tried
        self.width = -(-self.used // 64) * 64

    def _normalised(self, layer: int) -> bool:
        return self.norm == "batch" and layer + 2 < len(self.sizes)

    def _hold(self, flat: Tensor) -> None:
        self.flat = flat
        self.matrices = nn.ParameterList(nn.Parameter(matrix) for matrix in self.layers(flat))

    @classmethod
    def of(
        cls, flat: Tensor, sizes: Sequence[int], activation: str, pieces: int = 1, *, batch_std: bool = False
    ) -> MLP:
        """The stack that has these parameters (M, P) as its `flat`. Raises ``ValueError`` where they do not fit."""
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made._shape(sizes, activation, pieces, "none", batch_std)
        if flat.ndim != 2 or flat.shape[1] != made.width:
            raise ValueError(f"parameters {tuple(flat.shape)} do not fit a stack of (members, {made.width})")
        made._hold(flat)
        made.spectral, made.directions = None, []
        return made

    @classmethod
    def like(cls, network: MLP, flat: Tensor) -> MLP:
        """The stack with parameters `flat` (M, P) of networks shaped as one that `plain` gave."""
        return cls.of(flat, network.sizes, network.activation, network.pieces, batch_std=network.batch_std)

    def layers(self, flat: Tensor) -> list[Tensor]:
        """Views of a tensor (M, P), the parameters or their gradients, as a matrix (M, in + 1, out) a layer."""
        parts = flat[:, : self.used].split([rows * columns for rows, columns in self.shapes], 1)
        views = [part.unflatten(1, shape) for part, shape in zip(parts[:-1], self.shapes, strict=False)]
        rows, columns = self.shapes[-1]
        return [*views, parts[-1].unflatten(1, (columns, rows)).transpose(1, 2)]

    def _parts(self, flat: Tensor) -> list[list[Tensor]]:
        """Views of a tensor (M, P) as each layer's W, then γ if it has one, then its bias, rows of (M, ·, out).

        They are cut from it at once, so that autograd puts their gradients together at once."""
        cuts = []
        for (rows, columns), (inputs, _) in zip(self.shapes, self.weights, strict=True):
            cuts += [inputs * columns, *[columns] * (rows - inputs)]
        several = self.sizes[-1] > 1  # outputs of the last layer: each one's weights and bias lie together
        if several:
            cuts[-2:] = [sum(cuts[-2:])]
        pieces = iter(flat.split([*cuts, self.width - self.used], 1))
        parts = []
        for layer, ((rows, columns), (inputs, _)) in enumerate(zip(self.shapes, self.weights, strict=True)):
            if several and layer + 1 == len(self.shapes):
                matrix = next(pieces).unflatten(1, (columns, rows)).transpose(1, 2)
                parts.append([matrix[:, :inputs], matrix[:, inputs:]])
            else:
                parts.append([next(pieces).unflatten(1, (-1, columns)) for _ in range(rows - inputs + 1)])
        return parts

    def forward(self, x: Tensor) -> Tensor:
        """What the networks give; on a CPU each by itself, as a product of several may be rounded otherwise."""
        members = [slice(m, m + 1) for m in range(len(x))] if x.device.type == "cpu" and len(x) > 1 else [slice(None)]
        found = []
        for own in members:
            matrices = [matrix[own] if own.stop is None else matrix[own].clone() for matrix in self.matrices]
            parts = [[w[:, :i], *w[:, i:].split(1, 1)] for w, (i, _) in zip(matrices, self.weights, strict=True)]
            found.append(self._pass(parts, x if own.stop is None else x[own].clone(), own))
        return found[0] if len(found) == 1 else torch.cat(found)

    def at(self, flat: Tensor, x: Tensor) -> Tensor:
        """What the networks with parameters `flat` (M, P) give; differentiable in both."""
        return self._pass(self._parts(flat), x)

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
        for own, new in zip(self.directions, self.followed(self.flat), strict=True):
            for vector, value in zip(own, new, strict=True):
                vector.copy_(value)

    def followed(self, flat: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Where that step leads with parameters `flat` (M, P); changes nothing."""
        found = []
        with torch.no_grad():
            for (u, _), matrix, (inputs, _) in zip(self.directions, self.layers(flat), self.weights, strict=False):
                weight = matrix[:, :inputs]
                v = functional.normalize((u @ weight).transpose(1, 2), dim=1, eps=1e-12)
                found.append((functional.normalize((weight @ v).transpose(1, 2), dim=2, eps=1e-12), v))
        return found

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
        own = self.flat if flat is None else flat
        width = -(-sum((i + 1) * o for i, o in self.weights) // 64) * 64
        empty = own.new_zeros(len(own), width)
        made = MLP.of(empty, self.sizes, self.activation, self.pieces, batch_std=self.batch_std)
        with torch.no_grad():
            x = z
            for layer, (matrix, to, (inputs, _)) in enumerate(
                zip(self.layers(own), made.layers(made.flat), self.weights, strict=True)
            ):
                weight, bias = self._scaled(layer, matrix[:, :inputs]), matrix[:, -1:]
                if self._normalised(layer):
                    assert x is not None
                    product = torch.bmm(x, weight)
                    scale = matrix[:, -2:-1] * (product.var(1, unbiased=False, keepdim=True) + _SMALL).rsqrt()
                    weight, bias = weight * scale, bias - product.mean(1, keepdim=True) * scale
                    x = self._activated(torch.baddbmm(bias, x, weight))
                to[:, :-1], to[:, -1:] = weight, bias
        return made

    def on_cpu(self) -> MLP:
        """The stack itself, or the like of it there; of one that `plain` gave."""
        if self.flat.device.type == "cpu":
            return self
        return MLP.like(self, self.flat.cpu())


def generators(seeds: Sequence[int], *, latent_dim: int = 2, hidden: int = 64, layers: int = 2, **how: Any) -> MLP:
    """A stack of generators, one per seed: z (M, B, latent_dim) -> points (M, B, 2)."""
    return MLP([latent_dim, *[hidden] * layers, 2], seeds, "weights_g", **how)


def discriminators(seeds: Sequence[int], *, packing: int = 1, hidden: int = 64, layers: int = 2, **how: Any) -> MLP:
    """A stack of discriminators, one per seed: x (M, B, 2) -> logits (M, B, 1); D(x) is their sigmoid.

    With `packing` m they judge m points at once, (M, B, 2m).
    """
    return MLP([2 * packing, *[hidden] * layers, 1], seeds, "weights_d", **how)


def make_pair(
    settings: Sequence[Setting],
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[MLP, MLP]:
    """A stack of generators and one of discriminators, member m as `settings[m]`, alike in structure, has them."""
    s = settings[0]
    how: dict[str, Any] = {"init": s.init, "gain": s.init_gain, "pieces": s.pieces, "device": device, "dtype": dtype}
    hidden, layers, activation = s.discriminator_shape
    spectral = [each.penalties.get("spectral", 0.0) for each in settings]
    return generators(
        seeds,
        latent_dim=s.latent_dim,
        hidden=s.hidden,
        layers=s.layers,
        activation=s.activation,
        norm=s.norm,
        **how,
    ), discriminators(
        seeds,
        packing=s.packing,
        hidden=hidden,
        layers=layers,
        activation=activation,
        spectral=spectral if any(spectral) else None,
        batch_std=bool(s.minibatch_std),
        **how,
    )


def plain_pair(setting: Setting, g_flat: Tensor, d_flat: Tensor) -> tuple[MLP, MLP]:
    """Both players of a setting as `MLP.plain` gave them, from their `flat` (M, P) each. Raises ``ValueError``."""
    hidden, layers, activation = setting.discriminator_shape
    s, pieces = setting, setting.pieces
    return (
        MLP.of(g_flat, [s.latent_dim, *[s.hidden] * s.layers, 2], s.activation, pieces),
        MLP.of(d_flat, [2 * s.packing, *[hidden] * layers, 1], activation, pieces, batch_std=bool(s.minibatch_std)),
    )


class Generator(nn.Module):
    """One generator: z (B, latent_dim) -> points (B, 2). Equal seeds give equal initial weights."""

    def __init__(self, latent_dim: int = 2, hidden: int = 64, layers: int = 2, *, seed: int = 0, **how: Any) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.stack = generators([seed], latent_dim=latent_dim, hidden=hidden, layers=layers, **how)

    def forward(self, z: Tensor) -> Tensor:
        return self.stack(z.unsqueeze(0)).squeeze(0)


class Discriminator(nn.Module):
    """One discriminator: x (B, 2) -> logits (B, 1); D(x) is `torch.sigmoid` of them, which the losses do not need."""

    def __init__(self, hidden: int = 64, layers: int = 2, *, seed: int = 0, **how: Any) -> None:
        super().__init__()
        self.stack = discriminators([seed], hidden=hidden, layers=layers, **how)

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(x.unsqueeze(0)).squeeze(0)
